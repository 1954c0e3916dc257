//! The bar under the stage: play, step, scrub, speed.

use super::player::SPEEDS;
use super::playlist;
use crate::dom::{El, Nodes, Var, button, derived, effect, el};
use crate::parts::{self, icon, icon_button};
use crate::platform;
use crate::stage::geometry::within;
use crate::state::App;
use web_sys::HtmlInputElement;

const TICKS_APART_PX: f64 = 3.0;

pub fn playback(app: App) -> Nodes {
    let player = app.player;
    let play_label = move || if player.playing.get() { "Pause" } else { "Play" }.to_string();
    let speed = move || SPEEDS[player.speed.get().min(SPEEDS.len() - 1)].1.to_string();
    let toggle = button("round main")
        .attr_of("aria-label", play_label)
        .attr_of("title", play_label)
        .on_click(move || player.toggle())
        .live(move || vec![icon(if player.playing.get() { parts::PAUSE } else { parts::PLAY })]);
    vec![
        icon_button("First step", parts::FIRST, move || app.step(isize::MIN)),
        icon_button("Step back", parts::BACK, move || app.step(-1)),
        toggle,
        icon_button("Step", parts::FORWARD, move || app.step(1)),
        icon_button("Last step", parts::LAST, move || app.step(isize::MAX)),
        scrubber(app),
        el("span").class("clock").text_of(move || clock(app)),
        icon_button("Loop", parts::LOOP, move || player.looping.update(|looping| *looping = !*looping))
            .bool_of("aria-pressed", move || player.looping.get()),
        button("speed")
            .title("Speed")
            .attr_of("aria-label", move || ["Speed ", &speed()].concat())
            .text_of(speed)
            .on_click(move || player.speed.update(|speed| *speed = (*speed + 1) % SPEEDS.len())),
    ]
}

/// The virtual time of the present step since the conversation began.
fn clock(app: App) -> String {
    let now = app.player.beat.get();
    app.flow.with(|flow| {
        let Some((flow, (packet, step))) = flow.as_ref().zip(now) else { return String::new() };
        let start = flow.packets.first().map_or(0, |packet| packet.born_at_ns);
        let at = flow.packets.get(packet).and_then(|packet| packet.steps.get(step)).map_or(start, |step| step.at_ns);
        playlist::duration(at.saturating_sub(start))
    })
}

fn percent(part: f64) -> String {
    // Hundredths of a percent are finer than a pixel, and need no floating-point formatting.
    let hundredths = (within(part, 0.0, 1.0) * 10_000.0) as u32;
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    let zero = if rest < 10 { "0" } else { "" };
    [&whole.to_string(), ".", zero, &rest.to_string(), "%"].concat()
}

fn scrubber(app: App) -> El {
    let player = app.player;
    let total = move || player.total_ms().max(1.0);
    let said = move || {
        let now = player.beat.get();
        app.flow.with(|flow| {
            let Some((flow, (packet, step))) = flow.as_ref().zip(now) else { return String::new() };
            let Some(packet) = flow.packets.get(packet) else { return String::new() };
            let title = packet.steps.get(step).map_or("", |step| step.title.as_str());
            [&packet.title, ": ", title].concat()
        })
    };
    let input = el("input")
        .attr("type", "range")
        .attr("min", "0")
        .attr("max", "1000")
        .label("Moment of the conversation")
        .attr_of("aria-valuetext", said);
    let range: HtmlInputElement = input.cast();
    let of = range.clone();
    let thumb = derived(move || (player.ms.get() / total() * 1000.0).round());
    effect(move || of.set_value_as_number(thumb.get()));
    let input = input
        .on("input", move |_| player.seek(range.value_as_number() / 1000.0 * player.total_ms()))
        .on("change", move |_| app.follow());
    let width = Var::new(0.0);
    let bar = el("div").class("bar");
    platform::on_resize(&bar.0, move |wide, _| width.put(wide.round()));
    bar.kid(el("div").class("ticks").attr("aria-hidden", "true").live(move || ticks(app, width.get())))
        .kid(el("div").class("done").style_of("width", move || percent(thumb.get() / 1000.0)))
        .kid(input)
}

/// Ticks where packets begin, as far as they can be told apart in a bar of this width, and words where time was folded.
fn ticks(app: App, width: f64) -> Nodes {
    app.player.list.with(|list| {
        let total = app.player.total_ms().max(1.0);
        let starts = playlist::thinned(&list.packet_starts(), total * TICKS_APART_PX / width.max(1.0));
        let mut marks: Vec<(f64, String)> = starts.into_iter().map(|ms| (ms, String::new())).collect();
        let waits: Vec<_> = list.beats.iter().filter(|beat| beat.waited_ns > 0).collect();
        // Where waits are many, words would lie on each other.
        if waits.len() <= 4 {
            let word = |ns| [&playlist::duration(ns), " later"].concat();
            marks.extend(waits.into_iter().map(|beat| (beat.start_ms, word(beat.waited_ns))));
        }
        let mark = |(ms, word): (f64, String)| {
            let class = if word.is_empty() { "tick" } else { "tick wait" };
            el("i").class(class).style("left", &percent(ms / total)).text(&word)
        };
        marks.into_iter().map(mark).collect()
    })
}
