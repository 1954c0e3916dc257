//! awk programs → rules.

use super::super::regex::{Regex, Syntax};
use super::value::{Value, prefix_number};

const DEPTH_MAX: usize = 40;
/// Operators in one program: a chain of them is as deep as it is long.
const OPERATORS_MAX: usize = 1000;

#[derive(Debug)]
pub(super) struct Rule {
    pub pattern: Pattern,
    pub body: Vec<Statement>,
}

#[derive(Debug)]
pub(super) enum Pattern {
    Begin,
    End,
    Always,
    When(Expression),
    Range(Expression, Expression),
}

#[derive(Debug)]
pub(super) enum Statement {
    Print(Vec<Expression>),
    Printf(Vec<Expression>),
    Expression(Expression),
    If(Expression, Vec<Statement>, Vec<Statement>),
    Next,
    Exit(Option<Expression>),
}

#[derive(Debug)]
pub(super) enum Target {
    Variable(String),
    Field(Box<Expression>),
}

#[derive(Debug)]
pub(super) enum Expression {
    Constant(Value),
    Regex(Regex),
    Read(Target),
    Assign(Target, char, Box<Expression>),
    Step {
        target: Target,
        by: f64,
        before: bool,
    },
    Not(Box<Expression>),
    Negative(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(Box<Expression>, &'static str, Box<Expression>),
    Arithmetic(Box<Expression>, char, Box<Expression>),
    /// `text ~ pattern`, negated for `!~`.
    Matches(Box<Expression>, Box<Expression>, bool),
    Join(Box<Expression>, Box<Expression>),
    Choose(Box<Expression>, Box<Expression>, Box<Expression>),
    Call(String, Vec<Expression>),
}

type Parsed<T> = Result<T, String>;

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    /// Within `print`: a `>` would be a redirection.
    printing: bool,
    operators_left: usize,
}

/// Parses a program; errors are busybox's, or say what podhop's awk leaves out.
pub(super) fn program(text: &str) -> Parsed<Vec<Rule>> {
    let mut parser = Parser { rest: text, depth: 0, printing: false, operators_left: OPERATORS_MAX };
    let mut rules = Vec::new();
    loop {
        parser.skip(true);
        while parser.eat(";") {
            parser.skip(true);
        }
        if parser.rest.is_empty() {
            return Ok(rules);
        }
        rules.push(parser.rule()?);
    }
}

impl<'a> Parser<'a> {
    /// Blanks and comments, and line breaks where they mean nothing.
    fn skip(&mut self, lines: bool) {
        loop {
            let blank = |c: char| c == ' ' || c == '\t' || c == '\r' || (lines && c == '\n');
            self.rest = self.rest.trim_start_matches(blank);
            if let Some(rest) = self.rest.strip_prefix("\\\n") {
                self.rest = rest;
            } else if self.rest.starts_with('#') {
                self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..];
            } else {
                return;
            }
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip(false);
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Parsed<()> {
        if self.eat(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> String {
        if self.rest.is_empty() { "Unexpected end of string".into() } else { "Unexpected token".into() }
    }

    fn peek_name(&mut self) -> &'a str {
        self.skip(false);
        let length = self.rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let name = &self.rest[..length];
        if name.starts_with(|c: char| c.is_ascii_digit()) { "" } else { name }
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found = self.peek_name() == word;
        if found {
            self.rest = &self.rest[word.len()..];
        }
        found
    }

    fn rule(&mut self) -> Parsed<Rule> {
        let pattern = if self.keyword("BEGIN") {
            Pattern::Begin
        } else if self.keyword("END") {
            Pattern::End
        } else if self.keyword("function") {
            return Err("podhop's awk has no functions of the program's own".into());
        } else if self.rest.starts_with('{') {
            Pattern::Always
        } else {
            let from = self.expression()?;
            match self.eat(",") {
                true => Pattern::Range(from, self.expression()?),
                false => Pattern::When(from),
            }
        };
        let body = if self.eat("{") { self.block()? } else { vec![Statement::Print(Vec::new())] };
        Ok(Rule { pattern, body })
    }

    /// Statements up to the closing brace.
    fn block(&mut self) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        loop {
            self.skip(true);
            if self.eat("}") {
                return Ok(statements);
            }
            if self.eat(";") {
                continue;
            }
            self.statement(&mut statements)?;
        }
    }

    fn count(&mut self) -> Parsed<()> {
        self.operators_left = self.operators_left.checked_sub(1).ok_or("the program is too long for podhop's awk")?;
        Ok(())
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("nested too deeply (podhop's limit is {DEPTH_MAX})"));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn statement(&mut self, statements: &mut Vec<Statement>) -> Parsed<()> {
        self.skip(true);
        if self.eat("{") {
            statements.extend(self.deeper(Self::block)?);
            return Ok(());
        }
        let statement = match self.peek_name() {
            "print" | "printf" => self.print()?,
            "if" => self.deeper(Self::condition)?,
            "next" => {
                self.keyword("next");
                Statement::Next
            }
            "exit" => {
                self.keyword("exit");
                let ends = self.at_end();
                Statement::Exit(if ends { None } else { Some(self.expression()?) })
            }
            word @ ("for" | "while" | "do" | "delete" | "getline" | "return" | "function") => {
                return Err(format!("podhop's awk has no {word}"));
            }
            _ => Statement::Expression(self.expression()?),
        };
        let compound = matches!(statement, Statement::If(..));
        statements.push(statement);
        self.skip(false);
        if compound || self.rest.starts_with('}') || self.eat(";") || self.eat("\n") {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn at_end(&mut self) -> bool {
        self.skip(false);
        self.rest.is_empty() || self.rest.starts_with([';', '}', '\n'])
    }

    fn print(&mut self) -> Parsed<Statement> {
        let formatted = self.keyword("printf") || !self.keyword("print");
        self.printing = true;
        let mut expressions = Vec::new();
        // `print (a, b)` has the list in parentheses.
        let whole = self.rest.trim_start();
        let in_parentheses = whole.starts_with('(') && {
            let mut ahead =
                Parser { rest: &whole[1..], depth: self.depth, printing: false, operators_left: self.operators_left };
            let list = ahead.arguments(")");
            let after = ahead.rest.trim_start_matches([' ', '\t']);
            list.is_ok() && (after.is_empty() || after.starts_with([';', '}', '\n']))
        };
        if in_parentheses {
            self.expect("(")?;
            self.printing = false;
            expressions = self.arguments(")")?;
        } else if !self.at_end() {
            expressions.push(self.expression()?);
            while self.eat(",") {
                expressions.push(self.expression()?);
            }
        }
        self.printing = false;
        if self.rest.starts_with(['>', '|']) {
            return Err("podhop's awk prints to standard output only".into());
        }
        if formatted && expressions.is_empty() {
            return Err(self.unexpected());
        }
        Ok(if formatted { Statement::Printf(expressions) } else { Statement::Print(expressions) })
    }

    fn condition(&mut self) -> Parsed<Statement> {
        self.keyword("if");
        self.expect("(")?;
        let condition = self.expression()?;
        self.expect(")")?;
        let (mut then, mut otherwise) = (Vec::new(), Vec::new());
        self.statement(&mut then)?;
        self.skip(true);
        if self.keyword("else") {
            self.statement(&mut otherwise)?;
        }
        Ok(Statement::If(condition, then, otherwise))
    }

    /// Expressions up to a closing token, which is taken.
    fn arguments(&mut self, close: &str) -> Parsed<Vec<Expression>> {
        let mut arguments = Vec::new();
        while !self.eat(close) {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(self.expression()?);
        }
        Ok(arguments)
    }

    fn expression(&mut self) -> Parsed<Expression> {
        self.deeper(Self::assignment)
    }

    fn assignment(&mut self) -> Parsed<Expression> {
        let left = self.choice()?;
        self.skip(false);
        let Expression::Read(target) = left else { return Ok(left) };
        let operator = self.rest.chars().next().filter(|c| "+-*/%^".contains(*c) && self.rest[1..].starts_with('='));
        if let Some(operator) = operator {
            self.rest = &self.rest[2..];
            return Ok(Expression::Assign(target, operator, Box::new(self.expression()?)));
        }
        if self.rest.starts_with('=') && !self.rest.starts_with("==") {
            self.rest = &self.rest[1..];
            return Ok(Expression::Assign(target, '=', Box::new(self.expression()?)));
        }
        Ok(Expression::Read(target))
    }

    fn choice(&mut self) -> Parsed<Expression> {
        let condition = self.either()?;
        if !self.eat("?") {
            return Ok(condition);
        }
        let first = self.expression()?;
        self.expect(":")?;
        Ok(Expression::Choose(Box::new(condition), Box::new(first), Box::new(self.expression()?)))
    }

    fn either(&mut self) -> Parsed<Expression> {
        let mut left = self.both()?;
        while self.eat("||") {
            self.count()?;
            self.skip(true);
            left = Expression::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Parsed<Expression> {
        let mut left = self.matching()?;
        while self.eat("&&") {
            self.count()?;
            self.skip(true);
            left = Expression::And(Box::new(left), Box::new(self.matching()?));
        }
        Ok(left)
    }

    fn matching(&mut self) -> Parsed<Expression> {
        let mut left = self.comparison()?;
        loop {
            self.count()?;
            let negated = self.eat("!~");
            if !negated && !self.eat("~") {
                return Ok(left);
            }
            left = Expression::Matches(Box::new(left), Box::new(self.comparison()?), negated);
        }
    }

    fn comparison(&mut self) -> Parsed<Expression> {
        let left = self.joined()?;
        self.skip(false);
        for operator in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.rest.starts_with(operator) && !(operator == ">" && self.printing) {
                self.rest = &self.rest[operator.len()..];
                return Ok(Expression::Compare(Box::new(left), operator, Box::new(self.joined()?)));
            }
        }
        Ok(left)
    }

    /// Strings side by side.
    fn joined(&mut self) -> Parsed<Expression> {
        let mut left = self.sum()?;
        loop {
            self.count()?;
            self.skip(false);
            let begins = self.rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "\"$(_.!-+".contains(c))
                && !["!~", "!=", "-=", "+="].iter().any(|operator| self.rest.starts_with(operator));
            if !begins || matches!(self.peek_name(), "in") {
                return Ok(left);
            }
            left = Expression::Join(Box::new(left), Box::new(self.sum()?));
        }
    }

    fn sum(&mut self) -> Parsed<Expression> {
        let mut left = self.product()?;
        while let Some(operator) = self.operator("+-") {
            self.count()?;
            left = Expression::Arithmetic(Box::new(left), operator, Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Parsed<Expression> {
        let mut left = self.unary()?;
        while let Some(operator) = self.operator("*/%") {
            self.count()?;
            left = Expression::Arithmetic(Box::new(left), operator, Box::new(self.unary()?));
        }
        Ok(left)
    }

    /// One of these operators, unless it is part of an assignment or step.
    fn operator(&mut self, operators: &str) -> Option<char> {
        self.skip(false);
        let operator = self.rest.chars().next().filter(|c| operators.contains(*c))?;
        let after = self.rest[1..].chars().next();
        if after == Some('=') || (after == Some(operator) && "+-".contains(operator)) {
            return None;
        }
        self.rest = &self.rest[1..];
        Some(operator)
    }

    fn unary(&mut self) -> Parsed<Expression> {
        self.deeper(|parser| {
            parser.skip(false);
            if parser.rest.starts_with('!') && !parser.rest.starts_with("!~") {
                parser.rest = &parser.rest[1..];
                return Ok(Expression::Not(Box::new(parser.unary()?)));
            }
            for (token, by) in [("++", 1.0), ("--", -1.0)] {
                if parser.eat(token) {
                    return match parser.primary()? {
                        Expression::Read(target) => Ok(Expression::Step { target, by, before: true }),
                        _ => Err(parser.unexpected()),
                    };
                }
            }
            if parser.eat("-") {
                return Ok(Expression::Negative(Box::new(parser.unary()?)));
            }
            if parser.eat("+") {
                return parser.unary();
            }
            let base = parser.primary()?;
            if parser.eat("^") {
                return Ok(Expression::Arithmetic(Box::new(base), '^', Box::new(parser.unary()?)));
            }
            Ok(base)
        })
    }

    fn primary(&mut self) -> Parsed<Expression> {
        self.skip(false);
        let name = self.peek_name();
        if !name.is_empty() {
            self.rest = &self.rest[name.len()..];
            if self.rest.starts_with('[') || matches!(name, "in" | "getline" | "split") {
                return Err("podhop's awk has no arrays and no getline".into());
            }
            if self.rest.starts_with('(') {
                self.rest = &self.rest[1..];
                let printing = std::mem::replace(&mut self.printing, false);
                let arguments = self.arguments(")")?;
                self.printing = printing;
                return Ok(Expression::Call(name.to_string(), arguments));
            }
            if name == "length" {
                return Ok(Expression::Call(name.to_string(), Vec::new()));
            }
            return Ok(self.stepped(Target::Variable(name.to_string())));
        }
        match self.rest.chars().next() {
            Some('$') => {
                self.rest = &self.rest[1..];
                let index = self.deeper(Self::field_index)?;
                Ok(self.stepped(Target::Field(Box::new(index))))
            }
            Some('(') => {
                self.rest = &self.rest[1..];
                let printing = std::mem::replace(&mut self.printing, false);
                let inner = self.expression()?;
                self.printing = printing;
                self.expect(")")?;
                // In parentheses a variable is a value: nothing can be assigned to it.
                Ok(match inner {
                    Expression::Read(target) => Expression::Choose(
                        Box::new(Expression::Constant(Value::Number(1.0))),
                        Box::new(Expression::Read(target)),
                        Box::new(Expression::Constant(Value::Number(0.0))),
                    ),
                    inner => inner,
                })
            }
            Some('"') => {
                let text = self.delimited('"')?;
                Ok(Expression::Constant(Value::Text(super::super::unescape(&text.replace("\\\"", "\"")).0)))
            }
            Some('/') => {
                let text = self.delimited('/')?.replace("\\/", "/");
                let regex = Regex::new(&text, Syntax::Extended, false).ok_or_else(|| format!("bad regex '{text}'"))?;
                Ok(Expression::Regex(regex))
            }
            Some(c) if c.is_ascii_digit() || c == '.' => {
                let (number, length) = prefix_number(self.rest);
                if length == 0 {
                    return Err(self.unexpected());
                }
                self.rest = &self.rest[length..];
                Ok(Expression::Constant(Value::Number(number)))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// What follows `$`: it binds tighter than any operator.
    fn field_index(&mut self) -> Parsed<Expression> {
        if self.eat("-") {
            return Ok(Expression::Negative(Box::new(self.deeper(Self::primary)?)));
        }
        self.primary()
    }

    /// A variable or field, and a `++` or `--` behind it.
    fn stepped(&mut self, target: Target) -> Expression {
        if self.rest.starts_with("++") || self.rest.starts_with("--") {
            let by = if self.rest.starts_with('+') { 1.0 } else { -1.0 };
            self.rest = &self.rest[2..];
            return Expression::Step { target, by, before: false };
        }
        Expression::Read(target)
    }

    /// Text between delimiters, with its backslashes.
    fn delimited(&mut self, delimiter: char) -> Parsed<String> {
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            if c == delimiter {
                let text = self.rest[1..1 + at].to_string();
                self.rest = &self.rest[at + 2..];
                return Ok(text);
            }
            if c == '\\' {
                chars.next();
            }
        }
        Err("Unexpected end of string".into())
    }
}
