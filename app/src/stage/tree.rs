//! The DOM mirror of the picture: one stop of the Tab key, arrows within; the ring is drawn on the canvas.

use super::geometry::point;
use super::layout::Target;
use super::mirror::{self, Item, Move};
use super::view::Stage;
use crate::platform;
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use std::collections::BTreeSet;

pub fn tree(stage: Stage) -> AnyView {
    let app = stage.app;
    let open = RwSignal::new(BTreeSet::<usize>::new());
    let current = RwSignal::new(Target::Node(0));
    let items = Memo::new(move |_| {
        app.scene.with(|scene| scene.as_ref().map(|scene| mirror::items(scene, &open.get())).unwrap_or_default())
    });
    // What had the focus can be gone with the last edit.
    let present = Memo::new(move |_| {
        let now = current.get();
        items.with(|items| if items.iter().any(|item| item.target == now) { now } else { Target::Node(0) })
    });
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let now = present.get_untracked();
        match event.key().as_str() {
            "Enter" | " " => stage.activate(&now),
            "+" | "=" => stage.zoom(1.3, middle(stage, &now)),
            "-" => stage.zoom(1.0 / 1.3, None),
            "0" => stage.fit(),
            key => match items.with_untracked(|items| mirror::moved(items, &now, key)) {
                Move::To(target) => {
                    let id = id_of(&target);
                    current.set(target.clone());
                    stage.focused.set(Some(target));
                    platform::focus(&id);
                }
                Move::Turn(node) => open.update(|open| {
                    if !open.remove(&node) {
                        open.insert(node);
                    }
                }),
                Move::Stay if key.starts_with("Arrow") => {}
                Move::Stay => return,
            },
        }
        event.prevent_default();
    };
    let rows = move || items.get().into_iter().map(|item| row(item, present)).collect::<Vec<AnyView>>();
    view! {
        <div
            class="tree"
            role="tree"
            aria-label="Nodes, Pods and devices"
            on:keydown=on_key
            on:focusin=move |_| stage.focused.set(Some(present.get_untracked()))
            on:focusout=move |_| stage.focused.set(None)
        >
            {rows}
        </div>
    }
    .into_any()
}

/// The middle of a target on the screen.
fn middle(stage: Stage, target: &Target) -> Option<super::geometry::Point> {
    let rect = stage.layout.with_untracked(|layout| layout.as_ref()?.rect_of(target))?;
    let center = rect.center();
    Some(stage.camera.get_untracked().to_screen(point(center.x, center.y)))
}

fn id_of(target: &Target) -> String {
    let (kind, a, b) = match *target {
        Target::Node(node) => ("n", node, 0),
        Target::Pod(node, pod) => ("p", node, pod),
        Target::Device(node, device) => ("d", node, device),
        Target::Pending(pod) => ("w", pod, 0),
        Target::Gateway => ("g", 0, 0),
    };
    ["tree-", kind, &a.to_string(), "-", &b.to_string()].concat()
}

fn row(item: Item, present: Memo<Target>) -> AnyView {
    let target = item.target.clone();
    let expanded = item.expanded.map(|expanded| if expanded { "true" } else { "false" });
    view! {
        <div
            role="treeitem"
            id=id_of(&item.target)
            aria-level=item.level.to_string()
            aria-expanded=expanded
            tabindex=move || if present.get() == target { "0" } else { "-1" }
        >
            {item.label}
        </div>
    }
    .into_any()
}
