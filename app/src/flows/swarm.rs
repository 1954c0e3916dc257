//! Conversations by the hundred and the thousand that play at the same time: of each the page knows its way and its end,
//! and asks for the rest when it is picked.

use crate::few::Few;
use crate::playback::playlist::{BETWEEN_PACKETS_MS, REPEATED, WAIT_MS, WAIT_TOLD_NS, nominal_ms};
use podhop_engine::protocol::{FlowWays, PacketWay, WAYS_MAX, WaysView};
use std::rc::Rc;

/// Most conversations that play at the same time.
pub const SWARM_MAX: usize = 8_000;
/// Of a conversation's packets, so many are looked at for one that took the same way.
const COMPARED_MAX: usize = 4;

/// The numbers in portions that one question bears.
pub fn portions(flows: &[u32]) -> impl Iterator<Item = Vec<u32>> + use<> {
    let portions: Vec<Vec<u32>> = flows.chunks(WAYS_MAX).map(<[u32]>::to_vec).collect();
    portions.into_iter()
}

/// All that play, in the portions in which they came.
#[derive(Clone, Debug, Default)]
pub struct Swarm {
    pub parts: Vec<Rc<WaysView>>,
    /// Sorted.
    numbers: Vec<u32>,
    /// Those that were taken back.
    left: Few<u32>,
    pub total_ms: f64,
}

impl Swarm {
    pub fn new(parts: Vec<Rc<WaysView>>) -> Swarm {
        let flows = || parts.iter().flat_map(|part| part.flows.iter().map(move |flow| (part, flow)));
        let mut numbers: Vec<u32> = flows().map(|(_, flow)| flow.flow).collect();
        numbers.sort_unstable();
        let total_ms = flows().map(|(part, flow)| beats(part, flow, |_| ())).fold(0.0, f64::max);
        Swarm { numbers, left: Few::default(), total_ms, parts }
    }

    pub fn contains(&self, flow: u32) -> bool {
        self.numbers.binary_search(&flow).is_ok() && !self.left.contains(&flow)
    }

    /// Takes one back, or lets it play again. False if it was never among them.
    pub fn turn(&mut self, flow: u32) -> bool {
        let known = self.numbers.binary_search(&flow).is_ok();
        if known {
            self.left.turn(flow);
        }
        known
    }

    /// The lowest number among them.
    pub fn first(&self) -> Option<u32> {
        self.numbers.first().copied()
    }

    pub fn len(&self) -> usize {
        self.numbers.len() - self.left.iter().count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Places that they pass, the first ones.
    pub fn places(&self, count_max: usize) -> impl Iterator<Item = &String> {
        self.parts.iter().flat_map(|part| &part.places).take(count_max)
    }
}

/// One step of one packet (indices into the conversation) on the time line of the eye.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    pub packet: usize,
    pub step: usize,
    pub start_ms: f64,
    pub end_ms: f64,
}

/// Tells the steps of a conversation in order, at the same tempo as `Playlist`, and gives the length of all.
pub fn beats(view: &WaysView, flow: &FlowWays, mut each: impl FnMut(Stretch)) -> f64 {
    let (mut now_ms, mut now_ns) = (0.0, None);
    for (index, packet) in flow.packets.iter().enumerate() {
        let earlier = &flow.packets[..index];
        let seen = earlier.iter().take(COMPARED_MAX).any(|other| same_way(view, packet, other));
        let tempo = if seen { REPEATED } else { 1.0 };
        if now_ms > 0.0 {
            now_ms += BETWEEN_PACKETS_MS * tempo;
        }
        for (step, (stop, at_ns)) in packet.steps.iter().enumerate() {
            if at_ns.saturating_sub(now_ns.unwrap_or(*at_ns)) >= WAIT_TOLD_NS {
                now_ms += WAIT_MS;
            }
            let stop = &view.stops[*stop as usize];
            let end_ms = now_ms + nominal_ms(stop.verdict, &stop.stage) * tempo;
            each(Stretch { packet: index, step, start_ms: now_ms, end_ms });
            now_ms = end_ms;
            now_ns = Some(now_ns.unwrap_or(0).max(*at_ns));
        }
    }
    now_ms
}

/// Whether two packets pass the same devices.
fn same_way(view: &WaysView, one: &PacketWay, other: &PacketWay) -> bool {
    let passed = |packet: &PacketWay| {
        let mut way: Vec<(u32, &str)> = packet
            .steps
            .iter()
            .map(|(stop, _)| &view.stops[*stop as usize])
            .map(|stop| (stop.place, stop.device.as_str()))
            .collect();
        way.dedup();
        way
    };
    one.reply == other.reply && passed(one) == passed(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::playback::playlist::Playlist;

    #[test]
    fn the_tempo_is_that_of_one_conversation_alone() {
        let flow = fixture::ping();
        let view = fixture::ways(&flow, 1);
        let list = Playlist::new(&flow, &Few::default());
        let mut told = Vec::new();
        let total = beats(&view, &view.flows[0], |stretch| told.push(stretch));
        assert_eq!(told.len(), list.beats.len());
        assert!((total - list.total_ms()).abs() < 1e-6);
        for (stretch, beat) in told.iter().zip(&list.beats) {
            assert!((stretch.start_ms - beat.start_ms).abs() < 1e-6 && (stretch.end_ms - beat.end_ms()).abs() < 1e-6);
        }
    }

    #[test]
    fn one_leaves_and_joins_again_and_portions_are_bounded() {
        let mut swarm = Swarm::new(vec![Rc::new(fixture::ways(&fixture::ping(), 70))]);
        assert_eq!(swarm.len(), 70);
        assert!(swarm.turn(3) && !swarm.contains(3) && swarm.len() == 69);
        assert!(swarm.turn(3) && swarm.contains(3) && !swarm.turn(70));
        let sizes: Vec<usize> = portions(&(0..2_500).collect::<Vec<u32>>()).map(|portion| portion.len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 500]);
    }
}
