//! `cilium-dbg bpf … list` and `bpftool net`. Models Cilium 1.18 cilium-dbg/cmd and pkg/maps.

use crate::tables::Netns;
use crate::tables::ebpf::{Attachment, Ebpf, Endpoint, Identity, IpCacheEntry, LbKey, LbService, PolicyKey, PolicyMap};
use ipnet::Ipv4Net;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

/// Columns as Go's text/tabwriter sets them with a width of at least 5 and three blanks between: every cell but a line's
/// last one is padded.
pub fn columns(lines: &[Vec<String>]) -> String {
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|at| (width(at).unwrap_or(0) + 3).max(5)).collect();
    let mut text = String::new();
    for line in lines {
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, "{cell:width$}");
        }
        text.push('\n');
    }
    text
}

/// `lxc12ab(7) tcx/ingress cil_from_container prog_id 41`
pub fn attachment(netns: &Netns, ebpf: &Ebpf, row: &Attachment) -> String {
    let name = netns.link(row.link).map_or("", |link| &*link.name);
    let at = ebpf.attachments.iter().position(|own| own == row).unwrap_or(0);
    format!("{name}({}) {} {} prog_id {}", row.link.0, row.hook.name(), row.program.name(), 600 + at)
}

/// `10.0.1.77:0   id=1203  sec_id=21334 flags=0x0000 ifindex=8   mac=… nodemac=… parent_ifindex=0`
pub fn endpoint(ip: Ipv4Addr, row: &Endpoint) -> [String; 2] {
    let text = row.pod.as_ref().map(|info| {
        format!(
            "id={:<5} sec_id={:<5} flags=0x0000 ifindex={:<3} mac={} nodemac={} parent_ifindex=0",
            info.id,
            info.identity.0,
            info.link.0,
            info.mac.to_string().to_uppercase(),
            info.node_mac.to_string().to_uppercase()
        )
    });
    [format!("{ip}:0"), text.unwrap_or_else(|| "(localhost)".to_owned())]
}

/// `10.0.2.15/32   identity=21334 encryptkey=0 tunnelendpoint=172.18.0.4 flags=hastunnel`
pub fn ipcache(ebpf: &Ebpf, net: Ipv4Net, row: &IpCacheEntry) -> [String; 2] {
    let tunnel = ebpf.tunnel(row);
    let flags = if tunnel.is_some() { "hastunnel" } else { "<none>" };
    let tunnel = tunnel.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    [net.to_string(), format!("identity={} encryptkey=0 tunnelendpoint={tunnel} flags={flags}", row.identity.0)]
}

/// A service's address and one of its slots; slot 0 is the service itself.
pub fn service(key: &LbKey, service: &LbService, slot: u16) -> [String; 2] {
    let (ip, port, protocol) = key;
    let front = format!("{ip}:{port}/{} ({slot})", protocol.name());
    let backend = usize::from(slot).checked_sub(1).and_then(|at| service.backends.get(at));
    let text = match backend {
        Some(backend) => {
            format!("{}:{}/{} ({}) ({slot})", backend.ip, backend.port, protocol.name(), service.id)
        }
        None => {
            let affinity = if service.affinity.is_some() { ", sessionAffinity" } else { "" };
            format!("0.0.0.0:0 ({}) (0) [ClusterIP, non-routable{affinity}]", service.id)
        }
    };
    [front, text]
}

/// `80/TCP`, `80-81/TCP`, `TCP`, `ANY`
pub fn ports(key: &PolicyKey) -> String {
    let Some(protocol) = key.protocol.map(crate::net::Protocol::name) else { return "ANY".to_owned() };
    let last = u32::from(key.port) + (1 << (16 - key.port_len)) - 1;
    match key.port_len {
        0 => protocol.to_owned(),
        16 => format!("{}/{protocol}", key.port),
        _ => format!("{}-{last}/{protocol}", key.port),
    }
}

/// One key as `cilium-dbg bpf policy get -n` prints it: identities by their numbers.
pub fn policy(key: &PolicyKey) -> Vec<String> {
    let identity = if key.identity == Identity::ANY { "ANY".to_owned() } else { key.identity.0.to_string() };
    policy_line(key, identity)
}

/// What an endpoint's map has no key for.
pub fn missing(endpoint: u16, key: &PolicyKey) -> String {
    let (direction, identity) = (key.direction.name(), key.identity.0);
    format!("endpoint {endpoint} has no key for {direction}, identity {identity}, {}", ports(key))
}

fn policy_line(key: &PolicyKey, identity: String) -> Vec<String> {
    let prefix = if key.protocol.is_some() { 8 + key.port_len } else { 0 };
    let (direction, ports) = (key.direction.name().to_owned(), ports(key));
    let words = ["NONE", "disabled", "0", "0"].map(str::to_owned);
    let mut line = vec!["Allow".to_owned(), direction, identity, ports];
    line.extend(words);
    line.push(prefix.to_string());
    line
}

/// The whole map; `numbers`: identities by their numbers, else by their labels.
pub fn policies(ebpf: &Ebpf, map: &PolicyMap, numbers: bool) -> String {
    let third = if numbers { "IDENTITY" } else { "LABELS (source:key[=value])" };
    let head = ["POLICY", "DIRECTION", third, "PORT/PROTO", "PROXY PORT", "AUTH TYPE", "BYTES", "PACKETS", "PREFIX"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for (key, _) in map.iter() {
        if numbers || key.identity == Identity::ANY {
            lines.push(policy(key));
            continue;
        }
        let mut labels = ebpf.labels_of(key.identity).into_iter();
        let first = labels.next().map_or_else(|| key.identity.0.to_string(), |label| label.to_string());
        lines.push(policy_line(key, first));
        lines.extend(labels.map(|label| vec![String::new(), String::new(), label.to_string()]));
    }
    columns(&lines)
}
