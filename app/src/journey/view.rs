//! The list of steps, grouped by packet.

use super::model::{self, Group, Names};
use super::why;
use crate::dom::{El, Nodes, Var, button, derived, effect, el};
use crate::few::Few;
use crate::parts::{self, empty, link};
use crate::platform::{self, Frames};
use crate::state::{App, TableAsk};
use podhop_engine::protocol::{
    CauseView, FlowView, OriginView, ReplyBody, RequestBody, StepView, TextRange, VerdictKind,
};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;

/// What the list of steps keeps while it is shown.
#[derive(Clone, Copy)]
struct List {
    app: App,
    /// Groups that the user opened or closed against the default.
    turned: Var<Few<usize>>,
    groups: Var<Vec<Rc<Shown>>>,
    rows: Var<Vec<Row>>,
}

/// A packet's group as it stands in the list.
struct Shown {
    packet: usize,
    by_default: bool,
    open: Cell<Option<bool>>,
    section: web_sys::Element,
    head: web_sys::Element,
    steps: web_sys::Element,
}

/// A step that stands in the list.
struct Row {
    packet: usize,
    step: usize,
    at: Option<TextRange>,
    row: web_sys::Element,
    head: web_sys::Element,
    buttons: Vec<web_sys::Element>,
}

pub fn journey(app: App) -> El {
    let list = List { app, turned: Var::new(Few::default()), groups: Var::new(Vec::new()), rows: Var::new(Vec::new()) };
    let view =
        el("div").class("journey").on("keydown", move |event| on_key(app, event.unchecked_ref())).live(move || {
            list.rows.update(Vec::clear);
            list.groups.update(Vec::clear);
            let Some(flow) = app.flow.get() else {
                return vec![empty("No conversation yet. Run a command such as ping in the terminal.")];
            };
            let groups = app.unfolded.with(|unfolded| model::groups(&flow, unfolded));
            let mut nodes = vec![head(app, &flow)];
            let names = model::names(&flow);
            let (asked, rest): (Vec<Group>, Vec<Group>) = match &names {
                Some(names) => groups.into_iter().partition(|group| names.packets.contains(&group.packet)),
                None => (Vec::new(), groups),
            };
            if let Some(names) = names {
                let asked = asked.into_iter().map(|group| group_view(list, group)).collect();
                nodes.push(names_view(app, names, asked));
            }
            nodes.extend(rest.into_iter().map(|group| group_view(list, group)));
            nodes
        });
    effect(move || {
        app.flow.track();
        list.turned.update(Few::clear);
    });
    list.follow();
    effect(move || {
        app.active_file.track();
        app.caret_line.track();
        let beat = app.player.beat.get();
        list.rows.with(|rows| rows.iter().for_each(|row| mark(app, row, beat)));
    });
    keep_in_sight(list);
    effect(move || {
        // Nothing of it is needed before it is asked for the first time.
        if app.why.get() || app.why_asked.now() {
            why::follow(app);
        }
    });
    view
}

/// Up and down go through the steps, as left and right do everywhere.
fn on_key(app: App, event: &web_sys::KeyboardEvent) {
    match event.key().as_str() {
        "ArrowDown" => app.step(1),
        "ArrowUp" => app.step(-1),
        _ => return,
    }
    event.prevent_default();
    if let Some((packet, step)) = app.player.beat.now() {
        // Its group may open only now.
        let id = head_id(packet, step);
        gloo::timers::callback::Timeout::new(0, move || platform::focus(&id)).forget();
    }
}

/// Shows whether a step is done, is the present one, or was caused by the line that the caret is on.
fn mark(app: App, row: &Row, beat: Option<(usize, usize)>) {
    let (on, done) = match beat {
        Some(now) if now == (row.packet, row.step) => (true, false),
        Some((packet, step)) => (false, packet > row.packet || (packet == row.packet && step > row.step)),
        None => (false, false),
    };
    let line = app.caret_line.now();
    let at = row.at.as_ref().filter(|at| (at.line..=at.end_line).contains(&line));
    let caused = line > 0 && at.is_some_and(|at| app.active_file.peek(|file| *file == at.file));
    let part = |on: bool, class: &'static str| if on { class } else { "" };
    let class = ["step", part(on, " on"), part(done, " done"), part(caused, " caused")].concat();
    if row.row.class_name() != class {
        row.row.set_class_name(&class);
        let _ = row.head.set_attribute("aria-current", if on { "step" } else { "false" });
        // One stop of the Tab key for the whole list: the present step, its row and its line.
        for button in &row.buttons {
            let _ = button.set_attribute("tabindex", if on { "0" } else { "-1" });
        }
    }
}

