//! The list of steps, grouped by packet.

use super::model::{self, Group};
use crate::dom::{El, Nodes, Var, button, effect, el};
use crate::parts::{self, empty, link};
use crate::platform;
use crate::state::{App, TableAsk};
use podhop_engine::protocol::{CauseView, FlowView, OriginView, ReplyBody, RequestBody, StepView, VerdictKind};
use std::collections::BTreeSet;
use std::rc::Rc;

pub fn journey(app: App) -> El {
    // Groups that the user opened or closed against the default.
    let turned = Var::new(BTreeSet::<usize>::new());
    effect(move || {
        app.flow.track();
        turned.update(BTreeSet::clear);
    });
    keep_in_sight(app);
    el("div").class("journey").live(move || {
        let Some(flow) = app.flow.get() else {
            return vec![empty("No conversation yet. Run a command such as ping in the terminal.")];
        };
        let groups = app.unfolded.with(|unfolded| model::groups(&flow, unfolded));
        let mut nodes = vec![head(app, &flow)];
        nodes.extend(groups.into_iter().map(|group| group_view(app, &flow, group, turned)));
        nodes
    })
}

/// Marks the steps that are done and the present one, and scrolls the list so that it can be seen.
fn keep_in_sight(app: App) {
    effect(move || {
        let Some((packet, step)) = app.player.beat.get() else { return };
        let Some(row) = platform::element(&step_id(packet, step)) else { return };
        let Some(list) = row.closest(".panel").ok().flatten() else { return };
        let (row, room) = (row.get_bounding_client_rect(), list.get_bounding_client_rect());
        if row.top() < room.top() + 40.0 {
            list.set_scroll_top(list.scroll_top() + (row.top() - room.top() - 80.0) as i32);
        } else if row.bottom() > room.bottom() - 24.0 {
            list.set_scroll_top(list.scroll_top() + (row.bottom() - room.bottom() + 80.0) as i32);
        }
    });
}

fn step_id(packet: usize, step: usize) -> String {
    ["step-", &packet.to_string(), "-", &step.to_string()].concat()
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
    el("div")
        .class("flow-head")
        .part("h2", "", &summary.title)
        .kid(parts::verdict(summary.end_kind, &summary.end))
        .kid(link("pcapng", save).title("Save as pcapng, for Wireshark"))
        .kid(el("p").text(&summary.reason).hidden(summary.reason.is_empty()))
        .kid(el("p").text(&unrecorded).hidden(flow.unrecorded_count == 0))
}

fn group_view(app: App, flow: &Rc<FlowView>, group: Group, turned: Var<BTreeSet<usize>>) -> El {
    let packet = group.packet;
    let beat = app.player.beat;
    let is_current = move || beat.with(|beat| beat.is_some_and(|(now, _)| now == packet));
    let by_default = !group.repeats && !group.nested;
    let turn = move || {
        turned.update(|turned| {
            if !turned.remove(&packet) {
                turned.insert(packet);
            }
        });
    };
    let count = ["· ", &group.steps_count.to_string(), " steps"].concat();
    let head = button("group-head")
        .part("span", "group-title", &group.title)
        .part("span", "group-ends", &group.ends)
        .kid(parts::verdict(group.end, &group.end_word))
        .part("span", "group-count", &count)
        .on_click(turn);
    let steps = el("ol").class("steps");
    // Steps are made when the group opens, and not again while the packet moves on. The packet under way is open.
    let (opening, of_head, list) = (flow.clone(), head.0.clone(), steps.0.clone());
    let open = Rc::new(std::cell::Cell::new(None));
    effect(move || {
        let now = is_current() || turned.with(|turned| turned.contains(&packet)) != by_default;
        if open.replace(Some(now)) != Some(now) {
            let _ = of_head.set_attribute("aria-expanded", if now { "true" } else { "false" });
            list.replace_children_with_str_0();
            let shown = opening.packets[packet].steps.iter().enumerate().filter(|_| now);
            for row in shown.map(|(i, step)| step_view(app, packet, i, step)) {
                let _ = list.append_child(&row.0);
            }
        }
    });
    el("section")
        .class(if group.nested { "group nested" } else { "group" })
        .class_of("now", is_current)
        .kid(el("h3").kid(head))
        .kids(plumbing_button(app, packet, group.plumbing_count))
        .kid(steps)
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

fn step_view(app: App, packet: usize, index: usize, step: &StepView) -> El {
    let mut head = button("step-head")
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
    if let Some(cause) = &step.cause {
        body = body.kid(cause_view(app, cause));
    }
    let row = el("li").id(&step_id(packet, index));
    let (of_row, of_head) = (row.0.clone(), head.0.clone());
    let at = step.cause.as_ref().and_then(|cause| cause.origin.at.clone());
    effect(move || {
        let (on, done) = match app.player.beat.get() {
            Some(now) if now == (packet, index) => (true, false),
            Some((now, at)) => (false, now > packet || (now == packet && at > index)),
            None => (false, false),
        };
        let line = app.caret_line.get();
        let caused = line > 0
            && at.as_ref().is_some_and(|at| {
                (at.line..=at.end_line).contains(&line) && app.active_file.with(|file| *file == at.file)
            });
        let class =
            ["step", if on { " on" } else { "" }, if done { " done" } else { "" }, if caused { " caused" } else { "" }];
        let _ = of_row.set_attribute("class", &class.concat());
        let _ = of_head.set_attribute("aria-current", if on { "step" } else { "false" });
    });
    row.kid(head).kid(body)
}

/// The row that decided, with ways to its table and to its YAML.
fn cause_view(app: App, cause: &CauseView) -> El {
    let ask = TableAsk { place: cause.place.clone(), table: cause.table.clone(), lit: cause.text.clone() };
    let row = button("row").title("Show it in its table").text(&cause.text);
    let command = el("span").class("command").title("On a real cluster, run this there").text(&cause.command);
    el("div")
        .class("cause")
        .kid(row.on_click(move || app.look_at_table(ask.clone())))
        .kid(origin_view(app, &cause.origin))
        .kid(command)
}

/// Where a row comes from; a link if that is a line of YAML.
pub fn origin_view(app: App, origin: &OriginView) -> El {
    let mut label = origin.label.clone();
    if let Some(revision) = origin.as_of_revision {
        label.push_str(" (as of revision ");
        label.push_str(&revision.to_string());
        label.push(')');
    }
    match origin.at.clone() {
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
