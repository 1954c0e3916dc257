//! awk programs → rules.

use super::super::regex::Regex;
use super::value::Value;

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

pub(super) type Parsed<T> = Result<T, String>;

pub(super) struct Parser<'a> {
    pub(super) rest: &'a str,
    depth: usize,
    /// Within `print`: a `>` would be a redirection.
    pub(super) printing: bool,
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
    pub(super) fn skip(&mut self, lines: bool) {
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

    pub(super) fn eat(&mut self, token: &str) -> bool {
        self.skip(false);
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    pub(super) fn expect(&mut self, token: &str) -> Parsed<()> {
        if self.eat(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn unexpected(&self) -> String {
        if self.rest.is_empty() { "Unexpected end of string".into() } else { "Unexpected token".into() }
    }

    pub(super) fn peek_name(&mut self) -> &'a str {
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

    pub(super) fn count(&mut self) -> Parsed<()> {
        self.operators_left = self.operators_left.checked_sub(1).ok_or("the program is too long for podhop's awk")?;
        Ok(())
    }

    pub(super) fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
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
    pub(super) fn arguments(&mut self, close: &str) -> Parsed<Vec<Expression>> {
        let mut arguments = Vec::new();
        while !self.eat(close) {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(self.expression()?);
        }
        Ok(arguments)
    }
}
