//! The list of conversations, newest first.

use crate::dom::{El, button, el};
use crate::journey::model::short_place;
use crate::parts::{empty, verdict};
use crate::playback::playlist::duration;
use crate::state::{App, Start};
use podhop_engine::protocol::FlowSummary;

/// More than these are not listed.
const SHOWN_MAX: usize = 200;

pub fn flows(app: App) -> El {
    el("ul").class("flows").live(move || {
        let shown = app.flow.with(|flow| flow.as_ref().map(|flow| flow.summary.flow));
        app.flows.with(|flows| match flows.is_empty() {
            true => vec![el("li").kid(empty("Commands that send packets are listed here."))],
            false => flows.iter().rev().take(SHOWN_MAX).map(|flow| row(app, flow, shown)).collect(),
        })
    })
}

fn row(app: App, flow: &FlowSummary, shown: Option<u32>) -> El {
    let number = flow.flow;
    let word = if flow.packets_count == 1 { " packet" } else { " packets" };
    let open = button("flow")
        .attr("aria-current", if shown == Some(number) { "true" } else { "false" })
        .part("span", "at", &duration(flow.started_at_ns))
        .part("b", "", &flow.title)
        .part("span", "dev", &[short_place(&flow.from), " → ", short_place(&flow.to)].concat())
        .part("span", "dev", &[flow.packets_count.to_string().as_str(), word].concat())
        .kid(verdict(flow.end_kind, &flow.end))
        .part("span", "why", &flow.reason)
        .on_click(move || app.show_flow(number, Start::Play));
    el("li").kid(open)
}
