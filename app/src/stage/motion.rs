//! What moves: the lines of the ways taken, the envelope at its moment, the signs at the ends.

use super::card::{INSET, OUTER_HEAD, Sight, card};
use super::geometry::{Point, Rect, point, rect, within};
use super::layout::Layout;
use super::prim::{Align, Picture, Prim, Stroke, Tone};
use super::route::{Map, Route};
use super::signs::{self, Mark};
use super::text::Face;
use crate::few::Few;
use crate::playback::playlist::Playlist;
use podhop_engine::protocol::{ChangeView, FlowView, PacketView, Scene, StepView, VerdictKind};

/// The ways of a conversation's packets, computed once a layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ways {
    pub routes: Vec<Route>,
    /// For each packet the first one that took the same way.
    same_as: Vec<usize>,
    /// Packets stop at the stations within nodes and Pods.
    pub close: bool,
}

impl Ways {
    /// `close`: packets stop at the stations within nodes and Pods.
    pub fn new(scene: &Scene, layout: &Layout, flow: &FlowView, close: bool) -> Ways {
        let map = Map { scene, layout, close };
        let mut routes: Vec<Route> = Vec::with_capacity(flow.packets.len());
        let mut same_as = Vec::with_capacity(flow.packets.len());
        for (i, packet) in flow.packets.iter().enumerate() {
            let answers = packet.parent.as_ref().filter(|(_, relation)| relation == "answers");
            let answered = answers.and_then(|(of, _)| flow.packets[..i].iter().rposition(|one| one.packet == *of));
            let mut route = map.route(packet, answered.map(|of| (&flow.packets[of], &routes[of])));
            route.by = shift(packet.reply, close);
            let twin = |j: &usize| routes[*j].line.points == route.line.points;
            let first = (0..i.min(64)).find(twin).unwrap_or(i);
            if first != i {
                route.line = routes[first].line.clone();
            }
            routes.push(route);
            same_as.push(first);
        }
        Ways { routes, same_as, close }
    }
}

/// Where the envelope is at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    pub beat: usize,
    /// How far along the packet's way, in world pixels.
    pub along: f64,
    pub at: Point,
    /// The stops that it travels between, and the part of the time of travel that has passed, 0 to 1.
    pub from: Point,
    pub to: Point,
    pub part: f64,
}

