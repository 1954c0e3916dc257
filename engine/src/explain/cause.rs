//! The row that decided, in the real tool's words.

use crate::net::Family;
use crate::tables::netfilter::TableName;
use crate::tables::text::{
    addr, conntrack, ebpf, fdb, iptables, ipvs, link, neigh, nft, qdisc, route, segment, socket, sysctl,
};
use crate::tables::{App, Netns, NetnsId, Origin, Place, Segment};
use crate::trace::{CauseTable, RowRef, RuleRef, Trace};
use std::sync::Arc;

/// A row as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The table's name in the protocol: `route`, `neigh`, `fdb`, `link`, `addr`, `socket`, `segment`, `sysctl`,
    /// `conntrack`, `nft`, `ipvs`, or a table of rules' (see [`rules_name`]).
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
        Place::Internet => "internet".to_owned(),
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
        "dns" => "kubectl -n kube-system get cm coredns -o yaml",
        "sysctl" => "sysctl",
        "qdisc" => "tc qdisc",
        "conntrack" => "conntrack -L",
        "nft" => "nft list ruleset",
        "ipvs" => "ipvsadm -Ln",
        "ipvs-conn" => "ipvsadm -Lnc",
        "ipset" => "ipset list",
        "bpf-prog" => "bpftool net",
        "bpf-endpoint" => "cilium-dbg bpf endpoint list",
        "bpf-ipcache" => "cilium-dbg bpf ipcache list",
        "bpf-policy" => "cilium-dbg bpf policy get --all -n",
        "bpf-lb" => "cilium-dbg bpf lb list",
        "raw" => "iptables -t raw -S",
        "mangle" => "iptables -t mangle -S",
        "nat" => "iptables -t nat -S",
        "filter" => "iptables -S",
        "raw6" => "ip6tables -t raw -S",
        "mangle6" => "ip6tables -t mangle -S",
        "nat6" => "ip6tables -t nat -S",
        "filter6" => "ip6tables -S",
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
    if let CauseTable::Connection(id) = row.table {
        let entry = trace.connections.get(&(row.netns, id))?;
        return Some(cause("conntrack", conntrack::timeless(entry), Origin::Learned));
    }
    let netns = trace.tables.get(&(row.netns, row.version))?;
    in_netns(netns, &row.table)
}

/// The name in the protocol of a table of rules: `nat`, and `nat6` for IPv6.
pub fn rules_name(family: Family, table: TableName) -> &'static str {
    match (family, table) {
        (Family::V4, table) => table.name(),
        (Family::V6, TableName::Raw) => "raw6",
        (Family::V6, TableName::Mangle) => "mangle6",
        (Family::V6, TableName::Nat) => "nat6",
        (Family::V6, TableName::Filter) => "filter6",
    }
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
        CauseTable::Netem(index) => {
            let row = netns.netem.iter().find(|netem| netem.link == index)?;
            cause("qdisc", qdisc::row(netns, row), Origin::Kernel)
        }
        CauseTable::Dns { listener, entry } => {
            let App::Dns(server) = &netns.listeners.get(listener as usize)?.app else { return None };
            let (text, origin) = server.entry(entry)?;
            cause("dns", text, origin)
        }
        CauseTable::Sysctl(name) => cause("sysctl", sysctl::row(netns, name)?, Origin::Kernel),
        CauseTable::Rule { family, table, rule: RuleRef { chain, rule } } => {
            let chain = netns.netfilter.ruleset(family).tables.get(&table)?.chain(chain)?;
            let rule = chain.rules.get(rule as usize)?;
            cause(rules_name(family, table), iptables::save(family, &chain.name, rule), rule.origin.clone())
        }
        CauseTable::Policy { family, table, hook } => {
            let rules = netns.netfilter.ruleset(family).tables.get(&table)?;
            let policy = iptables::policy_name(rules.chain(rules.find(hook.chain())?)?.policy);
            cause(rules_name(family, table), format!("-P {} {policy}", hook.chain()), Origin::Kernel)
        }
        CauseTable::NftRule { table, rule: RuleRef { chain, rule } } => {
            let table = netns.netfilter.nft.get(table as usize)?;
            let rule = table.chain(chain)?.rules.get(rule as usize)?;
            cause("nft", nft::rule(table.family, rule), rule.origin.clone())
        }
        CauseTable::NftElement { table, rule, key } => {
            let (_, element) = netns.netfilter.nft.get(table as usize)?.element(rule.chain, rule.rule, &key)?;
            cause("nft", nft::element(&key, element), element.origin.clone())
        }
        CauseTable::Ipvs { service, server } => {
            let service = netns.netfilter.ipvs.as_deref()?.services.get(service as usize)?;
            match server.and_then(|at| service.servers.get(at as usize)) {
                Some(server) => cause("ipvs", ipvs::server(service, server), server.origin.clone()),
                None => cause("ipvs", ipvs::service(service), service.origin.clone()),
            }
        }
        CauseTable::EbpfProgram { .. }
        | CauseTable::EbpfEndpoint(_)
        | CauseTable::IpCache(_)
        | CauseTable::PolicyMap { .. }
        | CauseTable::Service { .. } => return in_ebpf(netns, table),
        CauseTable::Connection(_) | CauseTable::Segment { .. } => return None,
    })
}

/// A row of a map of Cilium's.
fn in_ebpf(netns: &Netns, table: &CauseTable) -> Option<Cause> {
    let maps = netns.ebpf.as_deref()?;
    Some(match *table {
        CauseTable::EbpfProgram { link, hook } => {
            let row = maps.attachment(link, hook)?;
            cause("bpf-prog", ebpf::attachment(netns, maps, row), row.origin.clone())
        }
        CauseTable::EbpfEndpoint(ip) => {
            let row = maps.endpoint(ip)?;
            cause("bpf-endpoint", ebpf::endpoint(ip, row).join("   "), row.origin.clone())
        }
        CauseTable::IpCache(net) => {
            let row = maps.ipcache_row(net)?;
            cause("bpf-ipcache", ebpf::ipcache(maps, net, row).join("   "), row.origin.clone())
        }
        CauseTable::PolicyMap { endpoint, key } => {
            let mut infos = maps.endpoints.values().filter_map(|row| row.pod.as_ref());
            let policy = &infos.find(|info| info.id == endpoint)?.policy;
            match policy.get(&key) {
                Some(row) => cause("bpf-policy", ebpf::policy(&key).join("   "), row.origin.clone()),
                None => cause("bpf-policy", ebpf::missing(endpoint, &key), policy.enforced(key.direction)?.clone()),
            }
        }
        CauseTable::Service { key, backend } => {
            let service = maps.service(&key)?;
            let slot = backend.map_or(0, |at| at + 1);
            let origin = backend.and_then(|at| service.backends.get(usize::from(at))).map(|backend| &backend.origin);
            let text = ebpf::service(&key, service, slot).join("   ");
            cause("bpf-lb", text, origin.unwrap_or(&service.origin).clone())
        }
        _ => return None,
    })
}

fn cause(table: &'static str, text: String, origin: Origin) -> Cause {
    Cause { table, text, command: command_of(table), origin }
}
