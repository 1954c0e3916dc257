//! A trace as a capture: what tcpdump would have seen at every device that a conversation passed.

use super::{Hop, HopPlace, PacketId, PacketTrace, Relation, Stage, Step, Trace};
use crate::net::{Direction, Frame, InterfaceId, PcapNg};
use crate::tables::{LinkIndex, Place};
use std::collections::BTreeMap;

impl PacketTrace {
    /// The packet as it was after the step with this number: its birth with every change up to then. A number past
    /// the end gives the packet at its end.
    pub fn frame_after(&self, step: u32) -> Frame {
        let mut frame = Frame::clone(&self.birth);
        for change in self.steps.iter().take((step as usize).saturating_add(1)).flat_map(|step| &step.changes) {
            // The recorder takes only changes that fit; one that does not leaves the packet as it is.
            let _ = change.apply(&mut frame);
        }
        frame
    }

    /// The hop that a step belongs to.
    pub fn hop_of(&self, step: u32) -> Option<&Hop> {
        self.hops.iter().rev().find(|hop| hop.first <= step)
    }
}

/// pcapng bytes of a conversation, or of one packet of it: a frame for every time a device or a segment passed one on,
/// in the order of time. Each device of each namespace is an interface.
pub fn pcap(trace: &Trace, only: Option<PacketId>) -> Vec<u8> {
    let mut captured: Vec<(&PacketTrace, u32)> = Vec::new();
    for packet in trace.packets.iter().filter(|packet| only.is_none_or(|only| packet.id == only)) {
        let seen = packet.steps.iter().enumerate().filter(|(_, step)| direction(step).is_some());
        captured.extend(seen.map(|(i, _)| (packet, i as u32)));
    }
    captured.sort_by_key(|(packet, step)| packet.steps[*step as usize].at);

    let mut pcap = PcapNg::new();
    let mut interfaces = BTreeMap::new();
    for (packet, number) in captured {
        let step = &packet.steps[number as usize];
        let (Some(hop), Some(direction)) = (packet.hop_of(number), direction(step)) else { continue };
        let key = match hop.place {
            HopPlace::Netns(netns) => (0, netns.0, step.link),
            HopPlace::Segment(segment) => (1, segment, None),
        };
        let interface = *interfaces.entry(key).or_insert_with(|| interface(&mut pcap, trace, hop.place, step.link));
        // A device sees what it is given: changes on receipt come after the capture.
        let before = step.stage == Stage::Receive;
        let frame = match (before, number) {
            (true, 0) => Frame::clone(&packet.birth),
            (true, _) => packet.frame_after(number - 1),
            (false, _) => packet.frame_after(number),
        };
        pcap.packet(interface, direction, step.at, &frame.to_bytes(), &comment(packet));
    }
    pcap.finish()
}

/// Which way a step's frame passes its device; `None` if no device is passed.
fn direction(step: &Step) -> Option<Direction> {
    match step.stage {
        Stage::Transmit => Some(Direction::Outbound),
        Stage::Receive => Some(Direction::Inbound),
        Stage::Switch => Some(Direction::Unknown),
        _ => None,
    }
}

/// `eth0` of `pod/default/pod-a`.
fn interface(pcap: &mut PcapNg, trace: &Trace, place: HopPlace, link: Option<LinkIndex>) -> InterfaceId {
    let netns = match place {
        HopPlace::Segment(segment) => return pcap.interface(&format!("segment{segment}"), "the network between nodes"),
        HopPlace::Netns(netns) => netns,
    };
    let tables = trace.tables.range((netns, 0)..=(netns, u32::MAX)).next_back().map(|(_, tables)| tables);
    let link = link.and_then(|link| tables?.link(link)).map_or("any", |link| &*link.name);
    let owner = match tables.map(|tables| &tables.place) {
        Some(Place::Node(node)) => format!("node/{node}"),
        Some(Place::Pod { namespace, name }) => format!("pod/{namespace}/{name}"),
        Some(Place::Gateway) => "gateway".to_owned(),
        Some(Place::Internet) => "internet".to_owned(),
        Some(Place::Fabric(number)) => format!("segment/{number}"),
        None => format!("netns {}", netns.0),
    };
    pcap.interface(link, &owner)
}

