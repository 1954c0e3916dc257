//! The still picture: rooms, Pods, devices, wires, tiles. Redrawn only when cluster, camera or theme change.

use super::geometry::{Point, Rect, point, rect};
use super::layout::{Focus, Layout, Tile, TileSize};
use super::prim::{Align, Picture, Prim, Stroke, Tone, stroke};
use super::room::{POD_WIDTH, PodPlace, PodShape, Room};
use super::shelf;
use super::stack;
use super::text::{self, Face};
use crate::glyph::Glyph;
use podhop_engine::protocol::{DeviceView, NodeView, PodPhase, PodView, ProxyState, Scene};

/// How much is said, by how far away one is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Detail {
    /// Nodes by name and number of Pods, in letters this many times as large; Pods and devices without their names.
    Far(f64),
    /// Everything but what stands on squares.
    Near,
    /// The stations within nodes and Pods, too.
    Stack,
    /// The squares of nodes have names, too.
    Close,
}

impl Detail {
    pub fn at(scale: f64) -> Detail {
        match scale {
            scale if scale < 0.26 => Detail::Far(4.0),
            scale if scale < 0.5 => Detail::Far(2.0),
            scale if scale < stack::SCALE => Detail::Near,
            scale if scale < 3.0 => Detail::Stack,
            _ => Detail::Close,
        }
    }

    /// Whether packets stop at the stations within nodes and Pods.
    pub fn has_stack(self) -> bool {
        matches!(self, Detail::Stack | Detail::Close)
    }
}

/// Everything that does not move.
pub fn picture(scene: &Scene, layout: &Layout, focus: &Focus, detail: Detail) -> Picture {
    let mut picture = Picture::default();
    bus(&mut picture, scene, layout);
    if !layout.shelf.chips.is_empty() {
        let large = if let Detail::Far(large) = detail { Some(large) } else { None };
        shelf::draw(&mut picture, scene, layout, focus, large);
    }
    for room in &layout.rooms {
        match detail {
            Detail::Far(large) => draw_room_far(&mut picture, &scene.nodes[room.node], room, large),
            _ => draw_room(&mut picture, &scene.nodes[room.node], room, focus, detail.has_stack()),
        }
    }
    if let Some(frame) = layout.tile_frame {
        picture.prims.push(Prim::Box {
            rect: frame,
            radius: 14.0,
            fill: None,
            stroke: Some(Stroke { tone: Tone::Line, width: 1.0, dashed: true }),
            shadow: false,
        });
        let mut label = layout.tiles.len().to_string();
        label.push_str(if layout.tiles.len() == 1 { " more node" } else { " more nodes" });
        match detail {
            // Beside the rooms, where there is room for large letters.
            Detail::Far(large) => {
                let (at, scale) = (point(layout.focus.right() + 40.0, frame.y - 24.0), 2.0 * large);
                let (face, tone, align) = (Face::Note, Tone::Ink3, Align::Left);
                picture.prims.push(Prim::Text { at, text: label, face, tone, align, scale });
            }
            _ => picture.text(point(frame.x + 16.0, frame.y + 22.0), label, Face::Note, Tone::Ink3),
        }
        // Between the Pods that wait and the gateway.
        let x = layout.gateway.x - 10.0;
        picture.line(vec![point(x, frame.y), point(x, layout.bus.0.y)], wire());
    }
    for tile in &layout.tiles {
        if layout.tile_frame.is_none() {
            let x = tile.rect.center().x;
            picture.line(vec![point(x, layout.bus.0.y), point(x, tile.rect.y)], wire());
        }
        draw_tile(&mut picture, &scene.nodes[tile.node], tile, layout.tile_size, detail);
    }
    for (index, place) in &layout.pending {
        draw_pending(&mut picture, &scene.pending[*index], *place);
    }
    if let (Some((_, first)), false) = (layout.pending.first(), scene.pending.is_empty()) {
        let mut label = String::from("on no node yet");
        if layout.pending.len() < scene.pending.len() {
            label.push_str(" · ");
            label.push_str(&layout.pending.len().to_string());
            label.push_str(" of ");
            label.push_str(&scene.pending.len().to_string());
        }
        picture.text(point(first.x + 4.0, first.y - 7.0), label, Face::Note, Tone::Ink3);
    }
    picture
}

