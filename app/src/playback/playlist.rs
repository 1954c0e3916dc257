//! The order and the tempo of a conversation's steps. Nothing is simulated here: the recorded steps are laid out on a
//! time line of the eye, on which each stage can be seen, repetitions pass quickly and waits are folded.

use crate::few::Few;
use podhop_engine::protocol::{FlowView, PacketView, VerdictKind};
use std::rc::Rc;

/// One step on the time line. `packet` and `step` are indices into the flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beat {
    pub packet: usize,
    pub step: usize,
    /// Milliseconds at normal speed.
    pub start_ms: f64,
    pub duration_ms: f64,
    /// Virtual time folded away before this beat.
    pub waited_ns: u64,
}

impl Beat {
    pub fn end_ms(&self) -> f64 {
        self.start_ms + self.duration_ms
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Playlist {
    pub beats: Vec<Beat>,
}

/// Waits from this length on are told as words ("1 s later").
pub const WAIT_TOLD_NS: u64 = 50_000_000;
pub const WAIT_MS: f64 = 480.0;
pub const BETWEEN_PACKETS_MS: f64 = 140.0;
/// Parts of the nominal duration for a packet that takes a way already shown.
pub const REPEATED: f64 = 0.22;

/// How long a step is looked at, in milliseconds at normal speed.
pub fn nominal_ms(verdict: VerdictKind, stage: &str) -> f64 {
    match (verdict, stage) {
        (VerdictKind::Dropped | VerdictKind::Rejected | VerdictKind::Refused, _) => 700.0,
        (VerdictKind::Wait, _) => 420.0,
        (_, "encapsulate" | "decapsulate") => 380.0,
        (_, "switch") => 420.0,
        (_, "bridge" | "receive" | "transmit") => 240.0,
        (_, "deliver") => 340.0,
        // What netfilter has to say is to be read.
        (_, "prerouting" | "input" | "output" | "postrouting") => 560.0,
        _ => 180.0,
    }
}

/// The packet that a plumbing packet serves in the end; itself if it serves none.
pub fn served(flow: &FlowView, packet: usize) -> usize {
    let mut at = packet;
    // Parents are always older, so this ends.
    while let Some(found) = flow.packets.get(at).filter(|p| p.plumbing).and_then(|p| p.parent.as_ref()) {
        match flow.packets.iter().position(|p| p.packet == found.0) {
            Some(parent) if parent < at => at = parent,
            _ => return at,
        }
    }
    at
}

/// The devices a packet passes. Waiting for a neighbour on the way does not make it another way.
fn way(packet: &PacketView) -> Vec<(&str, &str)> {
    let mut way: Vec<_> = packet.steps.iter().map(|step| (step.place.as_str(), step.device.as_str())).collect();
    way.dedup();
    way
}

struct Builder<'a> {
    flow: &'a FlowView,
    beats: Vec<Beat>,
    /// For each main packet, the plumbing that serves it.
    plumbing: Vec<Vec<usize>>,
    ways: Few<Vec<(&'a str, &'a str)>>,
    now_ms: f64,
    now_ns: Option<u64>,
}

impl<'a> Builder<'a> {
    fn packet(&mut self, index: usize, unfolded: bool) {
        let packet = &self.flow.packets[index];
        let seen = !packet.steps.is_empty() && !self.ways.insert(way(packet));
        let tempo = if seen { REPEATED } else { 1.0 };
        if !self.beats.is_empty() {
            self.now_ms += BETWEEN_PACKETS_MS * tempo;
        }
        let mut children = std::mem::take(&mut self.plumbing[index]).into_iter().peekable();
        for (i, step) in packet.steps.iter().enumerate() {
            while let Some(child) = children.next_if(|child| self.flow.packets[*child].born_at_ns < step.at_ns) {
                if unfolded {
                    self.packet(child, false);
                }
            }
            let waited_ns = self.now_ns.map_or(0, |now| step.at_ns.saturating_sub(now));
            let told = waited_ns >= WAIT_TOLD_NS;
            if told {
                self.now_ms += WAIT_MS;
            }
            let duration_ms = nominal_ms(step.verdict, &step.stage) * tempo;
            let waited_ns = if told { waited_ns } else { 0 };
            self.beats.push(Beat { packet: index, step: i, start_ms: self.now_ms, duration_ms, waited_ns });
            self.now_ms += duration_ms;
            self.now_ns = Some(self.now_ns.unwrap_or(0).max(step.at_ns));
        }
        for child in children {
            if unfolded {
                self.packet(child, false);
            }
        }
    }
}

impl Playlist {
    /// All steps of the conversation in the order in which they are told: packet by packet, plumbing only where its
    /// main packet (an index) is in `unfolded`, and then at the moment it was needed.
    pub fn new(flow: &FlowView, unfolded: &Few<usize>) -> Playlist {
        let mut plumbing = vec![Vec::new(); flow.packets.len()];
        let mut main = Vec::new();
        for index in 0..flow.packets.len() {
            match served(flow, index) {
                parent if parent != index => plumbing[parent].push(index),
                _ => main.push(index),
            }
        }
        let mut builder =
            Builder { flow, beats: Vec::new(), plumbing, ways: Few::default(), now_ms: 0.0, now_ns: None };
        for index in main {
            builder.packet(index, unfolded.contains(&index));
        }
        Playlist { beats: builder.beats }
    }

