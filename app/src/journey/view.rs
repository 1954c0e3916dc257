//! The list of steps, grouped by packet.

use super::model::{self, Group};
use crate::platform;
use crate::state::{App, TableAsk};
use leptos::prelude::*;
use podhop_engine::protocol::{CauseView, FlowView, StepView, VerdictKind};
use std::collections::BTreeSet;
use std::sync::Arc;

pub fn journey(app: App) -> AnyView {
    // Groups that the user opened or closed against the default.
    let turned = RwSignal::new(BTreeSet::<usize>::new());
    let shown_flow = Memo::new(move |_| app.flow.with(|flow| flow.as_ref().map(|flow| flow.summary.flow)));
    Effect::new(move |_| {
        shown_flow.track();
        turned.update(BTreeSet::clear);
    });
    keep_in_sight(app);
    let list = move || {
        let Some(flow) = app.flow.get() else {
            return view! { <p class="empty">"No conversation yet. Run a command such as ping in the terminal."</p> }.into_any();
        };
        let groups = app.unfolded.with(|unfolded| model::groups(&flow, unfolded));
        let views: Vec<AnyView> = groups.into_iter().map(|group| group_view(app, &flow, group, turned)).collect();
        view! {
            {head(app, &flow)}
            {views}
        }
        .into_any()
    };
    view! { <div class="journey">{list}</div> }.into_any()
}

