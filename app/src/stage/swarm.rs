//! The packets of a swarm on the stage. Their ways are laid out once as moments and places; a frame only looks up where
//! each is. Far away they are squares, one path for each colour; when few are in sight, each has its label.

use super::card::{Sight, beside};
use super::crowd::LABELS_MAX;
use super::geometry::{Point, Rect, point};
use super::layout::Layout;
use super::prim::{Align, Picture, Prim, Stroke, Tone};
use super::route::{Map, Route, Seat, Spot, Stop};
use super::signs;
use super::text::{self, Face};
use crate::flows::swarm::{Stretch, Swarm, beats};
use crate::journey::model::short_place;
use podhop_engine::protocol::{FlowWays, Scene, WaysView};
use std::cell::{Ref, RefCell};

/// How far packets keep from the middle of their way, each to a side of its own, so that a stream of them is broad.
const SPREAD: f64 = 5.5;
const REPLY: f64 = 7.0;
/// Of a packet's square.
#[cfg(target_arch = "wasm32")]
const SIDE: f64 = 4.0;

/// Where a packet is at a moment; between two of them it moves evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Key {
    ms: f32,
    x: f32,
    y: f32,
    tone: Tone,
}

/// One conversation.
#[derive(Clone, Debug)]
struct Flight {
    number: u32,
    /// In `Flights.keys`.
    first: usize,
    end: usize,
    label: (usize, usize),
}

/// Where all packets are: as many as there are flights.
#[derive(Debug, Default)]
pub struct Now {
    ms: f32,
    /// The key that each has passed last.
    passed: Vec<usize>,
    pub at: Vec<Dot>,
    /// How many are on their way.
    pub moving: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    pub x: f32,
    pub y: f32,
    pub tone: Tone,
}

/// The ways of all conversations in the present layout.
#[derive(Debug)]
pub struct Flights {
    swarm: Swarm,
    keys: Vec<Key>,
    flights: Vec<Flight>,
    now: RefCell<Now>,
}

struct Builder<'a> {
    map: &'a Map<'a>,
    view: &'a WaysView,
    /// Of each of the view's stops.
    spots: Vec<Spot>,
    keys: Vec<Key>,
    stretches: Vec<Stretch>,
}

impl Flights {
    /// `gone`: whether a place is not what it was when they were recorded; whoever passes one has no way.
    pub fn new(swarm: &Swarm, (scene, layout): (&Scene, &Layout), close: bool, gone: impl Fn(&str) -> bool) -> Flights {
        let map = Map { scene, layout, close };
        let (mut keys, mut flights) = (Vec::new(), Vec::new());
        for (part, view) in swarm.parts.iter().enumerate() {
            let seats: Vec<Seat> = view.places.iter().map(|place| map.seat(place)).collect();
            let gone: Vec<bool> = view.places.iter().map(|place| gone(place)).collect();
            let spots = view.stops.iter().map(|stop| {
                let place = stop.place as usize;
                let (place, seat) = (view.places[place].as_str(), seats[place]);
                map.spot(seat, Stop { place, device: &stop.device, stage: &stop.stage, tunnelled: stop.tunnelled })
            });
            let mut builder = Builder { map: &map, view, spots: spots.collect(), keys, stretches: Vec::new() };
            for (index, flow) in view.flows.iter().enumerate() {
                let stops = flow.packets.iter().flat_map(|packet| &packet.steps).map(|(stop, _)| *stop as usize);
                let lost = stops.map(|stop| view.stops[stop].place as usize).any(|place| gone[place]);
                if lost || !swarm.contains(flow.flow) {
                    continue;
                }
                let first = builder.keys.len();
                builder.flow(flow, flights.len());
                let end = builder.keys.len();
                if end > first {
                    flights.push(Flight { number: flow.flow, first, end, label: (part, index) });
                }
            }
            keys = builder.keys;
        }
        Flights { swarm: swarm.clone(), keys, flights, now: RefCell::default() }
    }