fn wire() -> Stroke {
    stroke(Tone::Line, 1.0)
}

fn bus(picture: &mut Picture, scene: &Scene, layout: &Layout) {
    let (from, to) = layout.bus;
    picture.line(vec![from, to], stroke(Tone::Line, 1.0));
    for room in &layout.rooms {
        picture.line(vec![point(room.lane_x, room.nic_y + 13.0), point(room.lane_x, from.y)], wire());
    }
    let gateway = layout.gateway;
    picture.line(vec![point(gateway.center().x, to.y), point(gateway.center().x, gateway.y)], wire());
    let label = ["node network ", &scene.node_network].concat();
    let right = layout.rooms.iter().map(|room| room.lane_x).filter(|x| *x < from.x + 160.0).fold(from.x, f64::max);
    picture.glyph(point(right + 13.0, from.y - 20.0), Glyph::Switch, 13.0, Tone::Ink3);
    picture.text(point(right + 31.0, from.y - 9.0), label, Face::Note, Tone::Ink3);
    picture.boxed(gateway, 9.0, Tone::Node, wire());
    picture.glyph(point(gateway.right() - 22.0, gateway.y + 22.0), Glyph::Gateway, 14.0, Tone::Ink2);
    picture.text(point(gateway.x + 12.0, gateway.y + 19.0), "gateway to outside", Face::Note, Tone::Ink2);
    let ip = text::fit(&scene.gateway_ip, gateway.width - 24.0, Face::Mono);
    picture.text(point(gateway.x + 12.0, gateway.y + 34.0), ip, Face::Mono, Tone::Ink2);
    if let Some(internet) = layout.internet {
        outside(picture, scene, gateway, internet);
    }
}

/// The load balancers at the gateway, and what lies beyond.
fn outside(picture: &mut Picture, scene: &Scene, gateway: Rect, internet: Rect) {
    for (i, line) in shelf::balancers(scene).iter().enumerate() {
        let line = text::fit(line, gateway.width - 24.0, Face::Note);
        picture.text(point(gateway.x + 12.0, gateway.y + 49.0 + 14.0 * i as f64), line, Face::Note, Tone::Ink2);
    }
    let x = gateway.center().x;
    picture.line(vec![point(x, gateway.bottom()), point(x, internet.y)], wire());
    picture.boxed(internet, 14.0, Tone::Paper, Stroke { tone: Tone::Line, width: 1.0, dashed: true });
    picture.glyph(point(internet.right() - 24.0, internet.y + 12.0), Glyph::Internet, 15.0, Tone::Ink2);
    picture.text(point(internet.x + 12.0, internet.y + 17.0), "internet", Face::Note, Tone::Ink2);
    picture.text(point(internet.x + 12.0, internet.y + 31.0), scene.internet_ip.clone(), Face::Mono, Tone::Ink3);
}

