//! The conversation as a list of groups, one for each packet.

use crate::few::Few;
use crate::playback::playlist::served;
use podhop_engine::protocol::{ChangeView, FlowView, StepView, VerdictKind};

/// One packet's steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Index in the flow.
    pub packet: usize,
    pub title: String,
    /// `pod-a → pod-b`
    pub ends: String,
    /// Plumbing shown under the packet that it serves.
    pub nested: bool,
    /// Plumbing that serves this packet.
    pub plumbing_count: usize,
    /// The same way as an earlier packet: folded to its title by default.
    pub repeats: bool,
    pub steps_count: usize,
    pub end: VerdictKind,
    pub end_word: String,
}

/// The last part of a place: `pod-a` of `pod/default/pod-a`.
pub fn short_place(place: &str) -> &str {
    match place.rsplit_once('/') {
        Some((kind, _)) if kind.starts_with("segment") => "node network",
        Some((_, name)) => name,
        None => place,
    }
}

/// `worker-1 · cni0`
pub fn where_of(step: &StepView) -> String {
    let place = if step.place.starts_with("segment") { "node network" } else { short_place(&step.place) };
    if step.device.is_empty() { place.to_string() } else { [place, " · ", &step.device].concat() }
}

/// `64 → 63`, or only the new value where there was none.
pub fn change_value(change: &ChangeView) -> String {
    match (change.before.is_empty(), change.after.is_empty()) {
        (true, _) => change.after.clone(),
        (_, true) => change.before.clone(),
        _ => [&change.before, " → ", &change.after].concat(),
    }
}

pub fn verdict_sign(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Pass => "",
        VerdictKind::Wait => "◔",
        VerdictKind::Delivered => "●",
        VerdictKind::Dropped => "✕",
        VerdictKind::Rejected => "⊘",
        VerdictKind::Refused => "◌",
    }
}

/// The classes that colour a verdict.
pub fn verdict_class(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Pass => "end",
        VerdictKind::Wait => "end v-wait",
        VerdictKind::Delivered => "end v-ok",
        VerdictKind::Dropped => "end v-drop",
        VerdictKind::Rejected => "end v-reject",
        VerdictKind::Refused => "end v-refuse",
    }
}

/// All groups in the order of the playlist.
pub fn groups(flow: &FlowView, unfolded: &Few<usize>) -> Vec<Group> {
    let mains: Vec<usize> = (0..flow.packets.len()).map(|index| served(flow, index)).collect();
    let order: Vec<usize> = (0..flow.packets.len()).filter(|index| mains[*index] == *index).collect();
    let mut groups: Vec<Group> = Vec::new();
    let mut ways: Few<Vec<(&str, &str)>> = Few::default();
    for main in order {
        let children: Vec<usize> = (0..flow.packets.len()).filter(|i| mains[*i] == main && *i != main).collect();
        let mut group = group(flow, main);
        group.plumbing_count = children.len();
        let steps = &flow.packets[main].steps;
        let mut way: Vec<(&str, &str)> = steps.iter().map(|s| (s.place.as_str(), s.device.as_str())).collect();
        way.dedup();
        group.repeats = !ways.insert(way);
        groups.push(group);
        if unfolded.contains(&main) {
            groups.extend(children.into_iter().map(|child| Group { nested: true, ..self::group(flow, child) }));
        }
    }
    groups
}

fn group(flow: &FlowView, index: usize) -> Group {
    let packet = &flow.packets[index];
    let place = |step: Option<&StepView>| step.map_or("", |step| short_place(&step.place)).to_string();
    let (first, last) = (place(packet.steps.first()), place(packet.steps.last()));
    let ends = if first == last { first } else { [&first, " → ", &last].concat() };
    Group {
        packet: index,
        title: packet.title.clone(),
        ends,
        nested: false,
        plumbing_count: 0,
        repeats: false,
        steps_count: packet.steps.len(),
        end: packet.disposition_kind,
        end_word: packet.disposition.clone(),
    }
}

/// True if the row that decided the step was written at `line` of `file`.
pub fn caused_by(step: &StepView, file: &str, line: u32) -> bool {
    let at = step.cause.as_ref().and_then(|cause| cause.origin.at.as_ref());
    at.is_some_and(|at| at.file == file && (at.line..=at.end_line).contains(&line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn groups_fold_plumbing_and_repetitions() {
        let flow = fixture::ping();
        let folded = groups(&flow, &Few::default());
        let titles: Vec<&str> = folded.iter().map(|group| group.title.as_str()).collect();
        assert_eq!(titles[..2], ["ICMP echo request seq 0", "ICMP echo reply seq 0"]);
        assert_eq!(folded.len(), 6);
        assert_eq!(folded[0].plumbing_count, 2);
        assert_eq!(folded[0].ends, "pod-a → pod-b");
        assert_eq!(folded.iter().map(|g| g.repeats).collect::<Vec<_>>(), [false, false, true, true, true, true]);
        let unfolded = groups(&flow, &Few::from_iter([0]));
        assert!(unfolded[1].nested && unfolded[1].title.starts_with("ARP"));
        assert_eq!(unfolded.len(), 8);
    }

    #[test]
    fn steps_name_their_place_and_what_changed() {
        let flow = fixture::ping();
        let steps = &flow.packets[0].steps;
        assert_eq!(where_of(&steps[5]), "worker-1 · cni0");
        assert_eq!(where_of(steps.iter().find(|s| s.place.starts_with("segment")).unwrap()), "node network");
        let forward = steps.iter().find(|step| !step.changes.is_empty()).unwrap();
        assert_eq!(change_value(&forward.changes[0]), "64 → 63");
        assert!(caused_by(forward, "pods.yaml", 4) && !caused_by(forward, "pods.yaml", 5));
        let added = ChangeView { field: "+ VXLAN".into(), before: String::new(), after: "1".into() };
        assert_eq!(change_value(&added), "1");
    }
}
