//! Where the packet's label and the words of signs stand: beside their point, where they hide the least text.

use super::camera::View;
use super::geometry::{Point, Rect, point, rect, within};
use super::motion::{Moment, eased, short_pair};
use super::text::{self, Face};

/// What can be seen, and the texts in it that nothing should hide.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    pub view: View,
    pub texts: &'a [Rect],
}

const LAYER: f64 = 27.0;
pub const INSET: f64 = 8.0;
pub const OUTER_HEAD: f64 = 21.0;
/// From a packet to its label.
const BESIDE: f64 = 14.0;
/// What a place costs for coming later in the order of preference, in hidden square pixels of text.
const LATER: f64 = 14.0;
/// What it costs to hide any: half an address is no address.
const HIDES_TEXT: f64 = 400.0;
/// What it costs to hide the packet itself.
const HIDES_PACKET: f64 = 5_000.0;

/// Width and height of the card of an envelope with these layers, in world pixels.
fn size(envelope: &[(String, String)], scale: f64) -> (f64, f64) {
    let layers = envelope.len().max(1);
    let widest = |(i, (kind, pair)): (usize, &(String, String))| {
        let pair = if i + 1 == layers { short_pair(pair) } else { pair.clone() };
        let text = text::width(kind, Face::Mono) + text::width(&pair, Face::Mono);
        text + 34.0 + i as f64 * 2.0 * INSET
    };
    let width = envelope.iter().enumerate().map(widest).fold(60.0, f64::max);
    (width * scale, (LAYER + (layers - 1) as f64 * (OUTER_HEAD + INSET)) * scale)
}

/// The place of a thing of this size beside `at`: right of it if nothing stands there, then left, below and above.
pub fn beside(at: Point, (width, height): (f64, f64), gap: f64, sight: Sight) -> Rect {
    let world = sight.view.world;
    let (right, left, middle) = (at.x + gap, at.x - gap - width, at.x - width / 2.0);
    let (level, below, above) = (at.y - height / 2.0, at.y + gap, at.y - gap - height);
    let far = gap + 18.0 * sight.view.legible;
    let aside = 52.0 * sight.view.legible;
    let corners = [
        (right, level),
        (left, level),
        (right, below),
        (left, below),
        (right, above),
        (left, above),
        (middle, below),
        (middle, above),
        (right, at.y + far),
        (left, at.y + far),
        (right, at.y - far - height),
        (left, at.y - far - height),
        (right + aside, level),
        (left - aside, level),
        (right + aside, above),
        (left - aside, above),
    ];
    let mut best = (f64::MAX, rect(right, level, width, height));
    for (i, (x, y)) in corners.into_iter().enumerate() {
        let x = within(x, world.x + 4.0, world.right() - width - 4.0);
        let y = within(y, world.y + 4.0, world.bottom() - height - 4.0);
        let place = rect(x, y, width, height);
        let hidden: f64 = sight.texts.iter().map(|text| place.shared(*text)).sum();
        let packet = if place.grown(3.0).contains(at) { HIDES_PACKET } else { 0.0 };
        let touches = if hidden > 0.0 { HIDES_TEXT } else { 0.0 };
        let cost = hidden + touches + packet + i as f64 * LATER;
        if cost < best.0 {
            best = (cost, place);
        }
    }
    best.1
}

/// Where the card of the envelope stands at a moment.
pub fn card(envelope: &[(String, String)], now: Moment, by: f64, sight: Sight) -> Rect {
    placed(size(envelope, sight.view.legible), now, by, sight)
}

/// Where something of this size stands beside a packet. Between two stops it glides from its place at the one to its
/// place at the other; it is never outside of what can be seen.
pub fn placed(size: (f64, f64), now: Moment, by: f64, sight: Sight) -> Rect {
    let view = sight.view;
    let offset = |stop: Point| {
        let stop = point(stop.x + by, stop.y + by);
        let place = beside(stop, size, BESIDE * view.legible, sight);
        point(place.x - stop.x, place.y - stop.y)
    };
    let offset = offset(now.from).towards(offset(now.to), eased(now.part));
    let x = within(now.at.x + by + offset.x, view.world.x + 4.0, view.world.right() - size.0 - 4.0);
    let y = within(now.at.y + by + offset.y, view.world.y + 4.0, view.world.bottom() - size.1 - 4.0);
    rect(x, y, size.0, size.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(texts: &[Rect]) -> Sight<'_> {
        Sight { view: View { world: rect(0.0, 0.0, 600.0, 400.0), legible: 1.0 }, texts }
    }

    #[test]
    fn a_label_stands_where_it_hides_nothing() {
        let at = point(300.0, 200.0);
        let free = beside(at, (100.0, 20.0), 10.0, sight(&[]));
        assert_eq!(free, rect(310.0, 190.0, 100.0, 20.0), "to the right");
        let texts = [rect(320.0, 190.0, 60.0, 14.0), rect(200.0, 190.0, 60.0, 14.0)];
        let moved = beside(at, (100.0, 20.0), 10.0, sight(&texts));
        assert!(texts.iter().all(|text| !text.overlaps(moved)), "{moved:?}");
    }

    #[test]
    fn a_label_at_the_edge_stays_in_sight_and_beside_its_packet() {
        for at in [point(595.0, 5.0), point(2.0, 398.0), point(599.0, 399.0)] {
            let place = beside(at, (150.0, 56.0), 14.0, sight(&[]));
            assert_eq!(sight(&[]).view.world.union(place), sight(&[]).view.world);
            assert!(!place.contains(at));
        }
    }
}
