//! The edges between panels, by which they get other sizes. Kept in this browser.

use crate::dom::{El, el};
use crate::platform;
use crate::stage::geometry::within;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{KeyboardEvent, PointerEvent};

const KEY: &str = "podhop.panels";
/// How far an arrow key moves an edge, in CSS pixels.
const STEP: f64 = 16.0;
/// What a panel has at least, and at most as a part of the window.
const LEAST: f64 = 150.0;
const MOST: f64 = 0.6;

/// One edge: the panel whose size it sets, the custom property with the size, and whether the panel grows with the
/// pointer's coordinate.
#[derive(Clone, Copy)]
struct Split {
    pane: &'static str,
    property: &'static str,
    label: &'static str,
    upright: bool,
    grows: bool,
}

const SPLITS: [Split; 3] = [
    Split { pane: "pane-editor", property: "--edit", label: "Width of the manifests", upright: true, grows: true },
    Split { pane: "pane-inspector", property: "--insp", label: "Width of the inspector", upright: true, grows: false },
    Split { pane: "pane-dock", property: "--dock", label: "Height of the console", upright: false, grows: false },
];

/// Whether sizes were kept.
pub fn kept() -> bool {
    platform::stored(KEY).is_some()
}

/// The edges, and the sizes of the last visit.
pub fn splits() -> El {
    let stored = platform::stored(KEY).unwrap_or_default();
    for (split, px) in SPLITS.iter().zip(stored.split(' ')) {
        if let Ok(px) = px.parse::<u32>() {
            set(*split, Some(f64::from(px)));
        }
    }
    el("div").class("splits").kids(SPLITS.iter().map(|split| handle(*split)).collect())
}

/// Of the panel now, and of the window.
fn sizes(split: Split) -> (f64, f64) {
    let size = platform::element(split.pane).map(|pane| pane.get_bounding_client_rect());
    let size = size.map_or(0.0, |rect| if split.upright { rect.width() } else { rect.height() });
    let window = platform::window();
    let whole = if split.upright { window.inner_width() } else { window.inner_height() };
    (size, whole.ok().and_then(|whole| whole.as_f64()).unwrap_or(1_000.0))
}

fn bounds(split: Split) -> (f64, f64) {
    (LEAST, (sizes(split).1 * MOST).max(LEAST))
}

/// Sets the size; without one it is the page's own again.
fn set(split: Split, px: Option<f64>) {
    let style = platform::root().style();
    let _ = match px {
        Some(px) => style.set_property(split.property, &[&(px.round() as u32).to_string(), "px"].concat()),
        None => style.remove_property(split.property).map(drop),
    };
}

fn keep() {
    let style = platform::root().style();
    let kept = SPLITS.map(|split| {
        let px = style.get_property_value(split.property).unwrap_or_default();
        px.trim_end_matches("px").to_string()
    });
    match kept.iter().all(String::is_empty) {
        true => platform::forget(KEY),
        false => platform::store(KEY, &kept.map(|px| if px.is_empty() { "-".to_string() } else { px }).join(" ")),
    }
}

fn handle(split: Split) -> El {
    let edge = el("div")
        .class(["split at-", &split.property[2..]].concat().as_str())
        .attr("role", "separator")
        .attr("tabindex", "0")
        .attr("aria-orientation", if split.upright { "vertical" } else { "horizontal" })
        .attr("aria-controls", split.pane)
        .label(split.label)
        .title("Drag, or arrow keys; a double click takes it back");
    let of = edge.clone();
    let tell = Rc::new(move || {
        let (least, most) = bounds(split);
        let whole = |px: f64| (px.round() as u32).to_string();
        let _ = of.clone().attr("aria-valuenow", &whole(sizes(split).0));
        let _ = of.clone().attr("aria-valuemin", &whole(least)).attr("aria-valuemax", &whole(most));
    });
    if let Some(pane) = platform::element(split.pane) {
        let tell = tell.clone();
        platform::on_resize(&pane, move |_, _| tell());
    }
    let to = move |px: Option<f64>| {
        let (least, most) = bounds(split);
        set(split, px.map(|px| within(px, least, most)));
    };
    // Where the pointer took hold, and how large the panel was then.
    let held: Rc<Cell<Option<(f64, f64)>>> = Rc::default();
    let at = move |event: &PointerEvent| f64::from(if split.upright { event.client_x() } else { event.client_y() });
    let (taken, moved, left) = (held.clone(), held.clone(), held);
    edge.on("pointerdown", move |event| {
        let event: &PointerEvent = event.unchecked_ref();
        if let Some(edge) = event.current_target().map(|edge| edge.unchecked_into::<web_sys::Element>()) {
            let _ = edge.set_pointer_capture(event.pointer_id());
        }
        taken.set(Some((at(event), sizes(split).0)));
    })
    .on("pointermove", move |event| {
        let Some((from, size)) = moved.get() else { return };
        let by = at(event.unchecked_ref()) - from;
        to(Some(if split.grows { size + by } else { size - by }));
    })
    .on("lostpointercapture", move |_| {
        if left.take().is_some() {
            keep();
        }
    })
    .on("dblclick", move |_| {
        to(None);
        keep();
    })
    .on("keydown", move |event| {
        let event: &KeyboardEvent = event.unchecked_ref();
        let (less, more) = if split.upright { ("ArrowLeft", "ArrowRight") } else { ("ArrowDown", "ArrowUp") };
        let (less, more) = if split.upright && !split.grows { (more, less) } else { (less, more) };
        let (least, most) = bounds(split);
        let size = sizes(split).0;
        let px = match event.key().as_str() {
            key if key == less => Some(size - STEP),
            key if key == more => Some(size + STEP),
            "Home" => Some(least),
            "End" => Some(most),
            "Enter" => None,
            _ => return,
        };
        to(px);
        keep();
        event.prevent_default();
        event.stop_propagation();
    })
}
