//! The row that decided, in the real tool's words.

use crate::tables::text::{addr, fdb, link, neigh, route, segment, socket, sysctl};
use crate::tables::{Netns, NetnsId, Origin, Place, Segment};
use crate::trace::{CauseTable, RowRef, Trace};
use std::sync::Arc;

/// A row as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The table's name in the protocol: `route`, `neigh`, `fdb`, `link`, `addr`, `socket`, `segment`, `sysctl`.
    pub table: &'static str,
    pub text: String,
    /// What prints the whole table on a real cluster.
    pub command: &'static str,
    pub origin: Origin,
}

/// `node/worker-1`, `pod/default/pod-a`, `gateway`, `segment/0`
pub fn place_name(place: &Place) -> String {
    match place {
        Place::Node(name) => format!("node/{name}"),
        Place::Pod { namespace, name } => format!("pod/{namespace}/{name}"),
        Place::Gateway => "gateway".to_owned(),
        Place::Fabric(number) => format!("segment/{number}"),
    }
}

/// The command that prints a table.
pub fn command_of(table: &str) -> &'static str {
    match table {
        "route" => "ip route",
        "route-local" => "ip route show table local",
        "neigh" => "ip neigh",
        "fdb" => "bridge fdb",
        "link" => "ip -d link",
        "addr" => "ip addr",
        "socket" => "ss -lntup",
        "sysctl" => "sysctl",
        _ => "bridge fdb (on the machine that hosts the nodes)",
    }
}

/// The row that a step names, from the tables that its trace keeps. None if the trace does not have it, or the
/// port is gone.
pub fn row_text(
    trace: &Trace,
    row: &RowRef,
    segment: Option<&Arc<Segment>>,
    owner: &dyn Fn(NetnsId) -> String,
) -> Option<Cause> {
    if let CauseTable::Segment { port, .. } = row.table {
        // The switch is that of now: ports have come and gone since.
        let segment = segment?;
        let (_, port) = segment.port_of(row.netns, port)?;
        let text = segment::row(segment, port, &owner(port.netns));
        return Some(cause("segment", text, port.origin.clone()));
    }
    let netns = trace.tables.get(&(row.netns, row.version))?;
    in_netns(netns, &row.table)
}

fn in_netns(netns: &Netns, table: &CauseTable) -> Option<Cause> {
    Some(match *table {
        CauseTable::RouteLocal(id) => {
            let row = netns.local.rows.get(id)?;
            cause("route-local", route::row(netns, row), row.origin.clone())
        }
        CauseTable::RouteMain(id) => {
            let row = netns.main.rows.get(id)?;
            cause("route", route::row(netns, row), row.origin.clone())
        }
        CauseTable::Neighbor(id) => {
            let row = netns.neighbors.get(id)?;
            cause("neigh", neigh::row(netns, &row.into()), row.origin.clone())
        }
        CauseTable::LearnedNeighbor { link, ip, mac, state, router } => {
            let row = neigh::Neighbor { link, ip, mac: Some(mac), state, router, probes_count: 0 };
            cause("neigh", neigh::row(netns, &row), Origin::Learned)
        }
        CauseTable::FailedNeighbor { link, ip } => {
            let state = neigh::NeighborState::Failed;
            let row = neigh::Neighbor { link, ip, mac: None, state, router: false, probes_count: 3 };
            cause("neigh", neigh::row(netns, &row), Origin::Learned)
        }
        CauseTable::Fdb(id) => {
            let row = netns.fdb.get(id)?;
            cause("fdb", fdb::row(netns, row), row.origin.clone())
        }
        CauseTable::LearnedFdb { mac, port, .. } => {
            cause("fdb", fdb::learned_row(netns, &fdb::LearnedMac { port, mac }), Origin::Learned)
        }
        CauseTable::Link(index) => {
            let row = netns.link(index)?;
            cause("link", link::row(netns, row), row.origin.clone())
        }
        CauseTable::Address(index) => {
            let row = netns.addresses.get(index as usize)?;
            cause("addr", addr::row(netns, row), row.origin.clone())
        }
        CauseTable::Listener(index) => {
            let row = netns.listeners.get(index as usize)?;
            cause("socket", socket::row(row), row.origin.clone())
        }
        CauseTable::Sysctl(name) => cause("sysctl", sysctl::row(netns, name)?, Origin::Kernel),
        CauseTable::Segment { .. } => return None,
    })
}

fn cause(table: &'static str, text: String, origin: Origin) -> Cause {
    Cause { table, text, command: command_of(table), origin }
}
