//! The editor proper, once its chunk has come: `app/editor/editor.js` says what it can do and what it asks.

use super::{model, reply};
use crate::dom::{Var, effect};
use crate::state::App;
use js_sys::{Array, Function, Promise, Reflect};
use podhop_engine::protocol::{DiagnosticView, FileView, ReplyBody, RequestBody, TextRange};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, HtmlTextAreaElement};

#[wasm_bindgen]
extern "C" {
    /// start.js has it: the chunk's module, fetched on the first call.
    #[wasm_bindgen(js_namespace = globalThis, js_name = podhopEditor)]
    fn podhop_editor() -> Promise;

    type Module;
    #[wasm_bindgen(method, catch)]
    fn create(this: &Module, parent: &Element, hooks: &JsValue) -> Result<Editor, JsValue>;

    #[derive(Clone)]
    pub type Editor;
    #[wasm_bindgen(method, js_name = setDocument)]
    fn set_document(this: &Editor, name: &str, text: &str, read_only: bool);
    #[wasm_bindgen(method)]
    pub fn forget(this: &Editor, name: &str);
    #[wasm_bindgen(method)]
    pub fn rename(this: &Editor, old: &str, new: &str);
    #[wasm_bindgen(method, js_name = setDiagnostics)]
    fn set_diagnostics(this: &Editor, list: &Array);
    #[wasm_bindgen(method)]
    fn mark(this: &Editor, from: u32, to: u32);
    #[wasm_bindgen(method)]
    fn select(this: &Editor, start: u32, end: u32);
    #[wasm_bindgen(method)]
    fn focus(this: &Editor, leaving: bool);
}

impl Editor {
    /// The next Tab indents.
    pub fn focus_now(&self) {
        self.focus(false);
    }
}

/// Asks for the chunk. When it has come, the editor takes the place of the text area `plain` in `parent`; if it never
/// comes, nothing happens.
pub fn bring(app: App, parent: Element, plain: HtmlTextAreaElement, editor: Var<Option<Editor>>) {
    leptos::task::spawn_local(async move {
        let Ok(module) = JsFuture::from(podhop_editor()).await else { return };
        let Ok(made) = module.unchecked_into::<Module>().create(&parent, &hooks(app)) else { return };
        let focused = plain.matches(":focus").unwrap_or(false);
        let caret = |at: Result<Option<u32>, JsValue>| at.ok().flatten().unwrap_or(0);
        let (start, end) = (caret(plain.selection_start()), caret(plain.selection_end()));
        app.load_fields();
        follow(app, made.clone());
        made.select(start, end);
        editor.set(Some(made.clone()));
        if focused {
            // The text area is hidden by an effect, which runs after this.
            made.focus(plain.dataset().get("leave").is_some());
        }
    });
}

/// Shows in the editor what the page knows: the document, what is wrong with it, the lines that are lit.
fn follow(app: App, editor: Editor) {
    let shown: RefCell<Option<(u32, String)>> = RefCell::new(None);
    let lit: RefCell<Option<TextRange>> = RefCell::new(None);
    effect(move || {
        let now = (app.text_epoch.get(), app.active_file.get());
        let moved = shown.borrow().as_ref().is_none_or(|(_, name)| *name != now.1);
        if shown.borrow().as_ref() != Some(&now) {
            let file = app.files.peek(|files| files.iter().find(|file| file.name == now.1).cloned());
            let (text, read_only) = file.map_or((String::new(), true), |file| (file.text, file.read_only));
            let (text, cut) = model::shown(&text);
            editor.set_document(&now.1, text, read_only || cut);
            *shown.borrow_mut() = Some(now.clone());
        }
        editor.set_diagnostics(&diagnostics(app, &now.1));
        let marked = app.marked.get().filter(|marked| marked.file == now.1);
        if moved || *lit.borrow() != marked {
            let (from, to) = marked.as_ref().map_or((0, 0), |at| (at.line, at.end_line));
            editor.mark(from, to);
            *lit.borrow_mut() = marked;
        }
    });
}

/// Those of one file.
fn diagnostics(app: App, name: &str) -> Array {
    let of = |file: &FileView| app.diagnostics.with(|all| model::underlined(file, all));
    let found = app.files.peek(|files| files.iter().find(|file| file.name == name).map(of));
    found.unwrap_or_default().iter().map(diagnostic).collect()
}

fn diagnostic(view: &DiagnosticView) -> JsValue {
    let shown = range(&view.at);
    set(&shown, "severity", &view.severity);
    set(&shown, "message", &view.message);
    set(&shown, "hint", view.hint.as_deref().unwrap_or_default());
    let fix = view.fix.as_ref().map_or(JsValue::NULL, |(at, text)| {
        let fix = range(at);
        set(&fix, "text", text);
        fix
    });
    put(&shown, "fix", &fix);
    shown
}

fn range(at: &TextRange) -> JsValue {
    let object = JsValue::from(js_sys::Object::new());
    put(&object, "line", &at.line.into());
    put(&object, "column", &at.column.into());
    put(&object, "endLine", &at.end_line.into());
    put(&object, "endColumn", &at.end_column.into());
    object
}

pub(super) fn put(object: &JsValue, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
}

pub(super) fn set(object: &JsValue, name: &str, text: &str) {
    put(object, name, &text.into());
}

/// What the editor calls.
fn hooks(app: App) -> JsValue {
    let hooks = JsValue::from(js_sys::Object::new());
    let changed = Closure::<dyn Fn(String, String)>::new(move |name: String, text| {
        app.marked.put(None);
        app.edit(&name, text);
    });
    put(&hooks, "changed", &changed.into_js_value());
    let caret = Closure::<dyn Fn(u32)>::new(move |line| app.caret_line.put(line));
    put(&hooks, "caret", &caret.into_js_value());
    let asks = [("complete", false), ("hover", true)];
    for (name, about) in asks {
        let ask = Closure::<dyn Fn(String, u32, u32) -> Promise>::new(move |file, line, column| {
            let body = question(app, about, file, line, column);
            promised(app, body)
        });
        put(&hooks, name, &ask.into_js_value());
    }
    let jump = Closure::<dyn Fn(String, u32, u32)>::new(move |file, line, column| {
        app.ask(question(app, true, file, line, column), move |answer| {
            if let ReplyBody::Hover(Some(view)) = answer
                && let Some((kind, namespace, name)) = view.object
            {
                app.look_at_object(&kind, &namespace, &name);
                app.pane.put(crate::state::Tab::Inspector);
            }
        });
    });
    put(&hooks, "jump", &jump.into_js_value());
    hooks
}

/// The text goes along: it is newer than what the cluster has been told.
fn question(app: App, about: bool, file: String, line: u32, column: u32) -> RequestBody {
    let text = app.files.peek(|files| {
        let known = files.iter().find(|known| known.name == file);
        known.map(|known| model::shown(&known.text).0.to_string()).unwrap_or_default()
    });
    if about { RequestBody::Hover { text, line, column } } else { RequestBody::Complete { text, line, column } }
}

/// The answer as the editor takes it; null if there is none.
fn promised(app: App, body: RequestBody) -> Promise {
    let mut body = Some(body);
    Promise::new(&mut |resolve: Function, _| {
        if let Some(body) = body.take() {
            app.ask_with_fields(body, move |answer| {
                let _ = resolve.call1(&JsValue::NULL, &reply::of(&answer));
            });
        }
    })
}
