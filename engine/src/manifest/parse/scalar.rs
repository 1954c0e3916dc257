//! What an unquoted scalar means.
//!
//! Models go.yaml.in/yaml/v2 resolve.go, then the passage through JSON (sigs.k8s.io/yaml YAMLToJSON) that makes integral
//! floats integers and leaves timestamps strings.

use crate::manifest::Value;

/// The value of a plain scalar. A string is reported as `None`, so that the caller can intern it.
pub(crate) fn resolve_plain(text: &str) -> Option<Value> {
    let first = *text.as_bytes().first().unwrap_or(&b'~');
    match first {
        b'+' | b'-' | b'0'..=b'9' => signed_word(text).or_else(|| number(text)),
        b'.' => signed_word(text).or_else(|| float(text)),
        _ => word(text),
    }
}

/// Whether the text, written without quotes, would be read as that very string. Base-60 numbers, which other parsers
/// read as numbers, are not (encode.go isBase60Float), nor are dates.
pub(crate) fn is_plain_string(text: &str) -> bool {
    text != "<<" && resolve_plain(text).is_none() && !is_timestamp(text) && !is_base60(text)
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => return None,
    })
}

fn signed_word(text: &str) -> Option<Value> {
    Some(Value::Float(match text {
        ".nan" | ".NaN" | ".NAN" => f64::NAN,
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => f64::INFINITY,
        "-.inf" | "-.Inf" | "-.INF" => f64::NEG_INFINITY,
        _ => return None,
    }))
}

fn number(text: &str) -> Option<Value> {
    if is_timestamp(text) {
        return None;
    }
    let cleaned;
    let plain = if text.contains('_') {
        cleaned = text.replace('_', "");
        &cleaned
    } else {
        text
    };
    integer(plain).or_else(|| if is_float(plain) { float(plain) } else { None })
}

/// Go's strconv.ParseInt with base 0: `0x`, `0b`, `0o` and a leading `0` choose the base. What is too large for 64 bits
/// becomes a float, as it does on its way through JSON.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.as_bytes().get(1).map(u8::to_ascii_lowercase);
    let (base, digits) = match (digits.as_bytes().first()?, lower) {
        (b'0', Some(b'x')) => (16, &digits[2..]),
        (b'0', Some(b'b')) => (2, &digits[2..]),
        (b'0', Some(b'o')) => (8, &digits[2..]),
        (b'0', Some(_)) => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let mut value = Some(0i64);
    let mut large = 0f64;
    for digit in digits.chars().filter_map(|c| c.to_digit(base)) {
        let signed = if negative { -i64::from(digit) } else { i64::from(digit) };
        value = value.and_then(|v| v.checked_mul(i64::from(base))?.checked_add(signed));
        large = large * f64::from(base) + f64::from(digit);
    }
    match value {
        Some(value) => Some(Value::Int(value)),
        None if base == 10 => float(text),
        None => Some(Value::Float(if negative { -large } else { large })),
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa_fits && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

fn float(text: &str) -> Option<Value> {
    let value: f64 = if is_float(text) { text.parse().ok()? } else { return None };
    // Out of f64's range is an error in Go, which leaves a string.
    if value.is_infinite() {
        return None;
    }
    if value.fract() == 0.0 && value.abs() < 9_223_372_036_854_775_808.0 {
        return Some(Value::Int(value as i64));
    }
    Some(Value::Float(value))
}

/// `2006-1-2`, or with a time after `T`, `t` or a space.
fn is_timestamp(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((&text[at + 1..], text.as_bytes()[at] == b' '))),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let number = |part: Option<&str>, max: u32| {
        part.filter(|part| matches!(part.len(), 1 | 2))
            .and_then(|part| part.parse::<u32>().ok())
            .is_some_and(|n| n <= max)
    };
    if year.is_none_or(|year| year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()))
        || !number(month, 12)
        || !number(day, 31)
        || parts.next().is_some()
    {
        return false;
    }
    let Some((time, spaced)) = time else { return true };
    let zone = time.find(['Z', '+', '-']).map_or("", |at| &time[at..]);
    let clock = &time[..time.len() - zone.len()];
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.split(':');
    number(parts.next(), 23)
        && number(parts.next(), 59)
        && number(parts.next(), 59)
        && parts.next().is_none()
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && if spaced { zone.is_empty() } else { zone == "Z" || (zone.len() == 6 && zone.as_bytes()[3] == b':') }
}

/// `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`
fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or("");
    let mut rest = parts.peekable();
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    first.starts_with(|c: char| c.is_ascii_digit())
        && digits(first)
        && digits(fraction)
        && rest.peek().is_some()
        && rest.all(|part| matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']))
}
