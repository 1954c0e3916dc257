//! The Linux bridge: learning, forwarding, flooding, hairpin.
//!
//! Models net/bridge br_handle_frame_finish and br_dev_xmit without STP and VLANs.

use super::cost;
use super::skb::{CROSSINGS_MAX, Skb};
use super::walk::{Walk, fits};
use crate::net::{ArpOp, Frame, Payload};
use crate::tables::{Link, LinkIndex, LinkKind, Netns};
use crate::trace::{Birth, CauseTable, Disposition, DropReason, Relation, Stage, Verdict};
use std::net::IpAddr;

impl Walk<'_> {
    /// A frame came in by a port.
    pub(super) fn bridge_receive(&mut self, port: &Link, skb: Skb) {
        let netns = self.netns.clone();
        let Some(bridge) = port.master.and_then(|master| netns.link(master)) else {
            return self.drop(skb, Stage::Bridge, Some(port.index), DropReason::Gone, None);
        };
        self.spend(cost::LOOKUP);
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
        if !fits(&skb.frame, mtu) {
            return self.drop(skb, Stage::Bridge, Some(bridge.index), DropReason::TooBig, Some(CauseTable::Link(out)));
        }
        self.step(&skb, Stage::Bridge, Some(bridge.index), Verdict::Pass, Some(cause));
        self.transmit(out, skb);
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
            let copy = Skb { frame: skb.frame.clone(), track, crossings: skb.crossings.min(CROSSINGS_MAX) / 2 };
            self.step(&copy, Stage::Bridge, Some(bridge.index), Verdict::Pass, Some(CauseTable::Link(bridge.index)));
            self.flood_out(bridge, out, copy);
        }
    }

    fn flood_out(&mut self, bridge: &Link, out: Option<LinkIndex>, skb: Skb) {
        match out {
            Some(port) => self.transmit(port, skb),
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
            netns.is_local(IpAddr::V4(arp.target_ip))
        }
        Payload::Ip(packet) if frame.dst.is_group() => match packet.dst {
            IpAddr::V6(group) if group.is_multicast() => netns.has_joined(link.index, group),
            _ => true,
        },
        _ => frame.dst.is_group() || frame.dst == link.mac,
    }
}
