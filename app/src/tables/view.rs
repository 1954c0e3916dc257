//! The table view.

use super::tables_of;
use crate::journey::view::origin_view;
use crate::platform;
use crate::state::{App, Tab, TableAsk};
use leptos::prelude::*;
use podhop_engine::protocol::{ReplyBody, RequestBody, TableView};

pub fn tables(app: App) -> AnyView {
    let shown = RwSignal::new(None::<Result<TableView, String>>);
    // Without a choice of the user's: where the packet is.
    let ask = Memo::new(move |_| {
        app.table.get().or_else(|| {
            let (packet, step) = app.now.get()?;
            let place = app.flow.with(|flow| Some(flow.as_ref()?.packets.get(packet)?.steps.get(step)?.place.clone()))?;
            let table = tables_of(&place)[0].0.to_string();
            Some(TableAsk { place, table, lit: String::new() })
        })
    });
    Effect::new(move |_| {
        let revision = app.scene.with(|scene| scene.as_ref().map(|scene| scene.revision));
        let (Some(ask), Tab::Tables, Some(_)) = (ask.get(), app.inspector.get(), revision) else { return };
        app.ask(RequestBody::Table { place: ask.place, table: ask.table }, move |reply| match reply {
            ReplyBody::Table(view) => shown.set(Some(Ok(view))),
            ReplyBody::Error(text) => shown.set(Some(Err(text))),
            _ => {}
        });
    });
    let body = move || match shown.get() {
        None => view! { <p class="empty">"Choose a step or a node to see the tables it is decided by."</p> }.into_any(),
        Some(Err(text)) => view! { <p class="empty">{text}</p> }.into_any(),
        Some(Ok(view)) => table_view(app, &view, ask.get().map(|ask| ask.lit).unwrap_or_default()),
    };
    view! {
        <div class="tables-view">
            {choices(app, ask)}
            {body}
        </div>
    }
    .into_any()
}

/// Which place, which table.
fn choices(app: App, ask: Memo<Option<TableAsk>>) -> AnyView {
    let places = Memo::new(move |_| {
        let mut places = app.flow.with(|flow| flow.as_ref().map(|f| crate::stage::route::places(f)).unwrap_or_default());
        places.retain(|place| place.contains('/') || place == "gateway");
        let asked = ask.with(|ask| ask.as_ref().map(|ask| ask.place.clone()));
        places.extend(asked.filter(|place| !places.contains(place)).into_iter().collect::<Vec<_>>());
        places
    });
    let choose_place = move |event| {
        let place = event_target_value(&event);
        let table = ask.with_untracked(|ask| ask.as_ref().map(|ask| ask.table.clone())).unwrap_or_default();
        let tables = tables_of(&place);
        let table = if tables.iter().any(|(name, _)| *name == table) { table } else { tables[0].0.to_string() };
        app.table.set(Some(TableAsk { place, table, lit: String::new() }));
    };
    let place_options = move || {
        let chosen = ask.with(|ask| ask.as_ref().map(|ask| ask.place.clone()).unwrap_or_default());
        let options = places.get().into_iter().map(|place| {
            let on = place == chosen;
            let text = crate::journey::model::short_place(&place).to_string();
            view! { <option value=place selected=on>{text}</option> }.into_any()
        });
        options.collect::<Vec<AnyView>>()
    };
    let buttons = move || {
        let Some(now) = ask.get() else { return Vec::new() };
        let tables = tables_of(&now.place).iter().map(|(name, text)| {
            let on = now.table == *name;
            let place = now.place.clone();
            let choose = move |_| {
                let (place, table) = (place.clone(), name.to_string());
                app.table.set(Some(TableAsk { place, table, lit: String::new() }));
            };
            view! {
                <button type="button" class="pill" aria-pressed=if on { "true" } else { "false" } on:click=choose>
                    {*text}
                </button>
            }
            .into_any()
        });
        tables.collect::<Vec<AnyView>>()
    };
    view! {
        <div class="choices" hidden=move || ask.with(|ask| ask.is_none())>
            <select aria-label="Whose tables" on:change=choose_place>
                {place_options}
            </select>
            <div class="pills" role="group" aria-label="Table">
                {buttons}
            </div>
        </div>
    }
    .into_any()
}

fn table_view(app: App, view: &TableView, lit: String) -> AnyView {
    let command = view.command.clone();
    let copied = command.clone();
    let rows: Vec<AnyView> = view
        .rows
        .iter()
        .map(|row| {
            let on = row.text == lit;
            view! {
                <tr class:on=on>
                    <td class="text">{row.text.clone()}</td>
                    <td class="from">{origin_view(app, &row.origin)}</td>
                </tr>
            }
            .into_any()
        })
        .collect();
    let empty = rows.is_empty();
    view! {
        <p class="note">
            "On a real cluster: " <code>{command}</code>
            <button type="button" class="link" on:click=move |_| platform::copy(&copied)>
                "copy"
            </button>
        </p>
        <div class="scroll" tabindex="0" role="group" aria-label="Rows">
            <table class="rows">
                <thead class="unseen">
                    <tr>
                        <th scope="col">"Row"</th>
                        <th scope="col">"Comes from"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
            <p class="empty" hidden=!empty>"This table is empty."</p>
        </div>
    }
    .into_any()
}
