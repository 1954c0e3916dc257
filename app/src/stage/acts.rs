//! What can be done to the stage: its signals, and the acts of gestures, keys and buttons.

use super::camera::{Camera, Canvas};
use super::card::Sight;
use super::crowd::{self, Other, Own};
use super::geometry::{Point, Rect, point};
use super::layout::{self, Focus, Layout, Target};
use super::motion::{self, Ways};
use super::pixels::Dots;
use super::reach::{Answer, Marks, Reach};
use super::route;
use super::swarm::Flights;
use crate::dom::{Var, derived};
use crate::few::Few;
use crate::platform::{self, Frames};
use crate::state::{App, Tab, TableAsk};
use std::cell::RefCell;
use std::rc::Rc;

const FLIGHT_MS: f64 = 380.0;
/// Of the places of a swarm, so many have a say in which nodes are rooms.
const SWARM_PLACES: usize = 64;
/// A layout that has just been asked for is there by then.
const LAID_OUT_MS: u32 = 40;

/// What the finder is open for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    Look,
    SendFrom(Target),
}

/// A line being drawn from a sender to where the pointer is.
#[derive(Clone, Debug, PartialEq)]
pub struct Drag {
    pub from: Target,
    /// On the screen.
    pub at: Point,
    pub over: Option<Target>,
}

/// The menu of what can be sent, or, without a target, of what can be broken there.
#[derive(Clone, Debug, PartialEq)]
pub struct Menu {
    pub from: Target,
    pub to: Option<Target>,
    /// On the screen.
    pub at: Point,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Flight {
    from: Camera,
    to: Camera,
    start_ms: f64,
}

/// The stage's own signals.
#[derive(Clone, Copy)]
pub struct Stage {
    pub app: App,
    pub opened: Var<Few<String>>,
    pub layout: Var<Option<Rc<Layout>>>,
    /// The texts of the still picture.
    pub texts: Var<Rc<Vec<Rect>>>,
    /// The conversations that play beside the one that is followed, as far as they have a way here.
    pub others: Var<Rc<Vec<Other>>>,
    /// The same for those that play by the hundred.
    pub flights: Var<Option<Rc<Flights>>>,
    /// What draws them, once it is there.
    pub dots: Var<Option<Dots>>,
    /// How many of them were on their way a moment ago.
    pub moving: Var<usize>,
    /// Which of them is pointed at, by its index.
    pub pointed: Var<Option<usize>>,
    pub camera: Var<Camera>,
    /// Near enough for the stations within nodes and Pods.
    pub close: Var<bool>,
    /// The picture is larger than the screen: the camera goes with the packet.
    pub follows: Var<bool>,
    /// The user has moved the camera: it is no longer fitted by itself.
    pub own_camera: Var<bool>,
    pub canvas: Var<Canvas>,
    /// Under the pointer.
    pub hovered: Var<Option<Target>>,
    /// Clicked or found: its card stays.
    pub pinned: Var<Option<Target>>,
    /// A node that was opened just now: the camera goes to it.
    pub wanted: Var<Option<usize>>,
    /// In the tree.
    pub focused: Var<Option<Target>>,
    /// Taken hold of, not yet dragged.
    pub grip: Var<Option<Target>>,
    pub drag: Var<Option<Drag>>,
    pub menu: Var<Option<Menu>>,
    pub finder: Var<Option<Purpose>>,
    pub reach: Var<Option<Reach>>,
    /// What "Ping all" has found so far.
    pub answers: Var<Rc<Vec<Answer>>>,
    pub marks: Var<Rc<Marks>>,
    /// The pointer is over the card, over the picture.
    pub over_card: Var<bool>,
    pub over_frame: Var<bool>,
    flight: Var<Option<Flight>>,
    frames: Var<Option<Frames>>,
}

impl Stage {
    pub fn new(app: App) -> Stage {
        let opened = Var::new(Few::default());
        // The rooms of the picture before.
        let kept = RefCell::new(Vec::new());
        let layout = derived(move || {
            let focus = Focus { kept: kept.take(), ..focus(app, opened) };
            let scene = app.scene.get()?;
            let made = layout::layout(&scene, &focus);
            kept.replace(made.rooms.iter().map(|room| scene.nodes[room.node].name.clone()).collect());
            Some(Rc::new(made))
        });
        let reach: Var<Option<Reach>> = Var::new(None);
        let answers = derived(move || {
            let Some(reach) = reach.get() else { return Rc::default() };
            let own = app.flows_of(&reach.asked.line);
            Rc::new(app.flows.with(|flows| reach.answers(&own, flows)))
        });
        Stage {
            app,
            opened,
            layout,
            texts: Var::new(Rc::default()),
            others: Var::new(Rc::default()),
            flights: Var::new(None),
            dots: Var::new(None),
            moving: Var::new(0),
            pointed: Var::new(None),
            close: Var::new(false),
            camera: Var::new(Camera { scale: 1.0, x: 0.0, y: 0.0 }),
            follows: Var::new(false),
            own_camera: Var::new(false),
            canvas: Var::new(Canvas::default()),
            hovered: Var::new(None),
            pinned: Var::new(None),
            wanted: Var::new(None),
            focused: Var::new(None),
            grip: Var::new(None),
            drag: Var::new(None),
            menu: Var::new(None),
            finder: Var::new(None),
            reach,
            answers,
            marks: Var::new(Rc::default()),
            over_card: Var::new(false),
            over_frame: Var::new(false),
            flight: Var::new(None),
            frames: Var::new(None),
        }
    }

