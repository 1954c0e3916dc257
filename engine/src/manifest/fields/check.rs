//! An object against the table.

use super::table::{Field, FieldTable, Sort};
use crate::manifest::{Diagnostics, Key, Node, Value, nearest::nearest, path_at, typed::TypeMeta, typed::reader};

/// Reports unknown fields (warnings), and values of the wrong type, missing required fields and values that are none of a
/// field's choices (errors). An object of a kind that the table does not have passes.
pub fn check(root: &Node, table: &FieldTable, diagnostics: &mut Diagnostics) {
    let Some(type_meta) = TypeMeta::project(root) else { return };
    let Some(root_type) = table.kind(&type_meta.api_version, &type_meta.kind) else { return };
    Checker { table, root, root_type, diagnostics }.object(root, root_type, false);
}

struct Checker<'a> {
    table: &'a FieldTable,
    root: &'a Node,
    root_type: usize,
    diagnostics: &'a mut Diagnostics,
}

impl Checker<'_> {
    /// `status` is what a cluster wrote: nothing is required of it.
    fn object(&mut self, node: &Node, index: usize, in_status: bool) {
        if !reader::is_object(node, self.diagnostics) {
            return;
        }
        let fields = self.table.fields(index);
        for (key, value) in node.entries() {
            match fields.iter().find(|field| *field.name == *key.name) {
                Some(field) => self.value(value, &field.sort, in_status || &*key.name == "status"),
                None => self.unknown(node, key, value, fields, index),
            }
        }
        for field in fields.iter().filter(|field| field.required && !in_status) {
            if reader::field(node, &field.name).is_none() {
                self.diagnostics.error("required", node.span, format!("Required value: {}", field.name));
            }
        }
    }

    fn unknown(&mut self, node: &Node, key: &Key, value: &Node, fields: &[Field], index: usize) {
        let free = fields.iter().map(|field| &*field.name).filter(|name| node.get(name).is_none());
        let near = nearest(&key.name, free);
        let added = self.diagnostics.warning("unknown-field", key.span, format!("unknown field \"{}\"", key.name));
        if let Some(near) = near {
            added.hint(format!("did you mean \"{near}\"?")).fix(key.span, near);
            return;
        }
        // Below this object, or somewhere else in this kind.
        let below = self.table.home_of(&key.name, index).map(|path| {
            let own = path_at(self.root, key.span);
            let parent = own.strip_suffix(&*key.name).unwrap_or("");
            format!("{parent}{path}")
        });
        if let Some(path) = below.or_else(|| self.table.home_of(&key.name, self.root_type)) {
            let top = path.is_empty();
            added.hint(if top {
                "it belongs at the top of the object".to_owned()
            } else {
                format!("it belongs under {path}")
            });
        } else if value.value == Value::Null {
            added.hint("it is not part of this kind; is its indentation right?");
        }
    }

    fn value(&mut self, node: &Node, sort: &Sort, in_status: bool) {
        let expected = match (sort, &node.value) {
            (_, Value::Null) | (Sort::Any, _) => return,
            (Sort::Type(index), _) => return self.object(node, *index, in_status),
            (Sort::List(inner), Value::Sequence(items)) => {
                return items.iter().for_each(|item| self.value(item, inner, in_status));
            }
            (Sort::Map(inner), Value::Mapping(entries)) => {
                return entries.iter().for_each(|(_, value)| self.value(value, inner, in_status));
            }
            (Sort::Choice(choices), Value::String(text)) => {
                if !text.is_empty() && !choices.iter().any(|choice| **choice == **text) {
                    let choices: Vec<&str> = choices.iter().map(|choice| &**choice).collect();
                    reader::unsupported(node.span, text, &choices, self.diagnostics);
                }
                return;
            }
            (Sort::Quantity, Value::String(text)) => {
                if !is_quantity(text) {
                    let why =
                        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
                    self.diagnostics.error("quantity", node.span, why).hint("for example 100m, 0.5, 64Mi or 1Gi");
                }
                return;
            }
            (Sort::String | Sort::Time, Value::String(_))
            | (Sort::Int, Value::Int(_))
            | (Sort::Number | Sort::Quantity, Value::Int(_) | Value::Float(_))
            | (Sort::Bool, Value::Bool(_))
            | (Sort::IntOrString, Value::Int(_) | Value::String(_)) => return,
            (Sort::List(_), _) => "a list",
            (Sort::Map(_), _) => "a mapping",
            (Sort::String | Sort::Choice(_), _) => "a string",
            (Sort::Time, _) => "a time in quotes",
            (Sort::Int, _) => "an integer",
            (Sort::Number, _) => "a number",
            (Sort::Bool, _) => "true or false",
            (Sort::Quantity, _) => "a quantity",
            (Sort::IntOrString, _) => "an integer or a string",
        };
        reader::mismatch::<()>(node, expected, self.diagnostics);
    }
}

/// Models apimachinery pkg/api/resource quantity.go: a decimal number and a suffix.
fn is_quantity(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let exponent = suffix.strip_prefix(['e', 'E']).map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
    number.bytes().any(|b| b.is_ascii_digit())
        && number.bytes().filter(|&b| b == b'.').count() <= 1
        && (matches!(suffix, "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E")
            || matches!(suffix, "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei")
            || exponent.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())))
}
