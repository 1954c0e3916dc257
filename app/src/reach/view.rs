//! The panel: what is asked, the table, and what keeps the chosen pair apart.

use super::model::{self, Question, SHOWN_MAX};
use crate::dom::{El, Nodes, Var, button, derived, effect, el};
use crate::journey::view::origin_view;
use crate::parts::{empty, link};
use crate::platform;
use crate::state::{App, Tab};
use crate::text::thousands;
use podhop_engine::protocol::{ReachView, ReplyBody, RequestBody, WhyBlocked};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement, HtmlSelectElement, HtmlTableCellElement};

/// Protocols by the words of the choice.
const PROTOCOLS: [(&str, &str); 5] =
    [("", "declared ports"), ("TCP", "TCP"), ("UDP", "UDP"), ("SCTP", "SCTP"), ("ICMP", "ping")];

type Shown = Option<Rc<Result<ReachView, String>>>;

#[derive(Clone, Copy)]
struct Panel {
    app: App,
    question: Var<Question>,
    shown: Var<Shown>,
    /// Row and column of the pair that is looked at, and what keeps it apart.
    pair: Var<Option<(usize, usize)>>,
    why: Var<Option<Rc<WhyBlocked>>>,
    /// The revision before the last one that was asked about.
    since: Var<Option<u64>>,
    revision: Var<u64>,
    /// A question is under way; what is asked meanwhile is asked when it is answered.
    asked: Var<bool>,
    again: Var<bool>,
}

pub fn reach(app: App) -> El {
    let panel = Panel {
        app,
        question: Var::new(Question::default()),
        shown: Var::new(None),
        pair: Var::new(None),
        why: Var::new(None),
        since: Var::new(None),
        revision: Var::new(0),
        asked: Var::new(false),
        again: Var::new(false),
    };
    let revision = derived(move || app.scene.with(|scene| scene.as_ref().map_or(0, |scene| scene.revision)));
    effect(move || {
        panel.question.track();
        revision.track();
        if app.dock.get() == Tab::Reach {
            panel.ask();
        }
    });
    el("div").class("who").kid(panel.controls()).kid(el("div").live(move || panel.body()))
}

impl Panel {
    fn ask(self) {
        if self.asked.now() {
            return self.again.set(true);
        }
        let now = self.app.scene.peek(|scene| scene.as_ref().map_or(0, |scene| scene.revision));
        if now != self.revision.now() {
            let before = self.revision.now();
            self.since.set((before > 0).then_some(before));
            self.revision.set(now);
        }
        let Question { protocol, port, all, workloads } = self.question.now();
        self.asked.set(true);
        let since = self.since.now();
        self.app.ask(RequestBody::Reach { protocol, port, all, workloads, since }, move |reply| {
            self.asked.set(false);
            match reply {
                ReplyBody::Reach(view) => self.shown.set(Some(Rc::new(Ok(view)))),
                // The revision before may be forgotten by now.
                ReplyBody::Error(_) if since.is_some() => {
                    self.since.set(None);
                    self.again.set(true);
                }
                ReplyBody::Error(why) => self.shown.set(Some(Rc::new(Err(why)))),
                _ => {}
            }
            self.pair.set(None);
            self.why.set(None);
            if self.again.now() {
                self.again.set(false);
                self.ask();
            }
        });
    }

    fn controls(self) -> El {
        let options = PROTOCOLS.map(|(value, words)| el("option").attr("value", value).text(words));
        let select = el("select").label("Protocol").kids(options.into());
        let field: HtmlSelectElement = select.cast();
        let select = select.on("change", move |_| {
            self.question.update(|question| question.protocol = field.value());
        });
        let port =
            el("input").attr("type", "number").attr("min", "1").attr("max", "65535").attr("value", "80").label("Port");
        let number: HtmlInputElement = port.cast();
        let port = port
            .hidden_of(move || self.question.with(|question| matches!(question.protocol.as_str(), "" | "ICMP")))
            .on("change", move |_| {
                if let Ok(port @ 1..) = number.value().parse::<u16>() {
                    self.question.update(|question| question.port = port);
                }
            });
        let pill = |words: &str, title: &str, of: fn(&mut Question) -> &mut bool| {
            button("pill")
                .title(title)
                .bool_of("aria-pressed", move || *of(&mut self.question.get()))
                .text(words)
                .on_click(move || self.question.update(|question| *of(question) = !*of(question)))
        };
        el("div")
            .class("scales")
            .kid(select)
            .kid(port)
            .kid(pill("Workloads", "The Pods of a controller together", |question| &mut question.workloads))
            .kid(pill("Nodes and outside", "The cluster's own Pods, nodes, a client outside", |question| {
                &mut question.all
            }))
            .kid(el("span").class("saves").kid(self.save("csv")).kid(self.save("svg")))
    }

