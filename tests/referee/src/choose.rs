//! Which packets to send. Everything is chosen from the namespaces' tables: who has which address, device and port.

use crate::family::{Family, addresses, first_address, has_hosts, headers, nth};
use crate::job::{Probe, What};
use crate::random::Random;
use ipnet::IpNet;
use podhop_engine::net::Protocol;
use podhop_engine::tables::{Link, LinkKind, Netns, Place};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// What a probe is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Every Pod to every Pod: this must work whatever the tables say.
    Reach,
    /// To made-up Services and to what rules refuse.
    Rules,
    /// To Services and what kube-proxy's rules refuse.
    Services,
    Ping,
    TcpOpen,
    TcpClosed,
    UdpOpen,
    UdpClosed,
    TtlLimited,
    /// At an MTU, or over it, with DF.
    Oversized,
    Absent,
}

impl Kind {
    pub const ALL: [Kind; 11] = [
        Kind::Reach,
        Kind::Rules,
        Kind::Services,
        Kind::Ping,
        Kind::TcpOpen,
        Kind::TcpClosed,
        Kind::UdpOpen,
        Kind::UdpClosed,
        Kind::TtlLimited,
        Kind::Oversized,
        Kind::Absent,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Reach => "every Pod to every Pod",
            Kind::Rules => "rules",
            Kind::Services => "Services",
            Kind::Ping => "ping",
            Kind::TcpOpen => "TCP open",
            Kind::TcpClosed => "TCP closed",
            Kind::UdpOpen => "UDP open",
            Kind::UdpClosed => "UDP closed",
            Kind::TtlLimited => "TTL-limited",
            Kind::Oversized => "oversized with DF",
            Kind::Absent => "absent address",
        }
    }
}

/// Most probes about MTUs in one cluster, when they are sampled.
const OVERSIZED_MAX: usize = 34;
/// Of these, most that fit the sender's device and not the tunnel.
const SQUEEZED_MAX: usize = 28;
/// Most data bytes of a packet of IPv6 that may be cut: one that is larger than the path takes teaches its sender the
/// path's MTU, and the kernel is asked everything at once.
pub const WHOLE_MAX_V6: u64 = 1_200;

/// The namespaces of a cluster and what the choice needs to know of them.
pub struct Chooser<'a> {
    spaces: &'a [Arc<Netns>],
    /// Indices of namespaces with Pods in them: sandboxes and nodes.
    pods: Vec<usize>,
    nodes: Vec<usize>,
    /// Every address but loopback's, and its namespace.
    addresses: Vec<(IpAddr, usize)>,
    random: Random,
    family: Family,
}

fn ping(netns: usize, to: IpAddr) -> Probe {
    Probe { netns, to, what: What::Ping { size: 56, df: false, ttl: 64 } }
}

/// An echo request of this many bytes, IP header included, that must not be fragmented.
pub fn ping_of_len(netns: usize, to: IpAddr, len: u32) -> Probe {
    let size = len.saturating_sub(headers(to)).min(60_000) as u16;
    Probe { netns, to, what: What::Ping { size, df: true, ttl: 64 } }
}

