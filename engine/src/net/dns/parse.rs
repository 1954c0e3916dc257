//! Messages from bytes: strict, and bounded by the bytes' own length.

use super::{CLASS_IN, Data, Flags, Message, Question, Rcode, Record, Soa, Type, name};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Most pointers on the way to one name.
const POINTERS_MAX: usize = 32;

/// One field of the bytes, as Wireshark calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub name: &'static str,
    pub value: String,
    pub offset: usize,
    pub len: usize,
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Filled only if asked for.
    marks: Option<Vec<Mark>>,
}

impl Message {
    /// None if the bytes are not one whole message.
    pub fn parse(bytes: &[u8]) -> Option<Message> {
        let mut parser = Parser { bytes, at: 0, marks: None };
        parser.message()
    }

    /// The message and its fields in order.
    pub fn parse_marked(bytes: &[u8]) -> Option<(Message, Vec<Mark>)> {
        let mut parser = Parser { bytes, at: 0, marks: Some(Vec::new()) };
        let message = parser.message()?;
        Some((message, parser.marks.unwrap_or_default()))
    }
}

impl Parser<'_> {
    fn message(&mut self) -> Option<Message> {
        let id = self.number("Transaction ID", |id| format!("0x{id:04x}"))?;
        let bits = self.u16()?;
        let bit = |at: u16| bits >> at & 1 == 1;
        let flags = Flags {
            response: bit(15),
            authoritative: bit(10),
            truncated: bit(9),
            recursion_desired: bit(8),
            recursion_available: bit(7),
            authentic_data: bit(5),
            checking_disabled: bit(4),
        };
        let (opcode, rcode) = ((bits >> 11 & 0xf) as u8, Rcode(bits & 0xf));
        self.mark_last("Flags", 2, || format!("0x{bits:04x} ({})", flag_words(flags, opcode, rcode)));
        let mut counts = [0; 4];
        for (count, name) in counts.iter_mut().zip(["Questions", "Answer RRs", "Authority RRs", "Additional RRs"]) {
            *count = self.number(name, |n| n.to_string())?;
        }
        let mut questions = Vec::new();
        for _ in 0..counts[0] {
            let name = self.marked_name("Name")?;
            let kind = Type(self.number("Type", |kind| format!("{} ({kind})", Type(kind)))?);
            let class = self.number("Class", class_words)?;
            questions.push(Question { name, kind, class });
        }
        let mut sections = [Vec::new(), Vec::new(), Vec::new()];
        for (section, count) in sections.iter_mut().zip(&counts[1..]) {
            for _ in 0..*count {
                section.push(self.record()?);
            }
        }
        let [answers, authority, additional] = sections;
        let whole = self.at == self.bytes.len();
        whole.then_some(Message {
            id,
            flags,
            opcode,
            rcode,
            questions,
            answers,
            authority,
            additional,
            // Whoever writes it anew compresses what was compressed.
            compressed: true,
        })
    }

    fn take(&mut self, len: usize) -> Option<&[u8]> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(bytes)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn mark_last(&mut self, name: &'static str, len: usize, value: impl FnOnce() -> String) {
        let offset = self.at - len;
        if let Some(marks) = &mut self.marks {
            marks.push(Mark { name, value: value(), offset, len });
        }
    }

    fn number(&mut self, name: &'static str, say: impl FnOnce(u16) -> String) -> Option<u16> {
        let number = self.u16()?;
        self.mark_last(name, 2, || say(number));
        Some(number)
    }

    fn marked_name(&mut self, field: &'static str) -> Option<Arc<str>> {
        let start = self.at;
        let name = self.name()?;
        let len = self.at - start;
        let shown = || if *name == *"." { "<Root>".to_owned() } else { name.trim_end_matches('.').to_owned() };
        self.mark_last(field, len, shown);
        Some(name)
    }

    fn name(&mut self) -> Option<Arc<str>> {
        let (mut at, mut after, mut pointers, mut len) = (self.at, None, 0, 1);
        let mut text = String::with_capacity(64);
        loop {
            let first = *self.bytes.get(at)?;
            match first {
                0 => {
                    at += 1;
                    break;
                }
                1..=63 => {
                    let end = at + 1 + usize::from(first);
                    let label = self.bytes.get(at + 1..end)?;
                    len += label.len() + 1;
                    if len > name::WIRE_LEN_MAX {
                        return None;
                    }
                    name::push_label(&mut text, label);
                    at = end;
                }
                0xc0.. => {
                    let to = usize::from(first & 0x3f) << 8 | usize::from(*self.bytes.get(at + 1)?);
                    pointers += 1;
                    // Pointers lead backwards; anything else could go in circles.
                    if to >= at || pointers > POINTERS_MAX {
                        return None;
                    }
                    after.get_or_insert(at + 2);
                    at = to;
                }
                _ => return None,
            }
        }
        self.at = after.unwrap_or(at);
        if text.is_empty() {
            text.push('.');
        }
        Some(text.into())
    }

    fn record(&mut self) -> Option<Record> {
        let name = self.marked_name("Name")?;
        let kind = Type(self.number("Type", |kind| format!("{} ({kind})", Type(kind)))?);
        let opt = kind == Type::OPT;
        let class = match opt {
            true => self.number("UDP payload size", |size| size.to_string())?,
            false => self.number("Class", class_words)?,
        };
        let ttl = self.u32()?;
        match opt {
            true => self.mark_last("Higher bits in extended RCODE", 4, || format!("0x{:02x}", ttl >> 24)),
            false => self.mark_last("Time to live", 4, || format!("{ttl} ({})", duration(ttl))),
        }
        let len = usize::from(self.number("Data length", |len| len.to_string())?);
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len())?;
        let data = self.data(kind, end)?;
        (self.at == end).then_some(Record { name, class, ttl, data })
    }

    fn data(&mut self, kind: Type, end: usize) -> Option<Data> {
        let start = self.at;
        Some(match kind {
            Type::A => {
                let ip = Ipv4Addr::from(<[u8; 4]>::try_from(self.take(4)?).ok()?);
                self.mark_last("Address", 4, || ip.to_string());
                Data::A(ip)
            }
            Type::AAAA => {
                let ip = Ipv6Addr::from(<[u8; 16]>::try_from(self.take(16)?).ok()?);
                self.mark_last("AAAA Address", 16, || ip.to_string());
                Data::Aaaa(ip)
            }
            Type::NS => Data::Ns(self.marked_name("Name Server")?),
            Type::CNAME => Data::Cname(self.marked_name("CNAME")?),
            Type::PTR => Data::Ptr(self.marked_name("Domain Name")?),
            Type::MX => Data::Mx {
                preference: self.number("Preference", |n| n.to_string())?,
                exchange: self.marked_name("Mail Exchange")?,
            },
            Type::TXT => {
                let mut strings = Vec::new();
                while self.at < end {
                    let len = usize::from(self.u8()?);
                    let string: Arc<[u8]> = self.take(len)?.into();
                    self.mark_last("TXT", len, || String::from_utf8_lossy(&string).into_owned());
                    strings.push(string);
                }
                Data::Txt(strings)
            }
            Type::SRV => Data::Srv {
                priority: self.number("Priority", |n| n.to_string())?,
                weight: self.number("Weight", |n| n.to_string())?,
                port: self.number("Port", |n| n.to_string())?,
                target: self.marked_name("Target")?,
            },
            Type::SOA => Data::Soa(Box::new(self.soa()?)),
            Type::OPT => {
                let mut options = Vec::new();
                while self.at < end {
                    let (code, len) = (self.u16()?, self.u16()?);
                    let value: Arc<[u8]> = self.take(usize::from(len))?.into();
                    let total = value.len() + 4;
                    self.mark_last("Option", total, || format!("{} ({code})", option_name(code)));
                    options.push((code, value));
                }
                Data::Opt(options)
            }
            _ => {
                let bytes: Arc<[u8]> = self.take(end - start)?.into();
                self.mark_last("Data", bytes.len(), || format!("{} bytes", end - start));
                Data::Other { kind, bytes }
            }
        })
    }

    fn soa(&mut self) -> Option<Soa> {
        let primary = self.marked_name("Primary name server")?;
        let mailbox = self.marked_name("Responsible authority's mailbox")?;
        let mut numbers = [0; 5];
        let names = ["Serial Number", "Refresh Interval", "Retry Interval", "Expire limit", "Minimum TTL"];
        for (number, name) in numbers.iter_mut().zip(names) {
            *number = self.u32()?;
            let shown = *number;
            self.mark_last(name, 4, || shown.to_string());
        }
        let [serial, refresh, retry, expire, minimum] = numbers;
        Some(Soa { primary, mailbox, serial, refresh, retry, expire, minimum })
    }
}