/// Slow at both ends, quick in the middle.
pub fn eased(part: f64) -> f64 {
    let part = within(part, 0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}

/// Of a beat, the part in which the packet travels to its stop; then it rests there.
const TRAVEL: f64 = 0.72;

pub fn moment(ways: &Ways, list: &Playlist, ms: f64) -> Option<Moment> {
    let beat = list.at(ms);
    let now = list.beats.get(beat)?;
    let route = ways.routes.get(now.packet)?;
    let to = route.stops.get(now.step).copied()?;
    let from = now.step.checked_sub(1).map_or(0.0, |step| route.stops[step]);
    let part = within((ms - now.start_ms) / (now.duration_ms * TRAVEL), 0.0, 1.0);
    let along = from + (to - from) * eased(part);
    let at = |along: f64| route.line.at(along);
    Some(Moment { beat, along, at: at(along), from: at(from), to: at(to), part })
}

/// The replies run beside the requests, not on them; from close by, where all is larger, by less.
pub fn shift(reply: bool, close: bool) -> f64 {
    match (reply, close) {
        (false, _) => 0.0,
        (true, true) => 3.0,
        (true, false) => 7.0,
    }
}

fn shifted(points: Vec<Point>, by: f64) -> Vec<Point> {
    points.into_iter().map(|at| point(at.x + by, at.y + by)).collect()
}

/// Everything that moves, at the moment `ms`.
pub fn motion(flow: &FlowView, ways: &Ways, list: &Playlist, ms: f64, sight: Sight) -> Picture {
    let scale = sight.view.legible;
    let mut picture = Picture::default();
    let Some(now) = moment(ways, list, ms) else { return picture };
    let beat = list.beats[now.beat];
    let mut marks = trails(&mut picture, flow, ways, list, now, scale);
    let packet = &flow.packets[beat.packet];
    let step = &packet.steps[beat.step];
    let by = ways.routes[beat.packet].by;
    let at = point(now.at.x + by, now.at.y + by);
    let arrived = arrived(list, now.beat, ms);
    let ended = arrived && beat.step + 1 == packet.steps.len() && packet.disposition_kind != VerdictKind::Pass;
    let shown = shown(flow, list, now.beat, ms);
    let card = card_at(flow, ways, list, ms, sight);
    envelope(&mut picture, shown, at, card, scale);
    let rewritten = translation(step).filter(|_| arrived);
    if let Some((text, card)) = rewritten.zip(card) {
        rewriting(&mut picture, &text, at, card, sight);
    }
    signs::sent_again(&mut marks, packet, &ways.routes[beat.packet]);
    if ended {
        let last = now.beat + 1 == list.beats.len();
        let (kind, word) = told(flow, packet, last);
        signs::add(&mut marks, at, Mark::Verdict(kind), word);
    } else if arrived && step.verdict == VerdictKind::Wait {
        signs::add(&mut marks, at, Mark::Verdict(VerdictKind::Wait), "waits");
    }
    signs::draw(&mut picture, &marks, sight, card.as_slice());
    picture
}

/// What a step has rewritten of a packet's ends: `dst 10.96.0.50 → 10.244.2.5`.
pub fn translation(step: &StepView) -> Option<String> {
    let end = |change: &&ChangeView| {
        ["ip.src", "ip.dst", "port.src", "port.dst"].contains(&change.field.as_str()) && !change.before.is_empty()
    };
    let told = |change: &ChangeView| {
        let (of, what) = change.field.split_once('.').unwrap_or_default();
        let port = if of == "port" { " port" } else { "" };
        [what, port, " ", &change.before, " → ", &change.after].concat()
    };
    let all: Vec<String> = step.changes.iter().filter(end).map(told).collect();
    (!all.is_empty()).then(|| all.join(" · "))
}

/// Where an address was rewritten, the place lights up, and a slip at the card says what was there before.
fn rewriting(picture: &mut Picture, text: &str, at: Point, card: Rect, sight: Sight) {
    let (view, scale) = (sight.view.world, sight.view.legible);
    let pen = Stroke { tone: Tone::Nat, width: 1.6 * scale, dashed: false };
    let halo = rect(at.x - 9.0 * scale, at.y - 9.0 * scale, 18.0 * scale, 18.0 * scale);
    picture.prims.push(Prim::Box { rect: halo, radius: 9.0 * scale, fill: None, stroke: Some(pen), shadow: false });
    let (width, height) = ((super::text::width(text, Face::Mono) + 18.0) * scale, 20.0 * scale);
    let gap = 4.0 * scale;
    let fits_below = card.bottom() + gap + height < view.bottom();
    let y = if fits_below { card.bottom() + gap } else { card.y - gap - height };
    let x = within(card.x, view.x + gap, view.right() - width - gap);
    let slip = rect(x, y, width, height);
    let thin = Stroke { width: 1.2 * scale, ..pen };
    let radius = 5.0 * scale;
    picture.prims.push(Prim::Box { rect: slip, radius, fill: Some(Tone::Sheet), stroke: Some(thin), shadow: true });
    let baseline = point(slip.x + 9.0 * scale, slip.y + 14.0 * scale);
    picture.scaled(baseline, text, (Face::Mono, scale), Tone::Nat, Align::Left);
}

/// What the end of a packet's way says: an answer that tells of a failure, such as an ICMP error or an RST, arrives well,
/// but the sign is that of the request that failed; at the end of all, that of the conversation.
fn told<'f>(flow: &'f FlowView, packet: &'f PacketView, last: bool) -> (VerdictKind, &'f str) {
    let own = (packet.disposition_kind, packet.disposition.as_str());
    if own.0 != VerdictKind::Delivered {
        return own;
    }
    let fails = |kind: VerdictKind| !matches!(kind, VerdictKind::Pass | VerdictKind::Wait | VerdictKind::Delivered);
    let answered = packet.parent.as_ref().filter(|(_, relation)| relation == "answers");
    let answered = answered.and_then(|(of, _)| flow.packets.iter().find(|one| one.packet == *of));
    match answered.filter(|one| fails(one.disposition_kind)) {
        Some(failed) => (failed.disposition_kind, &failed.disposition),
        None if last && fails(flow.summary.end_kind) => (flow.summary.end_kind, &flow.summary.end),
        None => own,
    }
}

