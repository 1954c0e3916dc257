//! The palette: a dialog with a field and the list of what it finds.

use super::model::found;
use crate::dom::{El, Nodes, Var, effect, el};
use crate::glyph::Glyph;
use crate::parts;
use crate::platform;
use crate::shell::settings::choose;
use crate::shown::Tab;
use crate::stage::send::Choice;
use crate::stage::{faults, shelf};
use crate::state::App;
use crate::workspace::{saved::Saved, scenarios};
use podhop_engine::protocol::{PodView, ReplyBody, RequestBody};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlInputElement, KeyboardEvent};

/// Pods and nodes of a very large cluster are found by the search of the stage.
const OBJECTS_MAX: usize = 2_000;
/// Nodes of which faults are offered.
const FAULTY_NODES_MAX: usize = 20;
const LIST: &str = "palette-list";

/// Something that can be chosen.
#[derive(Clone)]
struct Entry {
    title: String,
    /// Its key, or what it is.
    detail: String,
    act: Rc<dyn Fn()>,
}

#[derive(Clone, Copy)]
struct Palette {
    app: App,
    entries: Var<Vec<Entry>>,
    query: Var<String>,
    /// The position in the list.
    chosen: Var<usize>,
}

/// The dialog; it opens with Ctrl-K or ⌘K.
pub fn palette(app: App) -> El {
    let asked = Var::new(0);
    let palette = Palette { app, entries: Var::new(Vec::new()), query: Var::new(String::new()), chosen: Var::new(0) };
    listen(move || {
        palette.fill();
        palette.query.set(String::new());
        palette.chosen.set(0);
        asked.update(|asked| *asked += 1);
    });
    parts::dialog_when_asked(asked, move || palette.dialog())
}

/// Calls `open` on Ctrl-K and ⌘K, wherever the focus is.
fn listen(open: impl Fn() + 'static) {
    let on_key = move |event: &web_sys::Event| {
        let key: &KeyboardEvent = event.unchecked_ref();
        // In the terminal Ctrl-K cuts the line, as in every shell.
        let target = key.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let typing = target.is_some_and(|target| target.closest(".term").ok().flatten().is_some());
        let asked = (key.ctrl_key() && !typing) || key.meta_key();
        if asked && !key.alt_key() && !key.shift_key() && key.key() == "k" {
            event.prevent_default();
            open();
        }
    };
    let options =
        gloo::events::EventListenerOptions { phase: gloo::events::EventListenerPhase::Capture, passive: false };
    gloo::events::EventListener::new_with_options(&platform::document(), "keydown", options, on_key).forget();
}

impl Palette {
    fn dialog(self) -> El {
        let dialog = el("dialog").class("help palette").label("Find an action, a Pod, a Service or a node");
        let shown: HtmlDialogElement = dialog.cast();
        let close: Rc<dyn Fn()> = Rc::new(move || shown.close());
        let done = close.clone();
        let list = el("ul").id(LIST).attr("role", "listbox").label("Found").live(move || self.rows(&close));
        let dialog = dialog.kid(self.field()).kid(list);
        dialog.on("keydown", move |event| self.key(event.unchecked_ref(), &*done))
    }

    fn field(self) -> El {
        let chosen = move || {
            let at = self.chosen.get();
            [LIST, "-", &at.to_string()].concat()
        };
        let field = el("input")
            .attr("type", "text")
            .class("textfield")
            .attr("placeholder", "Find an action, a Pod, a Service or a node")
            .label("Find")
            .attr("role", "combobox")
            .attr("aria-expanded", "true")
            .attr("aria-controls", LIST)
            .attr("autocomplete", "off")
            .attr("spellcheck", "false")
            .attr_of("aria-activedescendant", chosen);
        let input: HtmlInputElement = field.cast();
        // A new search begins empty.
        let emptied = input.clone();
        effect(move || {
            if self.query.with(String::is_empty) {
                emptied.set_value("");
            }
        });
        field.on("input", move |_| {
            self.chosen.set(0);
            self.query.set(input.value());
        })
    }

