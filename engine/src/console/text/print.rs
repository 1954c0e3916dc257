//! `echo` and `printf`.

use crate::console::shell::{Io, Session};

/// Longest field that `printf` pads to.
const WIDTH_MAX: usize = 1000;

/// `echo [-neE] WORD…`
pub fn echo(words: &[String], io: &mut Io) -> i32 {
    let (mut newline, mut escapes) = (true, false);
    let mut words = words;
    while let [first, rest @ ..] = words {
        let is_option =
            first.len() > 1 && first.starts_with('-') && first[1..].bytes().all(|b| matches!(b, b'n' | b'e' | b'E'));
        if !is_option {
            break;
        }
        newline &= !first.contains('n');
        escapes |= first.contains('e');
        words = rest;
    }
    let mut text = words.join(" ");
    let mut ended = false;
    if escapes {
        (text, ended) = unescape(&text);
    }
    if newline && !ended {
        text.push('\n');
    }
    io.out(&text);
    0
}

/// Interprets backslash escapes; true if `\c` ended the text.
pub fn unescape(text: &str) -> (String, bool) {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(letter) = rest.chars().next() else {
            result.push('\\');
            break;
        };
        let (radix, start, digits_max) = match letter {
            'x' => (16, 1, 2),
            'u' => (16, 1, 4),
            '0'..='7' => (8, usize::from(letter == '0'), 3),
            _ => (10, 0, 0),
        };
        let digits = rest[start..].chars().take(digits_max).take_while(|c| c.is_digit(radix)).count();
        if digits_max > 0 && (digits > 0 || letter == '0') {
            let code = u32::from_str_radix(&rest[start..start + digits], radix).unwrap_or(0);
            result.extend(char::from_u32(code));
            rest = &rest[start + digits..];
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        match letter {
            'n' => result.push('\n'),
            't' => result.push('\t'),
            'r' => result.push('\r'),
            'a' => result.push('\x07'),
            'b' => result.push('\x08'),
            'f' => result.push('\x0c'),
            'v' => result.push('\x0b'),
            'e' => result.push('\x1b'),
            '\\' => result.push('\\'),
            'c' => return (result, true),
            other => result.extend(['\\', other]),
        }
    }
    result.push_str(rest);
    (result, false)
}

/// A conversion such as `%-5.2s`.
struct Conversion {
    left: bool,
    zero: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
    letter: char,
}

/// `printf FORMAT ARGUMENT…`: the format is used again as long as arguments are left.
pub fn printf(words: &[String], session: &Session, io: &mut Io) -> i32 {
    let [format, arguments @ ..] = words else {
        io.err(&format!("{}: usage: printf FORMAT [ARGUMENT...]\n", session.name));
        return 2;
    };
    let mut arguments = arguments.iter();
    let mut status = 0;
    loop {
        let before = arguments.len();
        match pass(format, &mut arguments, session, io) {
            None => return status,
            Some(code) => status = status.max(code),
        }
        if arguments.len() == 0 || arguments.len() == before || io.is_stopped() {
            return status;
        }
    }
}

/// Prints the format once; None if `\c` ended it.
fn pass(format: &str, arguments: &mut std::slice::Iter<String>, session: &Session, io: &mut Io) -> Option<i32> {
    let mut status = 0;
    let (format, ended) = unescape(format);
    let mut rest = format.as_str();
    let mut text = String::new();
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let Some((conversion, after)) = conversion(rest, arguments) else {
            io.out(&text);
            io.err(&format!("{}: %{rest}: invalid format\n", session.name));
            return Some(1);
        };
        rest = after;
        let argument = arguments.next().map(String::as_str);
        if conversion.letter == 'b' {
            let (value, stop) = unescape(argument.unwrap_or(""));
            text.push_str(&value);
            if stop {
                io.out(&text);
                return None;
            }
        } else if !convert(&conversion, argument, &mut text) {
            io.err(&format!("{}: invalid number '{}'\n", session.name, argument.unwrap_or("")));
            status = 1;
        }
    }
    text.push_str(rest);
    io.out(&text);
    if ended { None } else { Some(status) }
}

