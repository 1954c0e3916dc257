//! What `ip -d link` adds: the device's settings. Models iproute2 ip/iplink_{vxlan,bridge,bridge_slave}.c.

use super::link::kind_name;
use super::out::Out;
use crate::net::MacAddr;
use crate::tables::{Link, LinkKind, Netns};
use std::fmt;

/// What `-d` adds: the device's kind and settings, and its settings as a bridge port.
pub(super) fn details(out: &mut Out, netns: &Netns, link: &Link, line_end: &str) {
    let port = u8::from(link.master.is_some());
    let unbound = matches!(link.kind, LinkKind::Loopback | LinkKind::Dummy | LinkKind::Ipip);
    out.number("promiscuity", " promiscuity ", &port, " ");
    out.number("allmulti", " allmulti ", &port, " ");
    out.number("min_mtu", "minmtu ", if unbound { &0 } else { &68 }, " ");
    out.number("max_mtu", "maxmtu ", if unbound { &0 } else { &65535 }, " ");
    kind(out, netns, link, line_end);
}

/// The device's kind with its settings, and its settings as a bridge port; nothing for `lo` and hardware.
pub(super) fn kind(out: &mut Out, netns: &Netns, link: &Link, line_end: &str) {
    let kind = kind_name(&link.kind);
    if kind.is_empty() {
        return;
    }
    out.text(line_end);
    out.open("linkinfo", '{');
    out.word("info_kind", "    ", &kind, " ");
    match &link.kind {
        LinkKind::Vxlan { vni, port, local, underlay } => {
            out.open("info_data", '{');
            out.number("id", "id ", vni, " ");
            out.word("local", "local ", local, " ");
            let underlay = netns.link(*underlay).map_or("", |link| &link.name);
            out.word("link", "dev ", &underlay, " ");
            out.text("srcport 0 0 ");
            out.open("port_range", '{');
            out.raw("low", &0);
            out.raw("high", &0);
            out.close('}');
            out.number("port", "dstport ", port, " ");
            out.text("nolearning ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx ");
            constants(out, VXLAN);
            out.close('}');
        }
        LinkKind::Ipip => {
            out.open("info_data", '{');
            out.word("remote", "remote ", &"any", " ");
            out.word("local", "local ", &"any", " ");
            out.text("ttl inherit nopmtudisc ");
            out.close('}');
        }
        LinkKind::VxlanExternal { port, .. } => {
            out.open("info_data", '{');
            out.text("external id 0 srcport 0 0 ");
            out.number("port", "dstport ", port, " ");
            out.text("nolearning ttl auto ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx ");
            out.close('}');
        }
        LinkKind::Bridge => {
            out.open("info_data", '{');
            let has_ports = netns.ports_of(link.index).next().is_some();
            bridge(out, &bridge_id(if has_ports { link.mac } else { MacAddr::ZERO }));
            out.close('}');
        }
        _ => {}
    }
    if let Some(master) = link.master.and_then(|index| netns.link(index)) {
        let number = 1 + netns.ports_of(master.index).filter(|port| port.index < link.index).count();
        out.text(line_end);
        out.word("info_slave_kind", "    ", &"bridge", "_slave ");
        out.open("info_slave_data", '{');
        bridge_port(out, link.hairpin, number, &bridge_id(master.mac));
        out.close('}');
    }
    out.close('}');
}

/// `8000.` and the MAC without leading zeros.
fn bridge_id(mac: MacAddr) -> String {
    let mut id = String::from("8000.");
    for (i, byte) in mac.0.iter().enumerate() {
        id.push_str(if i > 0 { ":" } else { "" });
        let _ = fmt::Write::write_fmt(&mut id, format_args!("{byte:x}"));
    }
    id
}

