//! `podhop export netns`: a POSIX shell script that rebuilds nodes, Pods, gateway and the segment between them as
//! network namespaces on a Linux host, with iproute2's own commands in batches, and iptables' and ipset's.
//!
//! What the kernel makes by itself (local, broadcast and connected routes) is left to it. Sockets are not part of it.

use super::Shared;
use crate::cluster::Revision;
use crate::net::Family;
use crate::tables::ipvs::{Ipvs, IpvsTimeouts};
use crate::tables::netfilter::{Match, Table};
use crate::tables::text::ipvs::Names;
use crate::tables::{Link, LinkKind, Netns, NetnsId, Place, RouteProto, Scope, Segment, text};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Begins the names of all namespaces of a script unless the caller has another wish.
pub const PREFIX: &str = "podhop-";

/// Longest name of a namespace, in bytes; beyond that its number stands in.
const NAME_LEN_MAX: usize = 200;

/// All namespaces of a revision and the segment between the nodes: what [`script`] wants.
pub fn everything(revision: &Revision) -> (Vec<Arc<Netns>>, Segment) {
    let mut shared = Shared::default();
    let netns = revision.netns.keys().filter_map(|id| super::netns(revision, *id, &mut shared)).map(Arc::new);
    (netns.collect(), super::segment(revision))
}

/// The name on the host of each namespace: `podhop-node-worker-1`, `podhop-pod-default.pod-a`, `podhop-gateway`.
pub fn names(netns: &[Arc<Netns>], prefix: &str) -> BTreeMap<NetnsId, String> {
    netns.iter().map(|netns| (netns.id, name(netns, prefix))).collect()
}

/// The script. `sh FILE` (or `sh FILE up`) builds, `sh FILE down` removes; both need root. Nothing outside namespaces
/// whose names begin with `prefix` is touched; a build that fails removes what it has made.
pub fn script(netns: &[Arc<Netns>], segment: &Segment, prefix: &str) -> String {
    let mut script = Script { out: String::new(), names: names(netns, prefix), segment: clean(prefix) + "segment" };
    script.head(netns.len());
    script.down();
    script.line("up() {");
    script.line("trap down EXIT");
    script.batch("ip -batch - <<'END'", |s| {
        s.out.extend(s.names.values().map(|name| format!("netns add {name}\n")));
        let _ = writeln!(s.out, "netns add {}", s.segment);
    });
    script.sysctls(netns);
    script.wire(segment);
    // Pods' ends of the veths come with the nodes' ends, and that of the world with the gateway's.
    let comes_later = |netns: &&Arc<Netns>| matches!(netns.place, Place::Pod { .. } | Place::Internet);
    for netns in netns.iter().filter(|netns| !comes_later(netns)) {
        script.namespace(netns);
        script.proxies(netns);
    }
    for netns in netns.iter().filter(comes_later) {
        script.namespace(netns);
    }
    for netns in netns {
        script.netfilter(netns);
    }
    script.line("trap - EXIT");
    script.line("}");
    script.line("case \"${1:-up}\" in");
    script.line("up) down; up ;;");
    script.line("down) down ;;");
    script.line("*) echo \"usage: $0 [up|down]\" >&2; exit 2 ;;");
    script.line("esac");
    script.out
}

/// Letters, digits, `.`, `_` and `-`: nothing else reaches the shell.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect()
}

fn name(netns: &Netns, prefix: &str) -> String {
    let prefix = clean(prefix);
    let (kind, name) = match &netns.place {
        Place::Node(name) => ("node-", clean(name)),
        Place::Pod { namespace, name } => ("pod-", clean(namespace) + "." + &clean(name)),
        Place::Gateway => ("gateway", String::new()),
        Place::Internet => ("internet", String::new()),
        Place::Fabric(number) => ("fabric-", number.to_string()),
    };
    let full = format!("{prefix}{kind}{name}");
    if full.len() <= NAME_LEN_MAX { full } else { format!("{prefix}{kind}{}", netns.id.0) }
}

struct Script {
    out: String,
    names: BTreeMap<NetnsId, String>,
    /// The namespace of the segment's switch.
    segment: String,
}

impl Script {
    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn name(&self, id: NetnsId) -> &str {
        self.names.get(&id).map_or("", String::as_str)
    }

