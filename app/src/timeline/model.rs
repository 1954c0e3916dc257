//! Lanes and the blocks in them.

use crate::journey::model::short_place;
use crate::playback::playlist::Playlist;
use podhop_engine::protocol::{FlowView, VerdictKind};

/// More blocks than these are not drawn.
const BLOCKS_MAX: usize = 1_200;
/// More lanes than these do not fit.
const LANES_MAX: usize = 24;

/// What an inch of the timeline means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Each step as long as it is looked at; waits are folded.
    Steps,
    /// The cluster's own clock.
    Clock,
}

/// A packet's stay in one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub lane: usize,
    /// Parts of the whole width, 0 to 1.
    pub from: f64,
    pub to: f64,
    /// On its way back: below the line.
    pub reply: bool,
    /// Indices in the flow: the packet, and its first step here.
    pub packet: usize,
    pub step: usize,
    /// How its way ended here; `Pass` if it went on.
    pub end: VerdictKind,
    /// `ICMP echo request seq 0 in worker-1`
    pub label: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Names of Pods, nodes and wires, in the order in which the first packets pass them.
    pub lanes: Vec<String>,
    pub blocks: Vec<Block>,
    /// Places that have no lane, and blocks that are not drawn, because there are too many.
    pub left_out_count: usize,
}

impl Timeline {
    /// The block that a step is in: the last of its packet that begins with it or before it.
    pub fn block_of(&self, packet: usize, step: usize) -> Option<usize> {
        let of = |block: &Block| block.packet == packet && block.step <= step;
        let blocks = self.blocks.iter().enumerate().filter(|(_, block)| of(block));
        blocks.max_by_key(|(_, block)| block.step).map(|(number, _)| number)
    }
}

/// Lanes and blocks of what the playlist shows.
pub fn timeline(flow: &FlowView, list: &Playlist, scale: Scale) -> Timeline {
    let mut timeline = Timeline::default();
    let mut places: Vec<&str> = Vec::new();
    let clock = clock(flow, list);
    let total_ms = list.total_ms().max(1.0);
    for beat in &list.beats {
        let packet = &flow.packets[beat.packet];
        let step = &packet.steps[beat.step];
        let (from, to) = match scale {
            Scale::Steps => (beat.start_ms / total_ms, beat.end_ms() / total_ms),
            Scale::Clock => {
                let next = packet.steps.get(beat.step + 1).map_or(step.at_ns, |next| next.at_ns);
                (clock(step.at_ns), clock(next.max(step.at_ns)))
            }
        };
        let end = if beat.step + 1 == packet.steps.len() { packet.disposition_kind } else { VerdictKind::Pass };
        let lane = places.iter().position(|place| *place == step.place);
        let Some(lane) = lane.or_else(|| open(&mut places, &step.place)) else {
            timeline.left_out_count += 1;
            continue;
        };
        let full = timeline.blocks.len() >= BLOCKS_MAX;
        match timeline.blocks.last_mut() {
            Some(last) if (last.lane, last.packet) == (lane, beat.packet) => (last.to, last.end) = (to, end),
            _ if full => timeline.left_out_count += 1,
            _ => timeline.blocks.push(Block {
                lane,
                from,
                to,
                reply: packet.reply,
                packet: beat.packet,
                step: beat.step,
                end,
                label: [&packet.title, " in ", short_place(&step.place)].concat(),
            }),
        }
    }
    timeline.lanes = places.into_iter().map(|place| short_place(place).to_string()).collect();
    timeline
}

fn open<'f>(places: &mut Vec<&'f str>, place: &'f str) -> Option<usize> {
    if places.len() == LANES_MAX {
        return None;
    }
    places.push(place);
    Some(places.len() - 1)
}

/// Moments of the virtual clock as parts of the time that the playlist covers.
fn clock(flow: &FlowView, list: &Playlist) -> impl Fn(u64) -> f64 + use<> {
    let (first, last) = span(flow, list);
    let total = last.saturating_sub(first).max(1) as f64;
    move |at: u64| at.saturating_sub(first) as f64 / total
}

/// The virtual time from the first step to the last, in nanoseconds since the cluster began.
pub fn span(flow: &FlowView, list: &Playlist) -> (u64, u64) {
    let times = list.beats.iter().map(|beat| flow.packets[beat.packet].steps[beat.step].at_ns);
    (times.clone().min().unwrap_or(0), times.max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::few::Few;
    use crate::fixture;

    fn both() -> [Timeline; 2] {
        let flow = fixture::ping();
        let list = Playlist::new(&flow, &Few::default());
        [Scale::Steps, Scale::Clock].map(|scale| timeline(&flow, &list, scale))
    }

    #[test]
    fn lanes_come_in_the_order_of_the_first_packet_s_way() {
        let flow = fixture::ping();
        let first = flow.packets.iter().find(|packet| !packet.plumbing).unwrap();
        let mut way: Vec<&str> = first.steps.iter().map(|step| short_place(&step.place)).collect();
        way.dedup();
        for timeline in both() {
            assert_eq!(timeline.lanes, way);
            assert_eq!(timeline.left_out_count, 0);
        }
    }

    #[test]
    fn blocks_follow_each_other_within_the_width() {
        for timeline in both() {
            for block in &timeline.blocks {
                assert!(0.0 <= block.from && block.from <= block.to && block.to <= 1.0, "{block:?}");
            }
            assert!(timeline.blocks.is_sorted_by(|a, b| a.from <= b.from));
            assert!(timeline.blocks.iter().any(|block| block.reply));
        }
    }

    #[test]
    fn each_packet_ends_in_its_last_block_only() {
        let flow = fixture::ping();
        let [timeline, _] = both();
        for (index, packet) in flow.packets.iter().enumerate().filter(|(_, packet)| !packet.plumbing) {
            let ends: Vec<VerdictKind> =
                timeline.blocks.iter().filter(|block| block.packet == index).map(|block| block.end).collect();
            let (last, before) = ends.split_last().unwrap();
            assert_eq!(*last, packet.disposition_kind);
            assert!(before.iter().all(|end| *end == VerdictKind::Pass));
        }
    }

    #[test]
    fn every_step_is_in_a_block_of_its_own_place() {
        let flow = fixture::ping();
        for timeline in both() {
            for (index, packet) in flow.packets.iter().enumerate().filter(|(_, packet)| !packet.plumbing) {
                for (number, step) in packet.steps.iter().enumerate() {
                    let block = &timeline.blocks[timeline.block_of(index, number).unwrap()];
                    assert_eq!(timeline.lanes[block.lane], short_place(&step.place));
                }
            }
            assert_eq!(timeline.block_of(flow.packets.len(), 0), None);
        }
    }

    #[test]
    fn nothing_makes_an_empty_timeline() {
        let flow = fixture::ping();
        assert_eq!(timeline(&flow, &Playlist::default(), Scale::Clock), Timeline::default());
    }
}
