//! Browser services behind small functions: storage, clipboard, media queries, frames, time, focus.

mod frames;
mod worker;

pub use frames::Frames;
pub use worker::Worker;

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

pub fn window() -> web_sys::Window {
    web_sys::window().unwrap_throw()
}

pub fn document() -> web_sys::Document {
    window().document().unwrap_throw()
}

/// `<html>`.
pub fn root() -> web_sys::HtmlElement {
    document().document_element().unwrap_throw().unchecked_into()
}

/// Sets `data-NAME` on `<html>`.
pub fn set_root_data(name: &str, value: &str) {
    let _ = root().dataset().set(name, value);
}

/// Milliseconds since the page began.
pub fn now_ms() -> f64 {
    window().performance().map_or(0.0, |performance| performance.now())
}

/// Local storage can be forbidden (a sandboxed frame): then nothing is kept.
pub fn stored(key: &str) -> Option<String> {
    window().local_storage().ok()??.get_item(key).ok()?
}

pub fn store(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.set_item(key, value);
    }
}

pub fn forget(key: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.remove_item(key);
    }
}

/// The same for as long as the browser's tab lives.
pub fn session_stored(key: &str) -> Option<String> {
    window().session_storage().ok()??.get_item(key).ok()?
}

pub fn session_store(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().session_storage() {
        let _ = storage.set_item(key, value);
    }
}

/// When all effects of what has just changed have run, and before the next key or click is heard: what has appeared can
/// take the focus without losing what is typed meanwhile.
pub fn soon(act: impl FnOnce() + 'static) {
    leptos::task::spawn_local(async { act() });
}

pub fn after_ms(milliseconds: u32, act: impl FnOnce() + 'static) {
    gloo::timers::callback::Timeout::new(milliseconds, act).forget();
}

/// Whether a media query holds now.
pub fn media(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

/// By the system's settings or by podhop's.
pub fn reduced_motion() -> bool {
    media("(prefers-reduced-motion: reduce)") || root().dataset().get("motion").is_some()
}

/// Calls `changed` whenever the answer to a media query changes, for as long as the page lives.
pub fn on_media(query: &str, mut changed: impl FnMut() + 'static) {
    if let Ok(Some(list)) = window().match_media(query) {
        gloo::events::EventListener::new(&list, "change", move |_| changed()).forget();
    }
}

/// Calls `resized` with the size of `element` in CSS pixels, now and whenever it changes.
pub fn on_resize(element: &web_sys::Element, mut resized: impl FnMut(f64, f64) + 'static) {
    let of = element.clone();
    let closure = Closure::<dyn FnMut()>::new(move || {
        let rect = of.get_bounding_client_rect();
        resized(rect.width(), rect.height());
    });
    if let Ok(observer) = web_sys::ResizeObserver::new(closure.as_ref().unchecked_ref()) {
        observer.observe(element);
    }
    // The observed element lives as long as the page.
    closure.forget();
}

/// How many CSS pixels the page's unit of type is: 16, unless the reader wants larger letters.
pub fn rem() -> f64 {
    let style = window().get_computed_style(&root()).ok().flatten();
    let size = style.and_then(|style| style.get_property_value("font-size").ok()).unwrap_or_default();
    let size = js_sys::parse_float(&size);
    if size > 4.0 { size } else { 16.0 }
}

/// The value of a design token.
pub fn token(name: &str) -> String {
    let style = window().get_computed_style(&root()).ok().flatten();
    style.and_then(|style| style.get_property_value(name).ok()).unwrap_or_default().trim().to_string()
}

pub fn element(id: &str) -> Option<web_sys::HtmlElement> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

pub fn focus(id: &str) {
    if let Some(element) = element(id) {
        let _ = element.focus();
    }
}

/// Puts a text on the clipboard. A frame may be forbidden to, and a page that came over plain HTTP has none: `done` is
/// told whether it is there.
pub fn copy_then(text: &str, done: impl FnOnce(bool) + 'static) {
    let navigator = window().navigator();
    let known = js_sys::Reflect::get(&navigator, &"clipboard".into()).is_ok_and(|clipboard| clipboard.is_object());
    if !known {
        return done(false);
    }
    let written = navigator.clipboard().write_text(text);
    leptos::task::spawn_local(async move { done(JsFuture::from(written).await.is_ok()) });
}

pub fn copy(text: &str) {
    copy_then(text, |_| ());
}

/// Offers bytes as a file to save.
pub fn save(name: &str, bytes: &[u8]) {
    let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(bytes));
    let Ok(blob) = web_sys::Blob::new_with_u8_array_sequence(&parts) else { return };
    let Ok(url) = web_sys::Url::create_object_url_with_blob(&blob) else { return };
    if let Ok(link) = document().create_element("a") {
        let _ = link.set_attribute("href", &url);
        let _ = link.set_attribute("download", name);
        link.unchecked_ref::<web_sys::HtmlElement>().click();
    }
    let _ = web_sys::Url::revoke_object_url(&url);
}

/// Fetches a text that belongs to the page; `then` gets nothing if it cannot be had.
pub fn fetch_text(address: &'static str, then: impl FnOnce(Option<String>) + 'static) {
    leptos::task::spawn_local(async move { then(fetched(address).await.ok().flatten()) });
}

async fn fetched(address: &str) -> Result<Option<String>, JsValue> {
    let response: web_sys::Response = JsFuture::from(window().fetch_with_str(address)).await?.unchecked_into();
    let text = JsFuture::from(response.text()?).await?;
    Ok(text.as_string().filter(|_| response.ok()))
}
