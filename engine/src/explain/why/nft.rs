//! Which rule of an nftables chain, or which element of a map, and why none before it.

use super::rank::{Miss, nearest};
use super::{Known, Lookup, Tried, TriedRow, Why};
use crate::dataplane::Sight;
use crate::net::{IpPacket, Transport};
use crate::tables::netfilter::TableName;
use crate::tables::nft::{NftAddress, NftChain, NftPart, NftRule, NftTable, NftValue, NftVerdict};
use crate::tables::text::nft;
use crate::trace::{CauseTable, RuleRef, Ruled, Stage, Verdict};

/// What a base chain was asked.
pub(super) struct Base<'a> {
    packet: &'a IpPacket,
    ruled: &'a Ruled,
    table: &'a NftTable,
    chain: u32,
}

pub(super) fn base<'a>(lookup: &Lookup<'a>) -> Option<Base<'a>> {
    let Stage::Nftables { table, chain, .. } = lookup.step.stage else { return None };
    let table = lookup.netns.netfilter.nft.get(table as usize)?;
    Some(Base { packet: lookup.frame.ip()?, ruled: lookup.step.ruled.as_deref()?, table, chain })
}

pub(super) fn why(lookup: &Lookup<'_>, asked: &Base<'_>, known: &Known<'_>) -> Why {
    let Base { packet, ruled, table, chain } = *asked;
    let Ruled { input, output, bridged, mark, states, virtual_server, .. } = *ruled;
    let (netns, seed) = (lookup.netns, known.seed);
    let table_name = TableName::Filter;
    let sight = Sight { netns, table: table_name, packet, input, output, bridged, mark, states, virtual_server, seed };
    let sought = format!("a rule of {}", table.chain(chain).map_or("", |chain| &*chain.name));
    let mut path: Vec<(u32, Vec<u32>)> = vec![(chain, Vec::new())];
    for RuleRef { chain, rule } in &ruled.rules {
        match path.iter_mut().find(|(at, _)| at == chain) {
            Some((_, matched)) => matched.push(*rule),
            None => path.push((*chain, vec![*rule])),
        }
    }
    let tables = path.iter().filter_map(|(at, matched)| Some(tried(&sight, table, table.chain(*at)?, matched)));
    let mut tables: Vec<Tried> = tables.collect();
    // The chain that decided comes first.
    tables.reverse();
    Why { sought, because: because(lookup, asked, &sight), tables }
}

fn because(lookup: &Lookup<'_>, asked: &Base<'_>, sight: &Sight<'_>) -> String {
    let Base { ruled, table, .. } = *asked;
    let Some((chain, rule)) = ruled.rules.last().and_then(|place| rule_at(table, *place)) else {
        return String::new();
    };
    let found = match lookup.cause() {
        Some(CauseTable::NftElement { key, .. }) => table_element(table, rule, sight).map(|(map, element)| {
            debug_assert!(sight.key(key.0.is_some()) == Some(key));
            format!("the map {map} has {element}")
        }),
        _ => None,
    };
    let found = found.unwrap_or_else(|| match lookup.step.verdict {
        Verdict::Drop(_) => format!("a rule of {} matches and says drop", chain.name),
        _ => format!("all that a rule of {} asks for holds: {}", chain.name, says(rule)),
    });
    let ways = ruled.rules.iter().filter_map(|place| {
        let (chain, rule) = rule_at(table, *place)?;
        rule.parts.iter().find_map(|part| match part {
            NftPart::Numgen(chains) => {
                let drawn = sight.drawn(&chain.name, place.rule, chains.len());
                Some(format!("{} drew {drawn} of {}", chain.name, chains.len()))
            }
            NftPart::Vmap { .. } if !matches!(lookup.cause(), Some(CauseTable::NftElement { .. })) => {
                let (map, element) = table_element(table, rule, sight)?;
                Some(format!("{map} has {element}"))
            }
            _ => None,
        })
    });
    std::iter::once(found).chain(ways).collect::<Vec<_>>().join("; ")
}

fn rule_at(table: &NftTable, place: RuleRef) -> Option<(&NftChain, &NftRule)> {
    let chain = table.chain(place.chain)?;
    Some((chain, chain.rules.get(place.rule as usize)?))
}

