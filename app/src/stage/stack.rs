//! The insides of a namespace, seen from close by: the stations at which its kernel looks something up. Between the
//! devices at the left and the way round them at the right there is a column for a node's; a Pod's stand in its box.

use super::geometry::{Point, Rect, point, rect};
use super::picture::pod_box;
use super::prim::{Align, Picture, Tone, stroke};
use super::room::{Room, STACK_WIDTH, STACK_X};
use super::text::Face;
use podhop_engine::protocol::NodeView;

/// From this scale on the stations are drawn, and packets stop at them.
pub const SCALE: f64 = 1.8;
/// Letters of the stations are smaller than the room's.
const SMALL: f64 = 0.5;
const HEIGHT: f64 = 12.0;
const STEP: f64 = 15.0;

/// Where a packet stops within the kernel of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Station {
    Prerouting,
    Route,
    Forward,
    Neighbor,
    Postrouting,
    Sockets,
}

impl Station {
    pub const ALL: [Station; 6] = [
        Station::Prerouting,
        Station::Route,
        Station::Forward,
        Station::Neighbor,
        Station::Postrouting,
        Station::Sockets,
    ];

    /// The station of a step at this stage, if it happens at one and not at a device.
    pub fn of(stage: &str) -> Option<Station> {
        Some(match stage {
            "route" => Station::Route,
            "forward" | "fragment" => Station::Forward,
            "neighbor" => Station::Neighbor,
            "prerouting" => Station::Prerouting,
            "postrouting" => Station::Postrouting,
            "send" | "deliver" | "reassemble" | "input" | "output" => Station::Sockets,
            _ => return None,
        })
    }

    /// As the journey calls it, and what prints what is looked up there.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Station::Route => ("Route", "ip route"),
            Station::Prerouting => ("Prerouting", "iptables"),
            Station::Postrouting => ("Postrouting", "iptables"),
            Station::Forward => ("Forward", "TTL, filter"),
            Station::Neighbor => ("Neighbour", "ip neigh"),
            Station::Sockets => ("Sockets", "ss"),
        }
    }
}

impl Room {
    pub fn station(&self, of: Station) -> Rect {
        let x = if self.mirrored { self.rect.right() - STACK_X - STACK_WIDTH } else { self.rect.x + STACK_X };
        rect(x, self.bridge_y + 18.0 + of as usize as f64 * STEP, STACK_WIDTH, HEIGHT)
    }

    /// Where packets stop at a station: at its end towards the devices, beside its words.
    pub fn station_stop(&self, of: Station) -> Point {
        let place = self.station(of);
        point(if self.mirrored { place.right() - 6.0 } else { place.x + 6.0 }, place.center().y)
    }

    /// x of the way between the devices and the stations.
    pub fn riser_x(&self) -> f64 {
        let stations = self.station(Station::Route);
        if self.mirrored { stations.right() + 9.0 } else { stations.x - 9.0 }
    }
}

/// Where packets stop at a Pod's station: at its lower edge, below its word.
pub fn pod_stop(station: Rect) -> Point {
    point(station.center().x, station.bottom())
}

/// A Pod's stations: in a row at the bottom of its box, in the order in which it sends.
pub fn pod_station(pod: Rect, of: Station) -> Option<Rect> {
    let column = match of {
        Station::Sockets => 0.0,
        Station::Route => 1.0,
        Station::Neighbor => 2.0,
        Station::Prerouting | Station::Forward | Station::Postrouting => return None,
    };
    let width = (pod.width - 16.0) / 3.0;
    Some(rect(pod.x + 8.0 + column * width + 1.0, pod.bottom() - 12.5, width - 2.0, 9.5))
}

