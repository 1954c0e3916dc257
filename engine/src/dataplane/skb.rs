//! A packet under way, and what the walk asks of the world.

use super::{ProcessId, SocketEvent, SocketId};
use crate::net::{Frame, IpPacket};
use crate::tables::{LinkIndex, NetnsId};
use crate::trace::{Nanos, PacketRef};
use std::net::IpAddr;

/// Most device crossings of one packet and everything it causes: a routing loop ends here even where no TTL counts
/// (a bridge loop, a tunnel in a tunnel).
pub const CROSSINGS_MAX: u16 = 512;

/// A frame and its record in the trace.
#[derive(Clone, Debug)]
pub struct Skb {
    pub frame: Frame,
    pub track: PacketRef,
    /// Crossings left.
    pub crossings: u16,
}

impl Skb {
    /// The IP packet inside; ARP frames have none.
    pub fn ip(&self) -> Option<&IpPacket> {
        self.frame.ip()
    }
}

/// Where a frame goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopTarget {
    /// Arrives on this device.
    Link { netns: NetnsId, link: LinkIndex },
    /// Enters the segment from this NIC.
    Segment { segment: u32, from: NetnsId },
}

/// What the walk wants done.
#[derive(Clone, Debug)]
pub enum Effect {
    Deliver {
        at: Nanos,
        to: HopTarget,
        skb: Skb,
    },
    Timer {
        at: Nanos,
        netns: NetnsId,
        timer: Timer,
    },
    /// Something happened on a process's socket.
    Notify {
        at: Nanos,
        process: ProcessId,
        socket: SocketId,
        event: SocketEvent,
        track: PacketRef,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Resolution of a neighbour: send the next request or give up.
    Neighbor { link: LinkIndex, ip: IpAddr },
    /// A socket's retransmission; `generation` tells timers that were overtaken.
    Retransmit { socket: SocketId, generation: u32 },
    /// Fragments that did not become whole.
    Reassembly { src: IpAddr, dst: IpAddr, id: u16 },
    /// A DNS server's patience with an upstream; `generation` tells attempts that were overtaken.
    Dns { pending: u32, generation: u32 },
    /// A process's own timer with its token.
    Process { process: ProcessId, token: u32 },
}
