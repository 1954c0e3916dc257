//! The maps of Cilium's programs, row by row.

use super::rows::Row;
use crate::tables::ebpf::{Ebpf, LbKey, PolicyKey};
use crate::tables::text::ebpf;
use crate::tables::{Netns, Origin};
use crate::trace::CauseTable;

/// The rows of a map; `None` if there is no map of that name.
pub(super) fn of_netns(netns: &Netns, table: &str) -> Option<Vec<Row>> {
    let maps = netns.ebpf.as_deref();
    let rows: fn(&Netns, &Ebpf) -> Vec<Row> = match table {
        "bpf-prog" => programs,
        "bpf-endpoint" => endpoints,
        "bpf-ipcache" => ipcache,
        "bpf-policy" => policies,
        "bpf-lb" => services,
        _ => return None,
    };
    Some(maps.map_or_else(Vec::new, |maps| rows(netns, maps)))
}

fn row(key: String, text: String, origin: &Origin) -> Row {
    Row { key, text, origin: origin.clone() }
}

fn programs(netns: &Netns, maps: &Ebpf) -> Vec<Row> {
    let text = |at| ebpf::attachment(netns, maps, at);
    maps.attachments.iter().map(|at| row(format!("{} {:?}", at.link.0, at.hook), text(at), &at.origin)).collect()
}

fn endpoints(_: &Netns, maps: &Ebpf) -> Vec<Row> {
    let text = |ip, at| ebpf::endpoint(ip, at).join("   ");
    maps.endpoints.iter().map(|(ip, at)| row(ip.to_string(), text(*ip, at), &at.origin)).collect()
}

fn ipcache(_: &Netns, maps: &Ebpf) -> Vec<Row> {
    let text = |net, at| ebpf::ipcache(maps, net, at).join("   ");
    maps.ipcache_rows().map(|(net, at)| row(net.to_string(), text(net, at), &at.origin)).collect()
}

fn policies(_: &Netns, maps: &Ebpf) -> Vec<Row> {
    let infos = maps.endpoints.values().filter_map(|row| row.pod.as_ref());
    let rows = infos.flat_map(|info| info.policy.iter().map(move |(key, entry)| (info, key, entry)));
    rows.map(|(info, key, entry)| {
        let text = format!("{} {}   {}", info.id, info.name, ebpf::policy(key).join("   "));
        row(policy_key(info.id, key), text, &entry.origin)
    })
    .collect()
}

fn services(_: &Netns, maps: &Ebpf) -> Vec<Row> {
    let mut rows = Vec::new();
    for (key, service) in maps.all_services() {
        rows.push(row(service_key(key, None), ebpf::service(key, service, 0).join("   "), &service.origin));
        for (at, backend) in (0..).zip(&service.backends) {
            let text = ebpf::service(key, service, at + 1).join("   ");
            rows.push(row(service_key(key, Some(at)), text, &backend.origin));
        }
    }
    rows
}

fn policy_key(endpoint: u16, key: &PolicyKey) -> String {
    format!("{endpoint} {key:?}")
}

fn service_key(key: &LbKey, backend: Option<u16>) -> String {
    format!("{key:?} {backend:?}")
}

/// The table and the key of a row that decided.
pub(super) fn key_of(cause: &CauseTable) -> Option<(&'static str, String)> {
    Some(match cause {
        CauseTable::EbpfProgram { link, hook } => ("bpf-prog", format!("{} {hook:?}", link.0)),
        CauseTable::EbpfEndpoint(ip) => ("bpf-endpoint", ip.to_string()),
        CauseTable::IpCache(net) => ("bpf-ipcache", net.to_string()),
        CauseTable::PolicyMap { endpoint, key } => ("bpf-policy", policy_key(*endpoint, key)),
        CauseTable::Service { key, backend } => ("bpf-lb", service_key(key, *backend)),
        _ => return None,
    })
}
