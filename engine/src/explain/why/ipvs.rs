//! Which real server of a virtual one got a new connection, and why not another.

use super::rank::{Miss, nearest};
use super::{Known, Lookup, TriedRow, Why};
use crate::dataplane::{IpvsTable, ServerLoad, overhead};
use crate::tables::Origin;
use crate::tables::ipvs::{IpvsConnection, Scheduler, VirtualServer};
use crate::tables::text::ipvs::{self, Columns, Load, Names};
use crate::trace::{CauseTable, Stage};
use std::net::SocketAddr;
use std::sync::Arc;

/// A virtual server that was asked for a real one, and the one that it gave.
pub(super) struct Choice<'a> {
    service: &'a VirtualServer,
    chosen: Option<SocketAddr>,
}

pub(super) fn choice<'a>(lookup: &Lookup<'a>) -> Option<Choice<'a>> {
    let Stage::Ipvs { scheduled: true, .. } = lookup.step.stage else { return None };
    let CauseTable::Ipvs { service, server } = lookup.cause()? else { return None };
    let service = lookup.netns.netfilter.ipvs.as_deref()?.services.get(service as usize)?;
    let chosen = server.and_then(|at| service.servers.get(at as usize)).map(|server| server.address);
    Some(Choice { service, chosen })
}

pub(super) fn why(lookup: &Lookup<'_>, choice: &Choice<'_>, known: &Known<'_>) -> Why {
    let Choice { service, chosen } = *choice;
    let scheduler = service.scheduler;
    let nothing = IpvsTable::default();
    let state = (known.learned)(lookup.netns.id, lookup.step.at);
    let table = state.as_ref().map_or(&nothing, |state| &state.ipvs);
    let servers = table.servers(service, lookup.step.at);
    let sought = format!("a real server for {}", ipvs::service(service));
    let because = match chosen {
        None if servers.is_empty() => "it has no real servers".to_owned(),
        None => format!("{} found none that takes new connections", scheduler.name()),
        Some(to) if by_template(table, lookup) => {
            format!("the client has a template that leads to {to}")
        }
        Some(to) => format!("{} of {} real servers: {}", to, servers.len(), rule(scheduler)),
    };
    let place = servers.iter().position(|server| Some(server.candidate.address) == chosen).unwrap_or(0);
    let count = servers.len();
    let misses = servers.iter().enumerate().filter(|(_, server)| Some(server.candidate.address) != chosen);
    // The next in the list comes first.
    let misses = misses.map(|(at, server)| {
        let after = (at + count - place) % count;
        Miss { rank: (u32::from(server.candidate.weight > 0), (count - after) as u32), row: (server, after) }
    });
    let told = |(server, after): (&ServerLoad, usize)| TriedRow {
        text: row(service, server),
        reason: reason(scheduler, server, after),
        origin: server
            .place
            .and_then(|at| service.servers.get(at as usize))
            .map_or(Origin::Learned, |row| row.origin.clone()),
    };
    let tried = nearest("ipvs", count, misses.collect(), told);
    Why { sought, because, tables: vec![tried] }
}

/// Whether a template decided that had been there: a new one is made just before its first connection.
fn by_template(table: &IpvsTable, lookup: &Lookup<'_>) -> bool {
    let Some(packet) = lookup.frame.ip() else { return false };
    let (client, to) = (packet.source(), packet.destination());
    let is_own = |entry: &&Arc<IpvsConnection>| !entry.template && (entry.client, entry.virtual_server) == (client, to);
    let own = table.iter(lookup.step.at).filter(is_own).last();
    own.is_some_and(|own| own.control.is_some_and(|template| template + 1 < own.id))
}

/// `TCP  10.96.0.1:443 -> 10.244.1.2:8080 Masq 1`, as `ipvsadm -Ln` prints the server.
fn row(service: &VirtualServer, server: &ServerLoad) -> String {
    let of = &server.candidate;
    let load = Load { active: of.active, inactive: of.inactive, persistent: server.persistent };
    let stats = Default::default();
    let line = ipvs::server_line((of.address, of.weight), (Columns::Plain, Names::Numbers), (load, &stats));
    format!("{} {}", ipvs::service(service), line.trim())
}

/// How a scheduler chooses.
fn rule(scheduler: Scheduler) -> &'static str {
    match scheduler {
        Scheduler::RoundRobin => "each in turn",
        Scheduler::WeightedRoundRobin => "each in turn, as often as its weight says",
        Scheduler::LeastConnection => "the one with the fewest connections",
        Scheduler::WeightedLeastConnection => "the one with the fewest connections for its weight",
        Scheduler::LocalityBasedLeastConnection => "the one that serves this address, while it is not overloaded",
        Scheduler::LocalityBasedLeastConnectionReplication => "the least burdened of those that serve this address",
        Scheduler::DestinationHashing => "the one in the bucket of the virtual address",
        Scheduler::SourceHashing => "the one in the bucket of the client's address",
        Scheduler::ShortestExpectedDelay => "the one with the shortest expected delay",
        Scheduler::NeverQueue => "one that is idle, else the one with the shortest expected delay",
        Scheduler::WeightedFailover => "the one with the highest weight",
        Scheduler::WeightedOverflow => "the one with the highest weight that has room",
        Scheduler::MaglevHashing => "the one in the bucket of the client's address and port",
        Scheduler::PowersOfTwo => "the less burdened of two drawn ones",
    }
}

fn reason(scheduler: Scheduler, server: &ServerLoad, after: usize) -> String {
    let of = &server.candidate;
    if of.weight == 0 {
        return "weight 0: only known connections go there".to_owned();
    }
    match scheduler {
        Scheduler::RoundRobin | Scheduler::WeightedRoundRobin => match after {
            1 => "its turn comes next".to_owned(),
            after => format!("its turn comes {after} connections later"),
        },
        Scheduler::LeastConnection
        | Scheduler::WeightedLeastConnection
        | Scheduler::LocalityBasedLeastConnection
        | Scheduler::LocalityBasedLeastConnectionReplication
        | Scheduler::PowersOfTwo => {
            format!("256 × {} active + {} inactive = {}", of.active, of.inactive, overhead(of))
        }
        Scheduler::ShortestExpectedDelay | Scheduler::NeverQueue => {
            format!("({} active + 1) / weight {}", of.active, of.weight)
        }
        Scheduler::DestinationHashing | Scheduler::SourceHashing | Scheduler::MaglevHashing => {
            "another bucket is its own".to_owned()
        }
        Scheduler::WeightedFailover | Scheduler::WeightedOverflow => format!("weight {}", of.weight),
    }
}
