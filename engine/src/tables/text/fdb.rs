//! `bridge fdb`. Models iproute2 bridge/fdb.c print_fdb over what the kernel's rtnl_fdb_dump, br_fdb_dump and
//! vxlan_fdb_dump list.

use super::Format;
use super::out::Out;
use crate::net::{MacAddr, solicited_node};
use crate::tables::{FdbEntry, Link, LinkIndex, LinkKind, Netns};
use ipnet::IpNet;
use std::net::IpAddr;

/// A MAC that a bridge has learned behind one of its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LearnedMac {
    pub port: LinkIndex,
    pub mac: MacAddr,
}

/// Which rows to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// `dev NAME`; not printed again.
    pub dev: Option<LinkIndex>,
    /// `br NAME`: the bridge and its ports.
    pub bridge: Option<LinkIndex>,
}

/// `5a:01:02:03:04:22 dev flannel.1 dst 172.18.0.4 self permanent`
pub fn row(netns: &Netns, entry: &FdbEntry) -> String {
    let mut out = Out::new(false);
    vxlan(entry).print(&mut out, netns, false);
    out.buf
}

/// `8e:00:00:00:00:01 dev veth5e1c0a41 master cni0`
pub fn learned_row(netns: &Netns, learned: &LearnedMac) -> String {
    let mut out = Out::new(false);
    behind_port(netns, learned.port, learned.mac, false).print(&mut out, netns, false);
    out.trim_end();
    out.buf
}

/// `bridge fdb show`, by device.
pub fn all(netns: &Netns, learned: impl IntoIterator<Item = LearnedMac>, format: Format, filter: Filter) -> String {
    let mut learned: Vec<LearnedMac> = learned.into_iter().collect();
    learned.sort_unstable();
    let mut out = Out::new(format.json);
    out.open("", '[');
    for link in &netns.links {
        let of_bridge = |bridge| bridge == link.index || link.master == Some(bridge);
        if filter.dev.is_none_or(|dev| dev == link.index) && filter.bridge.is_none_or(of_bridge) {
            for row in rows_of(netns, link, &learned) {
                out.open("", '{');
                row.print(&mut out, netns, filter.dev.is_some());
                out.text("\n");
                out.close('}');
            }
        }
    }
    out.close(']');
    out.finish()
}

/// One line, before it is printed.
struct Row {
    mac: MacAddr,
    link: LinkIndex,
    dst: Option<IpAddr>,
    /// `self`: the device's own entry.
    own: bool,
    master: Option<LinkIndex>,
    permanent: bool,
}

impl Row {
    fn print(&self, out: &mut Out, netns: &Netns, hide_dev: bool) {
        let name = |index| netns.link(index).map_or("", |link| &*link.name);
        out.word("mac", "", &self.mac, " ");
        if !hide_dev {
            out.word("ifname", "dev ", &name(self.link), " ");
        }
        if let Some(dst) = self.dst {
            out.word("dst", "dst ", &dst, " ");
        }
        out.open("flags", '[');
        if self.own {
            out.word("", "", &"self", " ");
        }
        out.close(']');
        if let Some(master) = self.master {
            out.word("master", "master ", &name(master), " ");
        }
        out.word("state", "", &if self.permanent { "permanent" } else { "" }, "");
    }
}

fn vxlan(entry: &FdbEntry) -> Row {
    Row { mac: entry.mac, link: entry.link, dst: Some(entry.remote), own: true, master: None, permanent: true }
}

fn behind_port(netns: &Netns, port: LinkIndex, mac: MacAddr, permanent: bool) -> Row {
    let master = netns.link(port).and_then(|link| link.master.or(Some(link.index)));
    Row { mac, link: port, dst: None, own: false, master, permanent }
}

/// A device's lines in the kernel's order: a port's learned MACs, its own, then the groups that its hardware takes.
fn rows_of(netns: &Netns, link: &Link, learned: &[LearnedMac]) -> Vec<Row> {
    let group = |mac| Row { mac, link: link.index, dst: None, own: true, master: None, permanent: true };
    let mut rows = Vec::new();
    let routers = Some(ALL_ROUTERS_V6).filter(|_| netns.sysctls.ip6_forward);
    match link.kind {
        LinkKind::Loopback | LinkKind::Dummy | LinkKind::Ipip | LinkKind::VxlanExternal { .. } => {}
        LinkKind::Vxlan { .. } => {
            rows.extend(netns.fdb.iter().filter(|(_, entry)| entry.link == link.index).map(|(_, entry)| vxlan(entry)));
        }
        LinkKind::Bridge => {
            // All hosts and all snoopers, of both families.
            rows.push(group(ALL_NODES_V6));
            rows.extend(routers.map(group));
            rows.extend([ALL_SNOOPERS, ALL_SNOOPERS_V6, ALL_HOSTS].map(group));
            rows.extend(solicited_nodes(netns, link).into_iter().map(group));
            rows.push(behind_port(netns, link.index, link.mac, true));
        }
        LinkKind::Veth { .. } | LinkKind::Nic { .. } => {
            if link.master.is_some() {
                let here = learned.iter().filter(|l| l.port == link.index && l.mac != link.mac);
                rows.extend(here.map(|l| behind_port(netns, link.index, l.mac, false)));
                rows.push(behind_port(netns, link.index, link.mac, true));
            }
            rows.push(group(ALL_NODES_V6));
            rows.extend(routers.map(group));
            rows.push(group(ALL_HOSTS));
            rows.extend(solicited_nodes(netns, link).into_iter().map(group));
        }
    }
    rows
}

/// The groups by which a device's IPv6 addresses are asked for.
fn solicited_nodes(netns: &Netns, link: &Link) -> Vec<MacAddr> {
    let mut macs: Vec<MacAddr> = Vec::new();
    for address in netns.addresses_of(link.index) {
        let IpNet::V6(net) = address.net else { continue };
        let anycast = Some(net.network()).filter(|_| netns.sysctls.ip6_forward && net.prefix_len() < 127);
        for ip in std::iter::once(net.addr()).chain(anycast) {
            let mac = MacAddr::of_group(solicited_node(ip));
            if !macs.contains(&mac) {
                macs.push(mac);
            }
        }
    }
    macs
}

const ALL_HOSTS: MacAddr = MacAddr([0x01, 0x00, 0x5e, 0, 0, 0x01]);
const ALL_SNOOPERS: MacAddr = MacAddr([0x01, 0x00, 0x5e, 0, 0, 0x6a]);
const ALL_ROUTERS_V6: MacAddr = MacAddr([0x33, 0x33, 0, 0, 0, 0x02]);
const ALL_NODES_V6: MacAddr = MacAddr([0x33, 0x33, 0, 0, 0, 0x01]);
const ALL_SNOOPERS_V6: MacAddr = MacAddr([0x33, 0x33, 0, 0, 0, 0x6a]);
