//! Small parts that several panels share.

use crate::dom::{El, Var, button, el, svg};
use crate::glyph::Glyph;
use crate::platform;
use crate::state::Tab;
use wasm_bindgen::JsCast;

/// A drawn sign, 16 × 16.
pub fn icon(path: &str) -> El {
    svg("svg").class("icon").attr("viewBox", "0 0 16 16").attr("aria-hidden", "true").kid(svg("path").attr("d", path))
}

/// The sign of a kind or a device, drawn in lines.
pub fn glyph(of: Glyph) -> El {
    svg("svg")
        .class("icon glyph")
        .attr("viewBox", "0 0 16 16")
        .attr("aria-hidden", "true")
        .kid(svg("path").attr("d", of.path()))
}

pub const PLAY: &str = "M5 3v10l8-5z";
pub const PAUSE: &str = "M4 3h3v10H4zM9 3h3v10H9z";
pub const FIRST: &str = "M3 3h2v10H3zM13 3v10L5.5 8z";
pub const BACK: &str = "M11 3v10L4 8z";
pub const FORWARD: &str = "M5 3v10l7-5z";
pub const LAST: &str = "M11 3h2v10h-2zM3 3v10l7.5-5z";
pub const LOOP: &str = "M4 3.2h6.5a3 3 0 0 1 3 3V8H12V6.2a1.5 1.5 0 0 0-1.5-1.5H4v2L1 4l3-2.8zM12 12.8H5.5a3 3 0 0 1-3-3V8H4v1.8a1.5 1.5 0 0 0 1.5 1.5H12v-2l3 2.7-3 2.8z";
pub const PLUS: &str = "M7.2 3h1.6v4.2H13v1.6H8.8V13H7.2V8.8H3V7.2h4.2z";
pub const MINUS: &str = "M3 7.2h10v1.6H3z";
pub const FIT: &str = "M2 2h5v1.6H3.6V7H2zM9 2h5v5h-1.6V3.6H9zM2 9h1.6v3.4H7V14H2zM12.4 9H14v5H9v-1.6h3.4z";
pub const CLOSE: &str = "M4 3l4 4 4-4 1 1-4 4 4 4-1 1-4-4-4 4-1-1 4-4-4-4z";

/// A button that shows a sign.
pub fn icon_button(label: &str, path: &str, act: impl FnMut() + 'static) -> El {
    button("round").label(label).title(label).kid(icon(path)).on_click(act)
}

/// A button that looks like a link.
pub fn link(text: &str, act: impl FnMut() + 'static) -> El {
    button("link").text(text).on_click(act)
}

/// A sign and a word in the colour of a verdict.
pub fn verdict(kind: podhop_engine::protocol::VerdictKind, word: &str) -> El {
    use crate::journey::model::{verdict_class, verdict_sign};
    el("span").class(verdict_class(kind)).text(verdict_sign(kind)).text(" ").text(word)
}

pub fn empty(text: &str) -> El {
    el("p").class("empty").text(text)
}

/// One tab of a list: what it selects, the id of its panel, and its text.
pub struct TabItem {
    pub tab: Tab,
    pub panel: &'static str,
    pub text: Box<dyn Fn() -> String>,
}

pub fn tab(tab: Tab, panel: &'static str, text: impl Fn() -> String + 'static) -> TabItem {
    TabItem { tab, panel, text: Box::new(text) }
}

/// A list of tabs; arrow keys move between them.
pub fn tabs(label: &str, items: Vec<TabItem>, selected: Var<Tab>) -> El {
    let order: Vec<(Tab, &'static str)> = items.iter().map(|item| (item.tab, item.panel)).collect();
    let on_key = move |event: web_sys::Event| {
        let event: &web_sys::KeyboardEvent = event.unchecked_ref();
        let at = order.iter().position(|(tab, _)| *tab == selected.now()).unwrap_or(0);
        let to = match event.key().as_str() {
            "ArrowRight" => (at + 1) % order.len(),
            "ArrowLeft" => (at + order.len() - 1) % order.len(),
            "Home" => 0,
            "End" => order.len() - 1,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        selected.set(order[to].0);
        platform::focus(&tab_id(order[to].1));
    };
    let buttons = items.into_iter().map(|TabItem { tab, panel, text }| {
        button("tab")
            .attr("role", "tab")
            .id(&tab_id(panel))
            .attr("aria-controls", panel)
            .bool_of("aria-selected", move || selected.get() == tab)
            .attr_of("tabindex", move || if selected.get() == tab { "0" } else { "-1" }.to_string())
            .text_of(text)
            .on_click(move || selected.set(tab))
    });
    el("div").class("tabs").attr("role", "tablist").label(label).on("keydown", on_key).kids(buttons.collect())
}

fn tab_id(panel: &str) -> String {
    ["tab-", panel].concat()
}

/// What `build` makes, made when it is first wanted: most visits never see it.
pub fn made_when(wanted: impl Fn() -> bool + 'static, build: impl Fn() -> El + 'static) -> El {
    made_once(Box::new(wanted), Box::new(build))
}

fn made_once(wanted: Box<dyn Fn() -> bool>, build: Box<dyn Fn() -> El>) -> El {
    let ever = std::cell::Cell::new(false);
    let made = crate::dom::derived(move || {
        ever.set(ever.get() || wanted());
        ever.get()
    });
    el("div").class("holder").live(move || match made.get() {
        // What is read while it is made is no reason to make it anew.
        true => vec![leptos::prelude::untrack(&build)],
        false => Vec::new(),
    })
}

/// A dialog that is made when it is first asked for; `asked` grows with each time.
pub fn dialog_when_asked(asked: Var<u32>, build: impl Fn() -> El + 'static) -> El {
    let holder = made_when(move || asked.get() > 0, build);
    let of = holder.0.clone();
    crate::dom::effect(move || {
        if asked.get() > 0 {
            let of = of.clone();
            // It has been made by then.
            platform::soon(move || show(&of));
        }
    });
    holder
}

fn show(holder: &web_sys::Element) {
    if let Ok(Some(dialog)) = holder.query_selector("dialog:not([open])") {
        let _ = dialog.clone().unchecked_into::<web_sys::HtmlDialogElement>().show_modal();
        // The browser turns to the first control: where that is the way out at the end, reading begins at the top.
        let active = platform::document().active_element();
        if active.is_some_and(|active| active.class_list().contains("leave")) {
            let _ = dialog.set_attribute("tabindex", "-1");
            let _ = dialog.unchecked_ref::<web_sys::HtmlElement>().focus();
            dialog.set_scroll_top(0);
        }
    }
}

/// Closes the dialog that it is in.
pub fn close_button(dialog: &El) -> El {
    let dialog: web_sys::HtmlDialogElement = dialog.cast();
    button("ghost leave").text("Close").on_click(move || dialog.close())
}

/// The panel of a tab that is made when it is first looked at.
pub fn panel_when_seen(id: &str, tab: Tab, selected: Var<Tab>, inside: impl Fn() -> El + 'static) -> El {
    panel(id, tab, selected, made_when(move || selected.get() == tab, inside))
}

/// The panel of a tab.
pub fn panel(id: &str, tab: Tab, selected: Var<Tab>, inside: El) -> El {
    el("div")
        .class("panel")
        .id(id)
        .attr("role", "tabpanel")
        .attr("aria-labelledby", &tab_id(id))
        .attr("tabindex", "-1")
        .hidden_of(move || selected.get() != tab)
        .kid(inside)
}
