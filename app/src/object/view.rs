//! The object view.

use crate::dom::{El, Nodes, Var, effect, el};
use crate::glyph::Glyph;
use crate::parts::{self, empty, link};
use crate::state::{App, ObjectAsk, Tab, TableAsk};
use podhop_engine::protocol::{ObjectView, ReplyBody, RequestBody, SetupStep};
use std::rc::Rc;

pub fn object(app: App) -> El {
    let shown: Var<Option<Rc<Result<ObjectView, String>>>> = Var::new(None);
    effect(move || {
        app.scene.track();
        let (Some(ask), Tab::Object) = (app.object.get(), app.inspector.get()) else { return };
        let ObjectAsk { kind, namespace, name } = ask;
        app.ask(RequestBody::Object { kind, namespace, name }, move |reply| match reply {
            ReplyBody::Object(view) => shown.set(Some(Rc::new(Ok(view)))),
            ReplyBody::Error(text) => shown.set(Some(Rc::new(Err(text)))),
            _ => {}
        });
    });
    el("div").class("object").live(move || match shown.get().as_deref() {
        None => vec![empty("Choose a node or a Pod on the stage to see its object, and how its network was set up.")],
        Some(Err(text)) => vec![empty(text)],
        Some(Ok(view)) => object_view(app, view),
    })
}

/// The place of the object's tables, for Pods and nodes.
fn place_of(ask: &ObjectAsk) -> Option<String> {
    match ask.kind.as_str() {
        "Pod" => Some(["pod/", &ask.namespace, "/", &ask.name].concat()),
        "Node" => Some(["node/", &ask.name].concat()),
        _ => None,
    }
}

fn object_view(app: App, view: &ObjectView) -> Nodes {
    let mut links = el("p").class("note links");
    if let Some(at) = view.at.clone() {
        let label = [&at.file, ":", &at.line.to_string()].concat();
        links = links.kid(link(&label, move || app.show_text(&at)));
    }
    // A Pod without an address has no namespace yet, so no tables.
    let has_tables = view.facts.iter().any(|(label, _)| label == "IP" || label == "InternalIP");
    if let (true, Some(place)) = (has_tables, app.object.peek(|ask| ask.as_ref().and_then(place_of))) {
        let ask = TableAsk { place, table: "route".to_string(), lit: String::new() };
        links = links.kid(link("its tables", move || app.look_at_table(ask.clone())));
    }
    let kind = app.object.peek(|ask| ask.as_ref().and_then(|ask| Glyph::of(&ask.kind)));
    let sign = kind.map(parts::glyph).into_iter().collect();
    let facts = view.facts.iter().flat_map(|(label, value)| [el("dt").text(label), el("dd").text(value)]);
    let mut nodes = vec![
        el("h2").class("object-title").kids(sign).text(&view.title),
        links,
        el("dl").class("facts").kids(facts.collect()),
    ];
    if !view.owners.is_empty() {
        let mut line = el("p").class("note").text("owned by");
        for (at, owner) in view.owners.iter().enumerate() {
            line = line.text(if at == 0 { " " } else { " ← " }).kids(owner_sign(owner)).text(owner);
        }
        nodes.push(line);
    }
    if !view.events.is_empty() {
        let events = view.events.iter().map(|event| el("li").text(event)).collect();
        nodes.push(el("section").part("h3", "", "Events").kid(el("ul").class("events").kids(events)));
    }
    if !view.setup.is_empty() {
        let setup = view.setup.iter().map(setup_step).collect();
        let heading = el("section").part("h3", "", "How its network came to be");
        nodes.push(heading.kid(el("ol").class("setup").kids(setup)));
    }
    let yaml = el("pre").class("yaml").attr("tabindex", "0").attr("role", "group").label("YAML").text(&view.yaml);
    let details = el("details").part("summary", "", "YAML").kid(yaml);
    nodes.push(if view.setup.is_empty() { details.attr("open", "") } else { details });
    nodes
}

/// The sign of `replicaset.apps/web-5d4f…`.
fn owner_sign(owner: &str) -> Nodes {
    let kind = owner.split(['/', '.']).next().unwrap_or_default();
    let kinds = ["Deployment", "ReplicaSet", "DaemonSet", "Node"].into_iter();
    let found = kinds.filter(|known| known.eq_ignore_ascii_case(kind)).find_map(Glyph::of);
    found.map(parts::glyph).into_iter().collect()
}

fn setup_step(step: &SetupStep) -> El {
    let row = el("li").part("b", "", &step.title).part("span", "dev", &step.plugin);
    if step.command.is_empty() { row } else { row.part("code", "", &step.command) }
}
