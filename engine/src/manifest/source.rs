//! Source texts, and how a byte offset becomes the line and column a person reads.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use super::{Diagnostics, Span};

/// The longest text that is read, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 << 20;

/// One text: a file, an editor tab, or a read-only tab for what the console made.
#[derive(Debug)]
pub struct Source {
    pub id: u32,
    /// What the user calls it: a file name, or `-`.
    pub name: Arc<str>,
    pub text: Arc<str>,
    line_starts: OnceLock<Vec<u32>>,
}

impl Source {
    pub fn new(id: u32, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Source {
        Source { id, name: name.into(), text: text.into(), line_starts: OnceLock::new() }
    }

    /// A source from raw bytes. Too long, binary, or not UTF-8: an error in `diagnostics`, and a source with an empty
    /// text, so that the error still has a name and a position to point at.
    pub fn from_bytes(id: u32, name: impl Into<Arc<str>>, bytes: &[u8], diagnostics: &mut Diagnostics) -> Source {
        let name = name.into();
        let at = |start: usize| Span { source: id, start: start as u32, end: start as u32 };
        if bytes.len() > TEXT_BYTES_MAX {
            too_long(at(0), bytes.len(), diagnostics);
            return Source::new(id, name, "");
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Source::new(id, name, text),
            Err(_) if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) => {
                diagnostics.error("encoding", at(0), "the text is UTF-16").hint("save the file as UTF-8");
                Source::new(id, name, "")
            }
            Err(_) if bytes.contains(&0) => {
                diagnostics.error("binary", at(0), "this is a binary file").hint("expected YAML or JSON text");
                Source::new(id, name, "")
            }
            Err(error) => {
                // What precedes the bad byte is kept, so that its line and column can be computed.
                let good = error.valid_up_to();
                let message = format!("byte 0x{:02x} is not valid UTF-8", bytes[good]);
                diagnostics.error("encoding", at(good), message).hint("save the file as UTF-8");
                Source::new(id, name, std::str::from_utf8(&bytes[..good]).unwrap_or(""))
            }
        }
    }

    /// 1-based line and column of a byte offset; the column counts characters. Offsets past the end give the end.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let byte = byte.min(self.text.len());
        let starts = self.line_starts();
        let line = starts.partition_point(|&start| start as usize <= byte).max(1);
        let start = starts[line - 1] as usize;
        let column = self.text.as_bytes()[start..byte].iter().filter(|&&b| b & 0xc0 != 0x80).count();
        (line, column + 1)
    }

    /// The text of a 1-based line without its line break; empty for a line that does not exist.
    pub fn line_text(&self, line: usize) -> &str {
        let starts = self.line_starts();
        let Some(&start) = line.checked_sub(1).and_then(|index| starts.get(index)) else { return "" };
        let end = starts.get(line).map_or(self.text.len(), |&end| end as usize);
        self.text[start as usize..end].trim_end_matches(['\n', '\r'])
    }

    /// The text a span covers; empty if the span is not of this text.
    pub fn slice(&self, span: Span) -> &str {
        if span.source == self.id { self.text.get(span.start as usize..span.end as usize).unwrap_or("") } else { "" }
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|&(_, b)| b == b'\n');
            std::iter::once(0).chain(breaks.map(|(at, _)| at as u32 + 1)).collect()
        })
    }
}

/// The error for a text over [`TEXT_BYTES_MAX`], before any of it is parsed.
pub(super) fn too_long(span: Span, bytes: usize, diagnostics: &mut Diagnostics) {
    let mib = bytes.div_ceil(1 << 20);
    diagnostics
        .error("too-long", span, format!("the text is {mib} MiB long; at most 64 MiB are read"))
        .hint("split the dump, or leave out kinds that play no part in networking");
}

/// All source texts known, by id. Old versions of an edited file stay as long as objects or traces refer to them.
#[derive(Debug, Default, Clone)]
pub struct Sources {
    by_id: BTreeMap<u32, Arc<Source>>,
    next_id: u32,
}

impl Sources {
    /// Registers a text under a new id.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Arc<Source> {
        let id = self.next_id();
        self.insert(Source::new(id, name, text))
    }

    /// Registers raw bytes under a new id; see [`Source::from_bytes`].
    pub fn add_bytes(&mut self, name: &str, bytes: &[u8], diagnostics: &mut Diagnostics) -> Arc<Source> {
        let id = self.next_id();
        self.insert(Source::from_bytes(id, name, bytes, diagnostics))
    }

    pub fn insert(&mut self, source: Source) -> Arc<Source> {
        let source = Arc::new(source);
        self.next_id = self.next_id.max(source.id + 1);
        self.by_id.insert(source.id, source.clone());
        source
    }

    pub fn get(&self, id: u32) -> Option<&Arc<Source>> {
        self.by_id.get(&id)
    }

    /// Forgets a text nothing refers to any more.
    pub fn remove(&mut self, id: u32) {
        self.by_id.remove(&id);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.by_id.values()
    }

    /// `file:line:column` of a span's start; `?` for a text that is not known.
    pub fn location(&self, span: Span) -> String {
        match self.get(span.source) {
            Some(source) => {
                let (line, column) = source.position(span.start as usize);
                format!("{}:{line}:{column}", source.name)
            }
            None => "?".to_owned(),
        }
    }

    fn next_id(&self) -> u32 {
        self.next_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::new(0, "a.yaml", "a: é\r\nbé: x\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(5), (1, 5));
        assert_eq!(source.position(7), (2, 1));
        assert_eq!(source.position(10), (2, 3));
        assert_eq!(source.position(999), (3, 1));
        assert_eq!(source.line_text(1), "a: é");
        assert_eq!(source.line_text(2), "bé: x");
        assert_eq!(source.line_text(3), "");
        assert_eq!(source.line_text(9), "");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_where_they_stand() {
        let mut sources = Sources::default();
        let cases: [(&[u8], &str); 4] = [
            (b"a: 1\nb: \xff\n", "x:2:4: error: byte 0xff is not valid UTF-8\n  hint: save the file as UTF-8\n"),
            (b"\xff\xfea\0", "x:1:1: error: the text is UTF-16\n  hint: save the file as UTF-8\n"),
            (b"\x7fELF\0\xf0", "x:1:1: error: this is a binary file\n  hint: expected YAML or JSON text\n"),
            (b"a: 1\n", ""),
        ];
        for (bytes, expected) in cases {
            let mut diagnostics = Diagnostics::default();
            sources.add_bytes("x", bytes, &mut diagnostics);
            assert_eq!(diagnostics.render(&sources), expected);
        }
        let mut diagnostics = Diagnostics::default();
        let long = vec![b' '; TEXT_BYTES_MAX + 1];
        assert_eq!(&*sources.add_bytes("x", &long, &mut diagnostics).text, "");
        assert_eq!(diagnostics.iter().next().map(|d| d.code), Some("too-long"));
    }
}
