//! The stage: two canvases (the still picture and what moves), their camera, and the tree beside them.

use super::acts::Stage;
use super::camera::Canvas;
use super::card::Sight;
use super::crowd::{self, Other, Own};
use super::geometry::point;
use super::layout::Target;
use super::motion::{self, Ways};
use super::paint::{Painter, Palette};
use super::pixels::Dots;
use super::prim::{Picture, Prim, Stroke, Tone};
use super::swarm::Flights;
use super::{
    cards, change_marks, changes, finder, gestures, menu, minimap, picture, reach, shelf, signs, swarm, tools, tree,
};
use crate::dom::{El, Nodes, Var, derived, effect, el};
use crate::flows::recorded::is_gone;
use crate::flows::together::Beside;
use crate::parts;
use crate::platform;
use crate::state::{Again, App};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::HtmlCanvasElement;

/// How often the packets of a swarm are counted.
const COUNT_MS: f64 = 250.0;

pub fn stage(app: App) -> Nodes {
    let stage = Stage::new(app);
    let canvas = || el("canvas").attr("aria-hidden", "true");
    let (still, moving) = (canvas(), canvas());
    let of_canvases = (still.cast(), moving.cast());
    let swarm = parts::made_when(move || stage.flights.with(Option::is_some), move || swarm_canvas(stage, canvas()));
    let frame = el("div").class("canvases").kid(still).kid(swarm).kid(moving);
    let size = Var::new((0.0, 0.0));
    platform::on_resize(&frame.0, move |width, height| size.put((width, height)));
    effect(move || {
        app.theme_epoch.track();
        let ((width, height), unit) = (size.get(), platform::rem() / 16.0);
        stage.canvas.put(Canvas { width: width / unit, height: height / unit, unit });
    });
    gestures::listen(&frame.0, stage);
    effect(move || {
        app.flow.track();
        stage.wanted.set(None);
    });
    effect(move || {
        stage.layout.track();
        stage.canvas.track();
        app.flow.track();
        if !stage.own_camera.now() {
            stage.begin();
        }
    });
    draw(stage, of_canvases.0, of_canvases.1);
    effect(move || {
        if app.player.finished_count.get() > 0 {
            platform::set_root_data("podhopFlow", "done");
        }
    });
    effect(move || {
        app.scene.track();
        stage.forget();
        stage.reach.put(None);
    });
    vec![
        frame,
        heading(stage),
        tree::tree(stage),
        tools::tools(stage),
        map(stage),
        parts::made_when(move || stage.reach.with(Option::is_some), move || menu::reached(stage)),
        parts::made_when(move || app.changed.with(Option::is_some), move || changes::changes(stage)),
        parts::made_when(move || cards::target(stage).is_some(), move || cards::card(stage)),
        parts::made_when(move || stage.finder.with(Option::is_some), move || finder::finder(stage)),
        parts::made_when(move || stage.menu.with(Option::is_some), move || menu::menu(stage)),
    ]
}

