//! The way of a packet through the picture: every step has a stop, and between stops the packet follows the wires.

use super::geometry::{Point, Polyline, point};
use super::layout::{INTERNET, Layout};
use super::picture::pod_box;
use super::room::Room;
use super::stack::{self, Station};
use podhop_engine::protocol::{NodeView, PacketView, Scene, StepView};

/// A packet's way: `stops[i]` is the distance along `line` at which step `i` happens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    pub line: Polyline,
    pub stops: Vec<f64>,
    /// How far beside the line it is drawn, to the right and down.
    pub by: f64,
}

/// What of a step its place in the picture depends on.
#[derive(Clone, Copy, Debug)]
pub struct Stop<'a> {
    pub place: &'a str,
    pub device: &'a str,
    pub stage: &'a str,
    /// The packet is inside a tunnel after the step.
    pub tunnelled: bool,
}

impl<'a> Stop<'a> {
    pub fn of(step: &'a StepView) -> Stop<'a> {
        let tunnelled = step.envelope.len() > 1;
        Stop { place: &step.place, device: &step.device, stage: &step.stage, tunnelled }
    }
}

/// Where a place is in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seat {
    Gateway,
    Internet,
    Bus,
    /// Index of the room; for a Pod also its index in the node.
    Room(usize),
    Pod(usize, usize),
    /// On a node that is drawn as a tile.
    Tile(Point),
    Unknown,
}

/// What the stops of a packet need to know of the picture.
pub struct Map<'a> {
    pub scene: &'a Scene,
    pub layout: &'a Layout,
    /// Packets stop at the stations within nodes and Pods.
    pub close: bool,
}

/// Where a step is, before it has coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spot {
    /// Plugged in at `at`; the step is that far from there.
    Pod {
        room: usize,
        at: Point,
        by: Point,
    },
    Veth {
        room: usize,
        x: f64,
    },
    Bridge(usize),
    Tunnel(usize),
    Nic(usize),
    Own(usize),
    /// A station of the node's kernel, or of a Pod's, which is plugged in at `plug`.
    Station(usize, Station),
    InPod {
        room: usize,
        at: Point,
        plug: Point,
    },
    /// The node's own routing, between devices.
    Kernel(usize),
    Bus,
    Gateway,
    Internet,
    /// A node that is drawn as a tile.
    Tile(Point),
    /// Nothing in the picture: the packet stays where it is.
    Unknown,
}

