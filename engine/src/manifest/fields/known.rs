//! What the API server keeps of an object.

use super::table::{FieldTable, Sort};
use crate::manifest::{Node, Value, typed::TypeMeta};

/// The object without the fields that its kind does not have: the API server drops them, with a warning, before it looks at
/// anything else. An object of a kind that the table does not have stays as it is.
pub fn known(root: &Node, table: &FieldTable) -> Node {
    let types = TypeMeta::project(root);
    match types.and_then(|types| table.kind(&types.api_version, &types.kind)) {
        Some(index) => pruned(root, &Sort::Type(index), table),
        None => root.clone(),
    }
}

/// The depth of a tree is bounded, so the recursion is.
fn pruned(node: &Node, sort: &Sort, table: &FieldTable) -> Node {
    let value = match (sort, &node.value) {
        (Sort::Type(index), Value::Mapping(entries)) => {
            let fields = table.fields(*index);
            let known = entries.iter().filter_map(|(key, value)| {
                let field = fields.iter().find(|field| *field.name == *key.name)?;
                Some((key.clone(), pruned(value, &field.sort, table)))
            });
            Value::Mapping(known.collect())
        }
        (Sort::List(inner), Value::Sequence(items)) => {
            Value::Sequence(items.iter().map(|item| pruned(item, inner, table)).collect())
        }
        (Sort::Map(inner), Value::Mapping(entries)) => {
            Value::Mapping(entries.iter().map(|(key, value)| (key.clone(), pruned(value, inner, table))).collect())
        }
        (_, value) => value.clone(),
    };
    Node { value, span: node.span }
}