/// Redraws the layer that a change concerns, and no other.
fn draw(stage: Stage, still: HtmlCanvasElement, moving: HtmlCanvasElement) {
    let app = stage.app;
    let palette: Var<Option<Rc<Palette>>> = Var::new(None);
    effect(move || {
        app.theme_epoch.track();
        palette.set(Some(Rc::new(Palette::read())));
    });
    let ways: Var<Option<Rc<Ways>>> = Var::new(None);
    effect(move || {
        let of = app.scene.get().zip(stage.layout.get()).zip(app.flow.get());
        // Packets of another cluster have no way on this one.
        let of = of.filter(|_| app.outdated().is_none());
        let close = stage.close.get();
        ways.set(of.map(|((scene, layout), flow)| Rc::new(Ways::new(&scene, &layout, &flow, close))));
    });
    effect(move || {
        let of = app.scene.get().zip(stage.layout.get());
        let (beside, close) = (app.beside.with(Vec::clone), stage.close.get());
        let others = of.map(|(scene, layout)| {
            let holds = |of: &Beside| app.outdated_of(&of.flow).is_none();
            let other = |of: Beside| Other { ways: Ways::new(&scene, &layout, &of.flow, close), of };
            beside.into_iter().filter(holds).map(other).collect()
        });
        stage.others.set(Rc::new(others.unwrap_or_default()));
    });
    effect(move || {
        let of = app.swarm.get().zip(app.scene.get().zip(stage.layout.get()));
        let close = stage.close.get();
        stage.pointed.put(None);
        stage.flights.set(of.map(|(swarm, (scene, layout))| {
            let then = swarm.first().and_then(|flow| app.scene_of(flow)).unwrap_or_else(|| scene.clone());
            let gone = |place: &str| is_gone(place, &then, &scene);
            Rc::new(Flights::new(&swarm, (&scene, &layout), close, gone))
        }));
    });
    effect(move || {
        let (ms, Some(ways), true) = (app.player.ms.get(), ways.get(), stage.follows.get()) else { return };
        let moment = app.player.list.peek(|list| motion::moment(&ways, list, ms));
        if let (Some(now), Some(layout), false) = (moment, stage.layout.now(), stage.own_camera.now()) {
            stage.camera.put(stage.camera.now().around(now.at, layout.focus, stage.canvas.now()));
        }
    });
    let detail = derived(move || picture::Detail::at(stage.camera.get().scale));
    effect(move || stage.close.put(detail.get().has_stack()));
    let still_picture: Var<Option<Rc<Picture>>> = Var::new(None);
    effect(move || {
        let of = app.scene.get().zip(stage.layout.get());
        let focus = stage.focus();
        let detail = detail.get();
        let picture = of.map(|(scene, layout)| Rc::new(picture::picture(&scene, &layout, &focus, detail)));
        stage.texts.set(Rc::new(picture.as_ref().map(|picture| picture.texts()).unwrap_or_default()));
        still_picture.set(picture);
    });
    effect(move || {
        let (Some(picture), Some(palette), canvas) = (still_picture.get(), palette.get(), stage.canvas.get()) else {
            return;
        };
        let camera = stage.camera.get();
        if canvas.width < 1.0 {
            return;
        }
        if let Some(painter) = Painter::begin(&still, canvas, camera, &palette) {
            painter.paint(&picture);
            platform::set_root_data("podhopReady", "1");
        }
    });
    // In halves, so that the marks are not made anew with every turn of the wheel.
    let large = derived(move || (stage.camera.get().view(stage.canvas.get()).legible * 2.0).round() / 2.0);
    effect(move || {
        let answers = stage.answers.get();
        let of = app.scene.get().zip(stage.layout.get()).filter(|_| !answers.is_empty());
        stage
            .marks
            .set(of.map_or_else(Rc::default, |(scene, layout)| Rc::new(reach::marks(&scene, &layout, &answers))));
    });
    let marks: Var<Option<Rc<Picture>>> = Var::new(None);
    effect(move || {
        let change = app.changed.get();
        let of = change.zip(app.scene.get()).zip(stage.layout.get());
        let focus = stage.focus();
        let large = large.get();
        let of = of.map(|((change, scene), layout)| change_marks::picture(&change, &scene, &layout, &focus, large));
        marks.set(of.map(Rc::new));
    });
    let counted = std::cell::Cell::new(0.0);
    effect(move || {
        let (Some(palette), canvas, camera) = (palette.get(), stage.canvas.get(), stage.camera.get()) else { return };
        let marks = marks.get();
        let (flow, ways, ms) = (app.flow.get(), ways.get(), app.player.ms.get());
        let (hovered, focused) = (stage.hovered.get(), stage.focused.get().or(stage.pinned.get()));
        if canvas.width < 1.0 {
            return;
        }
        let Some(painter) = Painter::begin(&moving, canvas, camera, &palette) else { return };
        let rect_of = |target: &Target| stage.layout.peek(|layout| layout.as_ref().and_then(|l| l.rect_of(target)));
        if let Some(around) = hovered.and_then(|target| rect_of(&target)) {
            painter.ring(around, camera, false);
        }
        if let Some(marks) = marks {
            painter.paint(&marks);
        }
        let own = flow.zip(ways).filter(|(flow, ways)| ways.routes.len() == flow.packets.len());
        let (texts, list) = (stage.texts.now(), app.player.list.now());
        let sight = Sight { view: camera.view(canvas), texts: &texts };
        // They may hold where the one that is followed does no more.
        let others = stage.others.get();
        if !others.is_empty() {
            let own = own.as_ref().map(|(flow, ways)| Own { flow, ways, list: &list });
            let (_, dots) = crowd::packets(own, &others, ms, sight);
            let mut picture = Picture::default();
            crowd::draw(&mut picture, &others, &dots, ms, sight);
            painter.paint(&picture);
        }
        if let Some(flights) = stage.flights.get() {
            let followed = own.as_ref().map(|(flow, _)| flow.summary.flow);
            stage.dots.update_quietly(|dots| {
                let Some(dots) = dots else { return };
                dots.begin(canvas, camera, &palette);
                swarm::paint((dots, &painter), &flights, (ms, sight), stage.pointed.get(), followed);
            });
            // A number that changes with every frame cannot be read.
            let now = platform::now_ms();
            if now - counted.get() >= COUNT_MS || !app.player.playing.now() {
                counted.set(now);
                stage.moving.put(flights.at(ms).moving);
            }
        }
        if let Some((flow, ways)) = own {
            painter.paint(&motion::motion(&flow, &ways, &list, ms, sight));
        }
        if let Some(picture) = above(stage) {
            painter.paint(&picture);
        }
        if let Some(around) = focused.and_then(|target| rect_of(&target)) {
            painter.ring(around, camera, true);
        }
    });
}