    fn found(self) -> Vec<Entry> {
        self.entries.with(|entries| {
            let titles: Vec<String> = entries.iter().map(|entry| entry.title.clone()).collect();
            found(&self.query.get(), &titles).into_iter().map(|at| entries[at].clone()).collect()
        })
    }

    fn rows(self, close: &Rc<dyn Fn()>) -> Nodes {
        let found = self.found();
        if found.is_empty() {
            return vec![el("li").class("empty").text("Nothing of that name.")];
        }
        let row = |(at, entry): (usize, Entry)| {
            let (act, close) = (entry.act, close.clone());
            el("li")
                .class("choice")
                .id(&[LIST, "-", &at.to_string()].concat())
                .attr("role", "option")
                .bool_of("aria-selected", move || self.chosen.get() == at)
                .kids(sign(&entry.title))
                .part("b", "", &entry.title)
                .part("span", "", &entry.detail)
                .on_click(move || {
                    close();
                    act();
                })
        };
        found.into_iter().enumerate().map(row).collect()
    }

    fn key(self, event: &KeyboardEvent, close: &dyn Fn()) {
        let count = self.found().len();
        let now = self.chosen.now();
        match event.key().as_str() {
            "ArrowDown" if count > 0 => self.chosen.set((now + 1) % count),
            "ArrowUp" if count > 0 => self.chosen.set((now + count - 1) % count),
            "Enter" => {
                if let Some(entry) = self.found().into_iter().nth(now) {
                    close();
                    (entry.act)();
                }
            }
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    }

    /// Gathers what there is to choose now.
    fn fill(self) {
        let mut entries = actions(self.app);
        entries.extend(self.objects());
        entries.extend(self.faults());
        self.entries.set(entries);
        self.app.ask(RequestBody::Scenarios, move |reply| {
            let ReplyBody::Scenarios(shelves) = reply else { return };
            let app = self.app;
            let all = shelves.into_iter().flat_map(|shelf| shelf.scenarios).map(|scenario| {
                let title = ["Scenario: ", &scenario.title].concat();
                Entry { title, detail: scenario.summary, act: Rc::new(move || scenarios::open(app, &scenario.id)) }
            });
            self.entries.update(|entries| entries.extend(all));
        });
    }

    /// What can be broken on nodes.
    fn faults(self) -> Vec<Entry> {
        let app = self.app;
        let choices = app.scene.peek(|scene| scene.as_ref().map(|scene| faults::of_nodes(scene, FAULTY_NODES_MAX)));
        let entry = |choice: Choice| {
            let line = choice.line.ok()?;
            let run = line.clone();
            let act = Rc::new(move || {
                app.dock.set(Tab::Terminal);
                app.run(run.clone());
            });
            Some(Entry { title: ["Fault: ", &choice.label].concat(), detail: line, act })
        };
        choices.unwrap_or_default().into_iter().filter_map(entry).collect()
    }

    fn objects(self) -> Vec<Entry> {
        let app = self.app;
        let look = move |kind: &'static str, namespace: String, name: String| -> Rc<dyn Fn()> {
            Rc::new(move || {
                app.look_at_object(kind, &namespace, &name);
                app.pane.set(Tab::Inspector);
            })
        };
        self.app.scene.peek(|scene| {
            let nodes = scene.iter().flat_map(|scene| &scene.nodes);
            // One's own come before the cluster's.
            let own = |pod: &PodView| !pod.namespace.starts_with("kube-");
            let node = nodes.clone().map(|node| Entry {
                title: ["Node ", &node.name].concat(),
                detail: node.ip.clone(),
                act: look("Node", String::new(), node.name.clone()),
            });
            let pods = nodes.flat_map(|node| node.pods.iter().map(|pod| (node.name.as_str(), pod)));
            let pod = |(node, pod): (&str, &PodView)| Entry {
                title: ["Pod ", &pod.namespace, "/", &pod.name].concat(),
                detail: [pod.ip.as_str(), " on ", node].concat(),
                act: look("Pod", pod.namespace.clone(), pod.name.clone()),
            };
            let (first, last): (Vec<_>, Vec<_>) = pods.partition(|(_, pod)| own(pod));
            let services = scene.iter().flat_map(|scene| &scene.services).map(|service| Entry {
                title: ["Service ", &service.namespace, "/", &service.name].concat(),
                detail: shelf::address_line(service),
                act: look("Service", service.namespace.clone(), service.name.clone()),
            });
            let pods = first.into_iter().chain(last).map(pod);
            services.chain(pods).chain(node).take(OBJECTS_MAX).collect()
        })
    }
}

