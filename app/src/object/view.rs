//! The object view.

use crate::state::{App, ObjectAsk, Tab, TableAsk};
use leptos::prelude::*;
use podhop_engine::protocol::{ObjectView, ReplyBody, RequestBody};

pub fn object(app: App) -> AnyView {
    let shown = RwSignal::new(None::<Result<ObjectView, String>>);
    Effect::new(move |_| {
        let revision = app.scene.with(|scene| scene.as_ref().map(|scene| scene.revision));
        let (Some(ask), Tab::Object, Some(_)) = (app.object.get(), app.inspector.get(), revision) else { return };
        let ObjectAsk { kind, namespace, name } = ask;
        app.ask(RequestBody::Object { kind, namespace, name }, move |reply| match reply {
            ReplyBody::Object(view) => shown.set(Some(Ok(view))),
            ReplyBody::Error(text) => shown.set(Some(Err(text))),
            _ => {}
        });
    });
    let inside = move || match shown.get() {
        None => {
            view! { <p class="empty">"Choose a node or a Pod on the stage to see its object, and how its network was set up."</p> }
                .into_any()
        }
        Some(Err(text)) => view! { <p class="empty">{text}</p> }.into_any(),
        Some(Ok(view)) => object_view(app, view),
    };
    view! { <div class="object">{inside}</div> }.into_any()
}

/// The place of the object's tables, for Pods and nodes.
fn place_of(ask: &ObjectAsk) -> Option<String> {
    match ask.kind.as_str() {
        "pods" => Some(["pod/", &ask.namespace, "/", &ask.name].concat()),
        "nodes" => Some(["node/", &ask.name].concat()),
        _ => None,
    }
}

fn object_view(app: App, view: ObjectView) -> AnyView {
    let facts: Vec<AnyView> = view
        .facts
        .into_iter()
        .map(|(label, value)| view! { <dt>{label}</dt><dd>{value}</dd> }.into_any())
        .collect();
    let setup: Vec<AnyView> = view
        .setup
        .into_iter()
        .map(|step| {
            view! {
                <li>
                    <b>{step.title}</b>
                    <span class="dev">{step.plugin}</span>
                    <code hidden=step.command.is_empty()>{step.command.clone()}</code>
                </li>
            }
            .into_any()
        })
        .collect();
    let events: Vec<AnyView> = view.events.into_iter().map(|event| view! { <li>{event}</li> }.into_any()).collect();
    let owners = view.owners.join(" ← ");
    let source = view.at.map(|at| {
        let label = [&at.file, ":", &at.line.to_string()].concat();
        view! {
            <button type="button" class="link" on:click=move |_| app.show_text(&at)>
                {label}
            </button>
        }
    });
    let tables = app.object.get_untracked().as_ref().and_then(place_of).map(|place| {
        let open = move |_| {
            app.look_at_table(TableAsk { place: place.clone(), table: "route".into(), lit: String::new() });
        };
        view! { <button type="button" class="link" on:click=open>"its tables"</button> }
    });
    let (no_setup, no_events) = (setup.is_empty(), events.is_empty());
    view! {
        <h2 class="object-title">{view.title}</h2>
        <p class="note">{source} " " {tables}</p>
        <dl class="facts">{facts}</dl>
        <p class="note" hidden=owners.is_empty()>"owned by " {owners.clone()}</p>
        <section hidden=no_events>
            <h3>"Events"</h3>
            <ul class="events">{events}</ul>
        </section>
        <section hidden=no_setup>
            <h3>"How its network came to be"</h3>
            <ol class="setup">{setup}</ol>
        </section>
        <details open=no_setup>
            <summary>"YAML"</summary>
            <pre class="yaml" tabindex="0" role="group" aria-label="YAML">{view.yaml}</pre>
        </details>
    }
    .into_any()
}