/// The conversion behind a `%`, and what follows it.
fn conversion<'t>(text: &'t str, arguments: &mut std::slice::Iter<String>) -> Option<(Conversion, &'t str)> {
    let mut conversion = Conversion { left: false, zero: false, plus: false, width: 0, precision: None, letter: 's' };
    let mut rest = text;
    loop {
        match rest.as_bytes().first()? {
            b'-' => conversion.left = true,
            b'0' => conversion.zero = true,
            b'+' => conversion.plus = true,
            b' ' | b'#' => {}
            _ => break,
        }
        rest = &rest[1..];
    }
    let mut number = |rest: &mut &'t str| {
        if let Some(after) = rest.strip_prefix('*') {
            *rest = after;
            return arguments.next().and_then(|argument| argument.parse().ok()).unwrap_or(0);
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let value = rest[..digits].parse::<usize>().unwrap_or(if digits == 0 { 0 } else { WIDTH_MAX });
        *rest = &rest[digits..];
        value
    };
    conversion.width = number(&mut rest).min(WIDTH_MAX);
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        conversion.precision = Some(number(&mut rest).min(WIDTH_MAX));
    }
    conversion.letter = rest.chars().next().filter(|letter| "sdiuxXocbfgeq".contains(*letter))?;
    Some((conversion, &rest[1..]))
}

/// Appends a converted argument; false if a number was asked for and is none.
fn convert(conversion: &Conversion, argument: Option<&str>, text: &mut String) -> bool {
    let argument = argument.unwrap_or("");
    let mut good = true;
    let mut value = match conversion.letter {
        's' => argument.chars().take(conversion.precision.unwrap_or(usize::MAX)).collect(),
        'c' => argument.chars().take(1).collect(),
        'q' => format!("'{}'", argument.replace('\'', "'\\''")),
        'f' | 'g' | 'e' => {
            let number: f64 = argument.trim().parse().unwrap_or_else(|_| {
                good = argument.is_empty();
                0.0
            });
            format!("{number:.*}", conversion.precision.unwrap_or(6).min(20))
        }
        letter => {
            let number = integer(argument).unwrap_or_else(|| {
                good = argument.is_empty() || argument.parse::<f64>().is_ok();
                argument.parse::<f64>().unwrap_or(0.0) as i64
            });
            match letter {
                'x' => format!("{number:x}"),
                'X' => format!("{number:X}"),
                'o' => format!("{number:o}"),
                _ if conversion.plus && number >= 0 => format!("+{number}"),
                _ => number.to_string(),
            }
        }
    };
    let padding = conversion.width.saturating_sub(value.chars().count());
    if conversion.left {
        text.push_str(&value);
        text.extend(std::iter::repeat_n(' ', padding));
    } else if conversion.zero && !matches!(conversion.letter, 's' | 'c' | 'q') {
        let sign = value.starts_with(['-', '+']);
        if sign {
            text.push(value.remove(0));
        }
        text.extend(std::iter::repeat_n('0', padding));
        text.push_str(&value);
    } else {
        text.extend(std::iter::repeat_n(' ', padding));
        text.push_str(&value);
    }
    good
}

/// A C integer: decimal, hexadecimal, octal, or `'c` for a character's code.
fn integer(text: &str) -> Option<i64> {
    if let Some(c) = text.strip_prefix(['\'', '"']) {
        return c.chars().next().map(|c| c as i64);
    }
    let (negative, digits) = text.trim().strip_prefix('-').map_or((false, text.trim()), |digits| (true, digits));
    let value = match (digits.strip_prefix("0x"), digits.strip_prefix('0')) {
        (Some(hex), _) => i64::from_str_radix(hex, 16).ok()?,
        (_, Some(octal)) if !octal.is_empty() => i64::from_str_radix(octal, 8).ok()?,
        _ => digits.parse().ok()?,
    };
    Some(if negative { -value } else { value })
}
