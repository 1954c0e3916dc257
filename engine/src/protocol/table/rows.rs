//! A table's rows with what tells each from the others.

use crate::cluster::Revision;
use crate::dataplane::{IpvsTable, NetnsState, ServerLoad};
use crate::explain;
use crate::net::{Family, MacAddr, Protocol};
use crate::program;
use crate::tables::dns::Entry;
use crate::tables::ipvs::{Ipvs, IpvsConnection, IpvsStats, VirtualServer};
use crate::tables::netfilter::{Connection, IpSet, Table, TableName};
use crate::tables::nft::{NftChain, NftKey, NftMap, NftRule, NftTable};
use crate::tables::text::{
    addr, conntrack, fdb, ipset, iptables, ipvs, link, neigh, nft, qdisc, route, segment, socket, sysctl,
};
use crate::tables::{Address, App, LinkIndex, Listener, Netns, Origin, Place, Port, Route, RouteTable, Segment};
use crate::trace::{CauseTable, Nanos, RuleRef};
use std::net::{IpAddr, SocketAddr};

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
                let (mac, router) = (neighbor.mac, neighbor.router);
                let learned = neigh::Neighbor { link, ip, mac, state, router, probes_count };
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
        "ipvs" => netns.netfilter.ipvs.iter().flat_map(|ipvs| ipvs_rows(ipvs, state, at)).collect(),
        "ipvs-conn" => {
            let entries = state.into_iter().flat_map(|state| state.ipvs.iter(at));
            let text = |entry: &IpvsConnection| ipvs::connection(entry, at, ipvs::Names::Numbers);
            entries.map(|entry| row(entry.id.to_string(), text(entry), &Origin::Learned)).collect()
        }
        "ipset" => netns.netfilter.sets.values().flat_map(|set| set_rows(set)).collect(),
        "nft" => netns.netfilter.nft.iter().flat_map(|table| nft_rows(table, state, at)).collect(),
        table => {
            if let Some(rows) = super::ebpf::of_netns(netns, table) {
                return Some(rows);
            }
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

/// The lines of `nft list ruleset` without their indentation, each element in a line of its own.
fn nft_rows(table: &NftTable, state: Option<&NetnsState>, at: Nanos) -> Vec<Row> {
    let place = nft::name(table);
    let head = |text: String| Row { key: format!("{place} {text}"), text, origin: Origin::Kernel };
    let mut rows = vec![Row { key: place.clone(), text: place.clone(), origin: Origin::Kernel }];
    for set in table.sets(false).chain(table.sets(true)) {
        rows.push(head(format!("set {}", set.name)));
        let element = |ip: String, origin: &Origin| Row {
            key: format!("{place} {} {ip}", set.name),
            text: ip,
            origin: origin.clone(),
        };
        rows.extend(set.elements.iter().map(|(ip, origin)| element(ip.to_string(), origin)));
        let noted = state.map(|state| state.memory.elements(table, set, at)).unwrap_or_default();
        rows.extend(noted.into_iter().map(|(ip, _)| element(ip.to_string(), &Origin::Learned)));
    }
    for map in &table.maps {
        rows.push(head(format!("map {}", map.name)));
        rows.extend(nft::sorted(map).into_iter().map(|(key, element)| Row {
            key: element_key(table, map, key),
            text: nft::element(key, element),
            origin: element.origin.clone(),
        }));
    }
    for chain in table.chains() {
        rows.push(head(nft::chain_head(chain)));
        rows.extend(chain.rules.iter().map(|rule| Row {
            key: nft_rule_key(table, chain, rule),
            text: nft::rule(table.family, rule),
            origin: rule.origin.clone(),
        }));
    }
    rows
}

fn element_key(table: &NftTable, map: &NftMap, key: &NftKey) -> String {
    format!("{} {} {key:?}", nft::name(table), map.name)
}

fn nft_rule_key(table: &NftTable, chain: &NftChain, rule: &NftRule) -> String {
    format!("{} {} {}", nft::name(table), chain.name, nft::rule(table.family, rule))
}

/// The lines of `ipvsadm -Ln`, its head left out.
fn ipvs_rows(ipvs: &Ipvs, state: Option<&NetnsState>, at: Nanos) -> Vec<Row> {
    let mut rows = Vec::new();
    let nothing = IpvsTable::default();
    let table = state.map_or(&nothing, |state| &state.ipvs);
    for (_, service) in ipvs::sorted(ipvs) {
        let origin = service.origin.clone();
        rows.push(Row { key: ipvs_key(service, None), text: ipvs::service(service), origin });
        let mut servers = table.servers(service, at);
        servers.sort_by_key(|server| ipvs::order(server.candidate.address));
        rows.extend(servers.into_iter().map(|ServerLoad { candidate, persistent, place }| {
            let load = ipvs::Load { active: candidate.active, inactive: candidate.inactive, persistent };
            let (columns, stats) = ((ipvs::Columns::Plain, ipvs::Names::Numbers), IpvsStats::default());
            let line = ipvs::server_line((candidate.address, candidate.weight), columns, (load, &stats));
            let programmed = place.and_then(|place| service.servers.get(place as usize));
            Row {
                key: ipvs_key(service, Some(candidate.address)),
                text: line.trim_end().to_owned(),
                origin: programmed.map_or(Origin::Learned, |server| server.origin.clone()),
            }
        }));
    }
    rows
}

fn ipvs_key(service: &VirtualServer, server: Option<SocketAddr>) -> String {
    format!("{} {} {server:?}", service.protocol.name(), service.address)
}

/// A set's name, then its entries.
fn set_rows(set: &IpSet) -> Vec<Row> {
    let head = Row { key: set.name.to_string(), text: ipset::head(set), origin: Origin::Kernel };
    let entries = set.entries.iter().map(|entry| {
        let text = format!("add {} {}", set.name, ipset::entry(entry));
        Row { key: text.clone(), text, origin: entry.origin.clone() }
    });
    std::iter::once(head).chain(entries).collect()
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
        CauseTable::NftRule { table, rule: RuleRef { chain, rule } } => {
            let table = netns.netfilter.nft.get(table as usize)?;
            let chain = table.chain(chain)?;
            ("nft", nft_rule_key(table, chain, chain.rules.get(rule as usize)?))
        }
        CauseTable::NftElement { table, rule, key } => {
            let table = netns.netfilter.nft.get(table as usize)?;
            let (map, _) = table.element(rule.chain, rule.rule, &key)?;
            ("nft", element_key(table, map, &key))
        }
        CauseTable::Connection(id) => ("conntrack", id.to_string()),
        CauseTable::Ipvs { service, server } => {
            let service = netns.netfilter.ipvs.as_deref()?.services.get(service as usize)?;
            let server = server.and_then(|at| service.servers.get(at as usize));
            ("ipvs", ipvs_key(service, server.map(|server| server.address)))
        }
        CauseTable::Dns { entry, .. } => ("dns", dns_key(entry)),
        CauseTable::EbpfProgram { .. }
        | CauseTable::EbpfEndpoint(_)
        | CauseTable::IpCache(_)
        | CauseTable::PolicyMap { .. }
        | CauseTable::Service { .. } => super::ebpf::key_of(cause)?,
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
