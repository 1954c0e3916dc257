//! Keys that work anywhere but where text is typed.

use crate::platform;
use crate::state::App;
use wasm_bindgen::JsCast;
use web_sys::KeyboardEvent;

pub fn listen(app: App) {
    let on_key = move |event: &web_sys::Event| {
        let event: &KeyboardEvent = event.unchecked_ref();
        if event.default_prevented() || event.ctrl_key() || event.meta_key() || event.alt_key() || taken(event) {
            return;
        }
        match event.key().as_str() {
            " " => app.player.toggle(),
            "ArrowRight" => app.step(1),
            "ArrowLeft" => app.step(-1),
            "Home" => app.step(isize::MIN),
            "End" => app.step(isize::MAX),
            _ => return,
        }
        event.prevent_default();
    };
    let options = gloo::events::EventListenerOptions::enable_prevent_default();
    gloo::events::EventListener::new_with_options(&platform::document(), "keydown", options, on_key).forget();
}

/// The focused element has its own use for the key.
fn taken(event: &KeyboardEvent) -> bool {
    let Some(target) = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()) else {
        return false;
    };
    let is = |selector: &str| target.closest(selector).ok().flatten().is_some();
    is(".rich,input,textarea,select,dialog,[role=tree],[role=tablist]")
        || (event.key() == " " && is("button,summary,a"))
}
