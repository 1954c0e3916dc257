//! The line to type: keys, completion, search, history.

use super::history::History;
use super::line::Line;
use super::list;
use super::offers::Offers;
use crate::dom::{El, Var, el};
use crate::platform;
use crate::state::App;
use podhop_engine::protocol::{ReplyBody, RequestBody};
use wasm_bindgen::JsCast;
use web_sys::{ClipboardEvent, HtmlInputElement, KeyboardEvent};

/// The input and what its keys need.
#[derive(Clone)]
pub struct Input {
    app: App,
    pub field: HtmlInputElement,
    pub offers: Var<Offers>,
    /// The next Tab leaves the field.
    leaving: Var<bool>,
    /// What Ctrl-U, Ctrl-K and Ctrl-W have cut.
    cut: Var<String>,
}

/// The input element and its handle.
pub fn input(app: App) -> (El, Input) {
    let element = el("input")
        .id("term-input")
        .attr("type", "text")
        .label("Command")
        .attr("autocomplete", "off")
        .attr("autocapitalize", "off")
        .attr("spellcheck", "false")
        .attr("enterkeyhint", "send")
        .attr("aria-autocomplete", "list")
        .attr("aria-controls", list::ID);
    let input = Input {
        app,
        field: element.cast(),
        offers: Var::new(Offers::None),
        leaving: Var::new(false),
        cut: Var::new(String::new()),
    };
    let (keys, pasted, typed, left) = (input.clone(), input.clone(), input.clone(), input.clone());
    let element = element
        .on("keydown", move |event| keys.on_key(event.unchecked_ref()))
        .on("paste", move |event| pasted.on_paste(event.unchecked_ref()))
        .on("input", move |_| typed.on_input())
        .on("blur", move |_| left.close());
    (element, input)
}

impl Input {
    fn is_running(&self) -> bool {
        self.app.terminals.peek(|terminals| terminals.front().is_running())
    }

    fn line(&self) -> Line {
        let caret = self.field.selection_start().ok().flatten().unwrap_or(u32::MAX);
        Line::of_input(self.field.value(), caret)
    }

    fn set(&self, line: &Line) {
        self.field.set_value(&line.text);
        let caret = line.caret_units();
        let _ = self.field.set_selection_range(caret, caret);
    }

    fn set_text(&self, text: &str) {
        self.set(&Line { text: text.to_string(), caret: text.len() });
    }

    fn is_open(&self) -> bool {
        self.offers.peek(Offers::is_open)
    }

    fn close(&self) {
        self.offers.put(Offers::None);
    }

    fn on_key(&self, event: &KeyboardEvent) {
        if event.is_composing() || event.meta_key() || event.alt_key() {
            return;
        }
        let key = event.key();
        let leaving = self.leaving.now();
        self.leaving.set(key == "Escape" && !self.is_open());
        let taken = if event.ctrl_key() {
            self.control(&key.to_lowercase())
        } else if self.is_open() {
            self.list_key(&key, event.shift_key())
        } else {
            match key.as_str() {
                "Tab" if !leaving && !event.shift_key() => self.complete(true),
                "Enter" => self.run(),
                "ArrowUp" => self.recall(|history, now| history.older(now)),
                "ArrowDown" => self.recall(|history, _| history.newer()),
                _ => false,
            }
        };
        if taken {
            event.prevent_default();
            event.stop_propagation();
        }
    }

    /// A key while something is offered.
    fn list_key(&self, key: &str, shift: bool) -> bool {
        let search = self.offers.peek(Offers::is_search);
        match key {
            "ArrowDown" => self.offers.update(|offers| offers.step(1)),
            "ArrowUp" => self.offers.update(|offers| offers.step(-1)),
            "Tab" if search => self.accept(),
            "Tab" => self.offers.update(|offers| offers.step(if shift { -1 } else { 1 })),
            "Enter" => {
                self.accept();
                if search {
                    self.run();
                }
            }
            "ArrowRight" | "End" if search => self.accept(),
            "Escape" => self.cancel(),
            "ArrowLeft" | "ArrowRight" | "Home" | "End" => {
                self.close();
                return false;
            }
            _ => return false,
        }
        true
    }

    /// Keys with Ctrl, as in a shell; selected text is left to the browser.
    fn control(&self, key: &str) -> bool {
        let selecting = self.field.selection_start() != self.field.selection_end();
        match key {
            "c" if selecting => return false,
            "c" if self.is_running() => self.app.stop(),
            "c" => self.interrupt(),
            "l" => self.app.terminals.update(|terminals| terminals.clear()),
            "r" if self.offers.peek(Offers::is_search) => self.offers.update(|offers| offers.step(1)),
            "r" => {
                let before = self.field.value();
                self.search(before);
            }
            "g" if self.is_open() => self.cancel(),
            "d" if self.field.value().is_empty() && !self.is_running() => {
                if self.app.terminals.peek(|terminals| terminals.front().place != "host") {
                    self.app.run_here("exit".to_string());
                }
            }
            "y" => self.set(&self.line().insert(&self.cut.now())),
            _ => {
                let Some((line, cut)) = self.line().control(key) else { return false };
                self.close();
                if !cut.is_empty() {
                    self.cut.set(cut);
                }
                self.set(&line);
            }
        }
        true
    }

