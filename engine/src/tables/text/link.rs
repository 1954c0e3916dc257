//! `ip link`, and the part of it that `ip addr` repeats. Models iproute2 ip/ipaddress.c print_linkinfo and busybox
//! networking/libiproute/ipaddress.c.

use super::out::Out;
use super::{Format, Tool};
use crate::net::MacAddr;
use crate::tables::{Link, LinkKind, Netns};

/// Which links to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// `dev NAME`
    pub dev: Option<&'a str>,
    /// `master NAME`
    pub master: Option<&'a str>,
    /// `type KIND`
    pub kind: Option<&'a str>,
    /// `up`
    pub up: bool,
}

impl Filter<'_> {
    pub fn has(&self, netns: &Netns, link: &Link) -> bool {
        self.dev.is_none_or(|dev| dev == &*link.name)
            && self.master.is_none_or(|name| link.master.and_then(|i| netns.link(i)).is_some_and(|m| &*m.name == name))
            && self.kind.is_none_or(|kind| kind == kind_name(&link.kind))
            && (!self.up || link.up)
    }
}

/// The first line of a link's entry: `4: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 …`; for a VXLAN device its
/// settings as well, as `ip -o -d link` has them: `\    vxlan id 1 local 172.18.0.3 dev eth0 …`.
pub fn row(netns: &Netns, link: &Link) -> String {
    let mut out = Out::new(false);
    head(&mut out, netns, link, Format::default(), true);
    out.trim_end();
    if matches!(link.kind, LinkKind::Vxlan { .. } | LinkKind::VxlanExternal { .. }) {
        super::details::kind(&mut out, netns, link, "\\");
        out.trim_end();
    }
    out.buf
}

/// `ip link show`.
pub fn all(netns: &Netns, format: Format, filter: Filter) -> String {
    let mut out = Out::new(format.json);
    out.open("", '[');
    for link in netns.links.iter().filter(|link| filter.has(netns, link)) {
        out.open("", '{');
        if format.brief {
            brief(&mut out, netns, link);
            match link.kind {
                LinkKind::Ipip => out.word("address", "", &"0.0.0.0", " "),
                _ => out.word("address", "", &link.mac, " "),
            }
            flags(&mut out, netns, link, Tool::Iproute2);
            out.text(" \n");
        } else {
            head(&mut out, netns, link, format, true);
            hardware(&mut out, netns, link, format, true);
            out.text("\n");
        }
        out.close('}');
    }
    out.close(']');
    out.finish()
}

/// `ip -d link`'s word for a device: what `type` selects.
pub fn kind_name(kind: &LinkKind) -> &'static str {
    match kind {
        LinkKind::Loopback | LinkKind::Nic { .. } => "",
        LinkKind::Veth { .. } => "veth",
        LinkKind::Bridge => "bridge",
        LinkKind::Dummy => "dummy",
        LinkKind::Vxlan { .. } | LinkKind::VxlanExternal { .. } => "vxlan",
        LinkKind::Ipip => "ipip",
    }
}

/// The kernel's operational state: `lo` and tunnels have none, a bridge follows its ports.
fn operstate(netns: &Netns, link: &Link) -> &'static str {
    match link.kind {
        _ if !link.up => "DOWN",
        LinkKind::Loopback
        | LinkKind::Vxlan { .. }
        | LinkKind::VxlanExternal { .. }
        | LinkKind::Ipip
        | LinkKind::Dummy => "UNKNOWN",
        LinkKind::Bridge if !netns.has_carrier(link) => "DOWN",
        LinkKind::Bridge | LinkKind::Veth { .. } | LinkKind::Nic { .. } => "UP",
    }
}

/// How the other end of a veth shows: its name, or its number in a namespace that is not this one.
fn peer_name(netns: &Netns, link: &Link, tool: Tool) -> Option<String> {
    if link.kind == LinkKind::Ipip {
        return Some("NONE".to_owned());
    }
    let LinkKind::Veth { peer_netns, peer } = link.kind else { return None };
    // busybox looks the number up in its own namespace, whatever namespace the peer is in.
    let here = netns.link(peer).filter(|_| peer_netns == netns.id || tool == Tool::Busybox);
    Some(here.map_or_else(|| format!("if{}", peer.0), |peer| peer.name.to_string()))
}

/// `<BROADCAST,MULTICAST,UP,LOWER_UP>`
fn flags(out: &mut Out, netns: &Netns, link: &Link, tool: Tool) {
    out.text("<");
    out.open("flags", '[');
    let mut names: Vec<&str> = Vec::with_capacity(6);
    if link.up && !netns.has_carrier(link) {
        names.push("NO-CARRIER");
    }
    names.extend_from_slice(match link.kind {
        LinkKind::Loopback => &["LOOPBACK"],
        LinkKind::Dummy => &["BROADCAST", "NOARP"],
        LinkKind::Ipip => &["NOARP"],
        _ if netns.is_noarp(link) => &["BROADCAST", "MULTICAST", "NOARP"],
        _ => &["BROADCAST", "MULTICAST"],
    });
    if link.up {
        names.push("UP");
    }
    if netns.has_carrier(link) {
        names.push("LOWER_UP");
    }
    if let (LinkKind::Veth { peer, .. }, Tool::Busybox) = (&link.kind, tool)
        && !netns.link(*peer).is_some_and(|peer| peer.up)
    {
        names.push("M-DOWN");
    }
    for (i, name) in names.iter().enumerate() {
        out.text(if i > 0 { "," } else { "" });
        out.word("", "", name, "");
    }
    out.close(']');
    out.text(">");
}