    pub fn total_ms(&self) -> f64 {
        self.beats.last().map_or(0.0, Beat::end_ms)
    }

    /// The beat at a moment: the last that has begun.
    pub fn at(&self, ms: f64) -> usize {
        self.beats.partition_point(|beat| beat.start_ms <= ms).saturating_sub(1)
    }

    /// The moment at which a beat has been shown to its end and the next has not begun.
    pub fn rest_ms(&self, beat: usize) -> f64 {
        self.beats.get(beat).map_or(0.0, |beat| beat.end_ms() - 0.01)
    }

    pub fn find(&self, packet: usize, step: usize) -> Option<usize> {
        self.beats.iter().position(|beat| beat.packet == packet && beat.step == step)
    }

    /// The moments at which a packet's first step begins: ticks of the time line.
    pub fn packet_starts(&self) -> Vec<f64> {
        let mut starts = Vec::new();
        for (i, beat) in self.beats.iter().enumerate() {
            if i > 0 && beat.step == 0 {
                starts.push(beat.start_ms);
            }
        }
        starts
    }

    /// The beat that rests after a discrete move of `by` beats from the moment `ms`.
    pub fn stepped(&self, ms: f64, by: isize) -> usize {
        let now = self.at(ms);
        // Before the very first beat has been shown, one step forward shows it.
        if by > 0 && ms < self.beats.first().map_or(0.0, Beat::end_ms) - 1.0 && now == 0 {
            return 0;
        }
        now.saturating_add_signed(by).min(self.beats.len().saturating_sub(1))
    }
}

/// The beat that a discrete move goes to over playlists that run side by side: where it begins, and where it rests.
pub fn stepped(lists: &[Rc<Playlist>], ms: f64, by: isize) -> (f64, f64) {
    if let [list] = lists {
        let beat = list.stepped(ms, by);
        return (list.beats.get(beat).map_or(ms, |beat| beat.start_ms), list.rest_ms(beat));
    }
    let all = lists.iter().flat_map(|list| list.beats.iter().map(|beat| (beat.start_ms, beat.end_ms() - 0.01)));
    let nearer = |one: (f64, f64), other: (f64, f64)| if (one.1 < other.1) == (by > 0) { one } else { other };
    let ahead = |(_, rest): &(f64, f64)| if by > 0 { *rest > ms + 0.005 } else { *rest < ms - 0.005 };
    all.clone()
        .filter(ahead)
        .reduce(nearer)
        .or(all.reduce(|one, other| if (one.1 < other.1) == (by > 0) { other } else { one }))
        .unwrap_or((ms, ms))
}

/// Those of the moments, which are sorted, that are at least `apart` from each other.
pub fn thinned(moments: &[f64], apart: f64) -> Vec<f64> {
    let mut kept: Vec<f64> = Vec::new();
    for moment in moments {
        if kept.last().is_none_or(|last| moment - last >= apart) {
            kept.push(*moment);
        }
    }
    kept
}

/// A length of virtual time in two or three digits: `38 µs`, `1.2 ms`, `3 s`.
pub fn duration(ns: u64) -> String {
    // The last digit is rounded, so that just under a second is told as a second.
    let (unit, size) = match ns {
        0..=999 => return [&ns.to_string(), " ns"].concat(),
        1_000..=999_499 => (" µs", 1_000),
        999_500..=999_499_999 => (" ms", 1_000_000),
        _ => (" s", 1_000_000_000),
    };
    let tenths = (ns + size / 20) / (size / 10);
    let (whole, tenth) = if tenths < 100 { (tenths / 10, tenths % 10) } else { ((ns + size / 2) / size, 0) };
    let mut text = whole.to_string();
    if whole < 10 && tenth > 0 {
        text.push('.');
        text.push_str(&tenth.to_string());
    }
    text.push_str(unit);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn plumbing_is_folded_until_asked_for_and_then_comes_where_it_was_needed() {
        let flow = fixture::ping();
        let folded = Playlist::new(&flow, &Few::default());
        assert!(folded.beats.iter().all(|beat| !flow.packets[beat.packet].plumbing));
        let main = flow.packets.iter().position(|p| !p.plumbing).unwrap();
        let unfolded = Playlist::new(&flow, &Few::from_iter([main]));
        let arp = unfolded.beats.iter().position(|beat| flow.packets[beat.packet].plumbing).unwrap();
        assert_eq!(unfolded.beats[arp - 1].packet, main);
        assert_eq!(flow.packets[main].steps[unfolded.beats[arp - 1].step].verdict, VerdictKind::Wait);
        assert!(unfolded.beats[arp..].iter().any(|beat| beat.packet == main), "the packet goes on afterwards");
    }

    #[test]
    fn ticks_are_thinned_from_the_first_to_the_last() {
        let many: Vec<f64> = (0..10_000).map(f64::from).collect();
        let kept = thinned(&many, 30.0);
        assert!(kept.len() <= 334 && kept.windows(2).all(|pair| pair[1] - pair[0] == 30.0));
        assert!(kept[0] == 0.0 && kept[kept.len() - 1] > 9_960.0);
        assert_eq!(thinned(&[1.0, 40.0, 41.0, 90.0], 30.0), [1.0, 40.0, 90.0]);
        assert!(thinned(&[], 30.0).is_empty());
    }

    #[test]
    fn every_visible_step_has_its_stretch_of_time_without_overlap() {
        let flow = fixture::ping();
        let list = Playlist::new(&flow, &Few::default());
        let steps: usize = flow.packets.iter().filter(|p| !p.plumbing).map(|p| p.steps.len()).sum();
        assert_eq!(list.beats.len(), steps);
        for pair in list.beats.windows(2) {
            assert!(pair[1].start_ms >= pair[0].end_ms());
        }
        for i in 0..list.beats.len() {
            assert_eq!(list.at(list.rest_ms(i)), i);
        }
    }

    #[test]
    fn a_second_ping_on_the_same_way_is_quicker_and_its_second_is_folded() {
        let flow = fixture::ping();
        let list = Playlist::new(&flow, &Few::default());
        let length = |packet: usize| -> f64 {
            list.beats.iter().filter(|beat| beat.packet == packet).map(|beat| beat.duration_ms).sum()
        };
        let mains: Vec<usize> = (0..flow.packets.len()).filter(|i| !flow.packets[*i].plumbing).collect();
        assert!(length(mains[2]) < length(mains[0]) / 2.0);
        let again = list.beats.iter().find(|beat| beat.packet == mains[2]).unwrap();
        assert!(duration(again.waited_ns).ends_with(" s") || duration(again.waited_ns).ends_with(" ms"));
        assert!(list.total_ms() < 20_000.0);
    }

    #[test]
    fn stepping_stops_at_both_ends() {
        let list = Playlist::new(&fixture::ping(), &Few::default());
        assert_eq!(list.stepped(0.0, 1), 0);
        assert_eq!(list.stepped(list.rest_ms(0), 1), 1);
        assert_eq!(list.stepped(list.rest_ms(1), -1), 0);
        assert_eq!(list.stepped(0.0, -1), 0);
        let last = list.beats.len() - 1;
        assert_eq!(list.stepped(list.total_ms(), 1), last);
        assert_eq!(Playlist::default().stepped(0.0, 1), 0);
    }

    #[test]
    fn steps_over_several_playlists_rest_at_each_beat_of_each() {
        let mut flow = fixture::ping();
        let one = Rc::new(Playlist::new(&flow, &Few::default()));
        flow.packets.drain(1..);
        flow.packets[0].steps.truncate(5);
        flow.packets[0].steps[1].stage = "encapsulate".into();
        let other = Rc::new(Playlist::new(&flow, &Few::default()));
        let lists = [one.clone(), other.clone()];
        let (mut ms, mut rests) = (0.0, Vec::new());
        while stepped(&lists, ms, 1).1 > ms {
            ms = stepped(&lists, ms, 1).1;
            rests.push(ms);
        }
        assert_eq!(ms, one.rest_ms(one.beats.len() - 1), "it ends with the longest");
        for list in &lists {
            assert!((0..list.beats.len()).all(|beat| rests.contains(&list.rest_ms(beat))));
        }
        let before = rests[rests.len() - 2];
        assert_eq!(stepped(&lists, ms, -1).1, before);
        assert_eq!(stepped(&lists, rests[0], -1).1, rests[0]);
        assert_eq!(stepped(std::slice::from_ref(&one), 0.0, 1).1, one.rest_ms(0));
    }

    #[test]
    fn durations_read_well() {
        for (ns, text) in [
            (40, "40 ns"),
            (4_200, "4.2 µs"),
            (38_000, "38 µs"),
            (1_000_000_000, "1 s"),
            (999_880_000, "1 s"),
            (999_900, "1 ms"),
            (0, "0 ns"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }
}
