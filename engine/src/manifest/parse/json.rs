//! JSON (RFC 8259), read directly: faster than as YAML, and with JSON's own rules for strings. What is no JSON, or too
//! deep, is left to the YAML parser, which says what is wrong.

use super::{
    DEPTH_MAX,
    entries::{Entries, repeated},
    resolve_plain,
    tree::State,
};
use crate::manifest::{Diagnostics, Key, Node, Source, Span, Value};

pub(super) struct Json<'a> {
    pub source: &'a Source,
    /// The next byte to read.
    pub at: usize,
    pub end: usize,
    pub state: &'a mut State,
    pub diagnostics: &'a mut Diagnostics,
}

impl Json<'_> {
    /// One value, with the white space before it; `None` if it is not JSON.
    pub fn value(&mut self, depth: usize) -> Option<Node> {
        self.skip_space();
        let start = self.at;
        let value = match self.peek()? {
            b'{' if depth < DEPTH_MAX => self.object(depth)?,
            b'[' if depth < DEPTH_MAX => self.array(depth)?,
            b'"' => {
                let text = self.string()?;
                Value::String(self.state.share(&text))
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word("true", Value::Bool(true))?,
            b'f' => self.word("false", Value::Bool(false))?,
            b'n' => self.word("null", Value::Null)?,
            _ => return None,
        };
        Some(Node { value, span: self.span(start) })
    }

    pub fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    pub fn peek(&self) -> Option<u8> {
        if self.at < self.end { self.source.text.as_bytes().get(self.at).copied() } else { None }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn span(&self, start: usize) -> Span {
        Span { source: self.source.id, start: start as u32, end: self.at as u32 }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut entries = Entries::default();
        self.skip_space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Value::Mapping(Vec::new()));
        }
        loop {
            self.skip_space();
            let start = self.at;
            if self.peek()? != b'"' {
                return None;
            }
            let name = self.string()?;
            let key = Key { name: self.state.share(&name), span: self.span(start) };
            self.skip_space();
            if self.next()? != b':' {
                return None;
            }
            let value = self.value(depth + 1)?;
            if let Some(earlier) = entries.insert(key.clone(), value) {
                repeated(self.source, &key, earlier, self.diagnostics);
            }
            self.skip_space();
            match self.next()? {
                b',' => {}
                b'}' => return Some(entries.finish()),
                _ => return None,
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Value::Sequence(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if depth == 1 {
                self.state.count(self.at);
            }
            self.skip_space();
            match self.next()? {
                b',' => {}
                b']' => {
                    items.shrink_to_fit();
                    return Some(Value::Sequence(items));
                }
                _ => return None,
            }
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        let rest = self.source.text.as_bytes().get(self.at..self.end)?;
        rest.starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
            value
        })
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        let text = self.source.text.get(start..self.at)?;
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        if digits.first()? == &b'0' && digits.get(1).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        resolve_plain(text).filter(|value| matches!(value, Value::Int(_) | Value::Float(_)))
    }

    /// The text between quotes. Stops at what a string may not hold.
    fn string(&mut self) -> Option<String> {
        self.at += 1;
        let mut start = self.at;
        let mut text = String::new();
        loop {
            match self.next()? {
                b'"' => {
                    text.push_str(self.source.text.get(start..self.at - 1)?);
                    return Some(text);
                }
                b'\\' => {
                    text.push_str(self.source.text.get(start..self.at - 1)?);
                    text.push(self.escape()?);
                    start = self.at;
                }
                0..=0x1f => return None,
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            c @ (b'"' | b'\\' | b'/') => char::from(c),
            b'u' => {
                let first = self.hex()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                let after = self.at;
                let second = if self.next() == Some(b'\\') && self.next() == Some(b'u') { self.hex()? } else { 0 };
                if (0xdc00..0xe000).contains(&second) {
                    return char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
                }
                // Half a pair: as in Go, it becomes the replacement character, and what follows is read again.
                self.at = after;
                char::REPLACEMENT_CHARACTER
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.source.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}
