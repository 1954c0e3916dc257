//! What each reader sets for their own eyes. Kept in this browser; start.js puts it on `<html>` before anything is drawn.

use crate::dom::{El, Nodes, Var, button, el};
use crate::parts;
use crate::platform;
use crate::state::App;

/// A choice: the name of its `data-` attribute and in the storage, its legend, and its values with their words. The first
/// value is what holds without a choice.
struct Setting {
    name: &'static str,
    legend: &'static str,
    values: &'static [(&'static str, &'static str)],
}

const SETTINGS: [Setting; 5] = [
    Setting { name: "theme", legend: "Theme", values: &[("", "As the system"), ("light", "Light"), ("dark", "Dark")] },
    Setting {
        name: "size",
        legend: "Text",
        values: &[("", "Normal"), ("large", "Large"), ("projector", "Projector: larger, more contrast")],
    },
    Setting { name: "density", legend: "Rows", values: &[("", "Comfortable"), ("compact", "Compact: more in sight")] },
    Setting {
        name: "motion",
        legend: "Packets",
        values: &[("", "Move, unless the system asks for less motion"), ("steps", "Go from step to step")],
    },
    Setting {
        name: "explain",
        legend: "Journey",
        values: &[("", "Explains what each step is"), ("short", "Facts only")],
    },
];

/// The button and its dialog.
pub fn settings(app: App) -> Nodes {
    let asked = Var::new(0);
    let icon = parts::icon(
        "M2 4h7v1.4H2zM12.4 4H14v1.4h-1.6zM10 2.9h1.5v3.6H10zM2 10.6h2.4V12H2zM7.8 10.6H14V12H7.8zM5.2 9.5h1.5v3.6H5.2z",
    );
    let open = button("ghost").id("open-settings").attr("aria-haspopup", "dialog").label("Settings").title("Settings");
    vec![
        open.kid(icon).on_click(move || asked.update(|asked| *asked += 1)),
        parts::dialog_when_asked(asked, move || dialog(app)),
    ]
}

fn dialog(app: App) -> El {
    let dialog = el("dialog")
        .class("help settings")
        .attr("aria-labelledby", "settings-title")
        .kid(el("h2").id("settings-title").text("Settings"))
        .kids(SETTINGS.iter().map(|setting| group(app, setting)).collect());
    let close = parts::close_button(&dialog);
    dialog.kid(close)
}

fn group(app: App, setting: &'static Setting) -> El {
    let chosen = Var::new(now(setting.name));
    let options = setting.values.iter().map(|(value, words)| {
        let radio =
            el("input").attr("type", "radio").attr("name", setting.name).attr("value", value).on("change", move |_| {
                choose(app, setting.name, value);
                chosen.set(value.to_string());
            });
        let input: web_sys::HtmlInputElement = radio.cast();
        crate::dom::effect(move || {
            app.theme_epoch.track();
            chosen.track();
            input.set_checked(now(setting.name) == *value);
        });
        el("label").kid(radio).text(words)
    });
    el("fieldset").kid(el("legend").text(setting.legend)).kids(options.collect())
}

fn now(name: &str) -> String {
    platform::root().dataset().get(name).unwrap_or_default()
}

/// Sets and keeps a choice; an empty value takes it back.
pub fn choose(app: App, name: &str, value: &str) {
    let key = ["podhop.", name].concat();
    if value.is_empty() {
        let _ = platform::root().remove_attribute(&["data-", name].concat());
        platform::forget(&key);
    } else {
        platform::set_root_data(name, value);
        platform::store(&key, value);
    }
    app.theme_epoch.update(|epoch| *epoch += 1);
}
