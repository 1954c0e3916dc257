//! The terminal.

use super::history::History;
use crate::platform;
use crate::state::{App, LogEntry, Start};
use leptos::ev::KeyboardEvent;
use leptos::html::{Div, Input};
use leptos::prelude::*;
use podhop_engine::protocol::{Chunk, Stream};

pub fn terminal(app: App) -> AnyView {
    let history = StoredValue::new(History::default());
    let input = NodeRef::<Input>::new();
    let scroller = NodeRef::<Div>::new();
    let running = Memo::new(move |_| app.log.with(|log| log.last().is_some_and(|entry| entry.chunks.is_none())));
    Effect::new(move |_| {
        app.log.track();
        if let Some(scroller) = scroller.get() {
            scroller.set_scroll_top(scroller.scroll_height());
        }
    });
    let set_line = move |line: Option<String>| {
        if let (Some(input), Some(line)) = (input.get_untracked(), line) {
            input.set_value(&line);
        }
    };
    let on_key = move |event: KeyboardEvent| {
        let Some(field) = input.get_untracked() else { return };
        let control = event.ctrl_key();
        match event.key().as_str() {
            "Enter" if !running.get_untracked() => {
                let line = field.value();
                field.set_value("");
                history.update_value(|history| history.push(&line));
                if !line.trim().is_empty() {
                    app.run(line);
                }
            }
            "ArrowUp" => {
                let now = field.value();
                let line = history.try_update_value(|history| history.older(&now));
                set_line(line.flatten());
            }
            "ArrowDown" => set_line(history.try_update_value(History::newer).flatten()),
            "c" if control && field.selection_start() == field.selection_end() => {
                if running.get_untracked() { app.stop() } else { field.set_value("") }
            }
            "l" if control => app.log.update(|log| log.retain(|entry| entry.chunks.is_none())),
            _ => return,
        }
        event.prevent_default();
    };
    let entries = move || {
        let log = app.log.get();
        log.iter().map(|entry| entry_view(app, entry)).collect::<Vec<AnyView>>()
    };
    // A click on the empty part brings the caret, as in any terminal; selecting text does not lose its selection.
    let to_input = move |_| {
        let selecting = platform::window().get_selection().ok().flatten().is_some_and(|s| !s.is_collapsed());
        if let (Some(input), false) = (input.get_untracked(), selecting) {
            let _ = input.focus();
        }
    };
    view! {
        <div class="term" node_ref=scroller on:click=to_input>
            <div role="log" aria-label="Output">{entries}</div>
            <div class="line">
                <label class="prompt" for="term-input">{move || app.prompt.get()}</label>
                <input
                    id="term-input"
                    node_ref=input
                    type="text"
                    aria-label="Command"
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    enterkeyhint="send"
                    on:keydown=on_key
                />
                <button type="button" class="link" hidden=move || !running.get() on:click=move |_| app.stop()>
                    "Stop (Ctrl-C)"
                </button>
            </div>
        </div>
    }
    .into_any()
}

fn entry_view(app: App, entry: &LogEntry) -> AnyView {
    let chunks: Vec<AnyView> =
        entry.chunks.iter().flatten().map(|chunk| chunk_view(app, chunk)).collect();
    view! {
        <div class="entry">
            <div class="typed">
                <span class="prompt">{entry.prompt.clone()}</span> " " {entry.line.clone()}
            </div>
            {chunks}
        </div>
    }
    .into_any()
}

/// Output that reports a packet can be clicked: the packet then plays.
fn chunk_view(app: App, chunk: &Chunk) -> AnyView {
    let class = if chunk.stream == Stream::Err { "out err" } else { "out" };
    let text = chunk.text.clone();
    match chunk.at {
        Some((flow, packet)) => view! {
            <button
                type="button"
                class=["seek ", class].concat()
                title="Show this packet"
                on:click=move |event| {
                    event.stop_propagation();
                    app.show_flow(flow, Start::Packet(packet));
                }
            >
                {text}
            </button>
        }
        .into_any(),
        None => view! { <span class=class>{text}</span> }.into_any(),
    }
}
