//! Random Services, as manifests: types, policies, affinity, source ranges, selectors and slices made by hand; and
//! packets to all that they are reached by.

use crate::choose::{Kind, WHOLE_MAX_V6};
use crate::family::{Family, first_address, nth};
use crate::job::{Probe, What};
use crate::random::Random;
use ipnet::IpNet;
use podhop_engine::cluster::Revision;
use podhop_engine::net::Protocol;
use podhop_engine::tables::{Netns, Place};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Most probes of one cluster.
const PROBES_MAX: usize = 90;
/// Places in the Service network: the Services' own addresses, and one that no Service has.
const ALLOCATED: u64 = 0x700;
const UNALLOCATED: u64 = 0x6309;

/// Where a Service, or nobody, answers.
#[derive(Clone, Copy, Debug)]
struct Target {
    to: IpAddr,
    port: u16,
    protocol: Protocol,
}

/// Services as manifests, and what they are reached by.
#[derive(Clone, Debug, Default)]
pub struct Services {
    pub manifests: String,
    targets: Vec<Target>,
}

/// A port of a Pod that something listens on.
struct Open {
    ip: IpAddr,
    port: u16,
    protocol: Protocol,
    node: String,
}

fn open_ports(revision: &Revision, spaces: &[Arc<Netns>], family: Family) -> Vec<Open> {
    let mut ports = Vec::new();
    for netns in spaces {
        let Place::Pod { namespace, name } = &netns.place else { continue };
        let node = revision.pod(namespace, name).and_then(|pod| pod.node.clone());
        let (Some(node), Some(ip)) = (node, first_address(netns, family)) else { continue };
        let everywhere = netns.listeners.iter().filter(|listener| listener.ip.is_none());
        ports.extend(everywhere.filter(|listener| listener.protocol != Protocol::Sctp).map(|listener| Open {
            ip,
            port: listener.port,
            protocol: listener.protocol,
            node: node.to_string(),
        }));
    }
    ports
}

/// The Services of the cluster with this seed.
pub fn make(revision: &Revision, spaces: &[Arc<Netns>], seed: u64) -> Services {
    let mut random = Random::new(seed, "kube-proxy");
    let networks: Vec<(IpNet, Family)> = revision
        .network
        .service_networks()
        .map(|(net, _)| (*net, if net.addr().is_ipv4() { Family::V4 } else { Family::V6 }))
        .collect();
    let places: Vec<Surroundings> = networks
        .iter()
        .map(|(net, family)| {
            let nodes = spaces.iter().filter(|netns| matches!(netns.place, Place::Node(_)));
            let nodes = nodes.filter_map(|netns| first_address(netns, *family)).collect();
            Surroundings { net: *net, family: *family, open: open_ports(revision, spaces, *family), nodes }
        })
        .collect();
    let mut services = Services::default();
    for number in 1..=random.range(3, 6) as u8 {
        let at = if places.len() > 1 { random.range(0, places.len() as u64 - 1) as usize } else { 0 };
        services.add(&mut random, number, &places[at]);
    }
    for (net, _) in &networks {
        services.targets.push(Target { to: nth(net, UNALLOCATED), port: 80, protocol: Protocol::Tcp });
    }
    services
}

/// What Services of one family are made from.
struct Surroundings {
    net: IpNet,
    family: Family,
    open: Vec<Open>,
    nodes: Vec<IpAddr>,
}

