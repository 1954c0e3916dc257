//! awk's expressions, by falling precedence.

use super::super::regex::{Regex, Syntax};
use super::parse::{Expression, Parsed, Parser, Target};
use super::value::{Value, prefix_number};

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
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
