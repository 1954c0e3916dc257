//! Pointer and wheel: pan, zoom, pinch, hover, click.

use super::acts::{Drag, Stage};
use super::geometry::{Point, point, within};
use super::layout::Target;
use super::send;
use crate::state::Tab;
use gloo::events::{EventListener, EventListenerOptions};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{PointerEvent, WheelEvent};

/// A pointer that moves less than this between down and up has clicked.
const CLICK_PX: f64 = 5.0;

#[derive(Default)]
struct Fingers {
    /// Pointer id and where it is.
    down: Vec<(i32, Point)>,
    travelled: f64,
    pinched: bool,
}

type Act = Box<dyn Fn(&PointerEvent, &mut Fingers)>;

/// Where an event is, in the stage's pixels.
fn at(stage: Stage, event: &web_sys::MouseEvent) -> Point {
    let target = event.current_target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let rect = target.map(|element| element.get_bounding_client_rect());
    let (left, top) = rect.map_or((0.0, 0.0), |rect| (rect.left(), rect.top()));
    let unit = stage.canvas.now().unit;
    point((f64::from(event.client_x()) - left) / unit, (f64::from(event.client_y()) - top) / unit)
}

/// Listens as long as the page lives.
pub fn listen(frame: &web_sys::Element, stage: Stage) {
    let fingers = Rc::new(RefCell::new(Fingers::default()));
    let on = |name: &'static str, act: Act| {
        let fingers = fingers.clone();
        let listener = EventListener::new(frame, name, move |event| {
            act(event.unchecked_ref(), &mut fingers.borrow_mut());
        });
        listener.forget();
    };
    let of = frame.clone();
    on(
        "pointerdown",
        Box::new(move |event, fingers| {
            let _ = of.set_pointer_capture(event.pointer_id());
            if fingers.down.is_empty() {
                (fingers.travelled, fingers.pinched) = (0.0, false);
            }
            fingers.down.push((event.pointer_id(), at(stage, event)));
            stage.menu.put(None);
            stage.grip.put(grip(stage, event));
        }),
    );
    on("pointermove", Box::new(move |event, fingers| moved(stage, event, fingers)));
    on("pointerup", Box::new(move |event, fingers| up(stage, event, fingers)));
    on(
        "pointercancel",
        Box::new(move |event, fingers| {
            fingers.down.retain(|(id, _)| *id != event.pointer_id());
            stage.grip.put(None);
            stage.drag.put(None);
        }),
    );
    on("pointerenter", Box::new(move |_, _| stage.over_frame.put(true)));
    on(
        "pointerleave",
        Box::new(move |_, _| {
            stage.over_frame.put(false);
            stage.leave();
        }),
    );
    let options = EventListenerOptions::enable_prevent_default();
    let wheel = EventListener::new_with_options(frame, "wheel", options, move |event| {
        event.prevent_default();
        let event: &WheelEvent = event.unchecked_ref();
        let unit = if event.delta_mode() == WheelEvent::DOM_DELTA_LINE { 24.0 } else { 1.0 };
        // A trackpad's pinch comes as a wheel with Ctrl, in small portions.
        let speed = if event.ctrl_key() { 0.01 } else { 0.0016 };
        stage.zoom(within((-event.delta_y() * unit * speed).exp(), 0.5, 2.0), Some(at(stage, event)));
    });
    wheel.forget();
}

/// What a mouse takes hold of to send from it. A finger moves the picture; it sends by the card.
fn grip(stage: Stage, event: &PointerEvent) -> Option<Target> {
    let target =
        stage.handle_at(at(stage, event)).filter(|_| event.pointer_type() == "mouse" && event.button() == 0)?;
    stage.app.scene.peek(|scene| scene.as_ref().is_some_and(|scene| send::can_send(scene, &target))).then_some(target)
}

fn moved(stage: Stage, event: &PointerEvent, fingers: &mut Fingers) {
    let now = at(stage, event);
    let Some(index) = fingers.down.iter().position(|(id, _)| *id == event.pointer_id()) else {
        if event.pointer_type() == "mouse" {
            stage.hovered.put(stage.handle_at(now));
            stage.point_at_packet(now);
        }
        return;
    };
    let before = std::mem::replace(&mut fingers.down[index].1, now);
    fingers.travelled += before.distance(now);
    match fingers.down.as_slice() {
        [_] if fingers.travelled > CLICK_PX => {
            stage.hovered.put(None);
            match stage.grip.now() {
                Some(from) => {
                    let over = stage.handle_at(now).filter(|over| *over != from);
                    stage.drag.put(Some(Drag { from, at: now, over }));
                }
                None => stage.pan(now.x - before.x, now.y - before.y),
            }
        }
        [a, b] => {
            fingers.pinched = true;
            let other = if index == 0 { b.1 } else { a.1 };
            let (was, is) = (before.distance(other).max(1.0), now.distance(other).max(1.0));
            let middle = now.towards(other, 0.5);
            let moved = before.towards(other, 0.5);
            stage.pan(middle.x - moved.x, middle.y - moved.y);
            stage.zoom(is / was, Some(middle));
        }
        _ => {}
    }
}

fn up(stage: Stage, event: &PointerEvent, fingers: &mut Fingers) {
    let was_down = fingers.down.iter().any(|(id, _)| *id == event.pointer_id());
    fingers.down.retain(|(id, _)| *id != event.pointer_id());
    stage.grip.put(None);
    if let Some(drag) = stage.drag.now() {
        stage.drag.put(None);
        if let Some(over) = drag.over {
            stage.offer(drag.from, over, Some(drag.at));
        }
        return;
    }
    if !was_down || fingers.travelled > CLICK_PX || fingers.pinched || !fingers.down.is_empty() {
        return;
    }
    let here = at(stage, event);
    if let Some(flow) = stage.packet_at(here) {
        stage.app.inspector.set(Tab::Journey);
        stage.app.player.pause();
        if stage.flights.peek(Option::is_some) {
            return stage.app.follow_of_swarm(flow);
        }
        stage.app.follow_beside(flow);
        stage.app.follow();
    } else if let Some(target) = stage.target_at(here) {
        stage.activate(&target);
        stage.pinned.put(stage.handle_at(here));
    } else {
        stage.pinned.put(None);
    }
}
