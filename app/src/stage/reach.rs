//! What "Ping all" found: marks on the Pods, and a sentence.

use super::layout::{Layout, Target};
use super::prim::Picture;
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
    /// line made, sorted.
    pub fn answers(&self, own: &[u32], flows: &[FlowSummary]) -> Vec<Answer> {
        let mut places: Vec<&str> = self.asked.places.iter().map(String::as_str).collect();
        places.sort_unstable();
        let newer = |flow: &&FlowSummary| {
            self.after.is_none_or(|after| flow.flow > after) && own.binary_search(&flow.flow).is_ok()
        };
        let asked = |flow: &&FlowSummary| places.binary_search(&flow.to.as_str()).is_ok();
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
        return [&reach.asked.from, " pings ", &asked.to_string(), " Pods …"]
            .concat()
            .replace("Pods pings", "Pods ping");
    }
    let mut failed: Vec<&str> = answers
        .iter()
        .filter(|answer| answer.kind != VerdictKind::Delivered)
        .map(|answer| answer.place.rsplit('/').next().unwrap_or_default())
        .collect();
    let answering = (answers.len() - failed.len()).to_string();
    failed.sort_unstable();
    failed.dedup();
    let (from, pings) = (&reach.asked.from, (asked * reach.asked.senders).to_string());
    let mut text = match reach.asked.senders {
        1 => [from, ": ", &answering, " of ", &asked.to_string(), " Pods answer"].concat(),
        _ => [from, " to ", &asked.to_string(), ": ", &answering, " of ", &pings, " pings are answered"].concat(),
    };
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

/// The marks of "Ping all".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marks {
    pub signs: Vec<Sign>,
    /// Where they are many: a square for each place, by colour.
    pub squares: Picture,
}

/// Up to so many Pods have a sign each.
const SIGNS_MAX: usize = 60;

/// A sign on every Pod that was asked; those of a node that is drawn as a tile are counted together. Small marks of Pods
/// get a sign without its word. Where many were asked, only failures have signs, and the rest are squares.
pub fn marks(scene: &Scene, layout: &Layout, answers: &[Answer]) -> Marks {
    let mut marks = Marks::default();
    let mut places: Vec<(&str, Target)> = Vec::new();
    for (i, node) in scene.nodes.iter().enumerate() {
        places.extend(node.pods.iter().enumerate().map(|(pod, of)| (of.place.as_str(), Target::Pod(i, pod))));
    }
    places.sort_unstable_by_key(|(place, _)| *place);
    let mut told: Vec<(&str, VerdictKind)> = answers.iter().map(|one| (one.place.as_str(), one.kind)).collect();
    let many = told.len() > SIGNS_MAX;
    if many {
        told.sort_unstable_by_key(|(place, kind)| (*place, *kind == VerdictKind::Delivered));
        // Of a place that was asked by several, the worst.
        told.dedup_by_key(|(place, _)| *place);
    }
    for (place, kind) in told {
        let Ok(found) = places.binary_search_by_key(&place, |(place, _)| *place) else { continue };
        let Some(rect) = layout.rect_of(&places[found].1) else { continue };
        if many && (kind == VerdictKind::Delivered || marks.signs.len() >= SIGNS_MAX) {
            let middle = rect.center();
            marks.squares.square(signs::tone(kind), super::geometry::rect(middle.x - 3.0, middle.y - 3.0, 6.0, 6.0));
            continue;
        }
        let worded = rect.width > 60.0;
        // Of several kinds on one tile each has a corner of its own.
        let (x, y) = match kind {
            VerdictKind::Delivered => (rect.right() - 2.0, rect.y + 2.0),
            _ if worded => (rect.x + 2.0, rect.y + 2.0),
            _ => (rect.center().x, rect.center().y),
        };
        let at = if worded { super::geometry::point(x, y) } else { rect.center() };
        signs::add(&mut marks.signs, at, Mark::Verdict(kind), if worded { word(kind) } else { "" });
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::stage::layout::{Focus, layout};
    use crate::stage::send::{ping_all, ping_pairs};

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
        let signs = marks(&scene, &made, &answers).signs;
        assert_eq!(signs.iter().map(|sign| sign.word.as_str()).collect::<Vec<&str>>(), ["answers", "no answer"]);
    }

    #[test]
    fn many_answers_are_squares_and_failures_stay_signs() {
        let scene = fixture::scene(8, 9);
        let asked = ping_pairs(&scene).unwrap();
        let mut number = 0;
        let mut flows = Vec::new();
        for to in &asked.places {
            for from in 0..asked.senders {
                let failed = to.ends_with("pod-b") && from == 3;
                let kind = if failed { VerdictKind::Dropped } else { VerdictKind::Delivered };
                flows.push(flow(number, to, kind));
                number += 1;
            }
        }
        let reach = Reach { asked, after: None };
        let own: Vec<u32> = (0..number).collect();
        let answers = reach.answers(&own, &flows);
        assert_eq!(answers.len(), 72 * 72);
        let text = sentence(&reach, &answers);
        assert_eq!(text, "72 Pods to 72: 5183 of 5184 pings are answered; not pod-b.");
        let marks = marks(&scene, &layout(&scene, &Focus::default()), &answers);
        assert_eq!(marks.signs.len(), 1);
        assert_eq!(marks.squares.squares.iter().map(|(_, rects)| rects.len()).collect::<Vec<usize>>(), [71]);
    }
}
