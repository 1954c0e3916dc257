//! Which rule of a table, and why none before it: chain by chain, as far as the packet got.

use super::rank::{Miss, nearest};
use super::{Known, Lookup, Tried, TriedRow, Why};
use crate::dataplane::Sight;
use crate::explain::rules_name;
use crate::net::{IpPacket, Protocol, Transport};
use crate::tables::netfilter::{AddrType, Chain, CtState, Hook, Match, Rule, SetDirection, TableName, Target};
use crate::tables::text::iptables;
use crate::trace::{CauseTable, RuleRef, Ruled, Verdict};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What a table was asked.
pub(super) struct Table<'a> {
    packet: &'a IpPacket,
    ruled: &'a Ruled,
    hook: Hook,
    table: TableName,
}

pub(super) fn table<'a>(lookup: &Lookup<'a>, hook: Hook, table: TableName) -> Option<Table<'a>> {
    Some(Table { packet: lookup.frame.ip()?, ruled: lookup.step.ruled.as_deref()?, hook, table })
}

pub(super) fn why(lookup: &Lookup<'_>, asked: &Table<'_>, known: &Known<'_>) -> Why {
    let Table { packet, ruled, hook, table } = *asked;
    let Ruled { input, output, bridged, mark, states, virtual_server, .. } = *ruled;
    let (netns, seed) = (lookup.netns, known.seed);
    let sight = Sight { netns, table, packet, input, output, bridged, mark, states, virtual_server, seed };
    let sought = format!("a rule of {} {}", table.name(), hook.chain());
    let rules = lookup.netns.netfilter.ruleset(sight.family()).tables.get(&table);
    let Some(rules) = rules else { return Why { sought, because: String::new(), tables: Vec::new() } };
    let by_policy = matches!(lookup.cause(), Some(CauseTable::Policy { .. }));
    let mut path: Vec<(u32, Vec<u32>)> = rules.find(hook.chain()).map(|at| (at, Vec::new())).into_iter().collect();
    for RuleRef { chain, rule } in &ruled.rules {
        match path.iter_mut().find(|(at, _)| at == chain) {
            Some((_, matched)) => matched.push(*rule),
            None => path.push((*chain, vec![*rule])),
        }
    }
    let name = rules_name(sight.family(), table);
    let tables = path.iter().filter_map(|(at, matched)| {
        let all = by_policy && rules.chain(*at)?.policy.is_some();
        Some(chain(&sight, name, (*at, rules.chain(*at)?), matched, all))
    });
    let mut tables: Vec<Tried> = tables.collect();
    // The chain that decided comes first.
    tables.reverse();
    let last = ruled.rules.last().and_then(|place| {
        let chain = rules.chain(place.chain)?;
        Some((chain, chain.rules.get(place.rule as usize)?))
    });
    let because = match (last, lookup.step.verdict) {
        _ if by_policy => format!("no rule of {} decided: its policy is DROP", hook.chain()),
        (Some((chain, rule)), Verdict::Drop(_)) => {
            format!("a rule of {} matches and says {}", chain.name, target(rule))
        }
        (Some((chain, rule)), _) => {
            let drawn = ruled.rules.iter().rev().find_map(|place| drawn(&sight, rules.chain(place.chain)?, *place));
            let drawn = drawn.map_or_else(String::new, |drawn| format!("; {drawn}"));
            format!("all that a rule of {} asks for holds: {}{drawn}", chain.name, target(rule))
        }
        (None, _) => String::new(),
    };
    Why { sought, because, tables }
}

/// `drew 0.215, less than 0.33333333349`
fn drawn(sight: &Sight<'_>, chain: &Chain, place: RuleRef) -> Option<String> {
    let rule = chain.rules.get(place.rule as usize)?;
    let probability = rule.matches.iter().find_map(|part| match part {
        Match::Probability(probability) => Some(*probability),
        _ => None,
    })?;
    Some(format!("{} drew {:.3}, less than {:.3}", chain.name, share(sight.draw(place)), share(probability)))
}

fn share(number: u32) -> f64 {
    f64::from(number) / f64::from(1_u32 << 31)
}

