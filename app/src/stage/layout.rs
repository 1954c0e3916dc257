//! Where everything stands. Rooms are nodes in full, above the wire of the node network; the other nodes hang below
//! it as tiles that shrink as they grow in number, so that one, twenty and a thousand nodes all make a picture.

use super::geometry::{Point, Rect, point, rect};
use super::room::{self, Room, RoomPlan};
use super::shelf::{self, Shelf};
use crate::few::Few;
use podhop_engine::protocol::{NodeView, Scene};

/// The place of the world beyond the gateway, as steps name it.
pub const INTERNET: &str = "internet";
pub const GAP: f64 = 52.0;
const BUS_DROP: f64 = 64.0;
/// Rooms that a conversation may open by itself.
const ROOMS_MAX: usize = 4;
/// Up to so many rooms, those of the picture before stay.
const KEPT_MAX: usize = 3;

/// What of the scene the picture is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Focus {
    /// Places that the conversation passes, in order: `pod/default/pod-a`, `node/worker-1` …
    pub places: Vec<String>,
    /// Nodes that the user opened.
    pub opened: Few<String>,
    /// Nodes that are rooms in the picture before: they stay, if there is room, so that nothing jumps.
    pub kept: Vec<String>,
}

/// A node seen from afar.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    pub node: usize,
    pub rect: Rect,
}

/// How much a tile can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileSize {
    /// Name, address, a mark for each Pod.
    Full,
    /// Name and count.
    Small,
    /// A square.
    Dot,
}

impl TileSize {
    fn for_count(count: usize) -> TileSize {
        match count {
            0..=8 => TileSize::Full,
            9..=60 => TileSize::Small,
            _ => TileSize::Dot,
        }
    }

