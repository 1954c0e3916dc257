//! The editor: the text area itself is the browser's; colours and underlines lie behind it.

use super::{model, problems};
use crate::state::App;
use leptos::ev::KeyboardEvent;
use leptos::html::Textarea;
use leptos::prelude::*;
use podhop_engine::protocol::FileView;

/// Must equal the stylesheet's `--code-line`.
const LINE: f64 = 20.0;

pub fn editor(app: App) -> AnyView {
    let area = NodeRef::<Textarea>::new();
    let scroll = RwSignal::new((0.0, 0.0));
    let height = RwSignal::new(400.0);
    let active = Memo::new(move |_| {
        let name = app.active_file.get();
        app.files.with(|files| files.iter().find(|file| file.name == name).cloned())
    });
    // The text area keeps its own text while one types; only other changes are written into it.
    Effect::new(move |_| {
        app.active_file.track();
        app.text_epoch.track();
        let Some(area) = area.get() else { return };
        let text = active.get_untracked().map(|file| file.text).unwrap_or_default();
        if area.value() != text {
            area.set_value(&text);
        }
    });
    Effect::new(move |_| {
        if let Some(area) = area.get() {
            crate::platform::on_resize(&area, move |_, tall| height.set(tall));
        }
    });
    jump(app, area, height);
    let typed = move |event| {
        let text = event_target_value(&event);
        app.marked.set(None);
        let name = app.active_file.get_untracked();
        app.edit(&name, text);
    };
    let caret = move || {
        if let Some(area) = area.get_untracked() {
            let offset = area.selection_start().ok().flatten().unwrap_or(0);
            app.caret_line.set(model::line_at(&area.value(), offset));
        }
    };
    let scrolled = move |_| {
        if let Some(area) = area.get_untracked() {
            scroll.set((f64::from(area.scroll_left()), f64::from(area.scroll_top())));
        }
    };
    let read_only = move || active.with(|file| file.as_ref().is_none_or(|file| file.read_only));
    view! {
        {file_tabs(app)}
        {state_line(app, active)}
        <div class="code">
            <div class="under" aria-hidden="true">
                {move || lines(app, active, scroll.get(), height.get())}
            </div>
            <textarea
                id="editor"
                node_ref=area
                aria-label=move || ["Text of ", &app.active_file.get()].concat()
                spellcheck="false"
                autocomplete="off"
                autocapitalize="off"
                wrap="off"
                readonly=read_only
                on:input=typed
                on:scroll=scrolled
                on:keydown=indent
                on:keyup=move |_| caret()
                on:click=move |_| caret()
                on:blur=move |_| app.caret_line.set(0)
            ></textarea>
        </div>
        {problems::problems(app)}
    }
    .into_any()
}

/// Tab indents by two spaces; after Escape it moves on, so that the keyboard is never caught.
fn indent(event: KeyboardEvent) {
    use wasm_bindgen::JsCast;
    let Some(area) = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlTextAreaElement>().ok()) else {
        return;
    };
    let dataset = area.dataset();
    match event.key().as_str() {
        "Escape" => {
            let _ = dataset.set("leave", "1");
        }
        "Tab" if !event.shift_key() && dataset.get("leave").is_none() && !area.read_only() => {
            event.prevent_default();
            let at = area.selection_start().ok().flatten().unwrap_or(0);
            let end = area.selection_end().ok().flatten().unwrap_or(at);
            let _ = area.set_range_text_with_start_and_end_and_selection_mode(
                "  ",
                at,
                end,
                web_sys::SelectionMode::End,
            );
            if let Ok(input) = web_sys::Event::new_with_event_init_dict("input", &bubbling()) {
                let _ = area.dispatch_event(&input);
            }
        }
        _ => {
            dataset.delete("leave");
        }
    }
}

fn bubbling() -> web_sys::EventInit {
    let init = web_sys::EventInit::new();
    init.set_bubbles(true);
    init
}

