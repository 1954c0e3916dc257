//! One table of one namespace, row by row, in the real tool's text.

use super::{OriginView, TableRowView, TableView};
use crate::explain;
use crate::tables::text::{addr, fdb, link, neigh, route, segment, socket, sysctl};
use crate::tables::{Netns, NetnsId, Origin, Place};
use crate::world::World;

/// Most rows that one view shows.
const ROWS_MAX: usize = 2_000;

/// The namespace that a place names: `node/worker-1`, `pod/default/pod-a`, `gateway`.
pub fn netns_named(world: &World, place: &str) -> Option<NetnsId> {
    let revision = world.revision();
    match place.split('/').collect::<Vec<_>>()[..] {
        ["node", name] => Some(revision.node(name)?.netns),
        ["pod", namespace, name] => revision.pod(namespace, name)?.netns,
        ["gateway"] => Some(revision.network.gateway.1),
        _ => None,
    }
}

/// The table, or what is wrong with the question.
pub fn table_view(
    world: &mut World,
    place: &str,
    table: &str,
    resolve: &dyn Fn(&World, &Origin) -> OriginView,
) -> Result<TableView, String> {
    let rows = if let Some(number) = place.strip_prefix("segment/") {
        segment_rows(world, number).ok_or_else(|| format!("there is no segment {number:?}"))?
    } else {
        let id = netns_named(world, place).ok_or_else(|| format!("{place:?} has no network namespace"))?;
        let netns = world.netns(id).ok_or_else(|| format!("{place:?} is gone"))?;
        netns_rows(world, &netns, table).ok_or_else(|| format!("there is no table {table:?}"))?
    };
    let rows = rows.into_iter().take(ROWS_MAX);
    Ok(TableView {
        place: place.to_owned(),
        table: table.to_owned(),
        command: explain::command_of(table).to_owned(),
        rows: rows.map(|(text, origin)| TableRowView { text, origin: resolve(world, &origin) }).collect(),
    })
}

type Row = (String, Origin);

fn segment_rows(world: &mut World, number: &str) -> Option<Vec<Row>> {
    let segment = world.segment(number.parse().ok()?)?;
    let owner = |id| {
        let place = crate::program::place(world.revision(), id).unwrap_or(Place::Fabric(id.0));
        explain::place_name(&place)
    };
    let ports = segment.ports().iter().take(ROWS_MAX);
    Some(ports.map(|port| (segment::row(&segment, port, &owner(port.netns)), port.origin.clone())).collect())
}

fn netns_rows(world: &World, netns: &Netns, table: &str) -> Option<Vec<Row>> {
    let now = world.now();
    let state = world.state(netns.id);
    Some(match table {
        "route" => netns.main.rows.iter().map(|(_, r)| (route::row(netns, r), r.origin.clone())).collect(),
        "route-local" => netns.local.rows.iter().map(|(_, r)| (route::row(netns, r), r.origin.clone())).collect(),
        "addr" => netns.addresses.iter().map(|a| (addr::row(netns, a), a.origin.clone())).collect(),
        "link" => netns.links.iter().map(|l| (link::row(netns, l), l.origin.clone())).collect(),
        "socket" => netns.listeners.iter().map(|l| (socket::row(l), l.origin.clone())).collect(),
        "sysctl" => sysctl::all(netns).lines().map(|line| (line.to_owned(), Origin::Kernel)).collect(),
        "neigh" => {
            let programmed = netns.neighbors.iter().map(|(_, n)| (neigh::row(netns, &n.into()), n.origin.clone()));
            let learned = state.into_iter().flat_map(|state| state.neighbors()).map(|(link, ip, neighbor)| {
                let row = neigh::Neighbor {
                    link,
                    ip,
                    mac: neighbor.mac,
                    state: neighbor.state(now).into(),
                    probes_count: neighbor.probes_count().into(),
                };
                (neigh::row(netns, &row), Origin::Learned)
            });
            programmed.chain(learned).collect()
        }
        "fdb" => {
            let programmed = netns.fdb.iter().map(|(_, f)| (fdb::row(netns, f), f.origin.clone()));
            let learned = state
                .into_iter()
                .flat_map(|state| state.fdb(now))
                .map(|(_, mac, port)| (fdb::learned_row(netns, &fdb::LearnedMac { port, mac }), Origin::Learned));
            programmed.chain(learned).collect()
        }
        _ => return None,
    })
}

/// The programmed rows of all tables: what `ip route`, `ip neigh`, `bridge fdb`, `ip addr` and `ss` print of them.
pub fn kept_rows(netns: &Netns) -> Vec<String> {
    let routes = netns.main.rows.iter().map(|(_, r)| route::row(netns, r));
    let neighbors = netns.neighbors.iter().map(|(_, n)| neigh::row(netns, &n.into()));
    let forwarding = netns.fdb.iter().map(|(_, f)| fdb::row(netns, f));
    let addresses = netns.addresses.iter().map(|a| addr::row(netns, a));
    let links = netns.links.iter().map(|l| link::row(netns, l));
    routes
        .chain(neighbors)
        .chain(forwarding)
        .chain(addresses)
        .chain(links)
        .chain(netns.listeners.iter().map(socket::row))
        .collect()
}
