//! The keys, in a dialog.

use crate::dom::{Nodes, button, el};
use web_sys::HtmlDialogElement;

const KEYS: [(&str, &str); 19] = [
    ("Space", "play or pause"),
    ("→  ←", "one step on, one step back"),
    ("Home  End", "first step, last step"),
    ("↑  ↓", "in the journey: from step to step"),
    ("Tab", "from area to area; the cluster is one stop"),
    ("arrows", "in the cluster: through nodes, Pods and devices"),
    ("Enter", "in the cluster: look at it; on a node far away: open it"),
    ("+  −  0", "in the cluster: closer, further, all of it"),
    ("drag, wheel, pinch", "move and zoom the cluster"),
    ("↑  ↓", "in the terminal: earlier commands"),
    ("Ctrl-C", "in the terminal: stop the command"),
    ("Ctrl-L", "in the terminal: clear"),
    ("Esc", "in the editor: leave with the next Tab"),
    ("Ctrl-Space", "in the editor: what may stand here"),
    ("Ctrl-Shift-Space", "in the editor: what this is"),
    ("F8  Shift-F8", "in the editor: next problem, the one before"),
    ("Ctrl-.", "in the editor: mend the problem here"),
    ("F12, Ctrl-click", "in the editor: look at the object"),
    ("Ctrl-F  Ctrl-/", "in the editor: search; comment in or out"),
];

pub fn help() -> Nodes {
    let rows = KEYS
        .iter()
        .map(|(keys, what)| el("tr").kid(el("th").attr("scope", "row").part("kbd", "", keys)).part("td", "", what));
    let about = "Every step of a packet names the row of a table that decided it, and the line of YAML that made the row. \
                 Ping prints as busybox prints it, because busybox is what runs in these Pods; iputils' ping words its \
                 summary a little differently.";
    let dialog = el("dialog")
        .class("help")
        .attr("aria-labelledby", "help-title")
        .kid(el("h2").id("help-title").text("Keys"))
        .kid(el("table").kid(el("tbody").kids(rows.collect())))
        .part("p", "", about);
    let shown: HtmlDialogElement = dialog.cast();
    let closed = shown.clone();
    let dialog = dialog.kid(button("ghost").text("Close").on_click(move || closed.close()));
    let open = button("ghost").attr("aria-haspopup", "dialog").text("? Help").on_click(move || {
        let _ = shown.show_modal();
    });
    vec![open, dialog]
}