    fn head(&mut self, count: usize) {
        self.line("#!/bin/sh");
        let _ = writeln!(
            self.out,
            "# {count} namespaces of a simulated Kubernetes cluster. Needs root, iproute2 and iptables."
        );
        self.line("# sh FILE [up]: build. sh FILE down: remove. Then, for example: ip netns exec NAME ping ADDRESS");
        self.line("set -e");
    }

    /// A command that reads a here-document up to END; left out if there is nothing to read.
    fn batch(&mut self, command: &str, lines: impl FnOnce(&mut Script)) {
        let start = self.out.len();
        self.line(command);
        let body = self.out.len();
        lines(self);
        if self.out.len() == body {
            self.out.truncate(start);
        } else {
            self.line("END");
        }
    }

    fn down(&mut self) {
        self.line("down() {");
        // Absent namespaces are no failure.
        self.batch("ip -force -batch - 2>/dev/null <<'END' || :", |s| {
            s.out.extend(s.names.values().map(|name| format!("netns del {name}\n")));
            let _ = writeln!(s.out, "netns del {}", s.segment);
        });
        self.line("}");
    }

    /// Settings first, so that devices are born with them.
    fn sysctls(&mut self, netns: &[Arc<Netns>]) {
        self.line("settings() {");
        self.line(
            "ip netns exec \"$1\" sysctl -qe -w net.ipv6.conf.all.disable_ipv6=\"$6\" \
             net.ipv6.conf.default.disable_ipv6=\"$6\" net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.icmp_ratelimit=0 \
             net.ipv4.ip_forward=\"$2\" net.ipv4.ip_default_ttl=\"$3\" net.ipv4.ip_local_port_range=\"$4\" \
             net.ipv4.ping_group_range=\"$5\" net.ipv4.conf.all.route_localnet=\"$8\" \
             net.bridge.bridge-nf-call-iptables=\"$9\" net.bridge.bridge-nf-call-ip6tables=\"${10}\" \
             net.netfilter.nf_conntrack_tcp_timeout_established=\"${11}\" \
             net.netfilter.nf_conntrack_tcp_timeout_close_wait=\"${12}\" >/dev/null 2>&1",
        );
        if netns.iter().any(|netns| !netns.sysctls.disable_ipv6) {
            // Addresses are there at once, and no router is listened to.
            self.line(
                "[ \"$6\" = 1 ] || ip netns exec \"$1\" sysctl -qe -w net.ipv6.conf.all.forwarding=\"$7\" \
                 net.ipv6.conf.default.forwarding=\"$7\" net.ipv6.conf.all.hop_limit=\"$3\" \
                 net.ipv6.conf.default.hop_limit=\"$3\" net.ipv6.conf.all.accept_dad=0 \
                 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.default.accept_ra=0 \
                 net.ipv6.icmp.ratelimit=0 >/dev/null 2>&1",
            );
        }
        self.line("}");
        for netns in netns {
            let sysctls = &netns.sysctls;
            let _ = writeln!(
                self.out,
                "settings {} {} {} '{} {}' '{}' {} {} {} {} {} {} {}",
                self.names.get(&netns.id).map_or("", String::as_str),
                u8::from(sysctls.ip_forward),
                sysctls.default_ttl,
                sysctls.port_range.0,
                sysctls.port_range.1,
                if sysctls.unprivileged_ping { "0 2147483647" } else { "1 0" },
                u8::from(sysctls.disable_ipv6),
                u8::from(sysctls.ip6_forward),
                u8::from(sysctls.route_localnet),
                u8::from(sysctls.bridge_nf),
                u8::from(sysctls.bridge_nf6),
                sysctls.conntrack.tcp_established,
                sysctls.conntrack.tcp_close_wait,
            );
        }
        let _ = writeln!(self.out, "settings {} 0 64 '32768 60999' '1 0' 1 0 0 0 0 432000 60", self.segment);
    }

    /// The switch and a veth pair from it to every NIC.
    fn wire(&mut self, segment: &Segment) {
        let command = format!("ip -n {} -batch - <<'END'", self.segment);
        self.batch(&command, |s| {
            let _ = writeln!(s.out, "link add name switch mtu {} type bridge mcast_snooping 0", segment.mtu);
            for (i, port) in segment.ports().iter().enumerate() {
                let (mtu, mac, name) = (segment.mtu, port.mac, s.name(port.netns).to_owned());
                let _ = writeln!(
                    s.out,
                    "link add name port{i} mtu {mtu} type veth peer name eth0 address {mac} mtu {mtu} netns {name}\n\
                     link set port{i} master switch up"
                );
            }
            s.line("link set switch up");
        });
    }

