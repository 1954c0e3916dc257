//! Reads fields of a tree: each function gives the value, or `None` with a diagnostic if it is of another type. A field
//! that is absent or null gives `None` and no diagnostic, as the API server takes it.

use std::{collections::BTreeMap, sync::Arc};

use ipnet::IpNet;

use crate::manifest::{Diagnostics, Node, Span, Value, nearest::nearest, parse::excerpt, validate::network};

/// A port by number or by name, or an amount as a number or a percentage.
#[derive(Clone, Debug, PartialEq)]
pub enum IntOrString {
    Int(i64),
    String(Arc<str>),
}

pub(crate) fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    node.get(name).filter(|value| value.value != Value::Null)
}

/// Where a field's value stands, or the object itself if it has none.
pub(crate) fn span_of(node: &Node, name: &str) -> Span {
    node.get(name).map_or(node.span, |value| value.span)
}

pub(crate) fn text(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Option<Arc<str>> {
    string(field(node, name)?, diagnostics)
}

pub(crate) fn int(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Option<i64> {
    let value = field(node, name)?;
    match value.value {
        Value::Int(int) => Some(int),
        _ => mismatch(value, "an integer", diagnostics),
    }
}

/// An integer that must not be negative.
pub(crate) fn count(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Option<u32> {
    let int = int(node, name, diagnostics)?;
    match u32::try_from(int) {
        Ok(count) if count <= i32::MAX as u32 => Some(count),
        _ if int < 0 => {
            let message = format!("Invalid value: {int}: must be greater than or equal to 0");
            diagnostics.error("range", span_of(node, name), message);
            None
        }
        _ => {
            let message = format!("Invalid value: {int}: does not fit in 32 bits");
            diagnostics.error("range", span_of(node, name), message);
            None
        }
    }
}

/// A port number, 1 to 65535.
pub(crate) fn port(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Option<u16> {
    let int = int(node, name, diagnostics)?;
    match u16::try_from(int) {
        Ok(port) if port > 0 => Some(port),
        _ => {
            let message = format!("Invalid value: {int}: must be between 1 and 65535, inclusive");
            diagnostics.error("range", span_of(node, name), message);
            None
        }
    }
}

pub(crate) fn boolean(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Option<bool> {
    let value = field(node, name)?;
    match value.value {
        Value::Bool(boolean) => Some(boolean),
        _ => mismatch(value, "true or false", diagnostics),
    }
}

pub(crate) fn int_or_string(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Option<IntOrString> {
    let value = field(node, name)?;
    match &value.value {
        Value::Int(int) => Some(IntOrString::Int(*int)),
        Value::String(text) => Some(IntOrString::String(text.clone())),
        _ => mismatch(value, "an integer or a string", diagnostics),
    }
}

pub(crate) fn object<'n>(node: &'n Node, name: &str, diagnostics: &mut Diagnostics) -> Option<&'n Node> {
    let value = field(node, name)?;
    if is_object(value, diagnostics) { Some(value) } else { None }
}

pub(crate) fn is_object(node: &Node, diagnostics: &mut Diagnostics) -> bool {
    matches!(node.value, Value::Mapping(_)) || mismatch::<()>(node, "a mapping", diagnostics).is_some()
}

/// A list's elements that are mappings.
pub(crate) fn objects<'n>(node: &'n Node, name: &str, diagnostics: &mut Diagnostics) -> Vec<&'n Node> {
    let items = items(node, name, diagnostics).iter();
    items.filter(|item| is_object(item, diagnostics)).collect()
}

pub(crate) fn items<'n>(node: &'n Node, name: &str, diagnostics: &mut Diagnostics) -> &'n [Node] {
    match field(node, name) {
        None => &[],
        Some(value) if matches!(value.value, Value::Sequence(_)) => value.items(),
        Some(value) => mismatch(value, "a list", diagnostics).unwrap_or(&[]),
    }
}

