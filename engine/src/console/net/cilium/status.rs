//! `cilium-dbg status`. Models pkg/client/client.go FormatStatusResponse; what podhop has nothing to say of is left out.

use crate::cluster::{NodeRecord, Revision};
use crate::tables::ebpf::Ebpf;

pub const VERSION: &str = "Client: 1.18.0 2025-07-29T00:00:00+00:00 go version go1.24.4 linux/amd64\n\
                           Daemon: 1.18.0 2025-07-29T00:00:00+00:00 go version go1.24.4 linux/amd64\n";

pub fn text(revision: &Revision, node: &NodeRecord, maps: &Ebpf) -> String {
    let Some(config) = revision.network.cni.cilium() else { return String::new() };
    let pods = maps.endpoints.values().filter(|row| row.pod.is_some()).count();
    let share = node.blocks.first().map(|block| block.net);
    let size = share.map_or(0, |net| (1u64 << (net.max_prefix_len() - net.prefix_len())) - 2);
    let share = share.map_or_else(String::new, |net| net.to_string());
    let masquerading = if config.masquerade.0 { "IPTables [IPv4: Enabled, IPv6: Disabled]" } else { "Disabled" };
    let rows = [
        ("KVStore:", "Disabled".to_owned()),
        ("Kubernetes:", "Ok         1.34 (v1.34.0) [linux/amd64]".to_owned()),
        ("KubeProxyReplacement:", "False".to_owned()),
        ("Host firewall:", "Disabled".to_owned()),
        ("SRv6:", "Disabled".to_owned()),
        ("CNI Chaining:", "none".to_owned()),
        (
            "CNI Config file:",
            "successfully wrote CNI configuration file to /host/etc/cni/net.d/05-cilium.conflist".to_owned(),
        ),
        ("Cilium:", "Ok   1.18.0 (v1.18.0)".to_owned()),
        // The router's address is one of them.
        ("IPAM:", format!("IPv4: {}/{size} allocated from {share}", pods + 1)),
        ("IPv4 BIG TCP:", "Disabled".to_owned()),
        ("IPv6 BIG TCP:", "Disabled".to_owned()),
        ("BandwidthManager:", "Disabled".to_owned()),
        ("Routing:", "Network: Tunnel [vxlan]   Host: Legacy".to_owned()),
        ("Attach Mode:", "TCX".to_owned()),
        ("Device Mode:", "veth".to_owned()),
        ("Masquerading:", masquerading.to_owned()),
    ];
    rows.iter().map(|(name, value)| format!("{name:<24} {value}\n")).collect()
}