/// Follows `marked`: scrolls its line into the middle.
fn jump(app: App, area: NodeRef<Textarea>, height: RwSignal<f64>) {
    Effect::new(move |_| {
        let (Some(marked), Some(area)) = (app.marked.get(), area.get()) else { return };
        if app.active_file.with_untracked(|file| *file != marked.file) {
            return;
        }
        let top = f64::from(marked.line.saturating_sub(1)) * LINE;
        let (now, tall) = (f64::from(area.scroll_top()), height.get_untracked());
        if top < now || top > now + tall - 2.0 * LINE {
            area.set_scroll_top((top - tall / 3.0).max(0.0) as i32);
        }
    });
}

fn file_tabs(app: App) -> AnyView {
    let names = Memo::new(move |_| app.files.with(|files| files.iter().map(|f| f.name.clone()).collect::<Vec<_>>()));
    let buttons = move || {
        let tabs = names.get().into_iter().map(|name| {
            let (of, to, shown) = (name.clone(), name.clone(), name.clone());
            let on = move || app.active_file.with(|active| *active == of);
            view! {
                <button
                    type="button"
                    class="tab"
                    aria-pressed=move || if on() { "true" } else { "false" }
                    on:click=move |_| app.active_file.set(to.clone())
                >
                    {shown}
                </button>
            }
            .into_any()
        });
        tabs.collect::<Vec<AnyView>>()
    };
    view! { <div class="tabs files" role="group" aria-label="Files">{buttons}</div> }.into_any()
}

/// Whether what one sees is what runs.
fn state_line(app: App, active: Memo<Option<FileView>>) -> AnyView {
    let held = move || app.held.with(|held| app.active_file.with(|file| held.contains(file)));
    let state = Memo::new(move |_| match active.get() {
        None => 0,
        Some(file) if file.read_only => 1,
        Some(file) if !file.live => 2,
        Some(_) if held() => 3,
        Some(_) => 4,
    });
    let text = move || match state.get() {
        1 => "made by the console · read only",
        2 => "not applied yet",
        3 => "not applied: the last good cluster still runs",
        4 => "live: edits apply as you type",
        _ => "",
    };
    let class = move || match state.get() {
        3 => "file-state held",
        4 => "file-state live",
        _ => "file-state",
    };
    let apply = move |_| {
        let name = app.active_file.get_untracked();
        app.run(["kubectl apply -f ", &name].concat());
    };
    let changed = move || app.changes.with(|changes| match changes.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [one, rest @ ..] => [one, " and ", &rest.len().to_string(), " more"].concat(),
    });
    view! {
        <div class="file-line">
            <span class=class>{text}</span>
            <button type="button" class="button" hidden=move || state.get() != 2 on:click=apply>
                "Apply"
            </button>
            <span class="changed" hidden=move || state.get() != 4 || changed().is_empty()>{changed}</span>
        </div>
    }
    .into_any()
}

/// The visible lines, behind the text area.
fn lines(app: App, active: Memo<Option<FileView>>, scroll: (f64, f64), height: f64) -> AnyView {
    let Some(file) = active.get() else { return ().into_any() };
    let total = file.text.split('\n').count();
    let (first, last) = model::visible(scroll.1, height, LINE, total);
    let marked = app.marked.get().filter(|marked| marked.file == file.name);
    let rows: Vec<AnyView> = app.diagnostics.with(|diagnostics| {
        let shown = file.text.split('\n').enumerate().skip(first).take(last - first);
        shown
            .map(|(index, text)| {
                let number = index as u32 + 1;
                let hit = marked.as_ref().is_some_and(|at| (at.line..=at.end_line).contains(&number));
                let spans: Vec<AnyView> = model::spans(text, number, &file.name, diagnostics)
                    .into_iter()
                    .map(|span| view! { <span class=span.class>{span.text}</span> }.into_any())
                    .collect();
                view! {
                    <div class="ln" class:hit=hit>
                        <span class="no">{number}</span>
                        <span class="tx" style:transform=shift(scroll.0)>{spans}</span>
                    </div>
                }
                .into_any()
            })
            .collect()
    });
    let top = ["translateY(", &(first as f64 * LINE - scroll.1).to_string(), "px)"].concat();
    view! { <div class="lines" style:transform=top>{rows}</div> }.into_any()
}

fn shift(left: f64) -> String {
    ["translateX(", &(-left).to_string(), "px)"].concat()
}
