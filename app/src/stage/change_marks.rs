//! What an edit changed, as marks on the picture: rings around what is new or other, outlines of what is gone.

use super::changed::{Change, Entry, Of, Sign, target_of};
use super::geometry::{Rect, point, rect};
use super::layout::{Focus, Layout, Target, layout};
use super::prim::{Align, Picture, Prim, Stroke, Tone};
use super::text::{self, Face};
use podhop_engine::protocol::Scene;

/// More than these are in the list only.
const MARKED_MAX: usize = 1_200;
/// What is narrower has room for no word.
const WORDED: f64 = 60.0;

/// What happened at one place of the picture.
struct Spot {
    rect: Rect,
    /// It is the thing itself, not a tile that stands for it.
    itself: bool,
    /// By `Sign`.
    counts: [usize; 3],
}

/// The marks of a change on the present layout. `large`: how much larger than world size words must be.
pub fn picture(change: &Change, scene: &Scene, now: &Layout, focus: &Focus, large: f64) -> Picture {
    let mut picture = Picture::default();
    let mut spots: Vec<Spot> = Vec::new();
    let mut add = |rect: Rect, itself: bool, sign: Sign| match spots.iter_mut().find(|spot| spot.rect == rect) {
        Some(spot) => spot.counts[sign as usize] += 1,
        None => {
            let mut counts = [0; 3];
            counts[sign as usize] = 1;
            spots.push(Spot { rect, itself, counts });
        }
    };
    let gone = change.entries.iter().any(|entry| entry.sign == Sign::Removed);
    let then = gone.then(|| layout(&change.before, focus));
    // A new node says it for its Pods.
    let with_node = |entry: &&Entry| {
        entry.of != Of::Pod || entry.sign != Sign::Added || !is_on_new_node(change, scene, &entry.place)
    };
    for entry in change.entries.iter().filter(with_node).take(MARKED_MAX) {
        let device = (entry.of == Of::Device).then_some(entry.name.as_str());
        if entry.sign != Sign::Removed {
            let target = target_of(scene, &entry.place, device);
            let tile = |target: &Target| match *target {
                Target::Pod(node, _) | Target::Device(node, _) => now.rooms.iter().all(|room| room.node != node),
                _ => false,
            };
            if let Some((target, rect)) = target.and_then(|target| Some((target.clone(), now.rect_of(&target)?))) {
                add(rect, !tile(&target), entry.sign);
            }
        } else if let Some(then) = &then {
            match ghost(change, scene, then, now, (&entry.place, device)) {
                Some(Ghost::Free(rect)) => outline(&mut picture, rect, &entry.name, large),
                // Where a node stood there is another: the list tells of it.
                Some(Ghost::Taken(_)) if entry.of == Of::Node => {}
                Some(Ghost::Taken(rect)) => {
                    let below = Rect { y: rect.bottom(), ..rect };
                    pill(&mut picture, below, &["− ", &entry.name].concat(), Tone::Ink2, large)
                }
                Some(Ghost::Tile(rect)) => add(rect, false, Sign::Removed),
                None => {}
            }
        }
    }
    for spot in spots {
        ring(&mut picture, &spot, large);
    }
    picture
}

fn is_on_new_node(change: &Change, scene: &Scene, place: &str) -> bool {
    let node = scene.nodes.iter().find(|node| node.pods.iter().any(|pod| pod.place == place));
    node.is_some_and(|node| change.before.nodes.iter().all(|old| old.place != node.place))
}

enum Ghost {
    /// Nothing stands where it stood.
    Free(Rect),
    /// Something else does.
    Taken(Rect),
    /// Its node is a tile.
    Tile(Rect),
}

/// Where what is gone would stand now: as far from its room's corner as before.
fn ghost(
    change: &Change,
    scene: &Scene,
    then: &Layout,
    now: &Layout,
    (place, device): (&str, Option<&str>),
) -> Option<Ghost> {
    let target = target_of(&change.before, place, device)?;
    let mut stood = then.rect_of(&target)?;
    if let Target::Pod(node, _) | Target::Device(node, _) = target {
        let name = &change.before.nodes[node].name;
        let index = scene.nodes.iter().position(|node| node.name == *name)?;
        let room = now.rooms.iter().find(|room| room.node == index);
        let Some(room) = room else { return now.rect_of(&Target::Node(index)).map(Ghost::Tile) };
        let old = then.rooms.iter().find(|room| room.node == node)?;
        // Rooms grow upwards from their devices.
        let (dx, dy) = (room.rect.x - old.rect.x, room.rect.bottom() - old.rect.bottom());
        stood = rect(stood.x + dx, stood.y + dy, stood.width, stood.height);
        let mut taken = room.pods.iter().map(|pod| pod.rect).chain(room.devices.iter().map(|device| device.rect));
        let outside = room.rect.union(stood) != room.rect;
        return Some(if outside || taken.any(|rect| rect.overlaps(stood)) {
            Ghost::Taken(stood)
        } else {
            Ghost::Free(stood)
        });
    }
    let rooms = now.rooms.iter().map(|room| room.rect).chain(now.tiles.iter().map(|tile| tile.rect));
    let mut taken = rooms.chain(now.pending.iter().map(|(_, rect)| *rect)).chain([now.gateway]);
    Some(if taken.any(|rect| rect.overlaps(stood)) { Ghost::Taken(stood) } else { Ghost::Free(stood) })
}