    fn size(self) -> (f64, f64, f64) {
        match self {
            TileSize::Full => (150.0, 60.0, 14.0),
            TileSize::Small => (104.0, 36.0, 10.0),
            TileSize::Dot => (22.0, 22.0, 5.0),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    pub rooms: Vec<Room>,
    pub tiles: Vec<Tile>,
    pub tile_size: TileSize,
    /// Around the tiles, when they are more than one row.
    pub tile_frame: Option<Rect>,
    pub gateway: Rect,
    /// What lies beyond the gateway, if a load balancer or the conversation leads there.
    pub internet: Option<Rect>,
    /// The Services, above the rooms.
    pub shelf: Shelf,
    /// The wire of the node network, from left to right.
    pub bus: (Point, Point),
    /// Pods that no node has taken: index into `Scene.pending`.
    pub pending: Vec<(usize, Rect)>,
    pub bounds: Rect,
    /// Rooms, wire and gateway: what must be readable.
    pub focus: Rect,
}

/// Which nodes are drawn as rooms: those of the conversation and those the user opened; if that is less than two, the
/// first ones that run something of the user's, workers before the control plane. In their order, the control plane last.
pub fn rooms_of(scene: &Scene, focus: &Focus) -> Vec<usize> {
    let mut open = vec![false; scene.nodes.len()];
    let mut count = 0;
    let mut take = |index: usize, count_max: usize| {
        if count < count_max && !std::mem::replace(&mut open[index], true) {
            count += 1;
        }
    };
    let on = |place: &str| {
        scene.nodes.iter().position(|node| node.place == place || node.pods.iter().any(|pod| pod.place == place))
    };
    for index in focus.places.iter().filter_map(|place| on(place)) {
        take(index, ROOMS_MAX);
    }
    for (index, node) in scene.nodes.iter().enumerate() {
        if focus.opened.contains(&node.name) {
            take(index, usize::MAX);
        }
    }
    for name in &focus.kept {
        if let Some(index) = scene.nodes.iter().position(|node| node.name == *name) {
            take(index, KEPT_MAX);
        }
    }
    let has_own = |node: &NodeView| node.pods.iter().any(|pod| !pod.system);
    let wanted: [&dyn Fn(&NodeView) -> bool; 3] = [&has_own, &|node| !node.control_plane, &|_| true];
    for wants in wanted {
        for (index, _) in scene.nodes.iter().enumerate().filter(|(_, node)| wants(node)) {
            take(index, 2);
        }
    }
    let rooms = |of_control_plane: bool| {
        let is = move |index: &usize| scene.nodes[*index].control_plane == of_control_plane;
        (0..open.len()).filter(|index| open[*index]).filter(is).collect::<Vec<usize>>()
    };
    [rooms(false), rooms(true)].concat()
}

/// The whole picture's coordinates. The same scene and focus give the same layout.
pub fn layout(scene: &Scene, focus: &Focus) -> Layout {
    let open = rooms_of(scene, focus);
    let pod_boxes_max = if open.len() > 1 { 2 } else { 4 };
    let plans: Vec<RoomPlan> =
        open.iter().map(|index| room::plan(*index, &scene.nodes[*index], focus, pod_boxes_max)).collect();
    let height = plans.iter().map(RoomPlan::height).fold(0.0, f64::max);
    let mut rooms = Vec::new();
    let mut x = 0.0;
    let middle = (plans.len() / 2).max(1);
    for (i, plan) in plans.iter().enumerate() {
        let place = rect(x, 0.0, plan.width(), height);
        // Rooms after the first half are mirrored: their way to the wire is then the short one.
        rooms.push(room::place(plan, &scene.nodes[plan.node], place, i >= middle));
        x = place.right() + GAP;
    }
    let width = (x - GAP).max(560.0);
    let bus_y = height + BUS_DROP;
    let bus = (point(0.0, bus_y), point(width, bus_y));
    let balancers = shelf::balancers(scene).len();
    let gateway = rect(width - 150.0, bus_y + 40.0, 150.0, 44.0 + 14.0 * balancers as f64);
    let is_wanted = balancers > 0 || focus.places.iter().any(|place| place == INTERNET);
    let internet = is_wanted.then(|| rect(gateway.x, gateway.bottom() + 24.0, gateway.width, 40.0));
    let outside = internet.map_or(gateway, |internet| gateway.union(internet));
    let shelf = Shelf::new(scene, width);
    let below = bus_y + 40.0;
    let (pending, pending_bottom) = pending_row(scene, width - 170.0, below);
    let closed: Vec<usize> = (0..scene.nodes.len()).filter(|index| !open.contains(index)).collect();
    let tiles_y = if pending.is_empty() { below } else { pending_bottom + 20.0 };
    let (tiles, tile_size, tile_frame) = tile_rows(&closed, width, tiles_y, outside);
    let focus = shelf.frame().into_iter().fold(rect(0.0, 0.0, width, outside.bottom()), Rect::union);
    let mut bounds = focus;
    for other in tile_frame.iter().copied().chain(tiles.iter().map(|tile| tile.rect)).chain(pending.iter().map(|p| p.1))
    {
        bounds = bounds.union(other);
    }
    Layout { rooms, tiles, tile_size, tile_frame, gateway, internet, shelf, bus, pending, bounds, focus }
}

fn pending_row(scene: &Scene, width: f64, y: f64) -> (Vec<(usize, Rect)>, f64) {
    let (box_width, box_height, gap) = (180.0, 44.0, 12.0);
    let columns = ((width + gap) / (box_width + gap)).floor().max(1.0) as usize;
    let shown = scene.pending.len().min(columns * 3);
    let at = |i: usize| {
        let (column, row) = ((i % columns) as f64, (i / columns) as f64);
        rect(column * (box_width + gap), y + 22.0 + row * (box_height + gap), box_width, box_height)
    };
    let boxes: Vec<(usize, Rect)> = (0..shown).map(|i| (i, at(i))).collect();
    let bottom = boxes.last().map_or(y, |(_, last)| last.bottom());
    (boxes, bottom)
}

fn tile_rows(closed: &[usize], width: f64, y: f64, gateway: Rect) -> (Vec<Tile>, TileSize, Option<Rect>) {
    let size = TileSize::for_count(closed.len());
    let (tile_width, tile_height, gap) = size.size();
    let beside_gateway = gateway.x - 20.0;
    let single = closed.len() as f64 * (tile_width + gap) - gap <= beside_gateway && y <= gateway.y + 1.0;
    if single {
        let tile = |(i, node): (usize, &usize)| Tile {
            node: *node,
            rect: rect(i as f64 * (tile_width + gap), y, tile_width, tile_height),
        };
        return (closed.iter().enumerate().map(tile).collect(), size, None);
    }
    // A thousand squares want a block that is wider than high, like the picture above them.
    let wide = (closed.len() as f64 * (tile_width + gap) * (tile_height + gap) * 2.4).sqrt();
    let inner = (width - 32.0).max(wide);
    let columns = ((inner + gap) / (tile_width + gap)).floor().max(1.0) as usize;
    let top = y.max(gateway.bottom() + 20.0) + 34.0;
    let tiles: Vec<Tile> = closed
        .iter()
        .enumerate()
        .map(|(i, node)| {
            let (column, row) = ((i % columns) as f64, (i / columns) as f64);
            let at = rect(16.0 + column * (tile_width + gap), top + row * (tile_height + gap), tile_width, tile_height);
            Tile { node: *node, rect: at }
        })
        .collect();
    let frame = tiles
        .iter()
        .map(|tile| tile.rect)
        .reduce(Rect::union)
        .map(|inner| rect(0.0, top - 34.0, (inner.right() + 16.0).max(width), inner.bottom() - top + 50.0));
    (tiles, size, frame)
}

/// What is under a point.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Its index in `Scene.nodes`.
    Node(usize),
    /// Node and Pod index.
    Pod(usize, usize),
    /// Node and device index.
    Device(usize, usize),
    /// Index in `Scene.pending`.
    Pending(usize),
    Gateway,
    Internet,
    /// Index in `Scene.services`.
    Service(usize),
    /// The Services that have no chip.
    MoreServices,
}

impl Layout {
    pub fn hit(&self, at: Point) -> Option<Target> {
        if let Some((service, _)) = self.shelf.chips.iter().find(|(_, place)| place.contains(at)) {
            return Some(Target::Service(*service));
        }
        if self.shelf.more.is_some_and(|more| more.contains(at)) {
            return Some(Target::MoreServices);
        }
        if self.internet.is_some_and(|internet| internet.contains(at)) {
            return Some(Target::Internet);
        }
        if self.gateway.contains(at) {
            return Some(Target::Gateway);
        }
        if let Some((index, _)) = self.pending.iter().find(|(_, place)| place.contains(at)) {
            return Some(Target::Pending(*index));
        }
        if let Some(tile) = self.tiles.iter().find(|tile| tile.rect.contains(at)) {
            return Some(Target::Node(tile.node));
        }
        let room = self.rooms.iter().find(|room| room.rect.contains(at))?;
        if let Some(pod) = room.pods.iter().find(|pod| pod.rect.contains(at)) {
            return Some(Target::Pod(room.node, pod.pod));
        }
        if let Some(device) = room.devices.iter().find(|device| device.rect.contains(at)) {
            return Some(Target::Device(room.node, device.device));
        }
        Some(Target::Node(room.node))
    }

