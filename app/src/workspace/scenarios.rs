//! What can be opened in place of the present session.

use super::saved::Saved;
use crate::dom::{El, Nodes, Var, button, el};
use crate::opening;
use crate::parts::{self, CLOSE, icon_button};
use crate::shown::Notice;
use crate::state::App;
use podhop_engine::protocol::{ReplyBody, RequestBody, ScenarioView, ShelfView};
use std::rc::Rc;
use web_sys::HtmlDialogElement;

/// The title of the session, which opens the list.
pub fn menu(app: App) -> Nodes {
    let shelves: Var<Vec<ShelfView>> = Var::new(Vec::new());
    let asked = Var::new(0);
    let open = move || {
        asked.update(|asked| *asked += 1);
        if shelves.peek(Vec::is_empty) {
            app.ask(RequestBody::Scenarios, move |reply| {
                if let ReplyBody::Scenarios(all) = reply {
                    shelves.set(all);
                }
            });
        }
    };
    let title = el("span").text_of(move || app.title.get());
    let arrow = el("span").attr("aria-hidden", "true").text(" ▾");
    let button = button("scenario").id("open-scenario").attr("aria-haspopup", "dialog").kid(title).kid(arrow);
    vec![button.on_click(open), parts::dialog_when_asked(asked, move || dialog(app, shelves))]
}

fn dialog(app: App, shelves: Var<Vec<ShelfView>>) -> El {
    let dialog = el("dialog")
        .class("help scenarios")
        .attr("aria-labelledby", "scenarios-title")
        .kid(el("h2").id("scenarios-title").text("Open a scenario"))
        .part("p", "", "Your present files are replaced; a notice offers them back.");
    let shown: HtmlDialogElement = dialog.cast();
    let close = move || shown.close();
    let closing = parts::close_button(&dialog);
    let listed = move || {
        let mut kids = vec![el("ul").kids(plain(app, &close))];
        shelves.with(|shelves| kids.extend(shelves.iter().flat_map(|shelf| listed_shelf(app, shelf, &close))));
        kids
    };
    dialog.kid(el("div").class("shelves").live(listed)).kid(closing)
}

fn plain(app: App, close: &(impl Fn() + Clone + 'static)) -> Nodes {
    let (opens, empties) = (close.clone(), close.clone());
    vec![
        choice("Start over", "As the page opens: two Pods, and one ping between two nodes.", move || {
            opens();
            begin(app, Saved::opening());
        }),
        choice("Empty cluster", "A control plane and two workers, nothing of one's own.", move || {
            empties();
            begin(app, Saved::blank());
        }),
    ]
}

fn listed_shelf(app: App, shelf: &ShelfView, close: &(impl Fn() + Clone + 'static)) -> Nodes {
    let row = |scenario: &ScenarioView| {
        let (id, close) = (scenario.id.clone(), close.clone());
        choice(&scenario.title, &scenario.summary, move || {
            close();
            open(app, &id);
        })
    };
    vec![el("h3").text(&shelf.title), el("ul").kids(shelf.scenarios.iter().map(row).collect())]
}

fn choice(title: &str, summary: &str, act: impl FnMut() + 'static) -> El {
    el("li").kid(button("choice").part("b", "", title).part("span", "", summary).on_click(act))
}

/// Opens a scenario: its commands run until one of them sends a packet.
pub fn open(app: App, id: &str) {
    app.ask(RequestBody::Scenario { id: id.to_string() }, move |reply| match reply {
        ReplyBody::Scenario(script) => {
            let title = script.title;
            begin(
                app,
                Saved { title, seed: opening::SEED, files: script.files, commands: script.commands, typed: vec![] },
            );
        }
        ReplyBody::Error(why) => app.notice.set(Some(Notice::text(&why))),
        _ => {}
    });
}

/// Opens a session; what one has made before is a click away. What was only looked at is not offered.
pub fn begin(app: App, next: Saved) {
    let own = app.kept.now() || !app.began.peek(|began| app.saved().same_texts(began));
    if own { put_aside(app, next) } else { app.begin(next, false) }
}

/// Opens a session; whatever was there before is a click away.
pub fn put_aside(app: App, next: Saved) {
    let before = app.saved();
    app.begin(next, false);
    if before.is_opening() {
        return;
    }
    let back = Rc::new(move || app.begin(before.clone(), false));
    let text = "Your files were put aside.";
    app.notice.set(Some(Notice { text: text.into(), action: Some(("Bring them back".into(), back)) }));
}

/// The scenario's next command, above the terminal.
pub fn next(app: App) -> El {
    let line = move || app.script.with(|script| script.first().cloned().unwrap_or_default());
    let left = move || match app.script.with(Vec::len) {
        0 | 1 => String::new(),
        count => ["then ", &(count - 1).to_string(), " more"].concat(),
    };
    el("div")
        .class("next")
        .attr("role", "group")
        .label("The scenario's next command")
        .hidden_of(move || app.script.with(Vec::is_empty))
        .part("span", "dev", "Next")
        .kid(el("code").text_of(line))
        .kid(el("span").class("dev").text_of(left))
        .kid(button("pill").text("Run").on_click(move || app.run_next()))
        .kid(icon_button("Leave the scenario", CLOSE, move || app.script.update(Vec::clear)))
}
