//! Signs of verdicts at the place where they were given, each with its word.

use super::card::{Sight, beside};
use super::geometry::{Point, Rect};
use super::prim::{Align, Picture, Prim, Stroke, Tone};
use super::route::Route;
use super::text::{self, Face};
use podhop_engine::protocol::{PacketView, VerdictKind};

/// What a sign shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mark {
    Verdict(VerdictKind),
    /// The sender sends the same again.
    Again,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sign {
    pub at: Point,
    pub mark: Mark,
    pub word: String,
    /// How often that happened there.
    pub count: u32,
}

pub fn tone(kind: VerdictKind) -> Tone {
    match kind {
        VerdictKind::Pass => Tone::Ink3,
        VerdictKind::Delivered => Tone::Ok,
        VerdictKind::Wait => Tone::Wait,
        VerdictKind::Dropped => Tone::Drop,
        VerdictKind::Rejected | VerdictKind::Refused => Tone::Reject,
    }
}

/// Adds a sign; what happens again at the same place is counted.
pub fn add(signs: &mut Vec<Sign>, at: Point, mark: Mark, word: &str) {
    let same = |sign: &&mut Sign| sign.mark == mark && sign.word == word && sign.at.distance(at) < 6.0;
    match signs.iter_mut().find(same) {
        Some(sign) => sign.count += 1,
        None => signs.push(Sign { at, mark, word: word.into(), count: 1 }),
    }
}

/// The signs that a packet leaves behind: how it ended, if badly, and that it was sent again.
pub fn left_by(signs: &mut Vec<Sign>, packet: &PacketView, route: &Route) {
    let by = route.by;
    let moved = |at: &Point| super::geometry::point(at.x + by, at.y + by);
    let quiet = [VerdictKind::Pass, VerdictKind::Delivered, VerdictKind::Wait];
    if let (false, Some(end)) = (quiet.contains(&packet.disposition_kind), route.line.points.last()) {
        add(signs, moved(end), Mark::Verdict(packet.disposition_kind), &packet.disposition);
    }
    sent_again(signs, packet, route);
}

pub fn sent_again(signs: &mut Vec<Sign>, packet: &PacketView, route: &Route) {
    let again = packet.parent.as_ref().is_some_and(|(_, relation)| relation == "retransmits");
    if let (true, Some(start)) = (again, route.line.points.first()) {
        let by = route.by;
        add(signs, super::geometry::point(start.x + by, start.y + by), Mark::Again, "sent again");
    }
}

/// Draws the signs, and beside each its word, where it hides the least; `taken` is what the words stay clear of.
pub fn draw(picture: &mut Picture, signs: &[Sign], sight: Sight, taken: &[Rect]) {
    let mut texts = [sight.texts, taken].concat();
    for sign in signs {
        pill(picture, sign, sight, &mut texts);
    }
}

fn pill(picture: &mut Picture, sign: &Sign, sight: Sight, texts: &mut Vec<Rect>) {
    let scale = sight.view.legible;
    let tone = match sign.mark {
        Mark::Verdict(kind) => {
            picture.prims.push(Prim::Sign { at: sign.at, kind, scale });
            tone(kind)
        }
        Mark::Again => {
            picture.prims.push(Prim::Again { at: sign.at, scale });
            Tone::Ink2
        }
    };
    // A word alone at the edge of the canvas would belong to nothing.
    if sign.word.is_empty() || !sight.view.world.grown(8.0 * scale).contains(sign.at) {
        return;
    }
    let mut word = sign.word.clone();
    if sign.count > 1 {
        word.push_str(" ×");
        word.push_str(&sign.count.to_string());
    }
    let size = ((text::width(&word, Face::Note) + 12.0) * scale, 18.0 * scale);
    let place = beside(sign.at, size, 13.0 * scale, Sight { texts, ..sight });
    texts.push(place);
    let edge = Stroke { tone, width: scale, dashed: false };
    picture.boxed(place, 9.0 * scale, Tone::Sheet, edge);
    picture.prims.push(Prim::Text {
        at: super::geometry::point(place.center().x, place.center().y + 4.0 * scale),
        text: word,
        face: Face::Note,
        tone,
        align: Align::Center,
        scale,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::geometry::point;

    #[test]
    fn what_happens_again_at_a_place_is_counted() {
        let mut signs = Vec::new();
        let dropped = Mark::Verdict(VerdictKind::Dropped);
        add(&mut signs, point(10.0, 10.0), dropped, "dropped");
        add(&mut signs, point(11.0, 10.0), dropped, "dropped");
        add(&mut signs, point(90.0, 10.0), dropped, "dropped");
        add(&mut signs, point(10.0, 10.0), Mark::Again, "sent again");
        assert_eq!(signs.iter().map(|sign| sign.count).collect::<Vec<u32>>(), [2, 1, 1]);
    }
}
