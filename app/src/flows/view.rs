//! The list of conversations, newest first.

use super::filter::Filter;
use crate::dom::{El, Var, button, el};
use crate::journey::model::short_place;
use crate::parts::{empty, verdict};
use crate::playback::playlist::duration;
use crate::state::{App, Start};
use podhop_engine::protocol::FlowSummary;

/// More than these are not listed.
const SHOWN_MAX: usize = 200;

pub fn flows(app: App) -> El {
    let filter = Var::new(Filter::default());
    el("div").class("whole").kid(filters(app, filter)).kid(list(app, filter))
}

fn filters(app: App, filter: Var<Filter>) -> El {
    let field = el("input")
        .attr("type", "search")
        .class("textfield")
        .attr("placeholder", "Filter: pod-a refused")
        .label("Filter the flows by words")
        .attr("spellcheck", "false");
    let input: web_sys::HtmlInputElement = field.cast();
    let field = field.on("input", move |_| filter.update(|filter| filter.words = input.value()));
    let failed = button("pill")
        .bool_of("aria-pressed", move || filter.with(|filter| filter.failed_only))
        .text("Failed only")
        .on_click(move || filter.update(|filter| filter.failed_only = !filter.failed_only));
    let few = move || app.flows.with(|flows| flows.len() < 2);
    el("div").class("scales").hidden_of(few).kid(field).kid(failed)
}

fn list(app: App, filter: Var<Filter>) -> El {
    el("ul").class("flows").live(move || {
        let shown = app.flow.with(|flow| flow.as_ref().map(|flow| flow.summary.flow));
        app.flows.with(|flows| {
            let found = filter.with(|filter| {
                let found = flows.iter().rev().filter(|flow| filter.finds(flow)).take(SHOWN_MAX);
                found.map(|flow| row(app, flow, shown)).collect::<Vec<_>>()
            });
            match (flows.is_empty(), found.is_empty()) {
                (true, _) => vec![el("li").kid(empty("Commands that send packets are listed here."))],
                (_, true) => vec![el("li").kid(empty("No flow is like that."))],
                _ => found,
            }
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