/// The sign of `Pod default/pod-a`; actions and scenarios have none.
fn sign(title: &str) -> Nodes {
    title.split_once(' ').and_then(|(kind, _)| Glyph::of(kind)).map(parts::glyph).into_iter().collect()
}

fn actions(app: App) -> Vec<Entry> {
    let entry = |title: &str, detail: &str, act: Rc<dyn Fn()>| Entry {
        title: title.to_string(),
        detail: detail.to_string(),
        act,
    };
    let click = |id: &'static str| -> Rc<dyn Fn()> {
        Rc::new(move || {
            if let Some(element) = platform::element(id) {
                element.click();
            }
        })
    };
    let tab = |tab: Tab, pane: Tab, focus: &'static str| -> Rc<dyn Fn()> {
        Rc::new(move || {
            match pane {
                Tab::Inspector => app.inspector.set(tab),
                Tab::Dock => app.dock.set(tab),
                _ => {}
            }
            app.pane.set(pane);
            platform::focus(focus);
        })
    };
    let theme = |value: &'static str| -> Rc<dyn Fn()> { Rc::new(move || choose(app, "theme", value)) };
    let size = |value: &'static str| -> Rc<dyn Fn()> { Rc::new(move || choose(app, "size", value)) };
    let words = app.past.peek(|past| {
        let (undo, redo) = past.words();
        [undo, redo].map(|words| words.map(str::to_string))
    });
    let [undo, redo] = words;
    let undo = undo.map(|words| entry(&["Undo: ", &words].concat(), "Ctrl-Z", Rc::new(move || app.undo())));
    let redo = redo.map(|words| entry(&["Redo: ", &words].concat(), "Ctrl-Shift-Z", Rc::new(move || app.redo())));
    let mut all: Vec<Entry> = undo.into_iter().chain(redo).collect();
    all.extend([
        entry("Play or pause", "Space", Rc::new(move || app.player.toggle())),
        entry("Loop", "L", Rc::new(move || app.player.looping.update(|looping| *looping = !*looping))),
        entry("First step", "Home", Rc::new(move || app.step(isize::MIN))),
        entry("Last step", "End", Rc::new(move || app.step(isize::MAX))),
        entry("Open a scenario", "", click("open-scenario")),
        entry("Compare with another CNI plugin or proxy mode", "the conversation shown", click("open-compare")),
        entry("Share a link", "", click("open-share")),
        entry("Start over", "the page as it opens", Rc::new(move || scenarios::begin(app, Saved::opening()))),
        entry("Empty cluster", "", Rc::new(move || scenarios::begin(app, Saved::blank()))),
        entry("Go to the terminal", "", tab(Tab::Terminal, Tab::Dock, "tab-panel-terminal")),
        entry("Go to the flows", "", tab(Tab::Flows, Tab::Dock, "tab-panel-flows")),
        entry("Who can reach whom", "the matrix", tab(Tab::Reach, Tab::Dock, "tab-panel-reach")),
        entry("Go to the journey", "", tab(Tab::Journey, Tab::Inspector, "tab-panel-journey")),
        entry("Go to the headers", "", tab(Tab::Headers, Tab::Inspector, "tab-panel-headers")),
        entry("Go to the tables", "", tab(Tab::Tables, Tab::Inspector, "tab-panel-tables")),
        entry("Theme: as the system", "", theme("")),
        entry("Theme: light", "", theme("light")),
        entry("Theme: dark", "", theme("dark")),
        entry("Text: normal", "", size("")),
        entry("Text: large", "", size("large")),
        entry("Text: projector", "", size("projector")),
        entry("Settings", "", click("open-settings")),
        entry("Help: keys", "", click("open-help")),
    ]);
    all
}
