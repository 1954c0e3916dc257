//! What a rule sees of a packet, and whether one of its arguments holds.

use crate::dataplane::random;
use crate::net::{Family, Icmp, IpPacket, Protocol, Transport};
use crate::tables::ipvs::VirtualKey;
use crate::tables::netfilter::{
    AddrType, CtState, IpSet, Match, PortRange, Probe, SetDirection, SetEntry, SetType, TableName,
};
use crate::tables::{LinkIndex, LinkKind, Netns, RouteKind};
use crate::trace::{CtStates, RuleRef};
use std::net::{IpAddr, Ipv4Addr};

/// A packet at a hook.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub netns: &'a Netns,
    /// Of iptables; a chain of nftables draws by its own name.
    pub table: TableName,
    pub packet: &'a IpPacket,
    pub input: Option<LinkIndex>,
    pub output: Option<LinkIndex>,
    /// It goes from one port of a bridge to another.
    pub bridged: bool,
    pub mark: u32,
    pub states: CtStates,
    /// The virtual server that has sent it on as a request.
    pub virtual_server: Option<VirtualKey>,
    pub seed: u64,
}

impl Sight<'_> {
    pub fn family(&self) -> Family {
        Family::of(self.packet.dst)
    }

    pub fn probe(&self) -> Probe {
        Probe { dst: self.packet.dst, transport: self.protocol().zip(self.ports().map(|(_, dport)| dport)) }
    }

    pub fn protocol(&self) -> Option<Protocol> {
        match self.packet.payload {
            Transport::Tcp(_) => Some(Protocol::Tcp),
            Transport::Udp(_) => Some(Protocol::Udp),
            Transport::Sctp(_) => Some(Protocol::Sctp),
            Transport::Icmp(_) | Transport::Ipip(_) => None,
        }
    }

    /// A fragment beyond the first has no ports.
    pub(super) fn ports(&self) -> Option<(u16, u16)> {
        let first = self.packet.fragment.is_none_or(|fragment| fragment.offset == 0);
        self.packet.payload.ports().filter(|_| first)
    }

    /// Whether an argument holds, `recent` aside, which has a memory.
    pub fn holds(&self, part: &Match, rule: RuleRef) -> bool {
        let packet = self.packet;
        match part {
            Match::Source { net, invert } => net.contains(&packet.src) != *invert,
            Match::Destination { net, invert } => net.contains(&packet.dst) != *invert,
            Match::InInterface { name, invert } => self.is_device(self.input, name) != *invert,
            Match::OutInterface { name, invert } => self.is_device(self.output, name) != *invert,
            Match::Protocol { protocol, invert } => (self.protocol() == Some(*protocol)) != *invert,
            Match::IcmpProtocol { invert } => matches!(packet.payload, Transport::Icmp(_)) != *invert,
            Match::OtherProtocol { number, invert } => {
                (*number == 4 && matches!(packet.payload, Transport::Ipip(_))) != *invert
            }
            Match::IcmpType { number, code, invert } => self
                .icmp_type()
                .is_some_and(|(own, own_code)| (own == *number && code.is_none_or(|code| code == own_code)) != *invert),
            Match::Multiport { side, ports, invert } => self.ports().is_some_and(|(sport, dport)| {
                let port = if *side == SetDirection::Src { sport } else { dport };
                ports.iter().any(|range| has(*range, port)) != *invert
            }),
            Match::Transport(_) | Match::Comment(_) | Match::Nfacct(_) | Match::Recent { .. } => true,
            Match::SourcePort { ports, invert } => self.ports().is_some_and(|(port, _)| has(*ports, port) != *invert),
            Match::DestinationPort { ports, invert } => {
                self.ports().is_some_and(|(_, port)| has(*ports, port) != *invert)
            }
            Match::Mark { value, mask, invert } => (self.mark & mask == *value) != *invert,
            Match::CtState { states, invert } => self.has_state(states) != *invert,
            Match::AddrType { source, destination } => {
                let is = |ip: IpAddr, wanted: &Option<AddrType>| wanted.is_none_or(|kind| kind == self.addr_type(ip));
                is(packet.src, source) && is(packet.dst, destination)
            }
            Match::Probability(probability) => self.draw(rule) < *probability,
            Match::Set { name, directions, invert } => {
                self.netns.netfilter.sets.get(name).is_some_and(|set| self.in_set(set, directions)) != *invert
            }
            Match::PhysdevIsBridged { invert } => self.bridged != *invert,
            Match::PhysdevIsIn { invert } => self.is_in_by_port() != *invert,
            Match::SourceTypeNot(kind) => self.addr_type(packet.src) != *kind,
            Match::SourceTypeNotOut(kind) => self.addr_type_on(self.output, packet.src) != *kind,
            Match::RpFilter { invert } => self.is_way_back() != *invert,
            Match::Ipvs { protocol, address, port } => self.is_of_virtual_server((*protocol, *address, *port)),
        }
    }

    /// Names that end in `+` stand for all that begin like them.
    pub(super) fn is_device(&self, link: Option<LinkIndex>, wanted: &str) -> bool {
        let Some(link) = link.and_then(|link| self.netns.link(link)) else { return false };
        match wanted.strip_suffix('+') {
            Some(start) => link.name.starts_with(start),
            None => &*link.name == wanted,
        }
    }

    pub(super) fn has_state(&self, wanted: &[CtState]) -> bool {
        wanted.iter().any(|state| self.states.has(*state))
    }

    /// inet_dev_addr_type: what the table `local` says.
    pub fn addr_type(&self, ip: IpAddr) -> AddrType {
        if ip.is_multicast() {
            return AddrType::Multicast;
        }
        if ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return AddrType::Broadcast;
        }
        match self.netns.local.lookup(ip).map(|(_, route)| route.kind) {
            Some(RouteKind::Local) => AddrType::Local,
            Some(RouteKind::Broadcast) => AddrType::Broadcast,
            _ => AddrType::Unicast,
        }
    }

    /// inet_dev_addr_type of one device: what is of another is no address of this machine.
    fn addr_type_on(&self, link: Option<LinkIndex>, ip: IpAddr) -> AddrType {
        match self.addr_type(ip) {
            AddrType::Local if self.netns.local.lookup(ip).map(|(_, route)| route.dev) != link => AddrType::Unicast,
            kind => kind,
        }
    }

    /// Whether answers to this packet would leave by the device by which it has come in. Models
    /// net/ipv4/netfilter/ipt_rpfilter.c and net/ipv6/netfilter/ip6t_rpfilter.c.
    fn is_way_back(&self) -> bool {
        let Some(input) = self.input else { return true };
        let src = self.packet.src;
        let link_local = matches!(src, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let unnamed = src.is_unspecified() && (src.is_ipv6() || self.packet.dst.is_multicast());
        if input == LinkIndex::LO || unnamed || link_local {
            return true;
        }
        if self.netns.local.lookup(src).is_some() {
            return false;
        }
        let route = self.netns.main.lookup(src).map(|(_, route)| route);
        route.is_some_and(|route| route.kind == RouteKind::Unicast && route.dev == input)
    }

    /// Type and code.
    fn icmp_type(&self) -> Option<(u8, u8)> {
        let Transport::Icmp(message) = &self.packet.payload else { return None };
        Some(match (message, self.family()) {
            (Icmp::EchoRequest { .. }, Family::V4) => (8, 0),
            (Icmp::EchoRequest { .. }, Family::V6) => (128, 0),
            (Icmp::EchoReply { .. }, Family::V4) => (0, 0),
            (Icmp::EchoReply { .. }, Family::V6) => (129, 0),
            (Icmp::Error { error, .. }, Family::V4) => error.type_code(),
            (Icmp::Error { error, .. }, Family::V6) => error.type_code_v6(),
            (Icmp::NeighborSolicit { .. }, _) => (135, 0),
            (Icmp::NeighborAdvert { .. }, _) => (136, 0),
        })
    }

    /// The number that a rule draws for this packet, in units of 2⁻³¹: the same for the same flow, another for another
    /// rule.
    pub fn draw(&self, rule: RuleRef) -> u32 {
        let chain = self.netns.netfilter.ruleset(self.family()).tables.get(&self.table);
        let name = chain.and_then(|table| table.chain(rule.chain)).map_or("", |chain| &*chain.name);
        self.draw_in(name, rule.rule)
    }

    /// The same for a rule of the chain of this name.
    pub fn draw_in(&self, chain: &str, rule: u32) -> u32 {
        let ((src, sport), (dst, dport)) = (self.packet.source(), self.packet.destination());
        let place = chain.bytes().fold(u64::from(rule), |hash, byte| random::mix(hash ^ u64::from(byte)));
        let seed = self.seed ^ random::mix(place ^ u64::from(self.netns.id.0) << 32);
        (random::flow_bits(seed, src, dst, sport, dport) >> 33) as u32
    }

    fn in_set(&self, set: &IpSet, directions: &[SetDirection]) -> bool {
        if set.family != self.family() {
            return false;
        }
        let ip = |at: usize| match directions.get(at) {
            Some(SetDirection::Src) => Some(self.packet.src),
            Some(SetDirection::Dst) => Some(self.packet.dst),
            None => None,
        };
        let port = |at: usize| {
            let (sport, dport) = self.ports()?;
            Some((self.protocol()?, if directions.get(at)? == &SetDirection::Src { sport } else { dport }))
        };
        match set.set_type {
            SetType::HashIp => set.having(ip(0), None).next().is_some(),
            SetType::HashNet => {
                let holds =
                    |ip: IpAddr| set.having(None, None).any(|entry| entry.net.is_some_and(|net| net.contains(&ip)));
                ip(0).is_some_and(|ip| set.having(Some(ip), None).next().is_some() || holds(ip))
            }
            // It has ports of TCP and UDP alone, and tells them not apart (ip_set_get_ip_port).
            SetType::BitmapPort => port(0).is_some_and(|(own, number)| {
                let protocols = [Protocol::Tcp, Protocol::Udp];
                let has = |of| set.having(None, Some((of, number))).next().is_some();
                protocols.contains(&own) && protocols.into_iter().any(has)
            }),
            SetType::HashIpPort | SetType::HashIpPortIp | SetType::HashIpPortNet => port(1).is_some_and(|port| {
                let fits = |entry: &SetEntry| entry.second.is_none_or(|net| ip(2).is_some_and(|ip| net.contains(&ip)));
                set.having(ip(0), Some(port)).any(fits)
            }),
        }
    }

    /// Whether a packet has come in by a port of a bridge whose packets netfilter sees.
    fn is_in_by_port(&self) -> bool {
        let sysctls = &self.netns.sysctls;
        let sees = if self.family() == Family::V4 { sysctls.bridge_nf } else { sysctls.bridge_nf6 };
        let input = self.input.and_then(|link| self.netns.link(link));
        sees && input.is_some_and(|link| link.kind == LinkKind::Bridge)
    }

    /// Whether this is a request that a virtual server has given to a real one: what `-m ipvs` finds by the answers that
    /// it expects, of packets that IPVS has sent on.
    fn is_of_virtual_server(&self, (protocol, address, port): (Protocol, IpAddr, u16)) -> bool {
        self.virtual_server.is_some_and(|own| own == (protocol, address, port))
    }
}

fn has(ports: PortRange, port: u16) -> bool {
    (ports.first..=ports.last).contains(&port)
}
