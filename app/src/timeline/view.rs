//! The lanes. The journey tells the same in words, so blocks are for the pointer, and the lanes one picture with a name.

use super::model::{self, Block, Scale, span};
use crate::dom::{El, Nodes, Var, button, derived, el};
use crate::journey::model::{verdict_class, verdict_sign};
use crate::parts::empty;
use crate::playback::playlist::duration;
use crate::state::App;
use podhop_engine::protocol::VerdictKind;
use std::rc::Rc;

pub fn timeline(app: App) -> El {
    let scale = Var::new(Scale::Steps);
    let choice = move |of: Scale, text: &str| {
        button("pill").bool_of("aria-pressed", move || scale.get() == of).text(text).on_click(move || scale.put(of))
    };
    let range = move || {
        app.flow.with(|flow| {
            let Some(flow) = flow else { return String::new() };
            let (first, last) = app.player.list.with(|list| span(flow, list));
            [&duration(last - first), " of the cluster's time"].concat()
        })
    };
    let scales = el("div")
        .class("scales")
        .attr("role", "group")
        .label("Scale")
        .kid(choice(Scale::Steps, "Steps"))
        .kid(choice(Scale::Clock, "Clock"))
        .kid(el("span").class("dev").text_of(range));
    el("div").class("timeline").kid(scales).kid(el("div").class("lanes").live(move || lanes(app, scale.get())))
}

fn lanes(app: App, scale: Scale) -> Nodes {
    app.flow.with(|flow| {
        let Some(flow) = flow else {
            return vec![empty("Commands that send packets draw their lanes here.")];
        };
        let timeline = Rc::new(app.player.list.with(|list| model::timeline(flow, list, scale)));
        let of = timeline.clone();
        let here = derived(move || app.player.beat.get().and_then(|(packet, step)| of.block_of(packet, step)));
        let of = timeline.clone();
        let head = move || here.get().map_or(String::new(), |at| percent(of.blocks[at].from));
        let lane = |(at, name): (usize, &String)| {
            let blocks = timeline.blocks.iter().enumerate().filter(|(_, block)| block.lane == at);
            let playhead =
                el("i").class("playhead").style_of("left", head.clone()).hidden_of(move || here.get().is_none());
            let blocks = blocks.map(|(number, block)| drawn(app, block, move || here.get() == Some(number)));
            let track = el("div").class("track").kids(blocks.collect()).kid(playhead);
            el("div").class("lane").part("span", "name", name).kid(track)
        };
        let mut rows: Nodes = timeline.lanes.iter().enumerate().map(lane).collect();
        rows.push(el("p").class("dev legend").text("Above the line what was sent, below it the replies."));
        if timeline.left_out_count > 0 {
            let text = [&timeline.left_out_count.to_string(), " steps more than fit here: see the journey."].concat();
            rows.push(el("p").class("empty").text(&text));
        }
        rows
    })
}

fn drawn(app: App, block: &Block, here: impl Fn() -> bool + 'static) -> El {
    let (packet, step) = (block.packet, block.step);
    let now = move || app.player.beat.get().is_some_and(|(at, _)| at == packet);
    let mark = match block.end {
        VerdictKind::Pass => Vec::new(),
        end => vec![el("i").class(verdict_class(end)).attr("aria-hidden", "true").text(verdict_sign(end))],
    };
    button(if block.reply { "block reply" } else { "block" })
        .attr("tabindex", "-1")
        .label(&block.label)
        .title(&block.label)
        .class_of("on", now)
        .class_of("here", here)
        .style("left", &percent(block.from))
        .style("width", &percent(block.to - block.from))
        .kids(mark)
        .on_click(move || app.select(packet, step))
}

fn percent(part: f64) -> String {
    let hundredths = (part.clamp(0.0, 1.0) * 10_000.0) as u32;
    [&(hundredths / 100).to_string(), ".", &(hundredths % 100 / 10).to_string(), &(hundredths % 10).to_string(), "%"]
        .concat()
}
