//! The terminals: tabs, and the log and the line of the one in front.

use super::input::{Input, input};
use super::list::list;
use super::log::log;
use crate::dom::{El, Var, button, derived, effect, el};
use crate::parts::{self, icon_button, link};
use crate::platform;
use crate::shown::Notice;
use crate::state::App;
use podhop_engine::protocol::RequestBody;
use std::collections::BTreeMap;
use wasm_bindgen::JsCast;
use web_sys::KeyboardEvent;

const PANEL: &str = "term-panel";

pub fn terminal(app: App) -> El {
    let alive = Var::new(false);
    let running = derived(move || app.terminals.with(|terminals| terminals.front().is_running()));
    let (field, typing) = input(app);
    let stop = link("Stop (Ctrl-C)", move || app.stop()).hidden_of(move || !running.get());
    let offers = typing.offers;
    let prompt = el("label").class("prompt").attr("for", "term-input").text_of(move || {
        match offers.with(|offers| offers.is_search()) {
            true => "search:".to_string(),
            false => app.terminals.with(|terminals| terminals.front().prompt.clone()),
        }
    });
    let term = el("div").class("term").id(PANEL).attr("role", "tabpanel");
    let accepted = typing.clone();
    let lines = log(app, &term, alive);
    let term = term
        .kid(lines)
        .kid(el("div").class("line").kid(prompt).kid(field).kid(stop))
        .kid(list(offers, &typing.field, move || accepted.accept()))
        .attr_of("aria-labelledby", move || tab_id(app.terminals.with(|terminals| terminals.front_index())));
    // Whoever turns to the terminal finds the cluster's names in it.
    let wake = move |_: web_sys::Event| alive.put(true);
    let term = term.on("pointerenter", wake).on("focusin", wake);
    drafts(app, typing.clone());
    let field = typing.field.clone();
    // A click on the empty part brings the caret, as in any terminal; selecting text does not lose its selection.
    let term = term.on_click(move || {
        app.fresh.put(None);
        let selecting = platform::window().get_selection().ok().flatten().is_some_and(|s| !s.is_collapsed());
        if !selecting {
            let _ = field.focus();
        }
    });
    el("div").class("terms").kid(term).kid(side(app, typing))
}

fn tab_id(index: usize) -> String {
    ["term-tab-", &index.to_string()].concat()
}

/// What was typed in a terminal comes back with it.
fn drafts(app: App, typing: Input) {
    let mut kept: BTreeMap<u32, String> = BTreeMap::new();
    let mut before = 0;
    let front = derived(move || app.terminals.with(|terminals| terminals.front().session));
    effect(move || {
        let now = front.get();
        if now == before {
            return;
        }
        let there = app.terminals.peek(|terminals| terminals.sessions().contains(&before));
        if there {
            kept.insert(before, typing.field.value());
        }
        typing.field.set_value(&kept.remove(&now).unwrap_or_default());
        before = now;
    });
}

/// The list of terminals, and the buttons to open and close them.
fn side(app: App, typing: Input) -> El {
    let tabs = el("div")
        .class("term-tabs")
        .attr("role", "tablist")
        .attr("aria-orientation", "vertical")
        .label("Terminals")
        .on("keydown", move |event| on_key(app, event.unchecked_ref()));
    let titles = derived(move || app.terminals.with(|terminals| (terminals.titles(), terminals.front_index())));
    let (list, mut shown) = (tabs.clone(), Vec::<El>::new());
    effect(move || {
        let (titles, front) = titles.get();
        while shown.len() < titles.len() {
            let tab = tab(app, shown.len());
            let _ = list.0.append_child(&tab.0);
            shown.push(tab);
        }
        shown.drain(titles.len()..).for_each(|tab| tab.0.remove());
        for (index, (tab, title)) in shown.iter().zip(&titles).enumerate() {
            let front = index == front;
            tab.0.set_text_content(Some(title));
            let tab = tab.clone().title(title).attr("aria-selected", if front { "true" } else { "false" });
            drop(tab.attr("tabindex", if front { "0" } else { "-1" }));
        }
    });
    let several = derived(move || app.terminals.with(|terminals| terminals.len() > 1));
    let opened = typing.field.clone();
    let open = icon_button("New terminal", parts::PLUS, move || match app.terminals.update(|all| all.open()) {
        Ok(_) => drop(opened.focus()),
        Err(why) => app.notice.set(Some(Notice::text(&why))),
    });
    let closed = typing.field;
    let close = icon_button("Close this terminal", parts::CLOSE, move || {
        close(app, app.terminals.peek(|all| all.front_index()));
        let _ = closed.focus();
    });
    let close = close.hidden_of(move || !several.get());
    el("div").class("term-side").kid(tabs).kid(el("div").class("term-acts").kid(open).kid(close))
}

fn tab(app: App, index: usize) -> El {
    button("term-tab")
        .attr("role", "tab")
        .id(&tab_id(index))
        .attr("aria-controls", PANEL)
        .on_click(move || app.terminals.update(|terminals| terminals.choose(index)))
}

/// Arrow keys go from terminal to terminal, Delete closes one.
fn on_key(app: App, event: &KeyboardEvent) {
    let (at, count) = app.terminals.peek(|terminals| (terminals.front_index(), terminals.len()));
    let to = match event.key().as_str() {
        "ArrowDown" | "ArrowRight" => (at + 1) % count,
        "ArrowUp" | "ArrowLeft" => (at + count - 1) % count,
        "Home" => 0,
        "End" => count - 1,
        "Delete" => {
            close(app, at);
            app.terminals.peek(|terminals| terminals.front_index())
        }
        _ => return,
    };
    event.prevent_default();
    event.stop_propagation();
    app.terminals.update(|terminals| terminals.choose(to));
    platform::focus(&tab_id(to));
}

fn close(app: App, index: usize) {
    if let Some(session) = app.terminals.update(|terminals| terminals.close(index)) {
        app.ask(RequestBody::CloseConsole { session }, |_| ());
    }
}
