//! Values → JSON as jq prints it.

use crate::manifest::emit::json_compact;
use crate::manifest::{Node, Value};

/// JSON as jq prints it: two blanks a level, keys in their own order.
pub(super) fn write(value: &Node, level: Option<usize>, text: &mut String) {
    let (open, close, count) = match &value.value {
        Value::Sequence(items) => ('[', ']', items.len()),
        Value::Mapping(entries) => ('{', '}', entries.len()),
        Value::String(string) => return quote(string, text),
        _ => return text.push_str(&json_compact(value)),
    };
    let inner = level.map(|level| level + 1);
    let new_line = |level: Option<usize>, text: &mut String| {
        if let Some(level) = level {
            text.push('\n');
            text.extend(std::iter::repeat_n("  ", level));
        }
    };
    text.push(open);
    for index in 0..count {
        if index > 0 {
            text.push(',');
        }
        new_line(inner, text);
        if let Some((key, value)) = value.entries().get(index) {
            quote(&key.name, text);
            text.push_str(if level.is_some() { ": " } else { ":" });
            write(value, inner, text);
        } else if let Some(item) = value.item(index) {
            write(item, inner, text);
        }
    }
    if count > 0 {
        new_line(level, text);
    }
    text.push(close);
}

fn quote(string: &str, text: &mut String) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            '\0'..='\x1f' | '\x7f' => text.push_str(&format!("\\u{:04x}", c as u32)),
            _ => text.push(c),
        }
    }
    text.push('"');
}
