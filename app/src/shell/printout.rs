//! The page on paper: the picture, the conversation and the manifests, and nothing to click. Made when the browser is
//! about to print, and taken away afterwards.

use crate::dom::{El, Nodes, el};
use crate::editor::model;
use crate::few::Few;
use crate::journey::model::{Group, change_value, groups, where_of};
use crate::parts;
use crate::platform;
use crate::state::App;
use gloo::events::EventListener;
use podhop_engine::protocol::{FileView, FlowView, StepView};
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

const ID: &str = "printout";

pub fn listen(app: App) {
    let window = platform::window();
    EventListener::new(&window, "beforeprint", move |_| {
        take_away();
        if let Some(body) = platform::document().body() {
            let _ = body.append_child(&printout(app).0);
        }
    })
    .forget();
    EventListener::new(&window, "afterprint", |_| take_away()).forget();
}

fn take_away() {
    if let Some(old) = platform::element(ID) {
        old.remove();
    }
}

fn printout(app: App) -> El {
    let sheet = el("article").id(ID).part("h1", "", &["podhop: ", &app.title.now()].concat());
    let cni = app.scene.peek(|scene| scene.as_ref().map(|scene| scene.cni.clone()));
    let sheet = sheet.kids(cni.map(|cni| el("p").text("CNI: ").text(&cni)).into_iter().collect());
    let flow = app.flow.now();
    let sheet = sheet.kids(picture(flow.as_deref()).into_iter().collect());
    let sheet = match &flow {
        Some(flow) => sheet.kids(conversation(flow)),
        None => sheet,
    };
    sheet.kids(app.files.peek(|files| files.iter().flat_map(manifest).collect()))
}

/// Both layers of the stage in one, on the ground that their colours were made for.
fn picture(flow: Option<&FlowView>) -> Option<El> {
    let layers = platform::document().query_selector_all(".canvases canvas").ok()?;
    let layer = |index| layers.item(index)?.dyn_into::<HtmlCanvasElement>().ok();
    let still = layer(0).filter(|still| still.width() > 1 && still.client_width() > 1)?;
    let what = flow.map_or("the cluster", |flow| flow.summary.title.as_str());
    let made = el("canvas").attr("role", "img").label(&["Picture of ", what].concat());
    let canvas: HtmlCanvasElement = made.cast();
    canvas.set_width(still.width());
    canvas.set_height(still.height());
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    for layer in [Some(still), layer(1)].into_iter().flatten() {
        let _ = context.draw_image_with_html_canvas_element(&layer, 0.0, 0.0);
    }
    Some(made.style("background", &platform::token("--paper")))
}

fn conversation(flow: &FlowView) -> Nodes {
    let summary = &flow.summary;
    let end = parts::verdict(summary.end_kind, &summary.end);
    let mut nodes = vec![el("h2").text(&summary.title).text(" ").kid(end)];
    if !summary.reason.is_empty() {
        nodes.push(el("p").text(&summary.reason));
    }
    nodes.extend(groups(flow, &Few::default()).iter().flat_map(|group| packet(flow, group)));
    nodes
}

fn packet(flow: &FlowView, group: &Group) -> Nodes {
    let end = parts::verdict(group.end, &group.end_word);
    let heading = el("h3").text(&group.title).text(", ").text(&group.ends).text(" ").kid(end);
    if group.repeats {
        return vec![heading, el("p").text("The same way as before.")];
    }
    let steps = flow.packets[group.packet].steps.iter().map(step).collect();
    vec![heading, el("ol").kids(steps)]
}

fn step(step: &StepView) -> El {
    let row = el("li").part("b", "", &step.title).text(" ").part("span", "dev", &where_of(step));
    let row = row.text(". ").text(&step.sentence);
    let row = row.kids(
        step.changes
            .iter()
            .map(|change| el("code").text(&change.field).text(" ").text(&change_value(change)))
            .collect(),
    );
    match &step.cause {
        Some(cause) => row.kid(el("div").part("code", "", &cause.text).text(" · ").text(&cause.origin.label)),
        None => row,
    }
}

fn manifest(file: &FileView) -> Nodes {
    let (text, cut) = model::shown(&file.text);
    if text.trim_end().is_empty() {
        return Vec::new();
    }
    let mut nodes = vec![el("h2").text(&file.name), el("pre").text(text.trim_end())];
    if cut {
        let size = model::megabytes(&file.text);
        nodes.push(el("p").text(&["Only the beginning of ", &size, " is printed."].concat()));
    }
    nodes
}