fn draw_room(picture: &mut Picture, node: &NodeView, room: &Room, focus: &Focus, close: bool) {
    let place = room.rect;
    let edge = Stroke { tone: Tone::Line, width: 1.0, dashed: !node.ready };
    picture.boxed(place, 14.0, Tone::Node, edge);
    let inner = place.width - 36.0;
    picture.glyph(point(place.x + 17.0, place.y + 15.5), Glyph::Node, 15.0, Tone::Ink2);
    let state = match (node.ready, node.proxy, node.control_plane) {
        (false, ..) => "NotReady",
        (true, ProxyState::Stale, _) => "stale kube-proxy",
        (true, _, true) => "control plane",
        _ => "",
    };
    let name = text::fit(&node.name, inner - text::width(state, Face::Note) - 30.0, Face::Title);
    picture.text(point(place.x + 40.0, place.y + 28.0), name, Face::Title, Tone::Ink);
    let state_tone = match (node.ready, node.proxy) {
        (false, _) => Tone::Drop,
        (true, ProxyState::Stale) => Tone::Wait,
        _ => Tone::Ink3,
    };
    picture.aligned(point(place.right() - 18.0, place.y + 28.0), state, Face::Note, state_tone, Align::Right);
    let mut about = node.ip.clone();
    if !node.pod_cidr.is_empty() {
        about.push_str(" · ");
        about.push_str(&node.pod_cidr);
    }
    let about = text::fit(&about, inner, Face::Mono);
    picture.text(point(place.x + 18.0, place.y + 45.0), about, Face::Mono, Tone::Ink2);
    wires(picture, node, room);
    devices(picture, node, room, close);
    if close {
        stack::draw(picture, room);
    }
    for at in &room.pods {
        draw_pod(picture, &node.pods[at.pod], at, focus);
    }
    if close {
        stack::draw_pods(picture, node, room);
    }
    let host = room.pods.iter().find(|at| at.shape == PodShape::HostMark);
    if let Some(first) = host {
        let (x, align) = if room.mirrored { (first.rect.right(), Align::Right) } else { (first.rect.x, Align::Left) };
        picture.aligned(point(x, first.rect.y - 17.0), "host network", Face::Note, Tone::Ink3, align);
    }
}

fn pods_word(count: u32) -> String {
    [count.to_string().as_str(), if count == 1 { " Pod" } else { " Pods" }].concat()
}

/// A room of which only the largest letters can be read.
fn draw_room_far(picture: &mut Picture, node: &NodeView, room: &Room, large: f64) {
    let place = room.rect;
    picture.boxed(place, 14.0, Tone::Node, Stroke { tone: Tone::Line, width: large.sqrt(), dashed: !node.ready });
    let inner = place.width - 24.0;
    let mut write = |y: f64, line: &str, face: Face, tone: Tone| {
        let text = text::fit(line, inner / large, face);
        let at = point(place.x + 12.0, place.y + y * large);
        picture.prims.push(Prim::Text { at, text, face, tone, align: Align::Left, scale: large });
    };
    write(16.0, &node.name, Face::Title, Tone::Ink);
    let state = if node.ready { Tone::Ink2 } else { Tone::Drop };
    let count = if node.ready { pods_word(node.pods_count) } else { "NotReady".to_string() };
    write(31.0, &count, Face::Note, state);
    for at in &room.devices {
        picture.boxed(at.rect, 6.0, Tone::Sheet, device_edge(&node.devices[at.device]));
    }
    for at in room.pods.iter().filter(|at| at.rect.y > place.y + 36.0 * large) {
        match at.shape {
            PodShape::Mark => picture.square(mark_tone(&node.pods[at.pod]), at.rect),
            _ => picture.boxed(at.rect, 6.0, Tone::Pod, wire()),
        }
    }
}

/// The colour of a Pod that is a square.
fn mark_tone(pod: &PodView) -> Tone {
    match pod.phase {
        PodPhase::Running if pod.system => Tone::Line,
        PodPhase::Running => Tone::Ink2,
        phase => phase_tone(phase),
    }
}

