//! What was typed and printed. Entries are added to the page and stay, so that a screen reader reads only what is new.

use super::names::Names;
use super::reveal;
use super::tabs::{Entry, Terminals, own_words};
use crate::dom::{El, Nodes, Var, button, effect, el};
use crate::platform;
use crate::playback::playlist::Playlist;
use crate::state::{App, Start, Tab};
use podhop_engine::protocol::{Chunk, FlowView, Stream};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

/// What the page shows of a log.
struct Shown {
    app: App,
    log: El,
    /// The terminal, and whether names are links.
    of: (u32, bool),
    /// Id, whether it has its output, element.
    entries: Vec<(u32, bool, El)>,
    /// Of the scene's revision.
    names: (u64, Names),
    held: Rc<RefCell<Held>>,
}

/// Output that is there and does not show yet: with each chunk its elements.
#[derive(Default)]
struct Held {
    /// The conversation whose packets it waits for, and whether that has come.
    flow: u32,
    come: bool,
    chunks: Vec<Chunk>,
    parts: Vec<Nodes>,
    shown: usize,
}

impl Held {
    /// Gives so many of the chunks their full colour. What has it keeps it.
    fn show(&mut self, count: usize) {
        let more = self.parts.iter().take(count).skip(self.shown).flatten();
        more.for_each(|part| drop(part.0.class_list().remove_1(TO_COME)));
        self.shown = self.shown.max(count);
    }

    /// What has arrived by now. True when nothing waits any more.
    fn follow(&mut self, flow: Option<&FlowView>, list: &Playlist, ms: f64) -> bool {
        let of = flow.filter(|flow| flow.summary.flow == self.flow);
        self.come |= of.is_some();
        match of {
            Some(flow) => self.show(reveal::shown_count(&self.chunks, flow, list, ms)),
            None if self.come => self.show(usize::MAX),
            None => {}
        }
        self.shown >= self.chunks.len()
    }
}

const TO_COME: &str = "to-come";
/// A conversation that has not come by then does not come.
const COMES_MS: u32 = 2_500;

/// The log in `scroller`. Names of the cluster become links when `alive` is set: not before someone turns to them.
pub fn log(app: App, scroller: &El, alive: Var<bool>) -> El {
    let log = el("div").attr("role", "log").label("Output").attr("tabindex", "0");
    let log = log.on("keydown", |event| on_key(event.unchecked_ref()));
    let of = (u32::MAX, false);
    let held = Rc::new(RefCell::new(Held::default()));
    let names = (u64::MAX, Names::default());
    let mut shown = Shown { app, log: log.clone(), of, entries: Vec::new(), names, held: held.clone() };
    let scrolled = scroller.clone();
    effect(move || {
        let alive = alive.get();
        app.terminals.with(|terminals| shown.draw(terminals, alive));
        to_end(&scrolled);
    });
    effect(move || {
        let mut held = held.borrow_mut();
        if app.fresh.get().is_none() {
            held.show(usize::MAX);
            return *held = Held::default();
        }
        let (flow, ms) = (app.flow.get(), app.player.ms.get());
        if !held.chunks.is_empty() && app.player.list.peek(|list| held.follow(flow.as_deref(), list, ms)) {
            drop(held);
            app.fresh.put(None);
        }
    });
    let resized = scroller.clone();
    platform::on_resize(&scroller.0, move |_, _| to_end(&resized));
    log
}

/// Shows the end, with a whole line at the upper edge.
fn to_end(scroller: &El) {
    let of = &scroller.0;
    let (line, above) = (length(of, "line-height"), length(of, "padding-top"));
    // Numbers are written and read by the browser: what Rust has for it would be much of the page's first load.
    let written = |px: f64| js_sys::Number::from(px).to_string_with_radix(10).map_or(String::new(), String::from);
    let pad = |px: f64| drop(scroller.clone().style("--pad", &[&written(px), "px"].concat()));
    pad(0.0);
    let hidden = f64::from(of.scroll_height() - of.client_height());
    // The first line begins below the padding of the panel.
    let over = (hidden - above).rem_euclid(line);
    if hidden > 0.0 && over > 0.0 {
        pad(line - over);
    }
    of.set_scroll_top(of.scroll_height());
}

/// A computed length in pixels; at least 1.
fn length(of: &web_sys::Element, property: &str) -> f64 {
    let style = platform::window().get_computed_style(of).ok().flatten();
    let text = style.and_then(|style| style.get_property_value(property).ok()).unwrap_or_default();
    let px = js_sys::Number::parse_float(&text);
    if px >= 1.0 { px } else { 1.0 }
}

impl Shown {
    fn draw(&mut self, terminals: &Terminals, alive: bool) {
        let front = terminals.front();
        if self.of != (front.session, alive) {
            self.of = (front.session, alive);
            self.entries.clear();
            self.log.0.replace_children_with_node_0();
        }
        if alive {
            self.learn_names();
        }
        self.entries.retain(|(id, _, element)| {
            let stays = front.log.iter().any(|entry| entry.id == *id);
            if !stays {
                element.0.remove();
            }
            stays
        });
        for entry in &front.log {
            let at = self.entries.iter().position(|(id, ..)| *id == entry.id).unwrap_or_else(|| {
                let element = self.typed(entry);
                let _ = self.log.0.append_child(&element.0);
                self.entries.push((entry.id, false, element));
                self.entries.len() - 1
            });
            let (_, complete, element) = &self.entries[at];
            if let (false, Some(chunks)) = (complete, &entry.chunks) {
                let element = element.clone();
                self.entries[at].1 = true;
                let parts: Vec<Nodes> = chunks.iter().map(|chunk| self.chunk(chunk)).collect();
                parts.iter().flatten().for_each(|part| drop(element.0.append_child(&part.0)));
                if let (true, Some(flow)) = (self.app.fresh.now() == Some(entry.id), reveal::flow_of(chunks)) {
                    self.hold(flow, chunks, parts);
                }
            }
        }
    }