impl Services {
    fn add(&mut self, random: &mut Random, number: u8, around: &Surroundings) {
        let Surroundings { net, family, open, nodes } = around;
        let outside = |n: u8| match family {
            Family::V4 => IpAddr::from(Ipv4Addr::new(203, 0, 113, n)),
            Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xcb, 0, 0, 0, 0, n.into()).into(),
        };
        let protocol = if random.percent(70) { Protocol::Tcp } else { Protocol::Udp };
        let open: Vec<&Open> = open.iter().filter(|open| open.protocol == protocol).collect();
        let cluster_ip = nth(net, ALLOCATED + u64::from(number));
        let kind = random.weighted(&[(4, "ClusterIP"), (3, "NodePort"), (3, "LoadBalancer")]).unwrap_or("ClusterIP");
        let node_port = 30_500 + u16::from(number);
        let balancer = outside(100 + number);
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ =
            write!(out, "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{number}}}\nspec:\n  type: {kind}\n");
        let _ = writeln!(out, "  clusterIP: \"{cluster_ip}\"\n  ipFamilies: [{}]", family_name(*family));
        let mut target = |to: IpAddr, port: u16| self.targets.push(Target { to, port, protocol });
        target(cluster_ip, 80);
        target(cluster_ip, 81);
        let selected = open.first().filter(|_| random.percent(30)).map(|_| random.range(0, 2));
        let target_port = random.pick(&open).map_or(80, |open| open.port);
        let node_port_line = if kind == "ClusterIP" { String::new() } else { format!(", nodePort: {node_port}") };
        let _ = writeln!(
            out,
            "  ports: [{{name: p, port: 80, targetPort: {target_port}, protocol: {}{node_port_line}}}]",
            protocol.name()
        );
        if let Some(group) = selected {
            let _ = writeln!(out, "  selector: {{group: g{group}}}");
        }
        if random.percent(30) {
            out += "  sessionAffinity: ClientIP\n";
        }
        if random.percent(25) {
            out += "  internalTrafficPolicy: Local\n";
        }
        if random.percent(30) {
            let ip = outside(number);
            let _ = writeln!(out, "  externalIPs: [\"{ip}\"]");
            target(ip, 80);
        }
        if kind != "ClusterIP" {
            if random.percent(40) {
                out += "  externalTrafficPolicy: Local\n";
            }
            for _ in 0..2 {
                target(random.pick(nodes).copied().unwrap_or(cluster_ip), node_port);
            }
            target(family.localhost(), node_port);
        }
        if kind == "LoadBalancer" {
            if random.percent(50) {
                let some = [random.pick(nodes).copied(), random.pick(&open).map(|open| open.ip), None];
                let range = random.pick(&some).copied().flatten();
                let range =
                    range.map_or_else(|| IpNet::new_assert(family.outside(0), net.max_prefix_len() - 8), IpNet::from);
                let _ = writeln!(out, "  loadBalancerSourceRanges: [\"{range}\"]");
            }
            let _ = writeln!(out, "status: {{loadBalancer: {{ingress: [{{ip: \"{balancer}\"}}]}}}}");
            target(balancer, 80);
        }
        if selected.is_none() {
            slices(&mut out, random, (number, *family), &open);
        }
        self.manifests += &out;
    }

    /// To every address and port, from a few places each.
    pub fn probes(&self, spaces: &[Arc<Netns>], seed: u64) -> Vec<(Kind, Probe)> {
        let mut random = Random::new(seed, "kube-proxy probes");
        let all = 0..spaces.len();
        let is_node = |at: &usize| matches!(spaces[*at].place, Place::Node(_));
        let nodes: Vec<usize> = all.clone().filter(is_node).collect();
        let sources: Vec<usize> =
            all.filter(|at| is_node(at) || matches!(spaces[*at].place, Place::Pod { .. })).collect();
        let mut probes = Vec::new();
        for target in &self.targets {
            let from = if target.to.is_loopback() { &nodes } else { &sources };
            for _ in 0..3 {
                let Some(netns) = random.pick(from).copied() else { continue };
                let port = target.port;
                let what = match target.protocol {
                    Protocol::Tcp => What::Tcp { port, ttl: 64 },
                    _ => What::Udp {
                        port,
                        size: random.range(1, if target.to.is_ipv4() { 1_600 } else { WHOLE_MAX_V6 }) as u16,
                        df: false,
                        ttl: 64,
                    },
                };
                probes.push((Kind::Services, Probe { netns, to: target.to, what }));
            }
        }
        probes.truncate(PROBES_MAX);
        probes
    }
}

fn family_name(family: Family) -> &'static str {
    if family == Family::V4 { "IPv4" } else { "IPv6" }
}

/// Up to four endpoints by hand, each in a slice of its own, as their ports differ.
fn slices(out: &mut String, random: &mut Random, (number, family): (u8, Family), open: &[&Open]) {
    let mut left: Vec<&Open> = open.to_vec();
    for slice in 0..random.range(0, 4) {
        if left.is_empty() {
            break;
        }
        let Open { ip, port, protocol, node } = left.swap_remove(random.range(0, left.len() as u64 - 1) as usize);
        let conditions = if random.percent(12) { ", conditions: {ready: false}" } else { "" };
        let _ = write!(
            out,
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: s{number}-{slice}\n  \
             labels: {{kubernetes.io/service-name: s{number}}}\naddressType: {}\n\
             endpoints: [{{addresses: [\"{ip}\"], nodeName: {node}{conditions}}}]\n\
             ports: [{{name: p, port: {port}, protocol: {}}}]\n",
            family_name(family),
            protocol.name()
        );
    }
}
