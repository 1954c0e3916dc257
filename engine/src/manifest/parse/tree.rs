//! One document's text → its tree.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use saphyr_parser::Parser;

use super::build::Builder;
use crate::manifest::{Diagnostics, Node, Source, Span, Value};

/// How many different short strings are shared, and how short is short, in bytes.
const SHARED_STRINGS_MAX: usize = 4096;
const SHARED_STRING_BYTES_MAX: usize = 48;

/// What carries over from one document of a text to the next.
#[derive(Default)]
pub(super) struct State {
    pub alias_values: usize,
    /// Keys and common values (`name`, `TCP`, `default` …) are stored once per text.
    shared: BTreeSet<Arc<str>>,
}

impl State {
    pub fn share(&mut self, text: &str) -> Arc<str> {
        if text.len() > SHARED_STRING_BYTES_MAX {
            return text.into();
        }
        if let Some(shared) = self.shared.get(text) {
            return shared.clone();
        }
        let new: Arc<str> = text.into();
        if self.shared.len() < SHARED_STRINGS_MAX {
            self.shared.insert(new.clone());
        }
        new
    }
}

pub(super) struct Parsed {
    /// `None` for a document that holds nothing.
    pub root: Option<Node>,
    /// Where the next document starts, in bytes.
    pub end: usize,
}

/// Reported to `Diagnostics` already.
pub(super) struct Refused;

/// Parses one document. An error has been put in `diagnostics` when this returns `Refused`.
pub(super) fn parse_chunk(
    source: &Source,
    chunk: Range<usize>,
    state: &mut State,
    diagnostics: &mut Diagnostics,
) -> Result<Parsed, Refused> {
    let text = &source.text[chunk.clone()];
    if let Some(at) = text.bytes().position(|b| b == 0) {
        let at = chunk.start + at;
        let span = Span { source: source.id, start: at as u32, end: at as u32 + 1 };
        diagnostics
            .error("binary", span, "a NUL byte")
            .hint("expected YAML or JSON text; this looks like a binary file");
        return Err(Refused);
    }
    let mut builder = Builder::new(source, chunk.start, text, state, diagnostics);
    let is_json = text.trim_start().starts_with(['{', '[']);
    let mut root: Option<Node> = None;
    for event in Parser::new_from_str(text) {
        let (event, at) = event.map_err(|error| builder.explain(&error))?;
        let span = builder.span(at.start, at.end);
        let Some(done) = builder.event(event, span)? else { continue };
        let end = done.span.end as usize;
        if is_json && source.text[end..chunk.end].trim_start().starts_with(['{', '[']) {
            return Ok(Parsed { root: Some(done), end });
        }
        root = Some(done);
    }
    Ok(Parsed { root: root.filter(|root| root.value != Value::Null), end: chunk.end })
}

/// Character positions, as the parser counts them, to bytes. Events come almost in order, so each walk is short.
pub(super) struct Offsets<'s> {
    text: &'s str,
    ascii: bool,
    /// The last position looked up: (characters, bytes).
    last: (usize, usize),
}

impl<'s> Offsets<'s> {
    pub fn new(text: &'s str) -> Offsets<'s> {
        Offsets { text, ascii: text.is_ascii(), last: (0, 0) }
    }

    /// The byte at which character `index` starts; the end for what lies past it.
    pub fn byte(&mut self, index: usize) -> usize {
        if self.ascii {
            return index.min(self.text.len());
        }
        let (mut chars, mut bytes) = self.last;
        while chars > index {
            bytes -= self.text[..bytes].chars().next_back().map_or(0, char::len_utf8);
            chars -= 1;
        }
        while chars < index {
            let Some(next) = self.text[bytes..].chars().next() else { break };
            bytes += next.len_utf8();
            chars += 1;
        }
        self.last = (chars, bytes);
        bytes
    }
}
