//! The world beyond the gateway: one machine that stands for all outside clients and servers.

use super::gateway::UPLINK;
use super::rows::{self, Writer};
use super::{ETH0, coredns, empty};
use crate::cluster::Revision;
use crate::net::MacAddr;
use crate::tables::{LinkKind, Netns, NetnsId, Origin, Place, Scope};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// The link between the gateway and the world: the gateway's end and the world's. TEST-NET-1 of RFC 5737.
pub(super) const UPLINK_NET: IpNet = IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 24);
const WORLD_NET: IpNet = IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 24);
/// An outside client's address, of TEST-NET-2.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

pub(super) fn mac(ip: IpAddr) -> MacAddr {
    rows::nic_mac(ip)
}

pub(super) fn netns(revision: &Revision, id: NetnsId) -> Netns {
    let origin = || Origin::default("cluster", "the world beyond the gateway");
    let mut writer = Writer::new(empty(id, Place::Internet), 2);
    let peer = LinkKind::Veth { peer_netns: revision.network.gateway.1, peer: UPLINK };
    writer.link(ETH0, rows::ETH0.clone(), peer, mac(WORLD_NET.addr()), revision.network.node_mtu, origin());
    writer.address(ETH0, WORLD_NET, Scope::Global, origin());
    writer.address(ETH0, IpNet::from(IpAddr::V4(CLIENT)), Scope::Global, origin());
    for ip in coredns::OUTSIDE {
        writer.address(ETH0, IpNet::from(IpAddr::V4(ip)), Scope::Global, origin());
    }
    writer.netns.listeners.extend(coredns::outside(&origin()));
    writer.netns.listeners.push(coredns::outside_page(&origin()));
    // Addresses of load balancers and, as here nobody filters them, of the cluster are found by the gateway.
    writer.route(rows::default_net(WORLD_NET.addr()), UPLINK_NET.addr(), ETH0, origin());
    writer.finish(None)
}

/// The gateway's next hop to everything outside.
pub(super) fn next_hop() -> IpAddr {
    WORLD_NET.addr()
}