    fn save(self, form: &'static str) -> El {
        let save = move || {
            let Question { protocol, port, all, workloads } = self.question.now();
            let body = RequestBody::ReachFile { protocol, port, all, workloads, form: form.to_string() };
            self.app.ask(body, move |reply| {
                if let ReplyBody::Bytes(bytes) = reply {
                    platform::save(&["reach.", form].concat(), &bytes);
                }
            });
        };
        link(form, save).title(&["Save the matrix as ", form].concat())
    }

    fn body(self) -> Nodes {
        let shown = self.shown.get();
        let view = match shown.as_deref() {
            None => return vec![empty("Walking the tables …")],
            Some(Err(why)) => return vec![empty(why)],
            Some(Ok(view)) => view,
        };
        let summary = el("p").class("sum").attr("role", "status").text(&model::summary(view));
        let mut nodes = vec![summary.kids(changes(view))];
        if view.ends.len() > SHOWN_MAX {
            let words = [
                "Only the first ",
                &SHOWN_MAX.to_string(),
                " of ",
                &thousands(view.ends.len() as u32),
                " have a row: the files have all.",
            ];
            nodes.push(el("p").class("sum").text(&words.concat()));
        }
        if !view.ends.is_empty() {
            let pair = el("div").class("pair").attr("role", "status").live(move || self.pair_view());
            nodes.push(el("div").class("beside").kid(el("div").class("matrix").kid(self.table(view))).kid(pair));
        }
        nodes
    }

    /// Rows are senders, columns receivers; the arrow keys go from cell to cell.
    fn table(self, view: &ReachView) -> El {
        let count = view.ends.len().min(SHOWN_MAX);
        let ends = &view.ends[..count];
        let corner = el("td").class("corner").part("span", "", "from ↓ to →");
        let numbers = (0..count).map(|at| {
            el("th").attr("scope", "col").title(&ends[at].place).label(&ends[at].name).text(&(at + 1).to_string())
        });
        let head = el("thead").kid(el("tr").kid(corner).kids(numbers.collect()));
        let mut bodies = Nodes::new();
        let mut from = 0;
        for (group, size) in model::groups(ends) {
            let title = el("th").attr("scope", "rowgroup").attr("colspan", &(count + 1).to_string()).text(group);
            let mut rows = vec![el("tr").class("group").kid(title)];
            rows.extend((from..from + size).map(|row| {
                let name = el("th").attr("scope", "row").text(&ends[row].name).part("span", "", &(row + 1).to_string());
                el("tr").kid(name).kids((0..count).map(|column| cell(view, row, column)).collect())
            }));
            bodies.push(el("tbody").kids(rows));
            from += size;
        }
        let of_event = move |event: &web_sys::Event| {
            let cell: Element = event.target()?.dyn_into::<Element>().ok()?.closest("td[data-pair]").ok()??;
            let (from, to) =
                cell.get_attribute("data-pair")?.split_once(' ').map(|(a, b)| (a.to_string(), b.to_string()))?;
            Some((cell, from.parse::<usize>().ok()?, to.parse::<usize>().ok()?))
        };
        el("table")
            .attr("role", "grid")
            .label("Who can connect to whom")
            .kid(head)
            .kids(bodies)
            .on("click", move |event| {
                if let Some((cell, from, to)) = of_event(&event) {
                    focus(&cell);
                    self.choose(from, to);
                }
            })
            .on("keydown", move |event| {
                let Some((cell, from, to)) = of_event(&event) else { return };
                let key: &web_sys::KeyboardEvent = event.unchecked_ref();
                let (from, to) = match key.key().as_str() {
                    "ArrowUp" => (from.wrapping_sub(1), to),
                    "ArrowDown" => (from + 1, to),
                    "ArrowLeft" => (from, to.wrapping_sub(1)),
                    "ArrowRight" => (from, to + 1),
                    "Enter" | " " => {
                        event.prevent_default();
                        return self.choose(from, to);
                    }
                    _ => return,
                };
                event.prevent_default();
                event.stop_propagation();
                let table = cell.closest("table").ok().flatten();
                let selector = ["td[data-pair='", &from.to_string(), " ", &to.to_string(), "']"].concat();
                if let Some(next) = table.and_then(|table| table.query_selector(&selector).ok().flatten()) {
                    let _ = cell.set_attribute("tabindex", "-1");
                    focus(&next);
                }
            })
    }

