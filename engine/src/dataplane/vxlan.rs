//! VXLAN devices: a frame in a UDP datagram to the node that the forwarding entry names.
//!
//! Models drivers/net/vxlan with `nolearning`, as flanneld sets it up: unicast entries only, outer TTL 64, no DF,
//! source port hashed from the inner flow.

use super::cost;
use super::ip::{Routed, route};
use super::random;
use super::skb::Skb;
use super::walk::Walk;
use crate::net::{IpPacket, Transport, Udp, UdpBody};
use crate::tables::{LinkIndex, LinkKind, RouteKind};
use crate::trace::{CauseTable, Change, DropReason, Stage, Verdict};
use std::net::IpAddr;

impl Walk<'_> {
    pub(super) fn vxlan_transmit(&mut self, link: LinkIndex, vni: u32, port: u16, local: IpAddr, mut skb: Skb) {
        let netns = self.netns.clone();
        self.spend(cost::TUNNEL);
        let Some((row, entry)) = netns.fdb.find((link, skb.frame.dst)) else {
            return self.drop(skb, Stage::Encapsulate, Some(link), DropReason::VxlanNoRemote, None);
        };
        // The way to the other end must not lead through the device itself. Models vxlan_get_route's ELOOP.
        let through_itself = |routed: &Routed<'_>| routed.route.kind == RouteKind::Unicast && routed.route.dev == link;
        if route(&netns, entry.remote).as_ref().is_some_and(through_itself) {
            return self.drop(skb, Stage::Encapsulate, Some(link), DropReason::NoRoute, Some(CauseTable::Fdb(row)));
        }
        let change = Change::Encapsulate {
            src: local,
            dst: entry.remote,
            sport: self.source_port(&skb),
            dport: port,
            vni,
            ttl: netns.sysctls.default_ttl,
            id: self.state.next_ip_id(),
        };
        self.rewrite(&mut skb, Stage::Encapsulate, Some(link), Some(CauseTable::Fdb(row)), change);
        skb.forget_connection();
        self.tunnel_output(skb);
    }

    /// The same for all packets of one inner flow (udp_flow_src_port), within the ephemeral range.
    fn source_port(&self, skb: &Skb) -> u16 {
        let (low, high) = self.netns.sysctls.port_range;
        let Some(packet) = skb.ip() else { return low };
        let (sport, dport) = packet.payload.ports().unwrap_or_default();
        let hash = random::flow_bits(self.seed, packet.src, packet.dst, sport, dport);
        low + (hash % u64::from(high - low)) as u16
    }

    /// Takes a datagram for a VXLAN device of this namespace. Gives it back if no device has this port.
    pub(super) fn vxlan_receive(&mut self, mut skb: Skb) -> Option<Skb> {
        let Some(IpPacket { dst, payload: Transport::Udp(Udp { dport, body, .. }), .. }) = skb.ip() else {
            return Some(skb);
        };
        let netns = self.netns.clone();
        let (dst, dport) = (*dst, *dport);
        let mut devices = netns.links.iter().filter_map(|link| match link.kind {
            LinkKind::Vxlan { vni, port, local, .. } if port == dport && local.is_ipv4() == dst.is_ipv4() => {
                Some((link, Some(vni)))
            }
            LinkKind::VxlanExternal { port, .. } if port == dport && dst.is_ipv4() => Some((link, None)),
            _ => None,
        });
        let Some(first) = devices.next() else { return Some(skb) };
        let UdpBody::Vxlan { vni, .. } = body else {
            self.drop(skb, Stage::Decapsulate, Some(first.0.index), DropReason::VxlanVniNotFound, None);
            return None;
        };
        let vni = *vni;
        let Some((device, _)) = [first].into_iter().chain(devices).find(|(_, own)| own.is_none_or(|own| own == vni))
        else {
            self.drop(skb, Stage::Decapsulate, None, DropReason::VxlanVniNotFound, None);
            return None;
        };
        self.spend(cost::TUNNEL);
        let link = device.index;
        self.rewrite(&mut skb, Stage::Decapsulate, Some(link), Some(CauseTable::Link(link)), Change::Decapsulate);
        skb.forget_connection();
        if matches!(device.kind, LinkKind::VxlanExternal { .. }) {
            self.cil_from_overlay(link, vni, skb);
            return None;
        }
        if skb.frame.dst != device.mac && !skb.frame.dst.is_group() {
            self.drop(skb, Stage::Receive, Some(link), DropReason::OtherHost, Some(CauseTable::Link(link)));
            return None;
        }
        self.step(&skb, Stage::Receive, Some(link), Verdict::Pass, Some(CauseTable::Link(link)));
        self.receive_network(link, skb);
        None
    }
}
