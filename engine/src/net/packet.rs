//! Packets as values. Lengths are what the wire would carry, in bytes; checksums are computed when bytes are made.

use super::MacAddr;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// The transport protocols that Kubernetes knows as `protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// As Kubernetes writes it: `TCP`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
        }
    }

    /// As the IP header has it.
    pub fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
        }
    }
}

/// The address family of a table or a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub fn of(ip: IpAddr) -> Family {
        if ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// Application bytes. A pattern (ping's, or any filler) is kept as its length; its bytes count up from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    Pattern(u32),
    Bytes(Arc<[u8]>),
}

impl Body {
    pub const EMPTY: Body = Body::Pattern(0);

    pub fn len(&self) -> usize {
        match self {
            Body::Pattern(len) => *len as usize,
            Body::Bytes(bytes) => bytes.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn text(text: &str) -> Body {
        Body::Bytes(text.as_bytes().into())
    }
}

/// An Ethernet frame, without preamble and FCS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    pub src: MacAddr,
    pub dst: MacAddr,
    pub payload: Payload,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    Arp(Arp),
    Ip(IpPacket),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArpOp {
    Request,
    Reply,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arp {
    pub op: ArpOp,
    pub sender_mac: MacAddr,
    pub sender_ip: std::net::Ipv4Addr,
    pub target_mac: MacAddr,
    pub target_ip: std::net::Ipv4Addr,
}

/// One IP packet. `ttl` is IPv6's hop limit as well; `id`, `dont_fragment` and `fragment` are IPv4's header fields
/// (IPv6 puts `fragment` into an extension header and never lets routers fragment).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpPacket {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub ttl: u8,
    pub tos: u8,
    pub id: u16,
    pub dont_fragment: bool,
    pub fragment: Option<Fragment>,
    pub payload: Transport,
}

/// Which stretch of the whole payload this packet carries. The payload stays the whole one, so that a fragment is a
/// view and putting it together again needs no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fragment {
    /// Bytes from the start of the payload; a multiple of 8.
    pub offset: u16,
    /// Bytes carried.
    pub len: u16,
    pub more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    Icmp(Icmp),
    Tcp(Tcp),
    Udp(Udp),
    Sctp(Sctp),
    /// IPv4 in IPv4 (RFC 2003): the packet that is tunnelled, in a frame whose MACs are zero and not on the wire.
    Ipip(Box<Frame>),
}

/// ICMP messages, named by what they say; type and code follow the family when bytes are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Icmp {
    EchoRequest {
        id: u16,
        seq: u16,
        body: Body,
    },
    EchoReply {
        id: u16,
        seq: u16,
        body: Body,
    },
    Error {
        error: IcmpError,
        quoted: Box<IpPacket>,
    },
    /// ICMPv6: who has `target`? With the sender's own MAC, unless it has no address yet.
    NeighborSolicit {
        target: Ipv6Addr,
        mac: Option<MacAddr>,
    },
    /// ICMPv6: `target` is at `mac`, or still there if that is left out.
    NeighborAdvert {
        target: Ipv6Addr,
        mac: Option<MacAddr>,
        flags: AdvertFlags,
    },
}

/// The flags of a neighbour advertisement (RFC 4861, 4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvertFlags {
    pub router: bool,
    pub solicited: bool,
    /// The receiver is to put `mac` in the place of what it knows.
    pub overrides: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IcmpError {
    NetUnreachable,
    HostUnreachable,
    ProtocolUnreachable,
    PortUnreachable,
    /// `mtu` is the next hop's, in bytes.
    FragmentationNeeded {
        mtu: u16,
    },
    TtlExceeded,
    ReassemblyTimeExceeded,
    /// Forbidden by a filter.
    AdminProhibited,
}

impl IcmpError {
    /// ICMPv6 type and code (RFC 4443): a protocol that nobody takes is a parameter problem.
    pub fn type_code_v6(self) -> (u8, u8) {
        match self {
            IcmpError::NetUnreachable => (1, 0),
            IcmpError::HostUnreachable => (1, 3),
            IcmpError::PortUnreachable => (1, 4),
            IcmpError::FragmentationNeeded { .. } => (2, 0),
            IcmpError::TtlExceeded => (3, 0),
            IcmpError::ReassemblyTimeExceeded => (3, 1),
            IcmpError::ProtocolUnreachable => (4, 1),
            IcmpError::AdminProhibited => (1, 1),
        }
    }

