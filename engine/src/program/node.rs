//! A node's namespace: what the machine itself has, then what the CNI plugin adds.

use super::rows::{self, Writer};
use super::{SEGMENT, Shared, cni, containers, empty, pods};
use crate::cluster::{Cni, Network, NodeRecord, Revision};
use crate::tables::{LinkIndex, LinkKind, Netns, Origin, Place, Port, Scope};

/// The node's NIC.
pub const ETH0: LinkIndex = LinkIndex(2);
/// `flannel.1`, which flanneld makes as it starts.
pub const FLANNEL: LinkIndex = LinkIndex(3);
/// The bridge, which the first Pod's CNI ADD makes and no CNI DEL takes away.
pub const CNI0: LinkIndex = LinkIndex(4);

pub(super) fn netns(revision: &Revision, node: &NodeRecord, shared: &mut Shared) -> Netns {
    let network = &revision.network;
    let mut writer = Writer::new(empty(node.netns, Place::Node(node.name.clone())), 4 + node.pods.len());
    let net = rows::in_net(node.ip, &network.node_network.0);
    let nic = LinkKind::Nic { segment: SEGMENT };
    writer.link(ETH0, rows::ETH0.clone(), nic, rows::nic_mac(node.ip), network.node_mtu, node.ip_origin.clone());
    writer.address(ETH0, net, Scope::Global, node.ip_origin.clone());
    if net.contains(&network.gateway.0) && network.gateway.0 != node.ip {
        writer.route(rows::default_net(node.ip), network.gateway.0, ETH0, network.node_network.1.clone());
    }
    let Cni::Flannel(config) = &network.cni;
    let pods = pods(revision, node);
    let peers = cni::flannel::node(revision, node, &pods, config, &mut writer).then(|| shared.peers(revision));
    containers::node_listeners(revision, node, &pods, shared, &mut writer.netns.listeners);
    super::firewall::program(revision, node, &pods, shared, &mut writer.netns);
    let mut netns = writer.finish(peers.as_ref().map(|peers| (peers.routes.clone(), node.index)));
    if let Some(peers) = peers {
        netns.neighbors = crate::tables::Rows::with_shared(Vec::new(), peers.neighbors, node.index);
        netns.fdb = crate::tables::Rows::with_shared(Vec::new(), peers.fdb, node.index);
    }
    netns
}

/// The node's plug in the segment. Its kernel answers ARP for every address it has, whatever the device: for flannel.1's
/// too. (For cni0's as well, but nobody on the segment has a route that asks for it.)
pub(super) fn port(network: &Network, node: &NodeRecord) -> Port {
    let mut answers = vec![node.ip];
    if let (Cni::Flannel(_), Some((subnet, _))) = (&network.cni, &node.pod_cidr) {
        answers.push(subnet.network());
    }
    let (mac, origin): (_, Origin) = (rows::nic_mac(node.ip), node.ip_origin.clone());
    Port { netns: node.netns, link: ETH0, mac, answers, origin }
}
