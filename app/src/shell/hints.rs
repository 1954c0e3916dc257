//! What to do next where there is nothing to see yet.

use crate::dom::{El, button, derived, el};
use crate::editor::files;
use crate::opening;
use crate::parts;
use crate::platform;
use crate::state::App;
use podhop_engine::protocol::Scene;

/// Above a cluster without Pods of one's own.
pub fn no_pods(app: App) -> El {
    let empty = derived(move || app.scene.with(|scene| scene.as_ref().is_some_and(|scene| is_empty(scene))));
    parts::made_when(
        move || empty.get(),
        move || {
            let add = move || {
                files::open_text(app, opening::FILE, opening::MANIFEST.to_string());
                app.run(["kubectl apply -f ", &app.active_file.now()].concat());
            };
            el("div")
                .class("hint")
                .attr("role", "note")
                .hidden_of(move || !empty.get())
                .part("h3", "", "No Pods of your own yet")
                .part("p", "", "Write one as YAML, or drop a file or a dump of your cluster on the page.")
                .kid(
                    el("p")
                        .kid(button("button").text("Add two Pods").on_click(add))
                        .kid(button("button").text("Open a scenario").on_click(scenarios)),
                )
        },
    )
}

/// In place of an editor without a file.
pub fn no_files(app: App) -> El {
    let none = derived(move || app.scene.with(Option::is_some) && app.files.with(Vec::is_empty));
    parts::made_when(
        move || none.get(),
        move || {
            el("div")
                .class("hint")
                .attr("role", "note")
                .hidden_of(move || !none.get())
                .part("h3", "", "No file is open")
                .part("p", "", "Drop or paste YAML anywhere on the page, or begin with an empty file.")
                .kid(el("p").kid(button("button").text("New file").on_click(move || {
                    files::open_text(app, "new.yaml", String::new());
                })))
        },
    )
}

fn scenarios() {
    if let Some(open) = platform::element("open-scenario") {
        open.click();
    }
}

/// In a very large cluster the Pods are only counted.
fn is_empty(scene: &Scene) -> bool {
    scene.pending.is_empty()
        && scene
            .nodes
            .iter()
            .all(|node| node.pods.len() == node.pods_count as usize && node.pods.iter().all(|pod| pod.system))
}
