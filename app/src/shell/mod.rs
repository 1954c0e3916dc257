//! The frame around the panels: header, areas, notices, help, keys of the whole page.

mod header;
mod help;
mod hints;
mod keys;
mod printout;
pub mod settings;
mod splits;

use crate::dom::{El, Var, el};
use crate::parts::{self, tab};
use crate::state::{App, Tab};
use gloo::events::EventListener;
use wasm_bindgen::JsCast;

/// The whole page.
pub fn page(app: App) -> El {
    keys::listen(app);
    printout::listen(app);
    let pane = move || match app.pane.get() {
        Tab::Editor => "editor",
        Tab::Inspector => "inspector",
        Tab::Dock => "dock",
        _ => "stage",
    };
    let area = |tag: &str, class: &str, id: &str, label: &str| el(tag).class(class).id(id).label(label);
    // Whoever never takes hold of anything needs no edges to take hold of.
    let touched = Var::new(splits::kept());
    let tabbed = move |event: &web_sys::Event| {
        let event: &web_sys::KeyboardEvent = event.unchecked_ref();
        if event.key() == "Tab" {
            touched.put(true);
        }
    };
    EventListener::new(&crate::platform::document(), "keydown", tabbed).forget();
    el("main")
        .class("app")
        .on("pointermove", move |_| touched.put(true))
        .attr_of("data-pane", move || pane().to_string())
        .kid(header::header(app))
        .kid(pane_tabs(app))
        .kid(notice(app))
        .kid(
            area("section", "edit", "pane-editor", "Manifests")
                .kids(crate::editor::view::editor(app))
                .kid(hints::no_files(app)),
        )
        .kid(
            area("section", "stage", "pane-stage", "Cluster")
                .kids(crate::stage::view::stage(app))
                .kid(hints::no_pods(app)),
        )
        .kid(inspector(app, area("section", "insp", "pane-inspector", "Inspector")))
        .kid(area("section", "play", "pane-play", "Playback").kids(crate::playback::view::playback(app)))
        .kid(crate::palette::palette(app))
        .kid(crate::compare::compare(app))
        .kid(dock(app, area("section", "dock", "pane-dock", "Console")))
        .kid(parts::made_when(move || touched.get(), splits::splits))
        .kid(crate::whose::view::tip(app, ".insp,.dock,.play"))
        .kid(el("div").class("unseen").attr("role", "status").text_of(move || app.spoken.get()))
}

/// On a narrow screen one area shows at a time.
fn pane_tabs(app: App) -> El {
    let items = vec![
        tab(Tab::Stage, "pane-stage", || "Cluster".to_string()),
        tab(Tab::Inspector, "pane-inspector", || "Journey".to_string()),
        tab(Tab::Editor, "pane-editor", || "YAML".to_string()),
        tab(Tab::Dock, "pane-dock", || "Terminal".to_string()),
    ];
    el("div").class("panes").kid(parts::tabs("Areas", items, app.pane))
}

fn inspector(app: App, area: El) -> El {
    let object = move || app.object.with(|object| object.as_ref().map_or("Object".to_string(), |o| o.name.clone()));
    let items = vec![
        tab(Tab::Journey, "panel-journey", || "Journey".to_string()),
        tab(Tab::Headers, "panel-headers", || "Headers".to_string()),
        tab(Tab::Tables, "panel-tables", || "Tables".to_string()),
        tab(Tab::Object, "panel-object", object),
    ];
    area.kid(parts::tabs("Inspector", items, app.inspector))
        .kid(parts::panel("panel-journey", Tab::Journey, app.inspector, crate::journey::view::journey(app)))
        .kid(parts::panel_when_seen("panel-headers", Tab::Headers, app.inspector, move || crate::headers::headers(app)))
        .kid(parts::panel_when_seen("panel-tables", Tab::Tables, app.inspector, move || crate::tables::tables(app)))
        .kid(parts::panel_when_seen("panel-object", Tab::Object, app.inspector, move || crate::object::object(app)))
}

fn dock(app: App, area: El) -> El {
    let flows = move || match app.flows.with(Vec::len) {
        0 => "Flows".to_string(),
        count => ["Flows ", &count.to_string()].concat(),
    };
    let items = vec![
        tab(Tab::Terminal, "panel-terminal", || "Terminal".to_string()),
        tab(Tab::Flows, "panel-flows", flows),
        tab(Tab::Timeline, "panel-timeline", || "Timeline".to_string()),
        tab(Tab::Reach, "panel-reach", || "Reach".to_string()),
    ];
    area.kid(parts::tabs("Console", items, app.dock))
        .kid(parts::panel(
            "panel-terminal",
            Tab::Terminal,
            app.dock,
            el("div")
                .class("whole stacked")
                .kid(parts::made_when(
                    move || !app.script.with(Vec::is_empty),
                    move || crate::workspace::scenarios::next(app),
                ))
                .kid(crate::terminal::view::terminal(app)),
        ))
        .kid(parts::panel_when_seen("panel-flows", Tab::Flows, app.dock, move || crate::flows::flows(app)))
        .kid(parts::panel_when_seen("panel-timeline", Tab::Timeline, app.dock, move || crate::timeline::timeline(app)))
        .kid(parts::panel_when_seen("panel-reach", Tab::Reach, app.dock, move || crate::reach::reach(app)))
}

fn notice(app: App) -> El {
    let (text, act) =
        (move || app.shown_notice().map(|n| n.text).unwrap_or_default(), move || app.shown_notice()?.action);
    let action = move || {
        let (words, act) = act()?;
        let act = move || {
            app.dismiss_notice();
            act();
        };
        Some(parts::link(&words, act))
    };
    el("div")
        .class("notice")
        .attr("role", "alert")
        .hidden_of(move || app.shown_notice().is_none())
        .kid(el("span").text_of(text))
        .kid(el("span").class("act").live(move || action().into_iter().collect()))
        .kid(parts::icon_button("Dismiss", parts::CLOSE, move || app.dismiss_notice()))
}
