//! DNS messages as values (RFC 1035, 3596, 2782, 6891), their bytes, and their text as zone files have it.
//!
//! Names are absolute, in presentation form: they end in a dot and keep their letter case; a dot or a byte that does not
//! print is escaped with a backslash. Supported data: A, AAAA, NS, CNAME, PTR, MX, TXT, SRV, SOA, OPT; of every other type
//! the bytes are kept.

mod encode;
mod message;
pub mod name;
mod parse;
mod resolv;
mod text;
mod types;

#[cfg(test)]
mod tests;

pub use message::{Data, Flags, Message, Question, Record, Soa};
pub use parse::Mark;
pub use resolv::ResolvConf;
pub use text::{parse_record, zone_lines};
pub use types::{Rcode, Type};

/// The class of everything here: IN.
pub const CLASS_IN: u16 = 1;
/// The class CH, by which servers are asked about themselves.
pub const CLASS_CHAOS: u16 = 3;
/// QCLASS `*`.
pub const CLASS_ANY: u16 = 255;
/// The port of DNS.
pub const PORT: u16 = 53;
/// What a datagram holds without EDNS, in bytes.
pub const UDP_SIZE_MIN: u16 = 512;
