//! Whose MAC: one entry for an address on a device, permanent or learned.

use super::rank::{Miss, common_bits, nearest};
use super::{FORGOTTEN, Known, Lookup, TriedRow, Why};
use crate::dataplane::NEIGHBOR_QUEUE_MAX;
use crate::tables::text::neigh::{self, NeighborState};
use crate::tables::{LinkIndex, Origin};
use crate::trace::{CauseTable, DropReason, PacketTrace, Relation, Stage, Trace, Verdict};
use std::net::IpAddr;

/// Whose MAC address was looked for, and on which device.
pub(super) struct Next {
    link: LinkIndex,
    hop: IpAddr,
}

pub(super) fn next(lookup: &Lookup<'_>) -> Option<Next> {
    Some(Next { link: lookup.step.link?, hop: next_hop(lookup)? })
}

pub(super) fn why(lookup: &Lookup<'_>, Next { link, hop: next_hop }: Next, known: &Known<'_>) -> Why {
    let netns = lookup.netns;
    let resolved = matches!(lookup.cause(), Some(CauseTable::Neighbor(_) | CauseTable::LearnedNeighbor { .. }));
    let learned = (known.learned)(netns.id, lookup.step.at.saturating_sub(1));
    let programmed = netns.neighbors.iter().map(|(_, entry)| (neigh::Neighbor::from(entry), entry.origin.clone()));
    let taught = learned.iter().flat_map(|state| state.neighbors()).map(|(link, ip, neighbor)| {
        let state = neighbor.state(lookup.step.at).into();
        let probes_count = neighbor.probes_count().into();
        let (mac, router) = (neighbor.mac, neighbor.router);
        (neigh::Neighbor { link, ip, mac, state, router, probes_count }, Origin::Learned)
    });
    let mut rows_count = 0;
    let mut misses = Vec::new();
    for (row, origin) in programmed.chain(taught) {
        rows_count += 1;
        if !(resolved && row.ip == next_hop && row.link == link) {
            let rank = (u32::from(row.ip == next_hop) + u32::from(row.link == link), common_bits(row.ip, next_hop));
            misses.push(Miss { rank, row: (row, origin) });
        }
    }
    let name = |index: LinkIndex| netns.link(index).map_or("", |link| &*link.name);
    let mut tried = nearest("neigh", rows_count, misses, |(row, origin)| TriedRow {
        text: neigh::row(netns, &row),
        reason: match (row.ip == next_hop, row.link == link) {
            (true, true) if row.state == NeighborState::Failed => {
                "this address, but nobody answered the last time: it is asked for again".to_owned()
            }
            (true, true) => "this address, but its question has no answer yet".to_owned(),
            (true, false) => format!("this address, but on {}, not on {}", name(row.link), name(link)),
            (false, true) => format!("another address: {}, not {next_hop}", row.ip),
            (false, false) => format!("another address on another device: {} on {}", row.ip, name(row.link)),
        },
        origin,
    });
    if learned.is_none() {
        tried.note = FORGOTTEN.to_owned();
    }
    let sought = format!("the MAC address of {next_hop} on {}", name(link));
    Why { sought, because: because(lookup, next_hop), tables: vec![tried] }
}

fn because(lookup: &Lookup<'_>, next_hop: IpAddr) -> String {
    let device = lookup.device();
    match (lookup.cause(), lookup.step.verdict) {
        (Some(CauseTable::Neighbor(_)), _) => {
            format!("a permanent entry for {next_hop} on {device}: nobody needs to be asked")
        }
        (Some(CauseTable::LearnedNeighbor { state: NeighborState::Stale, .. }), _) => {
            format!("the entry for {next_hop} on {device} is STALE: it is used at once, and checked 5 s later")
        }
        (Some(CauseTable::LearnedNeighbor { .. }), _) => {
            format!("{next_hop} on {device} has told its MAC address")
        }
        (_, Verdict::Wait) => {
            let asks = if next_hop.is_ipv4() { "ARP asks" } else { "neighbour discovery asks" };
            format!("no entry for {next_hop} on {device} has a MAC address: {asks} for it")
        }
        (_, Verdict::Drop(DropReason::NeighQueueFull)) => format!(
            "{NEIGHBOR_QUEUE_MAX} packets wait for {next_hop} on {device} already: another came, and this one, the \
             oldest, goes"
        ),
        _ => format!("nobody answered for {next_hop} on {device}, asked three times, a second apart"),
    }
}

/// The address that was looked for: the entry's own, or what the routing decision before it said.
fn next_hop(lookup: &Lookup<'_>) -> Option<IpAddr> {
    match lookup.cause() {
        Some(CauseTable::Neighbor(row)) => Some(lookup.netns.neighbors.get(row)?.ip),
        Some(CauseTable::LearnedNeighbor { ip, .. } | CauseTable::FailedNeighbor { ip, .. }) => Some(ip),
        _ => {
            let question = &lookup.question;
            routed(question.trace, question.packet, question.step)
        }
    }
}

/// The next hop of the last routing decision before a step; a fragment was routed with the packet it is a piece of.
fn routed(trace: &Trace, packet: &PacketTrace, before: u32) -> Option<IpAddr> {
    let mut steps = packet.steps.iter().enumerate().take(before as usize).rev();
    if let Some((number, step)) = steps.find(|(_, step)| matches!(step.stage, Stage::RouteOut | Stage::RouteIn)) {
        let cause = step.cause?;
        let tables = trace.tables.get(&(cause.netns, cause.version))?;
        let CauseTable::RouteMain(row) = cause.table else { return None };
        let via = tables.main.rows.get(row)?.via;
        return via.or_else(|| Some(packet.frame_after(number as u32).ip()?.dst));
    }
    let (parent, relation) = packet.parent?;
    let parent = trace.packets.get(parent.0 as usize).filter(|_| relation == Relation::Fragments)?;
    routed(trace, parent, parent.steps.len() as u32)
}
