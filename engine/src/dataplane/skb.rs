//! A packet under way, and what the walk asks of the world.

use super::netfilter::Tracking;
use super::{ProcessId, SocketEvent, SocketId};
use crate::net::{Frame, IpPacket};
use crate::tables::ipvs::VirtualKey;
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
    /// netfilter's mark.
    pub mark: u32,
    pub(super) tracking: Tracking,
    pub(super) ipvs: Balanced,
    /// The longest of the fragments that it was put together from on its way: it goes on in pieces of that size.
    pub(super) fragment_len_max: Option<u16>,
    pub(super) bridged: Bridged,
    /// Where its route leads, for a tunnel that has no one other end.
    pub(super) next_hop: Option<IpAddr>,
    /// How long queues on its way have kept it since it was last delivered somewhere.
    pub(super) kept: Nanos,
}

/// What IPVS has done with a packet: it looks at none twice (ipvs_property).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Balanced {
    #[default]
    No,
    /// A request that a virtual server has given to a real one. `routed`: the way there is known.
    Request { to: VirtualKey, routed: bool },
    /// An answer that has its virtual server's address again.
    Answer,
}

/// A packet's way through a bridge whose packets netfilter sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Bridged {
    #[default]
    No,
    /// It has passed PREROUTING on the bridge: the IP layer does not ask again.
    Asked,
    /// NAT has given it a destination on the same bridge: it waits for that one's MAC address, then goes on as if it
    /// had come in by this port with it.
    Diverted { port: LinkIndex },
}

impl Skb {
    pub fn new(frame: Frame, track: PacketRef, crossings: u16) -> Skb {
        let (tracking, ipvs, bridged) = (Tracking::Unseen, Balanced::No, Bridged::No);
        Skb {
            frame,
            track,
            crossings,
            mark: 0,
            tracking,
            ipvs,
            fragment_len_max: None,
            bridged,
            next_hop: None,
            kept: 0,
        }
    }

    /// Another packet, as this one is apart from its frame and record.
    pub(super) fn with(&self, frame: Frame, track: PacketRef) -> Skb {
        Skb { frame, track, ..self.clone() }
    }

    /// It leaves the namespace: what its kernel kept beside it stays behind (skb_scrub_packet).
    pub(super) fn scrub(&mut self) {
        self.mark = 0;
        self.ipvs = Balanced::No;
        self.forget_connection();
    }

    /// It goes into a tunnel or comes out of one: it is another packet for netfilter.
    pub(super) fn forget_connection(&mut self) {
        self.tracking = Tracking::Unseen;
        self.fragment_len_max = None;
        self.bridged = Bridged::No;
    }

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
