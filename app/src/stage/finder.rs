//! The field that finds Pods and nodes, and lists them: to look at one, or to send to it.

use super::acts::{Purpose, Stage};
use super::find::{self, Found};
use super::layout::Target;
use super::{mirror, send};
use crate::dom::{El, Nodes, Var, derived, effect, el};
use crate::parts;
use crate::platform;
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, KeyboardEvent};

const FIELD: &str = "stage-find";

pub fn finder(stage: Stage) -> El {
    let question = Var::new(String::new());
    let cursor = Var::new(0_usize);
    let found = derived(move || {
        let (Some(purpose), question) = (stage.finder.get(), question.get()) else { return Found::default() };
        let Some(scene) = stage.app.scene.get() else { return Found::default() };
        let mut found = find::find(&scene, &question);
        if let Purpose::SendFrom(from) = &purpose {
            found.hits.retain(|hit| hit.target != *from && send::address(&scene, &hit.target).is_some());
        }
        found
    });
    let input = el("input")
        .id(FIELD)
        .attr("type", "text")
        .attr("role", "combobox")
        .attr("aria-expanded", "true")
        .attr("aria-controls", "stage-found")
        .attr("aria-autocomplete", "list")
        .attr("autocomplete", "off")
        .attr("spellcheck", "false")
        .attr("placeholder", "name, IP, namespace or app=web")
        .attr_of("aria-label", move || title(stage))
        .attr_of("aria-activedescendant", move || id_of(cursor.get()));
    let field: HtmlInputElement = input.cast();
    let typed = field.clone();
    let input = input.on("input", move |_| {
        cursor.set(0);
        question.set(typed.value());
    });
    let input = input.on("keydown", move |event| on_key(stage, found, cursor, &event));
    effect(move || {
        if stage.finder.with(Option::is_some) {
            field.set_value("");
            question.set(String::new());
            cursor.set(0);
            platform::soon(|| platform::focus(FIELD));
        }
    });
    let options = move || -> Nodes {
        let now = cursor.get();
        found.with(|found| found.hits.iter().enumerate().map(|(i, _)| option(stage, found, i, now == i)).collect())
    };
    let count = move || {
        found.with(|found| match (found.hits.len(), found.count) {
            (0, _) => "Nothing is found.".to_string(),
            (listed, all) if listed == find::LISTED_MAX && all > listed => {
                ["The first ", &listed.to_string(), " of ", &all.to_string(), "."].concat()
            }
            (1, _) => "1 found".to_string(),
            (listed, _) => [&listed.to_string(), " found"].concat(),
        })
    };
    el("div")
        .class("finder")
        .hidden_of(move || stage.finder.with(Option::is_none))
        .kid(el("div").class("finder-head").kid(el("h3").text_of(move || title(stage))).kid(parts::icon_button(
            "Close",
            parts::CLOSE,
            move || stage.finder.put(None),
        )))
        .kid(input)
        .kid(
            el("div")
                .id("stage-found")
                .attr("role", "listbox")
                .label("Found")
                .hidden_of(move || found.with(|found| found.hits.is_empty()))
                .live(options),
        )
        .kid(el("p").attr("role", "status").text_of(count))
}

fn title(stage: Stage) -> String {
    match stage.finder.get() {
        Some(Purpose::SendFrom(from)) => {
            let name = stage.app.scene.with(|scene| send::address(scene.as_ref()?, &from).map(|found| found.0));
            ["Send from ", &name.unwrap_or_default(), " to"].concat()
        }
        _ => "Find a Pod or node".to_string(),
    }
}

fn glyph(stage: Stage, target: &Target) -> Nodes {
    let glyph = stage.app.scene.peek(|scene| mirror::glyph(scene.as_ref()?, target));
    glyph.map(parts::glyph).into_iter().collect()
}

fn id_of(index: usize) -> String {
    ["found-", &index.to_string()].concat()
}

fn option(stage: Stage, found: &Found, index: usize, on: bool) -> El {
    let hit = found.hits[index].clone();
    let option = el("div")
        .id(&id_of(index))
        .class("found")
        .attr("role", "option")
        .attr("aria-selected", if on { "true" } else { "false" })
        .kids(glyph(stage, &hit.target))
        .part("b", "", &hit.name)
        .part("small", "", &hit.detail);
    option.on_click(move || {
        if let Some(purpose) = stage.finder.now() {
            stage.chosen(&purpose, &hit);
        }
    })
}

fn on_key(stage: Stage, found: Var<Found>, cursor: Var<usize>, event: &web_sys::Event) {
    let event: &KeyboardEvent = event.unchecked_ref();
    let last = found.peek(|found| found.hits.len()).saturating_sub(1);
    match event.key().as_str() {
        "ArrowDown" => cursor.set((cursor.now() + 1).min(last)),
        "ArrowUp" => cursor.set(cursor.now().saturating_sub(1)),
        "Enter" => {
            let hit = found.peek(|found| found.hits.get(cursor.now()).cloned());
            if let (Some(purpose), Some(hit)) = (stage.finder.now(), hit) {
                stage.chosen(&purpose, &hit);
            }
        }
        _ => return,
    }
    event.prevent_default();
    event.stop_propagation();
    if let Some(option) = platform::element(&id_of(cursor.now())) {
        option.scroll_into_view_with_bool(false);
    }
}