    /// What was pointed at by its number in the scene may be another thing in the next one.
    pub fn forget(self) {
        self.hovered.put(None);
        self.pinned.put(None);
        self.grip.put(None);
        self.drag.put(None);
        self.menu.put(None);
        self.finder.put(None);
    }

    /// The innermost open thing closes. True if there was one.
    pub fn dismiss(self) -> bool {
        let open = [
            (self.drag.peek(Option::is_some)) || (self.grip.peek(Option::is_some)),
            self.menu.peek(Option::is_some),
            self.finder.peek(Option::is_some),
            self.hovered.peek(Option::is_some) || self.pinned.peek(Option::is_some),
        ];
        match open.iter().position(|open| *open) {
            Some(0) => {
                self.grip.put(None);
                self.drag.put(None);
            }
            Some(1) => self.menu.put(None),
            Some(2) => self.finder.put(None),
            Some(_) => {
                self.hovered.put(None);
                self.pinned.put(None);
            }
            None => return false,
        }
        true
    }

    // Camera

    pub fn fit(self) {
        self.flight.put(None);
        self.own_camera.set(true);
        let canvas = self.canvas.now();
        if let (Some(layout), true) = (self.layout.now(), canvas.width > 0.0) {
            self.follows.set(false);
            self.camera.set(Camera::fit(layout.bounds, canvas));
        }
    }

    /// Goes with the packet from now on, near enough to read.
    pub fn follow(self) {
        self.flight.put(None);
        let canvas = self.canvas.now();
        self.own_camera.set(false);
        if let Some(layout) = self.layout.now() {
            let near = Camera { scale: canvas.readable().max(self.camera.now().scale), ..self.camera.now() };
            self.camera.set(near.around(layout.focus.center(), layout.focus, canvas));
        }
        self.follows.set(true);
    }

    /// What one sees without having moved anything: all of it, or as much as can be read.
    pub fn begin(self) {
        self.flight.put(None);
        let canvas = self.canvas.now();
        if let (Some(layout), true) = (self.layout.now(), canvas.width > 0.0) {
            let (camera, follows) = Camera::readable(layout.bounds, layout.focus, canvas);
            self.follows.set(follows);
            let wanted = self.wanted.now().and_then(|node| layout.rect_of(&Target::Node(node)));
            if let (true, Some(room)) = (follows, wanted) {
                self.follows.set(false);
                self.camera.set(camera.around(room.center(), layout.focus, canvas));
                return;
            }
            self.camera.set(if follows { camera.around(point(0.0, 0.0), layout.focus, canvas) } else { camera });
        }
    }

    pub fn zoom(self, factor: f64, about: Option<Point>) {
        self.flight.put(None);
        self.own_camera.set(true);
        let middle = self.canvas.now().middle();
        self.camera.update(|camera| *camera = camera.zoomed(factor, about.unwrap_or(middle)));
    }

