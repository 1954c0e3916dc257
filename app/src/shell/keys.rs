//! Keys that work anywhere but where text is typed.

use crate::platform;
use crate::state::App;
use wasm_bindgen::JsCast;
use web_sys::KeyboardEvent;

pub fn listen(app: App) {
    let on_key = move |event: &web_sys::Event| {
        let event: &KeyboardEvent = event.unchecked_ref();
        if let Some(turn) = turned(event) {
            turn(app);
            return event.prevent_default();
        }
        if event.default_prevented() || event.ctrl_key() || event.meta_key() || event.alt_key() || taken(event) {
            return;
        }
        match event.key().as_str() {
            " " => app.player.toggle(),
            "ArrowRight" => app.step(1),
            "ArrowLeft" => app.step(-1),
            "Home" => app.step(isize::MIN),
            "End" => app.step(isize::MAX),
            "l" => app.player.looping.update(|looping| *looping = !*looping),
            _ => return,
        }
        event.prevent_default();
    };
    let options = gloo::events::EventListenerOptions::enable_prevent_default();
    gloo::events::EventListener::new_with_options(&platform::document(), "keydown", options, on_key).forget();
}

/// Ctrl-Z, and what brings back what it took, but where text is typed.
fn turned(event: &KeyboardEvent) -> Option<fn(App)> {
    let asked = (event.ctrl_key() || event.meta_key()) && !event.alt_key() && !event.default_prevented();
    if !asked || is_in(event, ".rich,input:not([type=range]),textarea,select,dialog") {
        return None;
    }
    match (event.key().to_ascii_lowercase().as_str(), event.shift_key()) {
        ("z", false) => Some(App::undo),
        ("z", true) | ("y", false) => Some(App::redo),
        _ => None,
    }
}

/// The focused element has its own use for the key.
fn taken(event: &KeyboardEvent) -> bool {
    is_in(event, ".rich,input,textarea,select,dialog,[role=tree],[role=tablist]")
        || (event.key() == " " && is_in(event, "button,summary,a"))
}

fn is_in(event: &KeyboardEvent, selector: &str) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|target| target.closest(selector).ok().flatten().is_some())
}
