//! The stage: two canvases (the still picture and what moves), their camera, and the tree beside them.

use super::camera::Camera;
use super::geometry::{Point, Rect, point};
use super::layout::{self, Focus, Layout, Target};
use super::motion::{self, Ways};
use super::paint::{Painter, Palette};
use super::route;
use super::{gestures, mirror, picture, tree};
use crate::parts::{self, icon_button};
use crate::platform;
use crate::state::{App, Tab, TableAsk};
use leptos::html::{Canvas, Div};
use leptos::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Height of the heading above the picture.
const HEADING: f64 = 64.0;

/// The stage's own signals.
#[derive(Clone, Copy)]
pub struct Stage {
    pub app: App,
    pub opened: RwSignal<BTreeSet<String>>,
    pub layout: Memo<Option<Arc<Layout>>>,
    pub camera: RwSignal<Camera>,
    /// The user has moved the camera: it is no longer fitted by itself.
    pub own_camera: RwSignal<bool>,
    pub size: RwSignal<(f64, f64)>,
    /// Under the pointer, and where that is.
    pub hovered: RwSignal<Option<(Target, Point)>>,
    /// In the tree.
    pub focused: RwSignal<Option<Target>>,
}

impl Stage {
    fn new(app: App) -> Stage {
        let opened = RwSignal::new(BTreeSet::new());
        let layout = Memo::new(move |_| {
            let scene = app.scene.get()?;
            Some(Arc::new(layout::layout(&scene, &focus(app, opened))))
        });
        Stage {
            app,
            opened,
            layout,
            camera: RwSignal::new(Camera { scale: 1.0, x: 0.0, y: 0.0 }),
            own_camera: RwSignal::new(false),
            size: RwSignal::new((0.0, 0.0)),
            hovered: RwSignal::new(None),
            focused: RwSignal::new(None),
        }
    }

    pub fn fit(self) {
        self.own_camera.set(false);
        let (width, height) = self.size.get_untracked();
        if let (Some(layout), true) = (self.layout.get_untracked(), width > 0.0) {
            self.camera.set(Camera::fit(layout.bounds, width, height, HEADING));
        }
    }

    pub fn zoom(self, factor: f64, about: Option<Point>) {
        let (width, height) = self.size.get_untracked();
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
        let world = self.camera.get_untracked().to_world(screen);
        self.layout.with_untracked(|layout| layout.as_ref().and_then(|layout| layout.hit(world)))
    }

    /// The packet's envelope is at this point of the screen.
    pub fn envelope_at(self, screen: Point) -> bool {
        let app = self.app;
        let (Some(flow), Some(layout), Some(scene)) =
            (app.flow.get_untracked(), self.layout.get_untracked(), app.scene.get_untracked())
        else {
            return false;
        };
        let camera = self.camera.get_untracked();
        let ways = Ways::new(&scene, &layout, &flow);
        let ms = app.player.ms.get_untracked();
        app.player.list.with_untracked(|list| {
            let Some(now) = motion::moment(&ways, list, ms) else { return false };
            let beat = list.beats[now.beat];
            let envelope = &flow.packets[beat.packet].steps[beat.step].envelope;
            motion::card(envelope, now.at, camera.legible()).contains(camera.to_world(screen))
        })
    }

