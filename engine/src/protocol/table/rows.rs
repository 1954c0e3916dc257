//! A table's rows with what tells each from the others.

use crate::cluster::Revision;
use crate::dataplane::NetnsState;
use crate::explain;
use crate::net::{Family, MacAddr, Protocol};
use crate::program;
use crate::tables::dns::Entry;
use crate::tables::netfilter::{Connection, Table, TableName};
use crate::tables::text::{addr, conntrack, fdb, iptables, link, neigh, qdisc, route, segment, socket, sysctl};
use crate::tables::{Address, App, LinkIndex, Listener, Netns, Origin, Place, Port, Route, RouteTable, Segment};
use crate::trace::{CauseTable, Nanos, RuleRef};
use std::net::IpAddr;

/// A row: its text, and what it is about, by which it is found again in the same table at another moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub key: String,
    pub text: String,
    pub origin: Origin,
}

pub(super) fn of_segment(ports: &Segment, revision: &Revision) -> Vec<Row> {
    let owner = |id| explain::place_name(&program::place(revision, id).unwrap_or(Place::Fabric(id.0)));
    let row = |port: &Port| Row {
        key: port_key(port),
        text: segment::row(ports, port, &owner(port.netns)),
        origin: port.origin.clone(),
    };
    ports.ports().iter().map(row).collect()
}

/// The rows of a namespace's table and of what it had learned at a moment; `None` if there is no table of that name.
pub(super) fn of_netns(netns: &Netns, state: Option<&NetnsState>, at: Nanos, table: &str) -> Option<Vec<Row>> {
    let row = |key: String, text: String, origin: &Origin| Row { key, text, origin: origin.clone() };
    let of_route = |(_, r): (_, &Route)| row(route_key(r), route::row(netns, r), &r.origin);
    Some(match table {
        "route" => netns.main.rows.iter().map(of_route).collect(),
        "route-local" => netns.local.rows.iter().map(of_route).collect(),
        "addr" => netns.addresses.iter().map(|a| row(addr_key(a), addr::row(netns, a), &a.origin)).collect(),
        "link" => netns.links.iter().map(|l| row(l.name.to_string(), link::row(netns, l), &l.origin)).collect(),
        "socket" => netns.listeners.iter().map(|l| row(socket_key(l), socket::row(l), &l.origin)).collect(),
        "dns" => {
            // A server's sockets share what it holds.
            let servers = netns.listeners.iter().filter(|listener| listener.protocol == Protocol::Udp);
            let servers = servers.filter_map(|listener| match &listener.app {
                App::Dns(server) => Some(server),
                _ => None,
            });
            let entries = servers.take(1).flat_map(|server| {
                let shown = |entry| Some((entry, server.entry(entry)?));
                server.entries().into_iter().filter_map(shown)
            });
            entries.map(|(entry, (text, origin))| row(dns_key(entry), text, &origin)).collect()
        }
        "sysctl" => {
            sysctl::all(netns).lines().map(|line| row(sysctl_key(line), line.to_owned(), &Origin::Kernel)).collect()
        }
        "neigh" => {
            let mut rows: Vec<Row> = Vec::new();
            for (_, entry) in netns.neighbors.iter() {
                rows.push(row(neigh_key(entry.link, entry.ip), neigh::row(netns, &entry.into()), &entry.origin));
            }
            for (link, ip, neighbor) in state.into_iter().flat_map(NetnsState::neighbors) {
                let (state, probes_count) = (neighbor.state(at).into(), neighbor.probes_count().into());
                let learned = neigh::Neighbor { link, ip, mac: neighbor.mac, state, probes_count };
                rows.push(row(neigh_key(link, ip), neigh::row(netns, &learned), &Origin::Learned));
            }
            rows
        }
        "fdb" => {
            let mut rows: Vec<Row> = Vec::new();
            for (_, entry) in netns.fdb.iter() {
                rows.push(row(fdb_key(entry.link, entry.mac), fdb::row(netns, entry), &entry.origin));
            }
            for (bridge, mac, port) in state.into_iter().flat_map(|state| state.fdb(at)) {
                let text = fdb::learned_row(netns, &fdb::LearnedMac { port, mac });
                rows.push(row(fdb_key(bridge, mac), text, &Origin::Learned));
            }
            rows
        }
        "qdisc" => netns
            .netem
            .iter()
            .map(|netem| row(netem.link.0.to_string(), qdisc::row(netns, netem), &Origin::Kernel))
            .collect(),
        "conntrack" => {
            let entries = state.into_iter().flat_map(|state| state.connections.iter(at));
            let text = |entry: &Connection| conntrack::row(entry, at);
            entries.map(|entry| row(entry.id.to_string(), text(entry), &Origin::Learned)).collect()
        }
        table => {
            let (family, name) = rules_named(table)?;
            let rules = netns.netfilter.ruleset(family).tables.get(&name);
            rules.map_or_else(Vec::new, |table| of_rules(family, table))
        }
    })
}

/// `nat`, `nat6`
fn rules_named(name: &str) -> Option<(Family, TableName)> {
    let families = [Family::V4, Family::V6].into_iter();
    let mut all = families.flat_map(|family| TableName::ALL.map(|table| (family, table)));
    all.find(|(family, table)| explain::rules_name(*family, *table) == name)
}

