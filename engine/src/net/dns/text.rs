//! Records as zone files and dig write them.

use super::{CLASS_IN, Data, Record, Soa, Type, name};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::A(ip) => write!(f, "{ip}"),
            Data::Aaaa(ip) => write!(f, "{ip}"),
            Data::Ns(name) | Data::Cname(name) | Data::Ptr(name) => f.write_str(name),
            Data::Mx { preference, exchange } => write!(f, "{preference} {exchange}"),
            Data::Txt(strings) => {
                for (i, string) in strings.iter().enumerate() {
                    if i > 0 {
                        f.write_str(" ")?;
                    }
                    quoted(f, string)?;
                }
                Ok(())
            }
            Data::Srv { priority, weight, port, target } => write!(f, "{priority} {weight} {port} {target}"),
            Data::Soa(soa) => {
                let Soa { primary, mailbox, serial, refresh, retry, expire, minimum } = &**soa;
                write!(f, "{primary} {mailbox} {serial} {refresh} {retry} {expire} {minimum}")
            }
            Data::Opt(_) => Ok(()),
            Data::Other { bytes, .. } => {
                write!(f, "\\# {}", bytes.len())?;
                if !bytes.is_empty() {
                    f.write_str(" ")?;
                }
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
            }
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, string: &[u8]) -> fmt::Result {
    f.write_str("\"")?;
    for &byte in string {
        match byte {
            b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
            b' '..=b'~' => write!(f, "{}", char::from(byte))?,
            _ => write!(f, "\\{byte:03}")?,
        }
    }
    f.write_str("\"")
}

/// `name ttl IN TYPE data`
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} IN {} {}", self.name, self.ttl, self.kind(), self.data)
    }
}

/// Logical lines of a zone file (RFC 1035, 5): number, whether it begins with a blank, words. Quoted words lose their
/// quotes, parentheses join lines, a semicolon begins a comment.
pub fn zone_lines(text: &str) -> Vec<(usize, bool, Vec<String>)> {
    let mut out = Vec::new();
    let (mut words, mut start, mut indented, mut depth) = (Vec::new(), 1, false, 0_u32);
    for (number, line) in (1..).zip(text.lines()) {
        if depth == 0 {
            (start, indented) = (number, line.starts_with([' ', '\t']));
        }
        let (mut word, mut begun, mut quoted) = (String::new(), false, false);
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => {
                    quoted = !quoted;
                    begun = true;
                }
                '\\' => {
                    word.push(c);
                    word.extend(chars.next());
                    begun = true;
                }
                _ if quoted => word.push(c),
                ';' => break,
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                c if c.is_whitespace() => {
                    if begun {
                        words.push(std::mem::take(&mut word));
                        begun = false;
                    }
                }
                c => {
                    word.push(c);
                    begun = true;
                }
            }
        }
        if begun {
            words.push(word);
        }
        if depth == 0 && !words.is_empty() {
            out.push((start, indented, std::mem::take(&mut words)));
        }
    }
    out
}

/// One line of a zone file: `[name] [ttl] [class] TYPE data…`, in words. Relative names are completed by `origin`; a line
/// without a name has `owner`. TTLs may have units (`1h30m`).
pub fn parse_record(words: &[String], owner: Option<&str>, origin: &str, ttl: u32) -> Result<Record, String> {
    let mut words = words.iter().map(String::as_str).peekable();
    let name = match owner {
        Some(owner) => owner.to_owned(),
        None => words.next().map(|name| complete(name, origin)).ok_or("no name")?,
    };
    if !name::is_valid(&name) {
        return Err(format!("bad owner name: {name:?}"));
    }
    let mut ttl = ttl;
    for _ in 0..2 {
        let Some(word) = words.peek() else { break };
        if word.eq_ignore_ascii_case("IN") {
            words.next();
        } else if let Some(given) = seconds(word) {
            ttl = given;
            words.next();
        }
    }
    let kind = words.next().ok_or("no type")?;
    let kind = Type::parse(kind).ok_or_else(|| format!("unknown RR type: {kind:?}"))?;
    let words: Vec<&str> = words.collect();
    let data = data(kind, &words, origin).ok_or_else(|| format!("bad {kind} data: {:?}", words.join(" ")))?;
    Ok(Record { name: name.into(), class: CLASS_IN, ttl, data })
}

/// `@` is the origin; a name without a dot at its end lies below it.
fn complete(name: &str, origin: &str) -> String {
    match name {
        "@" => origin.to_owned(),
        _ if name::is_absolute(name) => name.to_owned(),
        _ if origin == "." => format!("{name}."),
        _ => format!("{name}.{origin}"),
    }
}

/// `300`, `5m`, `1h30m`.
pub fn seconds(word: &str) -> Option<u32> {
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (mut total, mut number) = (0_u32, 0_u32);
    for c in word.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = number.checked_mul(10)?.checked_add(digit)?;
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        number = 0;
    }
    total.checked_add(number)
}

fn data(kind: Type, words: &[&str], origin: &str) -> Option<Data> {
    let domain = |word: &&str| {
        let name = complete(word, origin);
        name::is_valid(&name).then(|| Arc::<str>::from(name))
    };
    Some(match (kind, words) {
        (Type::A, [ip]) => Data::A(ip.parse().ok()?),
        (Type::AAAA, [ip]) => match ip.parse().ok()? {
            IpAddr::V6(ip) => Data::Aaaa(ip),
            IpAddr::V4(ip) => Data::Aaaa(ip.to_ipv6_mapped()),
        },
        (Type::NS, [name]) => Data::Ns(domain(name)?),
        (Type::CNAME, [name]) => Data::Cname(domain(name)?),
        (Type::PTR, [name]) => Data::Ptr(domain(name)?),
        (Type::MX, [preference, name]) => Data::Mx { preference: preference.parse().ok()?, exchange: domain(name)? },
        (Type::SRV, [priority, weight, port, target]) => Data::Srv {
            priority: priority.parse().ok()?,
            weight: weight.parse().ok()?,
            port: port.parse().ok()?,
            target: domain(target)?,
        },
        (Type::TXT, [_, ..]) => {
            let strings = words.iter().map(|word| name::bytes(word));
            Data::Txt(strings.map(|bytes| bytes[..bytes.len().min(255)].into()).collect())
        }
        (Type::SOA, [primary, mailbox, serial, refresh, retry, expire, minimum]) => Data::Soa(Box::new(Soa {
            primary: domain(primary)?,
            mailbox: domain(mailbox)?,
            serial: serial.parse().ok()?,
            refresh: seconds(refresh)?,
            retry: seconds(retry)?,
            expire: seconds(expire)?,
            minimum: seconds(minimum)?,
        })),
        (kind, ["\\#", _, hex @ ..]) => {
            let hex: String = hex.concat();
            let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
            let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
            Data::Other { kind, bytes: bytes?.into() }
        }
        _ => return None,
    })
}
