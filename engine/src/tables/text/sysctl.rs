//! `sysctl`: the settings that the walk reads.

use crate::tables::Netns;

/// Names in the order of `sysctl -a`.
pub const NAMES: [&str; 4] =
    ["net.ipv4.ip_default_ttl", "net.ipv4.ip_forward", "net.ipv4.ip_local_port_range", "net.ipv4.ping_group_range"];
/// Those of IPv6, which are shown where there is IPv6.
const NAMES_V6: [&str; 3] =
    ["net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.all.hop_limit"];

/// The names that a namespace lists.
pub fn names(netns: &Netns) -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().chain(NAMES_V6.into_iter().filter(|_| !netns.sysctls.disable_ipv6))
}

/// `net.ipv4.ip_forward = 1`; `None` if the name is none of a known setting.
pub fn row(netns: &Netns, name: &str) -> Option<String> {
    let sysctls = &netns.sysctls;
    let value = match name {
        "net.ipv4.ip_default_ttl" => sysctls.default_ttl.to_string(),
        "net.ipv4.ip_forward" => u8::from(sysctls.ip_forward).to_string(),
        "net.ipv4.ip_local_port_range" => format!("{}\t{}", sysctls.port_range.0, sysctls.port_range.1),
        "net.ipv4.ping_group_range" if sysctls.unprivileged_ping => String::from("0\t2147483647"),
        "net.ipv4.ping_group_range" => String::from("1\t0"),
        "net.ipv6.conf.all.disable_ipv6" => u8::from(sysctls.disable_ipv6).to_string(),
        "net.ipv6.conf.all.forwarding" => u8::from(sysctls.ip6_forward).to_string(),
        "net.ipv6.conf.all.hop_limit" => sysctls.default_ttl.to_string(),
        _ => return None,
    };
    Some(format!("{name} = {value}"))
}

/// All of them, a line each.
pub fn all(netns: &Netns) -> String {
    names(netns).filter_map(|name| row(netns, name)).fold(String::new(), |text, row| text + &row + "\n")
}
