//! The world beyond the gateway: one machine that stands for all outside clients and servers, and for the routers between
//! them. Addresses that nobody out there has get its "network unreachable", as a router without a default route answers.

use super::gateway::UPLINK;
use super::rows::{self, Writer};
use super::{ETH0, coredns, empty};
use crate::cluster::{Network, Revision};
use crate::net::{Family, MacAddr};
use crate::tables::{LinkKind, Netns, NetnsId, Origin, Place, Scope};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The link between the gateway and the world: the gateway's ends and the world's. TEST-NET-1 of RFC 5737, and of
/// RFC 3849's network for documentation.
const UPLINK_NETS: [IpNet; 2] = nets(1);
const WORLD_NETS: [IpNet; 2] = nets(2);
/// An outside client's address, of TEST-NET-2.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// The same of IPv6.
pub const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 7);

const fn nets(host: u8) -> [IpNet; 2] {
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, host as u16);
    [IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), 24), IpNet::new_assert(IpAddr::V6(v6), 64)]
}

fn served(network: &Network, nets: [IpNet; 2]) -> impl Iterator<Item = IpNet> + Clone {
    let v6 = network.has(Family::V6);
    nets.into_iter().filter(move |net| v6 || net.addr().is_ipv4())
}

/// The addresses of the gateway's end. The world outside always has IPv4.
pub(super) fn uplink(network: &Network) -> impl Iterator<Item = IpNet> + Clone {
    served(network, UPLINK_NETS)
}

pub(super) fn uplink_mac() -> MacAddr {
    rows::nic_mac(UPLINK_NETS.iter().map(IpNet::addr))
}

pub(super) fn netns(revision: &Revision, id: NetnsId) -> Netns {
    let origin = || Origin::default("cluster", "the world beyond the gateway");
    let network = &revision.network;
    let mut writer = Writer::new(empty(network, id, Place::Internet), 2);
    let peer = LinkKind::Veth { peer_netns: network.gateway.1, peer: UPLINK };
    let mac = rows::nic_mac(WORLD_NETS.iter().map(IpNet::addr));
    writer.link(ETH0, rows::ETH0.clone(), peer, mac, network.node_mtu, origin());
    for net in served(network, WORLD_NETS) {
        writer.address(ETH0, net, Scope::Global, origin());
    }
    writer.address(ETH0, IpNet::from(IpAddr::V4(CLIENT)), Scope::Global, origin());
    if network.has(Family::V6) {
        writer.address(ETH0, IpNet::from(IpAddr::V6(CLIENT_V6)), Scope::Global, origin());
    }
    for ip in coredns::OUTSIDE {
        writer.address(ETH0, IpNet::from(IpAddr::V4(ip)), Scope::Global, origin());
    }
    writer.netns.listeners.extend(coredns::outside(&origin()));
    writer.netns.listeners.push(coredns::outside_page(&origin()));
    // The gateway announces its load balancers; of private addresses the world knows no way, and says so.
    let ingress: BTreeMap<&IpAddr, &Origin> =
        revision.services.values().flat_map(|service| &service.ingress).map(|(ip, origin)| (ip, origin)).collect();
    for (ip, origin) in ingress {
        if let Some(via) = served(network, UPLINK_NETS).find(|net| net.addr().is_ipv4() == ip.is_ipv4()) {
            writer.route(IpNet::from(*ip), via.addr(), ETH0, origin.clone());
        }
    }
    writer.groups(ETH0);
    writer.link_local(ETH0);
    writer.finish(None)
}

/// The gateway's next hop to everything outside.
pub(super) fn next_hop(family: Family) -> IpAddr {
    WORLD_NETS[usize::from(family == Family::V6)].addr()
}