fn wires(picture: &mut Picture, node: &NodeView, room: &Room) {
    let thin = wire();
    let plugged: Vec<f64> = (room.pods.iter())
        .filter(|at| at.shape == PodShape::Box && !node.pods[at.pod].ip.is_empty())
        .map(|at| at.rect.center().x)
        .collect();
    // Without a bridge the node routes between its Pods: their wires meet where it does.
    let (down_to, down_from) = match room.bridge {
        Some(_) => (room.bridge_y - 13.0, room.bridge_y + 13.0),
        None => (room.bridge_way_y, room.bridge_way_y),
    };
    if room.bridge.is_some() || !plugged.is_empty() {
        for at in room.pods.iter().filter(|at| at.shape == PodShape::Box && !node.pods[at.pod].ip.is_empty()) {
            let x = at.rect.center().x;
            picture.line(vec![point(x, at.rect.bottom()), point(x, down_to)], thin);
            let label = text::fit(&node.pods[at.pod].veth, 50.0, Face::Note);
            let middle = (at.rect.bottom() + room.bridge_y - 13.0) / 2.0 + 4.0;
            picture.text(point(x + 13.0, middle), label, Face::Note, Tone::Ink3);
        }
        let below = if room.tunnel.is_some() { room.tunnel_y } else { room.nic_y } - 13.0;
        picture.line(vec![point(room.lane_x, down_from), point(room.lane_x, below)], thin);
    }
    if room.bridge.is_none() && !plugged.is_empty() {
        let ends = plugged.iter().fold((room.lane_x, room.lane_x), |(low, high), x| (low.min(*x), high.max(*x)));
        picture.line(vec![point(ends.0, down_to), point(ends.1, down_to)], thin);
        let (x, align) = match room.mirrored {
            true => (room.rect.x + 20.0, Align::Left),
            false => (room.rect.right() - 20.0, Align::Right),
        };
        picture.aligned(point(x, down_to + 13.0), "routed, no bridge".to_owned(), Face::Note, Tone::Ink3, align);
    }
    if room.tunnel.is_some() {
        picture.line(vec![point(room.lane_x, room.tunnel_y + 13.0), point(room.lane_x, room.nic_y - 13.0)], thin);
    }
}

/// A device without a carrier is drawn as what does not run is.
fn device_edge(device: &DeviceView) -> Stroke {
    Stroke { dashed: !device.carrier, ..wire() }
}

fn devices(picture: &mut Picture, node: &NodeView, room: &Room, close: bool) {
    for (i, at) in room.devices.iter().enumerate() {
        let device = &node.devices[at.device];
        picture.boxed(at.rect, 6.0, Tone::Sheet, device_edge(device));
        if let Some(glyph) = Glyph::of(&device.kind) {
            let x = if room.mirrored { at.rect.right() - 20.0 } else { at.rect.x + 7.0 };
            picture.glyph(point(x, at.rect.y + 6.5), glyph, 13.0, Tone::Ink2);
        }
        let mut label = device.name.clone();
        // The NIC's address is the node's, which its head says.
        let bridge = room.bridge == Some(i);
        if bridge && !device.address.is_empty() {
            label.push(' ');
            label.push_str(device.address.split('/').next().unwrap_or_default());
        }
        // Beside the wires that go down into the device, not under them.
        let label = text::fit(&label, if bridge { 110.0 } else { 72.0 }, Face::Mono);
        let (x, align) = match room.mirrored && !bridge {
            true => (room.lane_x - 10.0, Align::Right),
            false if bridge => (at.rect.x + POD_WIDTH / 2.0 + 14.0, Align::Left),
            false => (room.lane_x + 14.0, Align::Left),
        };
        picture.aligned(point(x, at.rect.y + if bridge { 14.0 } else { 17.0 }), label, Face::Mono, Tone::Ink2, align);
        if room.tunnel == Some(i) && close {
            stack::tunnel_note(picture, (at.rect, x), (&device.note, device.mtu), align);
        } else if room.tunnel == Some(i) {
            let (x, align) = match room.mirrored {
                true => (at.rect.x - 12.0, Align::Right),
                false => (at.rect.right() + 12.0, Align::Left),
            };
            let mtu = ["MTU ", &device.mtu.to_string()].concat();
            let lines = device.note.split(" · ").chain([mtu.as_str()]).take(3);
            for (line, y) in lines.zip([4.0, 17.0, 30.0]) {
                let line = text::fit(line, room.rect.width - at.rect.width - 52.0, Face::Note);
                picture.aligned(point(x, at.rect.y + y), line, Face::Note, Tone::Ink3, align);
            }
        }
    }
}

