//! The node network's gateway: it forwards, and has no way out, because the simulated network ends there. It resolves names for
//! the machines.

use super::rows::{self, Writer};
use super::{ETH0, SEGMENT, coredns, empty};
use crate::cluster::Revision;
use crate::tables::{LinkKind, Netns, NetnsId, Place, Port, Scope};

pub(super) fn netns(revision: &Revision, id: NetnsId) -> Netns {
    let network = &revision.network;
    let (ip, origin) = (network.gateway.0, &network.node_network.1);
    let mut writer = Writer::new(empty(id, Place::Gateway), 2);
    let nic = LinkKind::Nic { segment: SEGMENT };
    writer.link(ETH0, rows::ETH0.clone(), nic, rows::nic_mac(ip), network.node_mtu, origin.clone());
    writer.address(ETH0, rows::in_net(ip, &network.node_network.0), Scope::Global, origin.clone());
    writer.netns.listeners.extend(coredns::outside(origin));
    writer.finish(None)
}

pub(super) fn port(revision: &Revision) -> Port {
    let network = &revision.network;
    let (ip, netns) = network.gateway;
    Port { netns, link: ETH0, mac: rows::nic_mac(ip), answers: vec![ip], origin: network.node_network.1.clone() }
}
