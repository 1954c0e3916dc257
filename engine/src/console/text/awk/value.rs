//! awk's values: numbers, strings, and input that is a number if it looks like one.

use std::cmp::Ordering;

#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(f64),
    Text(String),
    /// From the input: compares as a number if it is one.
    Given(String),
}

impl Value {
    pub fn truth(value: bool) -> Value {
        Value::Number(f64::from(u8::from(value)))
    }

    pub fn text(&self) -> String {
        match self {
            Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e16 => format!("{}", *number as i64),
            Value::Number(number) => six_digits(*number),
            Value::Text(text) | Value::Given(text) => text.clone(),
        }
    }

    /// The number that the text begins with, otherwise 0.
    pub fn number(&self) -> f64 {
        match self {
            Value::Number(number) => *number,
            Value::Text(text) | Value::Given(text) => prefix_number(text.trim_start()).0,
        }
    }

    /// A number, or input that is one from end to end.
    fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(_) => None,
            Value::Given(text) => {
                let text = text.trim();
                let (number, length) = prefix_number(text);
                (length == text.len() && length > 0).then_some(number)
            }
        }
    }

    pub fn is_true(&self) -> bool {
        match self {
            Value::Text(text) => !text.is_empty(),
            value => value.as_number().map_or(!value.text().is_empty(), |number| number != 0.0),
        }
    }

    pub fn compare(&self, other: &Value) -> Ordering {
        let numbers = (self.as_number(), other.as_number());
        // A variable that was never set is both 0 and "".
        let empty = |value: &Value| matches!(value, Value::Given(text) if text.is_empty());
        match numbers {
            (Some(left), Some(right)) => left.total_cmp(&right),
            (Some(left), None) if empty(other) && matches!(self, Value::Number(_)) => left.total_cmp(&0.0),
            (None, Some(right)) if empty(self) && matches!(other, Value::Number(_)) => 0f64.total_cmp(&right),
            _ => self.text().cmp(&other.text()),
        }
    }
}

/// The number at the front and its length.
pub(super) fn prefix_number(text: &str) -> (f64, usize) {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let mut length = sign + digits(sign);
    if bytes.get(length) == Some(&b'.') {
        length += 1 + digits(length + 1);
    }
    let exponent = length + 1 + usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
    if matches!(bytes.get(length), Some(b'e' | b'E')) && bytes.get(exponent).is_some_and(u8::is_ascii_digit) {
        length = exponent + digits(exponent);
    }
    match text[..length].parse() {
        Ok(number) => (number, length),
        Err(_) => (0.0, 0),
    }
}

/// `%.6g`
fn six_digits(number: f64) -> String {
    if !number.is_finite() {
        return if number.is_nan() {
            "nan"
        } else if number > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_string();
    }
    let scientific = format!("{number:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if (-4..6).contains(&exponent) {
        return trim(&format!("{number:.*}", (5 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim(mantissa), exponent.abs())
}

pub(super) fn arithmetic(operator: char, left: f64, right: f64) -> Result<Value, String> {
    Ok(Value::Number(match operator {
        '+' => left + right,
        '-' => left - right,
        '*' => left * right,
        '/' | '%' if right == 0.0 => return Err("Division by zero".into()),
        '/' => left / right,
        '%' => left % right,
        _ => left.powf(right),
    }))
}

pub(super) fn holds(operator: &str, order: Ordering) -> bool {
    match operator {
        "==" => order == Ordering::Equal,
        "!=" => order != Ordering::Equal,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        ">" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }
}