    fn choose(self, from: usize, to: usize) {
        self.why.set(None);
        self.pair.set(Some((from, to)));
        let Some(view) = self.shown.now() else { return };
        let Ok(view) = &*view else { return };
        if from == to || matches!(model::sign(view, from, to), '.') || self.question.with(|question| question.workloads)
        {
            return;
        }
        let Question { protocol, port, .. } = self.question.now();
        let place = |at: usize| view.ends[at].place.clone();
        let body = RequestBody::WhyBlocked { from: place(from), to: place(to), protocol, port };
        self.app.ask(body, move |reply| {
            if let (ReplyBody::WhyBlocked(Some(why)), true) = (reply, self.pair.now() == Some((from, to))) {
                self.why.set(Some(Rc::new(why)));
            }
        });
    }

    fn pair_view(self) -> Nodes {
        let (Some((from, to)), Some(shown)) = (self.pair.get(), self.shown.get()) else {
            return vec![empty("Choose a cell to see what decides there.")];
        };
        let Ok(view) = &*shown else { return Vec::new() };
        let (word, class, mark) = model::words(model::sign(view, from, to));
        let title = [&view.ends[from].name, " → ", &view.ends[to].name].concat();
        let state = el("span").class(&["state ", class].concat()).text(mark).text(" ").text(word);
        let mut nodes = vec![el("p").part("b", "", &title).kid(state)];
        if let Some(why) = self.why.get() {
            nodes.extend(self.reason(&why));
        }
        nodes
    }

    fn reason(self, why: &WhyBlocked) -> Nodes {
        let way = if why.reply { " on its way back" } else { "" };
        let place = if why.place.is_empty() { String::new() } else { [" At ", &why.place, way, "."].concat() };
        let mut nodes =
            vec![el("p").text(&why.asked).text(" ").text(&why.word).text(": ").text(&why.reason).text(&place)];
        if !why.text.is_empty() {
            nodes.push(el("code").text(&why.text));
            nodes.push(el("p").text(&why.command).text(" · ").kid(origin_view(self.app, &why.origin)));
        }
        nodes
    }
}

fn cell(view: &ReachView, from: usize, to: usize) -> El {
    let (word, class, mark) = model::words(model::sign(view, from, to));
    let label = [&view.ends[from].name, " to ", &view.ends[to].name, ": ", word].concat();
    let stop = if (from, to) == (0, 0) { "0" } else { "-1" };
    let pair = [&from.to_string(), " ", &to.to_string()].concat();
    el("td").class(class).label(&label).attr("tabindex", stop).attr("data-pair", &pair).text(mark)
}

fn focus(cell: &Element) {
    let _ = cell.set_attribute("tabindex", "0");
    let _ = cell.unchecked_ref::<HtmlTableCellElement>().focus();
}

/// What the last edit has changed.
fn changes(view: &ReachView) -> Nodes {
    if view.changes_count == 0 {
        return Vec::new();
    }
    let count = u32::try_from(view.changes_count).unwrap_or(u32::MAX);
    let head = [thousands(count).as_str(), if count == 1 { " pair has" } else { " pairs have" }, " changed"].concat();
    let rows = view.changes.iter().map(|change| {
        let (was, is) = (model::words(change.was).0, model::words(change.is).0);
        el("li").text(&[&change.from, " → ", &change.to, ": ", was, ", now ", is].concat())
    });
    vec![el("details").class("changed").kid(el("summary").text(&head)).kid(el("ul").kids(rows.collect()))]
}
