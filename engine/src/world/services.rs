//! What the rules of one node may do with the first packet of a conversation: every backend they could choose, whether
//! they masquerade, and what becomes of a packet that they do not translate.

use super::World;
use crate::dataplane::{Fate, Part, Sight, fates};
use crate::net::Body;
use crate::net::{Family, IpPacket, Protocol, Sctp, SctpChunk, Tcp, TcpFlags, Transport, Udp, UdpBody};
use crate::program::ETH0;
use crate::tables::ipvs::VirtualServer;
use crate::tables::netfilter::{CtState, Hook, TableName};
use crate::tables::{LinkIndex, LinkKind, Netns, NetnsId, RouteKind};
use crate::trace::CtStates;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// A first packet, seen from the node whose rules are asked.
#[derive(Clone, Copy, Debug)]
pub struct FirstPacket {
    pub node: NetnsId,
    /// `None`: a process of the node sends it, from the address that the kernel picks.
    pub from: Option<IpAddr>,
    pub to: SocketAddr,
    pub protocol: Protocol,
}

/// What the node's rules do with a packet that they do not translate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeVerdict {
    /// At least one backend may be chosen.
    Translated,
    /// REJECT: the sender hears of it.
    Rejected,
    Dropped,
    /// A rule accepts it for the node itself.
    Accepted,
    /// No rule of a Service matched.
    Untouched,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NodeRules {
    pub verdict: NodeVerdict,
    /// Every backend that the rules could choose.
    pub backends: Vec<SocketAddr>,
    /// A Service's rules mark the packet for masquerading; the CNI's own masquerading does not count.
    pub masquerade: bool,
}

const SPORT: u16 = 40_000;

impl World {
    /// Asks a node's rules about a first packet. None: there is no such node.
    pub fn node_rules(&mut self, first: FirstPacket) -> Option<NodeRules> {
        let netns = self.netns(first.node)?;
        Some(rules(&netns, first))
    }
}

fn rules(netns: &Netns, first: FirstPacket) -> NodeRules {
    let key = (first.protocol, first.to.ip(), first.to.port());
    if let Some((_, service)) = netns.netfilter.ipvs.as_deref().and_then(|ipvs| ipvs.find(key)) {
        return balanced(netns, first, service);
    }
    let local = first.from.is_none();
    let family = Family::of(first.to.ip());
    let src = first.from.unwrap_or_else(|| own_address(netns, first.to.ip()));
    let input = (!local).then(|| entrance(netns, src));
    let packet = packet(src, first.to, first.protocol);
    let new = CtStates::default().with(CtState::New);
    let (before, output) = match local {
        true => (Hook::Output, exit(netns, first.to.ip())),
        false => (Hook::Prerouting, None),
    };
    let ask = |hook, packet: &IpPacket, output, mark, states, part| {
        fates(hook, part, Sight { input, output, mark, states, ..sight(netns, packet) })
    };
    let mut answer = NodeRules { verdict: NodeVerdict::Untouched, backends: Vec::new(), masquerade: false };
    let mut backends = BTreeSet::new();
    let mut untranslated = Vec::new();
    let first_fates = ask(before, &packet, output, 0, new, Part::Before);
    let stopped = |fate: &Fate| matches!(fate, Fate::Drop | Fate::Reject);
    if let Some((fate, _)) = first_fates.iter().find(|(fate, _)| stopped(fate)) {
        answer.verdict = if *fate == Fate::Drop { NodeVerdict::Dropped } else { NodeVerdict::Rejected };
    }
    let passed = first_fates.into_iter().filter(|(fate, _)| !stopped(fate));
    for (fate, mark) in passed.flat_map(|(_, mark)| ask(before, &packet, output, mark, new, Part::Nat)) {
        let Fate::Dnat(ip, port) = fate else {
            untranslated.push(mark);
            continue;
        };
        let to = SocketAddr::new(ip, port.unwrap_or(first.to.port()));
        let translated = self::packet(src, to, first.protocol);
        let states = new.with(CtState::Dnat);
        let at = filter_hook(netns, local, to.ip());
        let output = exit(netns, to.ip());
        let filtered = ask(at, &translated, output, mark, states, Part::Filter);
        if filtered.iter().all(|(fate, _)| matches!(fate, Fate::Drop | Fate::Reject)) {
            untranslated.push(mark);
            continue;
        }
        backends.insert(to);
        let masqueraded = ask(Hook::Postrouting, &translated, output, mark, states, Part::Nat);
        answer.masquerade |=
            masqueraded.iter().any(|(fate, _)| matches!(fate, Fate::Masquerade(chain) if is_proxys(chain)));
    }
    answer.backends = backends.into_iter().collect();
    if !answer.backends.is_empty() {
        answer.verdict = NodeVerdict::Translated;
        return answer;
    }
    debug_assert!(family == Family::of(src) || src.is_unspecified());
    let at = filter_hook(netns, local, first.to.ip());
    let output = exit(netns, first.to.ip());
    // What the node sends to itself passes INPUT, too, by way of loopback.
    let comes_back = local && filter_hook(netns, false, first.to.ip()) == Hook::Input;
    for mark in untranslated {
        let mut ends = ask(at, &packet, output, mark, new, Part::Filter);
        if comes_back && !ends.iter().any(|(fate, _)| stopped(fate)) {
            let input = Some(LinkIndex::LO);
            ends = fates(Hook::Input, Part::Filter, Sight { input, mark, states: new, ..sight(netns, &packet) });
        }
        for (fate, _) in ends {
            answer.verdict = match fate {
                Fate::Reject => NodeVerdict::Rejected,
                Fate::Drop => NodeVerdict::Dropped,
                Fate::Accept if at == Hook::Input || comes_back => NodeVerdict::Accepted,
                _ => answer.verdict,
            };
        }
    }
    answer
}