impl<'a> Chooser<'a> {
    pub fn new(spaces: &'a [Arc<Netns>], seed: u64, family: Family) -> Chooser<'a> {
        let of = |wanted: fn(&Place) -> bool| (0..spaces.len()).filter(|i| wanted(&spaces[*i].place)).collect();
        Chooser {
            spaces,
            pods: of(|place| matches!(place, Place::Pod { .. } | Place::Node(_))),
            nodes: of(|place| matches!(place, Place::Node(_))),
            addresses: (0..spaces.len())
                .flat_map(|i| addresses(&spaces[i], family).map(move |net| (net.addr(), i)))
                .collect(),
            random: Random::new(seed, if family == Family::V4 { "probes" } else { "probes of IPv6" }),
            family,
        }
    }

    /// The probes of one cluster, without repetition; with `all_edges`, every edge of every MTU is tried.
    pub fn probes(mut self, all_edges: bool) -> Vec<(Kind, Probe)> {
        let mut probes = self.reach();
        if all_edges {
            probes.extend(self.first_hops_out().map(|probe| (Kind::TtlLimited, probe)));
        }
        for (count, kind) in [
            (16, Kind::Ping),
            (16, Kind::TcpOpen),
            (14, Kind::TcpClosed),
            (16, Kind::UdpOpen),
            (14, Kind::UdpClosed),
            (22, Kind::TtlLimited),
            (34, Kind::Absent),
        ] {
            for _ in 0..count {
                let probe = match kind {
                    Kind::Ping => self.ping(),
                    Kind::TcpOpen => self.open(Protocol::Tcp),
                    Kind::TcpClosed => self.closed(Protocol::Tcp),
                    Kind::UdpOpen => self.open(Protocol::Udp),
                    Kind::UdpClosed => self.closed(Protocol::Udp),
                    Kind::TtlLimited => self.ttl_limited(),
                    _ => self.absent(),
                };
                probes.extend(probe.map(|probe| (kind, probe)));
            }
        }
        let (mut edges, mut squeezed) = (self.edges(), self.squeezed());
        if !all_edges {
            self.sample(&mut squeezed, SQUEEZED_MAX);
            self.sample(&mut edges, OVERSIZED_MAX - squeezed.len());
        }
        edges.append(&mut squeezed);
        probes.extend(edges.into_iter().map(|probe| (Kind::Oversized, probe)));
        let mut known = BTreeSet::new();
        probes.retain(|probe| known.insert(*probe));
        probes
    }

    fn reach(&self) -> Vec<(Kind, Probe)> {
        let to = |i: &usize| first_address(&self.spaces[*i], self.family);
        let pairs = self.pods.iter().flat_map(|from| self.pods.iter().filter_map(to).map(|to| ping(*from, to)));
        pairs.map(|probe| (Kind::Reach, probe)).collect()
    }

    /// From each node out of the cluster, no farther than the next router: it shows which one that is.
    fn first_hops_out(&self) -> impl Iterator<Item = Probe> + use<> {
        let what = What::Ping { size: 56, df: false, ttl: 1 };
        let to = self.family.outside(1);
        self.nodes.clone().into_iter().map(move |netns| Probe { netns, to, what })
    }

    /// So many of them, at random.
    fn sample(&mut self, probes: &mut Vec<Probe>, count_max: usize) {
        while probes.len() > count_max {
            probes.swap_remove(self.random.range(0, probes.len() as u64 - 1) as usize);
        }
    }

    /// Where most things happen is in Pods; hostNetwork Pods and the machine's own programs are on nodes.
    fn source(&mut self) -> Option<usize> {
        self.random.pick(&self.pods).copied()
    }

    fn address(&mut self) -> Option<(IpAddr, usize)> {
        self.random.pick(&self.addresses).copied()
    }

    /// Any address; now and then so much data that it takes fragments.
    fn ping(&mut self) -> Option<Probe> {
        let netns = self.source()?;
        let to = if self.random.percent(5) { self.family.localhost() } else { self.address()?.0 };
        let size = match self.random.percent(30) {
            true if self.family == Family::V4 => self.random.range(1_200, 6_000),
            _ => self.random.range(0, 1_200),
        };
        Some(Probe { netns, to, what: What::Ping { size: size as u16, df: false, ttl: 64 } })
    }

    /// A port that something listens on, at an address where it does.
    fn open(&mut self, protocol: Protocol) -> Option<Probe> {
        let listeners: Vec<(usize, Option<IpAddr>, u16)> = (0..self.spaces.len())
            .flat_map(|i| self.spaces[i].listeners.iter().map(move |listener| (i, listener)))
            .filter(|(_, listener)| listener.protocol == protocol)
            .map(|(i, listener)| (i, listener.ip, listener.port))
            .collect();
        let (at, ip, port) = *self.random.pick(&listeners)?;
        let own: Vec<IpAddr> = addresses(&self.spaces[at], self.family).map(|net| net.addr()).collect();
        let (netns, to) = match ip {
            Some(ip) if !self.family.has(ip) => return None,
            Some(ip) if ip.is_loopback() => (at, ip),
            Some(ip) => (self.source()?, ip),
            _ if self.random.percent(8) => (at, self.family.localhost()),
            _ => (self.source()?, *self.random.pick(&own)?),
        };
        Some(Probe { netns, to, what: self.datagram_or_connection(protocol, port) })
    }

    fn datagram_or_connection(&mut self, protocol: Protocol, port: u16) -> What {
        match protocol {
            Protocol::Tcp => What::Tcp { port, ttl: 64 },
            _ => {
                let most = if self.family == Family::V4 { 1_600 } else { WHOLE_MAX_V6 };
                What::Udp { port, size: self.random.range(1, most) as u16, df: false, ttl: 64 }
            }
        }
    }

    fn closed(&mut self, protocol: Protocol) -> Option<Probe> {
        let netns = self.source()?;
        let (to, at) = self.address()?;
        let port = self.random.range(1, 39_999) as u16;
        let listens = self.spaces[at].listeners.iter().any(|l| l.protocol == protocol && l.port == port);
        (!listens).then(|| Probe { netns, to, what: self.datagram_or_connection(protocol, port) })
    }

    fn ttl_limited(&mut self) -> Option<Probe> {
        // Within a namespace or a subnet no TTL is too small, so most of them leave it.
        let stays = |chooser: &Self, from: usize, to: IpAddr| {
            let netns = &chooser.spaces[from];
            matches!(netns.place, Place::Node(_)) || addresses(netns, chooser.family).any(|net| net.contains(&to))
        };
        let (mut netns, mut to, mut at) = (self.source()?, self.family.localhost(), 0);
        for _ in 0..self.random.range(1, 6) {
            netns = self.source()?;
            (to, at) = self.address()?;
            if !stays(self, netns, to) {
                break;
            }
        }
        let ttl = self.random.weighted(&[(5, 1), (4, 2), (2, 3), (1, 255)])?;
        let ports: Vec<u16> = self.spaces[at].listeners.iter().map(|listener| listener.port).collect();
        let port = self.random.pick(&ports).copied().unwrap_or(9);
        let what = match self.random.range(0, 2) {
            0 => What::Ping { size: 56, df: self.random.percent(50), ttl },
            1 => What::Tcp { port, ttl },
            _ => What::Udp { port, size: 32, df: self.random.percent(50), ttl },
        };
        Some(Probe { netns, to, what })
    }

    /// Addresses that nobody has: in the sender's own subnet, in another node's, in the node network, in no node's
    /// part of the Pod network, and outside.
    fn absent(&mut self) -> Option<Probe> {
        let mut netns = self.source()?;
        let subnets: Vec<IpNet> = self.nodes.iter().flat_map(|i| addresses(&self.spaces[*i], self.family)).collect();
        let (pods_subnets, node_networks): (Vec<IpNet>, Vec<IpNet>) = {
            let eth0 = |net: &IpNet| {
                self.nodes.iter().any(|i| first_address(&self.spaces[*i], self.family) == Some(net.addr()))
            };
            subnets.into_iter().filter(has_hosts).partition(|net| !eth0(net))
        };
        let to = match self.random.weighted(&[(3, 0), (3, 1), (2, 2), (2, 3), (2, 4), (2, 5)])? {
            0 => {
                let own: Vec<IpNet> = addresses(&self.spaces[netns], self.family).filter(has_hosts).collect();
                let net = *self.random.pick(&own)?;
                self.nobody_in(net)?
            }
            1 => {
                let net = *self.random.pick(&pods_subnets)?;
                self.nobody_in(net)?
            }
            2 => {
                let net = *self.random.pick(&node_networks)?;
                self.nobody_in(net)?
            }
            3 => {
                let len = if self.family == Family::V4 { 16 } else { 56 };
                let net = IpNet::new(self.random.pick(&pods_subnets)?.addr(), len).ok()?.trunc();
                match net {
                    IpNet::V4(_) => self.nobody_in(net)?,
                    // A subnet of the network's, and a host of the subnet's.
                    IpNet::V6(v6) => {
                        let subnet = u128::from(v6.network()) | u128::from(self.random.range(200, 255)) << 64;
                        Ipv6Addr::from(subnet | 7).into()
                    }
                }
            }
            outside => {
                // From a node, so that the answer finds its way back.
                if outside == 4 {
                    netns = *self.random.pick(&self.nodes)?;
                }
                self.family.outside(self.random.range(1, 254) as u8)
            }
        };
        let port = self.random.range(1, 39_999) as u16;
        let what = match self.random.range(0, 2) {
            0 => What::Ping { size: self.random.range(0, 1_200) as u16, df: self.random.percent(50), ttl: 64 },
            1 => What::Tcp { port, ttl: 64 },
            _ => What::Udp { port, size: 64, df: self.random.percent(50), ttl: 64 },
        };
        Some(Probe { netns, to, what })
    }

    /// A host address of the network that no namespace has.
    fn nobody_in(&mut self, net: IpNet) -> Option<IpAddr> {
        let bits = u32::from(net.max_prefix_len() - net.prefix_len()).min(32);
        let last = ((1u64 << bits) - 1).checked_sub(1)?.max(1);
        let family = self.family;
        let edge = |ip: &IpAddr| {
            let nets = self.spaces.iter().flat_map(|netns| addresses(netns, family));
            nets.into_iter().any(|own| own.broadcast() == *ip || own.network() == *ip)
        };
        let candidates: Vec<IpAddr> = (0..20).map(|_| nth(&net, self.random.range(1, last))).collect();
        let known = |ip: &IpAddr| self.addresses.iter().any(|(known, _)| known == ip);
        candidates.into_iter().find(|ip| !known(ip) && !edge(ip))
    }

    /// At the very MTU, and one byte over it, for each device that packets leave by.
    fn edges(&mut self) -> Vec<Probe> {
        let mut edges = Vec::new();
        for from in self.pods.clone() {
            let spaces = self.spaces;
            let devices = spaces[from].links.iter().filter(|link| link.master.is_none());
            for link in devices.filter(|link| !matches!(link.kind, LinkKind::Loopback)) {
                for to in self.behind(from, link) {
                    edges.push(ping_of_len(from, to, link.mtu));
                    edges.push(ping_of_len(from, to, link.mtu + 1));
                    // What a smaller device on the way makes of it.
                    let between = self.random.range(u64::from(link.mtu) - 100, u64::from(link.mtu));
                    edges.push(ping_of_len(from, to, between as u32));
                }
            }
        }
        edges
    }

    /// Fits the Pod's device, is too large for the tunnel: where the Pods' MTU is above the overlay's.
    fn squeezed(&mut self) -> Vec<Probe> {
        let mut squeezed = Vec::new();
        let tunnels = self.spaces.iter().flat_map(|netns| &netns.links);
        let family = self.family;
        let tunnel = tunnels.filter(|link| is_tunnel(link, family)).map(|link| link.mtu).min();
        for from in self.pods.clone() {
            let spaces = self.spaces;
            let device = spaces[from].links.iter().find(|link| matches!(link.kind, LinkKind::Veth { .. }));
            let (Some(device), Some(tunnel)) = (device.filter(|link| link.master.is_none()), tunnel) else { continue };
            let pods = self.addresses.iter().filter(|(_, i)| matches!(spaces[*i].place, Place::Pod { .. }));
            let far: Vec<IpAddr> = (pods.map(|(ip, _)| *ip))
                .filter(|ip| !addresses(&spaces[from], self.family).any(|net| net.contains(ip)))
                .collect();
            for _ in 0..if device.mtu > tunnel { 6 } else { 0 } {
                let len = self.random.range(u64::from(tunnel) + 1, u64::from(device.mtu)) as u32;
                squeezed.extend(self.random.pick(&far).map(|to| ping_of_len(from, *to, len)));
            }
        }
        squeezed
    }

    /// Addresses that are reached by this device: every Pod of the node by its bridge, every other node by the tunnel, a
    /// node or the gateway by the NIC; from a Pod, one Pod here and one elsewhere, or where it is alone, its node.
    fn behind(&mut self, from: usize, link: &Link) -> Vec<IpAddr> {
        let family = self.family;
        let here: Vec<IpNet> = addresses_on(&self.spaces[from], link, family).collect();
        let own_node = |ip: &IpAddr| here.iter().any(|net| net.contains(ip));
        let mine: Vec<IpAddr> = addresses(&self.spaces[from], self.family).map(|net| net.addr()).collect();
        let in_pods: Vec<IpAddr> = (self.pods.iter())
            .filter(|i| matches!(self.spaces[**i].place, Place::Pod { .. }))
            .filter_map(|i| first_address(&self.spaces[*i], self.family))
            .filter(|ip| !mine.contains(ip))
            .collect();
        let (near, far): (Vec<IpAddr>, Vec<IpAddr>) = in_pods.into_iter().partition(own_node);
        match link.kind {
            LinkKind::Bridge => near,
            LinkKind::Vxlan { .. } if !is_tunnel(link, family) => Vec::new(),
            LinkKind::Vxlan { .. } => {
                let overlays = self.nodes.iter().filter(|i| **i != from).filter_map(|i| {
                    let netns = &self.spaces[*i];
                    // A node without Pods has no bridge yet, but its end of the tunnel.
                    let of = |wanted: &dyn Fn(&Link) -> bool| {
                        let mut links = netns.links.iter().filter(|link| wanted(link));
                        links.find_map(|link| addresses_on(netns, link, family).next())
                    };
                    of(&is_bridge).or_else(|| of(&|link| is_tunnel(link, family)))
                });
                overlays.map(|net| net.addr()).collect()
            }
            LinkKind::Nic { .. } => {
                let on_the_segment = |i: &usize| *i != from && !matches!(self.spaces[*i].place, Place::Pod { .. });
                let others = (0..self.spaces.len()).filter(on_the_segment);
                let others: Vec<IpAddr> = others.filter_map(|i| first_address(&self.spaces[i], self.family)).collect();
                self.random.pick(&others).copied().into_iter().collect()
            }
            _ => {
                let pods = [self.random.pick(&near).copied(), self.random.pick(&far).copied()];
                let alone = pods == [None, None];
                let node = here.first().map(|net| nth(net, 1)).filter(|_| alone);
                pods.into_iter().flatten().chain(node).collect()
            }
        }
    }
}

fn is_bridge(link: &Link) -> bool {
    link.kind == LinkKind::Bridge
}

fn is_tunnel(link: &Link, family: Family) -> bool {
    matches!(link.kind, LinkKind::Vxlan { local, .. } if family.has(local))
}

fn addresses_on(netns: &Netns, link: &Link, family: Family) -> impl Iterator<Item = IpNet> {
    let index = link.index;
    let on = move |address: &&podhop_engine::tables::Address| address.link == index;
    let global = podhop_engine::tables::Scope::Global;
    let own = netns.addresses.iter().filter(on).filter(move |a| a.scope == global && family.has(a.net.addr()));
    own.map(|address| address.net)
}
