//! The tree of one YAML document: every scalar, key and collection knows where it stands in its source.

use std::sync::Arc;

/// A stretch of one source text, in bytes. `source` numbers the texts known to the store; line and column are computed
/// on demand by `Source`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub source: u32,
    pub start: u32,
    pub end: u32,
}

/// One value of a document and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub value: Value,
    pub span: Span,
}

/// YAML's values as Kubernetes sees them (the JSON data model).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Arc<str>),
    Sequence(Vec<Node>),
    /// In the order written. Keys are unique: a repeated key is a diagnostic.
    Mapping(Vec<(Key, Node)>),
}

/// A mapping's key and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub name: Arc<str>,
    pub span: Span,
}

impl Node {
    /// The value under `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|(k, _)| &*k.name == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The element at `index`, if this is a sequence that long.
    pub fn item(&self, index: usize) -> Option<&Node> {
        self.items().get(index)
    }

    /// A sequence's elements; empty for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// A mapping's entries; empty for anything else.
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The node at a field path such as `spec.containers[0].image`, or the deepest node on the way that exists.
    pub fn at(&self, path: &str) -> &Node {
        let mut node = self;
        for part in path.split('.').filter(|part| !part.is_empty()) {
            let (name, indices) = part.split_once('[').unwrap_or((part, ""));
            let mut next = if name.is_empty() { Some(node) } else { node.get(name) };
            for index in indices.split('[').filter(|index| !index.is_empty()) {
                next = next.and_then(|n| n.item(index.trim_end_matches(']').parse().ok()?));
            }
            match next {
                Some(found) => node = found,
                None => break,
            }
        }
        node
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}
