//! Block YAML as kubectl writes it, read directly: a dump of a large cluster takes a fraction of the time. Indented
//! mappings and sequences, one line a scalar. What is written in any other way is left to the YAML parser: an item of a
//! list by itself, where it can be told where it ends, else the whole document.
//!
//! Whatever this reads, the YAML parser reads in the same way, spans included; a test compares them.

use super::{
    DEPTH_MAX,
    entries::Entries,
    resolve_plain,
    tree::{self, State},
};
use crate::manifest::{Diagnostics, Key, Node, Source, Span, Value};

/// Longest key, in bytes; the YAML parser has a limit of its own.
const KEY_LEN_MAX: usize = 512;

pub(super) struct Block<'a> {
    source: &'a Source,
    bytes: &'a [u8],
    /// The next byte to read, and its column.
    at: usize,
    indent: usize,
    end: usize,
    state: &'a mut State,
    /// What the YAML parser has to say of items.
    diagnostics: Diagnostics,
}

/// The tree of a document that stands in `start..end`, with what is to be said of it. `None` leaves it to the YAML parser.
pub(super) fn read(source: &Source, start: usize, end: usize, state: &mut State) -> Option<(Node, Diagnostics)> {
    let bytes = source.text.as_bytes();
    let start = if bytes[start..end].starts_with(b"---\n") { start + 4 } else { start };
    if !bytes[start..end].iter().all(|byte| *byte >= b' ' && *byte != 0x7f || *byte == b'\n')
        || has_breaks(&bytes[start..end])
    {
        return None;
    }
    let mut block = Block { source, bytes, at: start, indent: 0, end, state, diagnostics: Diagnostics::default() };
    block.seek_content();
    if block.at == end || block.indent != 0 || block.is_item() {
        return None;
    }
    let root = block.mapping(0, 0)?;
    (block.at == end).then_some((root, block.diagnostics))
}

/// Control characters, byte order marks and Unicode's own line breaks, which YAML treats in its own ways.
fn has_breaks(bytes: &[u8]) -> bool {
    !bytes.is_ascii()
        && bytes.windows(3).any(|at| {
            matches!(
                at,
                [0xc2, 0x80..=0x9f, _] | [_, 0xc2, 0x80..=0x9f] | [0xe2, 0x80, 0xa8 | 0xa9] | [0xef, 0xbb, 0xbf]
            )
        })
}