pub fn arrived(list: &Playlist, beat: usize, ms: f64) -> bool {
    ms >= list.beats[beat].start_ms + list.beats[beat].duration_ms * TRAVEL
}

/// Where the envelope's card stands at the moment `ms`, if it has one.
pub fn card_at(flow: &FlowView, ways: &Ways, list: &Playlist, ms: f64, sight: Sight) -> Option<Rect> {
    let now = moment(ways, list, ms)?;
    let shown = shown(flow, list, now.beat, ms);
    let by = ways.routes[list.beats[now.beat].packet].by;
    (!shown.envelope.is_empty()).then(|| card(&shown.envelope, now, by, sight))
}

/// The step whose wrapping shows. The new one shows on arrival: until then the packet looks as it did when it left the
/// last stop.
pub fn shown<'a>(flow: &'a FlowView, list: &Playlist, beat: usize, ms: f64) -> &'a StepView {
    let now = list.beats[beat];
    let steps = &flow.packets[now.packet].steps;
    let left = if arrived(list, beat, ms) { now.step } else { now.step.saturating_sub(1) };
    &steps[left]
}

/// The ways: done ones solid, the rest of the present one dashed. The signs are where packets ended badly.
fn trails(
    picture: &mut Picture,
    flow: &FlowView,
    ways: &Ways,
    list: &Playlist,
    now: Moment,
    scale: f64,
) -> Vec<signs::Sign> {
    let current = list.beats[now.beat].packet;
    let mut done = vec![false; flow.packets.len()];
    for beat in &list.beats[..now.beat] {
        done[beat.packet] = beat.packet != current;
    }
    let mut drawn = Few::default();
    let mut marks = Vec::new();
    for packet in (0..done.len()).filter(|packet| done[*packet]) {
        let of = &flow.packets[packet];
        if drawn.insert(ways.same_as[packet]) {
            let route = &ways.routes[packet];
            let points = shifted(route.line.part(0.0, route.line.length()), ways.routes[packet].by);
            let stroke = Stroke { tone: Tone::Accent, width: 1.5 * scale, dashed: false };
            picture.prims.push(Prim::Line { points, stroke, opacity: 0.45, arrow: true });
        }
        signs::left_by(&mut marks, of, &ways.routes[packet]);
    }
    let route = &ways.routes[current];
    let by = route.by;
    let ahead = shifted(route.line.part(now.along, route.line.length()), by);
    let dashed = Stroke { tone: Tone::Accent, width: 2.0 * scale, dashed: true };
    picture.prims.push(Prim::Line { points: ahead, stroke: dashed, opacity: 0.6, arrow: true });
    let behind = shifted(route.line.part(0.0, now.along), by);
    let solid = Stroke { dashed: false, ..dashed };
    picture.prims.push(Prim::Line { points: behind, stroke: solid, opacity: 1.0, arrow: false });
    marks
}

/// `10.244.1.2 → 10.244.2.2` with the destination's common head left out: `10.244.1.2 → .2.2`.
pub fn short_pair(pair: &str) -> String {
    let Some((from, to)) = pair.split_once('→') else { return pair.to_string() };
    let (from, to) = (from.trim(), to.trim());
    let is_ip = |text: &str| text.split('.').count() == 4 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let (a, b): (Vec<&str>, Vec<&str>) = (from.split('.').collect(), to.split('.').collect());
    if !is_ip(from) || !is_ip(to) || a[..2] != b[..2] {
        return pair.to_string();
    }
    let tail = if a[2] == b[2] { &b[3..] } else { &b[2..] };
    [from, " → .", &tail.join(".")].concat()
}

