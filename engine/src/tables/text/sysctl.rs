//! `sysctl`: the settings that the walk reads.

use crate::tables::Netns;

/// Names in the order of `sysctl -a`.
pub const NAMES: [&str; 15] = [
    "net.bridge.bridge-nf-call-ip6tables",
    "net.bridge.bridge-nf-call-iptables",
    "net.ipv4.conf.all.arp_announce",
    "net.ipv4.conf.all.arp_ignore",
    "net.ipv4.conf.all.route_localnet",
    "net.ipv4.ip_default_ttl",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ping_group_range",
    "net.netfilter.nf_conntrack_icmp_timeout",
    "net.netfilter.nf_conntrack_max",
    "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
    "net.netfilter.nf_conntrack_tcp_timeout_established",
    "net.netfilter.nf_conntrack_udp_timeout",
    "net.netfilter.nf_conntrack_udp_timeout_stream",
];
/// Those of IPVS, where that is in use.
const NAMES_IPVS: [&str; 4] = [
    "net.ipv4.vs.conn_reuse_mode",
    "net.ipv4.vs.conntrack",
    "net.ipv4.vs.expire_nodest_conn",
    "net.ipv4.vs.expire_quiescent_template",
];
/// Those of IPv6, which are shown where there is IPv6; they come after those of IPv4.
const NAMES_V6: [&str; 3] =
    ["net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.all.hop_limit"];

/// The names that a namespace lists.
pub fn names(netns: &Netns) -> impl Iterator<Item = &'static str> {
    let (v4, others) = NAMES.split_at(NAMES.partition_point(|name| *name < NAMES_IPVS[0]));
    let ipvs = NAMES_IPVS.into_iter().filter(|_| netns.sysctls.ipvs);
    let v6 = NAMES_V6.into_iter().filter(|_| !netns.sysctls.disable_ipv6);
    v4.iter().copied().chain(ipvs).chain(others.iter().copied()).chain(v6)
}

/// The device that `net.ipv4.conf.DEVICE.proxy_arp` is about. Its name may have dots, which the kernel writes as slashes.
pub fn proxy_arp_device(name: &str) -> Option<String> {
    Some(name.strip_prefix("net.ipv4.conf.")?.strip_suffix(".proxy_arp")?.replace('/', "."))
}

/// `net.ipv4.ip_forward = 1`; `None` if the name is none of a known setting.
pub fn row(netns: &Netns, name: &str) -> Option<String> {
    let sysctls = &netns.sysctls;
    if let Some(device) = proxy_arp_device(name) {
        return netns.link_named(&device).map(|link| format!("{name} = {}", u8::from(link.proxy_arp)));
    }
    let value = match name {
        "net.bridge.bridge-nf-call-ip6tables" => u8::from(sysctls.bridge_nf6).to_string(),
        "net.bridge.bridge-nf-call-iptables" => u8::from(sysctls.bridge_nf).to_string(),
        "net.ipv4.conf.all.arp_announce" => sysctls.arp_announce.to_string(),
        "net.ipv4.conf.all.arp_ignore" => sysctls.arp_ignore.to_string(),
        name if NAMES_IPVS.contains(&name) => String::from(if sysctls.ipvs { "1" } else { return None }),
        "net.ipv4.conf.all.route_localnet" => u8::from(sysctls.route_localnet).to_string(),
        "net.ipv4.ip_default_ttl" => sysctls.default_ttl.to_string(),
        "net.ipv4.ip_forward" => u8::from(sysctls.ip_forward).to_string(),
        "net.ipv4.ip_local_port_range" => format!("{}\t{}", sysctls.port_range.0, sysctls.port_range.1),
        "net.ipv4.ping_group_range" if sysctls.unprivileged_ping => String::from("0\t2147483647"),
        "net.ipv4.ping_group_range" => String::from("1\t0"),
        "net.ipv6.conf.all.disable_ipv6" => u8::from(sysctls.disable_ipv6).to_string(),
        "net.ipv6.conf.all.forwarding" => u8::from(sysctls.ip6_forward).to_string(),
        "net.ipv6.conf.all.hop_limit" => sysctls.default_ttl.to_string(),
        "net.netfilter.nf_conntrack_icmp_timeout" => sysctls.conntrack.icmp.to_string(),
        "net.netfilter.nf_conntrack_max" => sysctls.conntrack.entries_max.to_string(),
        "net.netfilter.nf_conntrack_tcp_timeout_close_wait" => sysctls.conntrack.tcp_close_wait.to_string(),
        "net.netfilter.nf_conntrack_tcp_timeout_established" => sysctls.conntrack.tcp_established.to_string(),
        "net.netfilter.nf_conntrack_udp_timeout" => sysctls.conntrack.udp.to_string(),
        "net.netfilter.nf_conntrack_udp_timeout_stream" => sysctls.conntrack.udp_stream.to_string(),
        _ => return None,
    };
    Some(format!("{name} = {value}"))
}

/// All of them, a line each; of the devices those that answer for others.
pub fn all(netns: &Netns) -> String {
    let mut text = String::new();
    for name in names(netns) {
        text.extend(row(netns, name).map(|row| row + "\n"));
        if name == "net.ipv4.conf.all.arp_ignore" {
            let mut devices: Vec<_> =
                netns.links.iter().filter(|link| link.proxy_arp).map(|link| link.name.replace('.', "/")).collect();
            devices.sort_unstable();
            text.extend(devices.iter().map(|device| format!("net.ipv4.conf.{device}.proxy_arp = 1\n")));
        }
    }
    text
}