/// What lies above packets: the line that is being drawn from a sender, and the marks of "Ping all".
fn above(stage: Stage) -> Option<Picture> {
    let (drag, reach) = (stage.drag.get(), stage.reach.get());
    let pointed = [stage.hovered.get(), stage.pinned.get(), stage.focused.get()];
    let service = pointed.into_iter().flatten().find_map(|target| match target {
        Target::Service(service) => Some(service),
        _ => None,
    });
    if drag.is_none() && reach.is_none() && service.is_none() {
        return None;
    }
    let (layout, camera) = (stage.layout.now()?, stage.camera.now());
    let view = camera.view(stage.canvas.now());
    let mut picture = Picture::default();
    if let Some((service, scene)) = service.zip(stage.app.scene.now()) {
        picture = shelf::threads(&scene, &layout, service);
    }
    if reach.is_some() {
        let (texts, marks) = (stage.texts.now(), stage.marks.get());
        // A swarm shows where each packet ends by itself.
        if stage.flights.peek(Option::is_none) {
            picture.squares.clone_from(&marks.squares.squares);
        }
        signs::draw(&mut picture, &marks.signs, Sight { view, texts: &texts }, &[]);
    }
    if let Some(drag) = drag {
        let from = layout.handle_of(&drag.from)?.center();
        let over = drag.over.as_ref().and_then(|over| layout.handle_of(over));
        let pen = Stroke { tone: Tone::Accent, width: 2.0 / camera.scale, dashed: over.is_none() };
        let to = camera.to_world(drag.at);
        picture.prims.push(Prim::Line { points: vec![from, to], stroke: pen, opacity: 1.0, arrow: true });
        if let Some(rect) = over {
            let rect = rect.grown(3.0);
            picture.prims.push(Prim::Box { rect, radius: 10.0, fill: None, stroke: Some(pen), shadow: false });
        }
    }
    Some(picture)
}

/// The map of a large layout; dragging in it moves the camera.
fn map(stage: Stage) -> El {
    let wanted = derived(move || {
        let (camera, size) = (stage.camera.get(), stage.canvas.get());
        stage.layout.with(|layout| layout.as_ref().is_some_and(|layout| minimap::is_wanted(layout, camera, size)))
    });
    parts::made_when(move || wanted.get(), move || map_of(stage, wanted))
}

