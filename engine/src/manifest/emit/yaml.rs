//! YAML as sigs.k8s.io/yaml prints it: go.yaml.in/yaml/v2's encode.go and emitterc.go at their defaults. Two spaces a
//! level, lists not indented below their key, no line is wrapped.

use std::cmp::Ordering;

use super::{number::float_g, sorted};
use crate::manifest::{Node, Value, parse::is_plain_string};

/// Keys longer than this are written after `? ` (emitterc.go check_simple_key), in bytes.
const SIMPLE_KEY_MAX: usize = 128;

/// `-o yaml`: keys in natural order, a line break at the end.
pub fn yaml(node: &Node) -> String {
    let mut out = String::new();
    write(node, -2, &mut out);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Writes a value after `- `, `key: `, or at the start. `parent` is the indentation of the collection around it; -2 for
/// the root.
fn write(node: &Node, parent: isize, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&float_g(*value)),
        Value::String(text) => write_string(text, parent + 2, out),
        Value::Sequence(items) if items.is_empty() => out.push_str("[]"),
        Value::Mapping(entries) if entries.is_empty() => out.push_str("{}"),
        Value::Sequence(items) => write_items(items, parent + 2, out),
        Value::Mapping(_) => write_entries(node, parent + 2, out),
    }
}

fn write_items(items: &[Node], indent: isize, out: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            new_line(indent, out);
        }
        out.push_str("- ");
        write(item, indent, out);
    }
}

fn write_entries(node: &Node, indent: isize, out: &mut String) {
    for (index, (key, value)) in sorted(node, natural_order).into_iter().enumerate() {
        if index > 0 {
            new_line(indent, out);
        }
        if key.name.len() > SIMPLE_KEY_MAX || key.name.contains(is_break) {
            out.push_str("? ");
            write_key(&key.name, out);
            new_line(indent, out);
            out.push_str(": ");
            write(value, indent, out);
            continue;
        }
        write_key(&key.name, out);
        out.push(':');
        match &value.value {
            Value::Sequence(items) if !items.is_empty() => {
                new_line(indent, out);
                write_items(items, indent, out);
            }
            Value::Mapping(entries) if !entries.is_empty() => {
                new_line(indent + 2, out);
                write_entries(value, indent + 2, out);
            }
            _ => {
                out.push(' ');
                write(value, indent, out);
            }
        }
    }
}

fn new_line(indent: isize, out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
    (0..indent).for_each(|_| out.push(' '));
}

fn write_key(name: &str, out: &mut String) {
    let style = Analysis::of(name);
    match is_plain_string(name) && style.plain {
        true => out.push_str(name),
        false if is_plain_string(name) && style.single_quoted && !name.contains(is_break) => single_quoted(name, out),
        false => double_quoted(name, out),
    }
}

fn write_string(text: &str, indent: isize, out: &mut String) {
    let style = Analysis::of(text);
    if text.contains('\n') {
        // A text that is a whole document has no indentation to tell its own from.
        if style.block && indent > 0 { literal(text, indent, out) } else { double_quoted(text, out) }
    } else if !is_plain_string(text) {
        double_quoted(text, out);
    } else if style.plain {
        out.push_str(text);
    } else if style.single_quoted {
        single_quoted(text, out);
    } else {
        double_quoted(text, out);
    }
}

/// Which styles can hold a text. Models emitterc.go yaml_emitter_analyze_scalar.
struct Analysis {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Analysis {
    fn of(text: &str) -> Analysis {
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut breaks, mut break_space, mut space_break) = (false, false, false, false);
        let mut previous = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let followed_by_blank = matches!(chars.peek(), None | Some(' ' | '\t'));
            let preceded_by_blank = previous.is_none_or(|p| p == '\t' || p == ' ' || is_break(p));
            indicators |= match c {
                '#' => preceded_by_blank,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                    previous.is_none()
                }
                '?' | '-' => previous.is_none() && followed_by_blank,
                ':' => followed_by_blank,
                _ => false,
            };
            special |= !is_printable(c);
            breaks |= is_break(c);
            break_space |= c == ' ' && previous.is_some_and(is_break);
            space_break |= is_break(c) && previous == Some(' ');
            previous = Some(c);
        }
        let edge = |c: char| c == ' ' || is_break(c);
        let edges = text.starts_with(edge) || text.ends_with(edge);
        Analysis {
            plain: !(text.is_empty() || indicators || edges || break_space || space_break || special || breaks),
            single_quoted: !(break_space || space_break || special || breaks),
            block: !(text.is_empty() || text.ends_with(' ') || space_break || special),
        }
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// yamlprivateh.go is_printable: neither tabs nor anything beyond the basic plane. Separators that only YAML 1.1 takes
/// for line breaks are left out too, so that every parser reads back what was written.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}') && !matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}')
}

fn single_quoted(text: &str, out: &mut String) {
    out.push('\'');
    out.push_str(&text.replace('\'', "''"));
    out.push('\'');
}

fn double_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            c if is_printable(c) => {
                out.push(c);
                continue;
            }
            c => {
                let code = c as u32;
                out.push_str(&match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                });
                continue;
            }
        };
        out.push('\\');
        out.push(short);
    }
    out.push('"');
}

/// `|`, with the indentation and the trailing line breaks said where they would be misread.
fn literal(text: &str, indent: isize, out: &mut String) {
    out.push('|');
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    if !text.ends_with('\n') {
        out.push('-');
    } else if text == "\n" || text.ends_with("\n\n") {
        out.push('+');
    }
    out.push('\n');
    for line in text.split_inclusive('\n') {
        if line != "\n" {
            (0..indent).for_each(|_| out.push(' '));
        }
        out.push_str(line);
    }
}

/// Letters by code point, numbers by value, and everything else before letters. Models go-yaml's sorter.go keyList.Less.
fn natural_order(left: &str, right: &str) -> Ordering {
    let (l, r): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let Some(at) = l.iter().zip(&r).position(|(l, r)| l != r) else { return l.len().cmp(&r.len()) };
    let (a, b) = (l[at], r[at]);
    // Keys of Kubernetes objects are ASCII; what is not counts as a letter, which keeps Unicode's tables out of wasm.
    let letter = |c: char| c.is_ascii_alphabetic() || !c.is_ascii();
    match (letter(a), letter(b)) {
        (true, true) => return a.cmp(&b),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Zeros that stand within a number count.
    let mut start = 0u64;
    if a == '0' || b == '0' {
        let before = l[..at].iter().rev().take_while(|c| c.is_ascii_digit());
        start = u64::from(before.into_iter().any(|&c| c != '0'));
    }
    let number = |chars: &[char]| {
        let digits = chars[at..].iter().take_while(|c| c.is_ascii_digit());
        digits.fold((start, 0usize), |(value, count), c| {
            (value.wrapping_mul(10).wrapping_add(u64::from(*c as u32 - '0' as u32)), count + 1)
        })
    };
    number(&l).cmp(&number(&r)).then(a.cmp(&b))
}