fn target(rule: &Rule) -> String {
    match &rule.target {
        None => "nothing".to_owned(),
        Some(Target::Jump(to) | Target::Goto(to)) => format!("to {to}"),
        Some(Target::Accept) => "ACCEPT".to_owned(),
        Some(Target::Drop) => "DROP".to_owned(),
        Some(Target::Return) => "RETURN".to_owned(),
        Some(Target::Reject(_)) => "REJECT".to_owned(),
        Some(Target::Mark { .. }) => "MARK".to_owned(),
        Some(Target::Dnat(_)) => "DNAT".to_owned(),
        Some(Target::Snat(_)) => "SNAT".to_owned(),
        Some(Target::Masquerade { .. }) => "MASQUERADE".to_owned(),
        Some(Target::Notrack) => "CT --notrack".to_owned(),
        Some(Target::Log { .. }) => "LOG".to_owned(),
    }
}

/// The rules of a chain that were tried and led nowhere: those before the last that matched, or `all`.
fn chain(sight: &Sight<'_>, name: &'static str, (at, chain): (u32, &Arc<Chain>), matched: &[u32], all: bool) -> Tried {
    let last = matched.last().copied();
    let end = if all { chain.rules.len() } else { last.unwrap_or(0) as usize };
    let misses = (0..end as u32).filter(|number| !matched.contains(number)).map(|number| {
        let rule = &chain.rules[number as usize];
        let place = RuleRef { chain: at, rule: number };
        let held = rule.matches.iter().take_while(|part| sight.holds(part, place)).count() as u32;
        // Of those that came equally near, the later ones.
        Miss { rank: (held, number), row: (rule, place) }
    });
    let mut tried = nearest(name, chain.rules.len(), misses.collect(), |(rule, place)| TriedRow {
        text: iptables::save(sight.family(), &chain.name, rule),
        reason: reason(sight, rule, place),
        origin: rule.origin.clone(),
    });
    tried.note = match last {
        Some(last) => format!("chain {}: rule {} of {}", chain.name, last + 1, chain.rules.len()),
        None => format!("chain {}: none of {}", chain.name, chain.rules.len()),
    };
    tried
}

fn reason(sight: &Sight<'_>, rule: &Rule, place: RuleRef) -> String {
    match rule.matches.iter().find(|part| !sight.holds(part, place)) {
        Some(part) => failed(sight, part, place),
        None => match &rule.target {
            Some(Target::Jump(to)) => format!("matched, but nothing in {to} decided"),
            _ if rule.matches.iter().any(|part| matches!(part, Match::Recent { .. })) => {
                "the address was not noted in time".to_owned()
            }
            _ => "matched, and decided nothing".to_owned(),
        },
    }
}

