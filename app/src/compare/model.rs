//! What of a comparison is listed.

use crate::journey::model::short_place;
use podhop_engine::protocol::{CompareView, ComparedStep, PacketPair, Setting, SideView, StepPair};

/// Which packets and steps are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub only_differences: bool,
    pub plumbing: bool,
}

impl Default for Choice {
    fn default() -> Choice {
        Choice { only_differences: true, plumbing: false }
    }
}

/// A line of a packet's part of the table.
#[derive(Debug, PartialEq)]
pub enum Line<'v> {
    Steps(&'v StepPair),
    /// So many that are the same on both sides are left out here.
    Same(usize),
}

/// Packets that are shown; with `only_differences` those that differ in something.
pub fn packets(view: &CompareView, choice: Choice) -> Vec<&PacketPair> {
    let shown =
        |packet: &&PacketPair| (choice.plumbing || !packet.plumbing) && (!choice.only_differences || !is_same(packet));
    view.packets.iter().filter(shown).collect()
}

/// Whether both sides have this packet and nothing of it differs.
pub fn is_same(packet: &PacketPair) -> bool {
    packet.sides.iter().all(Option::is_some) && packet.steps.iter().all(|step| step.same)
}

/// The steps of a packet that are shown.
pub fn lines(packet: &PacketPair, choice: Choice) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for step in &packet.steps {
        match lines.last_mut() {
            Some(Line::Same(count)) if choice.only_differences && step.same => *count += 1,
            _ if choice.only_differences && step.same => lines.push(Line::Same(1)),
            _ => lines.push(Line::Steps(step)),
        }
    }
    lines
}

/// `Calico · iptables`
pub fn name_of(setting: &Setting) -> String {
    [proper(&setting.cni), " · ", &setting.proxy].concat()
}

/// A CNI plugin as its makers write it.
pub fn proper(cni: &str) -> &str {
    match cni {
        "flannel" => "Flannel",
        "calico" => "Calico",
        "cilium" => "Cilium",
        other => other,
    }
}

/// `12 packets · 96 steps · largest frame between nodes 148 bytes`
pub fn measures(side: &SideView) -> String {
    let packets = side.summary.as_ref().map_or(0, |summary| summary.packets_count);
    let mut parts = vec![count(packets, "packet"), count(side.steps_count, "step")];
    if side.largest_frame > 0 {
        parts.push(["largest frame between nodes: ", &side.largest_frame.to_string(), " bytes"].concat());
    }
    parts.join(" · ")
}

pub fn count(number: u32, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    [&number.to_string(), " ", what, plural].concat()
}

/// `worker-1 · cni0`
pub fn where_of(step: &ComparedStep) -> String {
    let place = short_place(&step.place);
    if step.device.is_empty() { place.to_string() } else { [place, " · ", &step.device].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use podhop_engine::protocol::{PacketHead, VerdictKind};

    fn step(same: bool) -> StepPair {
        StepPair { sides: [None, None], same }
    }

    fn packet(plumbing: bool, same: &[bool]) -> PacketPair {
        let head = PacketHead {
            title: "ARP".into(),
            label: String::new(),
            disposition: "delivered".into(),
            disposition_kind: VerdictKind::Delivered,
        };
        PacketPair {
            sides: [Some(head.clone()), Some(head)],
            plumbing,
            steps: same.iter().map(|same| step(*same)).collect(),
        }
    }

    fn view(packets: Vec<PacketPair>) -> CompareView {
        let side = || SideView {
            setting: Setting { cni: "calico".into(), proxy: "ipvs".into() },
            place: "host".into(),
            line: String::new(),
            output: String::new(),
            exit_status: 0,
            summary: None,
            steps_count: 1,
            largest_frame: 0,
        };
        CompareView { sides: [side(), side()], packets, left_out_count: 0 }
    }

    #[test]
    fn what_is_the_same_is_counted_where_only_differences_are_wanted() {
        let packet = packet(false, &[true, true, false, true]);
        let choice = Choice::default();
        let shown: Vec<usize> =
            lines(&packet, choice).iter().map(|line| if let Line::Same(n) = line { *n } else { 0 }).collect();
        assert_eq!(shown, [2, 0, 1]);
        assert_eq!(lines(&packet, Choice { only_differences: false, ..choice }).len(), 4);
    }

    #[test]
    fn plumbing_and_equal_packets_are_shown_when_asked_for() {
        let view = view(vec![packet(true, &[false]), packet(false, &[true]), packet(false, &[false])]);
        let count = |only_differences, plumbing| packets(&view, Choice { only_differences, plumbing }).len();
        assert_eq!([count(true, false), count(true, true), count(false, false), count(false, true)], [1, 2, 2, 3]);
    }

    #[test]
    fn a_side_is_told_in_words() {
        let view = view(Vec::new());
        assert_eq!(name_of(&view.sides[0].setting), "Calico · ipvs");
        assert_eq!(measures(&view.sides[0]), "0 packets · 1 step");
        assert_eq!(
            measures(&SideView { largest_frame: 148, ..view.sides[1].clone() }),
            "0 packets · 1 step · largest frame between nodes: 148 bytes"
        );
    }
}
