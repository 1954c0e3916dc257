//! Tracked connections, as conntrack keeps them.

use crate::net::{Icmp, IpPacket, Protocol, Transport};
use std::net::IpAddr;

/// What conntrack tells protocols by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CtProtocol {
    Transport(Protocol),
    EchoRequest,
    EchoReply,
    /// Told by its addresses alone: IP in IP.
    Generic,
}

impl CtProtocol {
    fn inverse(self) -> CtProtocol {
        match self {
            CtProtocol::EchoRequest => CtProtocol::EchoReply,
            CtProtocol::EchoReply => CtProtocol::EchoRequest,
            same @ (CtProtocol::Transport(_) | CtProtocol::Generic) => same,
        }
    }
}

/// One direction of a connection, as its packets show it. An echo's identifier stands for both ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CtTuple {
    pub protocol: CtProtocol,
    pub src: (IpAddr, u16),
    pub dst: (IpAddr, u16),
}

impl CtTuple {
    /// None for an ICMP error, which belongs to the connection of the packet that it quotes, and for neighbour discovery.
    pub fn of(packet: &IpPacket) -> Option<CtTuple> {
        let protocol = match &packet.payload {
            Transport::Tcp(_) => CtProtocol::Transport(Protocol::Tcp),
            Transport::Udp(_) => CtProtocol::Transport(Protocol::Udp),
            Transport::Sctp(_) => CtProtocol::Transport(Protocol::Sctp),
            Transport::Icmp(Icmp::EchoRequest { .. }) => CtProtocol::EchoRequest,
            Transport::Icmp(Icmp::EchoReply { .. }) => CtProtocol::EchoReply,
            Transport::Ipip(_) => CtProtocol::Generic,
            Transport::Icmp(Icmp::Error { .. } | Icmp::NeighborSolicit { .. } | Icmp::NeighborAdvert { .. }) => {
                return None;
            }
        };
        Some(CtTuple { protocol, src: packet.source(), dst: packet.destination() })
    }

    /// The answers' direction.
    pub fn inverse(self) -> CtTuple {
        CtTuple { protocol: self.protocol.inverse(), src: self.dst, dst: self.src }
    }
}

/// TCP as conntrack sees it pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpState {
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    /// SYNs from both sides.
    SynSent2,
}

impl TcpState {
    /// As `conntrack -L` prints it.
    pub fn name(self) -> &'static str {
        match self {
            TcpState::None => "NONE",
            TcpState::SynSent => "SYN_SENT",
            TcpState::SynRecv => "SYN_RECV",
            TcpState::Established => "ESTABLISHED",
            TcpState::FinWait => "FIN_WAIT",
            TcpState::CloseWait => "CLOSE_WAIT",
            TcpState::LastAck => "LAST_ACK",
            TcpState::TimeWait => "TIME_WAIT",
            TcpState::Close => "CLOSE",
            TcpState::SynSent2 => "SYN_SENT2",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SctpState {
    Closed,
    CookieWait,
    CookieEchoed,
    Established,
    ShutdownSent,
    ShutdownReceived,
    ShutdownAckSent,
}

impl SctpState {
    /// As `conntrack -L` prints it.
    pub fn name(self) -> &'static str {
        match self {
            SctpState::Closed => "CLOSED",
            SctpState::CookieWait => "COOKIE_WAIT",
            SctpState::CookieEchoed => "COOKIE_ECHOED",
            SctpState::Established => "ESTABLISHED",
            SctpState::ShutdownSent => "SHUTDOWN_SENT",
            SctpState::ShutdownReceived => "SHUTDOWN_RECD",
            SctpState::ShutdownAckSent => "SHUTDOWN_ACK_SENT",
        }
    }
}

/// What a protocol's tracker remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtProgress {
    Tcp(TcpState),
    Sctp(SctpState),
    /// Traffic in both directions after this moment (virtual time in nanoseconds) makes it a stream.
    Udp {
        stream_from: u64,
    },
    Icmp,
    /// Of a protocol that conntrack knows nothing of.
    Generic,
}

/// One tracked connection. What NAT does to it is in its tuples: `reply` is what the answers look like as they arrive.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Its number within its namespace, never used twice.
    pub id: u32,
    pub original: CtTuple,
    pub reply: CtTuple,
    pub state: CtProgress,
    pub seen_reply: bool,
    pub assured: bool,
    /// Its source, or its destination, is translated.
    pub snat: bool,
    pub dnat: bool,
    /// NAT has been decided on for the source, for the destination.
    pub snat_done: bool,
    pub dnat_done: bool,
    /// It has been in the table.
    pub confirmed: bool,
    /// Virtual time in nanoseconds.
    pub expires_at: u64,
}

impl Connection {
    /// The tuple of one direction.
    pub fn tuple(&self, reply: bool) -> CtTuple {
        if reply { self.reply } else { self.original }
    }

    /// Whether it prints differently, its timeout left aside.
    pub fn looks_like(&self, other: &Connection) -> bool {
        let state = match (self.state, other.state) {
            (CtProgress::Udp { .. }, CtProgress::Udp { .. }) => true,
            (a, b) => a == b,
        };
        state && self.seen_reply == other.seen_reply && self.assured == other.assured
    }
}
