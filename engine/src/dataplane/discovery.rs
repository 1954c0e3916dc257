//! Neighbour discovery: IPv6's way from an address to a MAC.
//!
//! Models net/ipv6/ndisc.c ndisc_solicit, ndisc_recv_ns and ndisc_recv_na without duplicate address detection, proxies
//! and redirects. Solicitations go to the solicited-node group, those that check a known neighbour to it alone.

use super::netfilter::Gate;
use super::skb::{CROSSINGS_MAX, Skb};
use super::state::Nud;
use super::walk::Walk;
use crate::net::{AdvertFlags, Frame, Icmp, IpPacket, MacAddr, Payload, Transport, solicited_node};
use crate::tables::netfilter::Hook;
use crate::tables::{LinkIndex, RouteKind, source_v6};
use crate::trace::{Birth, CauseTable, Disposition, DropReason, Relation, Stage, Verdict};
use std::net::{IpAddr, Ipv6Addr};

/// What proves that a packet comes from this very link: nobody has counted it down.
const HOP_LIMIT: u8 = 255;

impl Walk<'_> {
    pub(super) fn discovery_receive(&mut self, link: LinkIndex, skb: Skb) {
        let Some(IpPacket { src, dst, ttl, payload: Transport::Icmp(message), .. }) = skb.ip() else { return };
        let (src, dst) = (*src, *dst);
        if *ttl != HOP_LIMIT {
            return self.drop(skb, Stage::Deliver, Some(link), DropReason::Unsolicited, None);
        }
        match *message {
            Icmp::NeighborSolicit { target, mac } => self.solicited(link, (src, dst), target, mac, skb),
            Icmp::NeighborAdvert { target, mac, flags } => {
                self.accept(&skb, Some(link), None);
                let target = IpAddr::V6(target);
                self.state.set_router(link, target, flags.router);
                let known = self.state.neighbor(link, target).map(|neighbor| neighbor.mac);
                if let Some(mac) = known.and_then(|known| mac.filter(|_| flags.overrides || known.is_none()).or(known))
                {
                    self.learn(link, target, mac, if flags.solicited { Nud::Reachable } else { Nud::Stale });
                    self.neighbor_resolved(link, target);
                }
            }
            _ => {}
        }
    }

    fn solicited(
        &mut self,
        link: LinkIndex,
        (asker, dst): (IpAddr, IpAddr),
        target: Ipv6Addr,
        mac: Option<MacAddr>,
        skb: Skb,
    ) {
        // An address that all routers of a subnet have is nobody's own.
        let anycast = self.is_anycast(link, IpAddr::V6(target));
        if !anycast && !self.netns.has_on(link, target) {
            self.step(&skb, Stage::Deliver, Some(link), Verdict::Accept, None);
            return self.recorder.finish(skb.track, Disposition::Ignored);
        }
        let cause = self.address_on(link, target);
        self.accept(&skb, Some(link), cause);
        if let Some(mac) = mac {
            self.learn(link, asker, mac, Nud::Stale);
        }
        // Who asks one alone knows the MAC and wants to hear that it is still there.
        let asked_all = dst.is_multicast();
        let own = self.netns.link(link).map(|device| device.mac).filter(|_| asked_all);
        let flags =
            AdvertFlags { router: self.netns.sysctls.ip6_forward, solicited: true, overrides: asked_all && !anycast };
        let advert = Icmp::NeighborAdvert { target, mac: own, flags };
        let packet = self.discovery_packet(IpAddr::V6(target), asker, advert);
        if let Some(answer) = self.born(link, (MacAddr::ZERO, MacAddr::ZERO), packet, (&skb, Relation::Answers)) {
            self.neighbor_output(link, asker, answer);
        }
    }

    /// Asks for `ip`: its group, or the one who had it last time.
    pub(super) fn solicit_neighbor(&mut self, link: LinkIndex, ip: Ipv6Addr, to: Option<MacAddr>, parent: &Skb) {
        let Some(mac) = self.netns.link(link).map(|device| device.mac) else { return };
        let dst = if to.is_some() { ip } else { solicited_node(ip) };
        let Some(src) = self.solicit_source(link, ip, parent) else { return };
        let solicit = Icmp::NeighborSolicit { target: ip, mac: Some(mac) };
        let packet = self.discovery_packet(IpAddr::V6(src), IpAddr::V6(dst), solicit);
        let macs = (mac, to.unwrap_or(MacAddr::of_group(dst)));
        if let Some(skb) = self.born(link, macs, packet, (parent, Relation::Serves)) {
            self.transmit(link, skb);
        }
    }

    /// The packet's own source if it is this device's, else the device's link-local address, else any.
    fn solicit_source(&self, link: LinkIndex, ip: Ipv6Addr, parent: &Skb) -> Option<Ipv6Addr> {
        let own = parent.ip().and_then(|packet| match packet.src {
            IpAddr::V6(src) => Some(src).filter(|src| self.netns.has_on(link, *src)),
            IpAddr::V4(_) => None,
        });
        let on_link = || {
            self.netns.addresses_of(link).find_map(|address| match address.net.addr() {
                IpAddr::V6(ip) => Some(ip).filter(Ipv6Addr::is_unicast_link_local),
                IpAddr::V4(_) => None,
            })
        };
        own.or_else(on_link).or_else(|| source_v6(&self.netns, ip, link))
    }

    /// Whether all routers of a subnet on this device have an address.
    pub(super) fn is_anycast(&self, link: LinkIndex, ip: IpAddr) -> bool {
        let routed = super::ip::route_in(&self.netns, link, ip);
        routed.is_some_and(|routed| routed.route.kind == RouteKind::Anycast && routed.route.dev == link)
    }

    fn address_on(&self, link: LinkIndex, ip: Ipv6Addr) -> Option<CauseTable> {
        let mut rows = self.netns.addresses.iter();
        let row = rows.position(|address| address.link == link && address.net.addr() == IpAddr::V6(ip))?;
        Some(CauseTable::Address(row as u32))
    }

    /// A packet of discovery's own, past netfilter's hooks. None: a rule has dropped it. Models ndisc_send_skb.
    fn born(
        &mut self,
        link: LinkIndex,
        (src, dst): (MacAddr, MacAddr),
        packet: IpPacket,
        (parent, relation): (&Skb, Relation),
    ) -> Option<Skb> {
        let frame = Frame { src, dst, payload: Payload::Ip(packet) };
        let parent = parent.track;
        let birth = Birth { flow: parent.flow, parent: Some((parent.packet, relation)), at: self.now };
        let track = self.recorder.birth(birth, &frame);
        let skb = Skb::new(frame, track, CROSSINGS_MAX);
        self.step(&skb, Stage::Send, Some(link), Verdict::Pass, None);
        let skb = self.hook(Gate::new(Hook::Output, None, Some(link)), skb)?;
        self.hook(Gate::new(Hook::Postrouting, None, Some(link)), skb)
    }

    fn discovery_packet(&self, src: IpAddr, dst: IpAddr, message: Icmp) -> IpPacket {
        IpPacket { ttl: HOP_LIMIT, ..self.packet(src, dst, Transport::Icmp(message)) }
    }
}
