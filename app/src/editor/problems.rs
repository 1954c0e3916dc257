//! Diagnostics under the text.

use super::model;
use crate::state::App;
use leptos::prelude::*;
use podhop_engine::protocol::DiagnosticView;

/// More than these are counted, not listed.
const SHOWN_MAX: usize = 50;

pub fn problems(app: App) -> AnyView {
    let rows = move || {
        let diagnostics = app.diagnostics.get();
        diagnostics.iter().take(SHOWN_MAX).map(|diagnostic| row(app, diagnostic)).collect::<Vec<AnyView>>()
    };
    let more = move || app.diagnostics.with(Vec::len).saturating_sub(SHOWN_MAX);
    view! {
        <div class="problems" role="region" aria-label="Problems" hidden=move || app.diagnostics.with(Vec::is_empty)>
            <ul aria-live="polite">{rows}</ul>
            <p class="note" hidden=move || more() == 0>{more} " more"</p>
        </div>
    }
    .into_any()
}

fn row(app: App, diagnostic: &DiagnosticView) -> AnyView {
    let at = diagnostic.at.clone();
    let label = [&at.line.to_string(), ":", &at.column.to_string()].concat();
    let other_file = app.active_file.with_untracked(|active| *active != at.file);
    let label = if other_file { [&at.file, ":", &label].concat() } else { label };
    let (sign, word) = match diagnostic.severity.as_str() {
        "error" => ("✕", "error"),
        "warning" => ("▲", "warning"),
        _ => ("●", "note"),
    };
    let fix = diagnostic.fix.clone().map(|(range, text)| {
        let apply = move |_| {
            let fixed = app.files.with_untracked(|files| {
                let file = files.iter().find(|file| file.name == range.file)?;
                Some(model::replaced(&file.text, &range, &text))
            });
            if let Some(fixed) = fixed {
                app.replace_text(&range.file, fixed);
            }
        };
        view! { <button type="button" class="link" on:click=apply>"Fix"</button> }
    });
    let hint = diagnostic.hint.clone();
    view! {
        <li class=["problem ", word].concat()>
            <span class="sign" aria-hidden="true">{sign}</span>
            <span>
                <button
                    type="button"
                    class="link where"
                    aria-label=[word, " at line ", &label].concat()
                    on:click=move |_| app.show_text(&at)
                >
                    {label}
                </button>
                " " {diagnostic.message.clone()}
                <span class="hint" hidden=hint.is_none()>" " {hint.clone().unwrap_or_default()}</span>
                " " {fix}
            </span>
        </li>
    }
    .into_any()
}
