//! A tip that says whose the addresses of what is pointed at or focused are. It can be pointed at itself, stays until
//! the pointer or the focus goes on, and Escape takes it away (WCAG 1.4.13).

use super::told;
use crate::dom::{El, Nodes, Var, el};
use crate::parts;
use crate::platform;
use crate::state::App;
use gloo::events::EventListener;
use wasm_bindgen::JsCast;
use web_sys::Element;

/// Texts longer than this are not one thing that is pointed at.
const TEXT_MAX: usize = 240;
/// For so long after Escape nothing is shown because of the pointer.
const AWAY_MS: f64 = 400.0;
const LINGER_MS: u32 = 160;
/// As `whose.css` has it.
const WIDTH: f64 = 300.0;

#[derive(Clone, Debug, Default, PartialEq)]
struct Tip {
    rows: Vec<(String, String)>,
    left: f64,
    top: f64,
}

/// The tip, for the panels that match `within`; it listens as long as the page lives.
pub fn tip(app: App, within: &'static str) -> El {
    let shown: Var<Option<Tip>> = Var::new(None);
    // Grows with everything pointed at, so that a tip that lingers knows that it is out of date.
    let turn = Var::new(0_u32);
    let away_until_ms = Var::new(0.0);
    let look = move |event: &web_sys::Event| {
        let Some(target) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
        let is = |selector: &str| target.closest(selector).ok().flatten().is_some();
        if event.type_() == "pointerover" && platform::now_ms() < away_until_ms.now() {
            return;
        }
        turn.set(turn.now() + 1);
        if is(".whose") {
            return;
        }
        let found = if is(within) { tip_of(app, &target) } else { None };
        if found.is_some() {
            return shown.put(found);
        }
        let now = turn.now();
        platform::after_ms(LINGER_MS, move || {
            if turn.now() == now {
                shown.put(None);
            }
        });
    };
    for name in ["pointerover", "focusin"] {
        EventListener::new(&platform::document(), name, look).forget();
    }
    let escape = move |event: &web_sys::Event| {
        if event.unchecked_ref::<web_sys::KeyboardEvent>().key() == "Escape" {
            shown.put(None);
            // What comes to lie under the pointer by that is not pointed at.
            away_until_ms.set(platform::now_ms() + AWAY_MS);
        }
    };
    EventListener::new(&platform::document(), "keydown", escape).forget();
    parts::made_when(move || shown.with(Option::is_some), move || tip_element(shown))
}

fn tip_element(shown: Var<Option<Tip>>) -> El {
    let pixels = |value: f64| [&(value as i32).to_string(), "px"].concat();
    let rows = move || -> Nodes {
        let Some(tip) = shown.get() else { return Vec::new() };
        tip.rows.iter().map(|(ip, owner)| el("div").part("code", "", ip).part("span", "", owner)).collect()
    };
    el("div")
        .class("whose")
        .attr("role", "tooltip")
        .hidden_of(move || shown.with(Option::is_none))
        .style_of("left", move || pixels(shown.with(|tip| tip.as_ref().map_or(0.0, |tip| tip.left))))
        .style_of("top", move || pixels(shown.with(|tip| tip.as_ref().map_or(0.0, |tip| tip.top))))
        .live(rows)
}

fn tip_of(app: App, target: &Element) -> Option<Tip> {
    let text = target.text_content().filter(|text| text.len() <= TEXT_MAX && text.contains('.'))?;
    let rows = app.scene.peek(|scene| scene.as_ref().map(|scene| told(scene, &text)))?;
    if rows.is_empty() {
        return None;
    }
    let (place, window) = (target.get_bounding_client_rect(), platform::window());
    let size = |value: Result<wasm_bindgen::JsValue, wasm_bindgen::JsValue>| {
        value.ok().and_then(|value| value.as_f64()).unwrap_or(800.0)
    };
    let (width, height) = (size(window.inner_width()), size(window.inner_height()));
    let tall = 14.0 + rows.len() as f64 * 19.0;
    let below = place.bottom() + tall < height;
    let top = if below { place.bottom() - 1.0 } else { place.top() - tall };
    let left = place.left().min(width - WIDTH - 8.0).max(4.0);
    Some(Tip { rows, left, top })
}