/// A packet that came from nowhere, of no known connection.
fn sight<'a>(netns: &'a Netns, packet: &'a IpPacket) -> Sight<'a> {
    let (table, states) = (TableName::Filter, CtStates::default());
    let (input, output, bridged, mark, virtual_server, seed) = (None, None, false, 0, None, 0);
    Sight { netns, table, packet, input, output, bridged, mark, states, virtual_server, seed }
}

/// A packet to a virtual server: IPVS takes it after the filter of INPUT, or, if it is made here, before that of OUTPUT.
fn balanced(netns: &Netns, first: FirstPacket, service: &VirtualServer) -> NodeRules {
    let local = first.from.is_none();
    let src = first.from.unwrap_or_else(|| own_address(netns, first.to.ip()));
    let input = (!local).then(|| entrance(netns, src));
    let packet = packet(src, first.to, first.protocol);
    let states = CtStates::default().with(CtState::New);
    let ask = |hook, packet: &IpPacket, (input, output), mark, virtual_server, part| {
        fates(hook, part, Sight { input, output, mark, states, virtual_server, ..sight(netns, packet) })
    };
    let stopped = |fate: &Fate| match fate {
        Fate::Drop => Some(NodeVerdict::Dropped),
        Fate::Reject => Some(NodeVerdict::Rejected),
        _ => None,
    };
    let mut answer = NodeRules { verdict: NodeVerdict::Rejected, backends: Vec::new(), masquerade: false };
    let (before, output) = if local { (Hook::Output, exit(netns, first.to.ip())) } else { (Hook::Prerouting, None) };
    let mut backends = BTreeSet::new();
    for (_, mark) in ask(before, &packet, (input, output), 0, None, Part::Nat) {
        let entered = match local {
            true => BTreeSet::from([(Fate::Passed, mark)]),
            false => ask(Hook::Input, &packet, (input, None), mark, None, Part::Filter),
        };
        for (fate, mark) in entered {
            if let Some(verdict) = stopped(&fate) {
                answer.verdict = verdict;
                continue;
            }
            for server in service.servers.iter().filter(|server| server.weight > 0) {
                let translated = self::packet(src, server.address, first.protocol);
                let output = exit(netns, server.address.ip());
                let stays = netns.is_local(server.address.ip());
                let (to, sent) = (Some(service.key()), if stays && !local { None } else { Some(Hook::Output) });
                let filtered = sent
                    .map_or_else(BTreeSet::new, |hook| ask(hook, &translated, (None, output), mark, to, Part::Filter));
                if let Some(verdict) = filtered.iter().find_map(|(fate, _)| stopped(fate)) {
                    answer.verdict = verdict;
                    continue;
                }
                backends.insert(server.address);
                let left = ask(Hook::Postrouting, &translated, (None, output), mark, to, Part::Nat);
                let is_masqueraded =
                    |(fate, _): &(Fate, u32)| matches!(fate, Fate::Masquerade(chain) if is_proxys(chain));
                answer.masquerade |= sent.is_some() && left.iter().any(is_masqueraded);
            }
        }
    }
    answer.backends = backends.into_iter().collect();
    if !answer.backends.is_empty() {
        answer.verdict = NodeVerdict::Translated;
    }
    answer
}