/// As `iptables -S` prints them, the new chains left out.
fn of_rules(family: Family, table: &Table) -> Vec<Row> {
    let mut rows = Vec::new();
    for chain in iptables::chains(table) {
        if chain.policy.is_some() {
            let text = format!("-P {} {}", chain.name, iptables::policy_name(chain.policy));
            rows.push(Row { key: policy_key(&chain.name), text, origin: Origin::Kernel });
        }
    }
    for chain in iptables::chains(table) {
        for rule in &chain.rules {
            let text = iptables::save(family, &chain.name, rule);
            rows.push(Row { key: text.clone(), text, origin: rule.origin.clone() });
        }
    }
    rows
}

fn policy_key(chain: &str) -> String {
    format!("-P {chain}")
}

/// The programmed rows of all tables, what packets taught left out: what `ip route`, `ip neigh`, `bridge fdb`, `ip addr`,
/// `ip link` and `ss` print of them.
pub fn programmed(netns: &Netns) -> Vec<String> {
    let tables = ["route", "neigh", "fdb", "addr", "link", "socket"];
    let rows = tables.iter().filter_map(|table| of_netns(netns, None, 0, table));
    rows.flatten().map(|row| row.text).collect()
}

/// Those of them that it does not share with other nodes.
pub fn programmed_own(netns: &Netns) -> Vec<String> {
    programmed(&Netns {
        main: RouteTable::new(netns.main.rows.own().to_vec().into()),
        neighbors: netns.neighbors.own().to_vec().into(),
        fdb: netns.fdb.own().to_vec().into(),
        ..netns.clone()
    })
}

/// Those that it shares, its own among them, each with the node that it is about and that leaves it out.
pub fn programmed_shared(netns: &Netns) -> Vec<(String, u32)> {
    let mut rows = Vec::new();
    if let Some((shared, _)) = netns.main.rows.shared() {
        rows.extend(shared.iter().map(|(owner, row)| (route::row(netns, row), owner)));
    }
    if let Some((shared, _)) = netns.neighbors.shared() {
        rows.extend(shared.iter().map(|(owner, row)| (neigh::row(netns, &row.into()), owner)));
    }
    if let Some((shared, _)) = netns.fdb.shared() {
        rows.extend(shared.iter().map(|(owner, row)| (fdb::row(netns, row), owner)));
    }
    rows
}

/// The key of the row that decided a step, if that is a row of this table.
pub(super) fn key_of(netns: &Netns, cause: &CauseTable, table: &str) -> Option<String> {
    let (of, key) = match *cause {
        CauseTable::RouteLocal(id) => ("route-local", route_key(netns.local.rows.get(id)?)),
        CauseTable::RouteMain(id) => ("route", route_key(netns.main.rows.get(id)?)),
        CauseTable::Neighbor(id) => {
            let row = netns.neighbors.get(id)?;
            ("neigh", neigh_key(row.link, row.ip))
        }
        CauseTable::LearnedNeighbor { link, ip, .. } | CauseTable::FailedNeighbor { link, ip } => {
            ("neigh", neigh_key(link, ip))
        }
        CauseTable::Fdb(id) => {
            let row = netns.fdb.get(id)?;
            ("fdb", fdb_key(row.link, row.mac))
        }
        CauseTable::LearnedFdb { bridge, mac, .. } => ("fdb", fdb_key(bridge, mac)),
        CauseTable::Link(index) => ("link", netns.link(index)?.name.to_string()),
        CauseTable::Address(index) => ("addr", addr_key(netns.addresses.get(index as usize)?)),
        CauseTable::Listener(index) => ("socket", socket_key(netns.listeners.get(index as usize)?)),
        CauseTable::Netem(link) => ("qdisc", link.0.to_string()),
        CauseTable::Sysctl(name) => ("sysctl", name.to_owned()),
        CauseTable::Rule { family, table, rule: RuleRef { chain, rule } } => {
            let chain = netns.netfilter.ruleset(family).tables.get(&table)?.chain(chain)?;
            let text = iptables::save(family, &chain.name, chain.rules.get(rule as usize)?);
            (explain::rules_name(family, table), text)
        }
        CauseTable::Policy { family, table, hook } => (explain::rules_name(family, table), policy_key(hook.chain())),
        CauseTable::Connection(id) => ("conntrack", id.to_string()),
        CauseTable::Dns { entry, .. } => ("dns", dns_key(entry)),
        CauseTable::Segment { .. } => return None,
    };
    (of == table).then_some(key)
}

pub(super) fn port_key(port: &Port) -> String {
    port.mac.to_string()
}

fn route_key(row: &Route) -> String {
    route::prefix(row.dst)
}

fn addr_key(row: &Address) -> String {
    format!("{} {}", row.net.addr(), row.link.0)
}

fn socket_key(row: &Listener) -> String {
    format!("{:?} {:?} {}", row.protocol, row.ip, row.port)
}

fn dns_key(entry: Entry) -> String {
    match entry {
        Entry::Plugin { block, at } => format!("plugin {block} {at}"),
        Entry::Service { block, at, row } => format!("service {block} {at} {row}"),
        Entry::Endpoint { block, at, row, address } => format!("endpoint {block} {at} {row} {address}"),
        Entry::Pod { block, at, row } => format!("pod {block} {at} {row}"),
    }
}

fn sysctl_key(line: &str) -> String {
    line.split([' ', '=']).next().unwrap_or_default().to_owned()
}

fn neigh_key(link: LinkIndex, ip: IpAddr) -> String {
    format!("{ip} {}", link.0)
}

fn fdb_key(link: LinkIndex, mac: MacAddr) -> String {
    format!("{mac} {}", link.0)
}
