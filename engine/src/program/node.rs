//! A node's namespace: what the machine itself has, then what the CNI plugin adds.

use super::rows::{self, Writer};
use super::{SEGMENT, Shared, cni, containers, empty, pods};
use crate::cluster::{Cni, FlannelBackend, FlannelConfig, Network, NodeRecord, Revision};
use crate::net::Family;
use crate::tables::{LinkIndex, LinkKind, Netns, Origin, Place, Port, Scope};
use ipnet::IpNet;
use std::net::IpAddr;

/// The node's NIC.
pub const ETH0: LinkIndex = LinkIndex(2);
/// `flannel.1`, which flanneld makes as it starts.
pub const FLANNEL: LinkIndex = LinkIndex(3);

/// `flannel-v6.1`, which comes after `flannel.1` where there are both.
pub fn flannel_v6(config: &FlannelConfig) -> LinkIndex {
    LinkIndex(FLANNEL.0 + u32::from(config.ipv4))
}

/// The bridge, which the first Pod's CNI ADD makes and no CNI DEL takes away.
pub fn cni0(config: &FlannelConfig) -> LinkIndex {
    LinkIndex(FLANNEL.0 + config.tunnels_count())
}

pub(super) fn netns(revision: &Revision, node: &NodeRecord, shared: &mut Shared) -> Netns {
    let network = &revision.network;
    let place = Place::Node(node.name.clone());
    let mut writer = Writer::new(empty(network, node.netns, place), 5 + node.pods.len());
    let nic = LinkKind::Nic { segment: SEGMENT };
    let mac = rows::nic_mac(node.ips());
    writer.link(ETH0, rows::ETH0.clone(), nic, mac, network.node_mtu, node.ip_origin.clone());
    let mut addresses: Vec<(IpAddr, &Origin)> = node.addresses().collect();
    addresses.sort_by_key(|(ip, _)| ip.is_ipv6());
    for (ip, origin) in addresses {
        let net = network.node_network_of(Family::of(ip)).map_or(IpNet::from(ip), |(net, _)| rows::in_net(ip, net));
        writer.address(ETH0, net, Scope::Global, origin.clone());
    }
    writer.groups(ETH0);
    writer.link_local(ETH0);
    for (gateway, (net, origin)) in network.gateways().zip(network.node_networks()) {
        let Some(ip) = node.ip_of(Family::of(gateway)) else { continue };
        if net.contains(&ip) && net.contains(&gateway) && gateway != ip {
            writer.route(rows::default_net(ip), gateway, ETH0, origin.clone());
        }
    }
    let pods = pods(revision, node);
    let has_peers = match &network.cni {
        Cni::Flannel(config) => cni::flannel::node(revision, node, &pods, config, &mut writer),
        Cni::Calico(config) => cni::calico::node(revision, node, &pods, config, &mut writer),
        Cni::Cilium(config) => cni::cilium::node(revision, node, &pods, config, &mut writer),
    };
    let peers = has_peers.then(|| shared.peers(revision));
    containers::node_listeners(revision, node, &pods, shared, &mut writer.netns.listeners);
    super::firewall::program(revision, node, &pods, shared, &mut writer);
    if revision.network.cni.cilium().is_some() {
        super::cilium::program(revision, node, &pods, shared, &mut writer);
    }
    let mut netns = writer.finish(peers.as_ref().map(|peers| (peers.routes.clone(), node.index)));
    if let Some(peers) = peers {
        netns.neighbors = crate::tables::Rows::with_shared(Vec::new(), peers.neighbors, node.index);
        netns.fdb = crate::tables::Rows::with_shared(Vec::new(), peers.fdb, node.index);
    }
    netns
}

/// The node's plug in the segment. Its kernel answers ARP for every address it has, whatever the device: for the
/// tunnel's too. (For cni0's as well, but nobody on the segment has a route that asks for it.) Neighbour discovery is answered
/// for the card's own addresses only.
pub(super) fn port(network: &Network, node: &NodeRecord) -> Port {
    let mut answers: Vec<IpAddr> = node.ips().collect();
    match &network.cni {
        Cni::Flannel(config) => {
            let tunnel = config.ipv4 && config.backend == FlannelBackend::Vxlan;
            let subnet = node.subnet_of(Family::V4).filter(|_| tunnel);
            answers.extend(subnet.map(|(subnet, _)| subnet.network()));
        }
        Cni::Calico(_) | Cni::Cilium(_) => answers.extend(node.tunnel_ip(Family::V4)),
    }
    let (mac, origin): (_, Origin) = (rows::nic_mac(node.ips()), node.ip_origin.clone());
    if network.has(Family::V6) {
        answers.push(mac.link_local().into());
    }
    Port { netns: node.netns, link: ETH0, mac, answers, origin }
}
