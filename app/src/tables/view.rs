//! The table view.

use super::tables_of;
use crate::dom::{El, Nodes, Var, button, derived, effect, el};
use crate::journey::model::short_place;
use crate::journey::view::origin_view;
use crate::parts::{empty, link};
use crate::platform;
use crate::state::{App, Tab, TableAsk};
use podhop_engine::protocol::{ReplyBody, RequestBody, TableRowView, TableView};
use std::rc::Rc;
use wasm_bindgen::JsCast;

type Shown = Option<Rc<Result<TableView, String>>>;

pub fn tables(app: App) -> El {
    let shown: Var<Shown> = Var::new(None);
    // Without a choice of the user's: where the packet is.
    let ask = derived(move || {
        app.table.get().or_else(|| {
            let (packet, step) = app.player.beat.get()?;
            let place =
                app.flow.with(|flow| Some(flow.as_ref()?.packets.get(packet)?.steps.get(step)?.place.clone()))?;
            let table = tables_of(&place)[0].0.to_string();
            Some(TableAsk { place, table, lit: String::new() })
        })
    });
    effect(move || {
        app.scene.track();
        let (Some(ask), Tab::Tables) = (ask.get(), app.inspector.get()) else { return };
        app.ask(RequestBody::Table { place: ask.place, table: ask.table }, move |reply| match reply {
            ReplyBody::Table(view) => shown.set(Some(Rc::new(Ok(view)))),
            ReplyBody::Error(text) => shown.set(Some(Rc::new(Err(text)))),
            _ => {}
        });
    });
    let body = move || match shown.get().as_deref() {
        None => vec![empty("Choose a step or a node to see the tables it is decided by.")],
        Some(Err(text)) => vec![empty(text)],
        Some(Ok(view)) => table_view(app, view, &ask.with(|ask| ask.as_ref().map_or(String::new(), |a| a.lit.clone()))),
    };
    el("div").class("tables-view").kid(choices(app, ask)).kid(el("div").live(body))
}

/// Which place, which table.
fn choices(app: App, ask: Var<Option<TableAsk>>) -> El {
    let choose_place = move |event: web_sys::Event| {
        let Some(select) = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlSelectElement>().ok())
        else {
            return;
        };
        let place = select.value();
        let table = ask.peek(|ask| ask.as_ref().map(|ask| ask.table.clone())).unwrap_or_default();
        let tables = tables_of(&place);
        let table = if tables.iter().any(|(name, _)| *name == table) { table } else { tables[0].0.to_string() };
        app.table.set(Some(TableAsk { place, table, lit: String::new() }));
    };
    let options = move || {
        let chosen = ask.with(|ask| ask.as_ref().map(|ask| ask.place.clone()).unwrap_or_default());
        let mut places =
            app.flow.with(|flow| flow.as_ref().map(|f| crate::stage::route::places(f)).unwrap_or_default());
        places.retain(|place| place.contains('/') || place == "gateway");
        if !places.contains(&chosen) && !chosen.is_empty() {
            places.push(chosen.clone());
        }
        let option = |place: String| {
            let option = el("option").attr("value", &place).text(short_place(&place));
            if place == chosen { option.attr("selected", "") } else { option }
        };
        places.into_iter().map(option).collect()
    };
    let buttons = move || {
        let Some(now) = ask.get() else { return Nodes::new() };
        let of_table = |(name, text): &(&'static str, &'static str)| {
            let (name, place) = (*name, now.place.clone());
            let choose = move || {
                let (place, table) = (place.clone(), name.to_string());
                app.table.set(Some(TableAsk { place, table, lit: String::new() }));
            };
            let on = now.table == name;
            button("pill").attr("aria-pressed", if on { "true" } else { "false" }).text(text).on_click(choose)
        };
        tables_of(&now.place).iter().map(of_table).collect()
    };
    el("div")
        .class("choices")
        .hidden_of(move || ask.with(Option::is_none))
        .kid(el("select").label("Whose tables").on("change", choose_place).live(options))
        .kid(el("div").class("pills").attr("role", "group").label("Table").live(buttons))
}

fn table_view(app: App, view: &TableView, lit: &str) -> Nodes {
    let command = view.command.clone();
    let copy = link("copy", move || platform::copy(&command));
    let row = |row: &TableRowView| {
        el("tr")
            .class(if row.text == lit { "on" } else { "" })
            .part("td", "text", &row.text)
            .kid(el("td").class("from").kid(origin_view(app, &row.origin)))
    };
    let heads =
        el("tr").kid(el("th").attr("scope", "col").text("Row")).kid(el("th").attr("scope", "col").text("Comes from"));
    let table = el("table")
        .class("rows")
        .kid(el("thead").class("unseen").kid(heads))
        .kid(el("tbody").kids(view.rows.iter().map(row).collect()));
    let mut nodes = vec![
        el("p").class("note").text("On a real cluster: ").part("code", "", &view.command).text(" ").kid(copy),
        table,
    ];
    if view.rows.is_empty() {
        nodes.push(empty("This table is empty."));
    }
    nodes
}
