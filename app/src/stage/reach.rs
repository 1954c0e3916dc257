//! What "Ping all" found: marks on the Pods, and a sentence.

use super::layout::{Layout, Target};
use super::send::PingAll;
use super::signs::{self, Mark, Sign};
use podhop_engine::protocol::{FlowSummary, Scene, VerdictKind};

/// A "Ping all" under way or done.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    pub asked: PingAll,
    /// Conversations up to this number are older.
    pub after: Option<u32>,
}

/// How a ping of one Pod ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The conversation's number.
    pub flow: u32,
    pub place: String,
    pub kind: VerdictKind,
}

impl Reach {
    /// The answers so far, in the order of asking; `flows` are all conversations, `own` the numbers of those that the
    /// line made.
    pub fn answers(&self, own: &[u32], flows: &[FlowSummary]) -> Vec<Answer> {
        let newer = |flow: &&FlowSummary| self.after.is_none_or(|after| flow.flow > after) && own.contains(&flow.flow);
        let asked = |flow: &&FlowSummary| self.asked.places.contains(&flow.to);
        let made = flows.iter().filter(newer).filter(asked);
        made.map(|flow| Answer { flow: flow.flow, place: flow.to.clone(), kind: flow.end_kind }).collect()
    }
}

/// The word of an answer.
pub fn word(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Delivered => "answers",
        VerdictKind::Rejected | VerdictKind::Refused => "unreachable",
        _ => "no answer",
    }
}

/// The result in a sentence.
pub fn sentence(reach: &Reach, answers: &[Answer]) -> String {
    let asked = reach.asked.places.len();
    if answers.is_empty() {
        return [&reach.asked.from, " pings ", &asked.to_string(), " Pods …"].concat();
    }
    let failed: Vec<&str> = answers
        .iter()
        .filter(|answer| answer.kind != VerdictKind::Delivered)
        .map(|answer| answer.place.rsplit('/').next().unwrap_or_default())
        .collect();
    let answering = answers.len() - failed.len();
    let mut text =
        [&reach.asked.from, ": ", &answering.to_string(), " of ", &asked.to_string(), " Pods answer"].concat();
    if !failed.is_empty() {
        text.push_str("; not ");
        text.push_str(&failed[..failed.len().min(4)].join(", "));
        if failed.len() > 4 {
            text.push_str(" …");
        }
    }
    if reach.asked.left_out > 0 {
        text.push_str(". Only the first ");
        text.push_str(&asked.to_string());
        text.push_str(" are asked, ");
        text.push_str(&reach.asked.left_out.to_string());
        text.push_str(" are not");
    }
    text.push('.');
    text
}

/// A sign on every Pod that was asked; those of a node that is drawn as a tile are counted together. Small marks of Pods
/// get a sign without its word.
pub fn marks(scene: &Scene, layout: &Layout, answers: &[Answer]) -> Vec<Sign> {
    let mut signs: Vec<Sign> = Vec::new();
    for answer in answers {
        let of = |(i, node): (usize, &podhop_engine::protocol::NodeView)| {
            node.pods.iter().position(|pod| pod.place == answer.place).map(|pod| Target::Pod(i, pod))
        };
        let target = scene.nodes.iter().enumerate().find_map(of);
        let Some(place) = target.and_then(|target| layout.rect_of(&target)) else { continue };
        let worded = place.width > 60.0;
        // Of several kinds on one tile each has a corner of its own.
        let (x, y) = match answer.kind {
            VerdictKind::Delivered => (place.right() - 2.0, place.y + 2.0),
            _ if worded => (place.x + 2.0, place.y + 2.0),
            _ => (place.center().x, place.center().y),
        };
        let at = if worded { super::geometry::point(x, y) } else { place.center() };
        signs::add(&mut signs, at, Mark::Verdict(answer.kind), if worded { word(answer.kind) } else { "" });
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::stage::layout::{Focus, layout};
    use crate::stage::send::ping_all;

    fn flow(number: u32, to: &str, end_kind: VerdictKind) -> FlowSummary {
        FlowSummary { flow: number, to: to.into(), end_kind, ..fixture::summary("ping") }
    }

    #[test]
    fn answers_are_those_of_the_line_alone_and_failures_are_named() {
        let scene = fixture::scene(2, 2);
        let asked = ping_all(&scene, &Target::Node(1)).unwrap();
        let (a, b) = ("pod/default/pod-a", "pod/default/pod-b");
        let reach = Reach { asked, after: Some(3) };
        let flows = [
            flow(3, a, VerdictKind::Dropped),
            flow(4, a, VerdictKind::Delivered),
            flow(5, b, VerdictKind::Dropped),
            flow(6, b, VerdictKind::Delivered),
        ];
        let answers = reach.answers(&[3, 4, 5], &flows);
        assert_eq!(answers.len(), 2);
        let text = sentence(&reach, &answers);
        assert!(text.starts_with("worker-1: 1 of ") && text.ends_with("Pods answer; not pod-b."), "{text}");
        let made = layout(&scene, &Focus::default());
        let signs = marks(&scene, &made, &answers);
        assert_eq!(signs.iter().map(|sign| sign.word.as_str()).collect::<Vec<&str>>(), ["answers", "no answer"]);
    }
}