fn outline(picture: &mut Picture, rect: Rect, name: &str, large: f64) {
    let stroke = Stroke { tone: Tone::Ink2, width: 1.4 * large.min(2.0), dashed: true };
    picture.prims.push(Prim::Box { rect, radius: 9.0, fill: None, stroke: Some(stroke), shadow: false });
    if rect.width > WORDED {
        pill(picture, rect, &["− ", name].concat(), Tone::Ink2, large);
    }
}

fn ring(picture: &mut Picture, spot: &Spot, large: f64) {
    // The squares of a crowd stand close to each other.
    let small = spot.rect.width < WORDED;
    let (by, radius, width) = if small { (1.0, 4.0, 1.6) } else { (4.0, 11.0, 2.0 * large.min(2.0)) };
    let stroke = Stroke { tone: Tone::Accent, width, dashed: false };
    let around = spot.rect.grown(by);
    picture.prims.push(Prim::Box { rect: around, radius, fill: None, stroke: Some(stroke), shadow: false });
    if small {
        return;
    }
    let [added, removed, _] = spot.counts;
    let word = match spot.counts {
        [1, 0, 0] if spot.itself => "+ new".to_string(),
        [0, 0, _] => "changed".to_string(),
        _ => {
            let part =
                |count: usize, sign: &str| if count > 0 { [sign, &count.to_string()].concat() } else { String::new() };
            [part(added, "+"), part(removed, " −")].concat().trim().to_string()
        }
    };
    pill(picture, around, &word, Tone::Accent, large);
}

/// A word on the upper edge of a thing, at its right end, if it has room there: from far away the ring must do.
fn pill(picture: &mut Picture, of: Rect, word: &str, tone: Tone, large: f64) {
    let word = text::fit(word, (of.width / large).max(64.0) - 16.0, Face::Note);
    let (width, height) = ((text::width(&word, Face::Note) + 12.0) * large, 16.0 * large);
    if width > of.width {
        return;
    }
    let place = rect(of.right() - width - 4.0, of.y - height / 2.0, width, height);
    let edge = Stroke { tone, width: large, dashed: false };
    let (fill, stroke) = (Some(Tone::Sheet), Some(edge));
    picture.over.push(Prim::Box { rect: place, radius: height / 2.0, fill, stroke, shadow: false });
    picture.over.push(Prim::Text {
        at: point(place.center().x, place.center().y + 4.0 * large),
        text: word,
        face: Face::Note,
        tone,
        align: Align::Center,
        scale: large,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::stage::changed::entries;
    use std::rc::Rc;

    fn marks(workers: usize, edit: impl FnOnce(&mut Scene)) -> (Picture, Layout) {
        let before = fixture::scene(workers, 2);
        let mut now = before.clone();
        edit(&mut now);
        let made = layout(&now, &Focus::default());
        let entries = entries(&before, &now);
        let change = Change { before: Rc::new(before), entries, difference: None, at_ms: 0.0 };
        (picture(&change, &now, &made, &Focus::default(), 1.0), made)
    }

    fn words(picture: &Picture) -> Vec<&str> {
        let word = |prim: &'_ Prim| matches!(prim, Prim::Text { .. });
        let texts = picture.over.iter().filter(|prim| word(prim));
        texts.map(|prim| if let Prim::Text { text, .. } = prim { text.as_str() } else { "" }).collect()
    }

    #[test]
    fn a_new_pod_has_a_ring_and_a_word_and_no_hue_of_a_verdict() {
        let (picture, made) = marks(2, |scene| scene.nodes[1].pods.push(fixture::pod("default", "new", "10.244.1.9")));
        assert_eq!(words(&picture), ["+ new"]);
        let ring = made.rooms[0].pods.iter().find(|place| place.pod == 4).unwrap().rect.grown(4.0);
        assert!(picture.prims.iter().any(|prim| matches!(prim, Prim::Box { rect, .. } if *rect == ring)));
        let verdicts = [Tone::Ok, Tone::Drop, Tone::Reject, Tone::Wait];
        let hue = |prim: &&Prim| matches!(prim, Prim::Box { stroke: Some(s), .. } if verdicts.contains(&s.tone));
        assert_eq!(picture.prims.iter().find(hue), None);
    }

    #[test]
    fn what_is_gone_leaves_an_outline_where_nothing_else_stands() {
        let (picture, made) = marks(2, |scene| scene.nodes[1].pods.truncate(3));
        assert!(words(&picture)[0].starts_with("− web"));
        let dashed = |prim: &Prim| match prim {
            Prim::Box { rect, fill: None, stroke: Some(stroke), .. } if stroke.dashed => Some(*rect),
            _ => None,
        };
        let outline = picture.prims.iter().find_map(dashed).unwrap();
        assert!(made.rooms[0].pods.iter().all(|place| !place.rect.overlaps(outline)));
        assert_eq!(made.rooms[0].rect.union(outline), made.rooms[0].rect);
    }

    #[test]
    fn the_changes_of_a_tile_are_counted_on_it() {
        let (picture, made) = marks(6, |scene| {
            scene.nodes[5].pods.pop();
            scene.nodes[5].pods.extend(["x", "y"].map(|name| fixture::pod("default", name, "10.244.5.9")));
        });
        assert!(made.tiles.iter().any(|tile| tile.node == 5));
        assert_eq!(words(&picture), ["+2 −1"]);
    }
}