/// Scrolls the list, when the present step has changed, so that it can be seen.
fn keep_in_sight(app: App) {
    Effect::new(move |_| {
        let Some((packet, step)) = app.now.get() else { return };
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

fn head(app: App, flow: &FlowView) -> AnyView {
    let summary = &flow.summary;
    let number = summary.flow;
    let sign = model::verdict_sign(summary.end_kind);
    let class = ["end ", model::verdict_class(summary.end_kind)].concat();
    let unrecorded = (flow.unrecorded_count > 0)
        .then(|| [&flow.unrecorded_count.to_string(), " more packets were not recorded."].concat());
    let save = move |_| {
        app.ask(podhop_engine::protocol::RequestBody::Pcap { flow: number, packet: None }, move |reply| {
            if let podhop_engine::protocol::ReplyBody::Bytes(bytes) = reply {
                platform::save("podhop.pcapng", &bytes);
            }
        });
    };
    view! {
        <div class="flow-head">
            <h2>{summary.title.clone()}</h2>
            <span class=class>{sign} " " {summary.end.clone()}</span>
            <button type="button" class="link" on:click=save title="Save as pcapng, for Wireshark">
                "pcapng"
            </button>
            <p hidden=summary.reason.is_empty()>{summary.reason.clone()}</p>
            <p hidden=unrecorded.is_none()>{unrecorded.unwrap_or_default()}</p>
        </div>
    }
    .into_any()
}

fn group_view(app: App, flow: &Arc<FlowView>, group: Group, turned: RwSignal<BTreeSet<usize>>) -> AnyView {
    let packet = group.packet;
    let current = Memo::new(move |_| app.now.get().is_some_and(|(now, _)| now == packet));
    let by_default = !group.repeats && !group.nested;
    // The packet that is on its way is always open.
    let open = Memo::new(move |_| current.get() || turned.with(|turned| turned.contains(&packet)) != by_default);
    let turn = move |_| {
        turned.update(|turned| {
            if !turned.remove(&packet) {
                turned.insert(packet);
            }
        });
    };
    let flow = flow.clone();
    let plumbing = (group.plumbing_count > 0).then(|| plumbing_button(app, packet, group.plumbing_count));
    let steps = {
        let flow = flow.clone();
        move || {
            open.get().then(|| {
                let steps = flow.packets[packet].steps.iter().enumerate();
                let rows: Vec<AnyView> = steps.map(|(i, step)| step_view(app, packet, i, step)).collect();
                view! { <ol class="steps">{rows}</ol> }
            })
        }
    };
    let end_class = ["end ", model::verdict_class(group.end)].concat();
    let count = [&group.steps_count.to_string(), " steps"].concat();
    view! {
        <section class="group" class:nested=group.nested class:now=move || current.get()>
            <h3>
                <button type="button" class="group-head" aria-expanded=move || if open.get() { "true" } else { "false" } on:click=turn>
                    <span class="group-title">{group.title}</span>
                    <span class="group-ends">{group.ends}</span>
                    <span class=end_class>{model::verdict_sign(group.end)} " " {group.end_word}</span>
                    <span class="group-count" hidden=move || open.get()>{count}</span>
                </button>
            </h3>
            {plumbing}
            {steps}
        </section>
    }
    .into_any()
}

fn plumbing_button(app: App, packet: usize, count: usize) -> AnyView {
    let shown = move || app.unfolded.with(|unfolded| unfolded.contains(&packet));
    let what = if count == 1 { " packet" } else { " packets" };
    let text = [&count.to_string(), what, " of plumbing (ARP, acknowledgements)"].concat();
    view! {
        <button
            type="button"
            class="link plumbing"
            aria-expanded=move || if shown() { "true" } else { "false" }
            on:click=move |_| app.unfold(packet)
        >
            {move || if shown() { "▾ " } else { "▸ " }}
            {text}
        </button>
    }
    .into_any()
}

fn step_view(app: App, packet: usize, index: usize, step: &StepView) -> AnyView {
    let state = Memo::new(move |_| match app.now.get() {
        Some(now) if now == (packet, index) => 1,
        Some((now, at)) if now == packet && at > index => 2,
        Some((now, _)) if now > packet => 2,
        _ => 0,
    });
    let select = move |_| app.select(packet, index);
    let changes: Vec<AnyView> = step
        .changes
        .iter()
        .map(|change| {
            let value = model::change_value(change);
            view! {
                <span class="change">
                    {change.field.clone()} " " <i>{value}</i>
                </span>
            }
            .into_any()
        })
        .collect();
    let cause = step.cause.as_ref().map(|cause| cause_view(app, cause));
    let caused = {
        let at = step.cause.as_ref().and_then(|cause| cause.origin.at.clone());
        move || {
            let line = app.caret_line.get();
            line > 0 && at.as_ref().is_some_and(|at| {
                (at.line..=at.end_line).contains(&line) && app.active_file.with(|file| *file == at.file)
            })
        }
    };
    let beginner = step.sentence_beginner.clone();
    let verdict = (step.verdict != VerdictKind::Pass).then(|| {
        let class = ["end ", model::verdict_class(step.verdict)].concat();
        view! { <span class=class>{model::verdict_sign(step.verdict)}</span> }
    });
    view! {
        <li
            class="step"
            id=step_id(packet, index)
            class:on=move || state.get() == 1
            class:done=move || state.get() == 2
            class:caused=caused
        >
            <button
                type="button"
                class="step-head"
                aria-current=move || if state.get() == 1 { "step" } else { "false" }
                on:click=select
            >
                <span class="dot"></span>
                <b>{step.title.clone()}</b>
                <span class="dev">{model::where_of(step)}</span>
                {verdict}
            </button>
            <div class="step-body">
                <p class="sentence">{step.sentence.clone()}</p>
                <p class="beginner">{beginner}</p>
                <p class="changes" hidden=changes.is_empty()>{changes}</p>
                {cause}
            </div>
        </li>
    }
    .into_any()
}

/// The row that decided, with ways to its table and to its YAML.
fn cause_view(app: App, cause: &CauseView) -> AnyView {
    let ask = TableAsk { place: cause.place.clone(), table: cause.table.clone(), lit: cause.text.clone() };
    view! {
        <div class="cause">
            <button type="button" class="row" title="Show it in its table" on:click=move |_| app.look_at_table(ask.clone())>
                {cause.text.clone()}
            </button>
            {origin_view(app, &cause.origin)}
            <span class="command" title="On a real cluster, run this there">{cause.command.clone()}</span>
        </div>
    }
    .into_any()
}

/// Where a row comes from; a link if that is a line of YAML.
pub fn origin_view(app: App, origin: &podhop_engine::protocol::OriginView) -> AnyView {
    let mut label = origin.label.clone();
    if let Some(revision) = origin.as_of_revision {
        label.push_str(" (as of revision ");
        label.push_str(&revision.to_string());
        label.push(')');
    }
    match origin.at.clone() {
        Some(at) => {
            let place = [&at.file, ":", &at.line.to_string()].concat();
            view! {
                <button type="button" class="link" on:click=move |_| app.show_text(&at)>
                    {label} " · " {place}
                </button>
            }
            .into_any()
        }
        None => view! { <span class="origin">{label}</span> }.into_any(),
    }
}