impl Map<'_> {
    pub fn seat(&self, place: &str) -> Seat {
        if place == "gateway" || place == "outside" {
            return Seat::Gateway;
        }
        if place == INTERNET {
            return Seat::Internet;
        }
        if place.starts_with("segment") || place.starts_with("fabric") {
            return Seat::Bus;
        }
        let of_pod = place.starts_with("pod/");
        let pod_of = |node: &NodeView| node.pods.iter().position(|pod| of_pod && pod.place == place);
        for (index, room) in self.layout.rooms.iter().enumerate() {
            let node = &self.scene.nodes[room.node];
            match pod_of(node) {
                Some(pod) => return Seat::Pod(index, pod),
                None if node.place == place => return Seat::Room(index),
                None => {}
            }
        }
        let is = |node: &NodeView| node.place == place || pod_of(node).is_some();
        let tile = self.layout.tiles.iter().find(|tile| is(&self.scene.nodes[tile.node]));
        tile.map_or(Seat::Unknown, |tile| Seat::Tile(point(tile.rect.center().x, tile.rect.y)))
    }

    fn spot_of(&self, step: &StepView) -> Spot {
        self.spot(self.seat(&step.place), Stop::of(step))
    }

    /// Where a step is whose place has this seat.
    pub fn spot(&self, seat: Seat, stop: Stop) -> Spot {
        let index = match seat {
            Seat::Gateway => return Spot::Gateway,
            Seat::Internet => return Spot::Internet,
            Seat::Bus => return Spot::Bus,
            Seat::Tile(at) => return Spot::Tile(at),
            Seat::Unknown => return Spot::Unknown,
            Seat::Pod(room, pod) => return self.pod_spot(room, pod, stop),
            Seat::Room(index) => index,
        };
        let room = &self.layout.rooms[index];
        if let Some(station) = Station::of(stop.stage).filter(|_| self.close) {
            return Spot::Station(index, station);
        }
        let node = &self.scene.nodes[room.node];
        let kind = node.devices.iter().find(|device| device.name == stop.device).map_or("", |d| d.kind.as_str());
        match kind {
            "bridge" => Spot::Bridge(index),
            "vxlan" | "ipip" => Spot::Tunnel(index),
            "nic" => Spot::Nic(index),
            "loopback" => Spot::Own(index),
            _ if !stop.device.is_empty() => {
                let pod = node.pods.iter().position(|pod| pod.veth == stop.device);
                match pod.and_then(|pod| room.pod_plug(pod)) {
                    Some(plug) => Spot::Veth { room: index, x: plug.x },
                    None => Spot::Bridge(index),
                }
            }
            _ if stop.stage == "send" || stop.stage == "deliver" => Spot::Own(index),
            _ => Spot::Kernel(index),
        }
    }

    fn pod_spot(&self, index: usize, pod: usize, stop: Stop) -> Spot {
        let room = &self.layout.rooms[index];
        let of = room.pods.iter().find(|at| at.pod == pod && pod_box(at)).filter(|_| self.close);
        let station = of.and_then(|of| stack::pod_station(of.rect, Station::of(stop.stage)?));
        match (room.pod_plug(pod), station) {
            (Some(plug), Some(station)) => Spot::InPod { room: index, at: stack::pod_stop(station), plug },
            (Some(at), _) => Spot::Pod { room: index, at, by: within_pod(stop.device) },
            (None, _) => Spot::Bridge(index),
        }
    }

    /// The way of one packet; every step gets a stop. `answered` is the packet that this one answers, if the same
    /// conversation has it, and its way.
    pub fn route(&self, packet: &PacketView, answered: Option<(&PacketView, &Route)>) -> Route {
        let spots = packet.steps.iter().map(|step| self.spot_of(step)).collect();
        let tunnelled: Vec<bool> = packet.steps.iter().map(|step| Stop::of(step).tunnelled).collect();
        let born = answered.and_then(|(answered, way)| {
            let (first, end) = (packet.steps.first()?, answered.steps.last()?);
            let spot = Some(self.spot_of(end)).filter(|_| first.place == end.place)?;
            Some((spot, way))
        });
        self.way(spots, &tunnelled, born)
    }

    /// The same from spots, and whether the packet is tunnelled after each step. `answered`: where the packet ended that
    /// this one answers, if that is where this one begins, and its way.
    pub fn way(&self, mut spots: Vec<Spot>, tunnelled: &[bool], answered: Option<(Spot, &Route)>) -> Route {
        let mut route = Route::default();
        let born = answered.and_then(|(spot, way)| self.born_at(*spots.first()?, spot, way));
        if let (Some((_, at)), Some(first)) = (born, spots.first_mut()) {
            *first = at;
        }
        // A way that begins at something that is gone by now begins at the first thing that is still there.
        let known = spots.iter().position(|spot| *spot != Spot::Unknown);
        let start = known.map(|i| self.stop(&spots, i, tunnelled[i], None));
        let mut last: Option<(Point, Spot)> = None;
        for (i, spot) in spots.iter().enumerate() {
            let before = last.map(|l| l.0).or(start.filter(|_| *spot == Spot::Unknown));
            let at = match born {
                Some((at, _)) if i == 0 => at,
                _ => self.stop(&spots, i, tunnelled[i], before),
            };
            if let Some((from, before)) = last.filter(|(_, before)| *before != Spot::Unknown) {
                for corner in self.corners(from, before, at, *spot) {
                    route.line.push(corner);
                }
            }
            route.stops.push(route.line.push(at));
            last = Some((at, if *spot == Spot::Unknown { last.map_or(*spot, |l| l.1) } else { *spot }));
        }
        route
    }

    /// An answer that a node's kernel makes, such as an ICMP error, begins where the packet that it answers ended, and
    /// not among the node's processes.
    fn born_at(&self, first: Spot, ended: Spot, way: &Route) -> Option<(Point, Spot)> {
        let by_kernel = matches!(first, Spot::Own(_) | Spot::Station(_, Station::Sockets));
        if !by_kernel || room_of(&ended).is_none() {
            return None;
        }
        Some((way.line.at(*way.stops.last()?), ended))
    }

    /// True if the packet is in or bound for the tunnel at step `i` of its stay in room `index`.
    fn uses_tunnel(&self, spots: &[Spot], i: usize, index: usize) -> bool {
        let here = |spot: &Spot| room_of(spot) == Some(index);
        let before = spots[..i].iter().rev().take_while(|spot| here(spot));
        let after = spots[i..].iter().take_while(|spot| here(spot));
        before.chain(after).any(|spot| matches!(spot, Spot::Tunnel(_)))
    }

    fn stop(&self, spots: &[Spot], i: usize, tunnelled: bool, last: Option<Point>) -> Point {
        let rooms = &self.layout.rooms;
        let bus_y = self.layout.bus.0.y;
        // On the way to a station packets pass above the device's name, not through it.
        let above = if self.close { 10.0 } else { 0.0 };
        match spots[i] {
            Spot::Pod { at, by, .. } => point(at.x + by.x, at.y + by.y),
            Spot::Veth { room, x } => point(x, rooms[room].bridge_y - 24.0),
            Spot::Bridge(room) => {
                // On the bar, at the plug or the lane that the packet comes from.
                let room = &rooms[room];
                let came = last.map_or(room.lane_x, |at| at.x);
                let plugs = room.rect.x + 26.0..=room.rect.right() - 26.0;
                point(if plugs.contains(&came) { came } else { room.lane_x }, room.bridge_way_y)
            }
            Spot::Tunnel(room) => point(rooms[room].lane_x, rooms[room].tunnel_y - above),
            Spot::Nic(room) => point(rooms[room].lane_x, rooms[room].nic_y - above),
            Spot::Own(room) => rooms[room].own_processes(),
            Spot::Station(room, station) => rooms[room].station_stop(station),
            Spot::InPod { at, .. } => at,
            Spot::Kernel(index) => {
                let room = &rooms[index];
                if !self.uses_tunnel(spots, i, index) {
                    return point(room.bypass_x, room.tunnel_y);
                }
                let y =
                    if tunnelled { (room.tunnel_y + room.nic_y) / 2.0 } else { (room.bridge_y + room.tunnel_y) / 2.0 };
                point(room.lane_x, y)
            }
            Spot::Bus => {
                let next = spots[i..].iter().find_map(|spot| self.bus_x(spot));
                let from = last.map_or(self.layout.bus.0.x, |at| at.x);
                let x = next.map_or(from + 40.0, |to| (from + to) / 2.0);
                point(x, bus_y)
            }
            Spot::Gateway => point(self.layout.gateway.center().x, self.layout.gateway.y),
            Spot::Internet => {
                let gateway = self.layout.gateway;
                point(gateway.center().x, self.layout.internet.map_or(gateway.bottom(), |internet| internet.y))
            }
            Spot::Tile(at) => at,
            Spot::Unknown => last.unwrap_or(self.layout.bus.0),
        }
    }

    /// x at which a spot is plugged into the wire.
    fn bus_x(&self, spot: &Spot) -> Option<f64> {
        match spot {
            Spot::Gateway | Spot::Internet => Some(self.layout.gateway.center().x),
            Spot::Tile(at) => Some(at.x),
            Spot::Bus | Spot::Unknown => None,
            spot => room_of(spot).map(|room| self.layout.rooms[room].lane_x),
        }
    }

    /// The corners from a station to a device of its room: out to the riser, along it, and in at the device's height.
    fn riser(&self, room: usize, station: Point, device: Point, spot: Spot) -> Vec<Point> {
        let room = &self.layout.rooms[room];
        let (x, y) = (room.riser_x(), if is_upper(spot) { room.bridge_way_y } else { device.y });
        vec![point(x, station.y), point(x, y), point(device.x, y)]
    }

    /// The corners between two stops: along the bridge within a room, along the wire between rooms.
    fn corners(&self, from: Point, before: Spot, to: Point, spot: Spot) -> Vec<Point> {
        let bus_y = self.layout.bus.0.y;
        match (before, spot) {
            (Spot::InPod { plug: one, .. }, Spot::InPod { plug: other, .. }) if one == other => return Vec::new(),
            (Spot::InPod { room, plug, .. }, _) => {
                let (mut corners, door) = (Vec::new(), point(plug.x, from.y));
                corners.push(door);
                corners.extend(self.corners(door, Spot::Pod { room, at: plug, by: within_pod("") }, to, spot));
                return corners;
            }
            (_, Spot::InPod { room, plug, .. }) => {
                let door = point(plug.x, to.y);
                let mut corners = self.corners(from, before, door, Spot::Pod { room, at: plug, by: within_pod("") });
                corners.push(door);
                return corners;
            }
            (Spot::Pod { at: one, .. }, Spot::Pod { at: other, .. }) if one == other => return Vec::new(),
            (Spot::Gateway | Spot::Internet, Spot::Gateway | Spot::Internet) => return Vec::new(),
            (Spot::Station(..), Spot::Station(..)) if room_of(&before) == room_of(&spot) => return Vec::new(),
            (Spot::Station(room, _), _) if room_of(&spot) == Some(room) => return self.riser(room, from, to, spot),
            (_, Spot::Station(room, _)) if room_of(&before) == Some(room) => {
                let mut corners = self.riser(room, to, from, before);
                corners.reverse();
                return corners;
            }
            _ => {}
        }
        match (room_of(&before), room_of(&spot)) {
            (Some(a), Some(b)) if a == b => {
                let room = &self.layout.rooms[a];
                if is_upper(before) && matches!(spot, Spot::Nic(_)) {
                    round_tunnel(room, from, to)
                } else if matches!(before, Spot::Nic(_)) && is_upper(spot) {
                    let mut corners = round_tunnel(room, to, from);
                    corners.reverse();
                    corners
                } else if is_upper(before) || is_upper(spot) {
                    vec![point(from.x, room.bridge_way_y), point(to.x, room.bridge_way_y)]
                } else if matches!(before, Spot::Nic(_)) || matches!(spot, Spot::Nic(_)) {
                    let own = if matches!(before, Spot::Nic(_)) { to } else { from };
                    vec![point(own.x, room.own_processes().y), point(room.lane_x, room.own_processes().y)]
                } else {
                    vec![point(to.x, from.y)]
                }
            }
            _ => vec![point(from.x, bus_y), point(to.x, bus_y)],
        }
    }
}