/// Why an argument does not hold.
fn failed(sight: &Sight<'_>, part: &Match, place: RuleRef) -> String {
    let packet = sight.packet;
    let device = |link: Option<crate::tables::LinkIndex>| {
        let name = link.and_then(|link| sight.netns.link(link)).map(|link| link.name.to_string());
        name.unwrap_or_else(|| "no device".to_owned())
    };
    let within =
        |ip: IpAddr, net: &ipnet::IpNet, invert: bool| format!("{ip} is {}in {net}", if invert { "" } else { "not " });
    let is_not = |is: String, wanted: String, invert: bool| match invert {
        true => format!("{is} is excepted"),
        false => format!("{is}, not {wanted}"),
    };
    let ports = |range: crate::tables::netfilter::PortRange| match range.first == range.last {
        true => range.first.to_string(),
        false => format!("{}:{}", range.first, range.last),
    };
    match part {
        Match::Source { net, invert } => within(packet.src, net, *invert),
        Match::Destination { net, invert } => within(packet.dst, net, *invert),
        Match::InInterface { name, invert } => {
            is_not(format!("in by {}", device(sight.input)), name.to_string(), *invert)
        }
        Match::OutInterface { name, invert } => {
            is_not(format!("out by {}", device(sight.output)), name.to_string(), *invert)
        }
        Match::Protocol { protocol, invert } => {
            is_not(protocol_name(packet).to_owned(), protocol.name().to_owned(), *invert)
        }
        Match::IcmpProtocol { invert } => is_not(protocol_name(packet).to_owned(), "ICMP".to_owned(), *invert),
        Match::OtherProtocol { number, invert } => {
            is_not(protocol_name(packet).to_owned(), format!("protocol {number}"), *invert)
        }
        Match::IcmpType { number, invert: false, .. } => format!("no ICMP message of type {number}"),
        Match::IcmpType { number, invert: true, .. } => format!("an ICMP message of type {number}, which is excepted"),
        Match::Multiport { side, ports: list, invert } => {
            let (word, port) = match side {
                SetDirection::Src => ("from port", packet.source().1),
                SetDirection::Dst => ("port", packet.destination().1),
            };
            let list: Vec<String> = list.iter().map(|range| ports(*range)).collect();
            is_not(format!("{word} {port}"), list.join(", "), *invert)
        }
        Match::SourcePort { ports: range, invert } => {
            is_not(format!("from port {}", packet.source().1), ports(*range), *invert)
        }
        Match::DestinationPort { ports: range, invert } => {
            is_not(format!("port {}", packet.destination().1), ports(*range), *invert)
        }
        Match::Mark { value, mask, invert } => {
            is_not(format!("mark 0x{:x}", sight.mark), format!("0x{value:x}/0x{mask:x}"), *invert)
        }
        Match::CtState { states, invert } => {
            let own: Vec<&str> = ALL_STATES.into_iter().filter(|state| sight.states.has(*state)).map(state).collect();
            let wanted: Vec<&str> = states.iter().map(|wanted| state(*wanted)).collect();
            is_not(format!("its connection is {}", own.join(", ")), wanted.join(", "), *invert)
        }
        Match::AddrType { source, destination } => {
            let ends = [(packet.src, source), (packet.dst, destination)];
            let wrong = ends.into_iter().find(|(ip, kind)| kind.is_some_and(|kind| kind != sight.addr_type(*ip)));
            let told = |(ip, kind): (IpAddr, &Option<AddrType>)| {
                let wanted = kind.map_or("", addr_type);
                format!("{ip} is {}, not {wanted}", addr_type(sight.addr_type(ip)))
            };
            wrong.map(told).unwrap_or_default()
        }
        Match::Probability(probability) => {
            format!("drew {:.3}, not less than {:.3}", share(sight.draw(place)), share(*probability))
        }
        Match::Set { name, invert, .. } => format!("{}in the set {name}", if *invert { "" } else { "not " }),
        Match::PhysdevIsBridged { .. } if sight.bridged => "bridged".to_owned(),
        Match::PhysdevIsBridged { .. } => "routed, not bridged".to_owned(),
        Match::PhysdevIsIn { invert: true } => "it has come in by a port of a bridge".to_owned(),
        Match::PhysdevIsIn { invert: false } => "it has come in by no port of a bridge".to_owned(),
        Match::SourceTypeNot(kind) | Match::SourceTypeNotOut(kind) => {
            format!("{} is {}, which is excepted", packet.src, addr_type(*kind))
        }
        Match::RpFilter { invert: true } => {
            format!("answers to {} would leave by {}, by which it has come", packet.src, device(sight.input))
        }
        Match::RpFilter { invert: false } => {
            format!("answers to {} would not leave by {}", packet.src, device(sight.input))
        }
        Match::Ipvs { address, port, .. } => {
            format!("it is no request that IPVS has sent on for {}", SocketAddr::new(*address, *port))
        }
        Match::Transport(_) | Match::Comment(_) | Match::Nfacct(_) | Match::Recent { .. } => String::new(),
    }
}

const ALL_STATES: [CtState; 7] = [
    CtState::Invalid,
    CtState::New,
    CtState::Related,
    CtState::Established,
    CtState::Untracked,
    CtState::Snat,
    CtState::Dnat,
];

fn state(state: CtState) -> &'static str {
    match state {
        CtState::Invalid => "INVALID",
        CtState::New => "NEW",
        CtState::Related => "RELATED",
        CtState::Established => "ESTABLISHED",
        CtState::Untracked => "UNTRACKED",
        CtState::Snat => "SNAT",
        CtState::Dnat => "DNAT",
    }
}

fn addr_type(kind: AddrType) -> &'static str {
    match kind {
        AddrType::Local => "LOCAL",
        AddrType::Unicast => "UNICAST",
        AddrType::Broadcast => "BROADCAST",
        AddrType::Multicast => "MULTICAST",
    }
}

fn protocol_name(packet: &IpPacket) -> &'static str {
    match packet.payload {
        Transport::Icmp(_) => "ICMP",
        Transport::Tcp(_) => Protocol::Tcp.name(),
        Transport::Udp(_) => Protocol::Udp.name(),
        Transport::Sctp(_) => Protocol::Sctp.name(),
        Transport::Ipip(_) => "IP in IP",
    }
}