/// Scrolls the list, when the present step has changed or has come into the list, or the list into view, so that the
/// step can be seen. Groups get their real height only as they come into sight, which moves the step again: the list
/// follows it for a few frames, and ends at the same place however many they took.
fn keep_in_sight(list: List) {
    let app = list.app;
    let left = Rc::new(Cell::new((0_u8, None)));
    let state = left.clone();
    let settle = Frames::new(move |_| {
        let (frames_left, edge) = state.get();
        state.set((frames_left - 1, scroll_to_present(list, edge)));
        frames_left > 1
    });
    effect(move || {
        app.inspector.track();
        app.pane.track();
        list.rows.track();
        app.player.beat.track();
        left.set((4, None));
        settle.start();
    });
}

/// The edge of the list by which a step came into sight.
#[derive(Clone, Copy, PartialEq)]
enum Edge {
    Top,
    Bottom,
}

/// Scrolls the present step, or its packet if that is folded, into sight if it is not, or to where it stands once it has
/// been scrolled to. Gives the edge it was scrolled to.
fn scroll_to_present(list: List, edge: Option<Edge>) -> Option<Edge> {
    let (packet, step) = list.app.player.beat.now()?;
    let row = platform::element(&step_id(packet, step)).map(Into::into);
    let folded =
        || list.groups.peek(|groups| groups.iter().find(|one| one.packet == packet).map(|one| one.section.clone()));
    let row: web_sys::Element = row.or_else(folded)?;
    let panel = row.closest(".panel").ok().flatten()?;
    let start = row.closest(".journey").ok().flatten()?.get_bounding_client_rect().top();
    let (row, room) = (row.get_bounding_client_rect(), panel.get_bounding_client_rect());
    let edge = match edge {
        None if row.top() < room.top() + 40.0 => Some(Edge::Top),
        None if row.bottom() > room.bottom() - 24.0 => Some(Edge::Bottom),
        edge => edge,
    };
    let goal = match edge? {
        Edge::Top => row.top() - start - 80.0,
        // In a low panel a tall step shows its beginning.
        Edge::Bottom => (row.bottom() - start - room.height() + 80.0).min(row.top() - start - 40.0),
    };
    panel.set_scroll_top(goal.round() as i32);
    edge
}

pub(super) fn step_id(packet: usize, step: usize) -> String {
    ["step-", &packet.to_string(), "-", &step.to_string()].concat()
}

fn head_id(packet: usize, step: usize) -> String {
    [&step_id(packet, step), "-head"].concat()
}

fn head(app: App, flow: &FlowView) -> El {
    let summary = &flow.summary;
    let number = summary.flow;
    let save = move || {
        app.ask(RequestBody::Pcap { flow: number, packet: None }, move |reply| {
            if let ReplyBody::Bytes(bytes) = reply {
                platform::save("podhop.pcapng", &bytes);
            }
        });
    };
    let unrecorded = [&flow.unrecorded_count.to_string(), " more packets were not recorded."].concat();
    let compare = link("compare", move || app.compare_asked.update(|asked| *asked += 1))
        .id("open-compare")
        .attr("aria-haspopup", "dialog")
        .title("The same command with another CNI plugin or proxy mode");
    el("div")
        .class("flow-head")
        .part("h2", "", &summary.title)
        .kid(parts::verdict(summary.end_kind, &summary.end))
        .kid(el("span").class("asides").kid(compare).kid(link("pcapng", save).title("Save as pcapng, for Wireshark")))
        .kid(el("p").text(&summary.reason).hidden(summary.reason.is_empty()))
        .kid(el("p").text(&unrecorded).hidden(flow.unrecorded_count == 0))
}

