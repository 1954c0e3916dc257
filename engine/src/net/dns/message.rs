//! Messages, questions, records.

use super::{CLASS_IN, Rcode, Type};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    pub response: bool,
    pub authoritative: bool,
    pub truncated: bool,
    pub recursion_desired: bool,
    pub recursion_available: bool,
    pub authentic_data: bool,
    pub checking_disabled: bool,
}

impl Flags {
    /// The names of those that are set, as dig and CoreDNS's log write them: `qr aa rd`.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.response, "qr"),
            (self.authoritative, "aa"),
            (self.truncated, "tc"),
            (self.recursion_desired, "rd"),
            (self.recursion_available, "ra"),
            (self.authentic_data, "ad"),
            (self.checking_disabled, "cd"),
        ];
        all.into_iter().filter(|(set, _)| *set).map(|(_, name)| name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: u16,
    pub flags: Flags,
    pub opcode: u8,
    /// The header's four bits; what EDNS adds is in the OPT record.
    pub rcode: Rcode,
    pub questions: Vec<Question>,
    pub answers: Vec<Record>,
    pub authority: Vec<Record>,
    /// With the OPT record, if there is one.
    pub additional: Vec<Record>,
    /// Whether names are written as pointers to earlier ones.
    pub compressed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    pub name: Arc<str>,
    pub kind: Type,
    pub class: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub name: Arc<str>,
    /// In an OPT record the sender's UDP payload size.
    pub class: u16,
    /// In seconds; in an OPT record extended code, version and flags.
    pub ttl: u32,
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Ns(Arc<str>),
    Cname(Arc<str>),
    Ptr(Arc<str>),
    Mx {
        preference: u16,
        exchange: Arc<str>,
    },
    /// Character strings of at most 255 bytes each.
    Txt(Vec<Arc<[u8]>>),
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: Arc<str>,
    },
    Soa(Box<Soa>),
    /// EDNS options: code and value.
    Opt(Vec<(u16, Arc<[u8]>)>),
    Other {
        kind: Type,
        bytes: Arc<[u8]>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    pub primary: Arc<str>,
    pub mailbox: Arc<str>,
    pub serial: u32,
    pub refresh: u32,
    pub retry: u32,
    pub expire: u32,
    pub minimum: u32,
}

impl Data {
    pub fn kind(&self) -> Type {
        match self {
            Data::A(_) => Type::A,
            Data::Aaaa(_) => Type::AAAA,
            Data::Ns(_) => Type::NS,
            Data::Cname(_) => Type::CNAME,
            Data::Ptr(_) => Type::PTR,
            Data::Mx { .. } => Type::MX,
            Data::Txt(_) => Type::TXT,
            Data::Srv { .. } => Type::SRV,
            Data::Soa(_) => Type::SOA,
            Data::Opt(_) => Type::OPT,
            Data::Other { kind, .. } => *kind,
        }
    }

    /// A or AAAA, by the address's family.
    pub fn address(ip: IpAddr) -> Data {
        match ip {
            IpAddr::V4(ip) => Data::A(ip),
            IpAddr::V6(ip) => Data::Aaaa(ip),
        }
    }
}

impl Record {
    pub fn new(name: impl Into<Arc<str>>, ttl: u32, data: Data) -> Record {
        Record { name: name.into(), class: CLASS_IN, ttl, data }
    }

    pub fn kind(&self) -> Type {
        self.data.kind()
    }

    /// The address of an A or AAAA record.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.data {
            Data::A(ip) => Some(IpAddr::V4(ip)),
            Data::Aaaa(ip) => Some(IpAddr::V6(ip)),
            _ => None,
        }
    }
}

impl Question {
    pub fn new(name: impl Into<Arc<str>>, kind: Type) -> Question {
        Question { name: name.into(), kind, class: CLASS_IN }
    }
}

impl Message {
    /// A question that asks for recursion, as stub resolvers do.
    pub fn query(id: u16, question: Question) -> Message {
        Message {
            id,
            flags: Flags { recursion_desired: true, ..Flags::default() },
            opcode: 0,
            rcode: Rcode::NOERROR,
            questions: vec![question],
            answers: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            compressed: false,
        }
    }

    /// An empty answer to this question.
    pub fn reply(&self, rcode: Rcode) -> Message {
        let flags = Flags {
            response: true,
            recursion_desired: self.flags.recursion_desired,
            checking_disabled: self.flags.checking_disabled,
            ..Flags::default()
        };
        Message {
            id: self.id,
            flags,
            opcode: self.opcode,
            rcode,
            questions: self.questions.iter().take(1).cloned().collect(),
            answers: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            compressed: false,
        }
    }

    pub fn question(&self) -> Option<&Question> {
        self.questions.first()
    }

    /// The OPT record.
    pub fn opt(&self) -> Option<&Record> {
        self.additional.iter().find(|record| record.kind() == Type::OPT)
    }

    /// What the sender takes in a datagram, in bytes.
    pub fn udp_size(&self) -> u16 {
        self.opt().map_or(super::UDP_SIZE_MIN, |opt| opt.class.max(super::UDP_SIZE_MIN))
    }

    /// Asks with EDNS: this payload size and these options.
    pub fn with_edns(mut self, udp_size: u16, options: Vec<(u16, Arc<[u8]>)>) -> Message {
        self.additional.push(Record { name: ".".into(), class: udp_size, ttl: 0, data: Data::Opt(options) });
        self
    }

    /// Every record of the three sections.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.answers.iter().chain(&self.authority).chain(&self.additional)
    }
}
