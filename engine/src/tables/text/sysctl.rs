//! `sysctl`: the settings that the walk reads.

use crate::tables::Netns;

/// Names in the order of `sysctl -a`.
pub const NAMES: [&str; 4] =
    ["net.ipv4.ip_default_ttl", "net.ipv4.ip_forward", "net.ipv4.ip_local_port_range", "net.ipv4.ping_group_range"];

/// `net.ipv4.ip_forward = 1`; `None` if the name is not among [`NAMES`].
pub fn row(netns: &Netns, name: &str) -> Option<String> {
    let sysctls = &netns.sysctls;
    let value = match name {
        "net.ipv4.ip_default_ttl" => sysctls.default_ttl.to_string(),
        "net.ipv4.ip_forward" => u8::from(sysctls.ip_forward).to_string(),
        "net.ipv4.ip_local_port_range" => format!("{}\t{}", sysctls.port_range.0, sysctls.port_range.1),
        "net.ipv4.ping_group_range" if sysctls.unprivileged_ping => String::from("0\t2147483647"),
        "net.ipv4.ping_group_range" => String::from("1\t0"),
        _ => return None,
    };
    Some(format!("{name} = {value}"))
}

/// All of them, a line each.
pub fn all(netns: &Netns) -> String {
    NAMES.iter().filter_map(|name| row(netns, name)).fold(String::new(), |text, row| text + &row + "\n")
}
