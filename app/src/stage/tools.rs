//! The stage's tools, and the keys that work wherever nothing is typed.

use super::acts::{Purpose, Stage};
use crate::dom::{El, button, el};
use crate::parts::{self, icon_button};
use crate::platform;
use crate::shown::Notice;
use gloo::events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::KeyboardEvent;

const FIND: &str = "M6.8 2a4.8 4.8 0 1 0 2.9 8.6l3.3 3.3 1-1-3.3-3.3A4.8 4.8 0 0 0 6.8 2zm0 1.5a3.3 3.3 0 1 1 0 6.6 3.3 3.3 0 0 1 0-6.6z";
const FOLLOW: &str = "M7.2 1.5h1.6v2.1a4.5 4.5 0 0 1 3.6 3.6h2.1v1.6h-2.1a4.5 4.5 0 0 1-3.6 3.6v2.1H7.2v-2.1a4.5 4.5 0 0 1-3.6-3.6H1.5V7.2h2.1a4.5 4.5 0 0 1 3.6-3.6zM8 5.6a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8z";

pub fn tools(stage: Stage) -> El {
    listen(stage);
    let ping = move || match stage.sender() {
        Some(from) => stage.ping_all(&from),
        None => stage.app.notice.set(Some(Notice::text("No running Pod or node here can ping another."))),
    };
    let follows = move || stage.follows.get() && !stage.own_camera.get();
    el("div")
        .class("stage-tools")
        .attr("role", "group")
        .label("Cluster tools")
        .kid(
            button("stage-tool")
                .label("Find a Pod or node")
                .attr("aria-keyshortcuts", "/")
                .kid(parts::icon(FIND))
                .part("span", "", "Find")
                .part("kbd", "", "/")
                .on_click(move || stage.finder.set(Some(Purpose::Look))),
        )
        .kid(button("stage-tool").text("Ping all").on_click(ping))
        .kid(icon_button("Follow the packet", FOLLOW, move || stage.follow()).bool_of("aria-pressed", follows))
        .kid(icon_button("Closer", parts::PLUS, move || stage.zoom(1.3, None)))
        .kid(icon_button("Further", parts::MINUS, move || stage.zoom(1.0 / 1.3, None)))
        .kid(icon_button("All of it", parts::FIT, move || stage.fit()))
}

/// Listens as long as the page lives.
fn listen(stage: Stage) {
    let on_key = move |event: &web_sys::Event| {
        let event: &KeyboardEvent = event.unchecked_ref();
        if event.default_prevented() || event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let within = |selector: &str| target.as_ref().is_some_and(|t| t.closest(selector).ok().flatten().is_some());
        match event.key().as_str() {
            // An open dialog has the page for itself, even where nothing in it has the focus.
            _ if is_dialog_open() => return,
            "/" if !within("input,textarea,select") => stage.finder.set(Some(Purpose::Look)),
            "Escape" if !within("textarea") => {
                let inside = within(".finder,.send,.card");
                if !stage.dismiss() {
                    return;
                }
                if inside {
                    // Back to where the picture is walked through.
                    platform::soon(focus_tree);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let options = EventListenerOptions::enable_prevent_default();
    EventListener::new_with_options(&platform::document(), "keydown", options, on_key).forget();
}

fn is_dialog_open() -> bool {
    platform::document().query_selector("dialog[open]").is_ok_and(|open| open.is_some())
}

fn focus_tree() {
    let row = platform::document().query_selector(".tree [tabindex=\"0\"]").ok().flatten();
    if let Some(row) = row.and_then(|row| row.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = row.focus();
    }
}