pub(crate) fn texts(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Vec<Arc<str>> {
    let items = items(node, name, diagnostics).iter();
    items.filter_map(|item| string(item, diagnostics)).collect()
}

pub(crate) fn text_map(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> BTreeMap<Arc<str>, Arc<str>> {
    let Some(map) = object(node, name, diagnostics) else { return BTreeMap::new() };
    let entries = map.entries().iter();
    entries.filter_map(|(key, value)| Some((key.name.clone(), string(value, diagnostics)?))).collect()
}

/// The index in `allowed` of a field's text; another text is an error that names them.
pub(crate) fn choice(node: &Node, name: &str, allowed: &[&str], diagnostics: &mut Diagnostics) -> Option<usize> {
    let text = text(node, name, diagnostics)?;
    let found = allowed.iter().position(|word| **word == *text);
    if found.is_none() {
        unsupported(span_of(node, name), &text, allowed, diagnostics);
    }
    found
}

/// Kubernetes' words for a value that is not one of a field's choices.
pub(crate) fn unsupported(span: Span, found: &str, allowed: &[&str], diagnostics: &mut Diagnostics) {
    let mut sorted = allowed.to_vec();
    sorted.sort_unstable();
    let words: Vec<String> = sorted.iter().map(|word| format!("\"{word}\"")).collect();
    let message = format!("Unsupported value: \"{found}\": supported values: {}", words.join(", "));
    let added = diagnostics.error("enum", span, message);
    if let Some(near) = nearest(found, allowed.iter().copied()) {
        added.hint(format!("did you mean \"{near}\"?")).fix(span, near);
    }
}

/// Subnets of a field that is a text of one or two, separated by a comma (`podSubnet`).
pub(crate) fn subnets(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Option<Vec<IpNet>> {
    let value = field(node, name)?;
    let text = string(value, diagnostics)?;
    let nets = text.split(',').filter_map(|part| subnet(part.trim(), value.span, diagnostics));
    Some(nets.collect())
}

pub(crate) fn subnet(text: &str, span: Span, diagnostics: &mut Diagnostics) -> Option<IpNet> {
    network::read_cidr(text, span, diagnostics)
}

pub(crate) fn string(value: &Node, diagnostics: &mut Diagnostics) -> Option<Arc<str>> {
    match &value.value {
        Value::String(text) => Some(text.clone()),
        _ => mismatch(value, "a string", diagnostics),
    }
}

/// Reports that a value is not `expected`; always `None`.
pub(crate) fn mismatch<T>(value: &Node, expected: &str, diagnostics: &mut Diagnostics) -> Option<T> {
    let Node { value: found, span } = value;
    let length = span.end.wrapping_sub(span.start) as usize;
    let (found, fix) = match found {
        Value::Null => ("nothing".to_owned(), None),
        Value::Bool(value) => (format!("boolean {value}"), Some(value.to_string())),
        Value::Int(value) => (format!("integer {value}"), Some(value.to_string())),
        Value::Float(_) => ("a number with a fraction".to_owned(), None),
        Value::String(text) => (format!("string \"{}\"", excerpt(text)), None),
        Value::Sequence(_) => ("a list".to_owned(), None),
        Value::Mapping(_) => ("a mapping".to_owned(), None),
    };
    let added = diagnostics.error("type", *span, format!("expected {expected}, found {found}"));
    match (&value.value, expected) {
        (Value::String(text), "an integer") if text.parse::<i64>().is_ok() => {
            added.hint("remove the quotes").fix(*span, &**text);
        }
        (Value::String(text), "true or false") if matches!(&**text, "true" | "false") => {
            added.hint("remove the quotes").fix(*span, &**text);
        }
        (Value::Bool(boolean), "a string") if length != boolean.to_string().len() => {
            added.hint("put it in quotes: unquoted, kubectl reads y, n, yes, no, on and off as true or false");
        }
        (Value::Bool(_) | Value::Int(_) | Value::Float(_), "a string") => {
            added.hint("put it in quotes");
            // Only what is written as it is printed can be quoted without its source text.
            if let Some(text) = fix.filter(|text| text.len() == length) {
                added.fix(*span, format!("\"{text}\""));
            }
        }
        (Value::Mapping(_), "a list") => {
            added.hint("start each element with `- `");
        }
        (Value::Sequence(_), "a mapping") => {
            added.hint("remove the `- `");
        }
        _ => {}
    }
    None
}

/// `protocol`: TCP unless it says otherwise.
pub(crate) fn protocol(node: &Node, diagnostics: &mut Diagnostics) -> crate::net::Protocol {
    use crate::net::Protocol;
    match choice(node, "protocol", &["TCP", "UDP", "SCTP"], diagnostics) {
        Some(1) => Protocol::Udp,
        Some(2) => Protocol::Sctp,
        _ => Protocol::Tcp,
    }
}

pub(crate) fn ip(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Option<std::net::IpAddr> {
    // An empty address is none: status.podIP of a Pod that waits.
    let text = text(node, name, diagnostics).filter(|text| !text.is_empty())?;
    network::read_ip(&text, span_of(node, name), diagnostics)
}