/// `name@peer            UP             `: the two columns that `-br` begins with.
pub(super) fn brief(out: &mut Out, netns: &Netns, link: &Link) {
    let start = out.buf.len();
    name(out, netns, link, Tool::Iproute2);
    out.pad(start, 16);
    out.text(" ");
    let start = out.buf.len();
    out.word("operstate", "", &operstate(netns, link), "");
    out.pad(start, 14);
    out.text(" ");
}

fn name(out: &mut Out, netns: &Netns, link: &Link, tool: Tool) {
    if let LinkKind::Veth { peer_netns, peer } = link.kind
        && out.json
    {
        match netns.link(peer).filter(|_| peer_netns == netns.id) {
            Some(peer) => out.string("link", &peer.name),
            None => out.raw("link_index", &peer.0),
        }
    }
    out.word("ifname", "", &link.name, "");
    if !out.json
        && let Some(peer) = peer_name(netns, link, tool)
    {
        out.text("@");
        out.text(&peer);
    }
}

/// The entry's first line, without a line end. `mode` is printed by `ip link` and not by `ip addr`.
pub(super) fn head(out: &mut Out, netns: &Netns, link: &Link, format: Format, mode: bool) {
    let iproute2 = format.tool == Tool::Iproute2;
    out.number("ifindex", "", &link.index.0, ": ");
    name(out, netns, link, format.tool);
    out.text(": ");
    flags(out, netns, link, format.tool);
    out.number("mtu", " mtu ", &link.mtu, "");
    out.word("qdisc", " qdisc ", &qdisc(link), if iproute2 { " " } else { "" });
    if let Some(master) = link.master.and_then(|index| netns.link(index)) {
        out.word(
            "master",
            if iproute2 { "master " } else { " master " },
            &master.name,
            if iproute2 { " " } else { "" },
        );
    }
    if iproute2 {
        out.word("operstate", "state ", &operstate(netns, link), " ");
        if mode {
            out.word("linkmode", "mode ", &"DEFAULT", " ");
        }
        out.word("group", "group ", &"default", " ");
    }
    // flanneld and kube-proxy create their devices with a transmit queue of length 0, which is not printed.
    if !matches!(link.kind, LinkKind::Vxlan { .. } | LinkKind::Dummy) {
        out.number("txqlen", if iproute2 { "qlen " } else { " qlen " }, &1000, "");
    }
}

fn qdisc(link: &Link) -> &'static str {
    match link.kind {
        _ if !link.up => "noop",
        LinkKind::Nic { .. } => "fq_codel",
        _ => "noqueue",
    }
}

/// The entry's second line (`link/ether …`), and the details. Begins with a line end, ends without.
pub(super) fn hardware(out: &mut Out, netns: &Netns, link: &Link, format: Format, addrgen: bool) {
    let line_end = if format.oneline { "\\" } else { "\n" };
    out.text(line_end);
    if link.kind == LinkKind::Ipip {
        out.word("link_type", "    link/", &"ipip", " ");
        out.word("address", "", &"0.0.0.0", "");
        out.word("broadcast", " brd ", &"0.0.0.0", "");
    } else {
        let loopback = link.kind == LinkKind::Loopback;
        out.word("link_type", "    link/", &if loopback { "loopback" } else { "ether" }, " ");
        out.word("address", "", &link.mac, "");
        out.word("broadcast", " brd ", &if loopback { MacAddr::ZERO } else { MacAddr::BROADCAST }, "");
    }
    if format.tool == Tool::Busybox {
        return;
    }
    peer_namespace(out, netns, link);
    if format.details {
        super::details::details(out, netns, link, line_end);
        if addrgen {
            out.word("inet6_addr_gen_mode", "addrgenmode ", &"eui64", " ");
        }
        let queues = if matches!(link.kind, LinkKind::Veth { .. }) { 2 } else { 1 };
        out.number("num_tx_queues", "numtxqueues ", &queues, " ");
        out.number("num_rx_queues", "numrxqueues ", &queues, " ");
        for (key, value) in QUEUES {
            out.number(key, &format!("{key} "), value, " ");
        }
    }
}

/// `link-netns cni-…` where the name is known (a node's `/run/netns`), else `link-netnsid 0`.
fn peer_namespace(out: &mut Out, netns: &Netns, link: &Link) {
    let LinkKind::Veth { peer_netns, .. } = link.kind else { return };
    if peer_netns == netns.id {
        return;
    }
    let elsewhere = |kind: &LinkKind| matches!(kind, LinkKind::Veth { peer_netns, .. } if *peer_netns != netns.id);
    let before = |l: &&Link| l.index < link.index && elsewhere(&l.kind);
    let number = netns.links.iter().filter(before).count();
    if link.master.is_some() && !out.json {
        out.text(" link-netns ");
        out.text(&netns_name(link.mac));
    } else {
        out.number("link_netnsid", " link-netnsid ", &number, "");
    }
}

/// The name that the container runtime gives a Pod's namespace, `cni-` and a random UUID: here made from the MAC of
/// the veth on the node, so that it stays what it is.
pub fn netns_name(mac: MacAddr) -> String {
    let mut bits: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in mac.0 {
        bits = (bits ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    // Version 4, variant 1 (RFC 9562).
    bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    format!("cni-{}", crate::tables::Uid(bits))
}

const QUEUES: &[(&str, &u32)] = &[
    ("gso_max_size", &65536),
    ("gso_max_segs", &65535),
    ("tso_max_size", &524_280),
    ("tso_max_segs", &65535),
    ("gro_max_size", &65536),
];
