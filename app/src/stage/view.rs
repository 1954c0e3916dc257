//! The stage: two canvases (the still picture and what moves), their camera, and the tree beside them.

use super::camera::Camera;
use super::geometry::{Point, point};
use super::layout::{self, Focus, Layout, Target};
use super::motion::{self, Ways};
use super::paint::{Painter, Palette};
use super::prim::Picture;
use super::route;
use super::{gestures, mirror, picture, tree};
use crate::dom::{El, Nodes, Var, derived, effect, el};
use crate::few::Few;
use crate::parts::{self, icon_button};
use crate::platform;
use crate::state::{App, Tab, TableAsk};
use std::rc::Rc;
use web_sys::HtmlCanvasElement;

/// Height of the heading above the picture.
const HEADING: f64 = 64.0;

/// The stage's own signals.
#[derive(Clone, Copy)]
pub struct Stage {
    pub app: App,
    pub opened: Var<Few<String>>,
    pub layout: Var<Option<Rc<Layout>>>,
    pub camera: Var<Camera>,
    /// The picture is larger than the screen: the camera goes with the packet.
    pub follows: Var<bool>,
    /// The user has moved the camera: it is no longer fitted by itself.
    pub own_camera: Var<bool>,
    pub size: Var<(f64, f64)>,
    /// Under the pointer, and where that is.
    pub hovered: Var<Option<(Target, Point)>>,
    /// A node that was opened just now: the camera goes to it.
    pub wanted: Var<Option<usize>>,
    /// In the tree.
    pub focused: Var<Option<Target>>,
}

impl Stage {
    fn new(app: App) -> Stage {
        let opened = Var::new(Few::default());
        let layout = derived(move || {
            let scene = app.scene.get()?;
            Some(Rc::new(layout::layout(&scene, &focus(app, opened))))
        });
        Stage {
            app,
            opened,
            layout,
            camera: Var::new(Camera { scale: 1.0, x: 0.0, y: 0.0 }),
            follows: Var::new(false),
            own_camera: Var::new(false),
            size: Var::new((0.0, 0.0)),
            hovered: Var::new(None),
            wanted: Var::new(None),
            focused: Var::new(None),
        }
    }

    pub fn fit(self) {
        self.own_camera.set(true);
        let (width, height) = self.size.now();
        if let (Some(layout), true) = (self.layout.now(), width > 0.0) {
            self.follows.set(false);
            self.camera.set(Camera::fit(layout.bounds, width, height, HEADING));
        }
    }

    /// What one sees without having moved anything: all of it, or as much as can be read.
    fn begin(self) {
        let (width, height) = self.size.now();
        if let (Some(layout), true) = (self.layout.now(), width > 0.0) {
            let (camera, follows) = Camera::readable(layout.bounds, layout.focus, width, height, HEADING);
            self.follows.set(follows);
            let wanted = self.wanted.now().and_then(|node| layout.rect_of(&Target::Node(node)));
            if let (true, Some(room)) = (follows, wanted) {
                self.follows.set(false);
                self.camera.set(camera.around(room.center(), layout.focus, width, height, HEADING));
                return;
            }
            self.camera.set(if follows {
                camera.around(point(0.0, 0.0), layout.focus, width, height, HEADING)
            } else {
                camera
            });
        }
    }

    pub fn zoom(self, factor: f64, about: Option<Point>) {
        let (width, height) = self.size.now();
        self.own_camera.set(true);
        self.camera.update(|camera| {
            *camera = camera.zoomed(factor, about.unwrap_or(point(width / 2.0, height / 2.0)));
        });
    }

    pub fn pan(self, dx: f64, dy: f64) {
        self.own_camera.set(true);
        self.camera.update(|camera| *camera = camera.moved(dx, dy));
    }

    pub fn target_at(self, screen: Point) -> Option<Target> {
        let world = self.camera.now().to_world(screen);
        self.layout.peek(|layout| layout.as_ref().and_then(|layout| layout.hit(world)))
    }

