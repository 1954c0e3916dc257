//! The table view.

use super::{TableName, model, tables_of};
use crate::dom::{El, Nodes, Var, button, derived, effect, el};
use crate::journey::model::short_place;
use crate::journey::view::origin_view;
use crate::parts::{empty, link};
use crate::platform;
use crate::state::{App, Tab, TableAsk};
use crate::text::thousands;
use podhop_engine::protocol::{ReplyBody, RequestBody, RowMark, TableRowView, TableView};
use std::rc::Rc;
use wasm_bindgen::JsCast;

type Shown = Option<Rc<Result<TableView, String>>>;

/// What the panel keeps.
#[derive(Clone, Copy)]
struct Panel {
    app: App,
    shown: Var<Shown>,
    ask: Var<Option<TableAsk>>,
    /// As it was at the present step, rather than now.
    at_step: Var<bool>,
    /// A question is under way; what is asked meanwhile is asked when it is answered.
    asked: Var<bool>,
    again: Var<bool>,
}

pub fn tables(app: App) -> El {
    let shown: Var<Shown> = Var::new(None);
    // Without a choice of the user's: where the packet is.
    let ask = derived(move || {
        app.table.get().or_else(|| {
            let (packet, step) = app.player.beat.get()?;
            let place =
                app.flow.with(|flow| Some(flow.as_ref()?.packets.get(packet)?.steps.get(step)?.place.clone()))?;
            let table = tables_in(app, &place)[0].0.to_string();
            Some(TableAsk { place, table, lit: String::new() })
        })
    });
    // A conversation that the cluster has left behind says nothing of it as it is.
    let outdated = derived(move || app.outdated().is_some());
    let chosen: Var<Option<bool>> = Var::new(None);
    effect(move || {
        app.flow.track();
        app.scene.track();
        chosen.put(None);
    });
    let at_step = derived(move || app.flow.with(Option::is_some) && chosen.get().unwrap_or(!outdated.get()));
    let panel = Panel { app, shown, ask, at_step, asked: Var::new(false), again: Var::new(false) };
    effect(move || {
        app.scene.track();
        ask.track();
        app.player.beat.track();
        at_step.track();
        if app.inspector.get() == Tab::Tables {
            request(panel);
        }
    });
    let body = move || match shown.get().as_deref() {
        None => vec![empty("Choose a step or a node to see the tables it is decided by.")],
        Some(Err(text)) => vec![empty(text)],
        Some(Ok(view)) => table_view(app, view, &ask.with(|ask| ask.as_ref().map_or(String::new(), |a| a.lit.clone()))),
    };
    let body = el("div").live(body);
    let of = body.0.clone();
    effect(move || {
        shown.track();
        ask.track();
        let of = of.clone();
        // The rows are there by then.
        platform::soon(move || keep_in_sight(&of));
    });
    el("div").class("tables-view").kid(choices(app, ask)).kid(moment(panel, chosen)).kid(body)
}

/// Asks for the table at the moment that is looked at.
fn request(panel: Panel) {
    let Panel { app, shown, ask, at_step, asked, again } = panel;
    let Some(TableAsk { place, table, .. }) = ask.now() else { return };
    if asked.now() {
        return again.set(true);
    }
    let step = at_step.now().then(|| {
        let (packet, step) = app.player.beat.now()?;
        let number = |flow: &Rc<podhop_engine::protocol::FlowView>| {
            Some((flow.summary.flow, flow.packets.get(packet)?.packet, step as u32))
        };
        app.flow.peek(|flow| flow.as_ref().and_then(number))
    });
    let body = match step.flatten() {
        Some((flow, packet, step)) => RequestBody::TableAt { flow, packet, step, place, table },
        None => RequestBody::Table { place, table },
    };
    asked.set(true);
    app.ask(body, move |reply| {
        asked.set(false);
        match reply {
            ReplyBody::Table(view) => shown.set(Some(Rc::new(Ok(view)))),
            ReplyBody::Error(text) => shown.set(Some(Rc::new(Err(text)))),
            _ => {}
        }
        if again.now() {
            again.set(false);
            request(panel);
        }
    });
}

