//! Domain names in presentation form.

use std::sync::Arc;

/// Most bytes of a name on the wire, the root's zero included.
pub const WIRE_LEN_MAX: usize = 255;
/// Most bytes of a label.
pub const LABEL_LEN_MAX: usize = 63;

/// With a dot at its end.
pub fn absolute(name: &str) -> Arc<str> {
    if is_absolute(name) { name.into() } else { format!("{name}.").into() }
}

/// True if the name ends in a dot that is not escaped.
pub fn is_absolute(name: &str) -> bool {
    let Some(rest) = name.strip_suffix('.') else { return false };
    rest.bytes().rev().take_while(|byte| *byte == b'\\').count().is_multiple_of(2)
}

/// The labels, from the left; none for the root.
pub fn labels(name: &str) -> Vec<&str> {
    let mut labels = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'.' => {
                if at > start {
                    labels.push(&name[start..at]);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < name.len() {
        labels.push(&name[start..]);
    }
    labels
}

/// True if it can stand on the wire: no empty label, none over 63 bytes, 255 in all.
pub fn is_valid(name: &str) -> bool {
    let body = if is_absolute(name) { &name[..name.len() - 1] } else { name };
    if body.is_empty() {
        return name == "." || name.is_empty();
    }
    let (mut total, mut rest) = (0, Some(body));
    while let Some(name) = rest {
        let (label, after) = first_label(name);
        let len = if label.contains('\\') { bytes(label).len() } else { label.len() };
        if !(1..=LABEL_LEN_MAX).contains(&len) {
            return false;
        }
        total += len + 1;
        rest = after;
    }
    total < WIRE_LEN_MAX
}

/// The label that a name begins with, and what follows the dot behind it.
pub fn first_label(name: &str) -> (&str, Option<&str>) {
    let mut escaped = false;
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'.' => return (&name[..at], Some(&name[at + 1..])),
            _ => {}
        }
    }
    (name, None)
}

/// A label's bytes, its escapes resolved.
pub fn bytes(label: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(label.len());
    let mut rest = label.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let digits = after.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let number = digits.and_then(|d| std::str::from_utf8(d).ok()?.parse::<u8>().ok());
        match (number, after.split_first()) {
            (Some(number), _) => {
                out.push(number);
                rest = &after[3..];
            }
            (None, Some((&next, after))) => {
                out.push(next);
                rest = after;
            }
            (None, None) => {}
        }
    }
    out
}

/// A label as it is written.
pub fn push_label(out: &mut String, label: &[u8]) {
    for &byte in label {
        match byte {
            b'.' | b'\\' | b'(' | b')' | b';' | b'@' | b'"' | b' ' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\{byte:03}")),
        }
    }
    out.push('.');
}

/// True if `child` is `parent` or lies below it, letter case aside. The root has everything below it.
pub fn is_below(parent: &str, child: &str) -> bool {
    let (parent, child) = (parent.trim_end_matches('.'), child.strip_suffix('.').unwrap_or(child));
    if parent.is_empty() {
        return true;
    }
    let Some(at) = child.len().checked_sub(parent.len()) else { return false };
    child.is_char_boundary(at)
        && child[at..].eq_ignore_ascii_case(parent)
        && (at == 0 || child.as_bytes()[at - 1] == b'.')
}

/// What stands before a zone, without the dot between; None if the name is not in the zone.
pub fn before<'n>(name: &'n str, zone: &str) -> Option<&'n str> {
    if !is_below(zone, name) {
        return None;
    }
    let (zone, name) = (zone.trim_end_matches('.'), name.strip_suffix('.').unwrap_or(name));
    if zone.is_empty() {
        return Some(name);
    }
    Some(name[..name.len() - zone.len()].trim_end_matches('.'))
}

/// The zones' longest that holds the name.
pub fn longest<'z>(zones: &'z [Arc<str>], name: &str) -> Option<&'z Arc<str>> {
    let mut best: Option<&Arc<str>> = None;
    for zone in zones.iter().filter(|zone| is_below(zone, name)) {
        if best.is_none_or(|best| zone.len() > best.len()) {
            best = Some(zone);
        }
    }
    best
}

/// Joins labels and names with dots between; the result is absolute.
pub fn join(parts: &[&str]) -> Arc<str> {
    let parts = parts.iter().map(|part| part.trim_matches('.')).filter(|part| !part.is_empty());
    absolute(&parts.collect::<Vec<_>>().join("."))
}

/// The address that a name of `in-addr.arpa` or `ip6.arpa` asks about.
pub fn reverse_address(name: &str) -> Option<std::net::IpAddr> {
    let lower = name.to_ascii_lowercase();
    if let Some(digits) = lower.strip_suffix(".in-addr.arpa.") {
        let octets: Vec<&str> = digits.split('.').rev().collect();
        return octets.join(".").parse().ok().map(std::net::IpAddr::V4);
    }
    let nibbles: String = lower.strip_suffix(".ip6.arpa.")?.split('.').rev().collect();
    if nibbles.len() != 32 || lower.len() != 32 * 2 - 1 + ".ip6.arpa.".len() {
        return None;
    }
    let number = u128::from_str_radix(&nibbles, 16).ok()?;
    Some(std::net::IpAddr::V6(number.into()))
}

/// The name under which an address is asked about.
pub fn of_address(ip: std::net::IpAddr) -> Arc<str> {
    match ip {
        std::net::IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.").into()
        }
        std::net::IpAddr::V6(ip) => {
            let digits = format!("{:032x}", u128::from(ip));
            let nibbles: Vec<String> = digits.chars().rev().map(String::from).collect();
            format!("{}.ip6.arpa.", nibbles.join(".")).into()
        }
    }
}