    pub fn len(&self) -> usize {
        self.flights.len()
    }

    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Where all are at the moment `ms`. Nothing is allocated after the first time.
    pub fn at(&self, ms: f64) -> Ref<'_, Now> {
        {
            let mut now = self.now.borrow_mut();
            if now.at.len() != self.flights.len() || now.ms != ms as f32 {
                self.place(&mut now, ms as f32);
            }
        }
        self.now.borrow()
    }

    fn place(&self, now: &mut Now, ms: f32) {
        let starts = || self.flights.iter().map(|flight| flight.first);
        if now.passed.len() != self.flights.len() {
            now.passed = starts().collect();
            let nowhere = Dot { x: 0.0, y: 0.0, tone: Tone::Accent };
            now.at = vec![nowhere; self.flights.len()];
        }
        if ms < now.ms {
            now.passed.iter_mut().zip(starts()).for_each(|(passed, first)| *passed = first);
        }
        (now.ms, now.moving) = (ms, 0);
        for ((flight, passed), dot) in self.flights.iter().zip(&mut now.passed).zip(&mut now.at) {
            let mut at = *passed;
            while at + 1 < flight.end && self.keys[at + 1].ms <= ms {
                at += 1;
            }
            *passed = at;
            let from = self.keys[at];
            let Some(to) = self.keys.get(at + 1).filter(|_| at + 1 < flight.end) else {
                *dot = Dot { x: from.x, y: from.y, tone: from.tone };
                continue;
            };
            let length = to.ms - from.ms;
            let part = if length > 0.0 { ((ms - from.ms) / length).max(0.0) } else { 1.0 };
            let (dx, dy) = (to.x - from.x, to.y - from.y);
            now.moving += usize::from(dx != 0.0 || dy != 0.0);
            *dot = Dot { x: from.x + dx * part, y: from.y + dy * part, tone: from.tone };
        }
    }

    pub fn number(&self, index: usize) -> u32 {
        self.flights[index].number
    }

    pub fn index_of(&self, number: u32) -> Option<usize> {
        self.flights.iter().position(|flight| flight.number == number)
    }

    fn flow(&self, index: usize) -> &FlowWays {
        let (part, flow) = self.flights[index].label;
        &self.swarm.parts[part].flows[flow]
    }

    /// `pod-a → pod-c`
    pub fn label(&self, index: usize) -> String {
        let flow = self.flow(index);
        [short_place(&flow.from), " → ", short_place(&flow.to)].concat()
    }

    /// The packet nearest to a point, no farther than `radius`. Where several are, the one after `last`, so that each can
    /// be had by clicking again. `hidden`: one that is drawn otherwise.
    pub fn pick(&self, at: Point, (radius, ms): (f64, f64), last: Option<u32>, hidden: Option<u32>) -> Option<usize> {
        let now = self.at(ms);
        let far = |dot: &Dot| point(f64::from(dot.x), f64::from(dot.y)).distance(at);
        let all = now.at.iter().enumerate().map(|(index, dot)| (index, far(dot)));
        let mut near: Vec<(usize, f64)> = all.filter(|(_, far)| *far <= radius).collect();
        let again = last.filter(|last| near.iter().any(|(index, _)| self.number(*index) == *last));
        near.retain(|(index, _)| Some(self.number(*index)) != hidden);
        if let Some(last) = again {
            let next = near.iter().find(|(index, _)| self.number(*index) > last).or(near.first());
            return next.map(|(index, _)| *index);
        }
        near.into_iter().reduce(|one, other| if other.1 < one.1 { other } else { one }).map(|(index, _)| index)
    }

    /// Labels: of all in sight, if those are few, and of the one that is pointed at.
    pub fn labels(&self, ms: f64, sight: Sight, hovered: Option<usize>, hidden: Option<u32>) -> Picture {
        let now = self.at(ms);
        let mut picture = Picture::default();
        let seen = |dot: &Dot| sight.view.world.contains(point(f64::from(dot.x), f64::from(dot.y)));
        let is_hidden = |index: usize| Some(self.number(index)) == hidden;
        let mut shown: Vec<usize> = hovered.into_iter().filter(|index| *index < now.at.len()).collect();
        let in_sight = now.at.iter().enumerate().filter(|(index, dot)| seen(dot) && !is_hidden(*index));
        let in_sight: Vec<usize> = in_sight.map(|(index, _)| index).take(LABELS_MAX + 1).collect();
        if in_sight.len() <= LABELS_MAX {
            shown.extend(in_sight.into_iter().filter(|index| Some(*index) != hovered));
        }
        let scale = sight.view.legible;
        let mut taken: Vec<Rect> = Vec::new();
        for index in shown {
            let dot = now.at[index];
            let label = self.label(index);
            let size = ((text::width(&label, Face::Note) + 12.0) * scale, 18.0 * scale);
            let at = point(f64::from(dot.x), f64::from(dot.y));
            let place = beside(at, size, 9.0 * scale, Sight { texts: &taken, ..sight });
            // Labels that lie on each other say nothing; the one that is pointed at is the first.
            if taken.iter().any(|other| other.overlaps(place)) {
                continue;
            }
            taken.push(place);
            picture.boxed(place, 5.0 * scale, Tone::Sheet, Stroke { tone: dot.tone, width: scale, dashed: false });
            picture.prims.push(Prim::Text {
                at: point(place.center().x, place.center().y + 4.0 * scale),
                text: label,
                face: Face::Note,
                tone: Tone::Ink,
                align: Align::Center,
                scale,
            });
        }
        picture
    }
}

