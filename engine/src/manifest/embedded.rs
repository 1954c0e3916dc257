//! A document within a document: JSON or YAML in a ConfigMap's text, with positions in the file it stands in.

use super::parse::parse_json_only;
use super::{Diagnostics, Documents, Node, Source, Sources, Span, Value};

/// Parses `text`, the value of a scalar that stands at `span`. Spans of the tree and of diagnostics point into the source
/// that holds the scalar; where the scalar is not written line by line (quoted, folded), they point at the scalar.
pub fn parse(text: &str, span: Span, sources: &Sources, diagnostics: &mut Diagnostics) -> Option<Node> {
    let inner = Source::new(u32::MAX, "", text);
    let places = Places::of(text, span, sources);
    let mut found = Diagnostics::default();
    let root = Documents::new(&inner).next(&mut found).map(|document| document.root);
    for diagnostic in found.iter() {
        let mut moved = Diagnostics::default();
        let added =
            moved.add(diagnostic.severity, diagnostic.code, places.outer(diagnostic.span), &*diagnostic.message);
        added.hint = diagnostic.hint.clone();
        diagnostics.append(moved);
    }
    if root.is_none() && found.is_empty() {
        diagnostics.error("embedded", span, "the text is empty").hint("expected a JSON object");
    }
    root.map(|mut root| {
        places.relocate(&mut root);
        root
    })
}

/// The place in the outer text of bytes `start..end` of `text`, the value of a scalar that stands at `span`.
pub fn place(text: &str, span: Span, sources: &Sources, start: u32, end: u32) -> Span {
    Places::of(text, span, sources).outer(Span { source: u32::MAX, start, end })
}

/// [`parse`] for a text whose reader takes JSON and nothing else. What is YAML only is an error at the first byte that is
/// not JSON.
pub fn parse_json(text: &str, span: Span, sources: &Sources, diagnostics: &mut Diagnostics) -> Option<Node> {
    let errors = diagnostics.errors();
    let root = parse(text, span, sources, diagnostics)?;
    let inner = Source::new(u32::MAX, "", text);
    let Err(at) = parse_json_only(&inner, &mut Diagnostics::default()) else { return Some(root) };
    if diagnostics.errors() == errors {
        let at = at.min(text.len()) as u32;
        let span = Places::of(text, span, sources).outer(Span { source: u32::MAX, start: at, end: at });
        let hint = "write JSON: names and texts in double quotes, no comments, no comma after the last entry";
        diagnostics.error("json", span, "this is YAML, and it is read as JSON").hint(hint);
    }
    None
}

/// Where each line of the inner text stands in the outer one.
struct Places {
    span: Span,
    /// (start in the inner text, start in the outer text), in bytes; empty if lines do not correspond.
    lines: Vec<(u32, u32)>,
}

impl Places {
    fn of(text: &str, span: Span, sources: &Sources) -> Places {
        let lines = sources.get(span.source).and_then(|outer| literal_lines(text, outer, span)).unwrap_or_default();
        Places { span, lines }
    }

    fn outer(&self, inner: Span) -> Span {
        let place = |byte: u32| {
            let index = self.lines.partition_point(|(start, _)| *start <= byte).checked_sub(1)?;
            let (start, outer) = self.lines[index];
            Some(outer + (byte - start))
        };
        match (place(inner.start), place(inner.end)) {
            (Some(start), Some(end)) => Span { source: self.span.source, start, end: end.max(start) },
            _ => self.span,
        }
    }

    fn relocate(&self, node: &mut Node) {
        node.span = self.outer(node.span);
        match &mut node.value {
            Value::Sequence(items) => items.iter_mut().for_each(|item| self.relocate(item)),
            Value::Mapping(entries) => entries.iter_mut().for_each(|(key, value)| {
                key.span = self.outer(key.span);
                self.relocate(value);
            }),
            _ => {}
        }
    }
}

/// The lines of a literal block scalar (`|`), whose span starts with its content: each inner line is an outer line without
/// its indentation. `None` if the lines do not correspond.
fn literal_lines(text: &str, outer: &Source, span: Span) -> Option<Vec<(u32, u32)>> {
    let mut at = span.start as usize;
    let mut lines = Vec::new();
    let mut inner_at = 0;
    for line in text.split_inclusive('\n') {
        let outer_line = outer.text.get(at..)?.split_inclusive('\n').next()?;
        let content = line.trim_end_matches('\n');
        let indent = outer_line.trim_end_matches(['\n', '\r']).strip_suffix(content)?.len();
        lines.push((inner_at as u32, (at + indent) as u32));
        inner_at += line.len();
        at += outer_line.len();
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;

    #[test]
    fn problems_are_shown_where_they_stand_in_the_outer_text() {
        let mut sources = Sources::default();
        let text = "data:\n  net-conf.json: |\n    {\n      \"Network\": \"10.244.0.0/16\"\n      \"Backend\": {}\n    }\n  q: \"{\\\"a\\\": ]}\"\n";
        let source = sources.add("cm.yaml", text);
        let mut diagnostics = Diagnostics::default();
        let documents = parse(&source, &mut diagnostics);
        for key in ["net-conf.json", "q"] {
            let value = documents[0].root.get("data").and_then(|data| data.get(key)).unwrap();
            assert_eq!(super::parse(value.as_str().unwrap(), value.span, &sources, &mut diagnostics), None);
        }
        let places: Vec<String> = diagnostics.iter().map(|d| sources.location(d.span)).collect();
        assert_eq!(places, ["cm.yaml:4:33", "cm.yaml:7:6"]);
    }
    #[test]
    fn what_is_yaml_only_is_no_json() {
        let said = |text: &str| {
            let mut sources = Sources::default();
            let indented = text.replace('\n', "\n    ");
            let source = sources.add("cm.yaml", format!("data:\n  net-conf.json: |\n    {indented}\n"));
            let mut diagnostics = Diagnostics::default();
            let documents = parse(&source, &mut diagnostics);
            let value = documents[0].root.at("data").get("net-conf.json").unwrap();
            let read = super::parse_json(value.as_str().unwrap(), value.span, &sources, &mut diagnostics).is_some();
            (read, diagnostics.iter().map(|d| format!("{} {}", sources.location(d.span), d.code)).collect::<Vec<_>>())
        };
        assert_eq!(said("{\"a\": 1}"), (true, vec![]));
        assert_eq!(said("Network: 10.244.0.0/16"), (false, vec!["cm.yaml:3:5 json".to_owned()]));
        assert_eq!(said("{\n\"a\": 1,\n}"), (false, vec!["cm.yaml:5:5 json".to_owned()]));
        assert_eq!(said("{'a': 1}"), (false, vec!["cm.yaml:3:6 json".to_owned()]));
        assert_eq!(said("{\"a\": 1} # said").1.len(), 1);
        assert_eq!(said("{\"a\": ]}").1.len(), 1, "what is neither is told once");
    }
}
