//! Files and dumps that are dropped or pasted anywhere on the page.

use super::{files, names};
use crate::platform;
use crate::shown::Notice;
use crate::state::App;
use gloo::events::{EventListener, EventListenerOptions, EventListenerPhase};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ClipboardEvent, DataTransfer, DragEvent, Element, Event, File};

/// Listens for as long as the page lives; before the editor does, which would take dropped files for text.
pub fn listen(app: App) {
    on("dragover", |event| {
        if let Some(data) = carries_files(event) {
            event.prevent_default();
            event.stop_propagation();
            data.set_drop_effect("copy");
            hint(true);
        }
    });
    on("dragleave", |event| {
        // Out of the window, not from one element to the next.
        if event.unchecked_ref::<DragEvent>().related_target().is_none() {
            hint(false);
        }
    });
    on("drop", move |event| {
        hint(false);
        if let Some(data) = carries_files(event) {
            event.prevent_default();
            event.stop_propagation();
            take_files(app, &data);
        }
    });
    on("paste", move |event| {
        let Some(data) = event.unchecked_ref::<ClipboardEvent>().clipboard_data() else { return };
        if data.files().is_some_and(|files| files.length() > 0) {
            event.prevent_default();
            event.stop_propagation();
            return take_files(app, &data);
        }
        let text = data.get_data("text/plain").unwrap_or_default();
        if !is_typed_into(event) && names::is_manifest(&text) {
            event.prevent_default();
            files::open_text(app, "pasted.yaml", text);
        }
    });
}

fn on(event: &'static str, act: impl Fn(&Event) + 'static) {
    let options = EventListenerOptions { phase: EventListenerPhase::Capture, passive: false };
    EventListener::new_with_options(&platform::document(), event, options, act).forget();
}

/// Shows where what is dragged will go.
fn hint(shown: bool) {
    let _ = platform::root().class_list().toggle_with_force("dropping", shown);
}

fn carries_files(event: &Event) -> Option<DataTransfer> {
    let data = event.unchecked_ref::<DragEvent>().data_transfer()?;
    data.types().includes(&"Files".into(), 0).then_some(data)
}

/// What is focused takes pasted text itself.
fn is_typed_into(event: &Event) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|target| target.closest(".rich,input,textarea").ok().flatten().is_some())
}

fn take_files(app: App, data: &DataTransfer) {
    let Some(list) = data.files() else { return };
    for file in (0..list.length()).filter_map(|index| list.get(index)) {
        match names::refusal(&file.name(), file.size()) {
            Some(why) => app.notice.set(Some(Notice::text(&why))),
            None => read(app, file),
        }
    }
}

fn read(app: App, file: File) {
    leptos::task::spawn_local(async move {
        let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
        match text.filter(|text| !text.contains('\0')) {
            Some(text) => files::open_text(app, &file.name(), text),
            None => app.notice.set(Some(Notice::text(&[&file.name(), " is not a text."].concat()))),
        }
    });
}
