//! The node network's gateway: the way out, and the cloud's load balancers.
//!
//! It is a Linux router as Docker makes one of its host for kind's network: what leaves for the world is masqueraded. A
//! load balancer is rules in its table `nat`: each address and port of one is sent to a node port of a healthy node, and
//! the client's address stays. It resolves names for the machines.

use super::internet;
use super::rows::{self, Writer};
use super::{ETH0, SEGMENT, coredns, empty};
use crate::cluster::{Network, NodeRecord, Revision, ServiceRecord};
use crate::manifest::typed::{ServiceType, TrafficPolicy};
use crate::net::{Family, MacAddr};
use crate::tables::netfilter::{Chain, Match, NatRange, Netfilter, Rule, Ruleset, TableName, Target};
use crate::tables::{LinkIndex, LinkKind, Netns, NetnsId, Origin, Place, Port, Scope};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

/// The device towards the world.
pub(super) const UPLINK: LinkIndex = LinkIndex(3);
static ETH1: LazyLock<Arc<str>> = LazyLock::new(|| "eth1".into());
/// The chain of the load balancers.
const BALANCERS: &str = "CLOUD-LB";
/// Nodes with this label are left out. Models cloud-provider controllers/service.
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

pub(super) fn netns(revision: &Revision, id: NetnsId) -> Netns {
    let network = &revision.network;
    let mut writer = Writer::new(empty(network, id, Place::Gateway), 3);
    let nic = LinkKind::Nic { segment: SEGMENT };
    writer.link(ETH0, rows::ETH0.clone(), nic, mac(network), network.node_mtu, network.node_network.1.clone());
    for (ip, (net, origin)) in by_family(network) {
        writer.address(ETH0, rows::in_net(ip, net), Scope::Global, origin.clone());
    }
    writer.groups(ETH0);
    writer.link_local(ETH0);
    writer.netns.listeners.extend(coredns::outside(&network.node_network.1));
    let world = || Origin::default("cluster", "the way to the world outside");
    let peer = LinkKind::Veth { peer_netns: network.internet, peer: ETH0 };
    writer.link(UPLINK, ETH1.clone(), peer, internet::uplink_mac(), network.node_mtu, world());
    for net in internet::uplink(network) {
        writer.address(UPLINK, net, Scope::Global, world());
    }
    writer.groups(UPLINK);
    writer.link_local(UPLINK);
    for net in internet::uplink(network) {
        writer.route(rows::default_net(net.addr()), internet::next_hop(Family::of(net.addr())), UPLINK, world());
    }
    let mut netfilter = Netfilter::default();
    for (net, _) in network.node_networks() {
        way_out(net, netfilter.ruleset_mut(Family::of(net.addr())));
    }
    balancers(revision, &mut writer, &mut netfilter);
    writer.netns.netfilter = Arc::new(netfilter);
    writer.finish(None)
}

/// The gateway's addresses with their networks, IPv4 first.
fn by_family(network: &Network) -> Vec<(IpAddr, &(IpNet, Origin))> {
    let mut addresses: Vec<_> = network.gateways().zip(network.node_networks()).collect();
    addresses.sort_by_key(|(ip, _)| ip.is_ipv6());
    addresses
}

fn mac(network: &Network) -> MacAddr {
    rows::nic_mac(network.gateways())
}

/// Docker's rule for a bridge network.
fn way_out(nodes: &IpNet, rules: &mut Ruleset) {
    let from = Match::Source { net: nodes.trunc(), invert: false };
    let to_world = Match::OutInterface { name: ETH1.clone(), invert: false };
    let origin = Origin::default("gateway", "the nodes' addresses are private: the world sees the gateway's");
    let target = Some(Target::Masquerade { random_fully: false });
    rules.table(TableName::Nat).append("POSTROUTING", Rule { matches: vec![from, to_world], target, origin });
}

