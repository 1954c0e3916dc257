//! The Linux bridge: learning, forwarding, flooding, hairpin.
//!
//! Models net/bridge br_handle_frame_finish and br_dev_xmit without STP and VLANs, and br_netfilter.

use super::cost;
use super::ip::{Routed, is_martian, route};
use super::netfilter::Gate;
use super::skb::{Bridged, CROSSINGS_MAX, Skb};
use super::walk::{Walk, fits};
use crate::net::{ArpOp, Frame, IpPacket, Payload};
use crate::tables::netfilter::Hook;
use crate::tables::{Link, LinkIndex, LinkKind, Netns, RouteKind};
use crate::trace::{Birth, CauseTable, Change, Disposition, DropReason, Relation, Stage, Verdict};
use std::net::IpAddr;

impl Walk<'_> {
    /// A frame came in by a port.
    pub(super) fn bridge_receive(&mut self, port: &Link, skb: Skb) {
        let netns = self.netns.clone();
        let Some(bridge) = port.master.and_then(|master| netns.link(master)) else {
            return self.drop(skb, Stage::Bridge, Some(port.index), DropReason::Gone, None);
        };
        self.spend(cost::LOOKUP);
        let sysctls = &netns.sysctls;
        let asked = |packet: &IpPacket| if packet.dst.is_ipv4() { sysctls.bridge_nf } else { sysctls.bridge_nf6 };
        if skb.ip().is_some_and(asked) {
            self.bridge_prerouting(port, bridge, skb);
        } else {
            self.bridge_decide(port, bridge, skb);
        }
    }

    /// PREROUTING of a bridged packet, where NAT may send it elsewhere. Models br_nf_pre_routing_finish.
    fn bridge_prerouting(&mut self, port: &Link, bridge: &Link, skb: Skb) {
        let before = skb.ip().map(|packet| packet.dst);
        let Some(mut skb) = self.hook(Gate::new(Hook::Prerouting, Some(bridge.index), None), skb) else { return };
        skb.bridged = Bridged::Asked;
        let Some(packet) = skb.ip().filter(|packet| Some(packet.dst) != before) else {
            return self.bridge_decide(port, bridge, skb);
        };
        let netns = self.netns.clone();
        let (dst, stage, link) = (packet.dst, Stage::RouteIn, Some(bridge.index));
        if is_martian(&netns, packet, bridge.index) {
            let cause = self.address_row(packet.src);
            return self.drop(skb, stage, link, DropReason::InvalidAddress, cause);
        }
        let Some(Routed { route, cause }) = route(&netns, dst) else {
            return self.drop(skb, stage, link, DropReason::NoRoute, None);
        };
        if route.kind == RouteKind::Unicast && route.dev == bridge.index {
            self.step(&skb, stage, link, Verdict::Pass, Some(cause));
            skb.bridged = Bridged::Diverted { port: port.index };
            return self.neighbor_output(bridge.index, route.via.unwrap_or(dst), skb);
        }
        let (src, dst) = (skb.frame.src, bridge.mac);
        if skb.frame.dst != dst {
            let cause = Some(CauseTable::Link(bridge.index));
            self.rewrite(&mut skb, Stage::Bridge, link, cause, Change::Ethernet { src, dst });
        }
        self.bridge_decide(port, bridge, skb);
    }

    /// A packet that NAT has sent to another port of the same bridge knows the MAC address there.
    pub(super) fn bridge_diverted(&mut self, port: LinkIndex, skb: Skb) {
        let netns = self.netns.clone();
        let found = netns.link(port).and_then(|port| Some((port, netns.link(port.master?)?)));
        let Some((port, bridge)) = found else {
            return self.drop(skb, Stage::Bridge, None, DropReason::Gone, None);
        };
        self.bridge_decide(port, bridge, Skb { bridged: Bridged::Asked, ..skb });
    }

    /// Where a frame goes from here. Models br_handle_frame_finish.
    fn bridge_decide(&mut self, port: &Link, bridge: &Link, skb: Skb) {
        let netns = self.netns.clone();
        if !skb.frame.src.is_group()
            && let Some(change) = self.state.learn_fdb(bridge.index, skb.frame.src, port.index, self.now)
        {
            self.log(change);
        }
        let dst = skb.frame.dst;
        if dst.is_group() {
            return self.flood(bridge, Some(port), skb);
        }
        let own = dst == bridge.mac || netns.ports_of(bridge.index).any(|p| p.mac == dst);
        if own {
            self.step(&skb, Stage::Bridge, Some(bridge.index), Verdict::Pass, Some(CauseTable::Link(bridge.index)));
            return self.receive_network(bridge.index, skb);
        }
        match self.state.fdb_port(bridge.index, dst, self.now) {
            Some(out) if out == port.index && !port.hairpin => {
                let cause = CauseTable::LearnedFdb { bridge: bridge.index, mac: dst, port: out };
                self.drop(skb, Stage::Bridge, Some(bridge.index), DropReason::BridgeNoPort, Some(cause));
            }
            Some(out) => self.bridge_forward(bridge, out, skb),
            None => self.flood(bridge, Some(port), skb),
        }
    }

    /// The namespace itself sends a frame through the bridge device.
    pub(super) fn bridge_transmit(&mut self, bridge: &Link, skb: Skb) {
        self.spend(cost::LOOKUP);
        let dst = skb.frame.dst;
        match self.state.fdb_port(bridge.index, dst, self.now) {
            Some(out) if !dst.is_group() => self.bridge_forward(bridge, out, skb),
            _ => self.flood(bridge, None, skb),
        }
    }

    fn bridge_forward(&mut self, bridge: &Link, out: LinkIndex, skb: Skb) {
        let cause = CauseTable::LearnedFdb { bridge: bridge.index, mac: skb.frame.dst, port: out };
        let mtu = self.netns.link(out).map_or(0, |port| port.mtu);
        if !fits(&skb.frame, mtu) && skb.fragment_len_max.is_none() {
            return self.drop(skb, Stage::Bridge, Some(bridge.index), DropReason::TooBig, Some(CauseTable::Link(out)));
        }
        self.step(&skb, Stage::Bridge, Some(bridge.index), Verdict::Pass, Some(cause));
        self.bridge_output(bridge, out, skb);
    }

    /// Hands a frame to a port, through netfilter's hooks if it came in by another one. Models br_nf_forward_ip,
    /// br_nf_post_routing and br_nf_dev_queue_xmit.
    fn bridge_output(&mut self, bridge: &Link, out: LinkIndex, skb: Skb) {
        if skb.bridged == Bridged::No {
            return self.transmit(out, skb);
        }
        let on_bridge = Some(bridge.index);
        let forward = Gate { bridged: true, ..Gate::new(Hook::Forward, on_bridge, on_bridge) };
        let Some(skb) = self.hook(forward, skb) else { return };
        let postrouting = Gate { bridged: true, ..Gate::new(Hook::Postrouting, None, on_bridge) };
        let Some(mut skb) = self.hook(postrouting, skb) else { return };
        skb.bridged = Bridged::No;
        if skb.fragment_len_max.is_none() {
            return self.transmit(out, skb);
        }
        let mtu = self.netns.link(out).map_or(0, |port| port.mtu);
        for skb in self.fragments(out, mtu, skb) {
            self.transmit(out, skb);
        }
    }

    /// Copies to every port but the one it came from (unless that has hairpin) and, if it came from one, to the
    /// namespace itself. Copies that their receivers would ignore are counted, not walked.
    fn flood(&mut self, bridge: &Link, from: Option<&Link>, skb: Skb) {
        let netns = self.netns.clone();
        let mut outs = Vec::new();
        let mut ignored_count = 0;
        for port in netns.ports_of(bridge.index) {
            if from.is_some_and(|from| from.index == port.index && !from.hairpin) {
                continue;
            }
            if fits(&skb.frame, port.mtu) && self.behind_port_listens(port, &skb.frame) {
                outs.push(Some(port.index));
            } else {
                ignored_count += 1;
            }
        }
        if from.is_some() && skb.frame.dst.is_group() {
            if would_take(&netns, bridge, &skb.frame) { outs.push(None) } else { ignored_count += 1 }
        }
        let verdict = Verdict::Flood { copies_count: outs.len() as u32, ignored_count };
        self.step(&skb, Stage::Bridge, Some(bridge.index), verdict, Some(CauseTable::Link(bridge.index)));
        let Some(last) = outs.pop() else {
            return self.recorder.finish(skb.track, Disposition::Ignored);
        };
        if outs.is_empty() {
            return self.flood_out(bridge, last, skb);
        }
        outs.push(last);
        self.recorder.finish(skb.track, Disposition::Split);
        for out in outs {
            let birth =
                Birth { flow: skb.track.flow, parent: Some((skb.track.packet, Relation::Copies)), at: self.now };
            let track = self.recorder.birth(birth, &skb.frame);
            let crossings = skb.crossings.min(CROSSINGS_MAX) / 2;
            let copy = Skb { crossings, ..skb.with(skb.frame.clone(), track) };
            self.step(&copy, Stage::Bridge, Some(bridge.index), Verdict::Pass, Some(CauseTable::Link(bridge.index)));
            self.flood_out(bridge, out, copy);
        }
    }

    fn flood_out(&mut self, bridge: &Link, out: Option<LinkIndex>, skb: Skb) {
        match out {
            Some(port) => self.bridge_output(bridge, port, skb),
            None => self.receive_network(bridge.index, skb),
        }
    }

    fn behind_port_listens(&mut self, port: &Link, frame: &Frame) -> bool {
        let LinkKind::Veth { peer_netns, peer } = port.kind else { return true };
        let Some(other) = self.surroundings.netns(peer_netns) else { return false };
        other.link(peer).is_some_and(|end| end.master.is_some() || would_take(&other, end, frame))
    }
}

/// Whether a namespace would do more with a frame on `link` than throw it away.
fn would_take(netns: &Netns, link: &Link, frame: &Frame) -> bool {
    match &frame.payload {
        Payload::Arp(arp) if frame.dst.is_group() && arp.op == ArpOp::Request => {
            netns.answers_arp(link.index, IpAddr::V4(arp.target_ip))
        }
        Payload::Ip(packet) if frame.dst.is_group() => match packet.dst {
            IpAddr::V6(group) if group.is_multicast() => netns.has_joined(link.index, group),
            _ => true,
        },
        _ => frame.dst.is_group() || frame.dst == link.mac,
    }
}