    /// The packet's envelope is at this point of the screen.
    pub fn envelope_at(self, screen: Point) -> bool {
        let app = self.app;
        let (Some(flow), Some(layout), Some(scene)) = (app.flow.now(), self.layout.now(), app.scene.now()) else {
            return false;
        };
        if app.outdated().is_some() {
            return false;
        }
        let camera = self.camera.now();
        let ways = Ways::new(&scene, &layout, &flow);
        let ms = app.player.ms.now();
        app.player.list.peek(|list| {
            let Some(now) = motion::moment(&ways, list, ms) else { return false };
            let beat = list.beats[now.beat];
            let envelope = &flow.packets[beat.packet].steps[beat.step].envelope;
            let (width, height) = self.size.now();
            motion::card(envelope, now.at, camera.view(width, height)).contains(camera.to_world(screen))
        })
    }

    /// What a click or Enter does: look at it; a node that is only a tile opens.
    pub fn activate(self, target: &Target) {
        let Some(scene) = self.app.scene.now() else { return };
        match *target {
            Target::Node(index) => {
                let node = &scene.nodes[index];
                if !layout::rooms_of(&scene, &focus_now(self.app, self.opened)).contains(&index) {
                    self.own_camera.set(false);
                    self.wanted.set(Some(index));
                    self.opened.update(|opened| opened.insert(node.name.clone()));
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
                let ask = TableAsk { place: node.place.clone(), table: table.into(), lit: String::new() };
                self.app.table.set(Some(ask));
                self.app.inspector.set(Tab::Tables);
            }
            Target::Gateway => {
                let ask = TableAsk { place: "gateway".into(), table: "route".into(), lit: String::new() };
                self.app.table.set(Some(ask));
                self.app.inspector.set(Tab::Tables);
            }
        }
    }
}

fn focus(app: App, opened: Var<Few<String>>) -> Focus {
    let places = app.flow.with(|flow| flow.as_ref().map(|flow| route::places(flow)).unwrap_or_default());
    Focus { places, opened: opened.get() }
}

fn focus_now(app: App, opened: Var<Few<String>>) -> Focus {
    let places = app.flow.peek(|flow| flow.as_ref().map(|flow| route::places(flow)).unwrap_or_default());
    Focus { places, opened: opened.now() }
}

pub fn stage(app: App) -> Nodes {
    let stage = Stage::new(app);
    let canvas = || el("canvas").attr("aria-hidden", "true");
    let (still, moving) = (canvas(), canvas());
    let of_canvases = (still.cast(), moving.cast());
    let frame = el("div").class("canvases").kid(still).kid(moving);
    platform::on_resize(&frame.0, move |width, height| stage.size.put((width, height)));
    gestures::listen(&frame.0, stage);
    effect(move || {
        app.flow.track();
        stage.wanted.set(None);
    });
    effect(move || {
        stage.layout.track();
        stage.size.track();
        app.flow.track();
        if !stage.own_camera.now() {
            stage.begin();
        }
    });
    draw(stage, of_canvases.0, of_canvases.1);
    effect(move || {
        if app.player.finished_count.get() > 0 {
            platform::set_root_data("podhopFlow", "done");
        }
    });
    let zoom = el("div")
        .class("zoom")
        .attr("role", "group")
        .label("Zoom")
        .kid(icon_button("Closer", parts::PLUS, move || stage.zoom(1.3, None)))
        .kid(icon_button("Further", parts::MINUS, move || stage.zoom(1.0 / 1.3, None)))
        .kid(icon_button("All of it", parts::FIT, move || stage.fit()));
    vec![frame, heading(app), tree::tree(stage), zoom, tip(stage)]
}

/// Redraws the layer that a change concerns, and no other.
fn draw(stage: Stage, still: HtmlCanvasElement, moving: HtmlCanvasElement) {
    let app = stage.app;
    let palette: Var<Option<Rc<Palette>>> = Var::new(None);
    effect(move || {
        app.theme_epoch.track();
        palette.set(Some(Rc::new(Palette::read())));
    });
    let ways: Var<Option<Rc<Ways>>> = Var::new(None);
    effect(move || {
        let of = app.scene.get().zip(stage.layout.get()).zip(app.flow.get());
        // Packets of another cluster have no way on this one.
        let of = of.filter(|_| app.outdated().is_none());
        ways.set(of.map(|((scene, layout), flow)| Rc::new(Ways::new(&scene, &layout, &flow))));
    });
    effect(move || {
        let (ms, Some(ways), true) = (app.player.ms.get(), ways.get(), stage.follows.get()) else { return };
        let moment = app.player.list.peek(|list| motion::moment(&ways, list, ms));
        if let (Some(now), Some(layout), false) = (moment, stage.layout.now(), stage.own_camera.now()) {
            let (width, height) = stage.size.now();
            stage.camera.put(stage.camera.now().around(now.at, layout.focus, width, height, HEADING));
        }
    });
    let still_picture: Var<Option<Rc<Picture>>> = Var::new(None);
    effect(move || {
        let of = app.scene.get().zip(stage.layout.get());
        let focus = focus(app, stage.opened);
        still_picture.set(of.map(|(scene, layout)| Rc::new(picture::picture(&scene, &layout, &focus))));
    });
    effect(move || {
        let (Some(picture), Some(palette), size) = (still_picture.get(), palette.get(), stage.size.get()) else {
            return;
        };
        let camera = stage.camera.get();
        if size.0 < 1.0 {
            return;
        }
        if let Some(painter) = Painter::begin(&still, size, camera, &palette) {
            painter.paint(&picture);
            platform::set_root_data("podhopReady", "1");
        }
    });
    effect(move || {
        let (Some(palette), size, camera) = (palette.get(), stage.size.get(), stage.camera.get()) else { return };
        let (flow, ways, ms) = (app.flow.get(), ways.get(), app.player.ms.get());
        let (hovered, focused) = (stage.hovered.get(), stage.focused.get());
        if size.0 < 1.0 {
            return;
        }
        let Some(painter) = Painter::begin(&moving, size, camera, &palette) else { return };
        let rect_of = |target: &Target| stage.layout.peek(|layout| layout.as_ref().and_then(|l| l.rect_of(target)));
        if let Some(around) = hovered.and_then(|(target, _)| rect_of(&target)) {
            painter.ring(around, camera, false);
        }
        if let Some((flow, ways)) = flow.zip(ways).filter(|(flow, ways)| ways.routes.len() == flow.packets.len()) {
            let view = camera.view(size.0, size.1);
            let picture = app.player.list.peek(|list| motion::motion(&flow, &ways, list, ms, view));
            painter.paint(&picture);
        }
        if let Some(around) = focused.and_then(|target| rect_of(&target)) {
            painter.ring(around, camera, true);
        }
    });
}

/// The conversation and where its packet is, in words.
fn heading(app: App) -> El {
    let title = move || match app.flow.get() {
        Some(flow) => flow.summary.title.clone(),
        None if app.scene.with(Option::is_some) => "Cluster".to_string(),
        None => "Starting the cluster …".to_string(),
    };
    let now = move || {
        let Some((flow, (packet, step))) = app.flow.get().zip(app.player.beat.get()) else { return String::new() };
        let Some(packet) = flow.packets.get(packet) else { return String::new() };
        let Some(step) = packet.steps.get(step) else { return String::new() };
        [&packet.title, " · ", &step.title, " · ", &crate::journey::model::where_of(step)].concat()
    };
    let outdated = derived(move || app.outdated());
    let again = move || {
        if let Some(line) = outdated.now() {
            app.run(line);
        }
    };
    let note = el("div")
        .class("outdated")
        .hidden_of(move || outdated.with(Option::is_none))
        .text("Recorded before the cluster changed. ")
        .kid(parts::link("Run it again", again));
    el("div").class("heading").kid(el("h2").text_of(title)).kid(el("p").text_of(now)).kid(note)
}

/// What is under the pointer, in full.
fn tip(stage: Stage) -> El {
    let pixels = |value: f64| [&(value as i32).to_string(), "px"].concat();
    let text = move || {
        let hovered = stage.hovered.get().zip(stage.app.scene.get());
        hovered.map(|((target, _), scene)| mirror::label(&scene, &target)).unwrap_or_default()
    };
    let at = move || stage.hovered.with(|hovered| hovered.as_ref().map_or(point(0.0, 0.0), |(_, at)| *at));
    el("div")
        .class("tip")
        .attr("aria-hidden", "true")
        .hidden_of(move || stage.hovered.with(Option::is_none))
        .style_of("left", move || pixels((at().x + 14.0).min((stage.size.now().0 - 260.0).max(4.0))))
        .style_of("top", move || pixels(at().y + 16.0))
        .text_of(text)
}
