//! "Why not?": the rows that were tried in the present step and did not decide, each with its reason. Once opened it
//! follows the packet from step to step, but not while it plays.

use super::view::{origin_view, step_id};
use crate::dom::{El, Nodes, button, el};
use crate::parts::link;
use crate::platform;
use crate::state::{App, TableAsk};
use crate::text::thousands;
use podhop_engine::protocol::{ReplyBody, RequestBody, RuleView, TriedRowView, TriedView, WhyView};

/// Shows what was tried in the present step, or takes it away.
pub fn follow(app: App) {
    let open = app.why.get();
    let (beat, playing) = (app.player.beat.get(), app.player.playing.get());
    if open && playing {
        return;
    }
    remove();
    let (Some((packet, step)), true) = (beat, open) else { return };
    let Some(flow) = app.flow.get() else { return };
    let Some(number) = flow.packets.get(packet).map(|packet| packet.packet) else { return };
    let ask = RequestBody::Why { flow: flow.summary.flow, packet: number, step: step as u32 };
    app.ask(ask, move |reply| {
        let still = app.why.now() && app.player.beat.now() == Some((packet, step));
        let shown = platform::element(&step_id(packet, step)).filter(|_| still);
        let Some(body) = shown.and_then(|row| row.query_selector(".step-body").ok().flatten()) else { return };
        remove();
        let told = match &reply {
            ReplyBody::Why(Some(why)) => view(app, why),
            ReplyBody::Error(text) => vec![note(text)],
            // Where it can be asked for, it is answered.
            ReplyBody::Why(None) if body.query_selector(".why").is_ok_and(|opener| opener.is_some()) => {
                vec![note("No row decided this step.")]
            }
            _ => return,
        };
        if let ReplyBody::Why(Some(why)) = &reply {
            app.spoken.set(why.because.clone());
        }
        let tried = el("div").class("tried").attr("role", "group").label("What was tried").kids(told);
        let _ = body.append_child(&tried.0);
        if let Ok(Some(opener)) = body.query_selector(".why") {
            let _ = opener.set_attribute("aria-expanded", "true");
        }
        bring_up(&step_id(packet, step));
    });
}

/// Scrolls a step that has grown beyond the panel up, as far as its head stays in sight.
fn bring_up(id: &str) {
    let Some(row) = platform::element(id) else { return };
    let Some(list) = row.closest(".panel").ok().flatten() else { return };
    let (row, room) = (row.get_bounding_client_rect(), list.get_bounding_client_rect());
    let below = (row.bottom() - room.bottom()).min(row.top() - room.top());
    if below > 0.0 {
        list.set_scroll_top(list.scroll_top() + below as i32);
    }
}

/// Takes away what an earlier step has shown.
fn remove() {
    let document = platform::document();
    while let Ok(Some(tried)) = document.query_selector(".journey .tried") {
        tried.remove();
    }
    while let Ok(Some(opener)) = document.query_selector(".why[aria-expanded=\"true\"]") {
        let _ = opener.set_attribute("aria-expanded", "false");
    }
}

fn note(text: &str) -> El {
    el("p").class("tried-note").text(text)
}

fn view(app: App, why: &WhyView) -> Nodes {
    let because = el("p").class("because").part("b", "", &["Sought: ", &why.sought, ". "].concat());
    let mut nodes = vec![because.text(&capital(&why.because)).text(".")];
    if !why.path.is_empty() {
        let heading = el("p").class("tried-note").text("The rules that matched:");
        nodes.extend([
            heading,
            el("ol").class("path").kids(why.path.iter().map(|rule| matched(app, why, rule)).collect()),
        ]);
    }
    nodes.extend(why.tables.iter().map(|tried| table(app, tried)));
    nodes
}

/// The sentence with a capital, but for what begins with an address or a name.
fn capital(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let is_word = first.chars().all(|letter| letter.is_ascii_lowercase());
    match (is_word, text.chars().next()) {
        (true, Some(letter)) => letter.to_ascii_uppercase().to_string() + &text[letter.len_utf8()..],
        _ => text.to_string(),
    }
}

fn table(app: App, tried: &TriedView) -> El {
    let ask = TableAsk { place: tried.place.clone(), table: tried.table.clone(), lit: String::new() };
    let size = match tried.rows_count {
        1 => "1 row".to_string(),
        many => thousands(many) + " rows",
    };
    let whole = {
        let ask = ask.clone();
        link(&size, move || app.look_at_table(ask.clone())).title("Show the whole table")
    };
    let head = el("p").class("tried-head").part("code", "", &tried.command).text(" ").kid(whole);
    let mut section = el("div").class("tried-table").kid(head);
    if !tried.note.is_empty() {
        section = section.kid(note(&[&capital(&tried.note), "."].concat()));
    }
    if !tried.rows.is_empty() {
        section = section.kid(el("ul").kids(tried.rows.iter().map(|tried| row(app, &ask, tried)).collect()));
    }
    match tried.left_count {
        0 => section,
        left => section.kid(note(&["and ", &thousands(left), " more"].concat())),
    }
}

/// A rule that matched, with its place in its chain.
fn matched(app: App, why: &WhyView, rule: &RuleView) -> El {
    let of = why.tables.first();
    let (place, table) = of.map(|of| (of.place.clone(), of.table.clone())).unwrap_or_default();
    let ask = TableAsk { place, table, lit: rule.text.clone() };
    let place = ["rule ", &rule.number.to_string(), " of ", &rule.count.to_string()].concat();
    let text = button("tried-row").title("Show it in its table").text(&rule.text);
    el("li")
        .part("b", "chain", &rule.chain)
        .part("span", "reason", &place)
        .kid(text.on_click(move || app.look_at_table(ask.clone())))
        .kid(origin_view(app, &rule.origin))
}

fn row(app: App, ask: &TableAsk, tried: &TriedRowView) -> El {
    let ask = TableAsk { lit: tried.text.clone(), ..ask.clone() };
    let text = button("tried-row").title("Show it in its table").text(&tried.text);
    el("li")
        .kid(text.on_click(move || app.look_at_table(ask.clone())))
        .kid(el("span").class("reason").part("b", "", "not: ").text(&tried.reason))
        .kid(origin_view(app, &tried.origin))
}