/// The questions to the name servers, folded to what came of them; they open while one of them is under way.
fn names_view(app: App, names: Names, asked: Nodes) -> El {
    let Names { packets, summary, count, by } = names;
    let head = el("summary")
        .part("span", "names-what", &summary)
        .part("span", "names-count", &[" · ", &count].concat())
        .kid(el("span").class("names-by").text(&by).hidden(by.is_empty()));
    let fold = el("details").class("names").kid(head).kids(asked);
    let of = fold.0.clone();
    let was: Cell<Option<bool>> = Cell::new(None);
    effect(move || {
        let inside = app.player.beat.get().is_some_and(|(packet, _)| packets.contains(&packet));
        // In between it is the reader's.
        if was.replace(Some(inside)) != Some(inside) {
            let _ = of.toggle_attribute_with_force("open", inside);
        }
    });
    fold
}

fn group_view(list: List, group: Group) -> El {
    let (app, packet) = (list.app, group.packet);
    let count = ["· ", &group.steps_count.to_string(), " steps"].concat();
    let head = button("group-head")
        .part("span", "group-title", &group.title)
        .part("span", "group-ends", &group.ends)
        .kid(parts::verdict(group.end, &group.end_word))
        .part("span", "group-count", &count)
        .on_click(move || list.turned.update(|turned| turned.turn(packet)));
    let steps = el("ol").class("steps");
    let (of_head, of_steps) = (head.0.clone(), steps.0.clone());
    let section = el("section")
        .class(if group.nested { "group nested" } else { "group" })
        .kid(el("h3").kid(head))
        .kids(plumbing_button(app, packet, group.plumbing_count))
        .kid(steps);
    let shown = Shown {
        packet,
        by_default: !group.repeats && !group.nested,
        open: Cell::new(None),
        section: section.0.clone(),
        head: of_head,
        steps: of_steps,
    };
    list.groups.update(|groups| groups.push(Rc::new(shown)));
    section
}

impl List {
    /// Opens and closes groups. Of thousands of them only those are looked at that the packet enters or leaves, or that
    /// the user turns.
    fn follow(self) {
        let app = self.app;
        let current = derived(move || app.player.beat.get().map(|(packet, _)| packet));
        let before: Cell<(Option<usize>, Few<usize>)> = Cell::default();
        effect(move || {
            let (now, turned) = (current.get(), self.turned.get());
            let playing = app.player.playing.get();
            let (last, last_turned) = before.take();
            let flow = app.flow.get();
            let concerns = |shown: &Rc<Shown>| {
                let packet = shown.packet;
                shown.open.get().is_none()
                    || [now, last].contains(&Some(packet))
                    || turned.contains(&packet) != last_turned.contains(&packet)
            };
            let groups: Vec<Rc<Shown>> =
                self.groups.with(|all| all.iter().filter(|one| concerns(one)).cloned().collect());
            if let Some(flow) = flow {
                groups.iter().for_each(|shown| self.turn(&flow, shown, (now, playing), &turned));
            }
            before.set((now, turned));
        });
    }

    /// Steps are made when the group opens, and not again while the packet moves on. The packet under way is open; one
    /// that repeats the way of another only when it rests, for nobody reads it that quickly.
    fn turn(self, flow: &FlowView, shown: &Shown, (current, playing): (Option<usize>, bool), turned: &Few<usize>) {
        let packet = shown.packet;
        let is_current = current == Some(packet);
        let _ = shown.section.class_list().toggle_with_force("now", is_current);
        let open = is_current && (shown.by_default || !playing) || turned.contains(&packet) != shown.by_default;
        if shown.open.replace(Some(open)) == Some(open) {
            return;
        }
        let _ = shown.head.set_attribute("aria-expanded", if open { "true" } else { "false" });
        shown.steps.replace_children_with_str_0();
        let mut rows = Vec::new();
        let beat = self.app.player.beat.now();
        let steps = flow.packets.get(packet).map_or(&[][..], |packet| &packet.steps);
        for (index, step) in steps.iter().enumerate().filter(|_| open) {
            let row = step_view(self.app, packet, index, step);
            mark(self.app, &row, beat);
            let _ = shown.steps.append_child(&row.row);
            rows.push(row);
        }
        self.rows.update(|known| {
            known.retain(|row| row.packet != packet);
            known.extend(rows);
        });
    }
}