    fn namespace(&mut self, netns: &Netns) {
        let name = self.name(netns.id).to_owned();
        self.batch(&format!("ip -n {name} -batch - <<'END'"), |s| {
            for link in &netns.links {
                s.link(netns, link);
            }
            // What the kernel makes by itself is left to it.
            let added = netns.addresses.iter().filter(|address| address.scope != Scope::Link);
            let (mut v6, v4): (Vec<_>, Vec<_>) = added.partition(|address| address.net.addr().is_ipv6());
            // A device's IPv6 address that is added last is listed, and chosen, first (ipv6_link_dev_addr).
            v6.reverse();
            v6.sort_by_key(|address| address.link);
            for address in v4.into_iter().chain(v6) {
                let Some(link) = netns.link(address.link).filter(|link| link.kind != LinkKind::Loopback) else {
                    continue;
                };
                let _ = write!(s.out, "addr add {}", address.net);
                if let Some(broadcast) = address.broadcast {
                    let _ = write!(s.out, " brd {broadcast}");
                }
                let docker = matches!(link.kind, LinkKind::Nic { .. });
                let nodad = if address.net.addr().is_ipv6() && docker { " nodad" } else { "" };
                let _ = writeln!(s.out, " dev {}{nodad}", link.name);
            }
            for (_, route) in netns.main.rows.iter().filter(|(_, route)| route.proto != RouteProto::Kernel) {
                let _ = writeln!(s.out, "route add {}", text::route::row(netns, route));
            }
            for (_, neighbor) in netns.neighbors.iter() {
                let Some(link) = netns.link(neighbor.link) else { continue };
                let _ = writeln!(
                    s.out,
                    "neigh add {} lladdr {} dev {} nud permanent",
                    neighbor.ip, neighbor.mac, link.name
                );
            }
        });
        self.batch(&format!("bridge -n {name} -batch - <<'END'"), |s| {
            for (_, entry) in netns.fdb.iter() {
                let Some(link) = netns.link(entry.link) else { continue };
                let _ = writeln!(s.out, "fdb append {} dev {} dst {}", entry.mac, link.name, entry.remote);
            }
        });
    }

    /// Devices that answer for others, at once.
    fn proxies(&mut self, netns: &Netns) {
        let devices: Vec<&str> = netns.links.iter().filter(|link| link.proxy_arp).map(|link| &*link.name).collect();
        let name = self.name(netns.id).to_owned();
        for device in devices {
            let _ = writeln!(
                self.out,
                "ip netns exec {name} sysctl -qw net.ipv4.conf.{device}.proxy_arp=1 net.ipv4.neigh.{device}.proxy_delay=0"
            );
        }
    }

    /// Sets, then the rules that look into them.
    fn netfilter(&mut self, netns: &Netns) {
        let name = self.name(netns.id).to_owned();
        self.batch(&format!("ip netns exec {name} ipset restore <<'END'"), |s| {
            netns.netfilter.sets.values().for_each(|set| s.out += &text::ipset::save(set));
        });
        // Before iptables: of equal priorities the chain that was made later comes first.
        self.batch(&format!("ip netns exec {name} nft -f - <<'END'"), |s| {
            netns.netfilter.nft.iter().for_each(|table| s.out += &text::nft::commands(table));
        });
        if let Some(ipvs) = netns.netfilter.ipvs.as_deref() {
            self.virtual_servers(&name, ipvs);
        }
        for family in [Family::V4, Family::V6] {
            let tool = text::iptables::tool(family);
            self.batch(&format!("ip netns exec {name} {tool}-restore <<'END'"), |s| {
                let rules = netns.netfilter.ruleset(family);
                if rules.tables.values().any(counts_by_name) {
                    s.out += "# -m nfacct is left out: it only counts, and few kernels have it.\n";
                }
                let saved = text::iptables::save_all(family, rules, None, "", (&|_, _, _| (0, 0), false));
                let lines = saved.lines().filter(|line| !line.starts_with('#'));
                s.out.extend(lines.map(|line| format!("{}\n", without_nfacct(line))));
            });
        }
    }

