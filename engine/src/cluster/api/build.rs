//! Small tools to make and complete trees.

use crate::manifest::{Key, Node, Span, Value};

fn node(value: Value) -> Node {
    Node { value, span: Span::default() }
}

pub fn text(text: impl AsRef<str>) -> Node {
    node(Value::String(text.as_ref().into()))
}

pub fn int(n: impl Into<i64>) -> Node {
    node(Value::Int(n.into()))
}

pub fn boolean(value: bool) -> Node {
    node(Value::Bool(value))
}

pub fn list(items: Vec<Node>) -> Node {
    node(Value::Sequence(items))
}

pub fn map<const N: usize>(entries: [(&str, Node); N]) -> Node {
    let mut made = node(Value::Mapping(Vec::with_capacity(N)));
    for (name, value) in entries {
        set(&mut made, name, value);
    }
    made
}

/// Sets a field; anything but a mapping becomes one.
pub fn set(target: &mut Node, name: &str, value: Node) {
    if !matches!(target.value, Value::Mapping(_)) {
        target.value = Value::Mapping(Vec::new());
    }
    let Value::Mapping(entries) = &mut target.value else { return };
    match entries.iter_mut().find(|(key, _)| &*key.name == name) {
        Some((_, old)) => *old = value,
        None => entries.push((Key { name: name.into(), span: Span::default() }, value)),
    }
}

/// Sets a field unless it is there and not null.
pub fn default(target: &mut Node, name: &str, value: Node) {
    if target.get(name).is_none_or(|old| old.value == Value::Null) {
        set(target, name, value);
    }
}

pub fn defaults<const N: usize>(target: &mut Node, entries: [(&str, Node); N]) {
    for (name, value) in entries {
        default(target, name, value);
    }
}

/// The mapping in a field, made if it is not there.
pub fn child<'n>(target: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    default(target, name, map([]));
    get_mut(target, name)
}

pub fn get_mut<'n>(target: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    let Value::Mapping(entries) = &mut target.value else { return None };
    entries.iter_mut().find(|(key, _)| &*key.name == name).map(|(_, value)| value)
}

/// Applies `change` to each element of the list in a field.
pub fn each(target: &mut Node, name: &str, change: impl FnMut(&mut Node)) {
    if let Some(Node { value: Value::Sequence(items), .. }) = get_mut(target, name) {
        items.iter_mut().for_each(change);
    }
}

pub fn remove(target: &mut Node, name: &str) {
    if let Value::Mapping(entries) = &mut target.value {
        entries.retain(|(key, _)| &*key.name != name);
    }
}

/// Sorts every mapping by key, as the API server's answers are.
pub fn sort(target: &mut Node) {
    match &mut target.value {
        Value::Mapping(entries) => {
            entries.sort_by(|a, b| a.0.name.cmp(&b.0.name));
            entries.iter_mut().for_each(|(_, value)| sort(value));
        }
        Value::Sequence(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}