/// Draws the stations of a room.
pub fn draw(picture: &mut Picture, room: &Room) {
    let line = stroke(Tone::Rule, 0.8);
    let (riser, first, last) = (room.riser_x(), room.station(Station::Prerouting), room.station(Station::Sockets));
    picture.line(vec![point(riser, room.bridge_y + 13.0), point(riser, room.nic_y - 10.0)], line);
    for at in [room.tunnel, room.nic].into_iter().flatten().map(|index| room.devices[index].rect) {
        let edge = if room.mirrored { at.x } else { at.right() };
        picture.line(vec![point(edge, at.y + 3.0), point(riser, at.y + 3.0)], line);
    }
    let way = room.station_stop(Station::Route).x;
    picture.line(vec![point(way, first.y), point(way, last.bottom())], line);
    for station in Station::ALL {
        let place = room.station(station);
        let edge = if room.mirrored { place.right() } else { place.x };
        picture.line(vec![point(edge, place.center().y), point(riser, place.center().y)], line);
        picture.boxed(place, 3.0, Tone::Sheet, stroke(Tone::Line, 0.6));
        let (name, command) = station.words();
        let stop = room.station_stop(station);
        picture.boxed(rect(stop.x - 1.5, stop.y - 1.5, 3.0, 3.0), 1.5, Tone::Line, line);
        let (from, to) =
            if room.mirrored { (place.x + 4.0, stop.x - 7.0) } else { (stop.x + 7.0, place.right() - 4.0) };
        let baseline = place.center().y + 2.0;
        picture.scaled(point(from, baseline), name, (Face::Note, SMALL), Tone::Ink, Align::Left);
        picture.scaled(point(to, baseline), command, (Face::Mono, SMALL), Tone::Ink3, Align::Right);
    }
    if let Some(bridge) = room.bridge.map(|index| room.devices[index].rect) {
        let (x, align) =
            if room.mirrored { (bridge.x + 6.0, Align::Left) } else { (bridge.right() - 6.0, Align::Right) };
        picture.scaled(point(x, bridge.y + 10.0), "bridge fdb", (Face::Mono, SMALL), Tone::Ink3, align);
    }
}

/// Draws the stations of the Pods that have boxes.
pub fn draw_pods(picture: &mut Picture, node: &NodeView, room: &Room) {
    for pod in room.pods.iter().filter(|pod| pod_box(pod) && !node.pods[pod.pod].ip.is_empty()) {
        for station in [Station::Sockets, Station::Route, Station::Neighbor] {
            let Some(place) = pod_station(pod.rect, station) else { continue };
            picture.boxed(place, 3.0, Tone::Sheet, stroke(Tone::Line, 0.5));
            let name = station.words().0;
            let at = point(place.center().x, place.center().y + 1.9);
            picture.scaled(at, name, (Face::Note, SMALL), Tone::Ink2, Align::Center);
        }
    }
}

/// What the tunnel's device says of itself, in its box.
pub fn tunnel_note(picture: &mut Picture, (place, x): (Rect, f64), (note, mtu): (&str, u32), align: Align) {
    let at = point(x, place.y + 23.5);
    picture.scaled(at, note, (Face::Note, SMALL), Tone::Ink3, align);
    let x = if align == Align::Left { place.x + 6.0 } else { place.right() - 6.0 };
    let mtu = ["MTU ", &mtu.to_string()].concat();
    picture.scaled(point(x, at.y), mtu, (Face::Note, SMALL), Tone::Ink3, align);
}

#[cfg(test)]
mod tests {
    use super::super::layout::{Focus, layout};
    use super::*;
    use crate::fixture;

    #[test]
    fn stations_stand_clear_of_devices_and_of_each_other_in_every_room() {
        for pods in [0, 1, 2, 9, 110] {
            for workers in [0, 1, 2, 3] {
                let scene = fixture::scene(workers, pods);
                for room in layout(&scene, &Focus::default()).rooms {
                    let mut all: Vec<Rect> = Station::ALL.map(|station| room.station(station)).to_vec();
                    all.extend(room.devices.iter().map(|device| device.rect));
                    all.extend(room.pods.iter().map(|pod| pod.rect));
                    for (i, one) in all.iter().enumerate() {
                        assert_eq!(room.rect.union(*one), room.rect);
                        assert!(all[i + 1..].iter().all(|other| !other.overlaps(*one)), "{one:?}");
                    }
                    let riser = room.riser_x();
                    let small = [room.tunnel, room.nic].into_iter().flatten().map(|index| room.devices[index].rect);
                    assert!(small.into_iter().all(|device| riser < device.x || riser > device.right()));
                    assert_ne!(riser, room.bypass_x);
                }
            }
        }
    }

    #[test]
    fn a_pod_s_stations_are_in_its_box() {
        let pod = rect(10.0, 10.0, 116.0, 62.0);
        let places: Vec<Rect> =
            [Station::Sockets, Station::Route, Station::Neighbor].iter().filter_map(|s| pod_station(pod, *s)).collect();
        assert_eq!(places.len(), 3);
        assert!(places.iter().all(|place| pod.union(*place) == pod));
        assert!(places.windows(2).all(|pair| pair[0].right() < pair[1].x));
        assert_eq!(pod_station(pod, Station::Forward), None);
    }
}
