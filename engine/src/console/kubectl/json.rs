//! Objects as JSON and as Go prints them in messages.

use crate::manifest::{Node, Value};

/// JSON as `kubectl -o json`: keys sorted, four blanks a level, `<`, `>` and `&` escaped as Go's encoder does.
pub fn pretty(node: &Node) -> String {
    let mut text = String::new();
    write(node, Some(0), &mut text);
    text.push('\n');
    text
}

/// JSON on one line.
pub fn compact(node: &Node) -> String {
    let mut text = String::new();
    write(node, None, &mut text);
    text
}

/// A value as JSONPath prints it: a string bare, a structure as JSON.
pub fn plain(node: &Node) -> String {
    match &node.value {
        Value::String(text) => text.to_string(),
        Value::Float(number) => go_float(*number),
        _ => compact(node),
    }
}

/// A mapping's entries by key.
pub fn sorted(node: &Node) -> Vec<(&str, &Node)> {
    let mut entries: Vec<(&str, &Node)> = node.entries().iter().map(|(key, value)| (&*key.name, value)).collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

fn write(node: &Node, level: Option<usize>, text: &mut String) {
    match &node.value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => text.push_str(&value.to_string()),
        Value::Float(value) => text.push_str(&go_float(*value)),
        Value::String(value) => quote(value, text),
        Value::Sequence(items) if items.is_empty() => text.push_str("[]"),
        Value::Sequence(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(index, level, text);
                write(item, level.map(|level| level + 1), text);
            }
            new_line(level, text);
            text.push(']');
        }
        Value::Mapping(entries) if entries.is_empty() => text.push_str("{}"),
        Value::Mapping(_) => {
            text.push('{');
            for (index, (key, value)) in sorted(node).into_iter().enumerate() {
                separate(index, level, text);
                quote(key, text);
                text.push_str(if level.is_some() { ": " } else { ":" });
                write(value, level.map(|level| level + 1), text);
            }
            new_line(level, text);
            text.push('}');
        }
    }
}

fn separate(index: usize, level: Option<usize>, text: &mut String) {
    if index > 0 {
        text.push(',');
    }
    new_line(level.map(|level| level + 1), text);
}

fn new_line(level: Option<usize>, text: &mut String) {
    if let Some(level) = level {
        text.push('\n');
        text.extend(std::iter::repeat_n(' ', 4 * level));
    }
}

/// A JSON string as encoding/json writes it.
pub fn quote(value: &str, text: &mut String) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\x08' => text.push_str("\\b"),
            '\x0c' => text.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => text.push_str(&format!("\\u{:04x}", c as u32)),
            _ => text.push(c),
        }
    }
    text.push('"');
}

/// A float as Go prints it: shortest form, with an exponent below 1e-4 and from 1e21.
pub fn go_float(value: f64) -> String {
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
pub fn go_type(node: &Node) -> &'static str {
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
pub fn go_value(node: &Node) -> String {
    match &node.value {
        Value::Null => "<nil>".to_string(),
        Value::Sequence(items) => format!("[{}]", items.iter().map(go_value).collect::<Vec<_>>().join(" ")),
        Value::Mapping(_) => {
            let entries: Vec<String> =
                sorted(node).iter().map(|(key, value)| format!("{key}:{}", go_value(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        _ => plain(node),
    }
}

/// `%#v`
pub fn go_syntax(node: &Node) -> String {
    let kind = go_type(node);
    match &node.value {
        Value::String(text) => format!("{text:?}"),
        Value::Sequence(items) => format!("{kind}{{{}}}", items.iter().map(go_syntax).collect::<Vec<_>>().join(", ")),
        Value::Mapping(_) => {
            let entry = |(key, value): &(&str, &Node)| format!("{key:?}:{}", go_syntax(value));
            format!("{kind}{{{}}}", sorted(node).iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        _ => go_value(node),
    }
}