impl Builder<'_> {
    /// Lays out the conversation that is the `index`th of all.
    fn flow(&mut self, flow: &FlowWays, index: usize) {
        let near = if self.map.close { 0.4 } else { 1.0 };
        let aside = spread(index);
        let mut stretches = std::mem::take(&mut self.stretches);
        stretches.clear();
        beats(self.view, flow, |stretch| stretches.push(stretch));
        let mut routes: Vec<Route> = Vec::with_capacity(flow.packets.len());
        for packet in &flow.packets {
            let stops = || packet.steps.iter().map(|(stop, _)| *stop as usize);
            let spots: Vec<Spot> = stops().map(|stop| self.spots[stop]).collect();
            let tunnelled: Vec<bool> = stops().map(|stop| self.view.stops[stop].tunnelled).collect();
            let place = |stop: u32| self.view.stops[stop as usize].place;
            let answered = packet.answers.and_then(|of| {
                let end = flow.packets[of as usize].steps.last()?.0;
                let here = place(packet.steps.first()?.0) == place(end);
                here.then_some((self.spots[end as usize], &routes[of as usize]))
            });
            routes.push(self.map.way(spots, &tunnelled, answered));
        }
        for of in stretches.chunk_by(|one, other| one.packet == other.packet) {
            let packet = &flow.packets[of[0].packet];
            let by = if packet.reply { REPLY } else { 0.0 };
            let by = point((aside.x + by) * near, (aside.y + by) * near);
            let tone = |step: usize| match self.view.stops[packet.steps[step].0 as usize].tunnelled {
                true => Tone::Tunnel,
                false if packet.reply => Tone::Ink2,
                false => Tone::Accent,
            };
            moves(&mut self.keys, &routes[of[0].packet], of, by, tone);
        }
        if let Some(last) = self.keys.last_mut().filter(|_| !stretches.is_empty()) {
            last.tone = signs::tone(flow.end_kind);
        }
        self.stretches = stretches;
    }
}

/// Where beside its way the packet of the `index`th conversation is: the same for the same index, and evenly over a square.
fn spread(index: usize) -> Point {
    // The fractional parts of the multiples of two irrational numbers.
    let part = |ratio: f64| (index as f64 * ratio).fract() * 2.0 - 1.0;
    point(part(0.754_877_666) * SPREAD, part(0.569_840_291) * SPREAD)
}

