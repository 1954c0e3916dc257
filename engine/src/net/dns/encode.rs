//! Messages as bytes, with names compressed if the message says so.

use super::{Data, Message, Record, Type, name};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Offsets beyond this cannot be pointed at.
const POINTER_MAX: usize = 0x3fff;
/// What most messages do not exceed, in bytes.
const LEN_USUAL: usize = 512;

struct Encoder<'m> {
    bytes: Vec<u8>,
    /// Names that have been written, in their letter case, by where they begin. None: nothing is compressed.
    known: Option<BTreeMap<&'m str, u16>>,
}

impl Message {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder {
            bytes: Vec::with_capacity(self.len_max().min(LEN_USUAL)),
            known: self.compressed.then(BTreeMap::new),
        };
        let f = self.flags;
        let bit = |set: bool, at: u16| u16::from(set) << at;
        let flags = bit(f.response, 15)
            | u16::from(self.opcode & 0xf) << 11
            | bit(f.authoritative, 10)
            | bit(f.truncated, 9)
            | bit(f.recursion_desired, 8)
            | bit(f.recursion_available, 7)
            | bit(f.authentic_data, 5)
            | bit(f.checking_disabled, 4)
            | (self.rcode.0 & 0xf);
        let count = |len: usize| u16::try_from(len).unwrap_or(u16::MAX);
        encoder.u16(self.id);
        encoder.u16(flags);
        let sections = [&self.answers, &self.authority, &self.additional];
        encoder.u16(count(self.questions.len()));
        sections.iter().for_each(|section| encoder.u16(count(section.len())));
        for question in &self.questions {
            encoder.name(&question.name);
            encoder.u16(question.kind.0);
            encoder.u16(question.class);
        }
        sections.into_iter().flatten().for_each(|record| encoder.record(record));
        encoder.bytes
    }

    /// Its length in bytes as it would be written.
    pub fn len(&self) -> usize {
        self.to_bytes().len()
    }

    /// A bound of its length that takes no writing.
    fn len_max(&self) -> usize {
        let name = |name: &str| name.len() + 2;
        let questions: usize = self.questions.iter().map(|question| name(&question.name) + 4).sum();
        let record = |record: &Record| name(&record.name) + 10 + data_len_max(&record.data);
        12 + questions + self.records().map(record).sum::<usize>()
    }

    /// Whether it has no more than so many bytes.
    pub fn fits(&self, size: usize) -> bool {
        self.len_max() <= size || self.len() <= size
    }

    pub fn is_empty(&self) -> bool {
        false
    }

    /// Makes it fit: compresses names if it must, then drops records from the end and says so by TC.
    /// Models github.com/miekg/dns msg_truncate.go Truncate.
    pub fn truncate(&mut self, size: usize) {
        self.compressed = false;
        if self.fits(size) {
            return;
        }
        self.compressed = true;
        if self.fits(size) {
            return;
        }
        self.flags.truncated = true;
        let total = self.records().filter(|record| record.kind() != Type::OPT).count();
        // The most records that fit: `low` do, `high` do not.
        let (mut low, mut high) = (0, total);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.with_records(middle).len() <= size {
                low = middle;
            } else {
                high = middle;
            }
        }
        *self = self.with_records(low);
    }

    /// The first so many records of all sections in order, and the OPT record.
    fn with_records(&self, count: usize) -> Message {
        let mut left = count;
        let mut take = |records: &[Record]| -> Vec<Record> {
            let keeps = |record: &&Record| {
                let opt = record.kind() == Type::OPT;
                let fits = opt || left > 0;
                left -= usize::from(fits && !opt);
                fits
            };
            records.iter().filter(keeps).cloned().collect()
        };
        let (answers, authority, additional) = (take(&self.answers), take(&self.authority), take(&self.additional));
        Message { answers, authority, additional, questions: self.questions.clone(), ..*self }
    }
}

fn data_len_max(data: &Data) -> usize {
    match data {
        Data::A(_) => 4,
        Data::Aaaa(_) => 16,
        Data::Ns(name) | Data::Cname(name) | Data::Ptr(name) => name.len() + 2,
        Data::Mx { exchange: name, .. } => name.len() + 4,
        Data::Txt(strings) => strings.iter().map(|string| string.len() + 1).sum(),
        Data::Srv { target, .. } => target.len() + 8,
        Data::Soa(soa) => soa.primary.len() + soa.mailbox.len() + 24,
        Data::Opt(options) => options.iter().map(|(_, value)| value.len() + 4).sum(),
        Data::Other { bytes, .. } => bytes.len(),
    }
}

impl<'m> Encoder<'m> {
    fn u16(&mut self, value: u16) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn name(&mut self, text: &'m str) {
        let (mut len, mut left) = (1, Some(text));
        while let Some(rest) = left {
            let (label, after) = name::first_label(rest);
            left = after;
            if label.is_empty() {
                continue;
            }
            if let Some(known) = &mut self.known {
                let rest = if name::is_absolute(rest) { &rest[..rest.len() - 1] } else { rest };
                if let Some(offset) = known.get(rest) {
                    let pointer = 0xc000 | *offset;
                    return self.u16(pointer);
                }
                if self.bytes.len() <= POINTER_MAX {
                    known.insert(rest, self.bytes.len() as u16);
                }
            }
            let unescaped = if label.contains('\\') { Cow::Owned(name::bytes(label)) } else { label.as_bytes().into() };
            let label = &unescaped[..unescaped.len().min(name::LABEL_LEN_MAX)];
            len += label.len() + 1;
            if len > name::WIRE_LEN_MAX {
                break;
            }
            self.bytes.push(label.len() as u8);
            self.bytes.extend_from_slice(label);
        }
        self.bytes.push(0);
    }

    /// A name in data whose type came after RFC 1035: never compressed (RFC 3597).
    fn plain_name(&mut self, text: &'m str) {
        let known = self.known.take();
        self.name(text);
        self.known = known;
    }

    fn record(&mut self, record: &'m Record) {
        self.name(&record.name);
        self.u16(record.kind().0);
        self.u16(record.class);
        self.u32(record.ttl);
        let start = self.bytes.len();
        self.u16(0);
        self.data(&record.data);
        let len = u16::try_from(self.bytes.len() - start - 2).unwrap_or(u16::MAX);
        self.bytes[start..start + 2].copy_from_slice(&len.to_be_bytes());
    }

    fn data(&mut self, data: &'m Data) {
        match data {
            Data::A(ip) => self.bytes.extend(ip.octets()),
            Data::Aaaa(ip) => self.bytes.extend(ip.octets()),
            Data::Ns(name) | Data::Cname(name) | Data::Ptr(name) => self.name(name),
            Data::Mx { preference, exchange } => {
                self.u16(*preference);
                self.name(exchange);
            }
            Data::Txt(strings) => {
                for string in strings {
                    let string = &string[..string.len().min(255)];
                    self.bytes.push(string.len() as u8);
                    self.bytes.extend(string);
                }
            }
            Data::Srv { priority, weight, port, target } => {
                [priority, weight, port].into_iter().for_each(|number| self.u16(*number));
                self.plain_name(target);
            }
            Data::Soa(soa) => {
                self.name(&soa.primary);
                self.name(&soa.mailbox);
                let numbers = [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum];
                numbers.into_iter().for_each(|number| self.u32(number));
            }
            Data::Opt(options) => {
                for (code, value) in options {
                    self.u16(*code);
                    self.u16(value.len() as u16);
                    self.bytes.extend(&value[..]);
                }
            }
            Data::Other { bytes, .. } => self.bytes.extend(&bytes[..]),
        }
    }
}
