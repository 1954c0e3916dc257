//! ARP: who asks, who answers, what each learns.
//!
//! Models net/ipv4/arp.c arp_process and arp_solicit with `arp_accept` 0, `arp_ignore` 0 and 1, `arp_announce` 0 and 2,
//! and `proxy_arp`.

use super::cost;
use super::skb::{CROSSINGS_MAX, Skb};
use super::state::Nud;
use super::walk::Walk;
use crate::net::{Arp, ArpOp, Frame, MacAddr, Payload};
use crate::tables::{LinkIndex, RouteKind};
use crate::trace::{Birth, CauseTable, Disposition, PacketRef, Relation, Stage, Verdict};
use std::net::{IpAddr, Ipv4Addr};

impl Walk<'_> {
    pub(super) fn arp_receive(&mut self, link: LinkIndex, arp: Arp, skb: Skb) {
        self.spend(cost::LOOKUP);
        let sender = IpAddr::V4(arp.sender_ip);
        let target = IpAddr::V4(arp.target_ip);
        let own = self.netns.answers_arp(link, target);
        let proxied = if own { None } else { self.proxied(link, target) };
        match arp.op {
            ArpOp::Request if own || proxied.is_some() => {
                let cause = proxied.or_else(|| self.address_row(target));
                self.accept(&skb, Some(link), cause);
                self.learn(link, sender, arp.sender_mac, Nud::Stale);
                self.arp_reply(link, arp, skb.track);
            }
            ArpOp::Request => {
                if self.state.neighbor(link, sender).is_some() {
                    self.learn(link, sender, arp.sender_mac, Nud::Stale);
                }
                self.step(&skb, Stage::Deliver, Some(link), Verdict::Accept, None);
                self.recorder.finish(skb.track, Disposition::Ignored);
            }
            ArpOp::Reply => {
                self.accept(&skb, Some(link), None);
                if self.state.neighbor(link, sender).is_some() {
                    self.learn(link, sender, arp.sender_mac, Nud::Reachable);
                    self.neighbor_resolved(link, sender);
                }
            }
        }
    }

    /// The route because of which a device with `proxy_arp` answers for somebody else: it leads out of another device.
    /// Models net/ipv4/arp.c arp_fwd_proxy, with `proxy_delay` 0, as Felix sets it.
    fn proxied(&self, link: LinkIndex, target: IpAddr) -> Option<CauseTable> {
        let proxies = self.netns.sysctls.ip_forward && self.netns.link(link).is_some_and(|device| device.proxy_arp);
        if !proxies {
            return None;
        }
        let routed = super::ip::route(&self.netns, target)?;
        (routed.route.kind == RouteKind::Unicast && routed.route.dev != link).then_some(routed.cause)
    }

    pub(super) fn learn(&mut self, link: LinkIndex, ip: IpAddr, mac: MacAddr, nud: Nud) {
        // A request refreshes nothing that is still reachable with the same address.
        let known = self.state.neighbor(link, ip).filter(|n| n.mac == Some(mac)).map(|n| n.state(self.now));
        if nud == Nud::Stale && matches!(known, Some(Nud::Reachable | Nud::Stale | Nud::Delay)) {
            return;
        }
        let change = self.state.set_neighbor(link, ip, Some(mac), nud, self.now);
        self.log(change);
        if nud == Nud::Stale {
            self.neighbor_resolved(link, ip);
        }
    }

    pub(super) fn arp_reply(&mut self, link: LinkIndex, request: Arp, parent: PacketRef) {
        let Some(mac) = self.netns.link(link).map(|device| device.mac) else { return };
        let arp = Arp {
            op: ArpOp::Reply,
            sender_mac: mac,
            sender_ip: request.target_ip,
            target_mac: request.sender_mac,
            target_ip: request.sender_ip,
        };
        self.arp_send(link, mac, request.sender_mac, arp, parent, Relation::Answers);
    }

    /// Asks for `ip`: everybody, or the one who had it last time.
    pub(super) fn arp_request(&mut self, link: LinkIndex, ip: Ipv4Addr, to: Option<MacAddr>, parent: &Skb) {
        let Some(mac) = self.netns.link(link).map(|device| device.mac) else { return };
        let arp = Arp {
            op: ArpOp::Request,
            sender_mac: mac,
            sender_ip: self.arp_source(link, parent),
            target_mac: MacAddr::ZERO,
            target_ip: ip,
        };
        self.arp_send(link, mac, to.unwrap_or(MacAddr::BROADCAST), arp, parent.track, Relation::Serves);
    }

    /// The packet's own source if it is ours, else the device's first address, else any. With `arp_announce` the source
    /// must be the device's.
    fn arp_source(&self, link: LinkIndex, parent: &Skb) -> Ipv4Addr {
        let may = |src: &IpAddr| match self.netns.sysctls.arp_announce {
            0 => self.netns.is_local(*src),
            _ => self.netns.addresses_of(link).any(|address| address.net.addr() == *src),
        };
        let own = parent.ip().map(|packet| packet.src).filter(may);
        let on_link = || self.netns.addresses_of(link).map(|a| a.net.addr()).find(IpAddr::is_ipv4);
        let any = || self.netns.addresses.iter().map(|a| a.net.addr()).find(|ip| ip.is_ipv4() && !ip.is_loopback());
        match own.or_else(on_link).or_else(any) {
            Some(IpAddr::V4(ip)) => ip,
            _ => Ipv4Addr::UNSPECIFIED,
        }
    }

    fn arp_send(
        &mut self,
        link: LinkIndex,
        src: MacAddr,
        dst: MacAddr,
        arp: Arp,
        parent: PacketRef,
        relation: Relation,
    ) {
        let frame = Frame { src, dst, payload: Payload::Arp(arp) };
        let birth = Birth { flow: parent.flow, parent: Some((parent.packet, relation)), at: self.now };
        let track = self.recorder.birth(birth, &frame);
        let skb = Skb::new(frame, track, CROSSINGS_MAX);
        self.step(&skb, Stage::Send, Some(link), Verdict::Pass, None);
        self.transmit(link, skb);
    }

    pub(super) fn address_row(&self, ip: IpAddr) -> Option<CauseTable> {
        let row = self.netns.addresses.iter().position(|address| address.net.addr() == ip)?;
        Some(CauseTable::Address(row as u32))
    }
}