/// Scrolls the row that is lit into sight, if it is not.
fn keep_in_sight(body: &web_sys::Element) {
    let Ok(Some(row)) = body.query_selector(".rows .on") else { return };
    let Some(list) = body.closest(".panel").ok().flatten() else { return };
    let (row, room) = (row.get_bounding_client_rect(), list.get_bounding_client_rect());
    if row.top() < room.top() || row.bottom() > room.bottom() {
        let middle = room.top() + room.height() / 2.0;
        list.set_scroll_top(list.scroll_top() + (row.top() - middle) as i32);
    }
}

/// As it was at the present step, or as it is now.
fn moment(panel: Panel, chosen: Var<Option<bool>>) -> El {
    let Panel { app, ask, at_step, .. } = panel;
    let pill = move |text: &'static str, step: bool| {
        button("pill")
            .bool_of("aria-pressed", move || at_step.get() == step)
            .text(text)
            .on_click(move || chosen.set(Some(step)))
    };
    el("div")
        .class("pills moment")
        .attr("role", "group")
        .label("Moment")
        .hidden_of(move || app.flow.with(Option::is_none) || ask.with(Option::is_none))
        .kid(pill("At this step", true))
        .kid(pill("Now", false))
}

fn tables_in(app: App, place: &str) -> Vec<TableName> {
    app.scene.peek(|scene| tables_of(scene.as_deref(), place))
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
        let tables = tables_in(app, &place);
        let table = if tables.iter().any(|(name, _)| *name == table) { table } else { tables[0].0.to_string() };
        app.table.set(Some(TableAsk { place, table, lit: String::new() }));
    };
    let options = move || {
        let chosen = ask.with(|ask| ask.as_ref().map(|ask| ask.place.clone()).unwrap_or_default());
        let mut places =
            app.flow.with(|flow| flow.as_ref().map(|f| crate::stage::route::places(f)).unwrap_or_default());
        places.retain(|place| place.contains('/') || place == "gateway" || place == "internet");
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
        tables_in(app, &now.place).iter().map(of_table).collect()
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
    let row = |row: &TableRowView| row_view(app, row, model::is_lit(view, row, lit));
    let of = |removed: bool| view.rows.iter().filter(move |row| (row.mark == RowMark::Removed) == removed);
    let heads =
        el("tr").kid(el("th").attr("scope", "col").text("Row")).kid(el("th").attr("scope", "col").text("Comes from"));
    let mut table = el("table")
        .class("rows")
        .kid(el("thead").class("unseen").kid(heads))
        .kid(el("tbody").kids(of(false).map(row).collect()));
    if of(true).next().is_some() {
        let head = el("th").attr("scope", "rowgroup").attr("colspan", "2").text("Removed");
        table = table.kid(el("tbody").class("gone").kid(el("tr").kid(head)).kids(of(true).map(row).collect()));
    }
    let summary = model::summary(view);
    let mut nodes = vec![
        el("p").class("note").text("On a real cluster: ").part("code", "", &view.command).text(" ").kid(copy),
        el("p").class("note").text(&summary).hidden(summary.is_empty()),
        el("p").class("note").text(&view.note).hidden(view.note.is_empty()),
        table,
    ];
    if view.rows.is_empty() {
        nodes.push(empty("This table is empty."));
    }
    if view.left_count > 0 {
        nodes.push(el("p").class("note").text(&["and ", &thousands(view.left_count), " more rows"].concat()));
    }
    nodes
}

fn row_view(app: App, row: &TableRowView, lit: bool) -> El {
    let removed = row.mark == RowMark::Removed;
    let text = el("td").class("text").kid(el(if removed { "del" } else { "span" }).text(&row.text));
    let mut from = el("td").class("from");
    if let Some((words, class)) = model::mark_of(row) {
        from = from.kid(el("span").class(class).text(words)).text(" ");
    }
    if row.decides {
        from = from.kid(el("span").class("mark decides").text("◆ decided")).text(" ");
    }
    if !row.was.is_empty() {
        from = from.kid(el("span").class("was").text("was ").part("del", "", &row.was)).text(" ");
    }
    el("tr")
        .class(if lit { "on" } else { "" })
        .attr("aria-current", if lit { "true" } else { "false" })
        .kid(text)
        .kid(from.kid(origin_view(app, &row.origin)))
}