    /// Ctrl-C at a prompt: the line is forgotten, and a construct that is not closed with it.
    fn interrupt(&self) {
        self.close();
        self.set_text("");
        let (session, unfinished) = self.app.terminals.peek(|all| (all.front().session, all.front().is_unfinished()));
        let app = self.app;
        if unfinished {
            app.ask(RequestBody::Interrupt { session }, move |reply| {
                if let ReplyBody::Prompt(prompt) = reply {
                    app.terminals.update(|terminals| terminals.prompt(session, &prompt));
                }
            });
        }
    }

    /// Runs the line, unless another one is running.
    fn run(&self) -> bool {
        if !self.is_running() {
            let line = self.field.value();
            self.set_text("");
            self.remember(&line);
            if !line.trim().is_empty() {
                self.app.run_here(line);
            }
        }
        true
    }

    /// Asks for completions; on an empty line Tab goes on to the next element.
    fn complete(&self, put_in: bool) -> bool {
        let line = self.line();
        if line.text.trim().is_empty() {
            return false;
        }
        let session = self.app.terminals.peek(|terminals| terminals.front().session);
        let request = RequestBody::CompleteLine { session, line: line.text.clone(), cursor: line.caret as u32 };
        let input = self.clone();
        self.app.ask(request, move |reply| {
            if let (ReplyBody::LineCompleted(found), true) = (reply, input.line() == line) {
                input.offer(line, found, put_in);
            }
        });
        true
    }

    fn offer(&self, line: Line, found: podhop_engine::protocol::LineCompletion, put_in: bool) {
        match found.candidates.as_slice() {
            [] => {
                self.close();
                if put_in {
                    self.app.spoken.set("No completions".to_string());
                }
            }
            [only] if put_in => {
                self.close();
                self.set(&line.with(found.start as usize, only));
            }
            _ => {
                let line = if put_in { line.with_common(&found) } else { line };
                if put_in {
                    self.set(&line);
                }
                self.offers.set(Offers::Completion { line, found, selected: 0 });
            }
        }
    }

    /// Puts the selected row in.
    pub fn accept(&self) {
        if let Some(line) = self.offers.peek(Offers::accepted) {
            self.set(&line);
        }
        self.close();
        let _ = self.field.focus();
    }

    /// As it was before the list opened.
    fn cancel(&self) {
        let before = self.offers.peek(|offers| match offers {
            Offers::Search { before, .. } => Some(before.clone()),
            _ => None,
        });
        if let Some(before) = before {
            self.set_text(&before);
        }
        self.close();
    }

    fn search(&self, before: String) {
        self.recalled();
        let query = self.field.value();
        let found =
            self.app.terminals.peek(|terminals| Offers::search(before, &terminals.front().history, query.trim()));
        self.offers.set(found);
    }

    /// What is offered follows what is typed; whoever types on waits for no output.
    fn on_input(&self) {
        self.app.fresh.put(None);
        match self.offers.now() {
            Offers::None => {}
            Offers::Search { before, .. } => self.search(before),
            Offers::Completion { .. } if self.complete(false) => {}
            Offers::Completion { .. } => self.close(),
        }
    }

    fn recall(&self, step: impl FnOnce(&mut History, &str) -> Option<String>) -> bool {
        self.recalled();
        let now = self.field.value();
        if let Some(line) = self.app.terminals.update(|terminals| step(&mut terminals.front_mut().history, &now)) {
            self.set_text(&line);
        }
        true
    }

    /// The history of an earlier visit in this browser tab is there.
    fn recalled(&self) {
        let (session, recalled) = self.app.terminals.peek(|all| (all.front().session, all.front().recalled));
        if recalled {
            return;
        }
        let stored = platform::session_stored(&key(session));
        self.app.terminals.update(|terminals| {
            let front = terminals.front_mut();
            front.recalled = true;
            if let Some(text) = stored {
                front.history = History::of_text(&text);
            }
        });
    }

    fn remember(&self, line: &str) {
        self.recalled();
        let (session, text) = self.app.terminals.update(|terminals| {
            let front = terminals.front_mut();
            front.history.push(line);
            (front.session, front.history.to_text())
        });
        platform::session_store(&key(session), &text);
    }

    /// Several lines at once are a script: they run as one, here-documents included.
    fn on_paste(&self, event: &ClipboardEvent) {
        let pasted = event.clipboard_data().and_then(|data| data.get_data("text/plain").ok()).unwrap_or_default();
        if !pasted.trim_end().contains('\n') || self.is_running() {
            return;
        }
        event.prevent_default();
        let line = [&self.field.value(), pasted.trim_end()].concat().replace("\r\n", "\n");
        self.set_text("");
        self.remember(&line);
        self.app.run_here(line);
    }
}

/// Where the lines of a terminal are kept.
fn key(session: u32) -> String {
    ["podhop-history-", &session.to_string()].concat()
}
