//! The card beside what is pointed at, focused or chosen.

use super::acts::Stage;
use super::geometry::{Point, point};
use super::layout::Target;
use super::send;
use super::{facts, faults};
use crate::dom::{El, Nodes, Var, button, derived, el};
use crate::parts;
use crate::platform;

/// As `stage.css` has it.
const WIDTH: f64 = 236.0;
/// The pointer has this long to get from a thing to its card.
const LINGER_MS: u32 = 160;

/// What has a card now, and whether it was chosen, so that the card stays.
pub fn target(stage: Stage) -> Option<(bool, Target)> {
    if stage.drag.with(Option::is_some) || stage.menu.with(Option::is_some) || stage.finder.with(Option::is_some) {
        return None;
    }
    let (pinned, hovered) = (stage.pinned.get(), stage.hovered.get());
    pinned.clone().or(hovered).or(stage.focused.get()).map(|target| (pinned.is_some(), target))
}

pub fn card(stage: Stage) -> El {
    let shown = derived(move || target(stage));
    let facts = derived(move || {
        let (_, target) = shown.get()?;
        stage.app.scene.with(|scene| facts::facts(scene.as_ref()?, &target))
    });
    // How tall its words make it, in CSS pixels.
    let tall = Var::new(0.0);
    let place = derived(move || -> Point {
        let thing = shown.with(|shown| shown.as_ref().and_then(|(_, target)| stage.screen_rect(target)));
        let canvas = stage.canvas.get();
        let size = (WIDTH, tall.get() / canvas.unit);
        thing.map_or(point(-999.0, 0.0), |thing| facts::beside(thing, size, canvas))
    });
    let rows = move || -> Nodes {
        let Some(facts) = facts.get() else { return Vec::new() };
        let rows = facts.rows.iter().map(|(name, value)| el("div").part("dt", "", name).part("dd", "", value));
        vec![el("h3").text(&facts.title), el("dl").kids(rows.collect())]
    };
    let acts = move || match shown.get() {
        Some((true, target)) => buttons(stage, &target),
        _ => Vec::new(),
    };
    let card = el("div").class("card");
    platform::on_resize(&card.0, move |_, height| tall.put(height));
    card.attr("role", "group")
        .attr_of("aria-label", move || facts.with(|facts| facts.as_ref().map_or(String::new(), |f| f.title.clone())))
        .hidden_of(move || facts.with(Option::is_none) || place.with(|at| at.x < 0.0))
        .style_of("left", move || pixels(stage, place.get().x))
        .style_of("top", move || pixels(stage, place.get().y))
        .on("pointerenter", move |_| stage.over_card.put(true))
        .on("pointerleave", move |_| {
            stage.over_card.put(false);
            stage.leave();
        })
        .kid(el("div").live(rows))
        .kid(el("div").class("acts").live(acts))
}

/// A length of the stage as CSS has it.
pub fn pixels(stage: Stage, value: f64) -> String {
    [&((value * stage.canvas.get().unit) as i32).to_string(), "px"].concat()
}

fn buttons(stage: Stage, target: &Target) -> Nodes {
    let can = stage.app.scene.peek(|scene| scene.as_ref().is_some_and(|scene| send::can_send(scene, target)));
    let mut made = Vec::new();
    if can {
        let (from, of) = (target.clone(), target.clone());
        made.push(button("button").text("Send…").on_click(move || stage.send_from(&from)));
        made.push(button("button").text("Ping all").on_click(move || stage.ping_all(&of)));
    }
    let breaks =
        stage.app.scene.peek(|scene| scene.as_ref().is_some_and(|scene| !faults::choices(scene, target).is_empty()));
    if breaks {
        let of = target.clone();
        made.push(button("button").text("Faults…").on_click(move || {
            let at = stage.screen_rect(&of).map(|place| place.center());
            stage.offer_faults(&of, at);
        }));
    }
    if let Target::Node(node) = *target {
        made.push(button("button").text("Look inside").on_click(move || stage.look_inside(node)));
    }
    made.push(parts::icon_button("Close", parts::CLOSE, move || stage.pinned.put(None)));
    made
}

impl Stage {
    /// The pointer has left what it was over: the card goes, unless the pointer went on to it.
    pub fn leave(self) {
        platform::after_ms(LINGER_MS, move || {
            if !self.over_card.now() && !self.over_frame.now() {
                self.hovered.put(None);
            }
        });
    }
}
