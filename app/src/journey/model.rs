//! The conversation as a list of groups, one for each packet.

use crate::few::Few;
use crate::playback::playlist::served;
use podhop_engine::protocol::{ChangeView, FlowView, PacketView, StepView, VerdictKind};

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

/// What a conversation's questions to name servers came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Names {
    /// Indices in the flow: questions, answers, and what serves them.
    pub packets: Vec<usize>,
    /// `web → 10.96.58.57`
    pub summary: String,
    /// `2 questions`
    pub count: String,
    /// The plugin and the row that gave the last answer.
    pub by: String,
}

/// The questions to name servers that come before what they were asked for; None if there are none, or nothing else.
pub fn names(flow: &FlowView) -> Option<Names> {
    let is_dns = |index: usize| flow.packets[index].title.starts_with("DNS ");
    let first_other = (0..flow.packets.len()).find(|index| !flow.packets[*index].plumbing && !is_dns(*index))?;
    let packets: Vec<usize> = (0..flow.packets.len())
        .filter(|index| is_dns(served(flow, *index)) && served(flow, *index) < first_other)
        .collect();
    // What a name server asks another is no question of the asker's.
    let is_own = |packet: &&PacketView| {
        let ends = [packet.steps.first(), packet.steps.last()].into_iter().flatten();
        packet.title.starts_with("DNS ") && ends.into_iter().any(|step| step.place == flow.summary.from)
    };
    let own: Vec<&PacketView> = packets.iter().map(|index| &flow.packets[*index]).filter(is_own).collect();
    let questions: Vec<&str> = own.iter().filter_map(|packet| question(&packet.title)).collect();
    let first = questions.first()?;
    let found = own.iter().position(|packet| packet.title.starts_with("DNS A "));
    let found = found.or_else(|| own.iter().position(|packet| packet.title.starts_with("DNS AAAA ")));
    let answer = found.map(|at| own[at]);
    let asked = own[..found.unwrap_or(0)].iter().rev().find_map(|packet| question(&packet.title));
    let value = answer.map_or("no address", |packet| packet.title.split(' ').nth(2).unwrap_or_default());
    let by = answer.and_then(|packet| packet.steps.first()).and_then(|step| step.sentence.split_once("by the plugin "));
    let count = match questions.len() {
        1 => "1 question".to_string(),
        many => [&many.to_string(), " questions"].concat(),
    };
    Some(Names {
        summary: [asked.unwrap_or(first), " → ", value].concat(),
        count,
        by: by.map_or_else(String::new, |(_, by)| ["answered by ", by].concat()),
        packets,
    })
}

/// The name that `DNS A? web.default.svc.cluster.local` asks for.
fn question(title: &str) -> Option<&str> {
    title.strip_prefix("DNS ")?.split_once("? ").map(|(_, name)| name)
}

/// What opens the rows that were tried in a step.
pub fn why_words(step: &StepView) -> &'static str {
    let of_rules = step
        .cause
        .as_ref()
        .is_some_and(|cause| ["nat", "filter", "mangle", "raw"].contains(&cause.table.trim_end_matches('6')));
    if of_rules { "Rule by rule" } else { "Why not another?" }
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

    /// The ping's first packets, called as those of a name's lookup.
    fn looked_up() -> FlowView {
        let mut flow = fixture::ping();
        let main: Vec<usize> = (0..flow.packets.len()).filter(|index| !flow.packets[*index].plumbing).collect();
        let titles = ["DNS A? web.default.svc.cluster.local", "DNS A 10.96.0.50", "TCP SYN", "TCP SYN-ACK"];
        for (index, title) in main.iter().zip(titles) {
            flow.packets[*index].title = title.into();
        }
        let answer = &mut flow.packets[main[1]];
        answer.steps[0].sentence = "NOERROR, 1 record, by the plugin kubernetes: service web.default 10.96.0.50".into();
        flow
    }

    #[test]
    fn questions_for_a_name_are_folded_to_its_address() {
        assert_eq!(names(&fixture::ping()), None);
        let flow = looked_up();
        let folded = names(&flow).unwrap();
        assert_eq!(folded.summary, "web.default.svc.cluster.local → 10.96.0.50");
        assert_eq!(folded.count, "1 question");
        assert_eq!(folded.by, "answered by kubernetes: service web.default 10.96.0.50");
        let kept: Vec<&str> = folded.packets.iter().map(|index| flow.packets[*index].title.as_str()).collect();
        assert!(kept.iter().all(|title| title.starts_with("DNS") || title.starts_with("ARP")), "{kept:?}");
        let mut refused = flow;
        for packet in refused.packets.iter_mut().filter(|packet| packet.title.starts_with("DNS A ")) {
            packet.title = "DNS NXDOMAIN web.default.svc.cluster.local".into();
        }
        assert_eq!(names(&refused).unwrap().summary, "web.default.svc.cluster.local → no address");
    }

    #[test]
    fn only_rules_are_told_rule_by_rule() {
        let flow = fixture::ping();
        let step = flow.packets[0].steps.iter().find(|step| step.cause.is_some()).unwrap();
        assert_eq!(why_words(step), "Why not another?");
        let mut ruled = step.clone();
        ruled.cause.as_mut().unwrap().table = "nat6".into();
        assert_eq!(why_words(&ruled), "Rule by rule");
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
