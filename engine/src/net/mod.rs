//! Addresses and packets: data that looks like the wire.
//!
//! Nested values, outermost first: [`Frame`] → [`Payload`] → [`IpPacket`] → [`Transport`] → (VXLAN) [`Frame`] …
//! The types are neutral to the address family; IPv6 needs no other shape.

mod mac;
mod packet;

pub use mac::MacAddr;
pub use packet::{
    Arp, ArpOp, Body, Fragment, Frame, Icmp, IcmpError, IpPacket, Payload, Protocol, Sctp, SctpChunk, Tcp, TcpFlags,
    Transport, Udp, UdpBody,
};