    /// What reports packets that are still to play is pale.
    fn hold(&self, flow: u32, chunks: &[Chunk], parts: Vec<Nodes>) {
        let first = chunks.iter().position(|chunk| chunk.at.is_some_and(|(of, _)| of == flow)).unwrap_or(0);
        parts.iter().skip(first).flatten().for_each(|part| drop(part.0.class_list().add_1(TO_COME)));
        *self.held.borrow_mut() = Held { flow, come: false, chunks: chunks.to_vec(), parts, shown: first };
        let (app, held, fresh) = (self.app, self.held.clone(), self.app.fresh.now());
        platform::after_ms(COMES_MS, move || {
            if app.fresh.now() == fresh && !held.borrow().come {
                app.fresh.put(None);
            }
        });
    }

    fn learn_names(&mut self) {
        let Some(scene) = self.app.scene.now().filter(|scene| scene.revision != self.names.0) else { return };
        self.names = (scene.revision, Names::of(&scene));
    }

    /// The prompt, the line, and what can be done with it again.
    fn typed(&self, entry: &Entry) -> El {
        let line = el("div").class("typed").part("span", "prompt", &entry.prompt).text(" ").text(&entry.line);
        let line = if self.of.1 { line.kid(tools(self.app, &entry.line)) } else { line };
        el("div").class("entry").kid(line)
    }

    /// Output that reports a packet can be clicked: the packet then plays. In other output the cluster's names can.
    fn chunk(&self, chunk: &Chunk) -> Nodes {
        let Some((flow, packet)) = chunk.at else {
            if chunk.stream == Stream::Out {
                return vec![self.linked(el("span").class("out"), &chunk.text)];
            }
            let part = |(own, text): (bool, &str)| match own {
                true => el("span").class("own").text(text.trim_end()),
                false => self.linked(el("span").class("out err"), text),
            };
            return own_words(&chunk.text).into_iter().map(part).collect();
        };
        let class = if chunk.stream == Stream::Err { "out err" } else { "out" };
        let app = self.app;
        let line = chunk.text.trim_start_matches('\n');
        let (before, line) = chunk.text.split_at(chunk.text.len() - line.len());
        let (line, after) = line.split_at(line.find('\n').unwrap_or(line.len()));
        let seek = stop("seek", "Show this packet").text(line).on("click", move |event| {
            event.stop_propagation();
            app.show_flow(flow, Start::Packet(packet));
        });
        vec![el("span").class(class).text(before).kid(seek).text(after)]
    }

    fn linked(&self, out: El, text: &str) -> El {
        if !self.of.1 {
            return out.text(text);
        }
        self.names.1.pieces(text).into_iter().fold(out, |out, (text, named)| {
            let Some(named) = named.cloned() else { return out.text(text) };
            let app = self.app;
            let title = ["Look at ", named.kind, " ", &named.name].concat();
            let name = stop("name", &title).text(text).on("click", move |event| {
                event.stop_propagation();
                app.look_at_object(named.kind, &named.namespace, &named.name);
                app.pane.set(Tab::Inspector);
            });
            out.kid(name)
        })
    }
}

/// A button in the log: the log is one stop of the Tab key, arrow keys go from button to button.
fn stop(class: &str, title: &str) -> El {
    button(class).attr("tabindex", "-1").title(title)
}

fn tools(app: App, line: &str) -> El {
    let (again, copied) = (line.to_string(), line.to_string());
    let run = stop("tool", "Run this command again, here").text("run again").on("click", move |event| {
        event.stop_propagation();
        app.run_here(again.clone());
    });
    let copy = stop("tool", "Copy this command").text("copy").on("click", move |event| {
        event.stop_propagation();
        platform::copy(&copied);
        app.spoken.set("Copied".to_string());
    });
    el("span").class("tools").kid(run).kid(copy)
}

/// Arrow keys walk through the buttons of the log.
fn on_key(event: &KeyboardEvent) {
    if event.ctrl_key() || event.alt_key() || event.meta_key() {
        return;
    }
    let Some(log) = event.current_target().map(|log| log.unchecked_into::<HtmlElement>()) else { return };
    let Ok(buttons) = log.query_selector_all("button") else { return };
    let active = platform::document().active_element();
    let count = buttons.length();
    let at: Option<u32> = (0..count).find(|at| buttons.item(*at).as_deref() == active.as_deref().map(AsRef::as_ref));
    let to = match (event.key().as_str(), at) {
        ("ArrowDown" | "ArrowRight", None) | ("Home", _) => Some(0),
        ("ArrowUp" | "ArrowLeft", None) | ("End", _) => count.checked_sub(1),
        ("ArrowDown" | "ArrowRight", Some(at)) => Some(at + 1),
        ("ArrowUp" | "ArrowLeft", Some(at)) => at.checked_sub(1),
        ("Escape", Some(_)) => {
            let _ = log.focus();
            return event.prevent_default();
        }
        _ => return,
    };
    event.prevent_default();
    if let Some(button) = to.and_then(|to| buttons.item(to)) {
        let _ = button.unchecked_ref::<HtmlElement>().focus();
    }
}