/// An envelope in an envelope, the outermost layer first.
fn envelope(picture: &mut Picture, step: &StepView, at: Point, card: Option<Rect>, scale: f64) {
    let dot = rect(at.x - 5.0 * scale, at.y - 5.0 * scale, 10.0 * scale, 10.0 * scale);
    let ring = Stroke { tone: Tone::Sheet, width: 2.0 * scale, dashed: false };
    picture.prims.push(Prim::Box {
        rect: dot,
        radius: 5.0 * scale,
        fill: Some(Tone::Accent),
        stroke: Some(ring),
        shadow: false,
    });
    let Some(mut place) = card else { return };
    // A card that stands farther away is tied to its packet.
    let near = point(within(at.x, place.x, place.right()), within(at.y, place.y, place.bottom()));
    if near.distance(at) > 20.0 * scale {
        let stroke = Stroke { tone: Tone::Accent, width: scale, dashed: false };
        picture.prims.push(Prim::Line { points: vec![at, near], stroke, opacity: 0.8, arrow: false });
    }
    let count = step.envelope.len();
    for (i, (kind, pair)) in step.envelope.iter().enumerate() {
        let innermost = i + 1 == count;
        let (fill, edge, title) = match innermost {
            true => (Tone::AccentSoft, Tone::Accent, Tone::Ink),
            false => (Tone::Sheet, Tone::Tunnel, Tone::Tunnel),
        };
        let stroke = Stroke { tone: edge, width: if innermost { 1.0 } else { 1.6 } * scale, dashed: false };
        let radius = if i == 0 { 9.0 } else { 6.0 } * scale;
        picture.prims.push(Prim::Box { rect: place, radius, fill: Some(fill), stroke: Some(stroke), shadow: i == 0 });
        let pair = if innermost { short_pair(pair) } else { pair.clone() };
        let label = [kind, "  ", &pair].concat();
        let baseline = if innermost { place.y + place.height / 2.0 + 4.0 * scale } else { place.y + 15.0 * scale };
        let text = Prim::Text {
            at: point(place.x + 10.0 * scale, baseline),
            text: label,
            face: Face::Mono,
            tone: title,
            align: Align::Left,
            scale,
        };
        picture.prims.push(text);
        let inner_height = place.height - (OUTER_HEAD + INSET) * scale;
        place = rect(
            place.x + INSET * scale,
            place.y + OUTER_HEAD * scale,
            place.width - 2.0 * INSET * scale,
            inner_height,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::camera::View;
    use super::super::layout::{Focus, layout};
    use super::super::route::places;
    use super::*;
    use crate::fixture;

    fn setup() -> (FlowView, Ways, Playlist, Layout) {
        let (scene, flow) = (fixture::scene(2, 2), fixture::ping());
        let made = layout(&scene, &Focus { places: places(&flow), ..Focus::default() });
        let ways = Ways::new(&scene, &made, &flow, false);
        let list = Playlist::new(&flow, &Few::default());
        (flow, ways, list, made)
    }

    fn sight_of(layout: &Layout) -> Sight<'static> {
        Sight { view: View { world: layout.bounds.grown(20.0), legible: 1.0 }, texts: &[] }
    }

    #[test]
    fn the_card_can_always_be_read() {
        let (flow, ways, list, made) = setup();
        let sight = sight_of(&made);
        for beat in 0..list.beats.len() {
            let now = moment(&ways, &list, list.rest_ms(beat)).unwrap();
            let of = list.beats[beat];
            let place = card(&flow.packets[of.packet].steps[of.step].envelope, now, 0.0, sight);
            assert_eq!(sight.view.world.union(place), sight.view.world, "{place:?} is cut off");
        }
    }

    #[test]
    fn the_envelope_never_jumps_within_a_packet() {
        let (_, ways, list, _) = setup();
        let mut last: Option<(usize, Moment)> = None;
        let mut ms = 0.0;
        while ms < list.total_ms() {
            let now = moment(&ways, &list, ms).unwrap();
            let packet = list.beats[now.beat].packet;
            if let Some((before, then)) = last.filter(|(before, _)| *before == packet) {
                assert_eq!(before, packet);
                assert!(now.along + 1e-9 >= then.along, "never back");
                assert!(now.at.distance(then.at) < 110.0, "{:?} to {:?}", then.at, now.at);
            }
            last = Some((packet, now));
            ms += 8.0;
        }
    }

    #[test]
    fn vxlan_wraps_the_packet_between_the_tunnel_devices_only() {
        let (flow, ways, list, made) = setup();
        let boxes = |ms: f64| {
            let picture = motion(&flow, &ways, &list, ms, sight_of(&made));
            picture.prims.iter().filter(|prim| matches!(prim, Prim::Box { radius, fill: Some(Tone::AccentSoft), .. } | Prim::Box { radius, fill: Some(Tone::Sheet), shadow: true, .. } if *radius > 5.5)).count()
        };
        let stage = |name: &str| list.beats.iter().position(|b| flow.packets[b.packet].steps[b.step].stage == name);
        let (wrap, unwrap) = (stage("encapsulate").unwrap(), stage("decapsulate").unwrap());
        assert_eq!(boxes(list.rest_ms(wrap - 1)), 1);
        for beat in wrap..unwrap {
            assert_eq!(boxes(list.rest_ms(beat)), 2, "an envelope within an envelope");
        }
        assert_eq!(boxes(list.rest_ms(unwrap)), 1);
    }

    #[test]
    fn the_end_is_signed_and_ways_stay() {
        let (flow, ways, list, made) = setup();
        let end = motion(&flow, &ways, &list, list.total_ms(), sight_of(&made));
        assert!(end.prims.iter().any(|prim| matches!(prim, Prim::Sign { kind: VerdictKind::Delivered, .. })));
        let faded = |prim: &&Prim| matches!(prim, Prim::Line { opacity, .. } if *opacity < 0.5);
        assert_eq!(end.prims.iter().filter(faded).count(), 2, "one line for requests, one for replies");
    }

    #[test]
    fn an_answer_that_tells_of_a_failure_rests_on_the_sign_of_what_failed() {
        let (mut flow, ways, list, made) = setup();
        let kind = |flow: &FlowView| {
            let end = motion(flow, &ways, &list, list.total_ms(), sight_of(&made));
            end.prims.iter().rev().find_map(|prim| match prim {
                Prim::Sign { kind, .. } => Some(*kind),
                _ => None,
            })
        };
        assert_eq!(kind(&flow), Some(VerdictKind::Delivered));
        flow.summary.end_kind = VerdictKind::Rejected;
        assert_eq!(kind(&flow), Some(VerdictKind::Rejected), "the conversation's end");
        let last = list.beats.last().unwrap().packet;
        let of = flow.packets[last].parent.clone().filter(|(_, relation)| relation == "answers").unwrap().0;
        flow.packets.iter_mut().filter(|one| one.packet == of).for_each(|one| {
            one.disposition_kind = VerdictKind::Refused;
        });
        assert_eq!(kind(&flow), Some(VerdictKind::Refused), "the packet that it answers");
    }

    #[test]
    fn a_rewritten_address_is_told_on_arrival_and_not_before() {
        let (mut flow, ways, list, made) = setup();
        let beat = list.beats.iter().position(|beat| beat.step == 6).unwrap();
        let of = list.beats[beat];
        let change = |field: &str, before: &str, after: &str| ChangeView {
            field: field.into(),
            before: before.into(),
            after: after.into(),
        };
        let step = &mut flow.packets[of.packet].steps[of.step];
        step.changes = vec![change("ip.dst", "10.96.0.50", "10.244.2.2"), change("port.dst", "80", "8080")];
        let told = "dst 10.96.0.50 → 10.244.2.2 · dst port 80 → 8080";
        assert_eq!(translation(step).as_deref(), Some(told));
        let says = |ms: f64| {
            let picture = motion(&flow, &ways, &list, ms, sight_of(&made));
            let place = picture.prims.iter().find_map(|prim| match prim {
                Prim::Box { rect, stroke: Some(Stroke { tone: Tone::Nat, .. }), fill: Some(_), .. } => Some(*rect),
                _ => None,
            });
            let is_told = picture.prims.iter().any(|prim| matches!(prim, Prim::Text { text, .. } if text == told));
            place.filter(|_| is_told)
        };
        assert_eq!(says(of.start_ms + 1.0), None);
        let slip = says(list.rest_ms(beat)).expect("a slip beside the card");
        let world = sight_of(&made).view.world;
        assert_eq!(world.union(slip), world);
        let ttl = StepView { changes: vec![change("ip.ttl", "64", "63")], ..flow.packets[of.packet].steps[0].clone() };
        assert_eq!(translation(&ttl), None);
    }

    #[test]
    fn addresses_are_shortened_by_what_they_share() {
        assert_eq!(short_pair("10.244.1.2 → 10.244.2.2"), "10.244.1.2 → .2.2");
        assert_eq!(short_pair("10.244.1.2 → 10.244.1.9"), "10.244.1.2 → .9");
        assert_eq!(short_pair("10.244.1.2 → 8.8.8.8"), "10.244.1.2 → 8.8.8.8");
        assert_eq!(short_pair("fd00::1 → fd00::2"), "fd00::1 → fd00::2");
        assert_eq!(short_pair("who has 10.244.1.1?"), "who has 10.244.1.1?");
    }
}
