//! The terminal.

use super::history::History;
use crate::dom::{El, Var, button, derived, effect, el};
use crate::parts::link;
use crate::platform;
use crate::state::{App, LogEntry, Start};
use podhop_engine::protocol::{Chunk, Stream};
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, KeyboardEvent};

pub fn terminal(app: App) -> El {
    let history = Var::new(History::default());
    let running = derived(move || app.log.with(|log| log.last().is_some_and(|entry| entry.chunks.is_none())));
    let input = el("input")
        .id("term-input")
        .attr("type", "text")
        .label("Command")
        .attr("autocomplete", "off")
        .attr("autocapitalize", "off")
        .attr("spellcheck", "false")
        .attr("enterkeyhint", "send");
    let field: HtmlInputElement = input.cast();
    let of_key = field.clone();
    let input = input.on("keydown", move |event| on_key(app, history, running, &of_key, event.unchecked_ref()));
    let of_paste = field.clone();
    let input = input.on("paste", move |event| on_paste(app, running, &of_paste, event.unchecked_ref()));
    let log = el("div")
        .attr("role", "log")
        .label("Output")
        .live(move || app.log.with(|log| log.iter().map(|entry| entry_view(app, entry)).collect()));
    let stop = link("Stop (Ctrl-C)", move || app.stop()).hidden_of(move || !running.get());
    let prompt = el("label").class("prompt").attr("for", "term-input").text_of(move || app.prompt.get());
    let term = el("div").class("term").kid(log).kid(el("div").class("line").kid(prompt).kid(input).kid(stop));
    let scroller = term.0.clone();
    effect(move || {
        app.log.track();
        scroller.set_scroll_top(scroller.scroll_height());
    });
    // A click on the empty part brings the caret, as in any terminal; selecting text does not lose its selection.
    term.on_click(move || {
        let selecting = platform::window().get_selection().ok().flatten().is_some_and(|s| !s.is_collapsed());
        if !selecting {
            let _ = field.focus();
        }
    })
}

fn on_key(app: App, history: Var<History>, running: Var<bool>, field: &HtmlInputElement, event: &KeyboardEvent) {
    let control = event.ctrl_key();
    match event.key().as_str() {
        "Enter" if !running.now() => {
            let line = field.value();
            field.set_value("");
            history.update(|history| history.push(&line));
            if !line.trim().is_empty() {
                app.run(line);
            }
        }
        "ArrowUp" => {
            let now = field.value();
            if let Some(line) = history.update(|history| history.older(&now)) {
                field.set_value(&line);
            }
        }
        "ArrowDown" => {
            if let Some(line) = history.update(History::newer) {
                field.set_value(&line);
            }
        }
        "c" if control && field.selection_start() == field.selection_end() => {
            if running.now() {
                app.stop()
            } else {
                field.set_value("")
            }
        }
        "l" if control => app.log.update(|log| log.retain(|entry| entry.chunks.is_none())),
        _ => return,
    }
    event.prevent_default();
}

fn entry_view(app: App, entry: &LogEntry) -> El {
    let typed = el("div").class("typed").part("span", "prompt", &entry.prompt).text(" ").text(&entry.line);
    let chunks = entry.chunks.iter().flatten().map(|chunk| chunk_view(app, chunk));
    el("div").class("entry").kid(typed).kids(chunks.collect())
}

/// Output that reports a packet can be clicked: the packet then plays. The rest of what is printed with it is text.
fn chunk_view(app: App, chunk: &Chunk) -> El {
    let class = if chunk.stream == Stream::Err { "out err" } else { "out" };
    let out = el("span").class(class);
    let Some((flow, packet)) = chunk.at else { return out.text(&chunk.text) };
    let line = chunk.text.trim_start_matches('\n');
    let (before, line) = chunk.text.split_at(chunk.text.len() - line.len());
    let (line, after) = line.split_at(line.find('\n').unwrap_or(line.len()));
    let seek = button("seek").title("Show this packet").text(line).on("click", move |event| {
        event.stop_propagation();
        app.show_flow(flow, Start::Packet(packet));
    });
    out.text(before).kid(seek).text(after)
}

/// Several lines at once are a script: they run as one, here-documents included.
fn on_paste(app: App, running: Var<bool>, field: &HtmlInputElement, event: &web_sys::ClipboardEvent) {
    let pasted = event.clipboard_data().and_then(|data| data.get_data("text/plain").ok()).unwrap_or_default();
    if !pasted.trim_end().contains('\n') || running.now() {
        return;
    }
    event.prevent_default();
    let line = [&field.value(), pasted.trim_end()].concat();
    field.set_value("");
    app.run(line.replace("\r\n", "\n"));
}
