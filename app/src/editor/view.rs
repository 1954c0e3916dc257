//! The editor: the text area itself is the browser's; colours and underlines lie behind it.

use super::bridge::{self, Editor};
use super::{files, model, problems};
use crate::dom::{El, Nodes, Var, button, derived, effect, el};
use crate::state::App;
use podhop_engine::protocol::FileView;
use wasm_bindgen::JsCast;
use web_sys::{HtmlTextAreaElement, KeyboardEvent};

/// The first picture and the first flow come before the editor's chunk, unless someone turns to the editor.
const CHUNK_AFTER_MS: u32 = 15_000;

/// Whether what one sees is what runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum FileState {
    None,
    ReadOnly,
    NotApplied,
    Held,
    Live,
}

pub fn editor(app: App) -> Nodes {
    let rich: Var<Option<Editor>> = Var::new(None);
    let scroll = Var::new((0, 0));
    let height = Var::new(400.0);
    let area = el("textarea")
        .id("editor")
        .attr("spellcheck", "false")
        .attr("autocomplete", "off")
        .attr("autocapitalize", "off")
        .attr("wrap", "off")
        .label("Manifests");
    let field: HtmlTextAreaElement = area.cast();
    // The text area keeps its own text while one types; only other changes are written into it.
    let of = field.clone();
    effect(move || {
        app.text_epoch.track();
        app.active_file.track();
        let file = active(app, true);
        let (text, cut) = file.as_ref().map_or(("", false), |file| model::shown(&file.text));
        if of.value() != text {
            of.set_value(text);
        }
        of.set_read_only(cut || file.is_none_or(|file| file.read_only));
    });
    crate::platform::on_resize(&field, move |_, tall| height.put(tall));
    jump(app, field.clone(), height);
    let (typed, moved, caret, plain) = (field.clone(), field.clone(), field.clone(), field);
    let put_caret = move |_| {
        let offset = caret.selection_start().ok().flatten().unwrap_or(0);
        app.caret_line.put(model::line_at(&caret.value(), offset));
    };
    let area = area
        .on("input", move |_| {
            app.marked.put(None);
            // The editor proper may have come while a character was on its way: then it has to be told, too.
            match rich.peek(Option::is_some) {
                true => app.replace_text(&app.active_file.now(), typed.value()),
                false => app.edit(&app.active_file.now(), typed.value()),
            }
        })
        .on("scroll", move |_| scroll.put((moved.scroll_left(), moved.scroll_top())))
        .on("keydown", |event| indent(event.unchecked_ref()))
        .on("keyup", put_caret.clone())
        .on("click", put_caret)
        .on("pointerdown", |event| leaving(&event, false))
        .on("blur", move |event| {
            leaving(&event, true);
            app.caret_line.put(0);
        })
        .attr("data-leave", "1")
        .hidden_of(move || rich.with(Option::is_some));
    let under = el("div").class("under").attr("aria-hidden", "true").live(move || {
        // Someone else draws them.
        if rich.with(Option::is_some) { Nodes::new() } else { lines(app, scroll.get(), height.get()) }
    });
    let code = el("div").class("code").kid(under).kid(area);
    let code = bring(app, code, plain, rich);
    super::incoming::listen(app);
    let mut nodes = files::files(app, rich);
    nodes.extend([state_line(app), code, problems::problems(app)]);
    nodes
}

/// Asks for the editor's chunk, once: when the pointer or the focus comes, or after a while.
fn bring(app: App, code: El, plain: HtmlTextAreaElement, rich: Var<Option<Editor>>) -> El {
    let asked = Var::new(false);
    let parent = code.0.clone();
    let ask = move || {
        if !asked.now() {
            asked.set(true);
            bridge::bring(app, parent.clone(), plain.clone(), rich);
        }
    };
    crate::platform::after_ms(CHUNK_AFTER_MS, ask.clone());
    let comes = ask.clone();
    code.on("pointerenter", move |_| comes()).on("focusin", move |_| ask())
}

/// The file that is shown; `peek` leaves it unwatched.
fn active(app: App, peek: bool) -> Option<FileView> {
    let name = app.active_file.now();
    let find = |files: &Vec<FileView>| files.iter().find(|file| file.name == name).cloned();
    if peek { app.files.peek(find) } else { app.files.with(find) }
}

/// Whether the next Tab goes on: for those who come with it, until they click or type.
fn leaving(event: &web_sys::Event, leaving: bool) {
    let area = event.target().and_then(|target| target.dyn_into::<HtmlTextAreaElement>().ok());
    match area.map(|area| area.dataset()) {
        Some(dataset) if leaving => drop(dataset.set("leave", "1")),
        Some(dataset) => dataset.delete("leave"),
        None => {}
    }
}