fn balancers(revision: &Revision, writer: &mut Writer, netfilter: &mut Netfilter) {
    let mut any = [false; 2];
    for service in revision.services.values().filter(|s| s.spec.service_type == ServiceType::LoadBalancer) {
        let nodes = healthy(revision, service);
        for (ip, origin) in &service.ingress {
            any[usize::from(ip.is_ipv6())] = true;
            let rules = netfilter.ruleset_mut(Family::of(*ip));
            let nodes: Vec<IpAddr> =
                nodes.iter().filter_map(|node| node.ips().find(|own| own.is_ipv4() == ip.is_ipv4())).collect();
            balancer(service, *ip, &nodes, rules);
            // Without node ports the packet is handed to a node as it is.
            match nodes.first().filter(|_| service.node_ports.iter().all(Option::is_none)) {
                Some(node) => writer.route(IpNet::from(*ip), *node, ETH0, origin.clone()),
                None => ends_here(service, *ip, rules),
            }
        }
    }
    for (rules, any) in [(&mut netfilter.v4, any[0]), (&mut netfilter.v6, any[1])] {
        // Without a healthy node no rule has made it.
        if any && rules.table(TableName::Nat).find(BALANCERS).is_none() {
            rules.table(TableName::Nat).put(Arc::new(Chain::user(BALANCERS)));
        }
        for hook in ["PREROUTING", "OUTPUT"].into_iter().filter(|_| any) {
            let origin = Origin::default("cloud-controller-manager", "the way to the load balancers");
            let jump = Rule { matches: vec![], target: Some(Target::Jump(BALANCERS.into())), origin };
            rules.table(TableName::Nat).append(hook, jump);
        }
    }
}

/// One address: its ports are spread over the nodes. Who is not in `loadBalancerSourceRanges` is not let in.
fn balancer(service: &ServiceRecord, ip: IpAddr, nodes: &[IpAddr], rules: &mut Ruleset) {
    let spec = &service.spec;
    let ranges: Vec<IpNet> = (spec.load_balancer_source_ranges.iter())
        .filter_map(|range| range.trim().parse::<IpNet>().ok())
        .filter(|net| net.addr().is_ipv4() == ip.is_ipv4())
        .collect();
    let open = spec.load_balancer_source_ranges.is_empty();
    let table = rules.table(TableName::Nat);
    for (at, port) in spec.ports.iter().enumerate() {
        let Some((node_port, _)) = service.node_ports.get(at).cloned().flatten() else { continue };
        for (turn, node) in nodes.iter().enumerate() {
            let sources = if open { vec![None] } else { ranges.iter().map(Some).collect() };
            for source in sources {
                let mut matches = vec![
                    Match::Destination { net: IpNet::from(ip), invert: false },
                    Match::Protocol { protocol: port.protocol, invert: false },
                    Match::Comment(format!("{} load balancer", service.key).into()),
                    Match::Transport(port.protocol),
                    Match::DestinationPort { ports: port.port.into(), invert: false },
                ];
                matches.extend(source.map(|net| Match::Source { net: *net, invert: false }));
                let left = nodes.len() - turn;
                if left > 1 {
                    matches.push(Match::Probability(super::kube_proxy::one_in(left)));
                }
                let target = Target::Dnat(NatRange { ip: *node, port: Some(node_port), random_fully: false });
                let path = if source.is_some() { "spec.loadBalancerSourceRanges" } else { "spec.type" };
                let origin = Origin::object(service.uid, path);
                table.append(BALANCERS, Rule { matches, target: Some(target), origin });
            }
        }
    }
}

/// What no rule has sent on ends here: the address is nobody's.
fn ends_here(service: &ServiceRecord, ip: IpAddr, rules: &mut Ruleset) {
    let matches = vec![
        Match::Destination { net: IpNet::from(ip), invert: false },
        Match::Comment(format!("{} load balancer", service.key).into()),
    ];
    for chain in ["FORWARD", "OUTPUT"] {
        let origin = Origin::object(service.uid, "spec.ports");
        let rule = Rule { matches: matches.clone(), target: Some(Target::Drop), origin };
        rules.table(TableName::Filter).append(chain, rule);
    }
}

/// The nodes that a load balancer finds healthy: all that are ready; with `externalTrafficPolicy: Local` those whose
/// kube-proxy answers on the health check's port that it has a ready endpoint there.
fn healthy<'r>(revision: &'r Revision, service: &ServiceRecord) -> Vec<&'r NodeRecord> {
    let local = service.spec.external_traffic_policy == TrafficPolicy::Local;
    let has_endpoint = |node: &NodeRecord| {
        let mut endpoints = revision.slices(&service.key).flat_map(|(_, slice)| &slice.endpoints);
        endpoints.any(|endpoint| endpoint.ready && endpoint.node_name.as_deref() == Some(&*node.name))
    };
    let nodes = revision.nodes.values().map(|node| &**node);
    let fit = nodes.filter(|node| node.ready && !node.labels.contains_key(EXCLUDED));
    fit.filter(|node| !local || has_endpoint(node)).collect()
}

pub(super) fn port(revision: &Revision) -> Port {
    let network = &revision.network;
    let mut answers: Vec<IpAddr> = network.gateways().collect();
    if network.has(Family::V6) {
        answers.push(mac(network).link_local().into());
    }
    let origin = network.node_network.1.clone();
    Port { netns: network.gateway.1, link: ETH0, mac: mac(network), answers, origin }
}
