//! The keys, in a dialog.

use crate::dom::{El, Nodes, Var, button, el};
use crate::parts;

const KEYS: &[(&str, &str)] = &[
    ("Space", "play or pause"),
    ("→  ←", "one step on, one step back"),
    ("Home  End", "first step, last step"),
    ("L", "begin again at the end, or no longer"),
    ("↑  ↓", "in the journey: from step to step"),
    ("Tab", "from area to area; the cluster is one stop"),
    ("arrows", "in the cluster: through nodes, Pods and devices"),
    ("Enter", "in the cluster: look at it; on a node far away: open it"),
    ("+  −  0", "in the cluster: closer, further, all of it"),
    ("S  P  F", "in the cluster: send from it, ping all from it, break something there"),
    ("/", "find a Pod, node or Service by name, IP, namespace or label"),
    ("drag a Pod", "to another Pod or node: send"),
    ("drag, wheel, pinch", "move and zoom the cluster"),
    ("Tab", "in the terminal: complete; on an empty line, or after Esc: leave"),
    ("↑  ↓", "in the terminal: earlier commands, or through what is offered"),
    ("Ctrl-R", "in the terminal: search earlier commands; Enter runs one, Tab edits it"),
    ("Ctrl-C", "in the terminal: stop the command, or forget the line"),
    ("Ctrl-L", "in the terminal: clear"),
    ("Ctrl-A  Ctrl-E", "in the terminal: to the start, to the end of the line"),
    ("Ctrl-U  Ctrl-K  Ctrl-W", "in the terminal: cut to the start, to the end, the word; Ctrl-Y puts it back"),
    ("Ctrl-D", "in the terminal: leave a Pod or a node"),
    ("↑  ↓", "in the output: from link to link; Enter follows it"),
    ("Delete", "on a terminal's tab: close it"),
    ("Ctrl-K, ⌘K", "find an action, a Pod, a Service or a node"),
    ("Ctrl-Z  Ctrl-Shift-Z", "take back what changed the cluster, bring it again; in the editor: what was typed"),
    ("Esc", "in the editor: leave with the next Tab"),
    ("Ctrl-Space", "in the editor: what may stand here"),
    ("Ctrl-Shift-Space", "in the editor: what this is"),
    ("F8  Shift-F8", "in the editor: next problem, the one before"),
    ("Ctrl-.", "in the editor: mend the problem here"),
    ("F12, Ctrl-click", "in the editor: look at the object"),
    ("Ctrl-F  Ctrl-/", "in the editor: search; comment in or out"),
];

/// The button and its dialog.
pub fn help() -> Nodes {
    let asked = Var::new(0);
    let open = button("ghost")
        .id("open-help")
        .attr("aria-haspopup", "dialog")
        .label("Help")
        .kid(el("span").attr("aria-hidden", "true").text("?"))
        .kid(el("span").class("wide").text(" Help"))
        .on_click(move || asked.update(|asked| *asked += 1));
    vec![open, parts::dialog_when_asked(asked, dialog)]
}

fn dialog() -> El {
    let rows = KEYS
        .iter()
        .map(|(keys, what)| el("tr").kid(el("th").attr("scope", "row").part("kbd", "", keys)).part("td", "", what));
    let about = "Every step of a packet names the row of a table that decided it, and the line of YAML that made the row. \
                 Ping prints as busybox prints it, because busybox is what runs in these Pods; iputils' ping words its \
                 summary a little differently.";
    let missing = "Not simulated yet: Cilium's kube-proxy replacement and its own policies; Calico's BGP sessions and host \
                   endpoints; service meshes; Ingress and Gateway API. Their manifests are kept and listed, and podhop \
                   says that they have no effect.";
    let dialog = el("dialog")
        .class("help")
        .attr("aria-labelledby", "help-title")
        .kid(el("h2").id("help-title").text("Keys"))
        .kid(el("table").kid(el("tbody").kids(rows.collect())))
        .part("p", "", about)
        .part("p", "", missing);
    let close = parts::close_button(&dialog);
    dialog.kid(close)
}
