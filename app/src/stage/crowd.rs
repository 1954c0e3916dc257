//! Conversations beside the one that is followed: lines of their own, a packet each, and a label that says from where to
//! where it goes.

use super::card::{Sight, placed};
use super::geometry::{Point, Rect, point, rect};
use super::motion::{Moment, Ways, arrived, card_at, moment, shift};
use super::prim::{Align, Picture, Prim, Stroke, Tone};
use super::signs::{self, Mark, Sign};
use super::text::{self, Face};
use crate::flows::together::Beside;
use crate::journey::model::short_place;
use crate::playback::playlist::Playlist;
use podhop_engine::protocol::{FlowView, VerdictKind};

/// Packets that have a label: more of them would hide the picture.
pub const LABELS_MAX: usize = 8;
/// More conversations than these draw one thin line each.
const LINES_MAX: usize = 12;
const LABEL: f64 = 19.0;

/// A conversation with its ways in the present layout.
pub struct Other {
    pub of: Beside,
    pub ways: Ways,
}

/// The conversation that is followed.
#[derive(Clone, Copy)]
pub struct Own<'a> {
    pub flow: &'a FlowView,
    pub ways: &'a Ways,
    pub list: &'a Playlist,
}

/// Where the packet of a conversation is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    /// Index among the others.
    pub other: usize,
    pub at: Point,
    pub label: Option<Rect>,
    now: Moment,
    by: f64,
}

/// Lines of conversations run beside each other, requests on one side and replies on the other.
fn lane(other: usize, reply: bool, close: bool) -> f64 {
    let out = if close { 2.5 } else { 6.0 } * (other % 3 + 1) as f64;
    if reply { shift(true, close) + out } else { -out }
}

/// `pod-a → pod-c`
pub fn label(flow: &FlowView) -> String {
    [short_place(&flow.summary.from), " → ", short_place(&flow.summary.to)].concat()
}

/// The packets of the moment `ms` and where their labels stand, clear of each other and of `taken`.
fn dots(others: &[Other], ms: f64, sight: Sight, taken: &[Rect]) -> Vec<Dot> {
    let scale = sight.view.legible;
    let mut stand = taken.to_vec();
    let mut dots = Vec::with_capacity(others.len());
    for (other, Other { of, ways }) in others.iter().enumerate() {
        let Some(now) = moment(ways, &of.list, ms.min(of.list.total_ms())) else { continue };
        let by = lane(other, of.flow.packets[of.list.beats[now.beat].packet].reply, ways.close);
        let at = point(now.at.x + by, now.at.y + by);
        let labelled = other < LABELS_MAX && sight.view.world.contains(at);
        let label = labelled.then(|| {
            let width = text::width(&label(&of.flow), Face::Note) + 14.0;
            let mut place = placed((width * scale, LABEL * scale), now, by, sight);
            while let Some(under) = stand.iter().find(|one| one.overlaps(place)) {
                place.y = under.bottom() + 2.0 * scale;
            }
            stand.push(place);
            place
        });
        dots.push(Dot { other, at, label, now, by });
    }
    dots
}

/// The card of the packet that is followed, and the packets beside it, whose labels are clear of the card. What is drawn
/// and what is clicked are the same.
pub fn packets(own: Option<Own>, others: &[Other], ms: f64, sight: Sight) -> (Option<Rect>, Vec<Dot>) {
    let card = own.and_then(|Own { flow, ways, list }| card_at(flow, ways, list, ms, sight));
    (card, dots(others, ms, sight, card.as_slice()))
}

/// Draws them. The squares of all packets are one path.
pub fn draw(picture: &mut Picture, others: &[Other], dots: &[Dot], ms: f64, sight: Sight) {
    let scale = sight.view.legible;
    let mut ends: Vec<Sign> = Vec::new();
    for dot in dots {
        let Other { of, ways } = &others[dot.other];
        lines(picture, &others[dot.other], dot, others.len(), scale);
        let side = 9.0 * scale;
        picture.square(Tone::Ink2, rect(dot.at.x - side / 2.0, dot.at.y - side / 2.0, side, side));
        if let Some(place) = dot.label {
            pill(picture, dot.at, place, label(&of.flow), scale);
        }
        let beat = of.list.beats[dot.now.beat];
        let packet = &of.flow.packets[beat.packet];
        let last = beat.step + 1 == packet.steps.len() && dot.now.beat + 1 == of.list.beats.len();
        if last && arrived(&of.list, dot.now.beat, ms) && packet.disposition_kind != VerdictKind::Pass {
            let end = ways.routes[beat.packet].line.points.last().copied().unwrap_or(dot.at);
            let at = point(end.x + dot.by, end.y + dot.by);
            let word = if others.len() > LABELS_MAX { "" } else { of.flow.summary.end.as_str() };
            signs::add(&mut ends, at, Mark::Verdict(of.flow.summary.end_kind), word);
        }
    }
    signs::draw(picture, &ends, sight, &dots.iter().filter_map(|dot| dot.label).collect::<Vec<Rect>>());
}

