//! The frame around the panels: header, areas, notices, help, keys of the whole page.

mod header;
mod help;
mod keys;

use crate::parts::{self, fixed};
use crate::state::{App, Tab};
use leptos::prelude::*;

/// The whole page.
pub fn page(app: App) -> AnyView {
    keys::listen(app);
    let pane = move || match app.pane.get() {
        Tab::Editor => "editor",
        Tab::Inspector => "inspector",
        Tab::Dock => "dock",
        _ => "stage",
    };
    view! {
        <div class="app" data-pane=pane>
            {header::header(app)}
            {pane_tabs(app)}
            {notice(app)}
            <section class="edit" id="pane-editor" aria-label="Manifests">
                {crate::editor::view::editor(app)}
            </section>
            <main class="stage" id="pane-stage" aria-label="Cluster">
                {crate::stage::view::stage(app)}
            </main>
            <aside class="insp" id="pane-inspector" aria-label="Inspector">
                {inspector(app)}
            </aside>
            <section class="play" aria-label="Playback">
                {crate::playback::view::playback(app)}
            </section>
            <section class="dock" id="pane-dock" aria-label="Console">
                {dock(app)}
            </section>
            <div class="unseen" role="status" aria-live="polite">
                {move || app.spoken.get()}
            </div>
        </div>
    }
    .into_any()
}

/// On a narrow screen one area shows at a time.
fn pane_tabs(app: App) -> AnyView {
    let items = vec![
        (Tab::Stage, "pane-stage", fixed("Cluster")),
        (Tab::Inspector, "pane-inspector", fixed("Journey")),
        (Tab::Editor, "pane-editor", fixed("YAML")),
        (Tab::Dock, "pane-dock", fixed("Terminal")),
    ];
    view! { <div class="panes">{parts::tabs("Areas", items, app.pane)}</div> }.into_any()
}

fn inspector(app: App) -> AnyView {
    let object = Signal::derive(move || {
        app.object.with(|object| object.as_ref().map_or("Object".to_string(), |object| object.name.clone()))
    });
    let items = vec![
        (Tab::Journey, "panel-journey", fixed("Journey")),
        (Tab::Headers, "panel-headers", fixed("Headers")),
        (Tab::Tables, "panel-tables", fixed("Tables")),
        (Tab::Object, "panel-object", object),
    ];
    view! {
        {parts::tabs("Inspector", items, app.inspector)}
        {parts::panel("panel-journey", Tab::Journey, app.inspector, crate::journey::view::journey(app))}
        {parts::panel("panel-headers", Tab::Headers, app.inspector, crate::headers::headers(app))}
        {parts::panel("panel-tables", Tab::Tables, app.inspector, crate::tables::tables(app))}
        {parts::panel("panel-object", Tab::Object, app.inspector, crate::object::object(app))}
    }
    .into_any()
}

fn dock(app: App) -> AnyView {
    let flows = Signal::derive(move || match app.flows.with(Vec::len) {
        0 => "Flows".to_string(),
        count => ["Flows ", &count.to_string()].concat(),
    });
    let items =
        vec![(Tab::Terminal, "panel-terminal", fixed("Terminal")), (Tab::Flows, "panel-flows", flows)];
    view! {
        {parts::tabs("Console", items, app.dock)}
        {parts::panel("panel-terminal", Tab::Terminal, app.dock, crate::terminal::view::terminal(app))}
        {parts::panel("panel-flows", Tab::Flows, app.dock, crate::flows::flows(app))}
    }
    .into_any()
}

fn notice(app: App) -> AnyView {
    let shown = move || {
        app.notice.get().map(|text| {
            view! {
                <div class="notice" role="alert">
                    <span>{text}</span>
                    {parts::icon_button("Dismiss", parts::CLOSE, move || app.notice.set(None))}
                </div>
            }
        })
    };
    view! { {shown} }.into_any()
}
