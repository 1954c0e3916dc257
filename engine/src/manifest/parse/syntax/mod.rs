//! Syntax errors in words a person can act upon. The parser says where it stopped; what the text looks like there says why.

mod layout;
mod tokens;

use crate::manifest::{Diagnostics, Source, Span};

/// What is wrong, where, and what to do.
struct Finding {
    at: usize,
    /// How many bytes the problem covers.
    length: usize,
    message: String,
    hint: String,
    /// Put in place of the bytes covered.
    fix: Option<&'static str>,
}

fn finding(at: usize, length: usize, message: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding { at, length, message: message.into(), hint: hint.into(), fix: None }
}

/// Reports the syntax error `info` that the parser met at byte `at` of a document that starts at byte `base`. `open` is
/// the innermost bracket not closed yet.
pub(in crate::manifest::parse) fn explain(
    source: &Source,
    base: usize,
    at: usize,
    open: Option<Span>,
    info: &str,
    diagnostics: &mut Diagnostics,
) {
    let place = Place { text: &source.text, base, at, open: open.map(|span| span.start as usize) };
    let found = place.find(info);
    // What is covered ends with a whole character.
    let boundary = |byte: usize| (byte..source.text.len()).find(|&at| source.text.is_char_boundary(at));
    let start = boundary(found.at).unwrap_or(source.text.len());
    let end = boundary(found.at + found.length).unwrap_or(source.text.len()).max(start);
    let span = Span { source: source.id, start: start as u32, end: end as u32 };
    let code = if info.contains("recursion") { "too-deep" } else { "syntax" };
    let added = diagnostics.error(code, span, found.message);
    added.hint(found.hint);
    if let Some(fix) = found.fix {
        added.fix(span, fix);
    }
}

/// Where the parser stopped.
struct Place<'s> {
    text: &'s str,
    base: usize,
    at: usize,
    open: Option<usize>,
}

impl Place<'_> {
    fn find(&self, info: &str) -> Finding {
        let has = |words: &[&str]| words.iter().any(|word| info.contains(word));
        self.tab(info)
            .or_else(|| self.template())
            .or_else(|| if has(&["quoted scalar"]) { self.quote(info) } else { None })
            .or_else(|| if has(&["recursion"]) { Some(self.too_deep()) } else { None })
            .or_else(|| if has(&["unknown anchor"]) { Some(self.unknown_anchor()) } else { None })
            .or_else(|| if has(&["unexpected character", "anchor or alias"]) { Some(self.reserved()) } else { None })
            .or_else(|| if has(&["block scalar"]) { Some(self.block_scalar()) } else { None })
            .or_else(|| self.bracket(info))
            .or_else(|| if has(&["tag", "handle"]) { Some(self.tag()) } else { None })
            .or_else(|| if has(&["block sequence entries", "\"-\" is only valid"]) { Some(self.dash()) } else { None })
            .or_else(|| if has(&["mapping values", "followed by a valid YAML"]) { self.colon() } else { None })
            .or_else(|| if has(&["simple key", "mapping keys"]) { self.no_colon() } else { None })
            .or_else(|| if has(&["<document"]) { Some(self.after_document()) } else { None })
            .or_else(|| self.indentation(info))
            .unwrap_or_else(|| {
                finding(
                    self.at,
                    0,
                    format!("this is not valid YAML: {info}"),
                    "compare the indentation and punctuation with the lines above",
                )
            })
    }

    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The line that holds byte `at`: its start, and its text without the line break.
    fn line(&self, at: usize) -> (usize, &str) {
        let at = at.min(self.text.len());
        let start = self.bytes()[..at].iter().rposition(|&b| b == b'\n').map_or(0, |index| index + 1);
        let end = self.bytes()[at..].iter().position(|&b| b == b'\n').map_or(self.text.len(), |index| at + index);
        (start, self.text[start..end].trim_end_matches('\r'))
    }

    /// Lines before the one that holds byte `at`, nearest first, without blank ones and comments, back to the start of
    /// the document.
    fn lines_before(&self, at: usize) -> impl Iterator<Item = (usize, &str)> {
        let mut start = self.line(at).0;
        std::iter::from_fn(move || {
            while start > self.base {
                let (line_start, line) = self.line(start - 1);
                start = line_start;
                let trimmed = line.trim_start();
                if !trimmed.is_empty() && !trimmed.starts_with('#') {
                    return Some((line_start, line));
                }
            }
            None
        })
    }

    /// The line the error is about: the parser's, or the last one before it if that is blank.
    fn current(&self) -> (usize, &str) {
        let (start, line) = self.line(self.at);
        if line.trim().is_empty() { self.lines_before(self.at).next().unwrap_or((start, line)) } else { (start, line) }
    }

    fn char_at(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().next()
    }

    fn word_at(&self, at: usize) -> &str {
        let rest = self.text.get(at..).unwrap_or("");
        &rest[..rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}')).unwrap_or(rest.len())]
    }

    /// Whether the document is written with brackets from its start, where line ends say nothing about nesting.
    fn in_json(&self) -> bool {
        self.text[self.base..].trim_start().starts_with(['{', '['])
    }
}
