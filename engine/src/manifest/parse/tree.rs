//! One document's text → its tree.

use std::{collections::BTreeSet, ops::Range, rc::Rc, sync::Arc};

use saphyr_parser::Parser;

use super::{block, build::Builder, json::Json};
use crate::manifest::{Diagnostics, Node, Source, Span, Value};

/// How many different short strings are shared, and how short is short, in bytes.
const SHARED_STRINGS_MAX: usize = 4096;
const SHARED_STRING_BYTES_MAX: usize = 48;
/// How many objects are read between two words about it.
const WATCHED_EVERY: u32 = 5_000;
/// The shortest document that is first tried as plain block YAML, in bytes.
const BLOCK_BYTES_MIN: usize = 32 << 10;

/// Hears from time to time of the objects that have been read: how many there are so far, and where the last one ends, in bytes.
pub type Watch = Rc<dyn Fn(u32, usize)>;

/// What carries over from one document of a text to the next.
#[derive(Default)]
pub(super) struct State {
    pub alias_values: usize,
    pub watch: Option<Watch>,
    objects_count: u32,
    /// Keys and common values (`name`, `TCP`, `default` …) are stored once per text.
    shared: BTreeSet<Arc<str>>,
}

impl State {
    /// An object of the text ends here.
    pub fn count(&mut self, end: usize) {
        self.objects_count = self.objects_count.saturating_add(1);
        if let Some(watch) = self.watch.as_ref().filter(|_| self.objects_count.is_multiple_of(WATCHED_EVERY)) {
            watch(self.objects_count, end);
        }
    }

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
    if let Some(parsed) = parse_json(source, &chunk, state, diagnostics) {
        return Ok(parsed);
    }
    // Short texts are read soon enough.
    if chunk.len() >= BLOCK_BYTES_MIN {
        let counted = state.objects_count;
        if let Some((root, said)) = block::read(source, chunk.start, chunk.end, state) {
            diagnostics.append(said);
            return Ok(Parsed { root: Some(root), end: chunk.end });
        }
        state.objects_count = counted;
    }
    let root = parse_events(source, chunk.clone(), state, diagnostics)?;
    Ok(Parsed { root, end: chunk.end })
}

/// A document as the YAML parser reads it.
pub(super) fn parse_events(
    source: &Source,
    chunk: Range<usize>,
    state: &mut State,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Node>, Refused> {
    let text = &source.text[chunk.clone()];
    if let Some((at, c)) = text.char_indices().find(|&(_, c)| is_forbidden(c)) {
        let start = (chunk.start + at) as u32;
        let span = Span { source: source.id, start, end: start + c.len_utf8() as u32 };
        let hint = match c {
            '\0' => "expected YAML or JSON text; this looks like a binary file",
            _ => "remove it, or write it as an escape within double quotes",
        };
        let message = format!("the control character U+{:04X} cannot stand in YAML", c as u32);
        diagnostics.error("binary", span, message).hint(hint);
        return Err(Refused);
    }
    let mut builder = Builder::new(source, chunk.start, text, state, diagnostics);
    let mut root: Option<Node> = None;
    for event in Parser::new_from_str(text) {
        let (event, at) = event.map_err(|error| builder.explain(&error))?;
        let span = builder.span(at.start, at.end);
        root = builder.event(event, span)?.or(root);
    }
    Ok(root.filter(|root| root.value != Value::Null))
}

/// Control characters, which go-yaml refuses as well (readerc.go).
fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f'..='\u{84}' | '\u{86}'..='\u{9f}')
}

/// A text that is JSON as a whole; else the byte at which it is not.
pub(in crate::manifest) fn parse_json_only(source: &Source, diagnostics: &mut Diagnostics) -> Result<Node, usize> {
    let mut state = State::default();
    let mut json = Json { source, at: 0, end: source.text.len(), state: &mut state, diagnostics };
    let root = json.value(0);
    json.skip_space();
    root.filter(|_| json.peek().is_none()).ok_or(json.at)
}

/// One JSON object, if that is what the stretch starts with; `None` leaves it to the YAML parser.
fn parse_json(
    source: &Source,
    chunk: &Range<usize>,
    state: &mut State,
    diagnostics: &mut Diagnostics,
) -> Option<Parsed> {
    let mut json = Json { source, at: chunk.start, end: chunk.end, state, diagnostics };
    json.skip_space();
    if !matches!(json.peek()?, b'{' | b'[') {
        return None;
    }
    let root = json.value(0)?;
    json.skip_space();
    match json.peek() {
        None | Some(b'{' | b'[') => Some(Parsed { root: Some(root), end: json.at }),
        Some(_) => None,
    }
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
