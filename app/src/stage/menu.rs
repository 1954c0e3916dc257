//! The menu of what can be sent from one place to another, and the result of "Ping all".

use super::acts::{Menu, Stage};
use super::cards::pixels;
use super::geometry::within;
use super::reach;
use super::send::{self, Choice};
use super::{facts, faults};
use crate::dom::{El, Nodes, button, derived, effect, el};
use crate::parts;
use crate::platform;
use podhop_engine::protocol::Scene;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

/// As `stage.css` has it.
const WIDTH: f64 = 300.0;
const ITEM: f64 = 50.0;

pub fn menu(stage: Stage) -> El {
    let choices = move |menu: &Menu| {
        stage.app.scene.with(|scene| {
            let scene = scene.as_ref()?;
            Some(match &menu.to {
                Some(to) => send::choices(scene, &menu.from, to),
                None => faults::choices(scene, &menu.from),
            })
        })
    };
    let choices = derived(move || stage.menu.get().and_then(|menu| choices(&menu)).unwrap_or_default());
    let title = move || {
        let names = |scene: &Scene, menu: &Menu| {
            let Some(to) = &menu.to else {
                return Some(["Faults: ", &facts::facts(scene, &menu.from)?.title].concat());
            };
            let (from, to) = (send::address(scene, &menu.from)?, send::address(scene, to)?);
            Some([&from.0, " → ", &to.0, " ", &to.1].concat())
        };
        let menu = stage.menu.get();
        menu.and_then(|menu| stage.app.scene.with(|scene| names(scene.as_ref()?, &menu))).unwrap_or_default()
    };
    let place = move || {
        let (canvas, at) = (stage.canvas.get(), stage.menu.with(|menu| menu.as_ref().map(|menu| menu.at)));
        let at = at.unwrap_or_default();
        let height = 40.0 + choices.with(Vec::len) as f64 * ITEM;
        (within(at.x, 6.0, (canvas.width - WIDTH - 6.0).max(6.0)), within(at.y, 6.0, (canvas.height - height).max(6.0)))
    };
    let items = move || -> Nodes { choices.with(|all| all.iter().map(|choice| item(stage, choice)).collect()) };
    let list = el("div").attr("role", "menu").attr_of("aria-label", title).live(items);
    let items: HtmlElement = list.cast();
    effect(move || {
        if stage.menu.with(Option::is_some) {
            let items = items.clone();
            platform::soon(move || focus_child(&items, 0));
        }
    });
    el("div")
        .class("send")
        .hidden_of(move || stage.menu.with(Option::is_none))
        .style_of("left", move || pixels(stage, place().0))
        .style_of("top", move || pixels(stage, place().1))
        .kid(el("h3").text_of(title))
        .kid(list.on("keydown", move |event| on_key(&event)))
}

fn item(stage: Stage, choice: &Choice) -> El {
    let made = button("item").attr("role", "menuitem").attr("tabindex", "-1").part("b", "", &choice.label);
    match &choice.line {
        Ok(line) => {
            let run = line.clone();
            made.part("code", "", line).on_click(move || stage.run(&run))
        }
        Err(why) => made.attr("aria-disabled", "true").part("small", "", why),
    }
}

fn focus_child(of: &HtmlElement, index: u32) {
    if let Some(child) = of.children().item(index) {
        let _ = child.unchecked_into::<HtmlElement>().focus();
    }
}

fn on_key(event: &web_sys::Event) {
    let event: &KeyboardEvent = event.unchecked_ref();
    let Some(list) = event.current_target().and_then(|list| list.dyn_into::<HtmlElement>().ok()) else { return };
    let children = list.children();
    let count = children.length();
    let focused = platform::document().active_element();
    let at = (0..count).find(|i| children.item(*i) == focused).unwrap_or(0);
    let to = match event.key().as_str() {
        "ArrowDown" => (at + 1) % count.max(1),
        "ArrowUp" => (at + count.max(1) - 1) % count.max(1),
        "Home" => 0,
        "End" => count.saturating_sub(1),
        _ => return,
    };
    focus_child(&list, to);
    event.prevent_default();
    event.stop_propagation();
}

/// The sentence of "Ping all", until it is dismissed.
pub fn reached(stage: Stage) -> El {
    let text = move || {
        let answers = stage.answers.get();
        stage.reach.with(|reach| reach.as_ref().map_or(String::new(), |of| reach::sentence(of, &answers)))
    };
    let has_pairs = move || {
        let all = stage.reach.with(|reach| reach.as_ref().is_some_and(|reach| reach.asked.senders == 1));
        all && stage.answers.with(|answers| answers.len() > 1)
    };
    el("div")
        .class("reach")
        .hidden_of(move || stage.reach.with(Option::is_none))
        .kid(el("span").attr("role", "status").text_of(text))
        .kid(parts::link("Show them all", move || {
            stage.app.play_together(stage.answers.peek(|all| all.iter().map(|answer| answer.flow).collect()));
        }))
        .kid(parts::link("Every Pod to every Pod", move || stage.ping_pairs()).hidden_of(move || !has_pairs()))
        .kid(parts::icon_button("Dismiss the marks", parts::CLOSE, move || stage.reach.put(None)))
}