fn lines(picture: &mut Picture, other: &Other, dot: &Dot, count: usize, scale: f64) {
    let line = &other.ways.routes[other.of.list.beats[dot.now.beat].packet].line;
    let mut push = |from: f64, to: f64, dashed: bool, opacity: f64| {
        let points = line.part(from, to).into_iter().map(|at| point(at.x + dot.by, at.y + dot.by)).collect();
        let stroke = Stroke { tone: Tone::Ink2, width: 1.5 * scale, dashed };
        picture.prims.push(Prim::Line { points, stroke, opacity, arrow: dashed });
    };
    if count > LINES_MAX {
        return push(0.0, line.length(), false, 0.35);
    }
    push(dot.now.along, line.length(), true, 0.6);
    push(0.0, dot.now.along, false, 0.8);
}

fn pill(picture: &mut Picture, at: Point, place: Rect, text: String, scale: f64) {
    let edge = Stroke { tone: Tone::Ink2, width: scale, dashed: false };
    let near = point(at.x.clamp(place.x, place.right()), at.y.clamp(place.y, place.bottom()));
    if near.distance(at) > 14.0 * scale {
        picture.prims.push(Prim::Line { points: vec![at, near], stroke: edge, opacity: 0.7, arrow: false });
    }
    picture.boxed(place, 5.0 * scale, Tone::Sheet, edge);
    picture.prims.push(Prim::Text {
        at: point(place.center().x, place.center().y + 4.0 * scale),
        text,
        face: Face::Note,
        tone: Tone::Ink,
        align: Align::Center,
        scale,
    });
}

#[cfg(test)]
mod tests {
    use super::super::camera::View;
    use super::super::layout::{Focus, layout};
    use super::super::route::places;
    use super::*;
    use crate::few::Few;
    use crate::fixture;
    use std::rc::Rc;

    fn others(count: usize) -> (Vec<Other>, Rect) {
        let (scene, flow) = (fixture::scene(2, 2), fixture::ping());
        let made = layout(&scene, &Focus { places: places(&flow), ..Focus::default() });
        let other = |_| {
            let (flow, list) = (Rc::new(fixture::ping()), Rc::new(Playlist::new(&flow, &Few::default())));
            Other { ways: Ways::new(&scene, &made, &flow, false), of: Beside { flow, list } }
        };
        ((0..count).map(other).collect(), made.bounds)
    }

    fn sight(bounds: Rect) -> Sight<'static> {
        Sight { view: View { world: bounds.grown(60.0), legible: 1.0 }, texts: &[] }
    }

    #[test]
    fn packets_that_travel_together_have_labels_that_can_all_be_read() {
        let (others, bounds) = others(5);
        for ms in [0.0, 700.0, 2_000.0, 5_000.0, 99_000.0] {
            let dots = dots(&others, ms, sight(bounds), &[]);
            assert_eq!(dots.len(), 5);
            let labels: Vec<Rect> = dots.iter().filter_map(|dot| dot.label).collect();
            assert_eq!(labels.len(), 5);
            for (i, one) in labels.iter().enumerate() {
                assert!(labels[i + 1..].iter().all(|other| !other.overlaps(*one)), "{ms} ms");
            }
        }
        assert_eq!(label(&others[0].of.flow), "pod-a → pod-b");
    }

    #[test]
    fn labels_are_clear_of_the_card_of_the_packet_that_is_followed() {
        let (others, bounds) = others(3);
        let flow = fixture::ping();
        let list = Playlist::new(&flow, &Few::default());
        let own = Own { flow: &flow, ways: &others[0].ways, list: &list };
        let labels = |dots: Vec<Dot>| dots.iter().filter_map(|dot| dot.label).collect::<Vec<Rect>>();
        let mut displaced = 0;
        for ms in [0.0, 700.0, 2_000.0, 5_000.0] {
            let (card, dots) = packets(Some(own), &others, ms, sight(bounds));
            let (none, alone) = packets(None, &others, ms, sight(bounds));
            let (card, labels, alone) = (card.unwrap(), labels(dots), labels(alone));
            assert!(none.is_none() && labels.iter().all(|label| !label.overlaps(card)), "{ms} ms");
            displaced += usize::from(labels != alone);
        }
        assert!(displaced > 0);
    }

    #[test]
    fn many_packets_are_squares_of_one_path_with_few_labels_and_end_with_their_verdict() {
        let (others, bounds) = others(40);
        let dots = dots(&others, 99_000.0, sight(bounds), &[]);
        let mut picture = Picture::default();
        draw(&mut picture, &others, &dots, 99_000.0, sight(bounds));
        assert_eq!(picture.squares.iter().map(|(_, rects)| rects.len()).collect::<Vec<usize>>(), [40]);
        let texts = picture.prims.iter().filter(|prim| matches!(prim, Prim::Text { .. })).count();
        assert_eq!(texts, LABELS_MAX);
        let ends = |prim: &&Prim| matches!(prim, Prim::Sign { kind: VerdictKind::Delivered, .. });
        assert!(picture.prims.iter().filter(ends).count() >= 1);
    }

    #[test]
    fn requests_and_replies_of_all_run_on_lines_of_their_own() {
        let lanes: Vec<f64> = (0..3).flat_map(|other| [lane(other, false, false), lane(other, true, false)]).collect();
        for (i, one) in lanes.iter().enumerate() {
            assert!(lanes[i + 1..].iter().all(|other| (other - one).abs() >= 5.0), "{lanes:?}");
            assert!(one.abs() >= 5.0 && (one - shift(true, false)).abs() >= 5.0);
        }
    }
}
