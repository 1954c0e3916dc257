//! The switch of a segment: every port's MAC is known; broadcasts and multicasts go to all.

use super::cost;
use super::skb::{CROSSINGS_MAX, Effect, HopTarget, Skb};
use super::walk::fits;
use crate::net::{ArpOp, Icmp, IpPacket, Payload, Transport};
use crate::tables::{NetnsId, Port, Segment};
use crate::trace::{
    Birth, CauseTable, Changes, Disposition, DropReason, HopPlace, Nanos, Recorder, Relation, RowRef, Stage, Step,
    Verdict,
};
use std::net::IpAddr;

/// A visit of a frame to a segment.
pub struct Switch<'a> {
    pub segment: &'a Segment,
    pub recorder: &'a mut Recorder,
    pub effects: &'a mut Vec<Effect>,
    pub now: Nanos,
}

impl Switch<'_> {
    /// A frame enters from the NIC of `from`. ARP requests are delivered to the ports that will answer; the copies
    /// that all others ignore are counted.
    pub fn switch(&mut self, from: NetnsId, skb: Skb) {
        if !fits(&skb.frame, self.segment.mtu) {
            return self.drop(skb, DropReason::TooBig);
        }
        if !skb.frame.dst.is_group() {
            return match self.segment.port_by_mac(skb.frame.dst) {
                Some((row, port)) if port.netns != from => {
                    self.step(&skb, Verdict::Pass, Some((row, port)));
                    self.deliver(port, skb);
                }
                _ => self.drop(skb, DropReason::SegmentNoPort),
            };
        }
        let takers: Vec<(u32, &Port)> = match &skb.frame.payload {
            Payload::Arp(arp) if arp.op == ArpOp::Request => {
                self.segment.ports_answering(IpAddr::V4(arp.target_ip)).filter(|(_, port)| port.netns != from).collect()
            }
            // Only those who have the address have joined its group.
            Payload::Ip(IpPacket { payload: Transport::Icmp(Icmp::NeighborSolicit { target, .. }), .. }) => {
                self.segment.ports_answering(IpAddr::V6(*target)).filter(|(_, port)| port.netns != from).collect()
            }
            _ => Vec::new(),
        };
        let others = self.segment.ports().iter().filter(|port| port.netns != from).count();
        let verdict = Verdict::Flood {
            copies_count: takers.len() as u32,
            ignored_count: others.saturating_sub(takers.len()) as u32,
        };
        self.step(&skb, verdict, takers.first().copied());
        match takers[..] {
            [] => self.recorder.finish(skb.track, Disposition::Ignored),
            [(_, port)] => self.deliver(port, skb),
            _ => {
                self.recorder.finish(skb.track, Disposition::Split);
                for (row, port) in takers {
                    let parent = Some((skb.track.packet, Relation::Copies));
                    let track = self.recorder.birth(Birth { flow: skb.track.flow, parent, at: self.now }, &skb.frame);
                    let copy = Skb::new(skb.frame.clone(), track, skb.crossings.min(CROSSINGS_MAX) / 2);
                    self.step(&copy, Verdict::Pass, Some((row, port)));
                    self.deliver(port, copy);
                }
            }
        }
    }

    fn step(&mut self, skb: &Skb, verdict: Verdict, port: Option<(u32, &Port)>) {
        let segment = self.segment.number;
        let cause = port.map(|(row, port)| RowRef {
            netns: port.netns,
            version: 0,
            table: CauseTable::Segment { segment, port: row },
        });
        let step = Step {
            at: self.now,
            stage: Stage::Switch,
            link: None,
            verdict,
            cause,
            changes: Changes::None,
            ruled: None,
        };
        self.recorder.step(skb.track, HopPlace::Segment(segment), step);
    }

    fn drop(&mut self, skb: Skb, reason: DropReason) {
        self.step(&skb, Verdict::Drop(reason), None);
        self.recorder.finish(skb.track, Disposition::Dropped(reason));
    }

    fn deliver(&mut self, port: &Port, skb: Skb) {
        let to = HopTarget::Link { netns: port.netns, link: port.link };
        self.effects.push(Effect::Deliver { at: self.now + cost::WIRE / 2, to, skb });
    }
}