/// The moments and places of one packet. Steps that happen where the packet is already do not make it stand: it goes on
/// to the next stop, which it reaches when it should.
fn moves(keys: &mut Vec<Key>, route: &Route, stretches: &[Stretch], by: Point, tone: impl Fn(usize) -> Tone) {
    let Some(until_ms) = stretches.last().map(|last| last.end_ms) else { return };
    let key =
        |ms: f64, at: Point, tone: Tone| Key { ms: ms as f32, x: (at.x + by.x) as f32, y: (at.y + by.y) as f32, tone };
    let along = |step: usize| route.stops[step];
    let moved = |of: &Stretch| of.step > 0 && along(of.step) - along(of.step - 1) > 0.5;
    let last_move = stretches.iter().rposition(moved);
    let mut from_ms = stretches[0].start_ms;
    let mut ended_ms = from_ms;
    keys.push(key(from_ms, route.line.at(along(stretches[0].step)), tone(stretches[0].step)));
    for (i, of) in stretches.iter().enumerate() {
        if of.start_ms > ended_ms + 1.0 {
            // It waits where it is.
            let at = route.line.at(along(of.step.saturating_sub(1)));
            keys.push(key(ended_ms, at, tone(of.step)));
            keys.push(key(of.start_ms, at, tone(of.step)));
            from_ms = of.start_ms;
        }
        ended_ms = of.end_ms;
        if !moved(of) {
            continue;
        }
        let (from, to) = (along(of.step - 1), along(of.step));
        let end_ms = if Some(i) == last_move { until_ms } else { of.end_ms };
        // The wrapping of a stop shows on leaving it.
        let before = tone(of.step - 1);
        if let Some(here) = keys.last_mut() {
            here.tone = before;
        }
        for corner in route.line.corners(from, to) {
            let ms = from_ms + (end_ms - from_ms) * (corner - from) / (to - from);
            keys.push(key(ms, route.line.at(corner), before));
        }
        keys.push(key(end_ms, route.line.at(to), tone(of.step)));
        from_ms = end_ms;
    }
    if last_move.is_none() {
        keys.push(key(until_ms, route.line.at(along(stretches[0].step)), tone(stretches[0].step)));
    }
}

