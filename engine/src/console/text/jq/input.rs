//! JSON text → values, one after the other. Strict, as jq is, and no deeper than 64 levels.

use super::node;
use crate::manifest::{Key, Node, Span, Value};

const DEPTH_MAX: usize = 64;

pub(super) struct Input<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Input<'a> {
    pub fn new(text: &'a str) -> Self {
        Input { text, at: 0 }
    }

    /// The next value, or None at the end. Err: jq's words.
    pub fn next_value(&mut self) -> Option<Result<Node, String>> {
        self.skip();
        if self.at == self.text.len() {
            return None;
        }
        let value = self.value(0);
        if value.is_none() {
            let before = &self.text[..self.at];
            let line = 1 + before.matches('\n').count();
            let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
            return Some(Err(format!("Invalid literal at line {line}, column {column}")));
        }
        value.map(Ok)
    }

    fn skip(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        let found = self.text[self.at..].starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        self.skip();
        if depth > DEPTH_MAX {
            return None;
        }
        let value = match self.text[self.at..].chars().next()? {
            '"' => Value::String(self.string()?.into()),
            '[' => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.eat("]") {
                    if !items.is_empty() && !self.eat(",") {
                        return None;
                    }
                    items.push(self.value(depth + 1)?);
                }
                Value::Sequence(items)
            }
            '{' => {
                self.at += 1;
                let mut entries = Vec::new();
                while !self.eat("}") {
                    if !entries.is_empty() && !self.eat(",") {
                        return None;
                    }
                    self.skip();
                    let name = self.string()?.into();
                    if !self.eat(":") {
                        return None;
                    }
                    entries.push((Key { name, span: Span::default() }, self.value(depth + 1)?));
                }
                Value::Mapping(entries)
            }
            _ if self.eat("null") => Value::Null,
            _ if self.eat("true") => Value::Bool(true),
            _ if self.eat("false") => Value::Bool(false),
            _ => self.number()?,
        };
        Some(node(value))
    }

    fn number(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|b| b.is_ascii_digit() || b"+-.eE".contains(b)).count();
        let value = match rest[..length].parse() {
            Ok(number) => Value::Int(number),
            Err(_) => Value::Float(rest[..length].parse().ok()?),
        };
        self.at += length;
        Some(value)
    }

    fn string(&mut self) -> Option<String> {
        if !self.text[self.at..].starts_with('"') {
            return None;
        }
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let length = rest.find(['"', '\\'])?;
            string.push_str(&rest[..length]);
            self.at += length + 1;
            if rest.as_bytes()[length] == b'"' {
                return Some(string);
            }
            let letter = self.text[self.at..].chars().next()?;
            self.at += letter.len_utf8();
            string.push(match letter {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\x08',
                'f' => '\x0c',
                '"' | '\\' | '/' => letter,
                'u' => self.code()?,
                _ => return None,
            });
        }
    }

    /// What follows `\u`, a pair of surrogates taken together.
    fn code(&mut self) -> Option<char> {
        let mut unit = || {
            let digits = self.text.get(self.at..self.at + 4)?;
            self.at += 4;
            u32::from_str_radix(digits, 16).ok()
        };
        let high = unit()?;
        if !(0xd800..0xdc00).contains(&high) {
            return Some(char::from_u32(high).unwrap_or('\u{fffd}'));
        }
        if !self.text[self.at..].starts_with("\\u") {
            return Some('\u{fffd}');
        }
        self.at += 2;
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        let low = u32::from_str_radix(digits, 16).ok()?;
        Some(
            char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff))
                .unwrap_or('\u{fffd}'),
        )
    }
}