/// Tab indents by two spaces where someone writes; after Escape, and for who only comes by, it moves on, so that the
/// keyboard is never caught.
fn indent(event: &KeyboardEvent) {
    let Some(area) = event.target().and_then(|target| target.dyn_into::<HtmlTextAreaElement>().ok()) else { return };
    let dataset = area.dataset();
    match event.key().as_str() {
        "Escape" => {
            let _ = dataset.set("leave", "1");
        }
        "Tab" if !event.shift_key() && dataset.get("leave").is_none() && !area.read_only() => {
            event.prevent_default();
            let at = area.selection_start().ok().flatten().unwrap_or(0);
            let end = area.selection_end().ok().flatten().unwrap_or(at);
            let _ = area.set_range_text_with_start_and_end_and_mode("  ", at, end, "end");
            if let Ok(input) = web_sys::Event::new("input") {
                let _ = area.dispatch_event(&input);
            }
        }
        _ => dataset.delete("leave"),
    }
}

/// The stylesheet's `--code-line`, in CSS pixels.
fn line_height() -> f64 {
    1.25 * crate::platform::rem()
}

/// Follows `marked`: scrolls its line into sight.
fn jump(app: App, area: HtmlTextAreaElement, height: Var<f64>) {
    effect(move || {
        let Some(marked) = app.marked.get() else { return };
        if app.active_file.peek(|file| *file != marked.file) {
            return;
        }
        let tall_line = line_height();
        let top = f64::from(marked.line.saturating_sub(1)) * tall_line;
        let (now, tall) = (f64::from(area.scroll_top()), height.now());
        if top < now || top > now + tall - 2.0 * tall_line {
            area.set_scroll_top((top - tall / 3.0).max(0.0) as i32);
        }
    });
}

fn state_line(app: App) -> El {
    let state = derived(move || {
        app.active_file.track();
        let held = app.held.with(|held| app.active_file.peek(|file| held.contains(file)));
        match active(app, false) {
            None => FileState::None,
            Some(file) if file.read_only => FileState::ReadOnly,
            Some(file) if !file.live => FileState::NotApplied,
            Some(_) if held => FileState::Held,
            Some(_) => FileState::Live,
        }
    });
    let text = move || match state.get() {
        FileState::None => "",
        FileState::ReadOnly => "made by the console · read only",
        FileState::NotApplied => "not applied yet",
        FileState::Held => "not applied: the last good cluster still runs",
        FileState::Live => "live: edits apply as you type",
    };
    let class = move || match state.get() {
        FileState::Held => "file-state held",
        FileState::Live => "file-state live",
        _ => "file-state",
    };
    let apply = move || app.run(["kubectl apply -f ", &app.active_file.now()].concat());
    let changed = move || match (state.get(), app.changes.get().as_slice()) {
        (FileState::Live, [one]) => one.clone(),
        (FileState::Live, [one, rest @ ..]) => [one, " and ", &rest.len().to_string(), " more"].concat(),
        _ => String::new(),
    };
    let cut = move || match active(app, false) {
        Some(file) if model::shown(&file.text).1 => {
            [&model::megabytes(&file.text), ": only the beginning is shown, and not edited here"].concat()
        }
        _ => String::new(),
    };
    el("div")
        .class("file-line")
        .kid(el("span").attr_of("class", move || class().to_string()).text_of(move || text().to_string()))
        .kid(button("button").text("Apply").hidden_of(move || state.get() != FileState::NotApplied).on_click(apply))
        .kid(el("span").class("changed").text_of(changed))
        .kid(el("span").text_of(cut))
}

/// The visible lines, behind the text area.
fn lines(app: App, scroll: (i32, i32), height: f64) -> Nodes {
    app.active_file.track();
    let Some(file) = active(app, false) else { return Nodes::new() };
    let (text, _) = model::shown(&file.text);
    let total = text.split('\n').count();
    app.theme_epoch.track();
    let tall_line = line_height();
    let top = f64::from(scroll.1);
    let (first, last) = model::visible(top, height, tall_line, total);
    let marked = app.marked.get().filter(|marked| marked.file == file.name);
    let aside = ["translateX(", &(-scroll.0).to_string(), "px)"].concat();
    let rows = app.diagnostics.with(|diagnostics| {
        let line = |(index, text): (usize, &str)| {
            let number = index as u32 + 1;
            let hit = marked.as_ref().is_some_and(|at| (at.line..=at.end_line).contains(&number));
            let spans = model::spans(text, number, &file.name, diagnostics).into_iter();
            let spans = spans.map(|span| el("span").class(&span.class).text(&span.text)).collect();
            el("div")
                .class(if hit { "ln hit" } else { "ln" })
                .part("span", "no", &number.to_string())
                .kid(el("span").class("tx").style("transform", &aside).kids(spans))
        };
        text.split('\n').enumerate().skip(first).take(last - first).map(line).collect()
    });
    // Hundredths of a pixel, which need no floating-point formatting.
    let hundredths = ((first as f64 * tall_line - top) * 100.0) as i32;
    let down = ["translateY(calc(", &hundredths.to_string(), "px / 100))"].concat();
    vec![el("div").class("lines").style("transform", &down).kids(rows)]
}
