//! The bar under the stage: play, step, scrub, speed.

use super::player::SPEEDS;
use super::playlist;
use crate::parts::{self, icon, icon_button};
use crate::state::App;
use leptos::prelude::*;

pub fn playback(app: App) -> AnyView {
    let player = app.player;
    let empty = move || player.list.with(|list| list.beats.is_empty());
    let toggle = move |_| player.toggle();
    let play_label = move || if player.playing.get() { "Pause" } else { "Play" };
    let speed = move |_| player.speed.update(|speed| *speed = (*speed + 1) % SPEEDS.len());
    view! {
        {icon_button("First step", parts::FIRST, move || app.step(isize::MIN))}
        {icon_button("Step back", parts::BACK, move || app.step(-1))}
        <button type="button" class="round main" aria-label=play_label title=play_label on:click=toggle disabled=empty>
            {move || icon(if player.playing.get() { parts::PAUSE } else { parts::PLAY })}
        </button>
        {icon_button("Step", parts::FORWARD, move || app.step(1))}
        {icon_button("Last step", parts::LAST, move || app.step(isize::MAX))}
        {scrubber(app)}
        <span class="clock">{move || clock(app)}</span>
        <button
            type="button"
            class="speed"
            aria-label=move || ["Speed ", SPEEDS[player.speed.get()].1].concat()
            title="Speed"
            on:click=speed
        >
            {move || SPEEDS[player.speed.get()].1}
        </button>
    }
    .into_any()
}

/// The virtual time of the present step since the conversation began, or the wait before it.
fn clock(app: App) -> String {
    let Some((packet, step)) = app.now.get() else { return String::new() };
    app.flow.with(|flow| {
        let Some(flow) = flow else { return String::new() };
        let start = flow.packets.first().map_or(0, |packet| packet.born_at_ns);
        let at = flow.packets.get(packet).and_then(|packet| packet.steps.get(step)).map_or(start, |step| step.at_ns);
        playlist::duration(at.saturating_sub(start))
    })
}

fn scrubber(app: App) -> AnyView {
    let player = app.player;
    let total = Memo::new(move |_| player.list.with(|list| list.total_ms()).max(1.0));
    let share = move || player.ms.get() / total.get();
    let scrub = move |event| {
        let value: f64 = event_target_value(&event).parse().unwrap_or(0.0);
        player.seek(value / 1000.0 * player.total_ms());
    };
    let said = move || {
        let now = app.now.get();
        app.flow.with(|flow| {
            let (Some(flow), Some((packet, step))) = (flow, now) else { return String::new() };
            let packet = &flow.packets[packet.min(flow.packets.len() - 1)];
            let title = packet.steps.get(step).map_or("", |step| step.title.as_str());
            [&packet.title, ": ", title].concat()
        })
    };
    // Ticks where packets begin, and words where time was folded.
    let ticks = move || {
        let total = total.get();
        player.list.with(|list| {
            let waits = list.beats.iter().filter(|beat| beat.waited_ns > 0);
            let words: Vec<(f64, String)> = waits
                .map(|beat| (beat.start_ms / total, [&playlist::duration(beat.waited_ns), " later"].concat()))
                .collect();
            let starts = list.packet_starts().into_iter().map(|ms| (ms / total, String::new()));
            let crowded = words.len() > 6;
            starts
                .chain(words)
                .take(400)
                .map(|(at, word)| {
                    let left = [&(at * 100.0).to_string(), "%"].concat();
                    let text = if crowded { String::new() } else { word };
                    view! { <i class="tick" class:wait=!text.is_empty() style:left=left>{text}</i> }.into_any()
                })
                .collect::<Vec<AnyView>>()
        })
    };
    view! {
        <div class="bar">
            <div class="ticks" aria-hidden="true">{ticks}</div>
            <div class="done" aria-hidden="true" style:width=move || [&(share() * 100.0).to_string(), "%"].concat()></div>
            <input
                type="range"
                min="0"
                max="1000"
                step="1"
                aria-label="Moment of the conversation"
                aria-valuetext=said
                prop:value=move || (share() * 1000.0).round().to_string()
                on:input=scrub
                on:change=move |_| app.follow()
            />
        </div>
    }
    .into_any()
}
