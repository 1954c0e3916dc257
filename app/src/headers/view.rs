//! Layers and bytes.

use super::hex;
use crate::dom::{El, Nodes, Var, button, effect, el};
use crate::parts::empty;
use crate::state::{App, Tab};
use podhop_engine::protocol::{HeaderLayer, HeadersView, ReplyBody, RequestBody};
use std::rc::Rc;

pub fn headers(app: App) -> El {
    let shown = Var::new(None::<Rc<HeadersView>>);
    // Offset and length of the field that is lit.
    let lit = Var::new((0usize, 0usize));
    // Asked for only while the panel is looked at.
    effect(move || {
        let (beat, tab) = (app.player.beat.get(), app.inspector.get());
        let Some(((packet, step), flow)) = beat.zip(app.flow.get()) else { return shown.set(None) };
        if tab != Tab::Headers {
            return;
        }
        let Some(number) = flow.packets.get(packet).map(|packet| packet.packet) else { return };
        let body = RequestBody::Headers { flow: flow.summary.flow, packet: number, step: step as u32 };
        app.ask(body, move |reply| {
            if let ReplyBody::Headers(view) = reply {
                lit.put((0, 0));
                shown.set(Some(Rc::new(view)));
            }
        });
    });
    el("div").class("headers").live(move || {
        let Some(view) = shown.get() else {
            return vec![empty("Choose a step of a packet to see its headers.")];
        };
        let mut nodes = vec![el("p").class("note").text(&title(app))];
        nodes.extend(view.layers.iter().map(|layer| layer_view(layer, lit)));
        let dump = el("div").class("hex").attr("role", "group").label("Bytes of the frame").attr("tabindex", "0");
        nodes.push(dump.live(move || hex_lines(&view.bytes, lit.get())));
        nodes
    })
}

fn title(app: App) -> String {
    let Some(((packet, step), flow)) = app.player.beat.now().zip(app.flow.now()) else { return String::new() };
    let Some(view) = flow.packets.get(packet).and_then(|packet| packet.steps.get(step)) else { return String::new() };
    let place = crate::journey::model::where_of(view);
    ["After ", &view.title, " · ", &place, " · ", &view.len.to_string(), " bytes"].concat()
}

fn layer_view(layer: &HeaderLayer, lit: Var<(usize, usize)>) -> El {
    let row = |field: &podhop_engine::protocol::HeaderField| {
        let at = (field.offset as usize, field.len as usize);
        let name = button("field").text(&field.name).on_click(move || lit.put(at));
        el("tr").class_of("on", move || lit.get() == at && at.1 > 0).kid(el("th").attr("scope", "row").kid(name)).part(
            "td",
            "",
            &field.value,
        )
    };
    el("details")
        .class("layer")
        .attr("open", "")
        .part("summary", "", &layer.name)
        .kid(el("table").kid(el("tbody").kids(layer.fields.iter().map(row).collect())))
}

fn hex_lines(bytes: &[u8], lit: (usize, usize)) -> Nodes {
    let line = |line: hex::HexLine| {
        let runs = line.hex.into_iter().map(|(text, on)| el("span").class(if on { "lit" } else { "" }).text(&text));
        el("div")
            .part("span", "offset", &line.offset)
            .kid(el("span").class("bytes").kids(runs.collect()))
            .part("span", "ascii", &line.text)
    };
    hex::dump(bytes, lit).into_iter().map(line).collect()
}