    /// What IPVS has, with kube-proxy's settings of it.
    fn virtual_servers(&mut self, name: &str, ipvs: &Ipvs) {
        self.batch(&format!("ip netns exec {name} ipvsadm -R <<'END'"), |s| {
            for service in &ipvs.services {
                // The kernel puts each new one first.
                let servers = service.servers.iter().rev().map(|server| (server.address, server.weight));
                s.out += &text::ipvs::save(service, &servers.collect::<Vec<_>>(), Names::Numbers);
            }
        });
        let IpvsTimeouts { tcp, tcp_fin, udp } = ipvs.timeouts;
        let _ = writeln!(
            self.out,
            "ip netns exec {name} ipvsadm --set {tcp} {tcp_fin} {udp}\n\
             ip netns exec {name} sysctl -qw net.ipv4.vs.conntrack=1 net.ipv4.vs.expire_nodest_conn=1 \
             net.ipv4.vs.expire_quiescent_template=1"
        );
    }

    /// Makes a device, unless the other end of its pair or the switch has made it, and brings it up.
    fn link(&mut self, netns: &Netns, link: &Link) {
        let Link { name, mac, mtu, .. } = link;
        let index = link.index.0;
        match &link.kind {
            LinkKind::Loopback => {}
            LinkKind::Nic { .. } => {
                let _ = writeln!(self.out, "link set {name} mtu {mtu}");
            }
            LinkKind::Veth { peer_netns, .. } if !matches!(netns.place, Place::Pod { .. } | Place::Internet) => {
                let pod = self.name(*peer_netns).to_owned();
                let _ = writeln!(
                    self.out,
                    "link add name {name} index {index} address {mac} mtu {mtu} type veth peer name eth0 netns {pod}"
                );
            }
            LinkKind::Veth { .. } => {
                let _ = writeln!(self.out, "link set {name} address {mac} mtu {mtu}");
            }
            LinkKind::Bridge => {
                let _ = writeln!(self.out, "link add name {name} index {index} address {mac} mtu {mtu} type bridge");
            }
            LinkKind::Dummy => {
                let _ = writeln!(self.out, "link add name {name} index {index} address {mac} mtu {mtu} type dummy");
            }
            // The module makes it, in every namespace, as soon as there is one of its kind.
            LinkKind::Ipip => {
                let _ = writeln!(self.out, "tunnel add {name} mode ipip\nlink set {name} mtu {mtu}");
            }
            LinkKind::VxlanExternal { port, .. } => {
                let _ = writeln!(
                    self.out,
                    "link add name {name} index {index} address {mac} mtu {mtu} type vxlan external dstport {port} nolearning"
                );
            }
            LinkKind::Vxlan { vni, port, local, underlay } => {
                let underlay = netns.link(*underlay).map_or("", |link| &*link.name);
                let _ = writeln!(
                    self.out,
                    "link add name {name} index {index} address {mac} mtu {mtu} type vxlan id {vni} local {local} dev {underlay} \
                     dstport {port} nolearning"
                );
            }
        }
        if let Some(master) = link.master.and_then(|master| netns.link(master)) {
            let hairpin = if link.hairpin { "on" } else { "off" };
            let _ = writeln!(
                self.out,
                "link set {name} master {}\nlink set {name} type bridge_slave hairpin {hairpin}",
                master.name
            );
        }
        if link.up {
            let _ = writeln!(self.out, "link set {name} up");
        }
        // A bridge loses its carrier with its last port; one that never had a port has it still.
        if link.kind == LinkKind::Bridge && netns.ports_of(link.index).next().is_none() {
            let _ = writeln!(
                self.out,
                "link add name last type veth peer name lastpeer\nlink set last master {name}\nlink del last"
            );
        }
    }
}

/// Whether rules of a table count by name.
fn counts_by_name(table: &Table) -> bool {
    let rules = table.chains().flat_map(|chain| &chain.rules);
    rules.flat_map(|rule| &rule.matches).any(|part| matches!(part, Match::Nfacct(_)))
}

/// A saved rule without `-m nfacct --nfacct-name NAME`.
fn without_nfacct(line: &str) -> String {
    let Some((before, after)) = line.split_once(" -m nfacct --nfacct-name ") else { return line.to_owned() };
    let rest = after.trim_start().split_once(' ').map_or(String::new(), |(_, rest)| format!(" {rest}"));
    format!("{before}{rest}")
}