    pub fn pan(self, dx: f64, dy: f64) {
        self.flight.put(None);
        self.own_camera.set(true);
        self.camera.update(|camera| *camera = camera.moved(dx, dy));
    }

    /// The camera goes to a thing, near enough to read it; the room of its node is opened first.
    pub fn fly(self, target: &Target) {
        if let Target::Node(node) | Target::Pod(node, _) | Target::Device(node, _) = *target {
            self.open(node);
        }
        self.fly_to(target.clone(), |camera, place, canvas| camera.near(place.center(), canvas));
    }

    /// The camera goes so near to a node that its stations can be read.
    pub fn look_inside(self, node: usize) {
        self.open(node);
        self.fly_to(Target::Node(node), Camera::inside);
    }

    fn fly_to(self, target: Target, camera: impl Fn(Camera, Rect, Canvas) -> Camera + 'static) {
        platform::after_ms(LAID_OUT_MS, move || {
            let Some(place) = self.layout.peek(|layout| layout.as_ref()?.rect_of(&target)) else { return };
            let to = camera(self.camera.now(), place, self.canvas.now());
            self.own_camera.set(true);
            self.follows.put(false);
            if platform::reduced_motion() {
                return self.camera.set(to);
            }
            self.flight.set(Some(Flight { from: self.camera.now(), to, start_ms: platform::now_ms() }));
            if self.frames.peek(Option::is_none) {
                self.frames.set(Some(Frames::new(move |now| self.flown(now))));
            }
            self.frames.peek(|frames| frames.as_ref().map(Frames::start));
        });
    }

    fn flown(self, now_ms: f64) -> bool {
        let Some(flight) = self.flight.now() else { return false };
        let part = motion::eased((now_ms - flight.start_ms) / FLIGHT_MS);
        self.camera.set(flight.from.towards(flight.to, part, self.canvas.now()));
        if part >= 1.0 {
            self.flight.set(None);
        }
        part < 1.0
    }

    // Pointing

    pub fn handle_at(self, screen: Point) -> Option<Target> {
        let world = self.camera.now().to_world(screen);
        self.layout.peek(|layout| layout.as_ref().and_then(|layout| layout.handle(world)))
    }

    pub fn target_at(self, screen: Point) -> Option<Target> {
        let world = self.camera.now().to_world(screen);
        self.layout.peek(|layout| layout.as_ref().and_then(|layout| layout.hit(world)))
    }

    /// Where the handle of a target is on the screen.
    pub fn screen_rect(self, target: &Target) -> Option<Rect> {
        let place = self.layout.with(|layout| layout.as_ref()?.handle_of(target))?;
        let camera = self.camera.get();
        let from = camera.to_screen(point(place.x, place.y));
        Some(Rect { x: from.x, y: from.y, width: place.width * camera.scale, height: place.height * camera.scale })
    }

    /// The number of the conversation whose packet is at this point of the screen.
    pub fn packet_at(self, screen: Point) -> Option<u32> {
        let app = self.app;
        let (flow, layout, scene) = (app.flow.now()?, self.layout.now()?, app.scene.now()?);
        let camera = self.camera.now();
        let (ms, texts, world) = (app.player.ms.now(), self.texts.now(), camera.to_world(screen));
        let sight = Sight { view: camera.view(self.canvas.now()), texts: &texts };
        let ways = app.outdated().is_none().then(|| Ways::new(&scene, &layout, &flow, self.close.now()));
        let (list, others) = (app.player.list.now(), self.others.now());
        let own = ways.as_ref().map(|ways| Own { flow: &flow, ways, list: &list });
        let (card, dots) = crowd::packets(own, &others, ms, sight);
        if let Some(flights) = self.flights.now() {
            let radius = 9.0 * sight.view.legible;
            let followed = Some(flow.summary.flow);
            let picked = flights.pick(world, (radius, ms), followed, followed);
            if let Some(index) = picked {
                return Some(flights.number(index));
            }
        }
        if card.is_some_and(|card| card.contains(world)) {
            return Some(flow.summary.flow);
        }
        let near = |dot: &&crowd::Dot| {
            dot.label.is_some_and(|label| label.contains(world)) || dot.at.distance(world) < 9.0 * sight.view.legible
        };
        dots.iter().find(near).map(|dot| others[dot.other].of.number())
    }

