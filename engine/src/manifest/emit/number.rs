//! Numbers as Go prints them.

/// Shortest digits and decimal exponent of a finite number: 0.00125 is (`125`, -3), which is 1.25e-3.
fn digits(value: f64) -> (String, i32) {
    let text = format!("{:e}", value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn exponential(digits: &str, exponent: i32, width: usize, out: &mut String) {
    let (first, rest) = digits.split_at(1);
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    out.push_str(if exponent < 0 { "e-" } else { "e+" });
    out.push_str(&format!("{:0width$}", exponent.unsigned_abs()));
}

fn positional(digits: &str, exponent: i32, out: &mut String) {
    if exponent < 0 {
        out.push_str("0.");
        (1..-exponent).for_each(|_| out.push('0'));
        out.push_str(digits);
        return;
    }
    let whole = exponent as usize + 1;
    out.push_str(&digits[..whole.min(digits.len())]);
    (digits.len()..whole).for_each(|_| out.push('0'));
    if digits.len() > whole {
        out.push('.');
        out.push_str(&digits[whole..]);
    }
}

/// strconv.FormatFloat(value, 'g', -1, 64): what YAML prints.
pub(crate) fn float_g(value: f64) -> String {
    let (digits, exponent) = digits(value);
    let mut out = if value.is_sign_negative() { "-".to_owned() } else { String::new() };
    // The shortest form decides as if the precision were 6 (strconv ftoa.go %e).
    if (-4..6).contains(&exponent) {
        positional(&digits, exponent, &mut out)
    } else {
        exponential(&digits, exponent, 2, &mut out)
    }
    out
}

/// What encoding/json prints: exponents only below 1e-6 and from 1e21 on.
pub(super) fn float_json(value: f64) -> String {
    let (digits, exponent) = digits(value);
    let mut out = if value.is_sign_negative() { "-".to_owned() } else { String::new() };
    if value == 0.0 || (-6..21).contains(&exponent) {
        positional(&digits, exponent, &mut out);
    } else {
        exponential(&digits, exponent, 1, &mut out);
    }
    out
}