/// Draws where all are at a moment. `pointed`: the index of the one that is pointed at; `followed`: the number of the one
/// that is drawn in full.
#[cfg(target_arch = "wasm32")]
pub fn paint(
    (dots, painter): (&mut super::pixels::Dots, &super::paint::Painter<'_>),
    flights: &Flights,
    (ms, sight): (f64, Sight),
    pointed: Option<usize>,
    followed: Option<u32>,
) {
    let hidden = followed.and_then(|number| flights.index_of(number)).unwrap_or(usize::MAX);
    {
        let now = flights.at(ms);
        let all = now.at.iter().enumerate().filter(|(index, _)| *index != hidden);
        dots.draw(SIDE * sight.view.legible, all.map(|(_, dot)| (f64::from(dot.x), f64::from(dot.y), dot.tone)));
    }
    painter.paint(&flights.labels(ms, sight, pointed, followed));
}

#[cfg(test)]
mod tests {
    use super::super::camera::View;
    use super::super::layout::{Focus, layout};
    use super::super::motion::Ways;
    use super::super::route::places;
    use super::*;
    use crate::few::Few;
    use crate::fixture;
    use crate::playback::playlist::Playlist;
    use podhop_engine::protocol::{FlowView, VerdictKind};
    use std::rc::Rc;

    fn flights(flow: &FlowView, count: u32) -> (Flights, Scene, Layout) {
        let scene = fixture::scene(2, 2);
        let made = layout(&scene, &Focus { places: places(flow), ..Focus::default() });
        let swarm = Swarm::new(vec![Rc::new(fixture::ways(flow, count))]);
        (Flights::new(&swarm, (&scene, &made), false, |_| false), scene, made)
    }

    #[test]
    fn a_packet_is_where_it_would_be_alone_when_it_arrives() {
        let flow = fixture::ping();
        let (flights, scene, made) = flights(&flow, 3);
        let ways = Ways::new(&scene, &made, &flow, false);
        let list = Playlist::new(&flow, &Few::default());
        let mut arrivals = 0;
        for (i, beat) in list.beats.iter().enumerate() {
            let route = &ways.routes[beat.packet];
            let moved = |step: usize| step > 0 && route.stops[step] - route.stops[step - 1] > 0.5;
            let later = |step: usize| (step + 1..route.stops.len()).any(moved);
            if !moved(beat.step) || !later(beat.step) {
                continue;
            }
            let stop = route.line.at(route.stops[beat.step]);
            let by = if flow.packets[beat.packet].reply { REPLY } else { 0.0 };
            for (index, dot) in flights.at(list.rest_ms(i)).at.iter().enumerate() {
                let aside = spread(index);
                let at = point(f64::from(dot.x) - aside.x - by, f64::from(dot.y) - aside.y - by);
                assert!(at.distance(stop) < 1.0, "{at:?} is not {stop:?}");
                arrivals += 1;
            }
        }
        assert!(arrivals > 20);
    }

    #[test]
    fn nothing_stands_still_under_way_and_going_back_is_the_same() {
        let flow = fixture::ping();
        let (flights, ..) = flights(&flow, 40);
        let list = Playlist::new(&flow, &Few::default());
        let first_ms = list.packet_starts()[0] - 200.0;
        let places = |ms: f64| flights.at(ms).at.clone();
        let there: Vec<Vec<Dot>> = (0..10).map(|i| places(f64::from(i) * first_ms / 10.0)).collect();
        let standing = (0..100).filter(|i| flights.at(f64::from(*i) * first_ms / 100.0).moving < 40).count();
        assert_eq!(standing, 0);
        for i in (0..10).rev() {
            assert_eq!(places(f64::from(i) * first_ms / 10.0), there[i as usize]);
        }
        assert_eq!(flights.at(list.total_ms() + 1.0).moving, 0);
    }

    #[test]
    fn each_packet_can_be_picked_though_they_lie_on_each_other() {
        let (flights, ..) = flights(&fixture::ping(), 30);
        let at = flights.at(0.0).at[7];
        let at = point(f64::from(at.x), f64::from(at.y));
        let (mut last, mut picked) = (None, Vec::new());
        for _ in 0..30 {
            let index = flights.pick(at, (40.0, 0.0), last, last).expect("one more");
            last = Some(flights.number(index));
            picked.extend(last);
        }
        picked.sort_unstable();
        picked.dedup();
        assert_eq!(picked.len(), 30, "{picked:?}");
        assert_eq!(flights.pick(point(-900.0, -900.0), (9.0, 0.0), None, None), None);
        assert_eq!(flights.label(0), "pod-a → pod-b");
    }

    #[test]
    fn it_rests_on_its_end_and_few_in_sight_have_labels_that_are_clear_of_each_other() {
        let mut flow = fixture::ping();
        flow.summary.end_kind = VerdictKind::Rejected;
        let labels = |count: u32, hovered: Option<usize>| {
            let (flights, _, made) = flights(&flow, count);
            assert!(flights.at(999_999.0).at.iter().all(|dot| dot.tone == Tone::Reject));
            let sight = Sight { view: View { world: made.bounds.grown(60.0), legible: 1.0 }, texts: &[] };
            let boxes = flights.labels(0.0, sight, hovered, None).prims.into_iter().filter_map(|prim| match prim {
                Prim::Box { rect, .. } => Some(rect),
                _ => None,
            });
            boxes.collect::<Vec<Rect>>()
        };
        let few = labels(LABELS_MAX as u32, Some(3));
        assert!((2..=LABELS_MAX).contains(&few.len()), "{few:?}");
        assert!(few.iter().enumerate().all(|(i, one)| few[i + 1..].iter().all(|other| !other.overlaps(*one))));
        assert_eq!(labels(60, Some(3)).len(), 1, "of many only the one that is pointed at");
        assert_eq!(labels(60, None).len(), 0);
    }
}
