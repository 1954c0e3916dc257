//! What stands where in a frame's bytes: layers and fields as Wireshark names them.
//!
//! Every layer is described once, in `wire`: bytes and names are written together. A field's value is read back from
//! the finished bytes, so it cannot disagree with them.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A frame's bytes and what they mean, outermost layer first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    pub bytes: Vec<u8>,
    pub layers: Vec<Layer>,
}

/// One protocol's header: `len` bytes from `offset`, its data excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// `Ethernet II`, `Internet Protocol Version 4` …
    pub name: &'static str,
    pub fields: Vec<Field>,
    pub offset: usize,
    pub len: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub value: String,
    pub offset: usize,
    pub len: usize,
}

/// How a field's bytes are read.
#[derive(Clone, Debug)]
pub(super) enum Show {
    /// What someone has made of the bytes already.
    Said(String),
    /// One number, most significant byte first.
    Dec,
    Hex,
    Mac,
    Ip,
    /// A name for the number: `UDP (17)`.
    Name(&'static str),
    /// A name for the number in hexadecimal: `IPv4 (0x0800)`.
    HexName(&'static str),
    /// A part of the bytes: shifted right, then masked, then multiplied.
    Bits {
        shift: u8,
        mask: u16,
        unit: u16,
    },
    /// TCP's flags, as letters.
    TcpFlags,
    /// How many bytes there are.
    Count,
}

/// Writes a frame's bytes, and keeps a map of them if asked to.
#[derive(Default)]
pub(super) struct Writer {
    pub bytes: Vec<u8>,
    map: Option<Vec<(&'static str, usize, Vec<Mark>)>>,
}

struct Mark {
    name: &'static str,
    offset: usize,
    len: usize,
    show: Show,
}

impl Writer {
    pub fn with_map() -> Writer {
        Writer { bytes: Vec::new(), map: Some(Vec::new()) }
    }

    /// What follows is this protocol's header.
    pub fn layer(&mut self, name: &'static str) {
        let offset = self.bytes.len();
        if let Some(map) = &mut self.map {
            map.push((name, offset, Vec::new()));
        }
    }

    pub fn put(&mut self, name: &'static str, bytes: &[u8], show: Show) {
        self.bytes.extend_from_slice(bytes);
        self.also(name, bytes.len(), show);
    }

    pub fn u8(&mut self, name: &'static str, value: u8, show: Show) {
        self.put(name, &[value], show);
    }

    pub fn u16(&mut self, name: &'static str, value: u16, show: Show) {
        self.put(name, &value.to_be_bytes(), show);
    }

    pub fn u32(&mut self, name: &'static str, value: u32, show: Show) {
        self.put(name, &value.to_be_bytes(), show);
    }

    /// A field somewhere in what was written.
    pub fn mark(&mut self, name: &'static str, offset: usize, len: usize, show: Show) {
        if let Some((_, _, marks)) = self.map.as_mut().and_then(|map| map.last_mut()) {
            marks.push(Mark { name, offset, len, show });
        }
    }

    /// Another field in the last `len` bytes.
    pub fn also(&mut self, name: &'static str, len: usize, show: Show) {
        let offset = self.bytes.len() - len;
        if let Some((_, _, marks)) = self.map.as_mut().and_then(|map| map.last_mut()) {
            marks.push(Mark { name, offset, len, show });
        }
    }

    /// Drops what was written beyond `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
        if let Some(map) = &mut self.map {
            map.retain_mut(|(_, offset, marks)| {
                marks.retain(|mark| mark.offset + mark.len <= len);
                *offset < len
            });
        }
    }

    pub fn patch(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The layers of what was written; none without a map.
    pub fn finish(self) -> Headers {
        let bytes = self.bytes;
        let map = self.map.unwrap_or_default();
        let ends: Vec<usize> = map.iter().skip(1).map(|(_, offset, _)| *offset).chain([bytes.len()]).collect();
        let layers = map.into_iter().zip(ends).map(|((name, offset, marks), end)| {
            let fields = marks.into_iter().map(|mark| Field {
                name: mark.name,
                value: mark.show.read(&bytes[mark.offset..mark.offset + mark.len]),
                offset: mark.offset,
                len: mark.len,
            });
            Layer { name, fields: fields.collect(), offset, len: end - offset }
        });
        let layers = layers.collect();
        Headers { bytes, layers }
    }
}

impl Show {
    fn read(self, bytes: &[u8]) -> String {
        let number = bytes.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = match self {
            Show::Said(said) => write!(text, "{said}"),
            Show::Dec => write!(text, "{number}"),
            Show::Hex => write!(text, "0x{number:0width$x}", width = bytes.len() * 2),
            Show::Name(name) => write!(text, "{name} ({number})"),
            Show::HexName(name) => write!(text, "{name} (0x{number:0width$x})", width = bytes.len() * 2),
            Show::Bits { shift, mask, unit } => {
                write!(text, "{}", (number >> shift & u64::from(mask)) * u64::from(unit))
            }
            Show::Mac => bytes.iter().enumerate().try_for_each(|(i, byte)| {
                let colon = if i == 0 { "" } else { ":" };
                write!(text, "{colon}{byte:02x}")
            }),
            Show::Ip => match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
                (Ok(v4), _) => write!(text, "{}", Ipv4Addr::from(v4)),
                (_, Ok(v6)) => write!(text, "{}", Ipv6Addr::from(v6)),
                _ => Ok(()),
            },
            Show::TcpFlags => {
                let names = ["FIN", "SYN", "RST", "PSH", "ACK"];
                let set = names.iter().enumerate().filter(|(bit, _)| number >> bit & 1 == 1);
                write!(text, "{}", set.map(|(_, name)| *name).collect::<Vec<_>>().join(", "))
            }
            Show::Count => write!(text, "{} bytes", bytes.len()),
        };
        text
    }
}
