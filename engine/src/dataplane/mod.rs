//! The walk: what a kernel does with a packet, by its tables alone.
//!
//! Entry points are [`Walk::receive`] (a frame arrives on a device), [`Switch::switch`] (a frame enters a segment),
//! [`Walk::send`] (a socket or the kernel sends a packet) and [`Walk::timer`]. Each works inside one network namespace
//! and returns [`Effect`]s: frames to deliver elsewhere and timers to set. The walk owns no clock: `now` moves by the
//! cost of what is done, and the world delivers effects in the order of their times.
//!
//! Modelled: Linux 6.18, forwarding of IPv4 and IPv6, and netfilter. Left out so far: policy routing, ICMP redirects and
//! rate limits, router and listener discovery of IPv6.

mod apps;
mod arp;
mod bridge;
mod cost;
mod discovery;
mod dns;
mod ebpf;
mod fragment;
mod icmp;
mod ip;
mod ipip;
mod neighbor;
mod netfilter;
mod process;
mod random;
pub mod resolver;
mod sctp;
mod segment;
mod skb;
mod socket;
mod state;
mod tcp;
mod udp;
mod vxlan;
mod walk;

pub use apps::Request;
pub use dns::DnsState;
pub use ebpf::{CtEntry, CtKey, CtKind, EbpfState};
pub use neighbor::QUEUE_MAX as NEIGHBOR_QUEUE_MAX;
pub use netfilter::{
    Candidate, Connections, Count, Fate, IpvsTable, Memory, Part, PortWatch, ServerLoad, Sight, fates, overhead,
};
pub use process::{Io, Output, OutputStream, Process, ProcessEvent, ProcessId};
pub use segment::Switch;
pub use skb::{Effect, HopTarget, Skb, Timer};
pub use socket::{SocketEvent, SocketId};
pub use state::{JournalEntry, Learned, Neighbor, NetnsState, Nud, RuntimeChange};
pub use udp::SendOptions;
pub use walk::{SendError, Surroundings, Walk};