impl Block<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        if at < self.end { Some(self.bytes[at]) } else { None }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { source: self.source.id, start: start as u32, end: end as u32 }
    }

    fn line_end(&self, from: usize) -> usize {
        self.bytes[from..self.end].iter().position(|byte| *byte == b'\n').map_or(self.end, |at| from + at)
    }

    /// From a line's start to the next content, over empty lines and comments.
    fn seek_content(&mut self) {
        loop {
            let start = self.at;
            while self.byte(self.at) == Some(b' ') {
                self.at += 1;
            }
            self.indent = self.at - start;
            match self.byte(self.at) {
                Some(b'\n') => self.at += 1,
                Some(b'#') => self.at = (self.line_end(self.at) + 1).min(self.end),
                _ => return,
            }
        }
    }

    fn is_item(&self) -> bool {
        self.byte(self.at) == Some(b'-') && matches!(self.byte(self.at + 1), Some(b' ' | b'\n') | None)
    }

    /// The value that begins here, at column `self.indent`.
    fn block(&mut self, depth: usize) -> Option<Node> {
        let indent = self.indent;
        if self.is_item() { self.sequence(indent, depth) } else { self.mapping(indent, depth) }
    }

    fn mapping(&mut self, indent: usize, depth: usize) -> Option<Node> {
        if depth >= DEPTH_MAX - 1 {
            return None;
        }
        let start = self.at;
        let mut entries = Entries::default();
        let mut last = start;
        loop {
            let key = self.key()?;
            let value = self.value(indent, depth)?;
            last = last.max(value.span.end as usize);
            if entries.insert(key, value).is_some() {
                return None;
            }
            if self.at == self.end || self.indent < indent {
                return Some(Node { value: entries.finish(), span: self.span(start, last) });
            }
            if self.indent > indent {
                return None;
            }
        }
    }

    /// A key with its colon.
    fn key(&mut self) -> Option<Key> {
        let start = self.at;
        let (text, end) = match self.byte(start)? {
            quote @ (b'"' | b'\'') => {
                let inner = start + 1;
                let close = inner + self.bytes[inner..self.line_end(inner)].iter().position(|byte| *byte == quote)?;
                let text = self.source.text.get(inner..close)?;
                (if text.contains('\\') { return None } else { text }, close + 1)
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'/' => {
                let line = &self.bytes[start..self.line_end(start)];
                let colon =
                    (0..line.len()).find(|at| line[*at] == b':' && matches!(line.get(at + 1), Some(b' ') | None))?;
                let text = self.source.text.get(start..start + colon)?;
                if text.contains('#') || text.ends_with(' ') || resolve_plain(text).is_some() {
                    return None;
                }
                (text, start + colon)
            }
            _ => return None,
        };
        if text.len() > KEY_LEN_MAX || self.byte(end) != Some(b':') {
            return None;
        }
        self.at = end + 1;
        Some(Key { name: self.state.share(text), span: self.span(start, end) })
    }

    /// What follows a key of a mapping at column `indent`; then the next content.
    fn value(&mut self, indent: usize, depth: usize) -> Option<Node> {
        while self.byte(self.at) == Some(b' ') {
            self.at += 1;
        }
        if self.byte(self.at)? != b'\n' {
            return self.scalar(indent);
        }
        self.at += 1;
        self.seek_content();
        if self.at == self.end || self.indent < indent || (self.indent == indent && !self.is_item()) {
            return None;
        }
        let (is_level, dash) = (self.indent == indent, self.at);
        let mut node = self.block(depth + 1)?;
        // The YAML parser has a sequence level with its key begin after the first dash.
        if is_level {
            let first = dash + 1 + self.bytes[dash + 1..].iter().position(|byte| *byte != b' ')?;
            if matches!(self.bytes[first], b'[' | b'{' | b'\n' | b'#') {
                return None;
            }
            node.span.start = first as u32;
        }
        Some(node)
    }

    fn sequence(&mut self, indent: usize, depth: usize) -> Option<Node> {
        if depth >= DEPTH_MAX - 1 {
            return None;
        }
        let start = self.at;
        let mut items: Vec<Node> = Vec::new();
        while self.at < self.end && self.indent == indent && self.is_item() {
            let dash = self.at;
            // Of a dump's item it can be told where it ends, so the others need not suffer from it.
            let item = match self.item(indent, depth) {
                None if depth == 1 && indent == 0 => self.item_by_parser(dash)?,
                item => item?,
            };
            if depth == 1 {
                self.state.count(item.span.end as usize);
            }
            items.push(item);
        }
        if self.at < self.end && self.indent > indent {
            return None;
        }
        items.shrink_to_fit();
        let last = items.last().map_or(start, |item| item.span.end as usize);
        Some(Node { value: Value::Sequence(items), span: self.span(start, last) })
    }

    fn item(&mut self, indent: usize, depth: usize) -> Option<Node> {
        if self.byte(self.at + 1) != Some(b' ') || matches!(self.byte(self.at + 2)?, b' ' | b'\n') {
            return None;
        }
        self.at += 2;
        self.indent = indent + 2;
        let start = self.at;
        let is_mapping = !self.is_item() && self.key().is_some();
        self.at = start;
        if is_mapping || self.is_item() { self.block(depth + 1) } else { self.scalar(indent) }
    }

    /// An item at the first column, from its dash to the next line that begins there, as the YAML parser reads it.
    fn item_by_parser(&mut self, dash: usize) -> Option<Node> {
        let mut end = dash;
        loop {
            end = (self.line_end(end) + 1).min(self.end);
            if self.byte(end).is_none_or(|byte| !matches!(byte, b' ' | b'\n')) {
                break;
            }
        }
        // Where an empty block scalar ends depends on what follows.
        let text = self.source.text.get(dash..end)?.trim_end();
        if text.trim_end_matches(|c: char| c.is_ascii_digit() || "+-".contains(c)).ends_with(['|', '>']) {
            return None;
        }
        let root = tree::parse_events(self.source, dash..end, self.state, &mut self.diagnostics).ok()??;
        let Value::Sequence(mut items) = root.value else { return None };
        self.at = end;
        self.seek_content();
        if items.len() == 1 { items.pop() } else { None }
    }

    /// A scalar up to the line's end, in something at column `indent`; then the next content.
    fn scalar(&mut self, indent: usize) -> Option<Node> {
        let start = self.at;
        let end = self.line_end(start);
        let text = self.source.text.get(start..end)?;
        let value = match text.as_bytes()[0] {
            b'"' => Value::String(self.state.share(&double_quoted(text)?)),
            b'\'' => {
                let inner = text.get(1..text.len().checked_sub(1)?)?;
                let plain = inner.replace("''", "");
                if text.len() < 2 || !text.ends_with('\'') || plain.contains('\'') {
                    return None;
                }
                Value::String(self.state.share(&inner.replace("''", "'")))
            }
            b'{' if text == "{}" => Value::Mapping(Vec::new()),
            b'[' if text == "[]" => Value::Sequence(Vec::new()),
            _ => self.plain(text)?,
        };
        self.at = (end + 1).min(self.end);
        self.seek_content();
        // The text would go on.
        if self.at < self.end && self.indent > indent {
            return None;
        }
        Some(Node { value, span: self.span(start, end) })
    }

    fn plain(&mut self, text: &str) -> Option<Value> {
        let bytes = text.as_bytes();
        let first_fits = match bytes[0] {
            b'-' => bytes.get(1).is_some_and(u8::is_ascii_digit),
            byte => !b"?:,[]{}#&*!|>'\"%@`".contains(&byte),
        };
        let special = text.contains(": ") || text.contains(" #") || text.ends_with([' ', ':']);
        if !first_fits || special {
            return None;
        }
        match resolve_plain(text) {
            Some(Value::Float(number)) if !number.is_finite() => None,
            Some(value) => Some(value),
            None => Some(Value::String(self.state.share(text))),
        }
    }
}

/// The text between double quotes that stand at both ends; `None` for the escapes that are not JSON's and YAML's alike.
fn double_quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return None,
            '\\' => out.push(match chars.next()? {
                'n' => '\n',
                't' => '\t',
                c @ ('"' | '\\') => c,
                _ => return None,
            }),
            c => out.push(c),
        }
    }
    Some(out)
}