/// Settings with fixed values: (JSON key, word in the text, value). No key: text only; no word: JSON only.
type Constant = (&'static str, &'static str, &'static str);

fn constants(out: &mut Out, rows: &[Constant]) {
    for (key, word, value) in rows {
        match (out.json, key.is_empty(), word.is_empty()) {
            (true, false, _) => out.raw(key, value),
            (false, _, false) => {
                out.text(word);
                out.text(" ");
                out.text(match *value {
                    "true" => "on",
                    "false" => "off",
                    "0.00" => "   0.00",
                    value => value.trim_matches('"'),
                });
                out.text(" ");
            }
            _ => {}
        }
    }
}

const VXLAN: &[Constant] = &[
    ("learning", "", "false"),
    ("ttl", "", "0"),
    ("df", "", "\"unset\""),
    ("ageing", "", "300"),
    ("udp_csum", "", "true"),
    ("udp_zero_csum6_tx", "", "false"),
    ("udp_zero_csum6_rx", "", "false"),
];

/// A bridge's settings as the CNI plugin leaves them: the kernel's defaults.
fn bridge(out: &mut Out, id: &str) {
    constants(out, BRIDGE_BEFORE_ID);
    out.word("bridge_id", "bridge_id ", &id, " ");
    out.word("root_id", "designated_root ", &id, " ");
    constants(out, BRIDGE_AFTER_ID);
}

const BRIDGE_BEFORE_ID: &[Constant] = &[
    ("forward_delay", "forward_delay", "1500"),
    ("hello_time", "hello_time", "200"),
    ("max_age", "max_age", "2000"),
    ("ageing_time", "ageing_time", "30000"),
    ("stp_state", "stp_state", "0"),
    ("priority", "priority", "32768"),
    ("vlan_filtering", "vlan_filtering", "0"),
];

const BRIDGE_AFTER_ID: &[Constant] = &[
    ("root_port", "root_port", "0"),
    ("root_path_cost", "root_path_cost", "0"),
    ("topology_change", "topology_change", "0"),
    ("topology_change_detected", "topology_change_detected", "0"),
    ("hello_timer", "hello_timer", "0.00"),
    ("tcn_timer", "tcn_timer", "0.00"),
    ("topology_change_timer", "topology_change_timer", "0.00"),
    ("gc_timer", "gc_timer", "0.00"),
    ("group_fwd_mask", "group_fwd_mask", "\"0\""),
    ("group_addr", "group_address", "\"01:80:c2:00:00:00\""),
    ("mcast_snooping", "mcast_snooping", "1"),
    ("no_linklocal_learn", "no_linklocal_learn", "0"),
    ("mcast_vlan_snooping", "mcast_vlan_snooping", "0"),
    ("mcast_router", "mcast_router", "1"),
    ("mcast_query_use_ifaddr", "mcast_query_use_ifaddr", "0"),
    ("mcast_querier", "mcast_querier", "0"),
    ("mcast_hash_elasticity", "mcast_hash_elasticity", "16"),
    ("mcast_hash_max", "mcast_hash_max", "4096"),
    ("mcast_last_member_cnt", "mcast_last_member_count", "2"),
    ("mcast_startup_query_cnt", "mcast_startup_query_count", "2"),
    ("mcast_last_member_intvl", "mcast_last_member_interval", "100"),
    ("mcast_membership_intvl", "mcast_membership_interval", "26000"),
    ("mcast_querier_intvl", "mcast_querier_interval", "25500"),
    ("mcast_query_intvl", "mcast_query_interval", "12500"),
    ("mcast_query_response_intvl", "mcast_query_response_interval", "1000"),
    ("mcast_startup_query_intvl", "mcast_startup_query_interval", "3124"),
    ("mcast_stats_enabled", "mcast_stats_enabled", "0"),
    ("mcast_igmp_version", "mcast_igmp_version", "2"),
    ("mcast_mld_version", "mcast_mld_version", "1"),
    ("nf_call_iptables", "nf_call_iptables", "0"),
    ("nf_call_ip6tables", "nf_call_ip6tables", "0"),
    ("nf_call_arptables", "nf_call_arptables", "0"),
];

/// A port's settings: kernel defaults but for hairpin.
fn bridge_port(out: &mut Out, hairpin: bool, number: usize, id: &str) {
    out.text("state forwarding priority 32 cost 2 hairpin ");
    out.text(if hairpin { "on " } else { "off " });
    out.string("state", "forwarding");
    out.raw("priority", &32);
    out.raw("cost", &2);
    out.raw("hairpin", &hairpin);
    constants(out, PORT_BEFORE_ID);
    out.word("id", "port_id 0x", &format_args!("{}{:x}", if out.json { "0x" } else { "" }, 0x8000 + number), " ");
    out.word("no", "port_no 0x", &format_args!("{}{number:x}", if out.json { "0x" } else { "" }), " ");
    out.number("designated_port", "designated_port ", &(0x8000 + number), " ");
    out.number("designated_cost", "designated_cost ", &0, " ");
    out.word("bridge_id", "designated_bridge ", &id, " ");
    out.word("root_id", "designated_root ", &id, " ");
    constants(out, PORT_AFTER_ID);
}

const PORT_BEFORE_ID: &[Constant] = &[
    ("guard", "guard", "false"),
    ("root_block", "root_block", "false"),
    ("fastleave", "fastleave", "false"),
    ("learning", "learning", "true"),
    ("flood", "flood", "true"),
];

const PORT_AFTER_ID: &[Constant] = &[
    ("hold_timer", "hold_timer", "0.00"),
    ("message_age_timer", "message_age_timer", "0.00"),
    ("forward_delay_timer", "forward_delay_timer", "0.00"),
    ("topology_change_ack", "topology_change_ack", "0"),
    ("config_pending", "config_pending", "0"),
    ("proxy_arp", "proxy_arp", "false"),
    ("proxy_arp_wifi", "proxy_arp_wifi", "false"),
    ("multicast_router", "mcast_router", "1"),
    ("", "mcast_fast_leave", "false"),
    ("mcast_flood", "mcast_flood", "true"),
    ("bcast_flood", "bcast_flood", "true"),
    ("mcast_to_unicast", "mcast_to_unicast", "false"),
    ("neigh_suppress", "neigh_suppress", "false"),
    ("group_fwd_mask", "group_fwd_mask", "\"0\""),
    ("group_fwd_mask_str", "group_fwd_mask_str", "\"0x0\""),
    ("vlan_tunnel", "vlan_tunnel", "false"),
    ("isolated", "isolated", "false"),
    ("locked", "locked", "false"),
];
