//! YAML (and JSON, which is YAML) → one [`Document`] per object.
//!
//! Values resolve as `kubectl` resolves them: sigs.k8s.io/yaml over go.yaml.in/yaml/v2, so `yes`, `on` and `y` are
//! booleans, `0644` is octal, integral floats are integers and a repeated key's last value wins. Each document is parsed
//! by itself, so an error in one leaves the others whole and memory grows with the trees only.

mod block;
mod build;
mod entries;
mod json;
mod scalar;
mod split;
mod syntax;
mod tree;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc};

pub(super) use build::excerpt;
pub(crate) use scalar::{is_plain_string, resolve_plain};
pub use tree::Watch;
pub(super) use tree::parse_json_only;

use super::{Diagnostics, Key, Node, Source, Span, Value, source};

/// Collections within collections deeper than this are refused, so that recursion over a tree is always safe.
pub const DEPTH_MAX: usize = 64;
/// How many values all aliases of one text may expand to.
pub const ALIAS_VALUES_MAX: usize = 1_000_000;

/// One object: a document, or one item of a `List`.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub root: Node,
}

/// Parses all documents of a text. Prefer [`Documents`] for texts that may be large.
pub fn parse(source: &Source, diagnostics: &mut Diagnostics) -> Vec<Document> {
    let mut documents = Documents::new(source);
    std::iter::from_fn(|| documents.next(diagnostics)).collect()
}

/// Yields one document at a time, with progress in bytes.
pub struct Documents<'s> {
    source: &'s Source,
    position: usize,
    /// What is left of the current document's stretch, when it holds several JSON objects.
    rest: Option<usize>,
    state: tree::State,
    /// Items of a `List` that were parsed but not yet yielded.
    pending: VecDeque<Document>,
}

impl<'s> Documents<'s> {
    pub fn new(source: &'s Source) -> Documents<'s> {
        let bom = if source.text.starts_with('\u{feff}') { 3 } else { 0 };
        Documents { source, position: bom, rest: None, state: tree::State::default(), pending: VecDeque::new() }
    }

    /// Tells how far the reading of a long text has come.
    pub fn watched(mut self, watch: Watch) -> Documents<'s> {
        self.state.watch = Some(watch);
        self
    }

    /// The next object; `None` at the end. What is wrong on the way goes to `diagnostics`.
    pub fn next(&mut self, diagnostics: &mut Diagnostics) -> Option<Document> {
        loop {
            if let Some(document) = self.pending.pop_front() {
                return Some(document);
            }
            if self.source.text.len() > source::TEXT_BYTES_MAX {
                if self.position < self.source.text.len() {
                    let span = Span { source: self.source.id, start: 0, end: 0 };
                    source::too_long(span, self.source.text.len(), diagnostics);
                }
                self.position = self.source.text.len();
            }
            let chunk = match self.rest.take() {
                Some(end) => self.position..end,
                None => split::next_chunk(&self.source.text, self.position)?,
            };
            let end = chunk.end;
            self.position = end;
            let Ok(parsed) = tree::parse_chunk(self.source, chunk, &mut self.state, diagnostics) else { continue };
            // One JSON object may follow another without a separator.
            if parsed.end < end {
                (self.position, self.rest) = (parsed.end, Some(end));
            }
            if let Some(root) = parsed.root {
                self.state.count(parsed.end);
                flatten(root, &mut self.pending, diagnostics);
            }
        }
    }

    /// How far the text has been read: (bytes read, bytes in all).
    pub fn progress(&self) -> (usize, usize) {
        (self.position.min(self.source.text.len()), self.source.text.len())
    }
}

/// A `List`, or a `PodList` and the like, becomes its items. The items of a typed list name no kind of their own; they
/// get the list's.
fn flatten(root: Node, documents: &mut VecDeque<Document>, diagnostics: &mut Diagnostics) {
    let Some(item_kind) = root.get("kind").and_then(Node::as_str).and_then(|kind| kind.strip_suffix("List")) else {
        documents.push_back(Document { root });
        return;
    };
    let item_kind: Arc<str> = item_kind.into();
    let api_version = root.get("apiVersion").cloned();
    let kind_span = root.get("kind").map(|kind| kind.span).unwrap_or_default();
    let is_sequence = matches!(root.get("items").map(|items| &items.value), Some(Value::Sequence(_) | Value::Null));
    if !is_sequence {
        if item_kind.is_empty() {
            let span = root.get("items").map_or(kind_span, |items| items.span);
            diagnostics.error("list-items", span, "a List needs `items`, a list of objects");
        } else {
            documents.push_back(Document { root });
        }
        return;
    }
    let Value::Mapping(entries) = root.value else { return };
    let items = entries.into_iter().find(|(key, _)| &*key.name == "items").map(|(_, items)| items.value);
    let Some(Value::Sequence(items)) = items else { return };
    for mut item in items {
        if let Value::Mapping(entries) = &mut item.value
            && !item_kind.is_empty()
        {
            let add = |entries: &mut Vec<(Key, Node)>, name: &str, node: Node| {
                if !entries.iter().any(|(key, _)| &*key.name == name) {
                    entries.insert(0, (Key { name: name.into(), span: node.span }, node));
                }
            };
            add(entries, "kind", Node { value: Value::String(item_kind.clone()), span: kind_span });
            if let Some(api_version) = &api_version {
                add(entries, "apiVersion", api_version.clone());
            }
        }
        documents.push_back(Document { root: item });
    }
}