    /// What a click or Enter does: look at it; a node that is only a tile opens.
    pub fn activate(self, target: &Target) {
        let Some(scene) = self.app.scene.get_untracked() else { return };
        match *target {
            Target::Node(node) => {
                let node = &scene.nodes[node];
                let is_room = layout::rooms_of(&scene, &focus_now(self.app, self.opened));
                let index = scene.nodes.iter().position(|other| other.name == node.name);
                if index.is_some_and(|index| !is_room.contains(&index)) {
                    self.opened.update(|opened| {
                        opened.insert(node.name.clone());
                    });
                }
                self.app.look_at_object("nodes", "", &node.name);
            }
            Target::Pod(node, pod) => {
                let pod = &scene.nodes[node].pods[pod];
                self.app.look_at_object("pods", &pod.namespace, &pod.name);
            }
            Target::Pending(pod) => {
                let pod = &scene.pending[pod];
                self.app.look_at_object("pods", &pod.namespace, &pod.name);
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

fn focus(app: App, opened: RwSignal<BTreeSet<String>>) -> Focus {
    let places = app.flow.with(|flow| flow.as_ref().map(|flow| route::places(flow)).unwrap_or_default());
    Focus { places, opened: opened.get() }
}

fn focus_now(app: App, opened: RwSignal<BTreeSet<String>>) -> Focus {
    untrack(|| focus(app, opened))
}

pub fn stage(app: App) -> AnyView {
    let stage = Stage::new(app);
    let frame = NodeRef::<Div>::new();
    let still = NodeRef::<Canvas>::new();
    let moving = NodeRef::<Canvas>::new();
    Effect::new(move |_| {
        if let Some(frame) = frame.get() {
            platform::on_resize(&frame, move |width, height| stage.size.set((width, height)));
            gestures::listen(&frame, stage);
        }
    });
    Effect::new(move |_| {
        stage.layout.track();
        stage.size.track();
        if !stage.own_camera.get_untracked() {
            stage.fit();
        }
    });
    draw(stage, still, moving);
    Effect::new(move |_| {
        if app.player.finished_count.get() > 0 {
            platform::set_root_data("podhopFlow", "done");
        }
    });
    view! {
        <div class="canvases" node_ref=frame>
            <canvas node_ref=still aria-hidden="true"></canvas>
            <canvas node_ref=moving aria-hidden="true"></canvas>
        </div>
        {heading(app)}
        {tree::tree(stage)}
        <div class="zoom" role="group" aria-label="Zoom">
            {icon_button("Closer", parts::PLUS, move || stage.zoom(1.3, None))}
            {icon_button("Further", parts::MINUS, move || stage.zoom(1.0 / 1.3, None))}
            {icon_button("All of it", parts::FIT, move || stage.fit())}
        </div>
        {tip(stage)}
    }
    .into_any()
}

/// Redraws the layer that a change concerns, and no other.
fn draw(stage: Stage, still: NodeRef<Canvas>, moving: NodeRef<Canvas>) {
    let app = stage.app;
    let palette = StoredValue::new_local(None::<Palette>);
    Effect::new(move |_| {
        app.theme_epoch.track();
        palette.set_value(Some(Palette::read()));
    });
    let ways = Memo::new(move |_| {
        let (scene, layout, flow) = (app.scene.get()?, stage.layout.get()?, app.flow.get()?);
        Some(Arc::new(Ways::new(&scene, &layout, &flow)))
    });
    let still_picture = Memo::new(move |_| {
        let (scene, layout) = (app.scene.get()?, stage.layout.get()?);
        Some(Arc::new(picture::picture(&scene, &layout, &focus(app, stage.opened))))
    });
    Effect::new(move |_| {
        app.theme_epoch.track();
        let (Some(canvas), Some(picture), size) = (still.get(), still_picture.get(), stage.size.get()) else { return };
        if size.0 < 1.0 {
            return;
        }
        palette.with_value(|palette| {
            let Some(palette) = palette else { return };
            if let Some(painter) = Painter::begin(&canvas, size, stage.camera.get(), palette) {
                painter.paint(&picture);
                platform::set_root_data("podhopReady", "1");
            }
        });
    });
    Effect::new(move |_| {
        app.theme_epoch.track();
        let (Some(canvas), size, camera) = (moving.get(), stage.size.get(), stage.camera.get()) else { return };
        if size.0 < 1.0 {
            return;
        }
        let ms = app.player.ms.get();
        let (hovered, focused) = (stage.hovered.get(), stage.focused.get());
        palette.with_value(|palette| {
            let Some(palette) = palette else { return };
            let Some(painter) = Painter::begin(&canvas, size, camera, palette) else { return };
            let rect_of = |target: &Target| -> Option<Rect> {
                stage.layout.with(|layout| layout.as_ref().and_then(|layout| layout.rect_of(target)))
            };
            if let Some(around) = hovered.and_then(|(target, _)| rect_of(&target)) {
                painter.ring(around, camera, false);
            }
            if let (Some(flow), Some(ways)) = (app.flow.get(), ways.get()) {
                let picture = app.player.list.with(|list| motion::motion(&flow, &ways, list, ms, camera.legible()));
                painter.paint(&picture);
            }
            if let Some(around) = focused.and_then(|target| rect_of(&target)) {
                painter.ring(around, camera, true);
            }
        });
    });
}

/// The conversation and where its packet is, in words.
fn heading(app: App) -> AnyView {
    let title = move || match app.flow.get() {
        Some(flow) => flow.summary.title.clone(),
        None if app.scene.with(Option::is_some) => "Cluster".to_string(),
        None => "Starting the cluster …".to_string(),
    };
    let now = move || {
        let (Some(flow), Some((packet, step))) = (app.flow.get(), app.now.get()) else { return String::new() };
        let Some(packet) = flow.packets.get(packet) else { return String::new() };
        let Some(step) = packet.steps.get(step) else { return String::new() };
        let place = crate::journey::model::where_of(step);
        [&packet.title, " · ", &step.title, " · ", &place].concat()
    };
    view! {
        <div class="heading">
            <h2>{title}</h2>
            <p>{now}</p>
        </div>
    }
    .into_any()
}

/// What is under the pointer, in full.
fn tip(stage: Stage) -> AnyView {
    let text = move || {
        let hovered = stage.hovered.get()?;
        let scene = stage.app.scene.get()?;
        Some((mirror::label(&scene, &hovered.0), hovered.1))
    };
    let pixels = |value: f64| [&value.round().to_string(), "px"].concat();
    let shown = move || {
        text().map(|(text, at)| {
            let width = stage.size.get_untracked().0;
            let left = pixels((at.x + 14.0).min((width - 260.0).max(4.0)));
            view! {
                <div class="tip" aria-hidden="true" style:left=left style:top=pixels(at.y + 16.0)>
                    {text}
                </div>
            }
        })
    };
    view! { {shown} }.into_any()
}