/// The corners from the bridge or above it to the NIC, round the tunnel device, which would have been a stop.
fn round_tunnel(room: &Room, upper: Point, nic: Point) -> Vec<Point> {
    let own = room.own_processes();
    vec![point(upper.x, room.bridge_way_y), point(own.x, room.bridge_way_y), own, point(nic.x, own.y)]
}

/// Where in a Pod a step is, from its plug: at the door, before it, or at its loopback, to which nothing leads from outside.
fn within_pod(device: &str) -> Point {
    match device {
        "eth0" => point(0.0, 0.0),
        "lo" => point(40.0, -9.0),
        _ => point(0.0, -9.0),
    }
}

fn is_upper(spot: Spot) -> bool {
    matches!(spot, Spot::Pod { .. } | Spot::Veth { .. } | Spot::Bridge(_))
}

fn room_of(spot: &Spot) -> Option<usize> {
    match spot {
        Spot::Pod { room, .. } | Spot::Veth { room, .. } | Spot::InPod { room, .. } => Some(*room),
        Spot::Station(room, _) => Some(*room),
        Spot::Bridge(room) | Spot::Tunnel(room) | Spot::Nic(room) | Spot::Own(room) | Spot::Kernel(room) => Some(*room),
        Spot::Bus | Spot::Gateway | Spot::Internet | Spot::Tile(_) | Spot::Unknown => None,
    }
}

/// Places that a conversation passes, in the order of passing, plumbing left out.
pub fn places(flow: &podhop_engine::protocol::FlowView) -> Vec<String> {
    let mut places: Vec<String> = Vec::new();
    let steps = flow.packets.iter().filter(|packet| !packet.plumbing).flat_map(|packet| &packet.steps);
    let ends = [&flow.summary.from, &flow.summary.to];
    for place in ends.into_iter().chain(steps.map(|step| &step.place)) {
        if !places.contains(place) {
            places.push(place.clone());
        }
    }
    places
}
