//! The list of conversations, newest first.

use crate::journey::model::{short_place, verdict_class, verdict_sign};
use crate::playback::playlist::duration;
use crate::state::{App, Start};
use leptos::prelude::*;
use podhop_engine::protocol::FlowSummary;

/// More than these are not listed.
const SHOWN_MAX: usize = 200;

pub fn flows(app: App) -> AnyView {
    let shown = Memo::new(move |_| app.flow.with(|flow| flow.as_ref().map(|flow| flow.summary.flow)));
    let rows = move || {
        let flows = app.flows.get();
        flows.iter().rev().take(SHOWN_MAX).map(|flow| row(app, flow, shown)).collect::<Vec<AnyView>>()
    };
    let empty = move || app.flows.with(Vec::is_empty);
    view! {
        <p class="empty" hidden=move || !empty()>"Commands that send packets are listed here."</p>
        <ul class="flows" hidden=empty>{rows}</ul>
    }
    .into_any()
}

fn row(app: App, flow: &FlowSummary, shown: Memo<Option<u32>>) -> AnyView {
    let number = flow.flow;
    let on = move || shown.get() == Some(number);
    let class = ["end ", verdict_class(flow.end_kind)].concat();
    let ends = [short_place(&flow.from), " → ", short_place(&flow.to)].concat();
    let packets = [&flow.packets_count.to_string(), if flow.packets_count == 1 { " packet" } else { " packets" }].concat();
    view! {
        <li>
            <button
                type="button"
                class="flow"
                aria-current=move || if on() { "true" } else { "false" }
                on:click=move |_| app.show_flow(number, Start::Play)
            >
                <span class="at">{duration(flow.started_at_ns)}</span>
                <b>{flow.title.clone()}</b>
                <span class="dev">{ends}</span>
                <span class="dev">{packets}</span>
                <span class=class>{verdict_sign(flow.end_kind)} " " {flow.end.clone()}</span>
                <span class="why">{flow.reason.clone()}</span>
            </button>
        </li>
    }
    .into_any()
}
