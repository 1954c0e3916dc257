//! `cilium-dbg bpf`: the maps as they are.

use crate::dataplane::{CtEntry, CtKey, CtKind, EbpfState};
use crate::net::Protocol;
use crate::tables::ebpf::{Ebpf, EndpointInfo};
use crate::tables::text::ebpf as text;
use crate::trace::Nanos;
use std::fmt::Write;
use std::net::Ipv4Addr;

/// Rows below a head.
fn table(head: [&str; 2], rows: impl Iterator<Item = [String; 2]>) -> String {
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.map(|row| row.to_vec()));
    text::columns(&lines)
}

pub fn services(maps: &Ebpf) -> String {
    let mut rows: Vec<[String; 2]> = Vec::new();
    for (key, service) in maps.all_services() {
        rows.push(text::service(key, service, 0));
        rows.extend((1..=service.backends.len() as u16).map(|slot| text::service(key, service, slot)));
    }
    table(["SERVICE ADDRESS", "BACKEND ADDRESS (REVNAT_ID) (SLOT)"], rows.into_iter())
}

pub fn ipcache(maps: &Ebpf) -> String {
    let rows = maps.ipcache_rows().map(|(net, row)| text::ipcache(maps, net, row));
    table(["IP PREFIX/ADDRESS", "IDENTITY"], rows)
}

pub fn ipcache_get(maps: &Ebpf, ip: &str) -> Result<String, String> {
    let address: Ipv4Addr = ip.parse().map_err(|_| format!("unable to parse IP address \"{ip}\""))?;
    let found = maps.lookup(address).ok_or_else(|| format!("{ip} does not map to any identity"))?;
    let [_, words] = text::ipcache(maps, found.0, found.1);
    Ok(format!("{ip} maps to identity {words}\n"))
}

pub fn endpoints(maps: &Ebpf) -> String {
    table(["IP ADDRESS", "LOCAL ENDPOINT INFO"], maps.endpoints.iter().map(|(ip, row)| text::endpoint(*ip, row)))
}

fn infos(maps: &Ebpf) -> Vec<&EndpointInfo> {
    let mut all: Vec<_> = maps.endpoints.values().filter_map(|row| row.pod.as_ref()).collect();
    all.sort_by_key(|info| info.id);
    all
}

pub fn policy(maps: &Ebpf, id: &str, numbers: bool) -> Result<String, String> {
    let number: u16 = id.parse().map_err(|_| format!("Failed to parse endpoint ID \"{id}\""))?;
    let found = infos(maps).into_iter().find(|info| info.id == number);
    let info = found.ok_or_else(|| {
        format!("Failed to open map: unable to get object /sys/fs/bpf/tc/globals/cilium_policy_v2_{number:05}: no such file or directory")
    })?;
    Ok(text::policies(maps, &info.policy, numbers))
}

pub fn all_policies(maps: &Ebpf, numbers: bool) -> String {
    let mut all = String::new();
    for info in infos(maps) {
        let path = format!("/sys/fs/bpf/tc/globals/cilium_policy_v2_{:05}", info.id);
        let _ = write!(
            all,
            "Endpoint ID: {}\nPath: {path}\n\n{}\n\n",
            info.id,
            text::policies(maps, &info.policy, numbers)
        );
    }
    all
}

pub fn connections(maps: &Ebpf, state: &EbpfState, now: Nanos) -> String {
    state.entries(now).map(|(key, entry)| connection(maps, key, entry)).collect()
}

/// `TCP OUT 10.0.1.77:45678 -> 10.0.2.5:80 expires=8000 …`; seconds since the cluster's start.
fn connection(maps: &Ebpf, key: &CtKey, entry: &CtEntry) -> String {
    let service = entry.service.and_then(|key| maps.service(&key)).map_or(0, |service| service.id);
    let protocol = key.protocol.map_or("ICMP", Protocol::name);
    let kind = match key.kind {
        CtKind::Out => "OUT",
        CtKind::In => "IN",
        CtKind::Service => "SVC",
    };
    let flags = [
        (entry.rx_closing, 1, "RxClosing"),
        (entry.tx_closing, 2, "TxClosing"),
        (entry.loopback, 8, "LBLoopback"),
        (entry.seen_non_syn, 16, "SeenNonSyn"),
    ];
    let bits: u16 = flags.iter().filter(|(set, ..)| *set).map(|(_, bit, _)| bit).sum();
    let names: Vec<&str> = flags.iter().filter(|(set, ..)| *set).map(|(.., name)| *name).collect();
    format!(
        "{protocol} {kind} {}:{} -> {}:{} expires={} Flags=0x{bits:04x} [ {}{}] RevNAT={} SourceSecurityID={}\n",
        key.src.0,
        key.src.1,
        key.dst.0,
        key.dst.1,
        entry.expires_at / 1_000_000_000,
        names.join(" "),
        if names.is_empty() { "" } else { " " },
        service,
        entry.source_identity.0
    )
}
