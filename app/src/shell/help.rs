//! The keys, in a dialog.

use leptos::html::Dialog;
use leptos::prelude::*;

const KEYS: [(&str, &str); 12] = [
    ("Space", "play or pause"),
    ("→  ←", "one step on, one step back"),
    ("Home  End", "first step, last step"),
    ("Tab", "from area to area; the cluster is one stop"),
    ("arrows", "in the cluster: through nodes, Pods and devices"),
    ("Enter", "in the cluster: look at it; on a node far away: open it"),
    ("+  −  0", "in the cluster: closer, further, all of it"),
    ("drag, wheel, pinch", "move and zoom the cluster"),
    ("↑  ↓", "in the terminal: earlier commands"),
    ("Ctrl-C", "in the terminal: stop the command"),
    ("Ctrl-L", "in the terminal: clear"),
    ("Esc", "in the editor: leave with the next Tab"),
];

pub fn help() -> AnyView {
    let dialog = NodeRef::<Dialog>::new();
    let open = move |_| {
        if let Some(dialog) = dialog.get_untracked() {
            let _ = dialog.show_modal();
        }
    };
    let close = move |_| {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let rows: Vec<AnyView> = KEYS
        .iter()
        .map(|(keys, what)| {
            view! {
                <tr>
                    <th scope="row">
                        <kbd>{*keys}</kbd>
                    </th>
                    <td>{*what}</td>
                </tr>
            }
            .into_any()
        })
        .collect();
    view! {
        <button type="button" class="ghost" aria-haspopup="dialog" on:click=open>
            "? Help"
        </button>
        <dialog class="help" node_ref=dialog aria-labelledby="help-title">
            <h2 id="help-title">"Keys"</h2>
            <table>
                <tbody>{rows}</tbody>
            </table>
            <p>
                "Every step of a packet names the row of a table that decided it, and the line of YAML that made the row. "
                "Ping prints as busybox prints it, because that is what runs in these Pods; the iputils version words its summary a little differently."
            </p>
            <button type="button" class="ghost" on:click=close>
                "Close"
            </button>
        </dialog>
    }
    .into_any()
}
