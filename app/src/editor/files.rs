//! The files: a tab each, new ones, other names, deleting with a way back.

use super::bridge::Editor;
use super::{model, names};
use crate::dom::{El, Nodes, Var, button, derived, el};
use crate::parts::{CLOSE, PLUS, icon_button};
use crate::platform;
use crate::shown::Notice;
use crate::state::{App, By, Tab};
use podhop_engine::protocol::{FileView, ReplyBody, RequestBody};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, KeyboardEvent};

const PENCIL: &str = "M11.2 1.9l2.9 2.9L5.3 13.6l-3.7.8.8-3.7zM3.8 11.4l-.3 1.1 1.1-.3 7.2-7.4-.7-.7z";
const BIN: &str =
    "M6 1.5h4v1.3h3.6v1.4H2.4V2.8H6zM3.4 5.4h9.2l-.7 9.1H4.1zm2.2 1.4l.3 6.3h1.2l-.3-6.3zm3.6 0l-.3 6.3h1.2l.3-6.3z";

/// What can be brought back.
#[derive(Clone)]
struct Deleted {
    file: FileView,
    at: usize,
}

/// The bar of tabs, and beneath it the line that tells what was deleted.
pub fn files(app: App, rich: Var<Option<Editor>>) -> Nodes {
    let deleted = Var::new(None);
    vec![bar(app, rich, deleted), undo_line(app, deleted)]
}

/// The tabs, and what can be done to the file that is shown.
fn bar(app: App, rich: Var<Option<Editor>>, deleted: Var<Option<Deleted>>) -> El {
    let renaming = Var::new(false);
    let names = derived(move || app.files.with(|files| files.iter().map(|f| f.name.clone()).collect::<Vec<_>>()));
    let tabs = el("div").class("tabs files").attr("role", "group").label("Files").live(move || {
        let shown = app.active_file.now();
        let with_field = renaming.get();
        let tab =
            |name: String| if with_field && name == shown { field(app, rich, renaming, name) } else { tab(app, name) };
        names.get().into_iter().map(tab).collect()
    });
    // The console's own, and what is not applied because of an error, keep their names.
    let fixed = move || {
        let shown = app.active_file.get();
        app.files.with(|files| files.iter().all(|file| file.name != shown || file.read_only))
    };
    let held = move || app.held.with(|held| app.active_file.with(|shown| held.contains(shown)));
    let begin = move || {
        renaming.set(true);
        // The field is made by an effect, which runs before this.
        platform::soon(|| platform::focus("rename-file"));
    };
    let new = move || {
        open_text(app, "new.yaml", String::new());
        // When the effects that show it have run.
        platform::soon(move || {
            rich.peek(|editor| editor.as_ref().map_or_else(|| platform::focus("editor"), Editor::focus_now))
        });
    };
    el("div")
        .class("file-bar")
        .kid(tabs)
        .kid(icon_button("New file", PLUS, new))
        .part("span", "grow", "")
        .kid(icon_button("Rename this file", PENCIL, begin).hidden_of(move || fixed() || held()))
        .kid(icon_button("Delete this file", BIN, move || delete(app, rich, deleted)).hidden_of(fixed))
}

fn tab(app: App, name: String) -> El {
    let of = name.clone();
    button("tab")
        .text(&name)
        .bool_of("aria-pressed", move || app.active_file.with(|active| *active == of))
        .on_click(move || app.active_file.put(name.clone()))
}

/// In place of a tab while its name is changed: Enter takes the new name, Escape leaves the old one.
fn field(app: App, rich: Var<Option<Editor>>, renaming: Var<bool>, name: String) -> El {
    let field = el("input").id("rename-file").class("rename").label("Name of the file").attr("value", &name);
    let input: HtmlInputElement = field.cast();
    let take: Rc<dyn Fn()> = Rc::new(move || {
        // Taking the field away makes it lose the focus, which comes here again.
        if renaming.now() {
            renaming.set(false);
            rename(app, rich, &name, &input.value());
        }
    });
    let on_key = take.clone();
    field
        .on("keydown", move |event| match event.unchecked_ref::<KeyboardEvent>().key().as_str() {
            "Enter" => on_key(),
            "Escape" => renaming.put(false),
            _ => {}
        })
        .on("blur", move |_| take())
}

