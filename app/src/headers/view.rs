//! Layers and bytes.

use super::hex;
use crate::state::{App, Tab};
use leptos::prelude::*;
use podhop_engine::protocol::{HeaderLayer, HeadersView, ReplyBody, RequestBody};

pub fn headers(app: App) -> AnyView {
    let shown = RwSignal::new(None::<HeadersView>);
    let lit = RwSignal::new((0usize, 0usize));
    // Asked for only while the panel is looked at and the packet rests.
    Effect::new(move |_| {
        let (now, tab, playing) = (app.now.get(), app.inspector.get(), app.player.playing.get());
        let Some(((packet, step), flow)) = now.zip(app.flow.get()) else { return shown.set(None) };
        if tab != Tab::Headers || playing {
            return;
        }
        let Some(number) = flow.packets.get(packet).map(|packet| packet.packet) else { return };
        let body = RequestBody::Headers { flow: flow.summary.flow, packet: number, step: step as u32 };
        app.ask(body, move |reply| {
            if let ReplyBody::Headers(view) = reply {
                lit.set((0, 0));
                shown.set(Some(view));
            }
        });
    });
    let inside = move || match shown.get() {
        None => view! { <p class="empty">"Choose a step of a packet to see its headers."</p> }.into_any(),
        Some(view) => {
            let layers: Vec<AnyView> = view.layers.iter().map(|layer| layer_view(layer, lit)).collect();
            let bytes = view.bytes;
            view! {
                <p class="note">{title(app)}</p>
                {layers}
                {move || hex_view(&bytes, lit.get())}
            }
            .into_any()
        }
    };
    view! { <div class="headers">{inside}</div> }.into_any()
}

fn title(app: App) -> String {
    let (Some((packet, step)), Some(flow)) = (app.now.get_untracked(), app.flow.get_untracked()) else {
        return String::new();
    };
    let Some(view) = flow.packets.get(packet).and_then(|packet| packet.steps.get(step)) else { return String::new() };
    let place = crate::journey::model::where_of(view);
    ["After ", &view.title, " · ", &place, " · ", &view.len.to_string(), " bytes"].concat()
}

fn layer_view(layer: &HeaderLayer, lit: RwSignal<(usize, usize)>) -> AnyView {
    let rows: Vec<AnyView> = layer
        .fields
        .iter()
        .map(|field| {
            let (offset, len) = (field.offset as usize, field.len as usize);
            let on = move || lit.get() == (offset, len) && len > 0;
            view! {
                <tr class:on=on>
                    <th scope="row">
                        <button type="button" class="field" on:click=move |_| lit.set((offset, len))>
                            {field.name.clone()}
                        </button>
                    </th>
                    <td>{field.value.clone()}</td>
                </tr>
            }
            .into_any()
        })
        .collect();
    view! {
        <details class="layer" open>
            <summary>{layer.name.clone()}</summary>
            <table>
                <tbody>{rows}</tbody>
            </table>
        </details>
    }
    .into_any()
}

fn hex_view(bytes: &[u8], lit: (usize, usize)) -> AnyView {
    let lines: Vec<AnyView> = hex::dump(bytes, lit)
        .into_iter()
        .map(|line| {
            let runs: Vec<AnyView> = line
                .hex
                .into_iter()
                .map(|(text, on)| view! { <span class:lit=on>{text}</span> }.into_any())
                .collect();
            view! {
                <div>
                    <span class="offset">{line.offset}</span>
                    <span class="bytes">{runs}</span>
                    <span class="ascii">{line.text}</span>
                </div>
            }
            .into_any()
        })
        .collect();
    view! { <div class="hex" role="group" aria-label="Bytes of the frame" tabindex="0">{lines}</div> }.into_any()
}