/// A word for a Pod that does not run, empty for one that does.
pub fn phase_word(phase: PodPhase) -> &'static str {
    match phase {
        PodPhase::Running => "",
        PodPhase::Pending => "Pending",
        PodPhase::ContainerCreating => "ContainerCreating",
        PodPhase::CrashLoopBackOff => "CrashLoopBackOff",
        PodPhase::Succeeded => "Succeeded",
        PodPhase::Failed => "Failed",
    }
}

fn phase_tone(phase: PodPhase) -> Tone {
    match phase {
        PodPhase::Running | PodPhase::Succeeded => Tone::Ink3,
        PodPhase::Pending | PodPhase::ContainerCreating => Tone::Wait,
        PodPhase::CrashLoopBackOff | PodPhase::Failed => Tone::Drop,
    }
}

/// Whether a Pod is drawn with its name and address.
pub fn pod_box(at: &PodPlace) -> bool {
    at.shape == PodShape::Box
}

fn draw_pod(picture: &mut Picture, pod: &PodView, at: &PodPlace, focus: &Focus) {
    let concerned = focus.places.contains(&pod.place);
    let running = pod.phase == PodPhase::Running && !pod.frozen;
    let edge = match (concerned, running) {
        (true, _) => stroke(Tone::Ink, 1.3),
        (false, true) => wire(),
        (false, false) if pod.frozen => Stroke { tone: Tone::Wait, width: 1.0, dashed: true },
        (false, false) => Stroke { tone: phase_tone(pod.phase), width: 1.0, dashed: true },
    };
    let place = at.rect;
    match at.shape {
        PodShape::Box => {
            picture.boxed(place, 9.0, Tone::Pod, edge);
            let glyph = if pod.dns { Glyph::Dns } else { Glyph::Pod };
            picture.glyph(point(place.right() - 19.0, place.y + 4.0), glyph, 12.0, Tone::Ink3);
            let face = if concerned { Face::Strong } else { Face::Plain };
            let tone = if pod.system && !concerned { Tone::Ink2 } else { Tone::Ink };
            let name = text::fit(&pod.name, place.width - 22.0, face);
            picture.text(point(place.x + 13.0, place.y + 25.0), name, face, tone);
            let word = if pod.frozen { "stopped" } else { phase_word(pod.phase) };
            let (line, face, tone) = match word.is_empty() || (pod.phase == PodPhase::CrashLoopBackOff && running) {
                true => (pod.ip.as_str(), Face::Mono, Tone::Ink2),
                false if pod.frozen => (word, Face::Note, Tone::Wait),
                false => (word, Face::Note, phase_tone(pod.phase)),
            };
            let line = text::fit(line, place.width - 16.0, face);
            picture.text(point(place.x + 13.0, place.y + 45.0), line, face, tone);
        }
        PodShape::Chip => {
            picture.boxed(place, 6.0, Tone::Pod, edge);
            let name = text::fit(&pod.name, place.width - 18.0, Face::Note);
            let tone = if running { Tone::Ink2 } else { phase_tone(pod.phase) };
            picture.text(point(place.x + 9.0, place.y + 16.0), name, Face::Note, tone);
        }
        PodShape::Mark => picture.square(mark_tone(pod), place),
        PodShape::HostMark => picture.boxed(place, 3.0, Tone::Pod, edge),
    }
}

