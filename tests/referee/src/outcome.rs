//! What became of a probe, in words that the kernel and the simulation have in common.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Two outcomes agree if they are equal in everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Outcome {
    pub verdict: Verdict,
    /// Who answered, with whatever it was.
    pub responder: Option<IpAddr>,
    /// How the packet looked where it was taken from the wire for good.
    pub seen: Option<Seen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seen {
    pub source: IpAddr,
    pub ttl: u8,
    /// Address and port that it was taken for; the port is 0 for an echo request.
    pub to: (IpAddr, u16),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// Echo reply, SYN-ACK, or a datagram back.
    Replied,
    /// A UDP socket took it and said nothing.
    Taken,
    /// RST.
    Reset,
    /// Port unreachable from the destination itself.
    PortUnreachable,
    /// Any other ICMP destination unreachable.
    Unreachable {
        code: u8,
    },
    FragmentationNeeded {
        mtu: u32,
    },
    /// ICMP time exceeded: code 0 on the way, 1 while putting fragments together.
    TimeExceeded {
        code: u8,
    },
    /// EMSGSIZE: the sender's own kernel would not send it.
    MessageTooLong,
    /// Another error of the sender's own kernel, by name.
    LocalError(String),
    /// An ICMP message of another kind.
    OtherIcmp {
        kind: u8,
        code: u8,
    },
    Silence,
}

impl Verdict {
    /// The verdict an ICMP error brings to whoever sent a packet to `to`.
    pub fn of_icmp(kind: u8, code: u8, mtu: u32, from: IpAddr, to: IpAddr) -> Verdict {
        if to.is_ipv6() {
            return match (kind, code) {
                (1, 4) if from == to => Verdict::PortUnreachable,
                (1, _) => Verdict::Unreachable { code },
                (2, _) => Verdict::FragmentationNeeded { mtu },
                (3, _) => Verdict::TimeExceeded { code },
                _ => Verdict::OtherIcmp { kind, code },
            };
        }
        match (kind, code) {
            (3, 3) if from == to => Verdict::PortUnreachable,
            (3, 4) => Verdict::FragmentationNeeded { mtu },
            (3, _) => Verdict::Unreachable { code },
            (11, _) => Verdict::TimeExceeded { code },
            _ => Verdict::OtherIcmp { kind, code },
        }
    }

    /// The kind it is counted under.
    pub fn kind(&self) -> &'static str {
        match self {
            Verdict::Replied => "replied",
            Verdict::Taken => "taken",
            Verdict::Reset => "reset",
            Verdict::PortUnreachable => "port unreachable",
            Verdict::Unreachable { code: 0 } => "net unreachable",
            // Of ICMPv6: address unreachable.
            Verdict::Unreachable { code: 1 | 3 } => "host unreachable",
            Verdict::Unreachable { .. } => "unreachable otherwise",
            Verdict::FragmentationNeeded { .. } => "fragmentation needed",
            Verdict::TimeExceeded { .. } => "time exceeded",
            Verdict::MessageTooLong => "message too long",
            Verdict::LocalError(_) => "local error",
            Verdict::OtherIcmp { .. } => "other ICMP",
            Verdict::Silence => "silence",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::FragmentationNeeded { mtu } => write!(f, "fragmentation needed (mtu {mtu})")?,
            Verdict::Unreachable { code } => write!(f, "{} (code {code})", self.verdict.kind())?,
            Verdict::TimeExceeded { code } => write!(f, "time exceeded (code {code})")?,
            Verdict::LocalError(error) => write!(f, "local error {error}")?,
            Verdict::OtherIcmp { kind, code } => write!(f, "ICMP {kind}/{code}")?,
            verdict => f.write_str(verdict.kind())?,
        }
        if let Some(responder) = self.responder {
            write!(f, " by {responder}")?;
        }
        match self.seen {
            Some(Seen { source, ttl, to: (ip, port) }) => {
                write!(f, "; arrived from {source} at {} with TTL {ttl}", SocketAddr::new(ip, port))
            }
            None => f.write_str("; arrived nowhere"),
        }
    }
}