/// The element of a rule's verdict map that a packet has found, with the map's name.
fn table_element<'t>(table: &'t NftTable, rule: &NftRule, sight: &Sight<'_>) -> Option<(&'t str, String)> {
    rule.parts.iter().find_map(|part| {
        let NftPart::Vmap { map, with_address } = part else { return None };
        let map = table.map(map)?;
        let key = sight.key(*with_address)?;
        Some((&*map.name, nft::element(&key, map.elements.get(&key)?)))
    })
}

/// What a rule does, in a word or two.
fn says(rule: &NftRule) -> String {
    let told = rule.parts.iter().rev().find_map(|part| match part {
        NftPart::Verdict(NftVerdict::Jump(to) | NftVerdict::Goto(to)) => Some(format!("to {to}")),
        NftPart::Verdict(NftVerdict::Accept) => Some("accept".to_owned()),
        NftPart::Verdict(NftVerdict::Drop) => Some("drop".to_owned()),
        NftPart::Verdict(NftVerdict::Return) => Some("return".to_owned()),
        NftPart::Vmap { map, .. } => Some(format!("what the map {map} says")),
        NftPart::Reject => Some("reject".to_owned()),
        NftPart::Masquerade => Some("masquerade".to_owned()),
        NftPart::Dnat(_) => Some("dnat".to_owned()),
        NftPart::MarkOr(_) | NftPart::MarkXor(_) => Some("a mark".to_owned()),
        _ => None,
    });
    told.unwrap_or_default()
}

/// The rules of a chain that were tried and led nowhere, up to the last that matched.
fn tried(sight: &Sight<'_>, table: &NftTable, chain: &NftChain, matched: &[u32]) -> Tried {
    let last = matched.last().copied();
    let misses = (0..last.unwrap_or(0)).filter(|number| !matched.contains(number)).filter_map(|number| {
        let rule = chain.rules.get(number as usize)?;
        let held = rule.parts.iter().take_while(|part| sight.nft_holds(table, part)).count() as u32;
        Some(Miss { rank: (held, number), row: rule })
    });
    let mut tried = nearest("nft", chain.rules.len(), misses.collect(), |rule| TriedRow {
        text: nft::rule(table.family, rule),
        reason: reason(sight, table, rule),
        origin: rule.origin.clone(),
    });
    tried.note = match last {
        Some(last) => format!("chain {}: rule {} of {}", chain.name, last + 1, chain.rules.len()),
        None => format!("chain {}: none of {}", chain.name, chain.rules.len()),
    };
    tried
}

fn reason(sight: &Sight<'_>, table: &NftTable, rule: &NftRule) -> String {
    let Some(part) = rule.parts.iter().find(|part| !sight.nft_holds(table, part)) else {
        return "matched, and decided nothing".to_owned();
    };
    let packet = sight.packet;
    let ip = |which: &NftAddress| if *which == NftAddress::Saddr { packet.src } else { packet.dst };
    match part {
        NftPart::Address { which, value: NftValue::Set(name), not: false }
            if table.sets.get(name).is_some_and(|set| set.timeout.is_some()) =>
        {
            format!("{} was not noted in {name}", ip(which))
        }
        NftPart::Address { which, not, value } => {
            format!("{} is {}in {}", ip(which), if *not { "" } else { "not " }, nft::listed_value(value))
        }
        NftPart::InInterface { name, not } => {
            let device = sight.input.and_then(|link| sight.netns.link(link));
            let device = device.map_or_else(|| "no device".to_owned(), |link| link.name.to_string());
            if *not { format!("in by {device}, which is excepted") } else { format!("in by {device}, not {name}") }
        }
        NftPart::CtState(_) => "its connection is in another state".to_owned(),
        NftPart::FibLocal(which) => format!("{} is no address of this machine", ip(which)),
        NftPart::L4Proto(protocol) => match packet.payload {
            Transport::Icmp(_) => format!("ICMP, not {}", protocol.name()),
            _ => format!("{}, not {}", sight.protocol().map_or("", |own| own.name()), protocol.name()),
        },
        NftPart::MarkUnset(mask) => format!("the mark 0x{:x} has bits of 0x{mask:x}", sight.mark),
        NftPart::Vmap { map, with_address } => match sight.key(*with_address) {
            Some((Some(ip), protocol, port)) => format!("{map} has no {ip} . {} . {port}", protocol.name()),
            Some((None, protocol, port)) => format!("{map} has no {} . {port}", protocol.name()),
            None => "it has no ports".to_owned(),
        },
        _ => String::new(),
    }
}