fn draw_tile(picture: &mut Picture, node: &NodeView, tile: &Tile, size: TileSize, detail: Detail) {
    let place = tile.rect;
    if let (TileSize::Dot, Detail::Far(_)) = (size, detail) {
        // Thousands of them are two paths.
        return picture.square(if node.ready { Tone::Line } else { Tone::Drop }, place.grown(-3.0));
    }
    let edge = Stroke { tone: if node.ready { Tone::Line } else { Tone::Drop }, width: 1.0, dashed: !node.ready };
    let radius = if size == TileSize::Dot { 4.0 } else { 9.0 };
    picture.boxed(place, radius, Tone::Node, edge);
    let at = |x: f64, y: f64| -> Point { point(place.x + x, place.y + y) };
    match (size, detail) {
        (TileSize::Full | TileSize::Small, Detail::Far(large)) => {
            let large = large.min(place.height / 18.0);
            let count = [&node.pods_count.to_string(), "·", &node.name].concat();
            let text = text::fit(&count, (place.width - 10.0) / large, Face::Note);
            let at = at(5.0, place.height / 2.0 + 4.0 * large);
            let (face, tone, align) = (Face::Note, Tone::Ink, Align::Left);
            picture.prims.push(Prim::Text { at, text, face, tone, align, scale: large });
        }
        (TileSize::Full, _) => {
            let name = text::fit(&node.name, place.width - 24.0, Face::Plain);
            picture.text(at(12.0, 21.0), name, Face::Plain, Tone::Ink);
            let ip = text::fit(&node.ip, place.width - 24.0, Face::Mono);
            picture.text(at(12.0, 36.0), ip, Face::Mono, Tone::Ink2);
            pod_marks(picture, node, at(12.0, 44.0), place.width - 24.0);
        }
        (TileSize::Small, _) => {
            let name = text::fit(&node.name, place.width - 18.0, Face::Note);
            picture.text(at(9.0, 15.0), name, Face::Note, Tone::Ink);
            pod_marks(picture, node, at(9.0, 22.0), place.width - 18.0);
        }
        (TileSize::Dot, Detail::Close) => {
            let mut write = |y: f64, line: &str| {
                let text = text::fit(line, (place.width - 1.5) / 0.36, Face::Tiny);
                let (face, tone, align) = (Face::Tiny, Tone::Ink2, Align::Center);
                let at = at(place.width / 2.0, y);
                picture.prims.push(Prim::Text { at, text, face, tone, align, scale: 0.36 });
            };
            write(9.0, &node.name);
            write(15.5, &pods_word(node.pods_count));
        }
        (TileSize::Dot, _) => {
            let count = node.pods_count.to_string();
            let middle = at(place.width / 2.0, place.height / 2.0 + 3.5);
            picture.aligned(middle, count, Face::Tiny, Tone::Ink2, Align::Center);
        }
    }
}

/// A small square for each Pod, and a count if they are too many.
fn pod_marks(picture: &mut Picture, node: &NodeView, at: Point, width: f64) {
    let (size, gap) = (7.0, 3.0);
    let fitting = ((width + gap) / (size + gap)).floor() as usize;
    let count = node.pods_count as usize;
    let shown = if count > fitting { fitting.saturating_sub(3) } else { count }.min(node.pods.len());
    for (i, pod) in node.pods.iter().take(shown).enumerate() {
        picture.square(mark_tone(pod), rect(at.x + i as f64 * (size + gap), at.y, size, size));
    }
    if shown < count {
        let more = ["+", &(count - shown).to_string()].concat();
        let x = at.x + shown as f64 * (size + gap);
        picture.text(point(x, at.y + size), more, Face::Tiny, Tone::Ink3);
    }
}

fn draw_pending(picture: &mut Picture, pod: &PodView, place: super::geometry::Rect) {
    let edge = Stroke { tone: phase_tone(pod.phase), width: 1.0, dashed: true };
    picture.boxed(place, 9.0, Tone::Pod, edge);
    let inner = place.width - 24.0;
    picture.text(
        point(place.x + 12.0, place.y + 18.0),
        text::fit(&pod.name, inner, Face::Plain),
        Face::Plain,
        Tone::Ink,
    );
    let reason = if pod.reason.is_empty() { phase_word(pod.phase) } else { &pod.reason };
    let reason = text::fit(reason, inner, Face::Note);
    picture.text(point(place.x + 12.0, place.y + 34.0), reason, Face::Note, phase_tone(pod.phase));
}