fn class_words(class: u16) -> String {
    if class == CLASS_IN { "IN (0x0001)".to_owned() } else { format!("0x{class:04x}") }
}

fn flag_words(flags: Flags, opcode: u8, rcode: Rcode) -> String {
    let query = if opcode == 0 { "Standard query" } else { "Other operation" };
    if !flags.response {
        return query.to_owned();
    }
    let error = match rcode {
        Rcode::NOERROR => "No error".to_owned(),
        Rcode::FORMERR => "Format error".to_owned(),
        Rcode::SERVFAIL => "Server failure".to_owned(),
        Rcode::NXDOMAIN => "No such name".to_owned(),
        Rcode::NOTIMP => "Not implemented".to_owned(),
        Rcode::REFUSED => "Refused".to_owned(),
        other => other.to_string(),
    };
    format!("{query} response, {error}{}", if flags.truncated { ", truncated" } else { "" })
}

/// `30 seconds`, `5 minutes`, as Wireshark puts it.
fn duration(seconds: u32) -> String {
    let part = |count: u32, unit: &str| match count {
        0 => None,
        1 => Some(format!("1 {unit}")),
        _ => Some(format!("{count} {unit}s")),
    };
    let parts = [
        part(seconds / 86_400, "day"),
        part(seconds / 3_600 % 24, "hour"),
        part(seconds / 60 % 60, "minute"),
        part(seconds % 60, "second"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "0 seconds".to_owned() } else { parts.join(", ") }
}

fn option_name(code: u16) -> &'static str {
    match code {
        3 => "NSID",
        8 => "CSUBNET - Client subnet",
        10 => "COOKIE",
        11 => "TCP Keepalive",
        12 => "PADDING",
        15 => "Extended DNS Error",
        _ => "Unknown",
    }
}
