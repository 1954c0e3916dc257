//! One network namespace: everything the kernel consults when a packet passes it.

use super::ebpf::Ebpf;
use super::netfilter::Netfilter;
use super::rows::Keyed;
use super::{Address, Link, LinkIndex, LinkKind, Listener, Netem, Origin, Route, RouteKind, RouteTable, Rows};
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
    /// Whatever lies beyond the gateway: outside clients and servers.
    Internet,
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
    /// `net.ipv4.conf.all.route_localnet`: 127.0.0.0/8 may come in and go out by devices other than `lo`.
    pub route_localnet: bool,
    /// `net.bridge.bridge-nf-call-iptables`: bridged IPv4 packets pass netfilter's IP hooks.
    pub bridge_nf: bool,
    /// `net.bridge.bridge-nf-call-ip6tables`: likewise IPv6 packets.
    pub bridge_nf6: bool,
    pub conntrack: ConntrackSysctls,
    /// `net.ipv4.conf.all.arp_ignore`: 1 answers only for addresses of the device that the request comes in by.
    pub arp_ignore: u8,
    /// `net.ipv4.conf.all.arp_announce`: 2 asks only in the name of addresses of the device.
    pub arp_announce: u8,
    /// The module ip_vs is there, with the settings `net.ipv4.vs.*` that kube-proxy gives it.
    pub ipvs: bool,
}

/// `net.netfilter.nf_conntrack_*`; times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConntrackSysctls {
    /// `nf_conntrack_max`: most entries.
    pub entries_max: u32,
    pub tcp_established: u32,
    pub tcp_close_wait: u32,
    pub udp: u32,
    /// Assured: seen in both directions for more than two seconds.
    pub udp_stream: u32,
    pub icmp: u32,
}

impl Default for ConntrackSysctls {
    /// The kernel's own, with `entries_max` as on a machine with more than 4 GiB.
    fn default() -> ConntrackSysctls {
        ConntrackSysctls {
            entries_max: 262_144,
            tcp_established: 432_000,
            tcp_close_wait: 60,
            udp: 30,
            udp_stream: 120,
            icmp: 30,
        }
    }
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
            route_localnet: false,
            bridge_nf: true,
            bridge_nf6: true,
            conntrack: ConntrackSysctls::default(),
            arp_ignore: 0,
            arp_announce: 0,
            ipvs: false,
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
    /// Devices that lose or delay packets on purpose.
    pub netem: Vec<Netem>,
    /// Rules and sets; equal namespaces share them.
    pub netfilter: Arc<Netfilter>,
    /// Programs at devices, with their maps; None: there are none.
    pub ebpf: Option<Arc<Ebpf>>,
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

    /// Whether a device answers ARP requests for an address: every one of this machine's, whatever its device, unless
    /// `arp_ignore` says no.
    pub fn answers_arp(&self, link: LinkIndex, ip: IpAddr) -> bool {
        match self.sysctls.arp_ignore {
            0 => self.is_local(ip),
            _ => self.addresses_of(link).any(|address| address.net.addr() == ip),
        }
    }

    /// `NOARP`: nobody is asked on this device. Cilium sets it for `cilium_host` and its peer.
    pub fn is_noarp(&self, link: &Link) -> bool {
        let ebpf = self.ebpf.as_deref();
        ebpf.is_some_and(|ebpf| link.index == ebpf.host || link.index == ebpf.peer)
    }

    /// The largest packet by a route, in bytes.
    pub fn route_mtu(&self, route: &Route) -> u32 {
        let device = self.link(route.dev).map_or(0, |link| link.mtu);
        route.mtu.map_or(device, |mtu| mtu.min(device))
    }

    /// A bridge has a carrier while one of its ports has; any other device that is up has one.
    pub fn has_carrier(&self, link: &Link) -> bool {
        link.up && (link.kind != LinkKind::Bridge || self.ports_of(link.index).any(|port| port.up))
    }

    /// `linkdown`: the route leads to a device without a carrier. It is used all the same
    /// (`net.ipv4.conf.all.ignore_routes_with_linkdown` is 0). Models net/ipv4/fib_semantics.c fib_sync_down_dev.
    pub fn is_linkdown(&self, route: &Route) -> bool {
        let leaves = matches!(route.kind, RouteKind::Unicast | RouteKind::Broadcast);
        leaves && self.link(route.dev).is_some_and(|link| link.up && !self.has_carrier(link))
    }

    /// The bridge's ports.
    pub fn ports_of(&self, bridge: LinkIndex) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |link| link.master == Some(bridge))
    }
}
