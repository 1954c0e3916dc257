//! Values as Go prints them in templates and messages.

use crate::manifest::emit::json_compact;
use crate::manifest::{Node, Value};

/// A value as JSONPath prints it: a string bare, a structure as JSON.
pub fn plain(node: &Node) -> String {
    match &node.value {
        Value::String(text) => text.to_string(),
        Value::Float(number) => float(*number),
        _ => json_compact(node),
    }
}

/// A mapping's entries by key.
fn sorted(node: &Node) -> Vec<(&str, &Node)> {
    let mut entries: Vec<(&str, &Node)> = node.entries().iter().map(|(key, value)| (&*key.name, value)).collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

/// A float as Go prints it: shortest form, with an exponent below 1e-4 and from 1e21.
fn float(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{value:e}");
        // Go's exponents have a sign and two digits.
        return match text.split_once('e') {
            Some((mantissa, exponent)) => {
                let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
                format!("{mantissa}e{sign}{digits:0>2}")
            }
            None => text,
        };
    }
    format!("{value}")
}

/// The Go type that a decoded value has.
pub fn type_name(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::Sequence(_) => "[]interface {}",
        Value::Mapping(_) => "map[string]interface {}",
    }
}

/// `%v`
pub fn value(node: &Node) -> String {
    match &node.value {
        Value::Null => "<nil>".to_string(),
        Value::Sequence(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(" ")),
        Value::Mapping(_) => {
            let entries: Vec<String> =
                sorted(node).iter().map(|(key, item)| format!("{key}:{}", value(item))).collect();
            format!("map[{}]", entries.join(" "))
        }
        _ => plain(node),
    }
}

/// `%#v`
pub fn syntax(node: &Node) -> String {
    let kind = type_name(node);
    match &node.value {
        Value::String(text) => format!("{text:?}"),
        Value::Sequence(items) => format!("{kind}{{{}}}", items.iter().map(syntax).collect::<Vec<_>>().join(", ")),
        Value::Mapping(_) => {
            let entry = |(key, value): &(&str, &Node)| format!("{key:?}:{}", syntax(value));
            format!("{kind}{{{}}}", sorted(node).iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        _ => value(node),
    }
}