    /// What can be taken hold of at a point: everything but the empty parts of rooms, by which the picture is moved.
    pub fn handle(&self, at: Point) -> Option<Target> {
        let target = self.hit(at)?;
        self.handle_of(&target).filter(|handle| handle.contains(at)).map(|_| target)
    }

    /// Where a target is taken hold of: a node in full by its head, everything else as a whole.
    pub fn handle_of(&self, target: &Target) -> Option<Rect> {
        let whole = self.rect_of(target)?;
        let room = matches!(target, Target::Node(node) if self.rooms.iter().any(|room| room.node == *node));
        Some(if room { rect(whole.x, whole.y, whole.width, room::HEAD - 8.0) } else { whole })
    }

    /// Where a target is drawn, if it is.
    pub fn rect_of(&self, target: &Target) -> Option<Rect> {
        let room = |node: usize| self.rooms.iter().find(|room| room.node == node);
        let tile = |node: usize| self.tiles.iter().find(|tile| tile.node == node).map(|tile| tile.rect);
        match *target {
            Target::Gateway => Some(self.gateway),
            Target::Internet => self.internet,
            Target::Service(service) => self.shelf.rect_of(service),
            Target::MoreServices => self.shelf.more,
            Target::Pending(index) => self.pending.iter().find(|(i, _)| *i == index).map(|(_, place)| *place),
            Target::Node(node) => room(node).map(|room| room.rect).or_else(|| tile(node)),
            Target::Pod(node, pod) => match room(node) {
                Some(room) => room.pods.iter().find(|place| place.pod == pod).map(|place| place.rect),
                None => tile(node),
            },
            Target::Device(node, device) => match room(node) {
                Some(room) => room.devices.iter().find(|place| place.device == device).map(|place| place.rect),
                None => tile(node),
            },
        }
    }
}
