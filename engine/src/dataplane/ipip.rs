//! `tunl0`: a packet in a packet to the next hop that the route names.
//!
//! Models net/ipv4/ipip.c with ip_tunnel_xmit and ip_tunnel_rcv of net/ipv4/ip_tunnel.c, for the device that the module
//! makes by itself: no addresses of its own, TTL and DF of the inner packet.

use super::cost;
use super::ip::{Routed, route, source_for};
use super::skb::Skb;
use super::walk::Walk;
use crate::net::{IcmpError, IpPacket, Transport};
use crate::tables::{LinkIndex, LinkKind, RouteKind};
use crate::trace::{CauseTable, Change, DropReason, Stage, Verdict};

/// Bytes of the outer header.
const OVERHEAD: usize = 20;

impl Walk<'_> {
    pub(super) fn ipip_transmit(&mut self, link: LinkIndex, mut skb: Skb) {
        let netns = self.netns.clone();
        self.spend(cost::TUNNEL);
        let cause = Some(CauseTable::Link(link));
        let Some((ttl, len, dont_fragment)) = skb
            .ip()
            .filter(|packet| packet.dst.is_ipv4())
            .map(|packet| (packet.ttl, packet.len(), packet.dont_fragment))
        else {
            return self.drop(skb, Stage::Encapsulate, Some(link), DropReason::InvalidAddress, cause);
        };
        let remote = skb.next_hop.take();
        let way = remote.and_then(|remote| Some((remote, route(&netns, remote)?)));
        let Some((remote, Routed { route, .. })) = way.filter(|(_, routed)| routed.route.kind == RouteKind::Unicast)
        else {
            return self.drop(skb, Stage::Encapsulate, Some(link), DropReason::NoRoute, cause);
        };
        let src = source_for(&netns, route, remote);
        // The way to the other end must not lead through the device itself.
        let Some(src) = src.filter(|_| route.dev != link) else {
            return self.drop(skb, Stage::Encapsulate, Some(link), DropReason::NoRoute, cause);
        };
        let mtu = netns.link(route.dev).map_or(0, |link| link.mtu as usize).saturating_sub(OVERHEAD);
        if dont_fragment && len > mtu {
            let error = IcmpError::FragmentationNeeded { mtu: mtu.min(0xffff) as u16 };
            return self.reject(skb, Stage::Encapsulate, Some(link), error, Some(CauseTable::Link(route.dev)));
        }
        let change = Change::EncapsulateIp { src, dst: remote, ttl, id: self.state.next_ip_id(), dont_fragment };
        self.rewrite(&mut skb, Stage::Encapsulate, Some(link), cause, change);
        skb.forget_connection();
        self.tunnel_output(skb);
    }

    /// A packet in a packet for this machine: to the tunnel, if there is one that is up.
    pub(super) fn ipip_receive(&mut self, arrived_by: LinkIndex, mut skb: Skb) {
        let netns = self.netns.clone();
        let tunnel = netns.links.iter().find(|link| link.kind == LinkKind::Ipip);
        let Some(device) = tunnel.filter(|link| link.up) else {
            // Without the module nobody takes the protocol; with it, the tunnel is missing.
            let error = if tunnel.is_none() { IcmpError::ProtocolUnreachable } else { IcmpError::PortUnreachable };
            return self.reject(skb, Stage::Deliver, Some(arrived_by), error, None);
        };
        let link = device.index;
        if !matches!(skb.ip(), Some(IpPacket { payload: Transport::Ipip(_), .. })) {
            return;
        }
        self.spend(cost::TUNNEL);
        self.rewrite(&mut skb, Stage::Decapsulate, Some(link), Some(CauseTable::Link(link)), Change::Decapsulate);
        skb.forget_connection();
        self.step(&skb, Stage::Receive, Some(link), Verdict::Pass, Some(CauseTable::Link(link)));
        self.receive_network(link, skb);
    }
}