/// Whether a chain of the table nat is kube-proxy's: of iptables, or of its own table.
fn is_proxys(chain: &str) -> bool {
    chain.starts_with("KUBE-") || chain == "masquerading"
}

/// The hook at which the table filter sees the packet.
fn filter_hook(netns: &Netns, made_here: bool, dst: IpAddr) -> Hook {
    match netns.local.lookup(dst).map(|(_, route)| route.kind) {
        _ if made_here => Hook::Output,
        Some(RouteKind::Local) => Hook::Input,
        _ => Hook::Forward,
    }
}

/// The device by which a packet from this address comes in: the bridge, if its route leads there.
fn entrance(netns: &Netns, src: IpAddr) -> LinkIndex {
    let is_bridge = |link: &LinkIndex| netns.link(*link).is_some_and(|device| device.kind == LinkKind::Bridge);
    exit(netns, src).filter(is_bridge).unwrap_or(ETH0)
}

fn exit(netns: &Netns, dst: IpAddr) -> Option<LinkIndex> {
    if netns.is_local(dst) {
        return Some(LinkIndex::LO);
    }
    netns.main.lookup(dst).map(|(_, route)| route.dev)
}

/// The address that the kernel picks for a packet of the node's own.
fn own_address(netns: &Netns, dst: IpAddr) -> IpAddr {
    if dst.is_loopback() {
        return dst;
    }
    if netns.netfilter.ipvs.is_some() && netns.is_local(dst) {
        return dst;
    }
    let same = |ip: &IpAddr| ip.is_ipv4() == dst.is_ipv4();
    let by_route = netns.main.lookup(dst).and_then(|(_, route)| route.src.filter(same));
    let first = || netns.addresses_of(ETH0).map(|address| address.net.addr()).find(same);
    by_route.or_else(first).unwrap_or(if dst.is_ipv4() { [0, 0, 0, 0].into() } else { Ipv6Addr::UNSPECIFIED.into() })
}

fn packet(src: IpAddr, to: SocketAddr, protocol: Protocol) -> IpPacket {
    let (sport, dport) = (SPORT, to.port());
    let payload = match protocol {
        Protocol::Tcp => {
            let flags = TcpFlags { syn: true, ..TcpFlags::default() };
            Transport::Tcp(Tcp { sport, dport, seq: 0, ack: 0, flags, window: 64_240, mss: None, body: Body::EMPTY })
        }
        Protocol::Udp => Transport::Udp(Udp { sport, dport, body: UdpBody::Data(Body::EMPTY) }),
        Protocol::Sctp => Transport::Sctp(Sctp { sport, dport, tag: 0, chunk: SctpChunk::Init { tag: 1, tsn: 1 } }),
    };
    IpPacket { src, dst: to.ip(), ttl: 64, tos: 0, id: 0, dont_fragment: true, fragment: None, payload }
}
