//! One network namespace: everything the kernel consults when a packet passes it.

use super::netfilter::Netfilter;
use super::rows::Keyed;
use super::{Address, Link, LinkIndex, Listener, Origin, RouteTable, Rows};
use crate::net::{MacAddr, solicited_node};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// A namespace's number, never used twice in one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NetnsId(pub u32);

/// Where a packet can be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Place {
    Node(Arc<str>),
    Pod {
        namespace: Arc<str>,
        name: Arc<str>,
    },
    /// The gateway of the node network, `.1`: the way out.
    Gateway,
    /// The node network's segment, by number.
    Fabric(u32),
}

/// A permanent neighbour: `ip neigh add IP lladdr MAC dev LINK nud permanent`.
#[derive(Clone, Debug, PartialEq)]
pub struct NeighborEntry {
    pub link: LinkIndex,
    pub ip: IpAddr,
    pub mac: MacAddr,
    pub origin: Origin,
}

impl Keyed for NeighborEntry {
    type Key = (LinkIndex, IpAddr);

    fn key(&self) -> (LinkIndex, IpAddr) {
        (self.link, self.ip)
    }
}

/// A permanent forwarding entry of a VXLAN device: `bridge fdb append MAC dev LINK dst REMOTE`.
#[derive(Clone, Debug, PartialEq)]
pub struct FdbEntry {
    pub link: LinkIndex,
    pub mac: MacAddr,
    pub remote: IpAddr,
    pub origin: Origin,
}

impl Keyed for FdbEntry {
    type Key = (LinkIndex, MacAddr);

    fn key(&self) -> (LinkIndex, MacAddr) {
        (self.link, self.mac)
    }
}

/// The sysctls the walk reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sysctls {
    /// `net.ipv4.ip_forward`
    pub ip_forward: bool,
    /// `net.ipv6.conf.all.forwarding`
    pub ip6_forward: bool,
    /// `net.ipv6.conf.all.disable_ipv6`: where the cluster has no IPv6, it is off.
    pub disable_ipv6: bool,
    /// `net.ipv4.ip_default_ttl`, and `net.ipv6.conf.all.hop_limit`, which has the same default.
    pub default_ttl: u8,
    /// `net.ipv4.ip_local_port_range`
    pub port_range: (u16, u16),
    /// `net.ipv4.ping_group_range` lets processes without CAP_NET_RAW ping; only its effect on tools matters.
    pub unprivileged_ping: bool,
}

impl Default for Sysctls {
    fn default() -> Sysctls {
        Sysctls {
            ip_forward: false,
            ip6_forward: false,
            disable_ipv6: true,
            default_ttl: 64,
            port_range: (32768, 60999),
            unprivileged_ping: true,
        }
    }
}

/// The programmed tables of one namespace at one version. What packets teach (neighbours, learned FDB entries,
/// sockets) is runtime state and lives with the walk.
#[derive(Clone, Debug)]
pub struct Netns {
    pub id: NetnsId,
    pub place: Place,
    /// Grows with every reprogramming of this namespace.
    pub version: u32,
    pub links: Vec<Link>,
    pub addresses: Vec<Address>,
    /// `ip route show table local`
    pub local: RouteTable,
    /// `ip route show table main`
    pub main: RouteTable,
    pub neighbors: Rows<NeighborEntry>,
    pub fdb: Rows<FdbEntry>,
    pub sysctls: Sysctls,
    /// Rules and sets; equal namespaces share them.
    pub netfilter: Arc<Netfilter>,
    /// Sockets that containers (or the node's own processes) listen on from their start.
    pub listeners: Vec<Listener>,
}

impl Netns {
    pub fn link(&self, index: LinkIndex) -> Option<&Link> {
        // Indices grow in order, so this is a binary search.
        self.links.binary_search_by_key(&index, |link| link.index).ok().map(|i| &self.links[i])
    }

    pub fn link_named(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| &*link.name == name)
    }

    pub fn addresses_of(&self, index: LinkIndex) -> impl Iterator<Item = &Address> {
        self.addresses.iter().filter(move |address| address.link == index)
    }

    /// True if the kernel would accept packets for `ip` as its own.
    pub fn is_local(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.addresses.iter().any(|address| address.net.addr() == ip)
    }

    /// Whether a device has joined an IPv6 group: all nodes, all routers where it routes, and the solicited-node groups
    /// of its addresses.
    pub fn has_joined(&self, link: LinkIndex, group: Ipv6Addr) -> bool {
        let segments = group.segments();
        match segments {
            _ if self.sysctls.disable_ipv6 => false,
            [0xff01 | 0xff02, 0, 0, 0, 0, 0, 0, 1] => true,
            [0xff01 | 0xff02 | 0xff05, 0, 0, 0, 0, 0, 0, 2] => self.sysctls.ip6_forward,
            _ => self.addresses_of(link).any(|address| match address.net.addr() {
                IpAddr::V6(ip) => {
                    let anycast = self.sysctls.ip6_forward && address.net.prefix_len() < 127;
                    let network = Ipv6Addr::from(u128::from(ip) >> 64 << 64);
                    group == solicited_node(ip) || anycast && group == solicited_node(network)
                }
                IpAddr::V4(_) => false,
            }),
        }
    }

    /// Whether packets of this address's family are passed on.
    pub fn forwards(&self, dst: IpAddr) -> bool {
        if dst.is_ipv4() { self.sysctls.ip_forward } else { self.sysctls.ip6_forward }
    }

    /// True if `ip` is an IPv6 address of this very device: neighbour discovery answers for no others.
    pub fn has_on(&self, link: LinkIndex, ip: Ipv6Addr) -> bool {
        self.addresses_of(link).any(|address| address.net.addr() == IpAddr::V6(ip))
    }

    /// The bridge's ports.
    pub fn ports_of(&self, bridge: LinkIndex) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |link| link.master == Some(bridge))
    }
}