    /// The packet of a swarm at a point of the screen.
    pub fn point_at_packet(self, screen: Point) {
        let Some(flights) = self.flights.now() else { return };
        let camera = self.camera.now();
        let radius = 7.0 * camera.view(self.canvas.now()).legible;
        let at = (radius, self.app.player.ms.now());
        let followed = self.app.flow.peek(|flow| flow.as_ref().map(|flow| flow.summary.flow));
        self.pointed.put(flights.pick(camera.to_world(screen), at, None, followed));
    }

    fn open(self, index: usize) {
        let Some(scene) = self.app.scene.now() else { return };
        let Some(node) = scene.nodes.get(index) else { return };
        if !layout::rooms_of(&scene, &self.focus_now()).contains(&index) {
            self.wanted.set(Some(index));
            self.opened.update(|opened| opened.insert(node.name.clone()));
        }
    }

    /// What a click or Enter does: look at it; a node that is only a tile opens.
    pub fn activate(self, target: &Target) {
        let Some(scene) = self.app.scene.now() else { return };
        match *target {
            Target::Node(index) => {
                let node = &scene.nodes[index];
                if !layout::rooms_of(&scene, &self.focus_now()).contains(&index) {
                    self.own_camera.set(false);
                    self.open(index);
                }
                self.app.look_at_object("Node", "", &node.name);
            }
            Target::Pod(node, pod) => {
                let pod = &scene.nodes[node].pods[pod];
                self.app.look_at_object("Pod", &pod.namespace, &pod.name);
            }
            Target::Pending(pod) => {
                let pod = &scene.pending[pod];
                self.app.look_at_object("Pod", &pod.namespace, &pod.name);
            }
            Target::Device(node, device) => {
                let node = &scene.nodes[node];
                let table = match node.devices[device].kind.as_str() {
                    "bridge" | "vxlan" => "fdb",
                    _ => "addr",
                };
                self.look_at_table(&node.place, table);
            }
            Target::Gateway => self.look_at_table("gateway", "route"),
            Target::Internet => self.look_at_table(layout::INTERNET, "route"),
            Target::Service(service) => {
                let service = &scene.services[service];
                self.app.look_at_object("Service", &service.namespace, &service.name);
            }
            Target::MoreServices => self.finder.set(Some(Purpose::Look)),
        }
    }

    pub fn look_at_table(self, place: &str, table: &str) {
        self.app.table.set(Some(TableAsk { place: place.into(), table: table.into(), lit: String::new() }));
        self.app.inspector.set(Tab::Tables);
    }
}

impl Stage {
    /// What the present picture is about. Watched.
    pub fn focus(self) -> Focus {
        Focus { kept: self.kept(), ..focus(self.app, self.opened) }
    }

    fn focus_now(self) -> Focus {
        Focus { kept: self.kept(), ..focus_now(self.app, self.opened) }
    }

    /// The nodes that are rooms.
    fn kept(self) -> Vec<String> {
        let of = self.layout.now().zip(self.app.scene.now());
        let name = |scene: &podhop_engine::protocol::Scene, node: usize| Some(scene.nodes.get(node)?.name.clone());
        of.map(|(layout, scene)| layout.rooms.iter().filter_map(|room| name(&scene, room.node)).collect())
            .unwrap_or_default()
    }
}

fn focus(app: App, opened: Var<Few<String>>) -> Focus {
    app.flow.track();
    app.beside.track();
    app.swarm.track();
    opened.track();
    focus_now(app, opened)
}

fn focus_now(app: App, opened: Var<Few<String>>) -> Focus {
    let mut places = app.flow.peek(|flow| flow.as_ref().map(|flow| route::places(flow)).unwrap_or_default());
    let more =
        app.beside.peek(|beside| beside.iter().flat_map(|one| route::places(&one.flow)).collect::<Vec<String>>());
    for place in more {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if let Some(swarm) = app.swarm.now() {
        places.extend(swarm.places(SWARM_PLACES).cloned());
    }
    Focus { places, opened: opened.now(), kept: Vec::new() }
}