    /// ICMPv4 type and code (RFC 792, RFC 1191).
    pub fn type_code(self) -> (u8, u8) {
        match self {
            IcmpError::NetUnreachable => (3, 0),
            IcmpError::HostUnreachable => (3, 1),
            IcmpError::ProtocolUnreachable => (3, 2),
            IcmpError::PortUnreachable => (3, 3),
            IcmpError::FragmentationNeeded { .. } => (3, 4),
            IcmpError::TtlExceeded => (11, 0),
            IcmpError::ReassemblyTimeExceeded => (11, 1),
            IcmpError::AdminProhibited => (3, 13),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tcp {
    pub sport: u16,
    pub dport: u16,
    pub seq: u32,
    pub ack: u32,
    pub flags: TcpFlags,
    pub window: u16,
    /// The MSS option; only in segments with SYN.
    pub mss: Option<u16>,
    pub body: Body,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpFlags {
    pub syn: bool,
    pub ack: bool,
    pub fin: bool,
    pub rst: bool,
    pub psh: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Udp {
    pub sport: u16,
    pub dport: u16,
    pub body: UdpBody,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UdpBody {
    Data(Body),
    /// RFC 7348: flags 0x08, `vni`, then the inner frame.
    Vxlan {
        vni: u32,
        frame: Box<Frame>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sctp {
    pub sport: u16,
    pub dport: u16,
    pub tag: u32,
    pub chunk: SctpChunk,
}

/// The chunks of an association's start, data and end (RFC 9260). One chunk a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SctpChunk {
    Init { tag: u32, tsn: u32 },
    InitAck { tag: u32, tsn: u32 },
    CookieEcho,
    CookieAck,
    Data { tsn: u32, body: Body },
    Sack { tsn: u32 },
    Shutdown { tsn: u32 },
    ShutdownAck,
    ShutdownComplete,
    Abort,
}

impl SctpChunk {
    /// The chunk's name in RFC 9260 and its length in bytes, header included, padding excluded.
    pub fn name_len(&self) -> (&'static str, usize) {
        match self {
            SctpChunk::Init { .. } => ("INIT", 20),
            SctpChunk::InitAck { .. } => ("INIT ACK", 20 + 4 + 8),
            SctpChunk::CookieEcho => ("COOKIE ECHO", 4 + 8),
            SctpChunk::CookieAck => ("COOKIE ACK", 4),
            SctpChunk::Data { body, .. } => ("DATA", 16 + body.len()),
            SctpChunk::Sack { .. } => ("SACK", 16),
            SctpChunk::Shutdown { .. } => ("SHUTDOWN", 8),
            SctpChunk::ShutdownAck => ("SHUTDOWN ACK", 4),
            SctpChunk::ShutdownComplete => ("SHUTDOWN COMPLETE", 4),
            SctpChunk::Abort => ("ABORT", 4),
        }
    }
}

impl Transport {
    /// Header and data, in bytes; for a fragmented packet the whole of it.
    pub fn len(&self) -> usize {
        match self {
            Transport::Icmp(Icmp::EchoRequest { body, .. } | Icmp::EchoReply { body, .. }) => 8 + body.len(),
            Transport::Icmp(Icmp::Error { quoted, .. }) => 8 + quoted.quoted_len(),
            Transport::Icmp(Icmp::NeighborSolicit { mac, .. } | Icmp::NeighborAdvert { mac, .. }) => {
                24 + if mac.is_some() { 8 } else { 0 }
            }
            Transport::Tcp(tcp) => 20 + if tcp.mss.is_some() { 4 } else { 0 } + tcp.body.len(),
            Transport::Udp(udp) => 8 + udp.body.len(),
            Transport::Sctp(sctp) => 12 + sctp.chunk.name_len().1.next_multiple_of(4),
            Transport::Ipip(inner) => inner.len() - Frame::HEADER_LEN,
        }
    }

    pub fn is_empty(&self) -> bool {
        false
    }

    /// Source and destination port, where the protocol has them.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match self {
            Transport::Icmp(_) | Transport::Ipip(_) => None,
            Transport::Tcp(tcp) => Some((tcp.sport, tcp.dport)),
            Transport::Udp(udp) => Some((udp.sport, udp.dport)),
            Transport::Sctp(sctp) => Some((sctp.sport, sctp.dport)),
        }
    }
}

impl UdpBody {
    pub fn len(&self) -> usize {
        match self {
            UdpBody::Data(body) => body.len(),
            UdpBody::Vxlan { frame, .. } => 8 + frame.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl IpPacket {
    /// Address and port of the source; an echo's identifier stands for its port, 0 where there is neither.
    pub fn source(&self) -> (IpAddr, u16) {
        let port = match &self.payload {
            Transport::Icmp(Icmp::EchoRequest { id, .. } | Icmp::EchoReply { id, .. }) => *id,
            payload => payload.ports().map_or(0, |(sport, _)| sport),
        };
        (self.src, port)
    }

    /// Address and port of the destination, likewise.
    pub fn destination(&self) -> (IpAddr, u16) {
        let port = match &self.payload {
            Transport::Icmp(Icmp::EchoRequest { id, .. } | Icmp::EchoReply { id, .. }) => *id,
            payload => payload.ports().map_or(0, |(_, dport)| dport),
        };
        (self.dst, port)
    }

    /// Rewrites the source; `port` counts where there is one, or an echo's identifier.
    pub fn set_source(&mut self, (ip, port): (IpAddr, u16)) {
        self.src = ip;
        match &mut self.payload {
            Transport::Tcp(tcp) => tcp.sport = port,
            Transport::Udp(udp) => udp.sport = port,
            Transport::Sctp(sctp) => sctp.sport = port,
            Transport::Icmp(Icmp::EchoRequest { id, .. } | Icmp::EchoReply { id, .. }) => *id = port,
            Transport::Icmp(Icmp::Error { .. } | Icmp::NeighborSolicit { .. } | Icmp::NeighborAdvert { .. })
            | Transport::Ipip(_) => {}
        }
    }

    /// Rewrites the destination, likewise.
    pub fn set_destination(&mut self, (ip, port): (IpAddr, u16)) {
        self.dst = ip;
        match &mut self.payload {
            Transport::Tcp(tcp) => tcp.dport = port,
            Transport::Udp(udp) => udp.dport = port,
            Transport::Sctp(sctp) => sctp.dport = port,
            Transport::Icmp(Icmp::EchoRequest { id, .. } | Icmp::EchoReply { id, .. }) => *id = port,
            Transport::Icmp(Icmp::Error { .. } | Icmp::NeighborSolicit { .. } | Icmp::NeighborAdvert { .. })
            | Transport::Ipip(_) => {}
        }
    }

    /// The IP header's length: no options in IPv4, no extension headers but a fragment's in IPv6.
    pub fn header_len(&self) -> usize {
        match self.dst {
            IpAddr::V4(_) => 20,
            IpAddr::V6(_) => 40 + if self.fragment.is_some() { 8 } else { 0 },
        }
    }

    /// Total length on the wire, in bytes: this fragment's, if it is one.
    pub fn len(&self) -> usize {
        self.header_len() + self.fragment.map_or_else(|| self.payload.len(), |f| f.len as usize)
    }

    pub fn is_empty(&self) -> bool {
        false
    }

    /// How much of this packet an ICMP error quotes, header included: Linux fills an ICMPv4 error up to 576 bytes,
    /// an ICMPv6 error up to 1280 (Models net/ipv4/icmp.c icmp_send).
    pub fn quoted_len(&self) -> usize {
        let room = if self.dst.is_ipv4() { 576 - 20 - 8 } else { 1280 - 40 - 8 };
        self.len().min(room)
    }
}

impl Frame {
    /// The Ethernet header's length in bytes.
    pub const HEADER_LEN: usize = 14;

    /// Bytes on the wire without FCS.
    pub fn len(&self) -> usize {
        Frame::HEADER_LEN
            + match &self.payload {
                Payload::Arp(_) => 28,
                Payload::Ip(packet) => packet.len(),
            }
    }

    pub fn is_empty(&self) -> bool {
        false
    }

    /// The IP packet of this frame, if it carries one.
    pub fn ip(&self) -> Option<&IpPacket> {
        match &self.payload {
            Payload::Ip(packet) => Some(packet),
            Payload::Arp(_) => None,
        }
    }

    /// The address whose owner an ARP request or a neighbour solicitation asks for.
    pub fn asks_for(&self) -> Option<IpAddr> {
        match &self.payload {
            Payload::Arp(arp) if arp.op == ArpOp::Request => Some(IpAddr::V4(arp.target_ip)),
            Payload::Ip(IpPacket { payload: Transport::Icmp(Icmp::NeighborSolicit { target, .. }), .. }) => {
                Some(IpAddr::V6(*target))
            }
            _ => None,
        }
    }

    /// Whether it serves to find a MAC address: ARP and neighbour discovery.
    pub fn is_discovery(&self) -> bool {
        match &self.payload {
            Payload::Arp(_) => true,
            Payload::Ip(packet) => {
                matches!(packet.payload, Transport::Icmp(Icmp::NeighborSolicit { .. } | Icmp::NeighborAdvert { .. }))
            }
        }
    }

    /// What is inside a tunnel's packet, if this is one.
    pub fn inner(&self) -> Option<&Frame> {
        match &self.ip()?.payload {
            Transport::Udp(Udp { body: UdpBody::Vxlan { frame, .. }, .. }) | Transport::Ipip(frame) => Some(frame),
            _ => None,
        }
    }
}
