//! The keys, in a dialog.

use crate::dom::{Nodes, button, el};
use web_sys::HtmlDialogElement;

const KEYS: [(&str, &str); 16] = [
    ("Space", "play or pause"),
    ("→  ←", "one step on, one step back"),
    ("Home  End", "first step, last step"),
    ("↑  ↓", "in the journey: from step to step"),
    ("Tab", "from area to area; the cluster is one stop"),
    ("arrows", "in the cluster: through nodes, Pods and devices"),
    ("Enter", "in the cluster: look at it; on a node far away: open it"),
    ("+  −  0", "in the cluster: closer, further, all of it"),
    ("S  P", "in the cluster: send from it, ping all from it"),
    ("/", "find a Pod or node by name, IP, namespace or label"),
    ("drag a Pod", "to another Pod or node: send"),
    ("drag, wheel, pinch", "move and zoom the cluster"),
    ("↑  ↓", "in the terminal: earlier commands"),
    ("Ctrl-C", "in the terminal: stop the command"),
    ("Ctrl-L", "in the terminal: clear"),
    ("Esc", "in the editor: leave with the next Tab"),
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
