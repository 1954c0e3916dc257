//! Diagnostics under the text.

use super::groups::{Group, groups};
use super::model;
use crate::dom::{El, button, el};
use crate::parts::link;
use crate::state::App;
use podhop_engine::protocol::{DiagnosticView, FileView};

/// More than these are counted, not listed.
const SHOWN_MAX: usize = 50;

pub fn problems(app: App) -> El {
    let rows = move || {
        let all = app.diagnostics.get();
        if all.is_empty() {
            return Vec::new();
        }
        let groups = groups(&all);
        let mut rows: Vec<El> = groups.iter().take(SHOWN_MAX).map(|group| grouped(app, &all, group)).collect();
        rows.extend(more(groups.len()));
        rows
    };
    el("div")
        .class("problems")
        .attr("role", "region")
        .label("Problems")
        .hidden_of(move || app.diagnostics.with(Vec::is_empty))
        .kid(el("ul").attr("aria-live", "polite").live(rows))
}

/// How many beyond those that are listed.
fn more(count: usize) -> Option<El> {
    let more = count.checked_sub(SHOWN_MAX).filter(|more| *more > 0)?;
    Some(el("li").class("note").text(&more.to_string()).text(" more"))
}

fn grouped(app: App, all: &[DiagnosticView], group: &Group) -> El {
    let folded = |indices: &[usize], words: [&str; 2]| {
        let (count, words) = (indices.len(), if indices.len() == 1 { words[0] } else { words[1] });
        let list: Vec<El> = indices.iter().take(SHOWN_MAX).map(|index| row(app, &all[*index])).collect();
        let list = el("ul").kids(list.into_iter().chain(more(count)).collect());
        el("details").kid(el("summary").text(&count.to_string()).text(words)).kid(list)
    };
    let mut first = row(app, &all[group.first]);
    if !group.like.is_empty() {
        first = first.kid(folded(&group.like, [" more like it", " more like it"]));
    }
    if !group.follows.is_empty() {
        first = first.kid(folded(&group.follows, [" problem follows from it", " problems follow from it"]));
    }
    first
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
