//! The DOM mirror of the picture: one stop of the Tab key, arrows within; the ring is drawn on the canvas.

use super::acts::Stage;
use super::geometry::point;
use super::layout::Target;
use super::mirror::{self, Item, Move};
use crate::dom::{El, Var, derived, el};
use crate::few::Few;
use crate::parts;
use crate::platform;
use wasm_bindgen::JsCast;
use web_sys::KeyboardEvent;

pub fn tree(stage: Stage) -> El {
    let app = stage.app;
    let open = Var::new(Few::<usize>::default());
    let current = Var::new(Target::Node(0));
    let items = derived(move || {
        let open = open.get();
        let change = app.changed.get();
        app.scene.with(|scene| {
            let mut items = scene.as_ref().map(|scene| mirror::items(scene, &open)).unwrap_or_default();
            if let (Some(change), Some(scene)) = (change, scene) {
                mirror::tell(&mut items, scene, &change);
            }
            items
        })
    });
    // What had the focus can be gone with the last edit.
    let present = move || {
        let now = current.get();
        items.with(|items| if items.iter().any(|item| item.target == now) { now } else { Target::Node(0) })
    };
    let go = move |target: Target| {
        let id = id_of(&target);
        current.set(target.clone());
        stage.focused.put(Some(target));
        platform::focus(&id);
    };
    let on_key = move |event: web_sys::Event| {
        let event: &KeyboardEvent = event.unchecked_ref();
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let now = present();
        match event.key().as_str() {
            "Enter" | " " => stage.activate(&now),
            "+" | "=" => stage.zoom(1.3, middle(stage, &now)),
            "-" => stage.zoom(1.0 / 1.3, None),
            "0" => stage.fit(),
            "s" | "S" => stage.send_from(&now),
            "p" | "P" => stage.ping_all(&now),
            "f" | "F" => stage.offer_faults(&now, None),
            key => match items.peek(|items| mirror::moved(items, &now, key)) {
                Move::To(target) => go(target),
                Move::Turn(node) => {
                    open.update(|open| open.turn(node));
                    // The rows are made anew after this event; the focus goes to the same one again.
                    let id = id_of(&now);
                    gloo::timers::callback::Timeout::new(0, move || platform::focus(&id)).forget();
                }
                Move::Stay if key.starts_with("Arrow") => {}
                Move::Stay => return,
            },
        }
        event.prevent_default();
    };
    let rows = move || items.with(|items| items.iter().map(|item| row(item, current, items)).collect());
    el("div")
        .class("tree")
        .attr("role", "tree")
        .label("Nodes, Pods and devices")
        .on("keydown", on_key)
        .on("focusin", move |event| {
            let id = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()).map(|row| row.id());
            let row = items.peek(|items| items.iter().find(|item| Some(id_of(&item.target)) == id).cloned());
            if let Some(row) = row {
                current.put(row.target.clone());
                stage.focused.put(Some(row.target));
            }
        })
        .on("focusout", move |_| stage.focused.put(None))
        .live(rows)
}

/// The middle of a target on the screen.
fn middle(stage: Stage, target: &Target) -> Option<super::geometry::Point> {
    let rect = stage.layout.peek(|layout| layout.as_ref()?.rect_of(target))?;
    let center = rect.center();
    Some(stage.camera.now().to_screen(point(center.x, center.y)))
}

fn id_of(target: &Target) -> String {
    let (kind, a, b) = match *target {
        Target::Node(node) => ("n", node, 0),
        Target::Pod(node, pod) => ("p", node, pod),
        Target::Device(node, device) => ("d", node, device),
        Target::Pending(pod) => ("w", pod, 0),
        Target::Gateway => ("g", 0, 0),
        Target::Internet => ("i", 0, 0),
        Target::Service(service) => ("s", service, 0),
        Target::MoreServices => ("s-more", 0, 0),
    };
    ["tree-", kind, &a.to_string(), "-", &b.to_string()].concat()
}

fn row(item: &Item, current: Var<Target>, items: &[Item]) -> El {
    let target = item.target.clone();
    // If the current one is gone, the first takes its place.
    let stands_in = items.first().is_some_and(|first| first.target == target);
    let gone = !items.iter().any(|item| current.peek(|now| *now == item.target));
    let mut row = el("div")
        .attr("role", "treeitem")
        .id(&id_of(&item.target))
        .attr("aria-level", &item.level.to_string())
        .kids(item.glyph.map(parts::glyph).into_iter().collect())
        .text(&item.label);
    if let Some(expanded) = item.expanded {
        row = row.attr("aria-expanded", if expanded { "true" } else { "false" });
    }
    let on = move || current.with(|now| *now == target) || (gone && stands_in);
    row.attr_of("tabindex", move || if on() { "0" } else { "-1" }.to_string())
}
