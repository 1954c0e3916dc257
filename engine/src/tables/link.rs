//! Network devices and their addresses.

use super::{NetnsId, Origin};
use crate::net::MacAddr;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// `ifindex`: unique within its namespace, from 1 (`lo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LinkIndex(pub u32);

impl LinkIndex {
    pub const LO: LinkIndex = LinkIndex(1);
}

/// One network device.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub index: LinkIndex,
    pub name: Arc<str>,
    pub kind: LinkKind,
    pub mac: MacAddr,
    /// Largest IP packet it carries, in bytes.
    pub mtu: u32,
    pub up: bool,
    /// The bridge it is a port of, and whether frames may leave by the port they came in.
    pub master: Option<LinkIndex>,
    pub hairpin: bool,
    /// `net.ipv4.conf.LINK.proxy_arp`: it answers for addresses that are routed out of other devices.
    pub proxy_arp: bool,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq)]
pub enum LinkKind {
    Loopback,
    /// One end of a veth pair; the other is `peer` in `peer_netns`.
    Veth {
        peer_netns: NetnsId,
        peer: LinkIndex,
    },
    Bridge,
    /// Takes addresses, and passes nothing on.
    Dummy,
    /// Unicast VXLAN over `underlay`, learning off, as flanneld makes it.
    Vxlan {
        vni: u32,
        port: u16,
        local: IpAddr,
        underlay: LinkIndex,
    },
    /// `tunl0`: IPv4 in IPv4 to whatever the route's next hop is, as the kernel makes it when it learns of IPIP.
    Ipip,
    /// A VXLAN device in metadata mode, as Cilium makes it: who sends says where to, and with which number.
    VxlanExternal {
        port: u16,
        underlay: LinkIndex,
    },
    /// A NIC on the segment with this number (see [`super::Segment`]).
    Nic {
        segment: u32,
    },
}

/// `tc qdisc add dev LINK root netem …`: what a device loses and delays on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Netem {
    pub link: LinkIndex,
    /// Lost packets in a million.
    pub loss_ppm: u32,
    /// In nanoseconds.
    pub delay: u64,
    /// The delay varies by as much, up and down.
    pub jitter: u64,
}

/// An address on a device: `ip addr add ADDRESS dev LINK`.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    pub link: LinkIndex,
    pub net: IpNet,
    pub broadcast: Option<IpAddr>,
    pub scope: Scope,
    pub origin: Origin,
}

/// rtnetlink's scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    Global,
    Link,
    Host,
}