fn is_known(app: App, name: &str) -> bool {
    app.files.peek(|files| files.iter().any(|file| file.name == name))
}

/// Opens a text as a new file, which is applied when its user says so.
pub fn open_text(app: App, wanted: &str, text: String) {
    let name = names::free(wanted, |name| is_known(app, name));
    let file = FileView { name: name.clone(), text, live: false, read_only: false };
    bring_in(app, usize::MAX, file);
}

/// Puts a file among the others and shows it.
fn bring_in(app: App, at: usize, file: FileView) {
    let FileView { name, text, live, .. } = file.clone();
    let large = model::shown(&text).1;
    if large {
        let words = ["Reading ", &name, ", ", &model::megabytes(&text), " …"].concat();
        let stop: Rc<dyn Fn()> = Rc::new(move || app.stop());
        app.notice.set(Some(Notice { text: words, action: Some(("Stop".into(), stop)) }));
    }
    app.files.update(|files| files.insert(at.min(files.len()), file));
    app.active_file.set(name.clone());
    app.text_epoch.update(|epoch| *epoch += 1);
    app.pane.set(Tab::Editor);
    app.ask_settled(RequestBody::Edit { file: name.clone(), text }, move |reply| {
        // A worker that was stopped says so itself.
        if let (true, ReplyBody::Edited(_)) = (large, &reply) {
            app.notice.set(None);
        }
        taken(app, reply);
    });
    if live {
        app.ask(RequestBody::Apply { file: name }, move |reply| taken(app, reply));
    }
}

fn taken(app: App, reply: ReplyBody) {
    if let ReplyBody::Edited(edited) = reply {
        app.take_edited(edited, By::Files);
    }
}

fn rename(app: App, rich: Var<Option<Editor>>, old: &str, wanted: &str) {
    let wanted = names::clean(wanted);
    if wanted.is_empty() || wanted == old {
        return;
    }
    let name = names::free(&wanted, |name| is_known(app, name));
    let file = old.to_string();
    app.ask_settled(RequestBody::Rename { file, name: name.clone() }, move |reply| taken(app, reply));
    rich.peek(|editor| {
        if let Some(editor) = editor {
            editor.rename(old, &name);
        }
    });
    app.files.update(|files| {
        for file in files.iter_mut().filter(|file| file.name == *old) {
            file.name.clone_from(&name);
        }
    });
    app.active_file.set(name);
}

/// Deletes the file that is shown, and what it brought into the cluster.
fn delete(app: App, rich: Var<Option<Editor>>, deleted: Var<Option<Deleted>>) {
    let shown = app.active_file.now();
    let Some(at) = app.files.peek(|files| files.iter().position(|file| file.name == shown)) else { return };
    let file = app.files.update(|files| files.remove(at));
    let next = app.files.peek(|files| files.get(at).or(files.last()).map(|file| file.name.clone()));
    app.active_file.set(next.unwrap_or_default());
    app.text_epoch.update(|epoch| *epoch += 1);
    app.held.update(|held| held.put(shown.clone(), false));
    app.marked.put(None);
    rich.peek(|editor| {
        if let Some(editor) = editor {
            editor.forget(&shown);
        }
    });
    app.ask_settled(RequestBody::Close { file: shown }, move |reply| taken(app, reply));
    deleted.set(Some(Deleted { file, at }));
}

/// The way back from deleting.
fn undo_line(app: App, deleted: Var<Option<Deleted>>) -> El {
    let back = move || {
        if let Some(Deleted { mut file, at }) = deleted.now() {
            file.name = names::free(&file.name, |name| is_known(app, name));
            deleted.set(None);
            bring_in(app, at, file);
        }
    };
    let said = move || -> Nodes {
        let Some(Deleted { file, .. }) = deleted.get() else { return Nodes::new() };
        let what = if file.live { " is deleted, and what it had brought into the cluster." } else { " is deleted." };
        vec![
            el("span").text(&file.name).text(what),
            button("button").text("Undo").on_click(back),
            icon_button("Dismiss", CLOSE, move || deleted.set(None)),
        ]
    };
    el("div").class("undo-line").attr("role", "status").hidden_of(move || deleted.with(Option::is_none)).live(said)
}
