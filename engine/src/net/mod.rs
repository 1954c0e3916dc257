//! Addresses and packets: data that looks like the wire.
//!
//! Nested values, outermost first: [`Frame`] → [`Payload`] → [`IpPacket`] → [`Transport`] → (VXLAN) [`Frame`] …
//! The types are neutral to the address family; IPv6 needs no other shape.

pub mod dns;
mod mac;
mod packet;

mod checksum;
mod headers;
mod wire;

mod pcapng;

pub use headers::{Field, Headers, Layer};
pub use mac::{MacAddr, solicited_node};
pub use packet::{
    AdvertFlags, Arp, ArpOp, Body, Family, Fragment, Frame, Icmp, IcmpError, IpPacket, Payload, Protocol, Sctp,
    SctpChunk, Tcp, TcpFlags, Transport, Udp, UdpBody,
};
pub use pcapng::{Direction, InterfaceId, PcapNg};
