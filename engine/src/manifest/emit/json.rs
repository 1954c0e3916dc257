//! JSON as Go's encoding/json prints it.

use super::{number::float_json, sorted};
use crate::manifest::{Node, Value};

/// `-o json`: keys sorted, indented by four spaces, a line break at the end.
pub fn json(node: &Node) -> String {
    let mut out = String::new();
    write(node, Some(0), &mut out);
    out.push('\n');
    out
}

/// On one line, without spaces or a line break.
pub fn json_compact(node: &Node) -> String {
    let mut out = String::new();
    write(node, None, &mut out);
    out
}

/// `depth` is `None` for the compact form.
fn write(node: &Node, depth: Option<usize>, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&float_json(*value)),
        Value::String(text) => write_string(text, out),
        Value::Sequence(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                line(index, depth, out);
                write(item, depth.map(|depth| depth + 1), out);
            }
            end(items.is_empty(), depth, out);
            out.push(']');
        }
        Value::Mapping(entries) => {
            out.push('{');
            for (index, (key, value)) in sorted(node, str::cmp).into_iter().enumerate() {
                line(index, depth, out);
                write_string(&key.name, out);
                out.push_str(if depth.is_some() { ": " } else { ":" });
                write(value, depth.map(|depth| depth + 1), out);
            }
            end(entries.is_empty(), depth, out);
            out.push('}');
        }
    }
}

fn line(index: usize, depth: Option<usize>, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
    if let Some(depth) = depth {
        indent(depth + 1, out);
    }
}

fn end(empty: bool, depth: Option<usize>, out: &mut String) {
    if let Some(depth) = depth
        && !empty
    {
        indent(depth, out);
    }
}

fn indent(depth: usize, out: &mut String) {
    out.push('\n');
    (0..depth).for_each(|_| out.push_str("    "));
}

/// With what is special in HTML escaped, as Go does it unless told otherwise.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