fn map_of(stage: Stage, wanted: Var<bool>) -> El {
    let canvas = el("canvas").class("map").attr("aria-hidden", "true");
    let of: HtmlCanvasElement = canvas.cast();
    let to = move |event: web_sys::Event| {
        let event: &web_sys::PointerEvent = event.unchecked_ref();
        let (Some(layout), true) = (stage.layout.now(), event.buttons() & 1 == 1) else { return };
        if let Some(map) = event.current_target().and_then(|map| map.dyn_into::<web_sys::Element>().ok()) {
            let _ = map.set_pointer_capture(event.pointer_id());
        }
        let at = point(f64::from(event.offset_x()), f64::from(event.offset_y()));
        let camera = minimap::moved_to(&layout, stage.camera.now(), at, stage.canvas.now());
        // Ends a flight, too.
        stage.pan(0.0, 0.0);
        stage.camera.set(camera);
    };
    let own = Canvas { width: minimap::WIDTH, height: minimap::HEIGHT, unit: 1.0 };
    // Thousands of squares are drawn once; with each turn of the wheel only the frame is.
    let under: HtmlCanvasElement = el("canvas").cast();
    let drawn = under.clone();
    let palette: Var<Option<Rc<Palette>>> = Var::new(None);
    effect(move || {
        stage.app.theme_epoch.track();
        let Some(layout) = stage.layout.get().filter(|_| wanted.get()) else { return };
        let colours = Rc::new(Palette::read());
        if let Some(painter) = Painter::begin(&under, own, minimap::camera(&layout), &colours) {
            painter.paint(&minimap::still(&layout));
        }
        palette.set(Some(colours));
    });
    effect(move || {
        let (Some(palette), camera, size) = (palette.get(), stage.camera.get(), stage.canvas.get()) else { return };
        let Some(layout) = stage.layout.now().filter(|_| wanted.get()) else { return };
        if let Some(painter) = Painter::begin(&of, own, minimap::camera(&layout), &palette) {
            painter.copy(&drawn);
            painter.paint(&minimap::frame(&layout, camera, size));
        }
    });
    canvas.hidden_of(move || !wanted.get()).on("pointerdown", to).on("pointermove", to)
}

/// The canvas of a swarm's packets, below what else moves.
fn swarm_canvas(stage: Stage, canvas: El) -> El {
    stage.dots.set(Some(Dots::new(canvas.cast())));
    effect(move || {
        stage.app.theme_epoch.track();
        stage.dots.update_quietly(|dots| dots.iter_mut().for_each(Dots::recolour));
    });
    effect(move || {
        if stage.flights.with(Option::is_none) {
            stage.dots.update_quietly(|dots| dots.iter_mut().for_each(Dots::clear));
        }
    });
    // All of them in sight.
    effect(move || {
        if stage.app.swarm.with(Option::is_some) {
            platform::soon(move || stage.fit());
        }
    });
    canvas
}

/// How many play beside the one that is followed, or how many of them have come.
fn together_words(stage: Stage) -> String {
    let app = stage.app;
    if let Some((come, all)) = app.swarming.get() {
        return ["Bringing ", &come.to_string(), " of ", &all.to_string(), " flows … "].concat();
    }
    if let Some(flights) = stage.flights.get() {
        let (all, moving) = (flights.len().to_string(), stage.moving.get().to_string());
        return [&all, " flows, ", &moving, " packets on their way. "].concat();
    }
    match app.beside.with(Vec::len) {
        1 => "1 more flow at the same time. ".to_string(),
        count => [&count.to_string(), " more flows at the same time. "].concat(),
    }
}

/// The conversation and where its packet is, in words.
fn heading(stage: Stage) -> El {
    let app = stage.app;
    let title = move || match app.flow.get() {
        Some(flow) => flow.summary.title.clone(),
        None if app.scene.with(Option::is_some) => "Cluster".to_string(),
        None => "Starting the cluster …".to_string(),
    };
    let now = move || {
        let Some((flow, (packet, step))) = app.flow.get().zip(app.player.beat.get()) else { return String::new() };
        let Some(packet) = flow.packets.get(packet) else { return String::new() };
        let Some(step) = packet.steps.get(step) else { return String::new() };
        [&packet.title, " · ", &step.title, " · ", &crate::journey::model::where_of(step)].concat()
    };
    let outdated = derived(move || app.outdated());
    let again = move || {
        if let Some(Again(Some(line))) = outdated.now() {
            app.run(line);
        }
    };
    let note = el("div")
        .class("outdated")
        .hidden_of(move || outdated.with(Option::is_none))
        .text("Recorded before the cluster changed. ")
        .kid(parts::link("Run it again", again).hidden_of(move || outdated.with(|known| *known == Some(Again(None)))));
    // Beside several packets one would say too little.
    let several = move || !app.beside.with(Vec::is_empty) || app.swarm.with(Option::is_some);
    let wanted = move || several() || app.swarming.with(Option::is_some);
    let together = parts::made_when(wanted, move || {
        el("div")
            .class("outdated")
            .hidden_of(move || !wanted())
            .kid(el("span").text_of(move || together_words(stage)))
            .kid(parts::link("Only this one", move || app.only_followed()))
    });
    // Where its packet was is no place in the cluster of now.
    let now = el("p").text_of(now).hidden_of(move || outdated.with(Option::is_some) || several());
    el("div").class("heading").kid(el("h2").text_of(title)).kid(now).kid(note).kid(together)
}
