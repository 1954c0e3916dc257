//! Diagnostics under the text.

use super::model;
use crate::dom::{El, button, el};
use crate::parts::link;
use crate::state::App;
use podhop_engine::protocol::{DiagnosticView, FileView};

/// More than these are counted, not listed.
const SHOWN_MAX: usize = 50;

pub fn problems(app: App) -> El {
    let rows = move || {
        let mut diagnostics = app.diagnostics.get();
        if diagnostics.len() > 1 {
            diagnostics.sort_by_key(|diagnostic| match diagnostic.severity.as_str() {
                "error" => 0,
                "warning" => 1,
                _ => 2,
            });
        }
        let mut rows: Vec<El> = diagnostics.iter().take(SHOWN_MAX).map(|diagnostic| row(app, diagnostic)).collect();
        if let Some(more) = diagnostics.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            rows.push(el("li").class("note").text(&more.to_string()).text(" more"));
        }
        rows
    };
    el("div")
        .class("problems")
        .attr("role", "region")
        .label("Problems")
        .hidden_of(move || app.diagnostics.with(Vec::is_empty))
        .kid(el("ul").attr("aria-live", "polite").live(rows))
}

fn row(app: App, diagnostic: &DiagnosticView) -> El {
    let at = diagnostic.at.clone();
    let read_only = |files: &Vec<FileView>| files.iter().find(|file| file.name == at.file).map(|file| file.read_only);
    let file = app.files.with(read_only);
    let mut label = [&at.line.to_string(), ":", &at.column.to_string()].concat();
    if app.active_file.with(|active| *active != at.file) {
        label = [&at.file, ":", &label].concat();
    }
    let (sign, class) = match diagnostic.severity.as_str() {
        "error" => ("✕", "problem error"),
        "warning" => ("▲", "problem warning"),
        _ => ("●", "problem note"),
    };
    let spoken = [&diagnostic.severity, " at line ", &label].concat();
    let mut text = match file.is_some() {
        true => el("span")
            .kid(button("link where").label(&spoken).text(&label).on_click(move || app.show_text(&at)))
            .text(" "),
        // What no file says stands nowhere that could be shown.
        false => el("span").part("span", "unseen", &[&diagnostic.severity, ": "].concat()),
    };
    text = text.text(&diagnostic.message);
    if let Some(hint) = &diagnostic.hint {
        text = text.text(" ").part("span", "advice", hint);
    }
    if let Some((range, by)) = diagnostic.fix.clone().filter(|_| file == Some(false)) {
        let by_text = by.clone();
        let fix = move || {
            let fixed = app.files.peek(|files| {
                let file = files.iter().find(|file| file.name == range.file)?;
                Some(model::replaced(&file.text, &range, &by))
            });
            if let Some(fixed) = fixed {
                app.replace_text(&range.file, fixed);
            }
        };
        let what = ["Fix: write ", &by_text].concat();
        text = text.text(" ").kid(link("Fix", fix).title(&what));
    }
    el("li").class(class).kid(el("span").class("sign").attr("aria-hidden", "true").text(sign)).kid(text)
}
