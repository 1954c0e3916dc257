//! Changes of a tree, as a patch makes them.

use crate::manifest::{Key, Node, Span, Value};

/// Sets the field at the end of a path of names; mappings on the way are made where there are none.
pub fn set(tree: &mut Node, path: &[&str], value: Value) {
    let Some((name, rest)) = path.split_first() else { return tree.value = value };
    if !matches!(tree.value, Value::Mapping(_)) {
        tree.value = Value::Mapping(Vec::new());
    }
    let Value::Mapping(fields) = &mut tree.value else { return };
    let at = fields.iter().position(|(key, _)| *key.name == **name).unwrap_or_else(|| {
        let (key, null) = (Key { name: (*name).into(), span: Span::default() }, Value::Null);
        fields.push((key, Node { value: null, span: Span::default() }));
        fields.len() - 1
    });
    set(&mut fields[at].1, rest, value);
}

/// Takes the field at the end of a path away.
pub fn remove(tree: &mut Node, path: &[&str]) {
    let (Value::Mapping(fields), Some((name, rest))) = (&mut tree.value, path.split_first()) else { return };
    if rest.is_empty() {
        return fields.retain(|(key, _)| *key.name != **name);
    }
    if let Some((_, field)) = fields.iter_mut().find(|(key, _)| *key.name == **name) {
        remove(field, rest);
    }
}