fn plumbing_button(app: App, packet: usize, count: usize) -> Nodes {
    if count == 0 {
        return Vec::new();
    }
    let shown = app.unfolded.peek(|unfolded| unfolded.contains(&packet));
    let sign = if shown { "▾ " } else { "▸ " };
    let what = if count == 1 { " packet" } else { " packets" };
    let text = [sign, &count.to_string(), what, " of plumbing (ARP, acknowledgements)"].concat();
    let button = button("link plumbing").attr("aria-expanded", if shown { "true" } else { "false" });
    vec![button.text(&text).on_click(move || app.unfold(packet))]
}

fn step_view(app: App, packet: usize, index: usize, step: &StepView) -> Row {
    let mut head = button("step-head")
        .id(&head_id(packet, index))
        .attr("tabindex", "-1")
        .part("span", "dot", "")
        .part("b", "", &step.title)
        .part("span", "dev", &model::where_of(step))
        .on_click(move || app.select(packet, index));
    if step.verdict != VerdictKind::Pass {
        head = head.kid(parts::verdict(step.verdict, ""));
    }
    let change = |change: &podhop_engine::protocol::ChangeView| {
        let value = model::change_value(change);
        el("span").class("change").text(&change.field).text(" ").part("i", "", &value)
    };
    let mut body = el("div").class("step-body").part("p", "sentence", &step.sentence).part(
        "p",
        "beginner",
        &step.sentence_beginner,
    );
    if !step.changes.is_empty() {
        body = body.kid(el("p").class("changes").kids(step.changes.iter().map(change).collect()));
    }
    body =
        body.kid(el("p").class("chance").text("Chosen by chance, ").text(&step.chance).hidden(step.chance.is_empty()));
    let mut buttons = vec![head.0.clone()];
    if let Some(cause) = &step.cause {
        let (view, links) = cause_view(app, cause);
        body = body.kid(view);
        buttons.extend(links);
    }
    if step.has_why {
        let ask = button("link why").attr("tabindex", "-1").attr("aria-expanded", "false").text(model::why_words(step));
        let ask = ask.title("The rows that were tried").on_click(move || app.ask_why(packet, index));
        buttons.push(ask.0.clone());
        body = body.kid(ask);
    }
    let at = step.cause.as_ref().and_then(|cause| cause.origin.at.clone());
    let row = el("li").id(&step_id(packet, index));
    Row { packet, step: index, at, buttons, head: head.0.clone(), row: row.kid(head).kid(body).0 }
}

/// The row that decided, with ways to its table and to its YAML; the buttons in it.
fn cause_view(app: App, cause: &CauseView) -> (El, Vec<web_sys::Element>) {
    let ask = TableAsk { place: cause.place.clone(), table: cause.table.clone(), lit: cause.text.clone() };
    let row = button("row").attr("tabindex", "-1").title("Show it in its table").text(&cause.text);
    let origin = origin_view(app, &cause.origin);
    let mut buttons = vec![row.0.clone()];
    if origin.0.tag_name().eq_ignore_ascii_case("button") {
        let _ = origin.0.set_attribute("tabindex", "-1");
        buttons.push(origin.0.clone());
    }
    let command = el("span").class("command").title("On a real cluster, run this there").text(&cause.command);
    let view =
        el("div").class("cause").kid(row.on_click(move || app.look_at_table(ask.clone()))).kid(origin).kid(command);
    (view, buttons)
}

/// Where a row comes from; a link if that is a line of YAML.
pub fn origin_view(app: App, origin: &OriginView) -> El {
    let mut label = origin.label.clone();
    if let Some(revision) = origin.as_of_revision {
        label.push_str(" (as of revision ");
        label.push_str(&revision.to_string());
        label.push(')');
    }
    // Only what stands in the editor can be shown there.
    let is_open = |at: &TextRange| app.files.peek(|files| files.iter().any(|file| file.name == at.file));
    match origin.at.clone().filter(is_open) {
        Some(at) => {
            label.push_str(" · ");
            label.push_str(&at.file);
            label.push(':');
            label.push_str(&at.line.to_string());
            link(&label, move || app.show_text(&at))
        }
        None => el("span").class("origin").text(&label),
    }
}
