//! The node network's gateway: it forwards, and has no way out, because the simulated network ends there.

use super::rows::{self, Writer};
use super::{ETH0, SEGMENT, empty};
use crate::cluster::{Network, Revision};
use crate::net::{Family, MacAddr};
use crate::tables::{LinkKind, Netns, NetnsId, Origin, Place, Port, Scope};
use ipnet::IpNet;
use std::net::IpAddr;

pub(super) fn netns(revision: &Revision, id: NetnsId) -> Netns {
    let network = &revision.network;
    let mut writer = Writer::new(empty(network, id, Place::Gateway), 2);
    let nic = LinkKind::Nic { segment: SEGMENT };
    writer.link(ETH0, rows::ETH0.clone(), nic, mac(network), network.node_mtu, network.node_network.1.clone());
    for (ip, (net, origin)) in by_family(network) {
        writer.address(ETH0, rows::in_net(ip, net), Scope::Global, origin.clone());
    }
    writer.groups(ETH0);
    writer.link_local(ETH0);
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

pub(super) fn port(revision: &Revision) -> Port {
    let network = &revision.network;
    let mut answers: Vec<IpAddr> = network.gateways().collect();
    if network.has(Family::V6) {
        answers.push(mac(network).link_local().into());
    }
    let origin = network.node_network.1.clone();
    Port { netns: network.gateway.1, link: ETH0, mac: mac(network), answers, origin }
}