/// `packet 3, answers packet 1`
fn comment(packet: &PacketTrace) -> String {
    let PacketTrace { id, parent, .. } = packet;
    let Some((parent, relation)) = parent else { return format!("packet {}", id.0) };
    let verb = match relation {
        Relation::Answers => "answers",
        Relation::Serves => "serves",
        Relation::Copies => "copies",
        Relation::Retransmits => "retransmits",
        Relation::Fragments => "is a fragment of",
        Relation::Follows => "follows",
    };
    format!("packet {}, {verb} packet {}", id.0, parent.0)
}

#[cfg(test)]
mod tests {
    use super::super::{Birth, Change, Flow, FlowEnd, FlowId, Recorder, Verdict};
    use super::*;
    use crate::net::{Arp, ArpOp, MacAddr, Payload};
    use crate::tables::NetnsId;

    fn step(at: u64, stage: Stage, changes: Vec<Change>) -> Step {
        let changes = changes.into_iter().collect();
        Step { at, stage, link: Some(LinkIndex(2)), verdict: Verdict::Pass, cause: None, changes, ruled: None }
    }

    /// One packet that is sent by netns 1 at 10 ns, crosses segment 0 at 20 ns and arrives in netns 2 at 30 ns.
    fn trace() -> Trace {
        let mut recorder = Recorder::default();
        let flow = Flow { id: FlowId(0), title: String::new(), from: NetnsId(1), to: None, started_at: 0, revision: 1 };
        let flow = recorder.open(flow);
        let (ip, mac) = ([10, 0, 0, 1].into(), MacAddr::ZERO);
        let arp = Arp { op: ArpOp::Request, sender_mac: mac, sender_ip: ip, target_mac: mac, target_ip: ip };
        let frame = Frame { src: mac, dst: mac, payload: Payload::Arp(arp) };
        let packet = recorder.birth(Birth { flow, parent: None, at: 0 }, &frame);
        let ethernet = |n: u64| Change::Ethernet { src: MacAddr::local(n), dst: MacAddr::BROADCAST };
        recorder.step(packet, HopPlace::Netns(NetnsId(1)), step(5, Stage::Neighbor, vec![ethernet(1)]));
        recorder.step(packet, HopPlace::Netns(NetnsId(1)), step(10, Stage::Transmit, vec![]));
        recorder.step(packet, HopPlace::Segment(0), step(20, Stage::Switch, vec![]));
        recorder.step(packet, HopPlace::Netns(NetnsId(2)), step(30, Stage::Receive, vec![ethernet(2)]));
        recorder.close(flow, FlowEnd::Delivered);
        recorder.get(flow).unwrap().clone()
    }

    #[test]
    fn changes_are_replayed_up_to_a_step() {
        let packet = &trace().packets[0];
        assert_eq!(packet.frame_after(1).src, MacAddr::local(1));
        assert_eq!(packet.frame_after(u32::MAX - 1).src, MacAddr::local(2));
        assert_eq!(packet.hop_of(1).unwrap().place, HopPlace::Netns(NetnsId(1)));
        assert_eq!(packet.hop_of(3).unwrap().place, HopPlace::Netns(NetnsId(2)));
    }

    #[test]
    fn every_device_captures_the_frame_as_it_passes() {
        let trace = trace();
        let bytes = pcap(&trace, None);
        let source = MacAddr::local(1).0;
        let seen = bytes.windows(12).filter(|w| w[..6] == [0xff; 6] && w[6..] == source).count();
        assert_eq!(seen, 3, "the sender, the segment and the receiver see the same frame");
        assert_eq!(pcap(&trace, Some(PacketId(0))), bytes);
        assert!(pcap(&trace, Some(PacketId(9))).len() < 60, "nothing but the section header");
    }
}
