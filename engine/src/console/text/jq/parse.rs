//! jq programs → filters.

use super::{Filter, node};
use crate::manifest::Value;

const DEPTH_MAX: usize = 30;
/// Filters in one program: a chain of them is as deep as it is long.
const FILTERS_MAX: usize = 300;

/// Reads a program.
pub(super) struct Parser<'a> {
    pub rest: &'a str,
    depth: usize,
    filters_left: usize,
}

type Parsed = Result<Filter, String>;

impl<'a> Parser<'a> {
    pub fn new(program: &'a str) -> Self {
        Parser { rest: program, depth: 0, filters_left: FILTERS_MAX }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn count(&mut self) -> Result<(), String> {
        self.filters_left = self.filters_left.checked_sub(1).ok_or("too long")?;
        Ok(())
    }

    fn word(&mut self) -> String {
        let length = self.rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let word = self.rest[..length].to_string();
        self.rest = &self.rest[length..];
        word
    }

    pub fn pipe(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.rest.to_string());
        }
        let mut left = self.comma()?;
        while self.eat("|") {
            self.count()?;
            left = Filter::Pipe(Box::new(left), Box::new(self.comma()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn comma(&mut self) -> Parsed {
        let mut left = self.either()?;
        while self.eat(",") {
            self.count()?;
            left = Filter::Comma(Box::new(left), Box::new(self.either()?));
        }
        Ok(left)
    }

    fn either(&mut self) -> Parsed {
        let mut left = self.comparison()?;
        loop {
            self.count()?;
            if self.eat("and ") {
                left = Filter::And(Box::new(left), Box::new(self.comparison()?));
            } else if self.eat("or ") {
                left = Filter::Or(Box::new(left), Box::new(self.comparison()?));
            } else {
                return Ok(left);
            }
        }
    }

    fn comparison(&mut self) -> Parsed {
        let left = self.term()?;
        for operator in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.eat(operator) {
                return Ok(Filter::Compare(Box::new(left), operator, Box::new(self.term()?)));
            }
        }
        Ok(left)
    }

    fn term(&mut self) -> Parsed {
        self.rest = self.rest.trim_start();
        let mut filter = match self.rest.chars().next() {
            Some('.') => {
                self.rest = &self.rest[1..];
                let name = self.word();
                match name.is_empty() {
                    false => Filter::Field(Box::new(Filter::Identity), name),
                    true if self.rest.starts_with('"') => Filter::Field(Box::new(Filter::Identity), self.string()?),
                    true => Filter::Identity,
                }
            }
            Some('(') => {
                self.rest = &self.rest[1..];
                let inner = self.pipe()?;
                if !self.eat(")") {
                    return Err(self.rest.to_string());
                }
                inner
            }
            Some('"') => Filter::Constant(node(Value::String(self.string()?.into()))),
            Some(c) if c.is_ascii_digit() || c == '-' => Filter::Constant(node(Value::Int(self.number()?))),
            _ => match self.word().as_str() {
                "" => return Err(self.rest.to_string()),
                "true" => Filter::Constant(node(Value::Bool(true))),
                "false" => Filter::Constant(node(Value::Bool(false))),
                "null" => Filter::Constant(node(Value::Null)),
                name @ ("length" | "keys" | "not" | "empty" | "type" | "tostring") => {
                    Filter::Call(name.to_string(), None)
                }
                name @ ("select" | "map") if self.eat("(") => {
                    let inner = self.pipe()?;
                    if !self.eat(")") {
                        return Err(self.rest.to_string());
                    }
                    Filter::Call(name.to_string(), Some(Box::new(inner)))
                }
                name => return Err(format!("{name}{}", self.rest)),
            },
        };
        loop {
            self.count()?;
            if self.rest.starts_with('?') {
                self.rest = &self.rest[1..];
                filter = Filter::Try(Box::new(filter));
            } else if self.rest.starts_with('[') || self.rest.starts_with(".[") {
                self.rest = &self.rest[self.rest.find('[').unwrap_or(0) + 1..];
                filter = self.bracket(filter)?;
            } else if self.rest.starts_with('.') {
                self.rest = &self.rest[1..];
                let name = if self.rest.starts_with('"') { self.string()? } else { self.word() };
                if name.is_empty() {
                    return Err(self.rest.to_string());
                }
                filter = Filter::Field(Box::new(filter), name);
            } else {
                return Ok(filter);
            }
        }
    }

    fn bracket(&mut self, of: Filter) -> Parsed {
        let of = Box::new(of);
        if self.eat("]") {
            return Ok(Filter::Each(of));
        }
        let filter = if self.rest.starts_with('"') {
            Filter::Field(of, self.string()?)
        } else {
            let from = if self.rest.starts_with(':') { None } else { Some(self.number()?) };
            match (self.eat(":"), from) {
                (true, from) => {
                    let to = if self.rest.starts_with(']') { None } else { Some(self.number()?) };
                    Filter::Slice(of, from, to)
                }
                (false, Some(index)) => Filter::Index(of, index),
                (false, None) => return Err(self.rest.to_string()),
            }
        };
        if self.eat("]") { Ok(filter) } else { Err(self.rest.to_string()) }
    }

    fn number(&mut self) -> Result<i64, String> {
        let length =
            self.rest.bytes().enumerate().take_while(|(at, b)| b.is_ascii_digit() || (*at == 0 && *b == b'-')).count();
        let number = self.rest[..length].parse().map_err(|_| self.rest.to_string())?;
        self.rest = &self.rest[length..];
        Ok(number)
    }

    fn string(&mut self) -> Result<String, String> {
        let inside = &self.rest[1..];
        let mut escaped = false;
        let end = inside.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let end = end.filter(|end| !inside[..*end].contains("\\(")).ok_or_else(|| self.rest.to_string())?;
        let text = super::super::unescape(&inside[..end].replace("\\\"", "\"").replace("\\/", "/")).0;
        self.rest = &inside[end + 1..];
        Ok(text)
    }
}
