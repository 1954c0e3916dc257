//! The list of conversations, newest first.

use super::filter::Filter;
use crate::dom::{El, Var, button, effect, el};
use crate::journey::model::short_place;
use crate::parts::{empty, verdict};
use crate::playback::playlist::duration;
use crate::state::{App, Start};
use podhop_engine::protocol::FlowSummary;
use wasm_bindgen::JsCast;

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
    let all = move || {
        let found =
            |flows: &Vec<FlowSummary>| filter.peek(|filter| found(flows, filter).map(|flow| flow.flow).collect());
        app.play_together(app.flows.peek(found));
    };
    let together = button("pill").text("Play all at once").title("All that are listed start together").on_click(all);
    el("div").class("scales").hidden_of(few).kid(field).kid(failed).kid(together)
}

/// The newest first.
fn found<'f>(flows: &'f [FlowSummary], filter: &'f Filter) -> impl Iterator<Item = &'f FlowSummary> {
    flows.iter().rev().filter(|flow| filter.finds(flow)).take(SHOWN_MAX)
}

fn list(app: App, filter: Var<Filter>) -> El {
    el("ul").class("flows").live(move || {
        app.flows.with(|flows| {
            let found = filter.with(|filter| found(flows, filter).map(|flow| row(app, flow)).collect::<Vec<_>>());
            match (flows.is_empty(), found.is_empty()) {
                (true, _) => vec![el("li").kid(empty("Commands that send packets are listed here."))],
                (_, true) => vec![el("li").kid(empty("No flow is like that."))],
                _ => found,
            }
        })
    })
}

/// Made once for a conversation: what is focused in it keeps the focus while others are followed.
fn row(app: App, flow: &FlowSummary) -> El {
    let number = flow.flow;
    let word = if flow.packets_count == 1 { " packet" } else { " packets" };
    let open = button("flow")
        .bool_of("aria-current", move || {
            app.flow.with(|flow| flow.as_ref().is_some_and(|flow| flow.summary.flow == number))
        })
        .part("span", "at", &duration(flow.started_at_ns))
        .part("b", "", &flow.title)
        .part("span", "dev", &[short_place(&flow.from), " → ", short_place(&flow.to)].concat())
        .part("span", "dev", &[flow.packets_count.to_string().as_str(), word].concat())
        .kid(verdict(flow.end_kind, &flow.end))
        .part("span", "why", &flow.reason)
        .on("click", move |event| {
            let event: &web_sys::MouseEvent = event.unchecked_ref();
            match event.ctrl_key() || event.meta_key() {
                true => app.turn_together(number),
                false => app.show_flow(number, Start::Play),
            }
        });
    let title = [&flow.title, ", ", short_place(&flow.from), " → ", short_place(&flow.to)].concat();
    let check = el("input").attr("type", "checkbox").label(&["At the same time: ", &title].concat());
    let input: web_sys::HtmlInputElement = check.cast();
    let of = input.clone();
    effect(move || of.set_checked(app.plays(number)));
    let check = check.on("change", move |_| {
        app.turn_together(number);
        // The only one stays, whatever is clicked, and one too many does not come.
        input.set_checked(app.plays(number));
    });
    el("li").kid(el("label").class("check").title("Play it at the same time").kid(check)).kid(open)
}
