//! Brand, scenario, what the cluster runs, theme, help.

use crate::dom::{El, Var, button, effect, el, svg};
use crate::platform;
use crate::state::App;

pub fn header(app: App) -> El {
    let cni = move || app.scene.with(|scene| scene.as_ref().map(|scene| scene.cni.clone()).unwrap_or_default());
    el("header")
        .kid(el("h1").class("brand").kid(mark()).kid(el("span").text("pod").part("i", "", "hop")))
        .kids(crate::workspace::scenarios::menu(app))
        .part("span", "grow", "")
        .kid(
            el("span")
                .class("fact")
                .hidden_of(move || app.scene.with(Option::is_none))
                .part("small", "", "CNI")
                .kid(el("span").text_of(cni)),
        )
        .part("span", "grow", "")
        .kids(crate::workspace::share::share(app))
        .kid(theme_button(app))
        .kids(super::settings::settings(app))
        .kids(super::help::help())
}

fn mark() -> El {
    let house =
        |x: &str| svg("rect").attr("x", x).attr("y", "11").attr("width", "7").attr("height", "7").attr("rx", "1.8");
    svg("svg")
        .attr("viewBox", "0 0 22 22")
        .attr("aria-hidden", "true")
        .kid(house("2"))
        .kid(house("13"))
        .kid(svg("path").attr("d", "M5.5 8.5C6.8 1.5 15.2 1.5 16.5 8M13.5 6.2l3 2.3L19 5.5"))
}

/// As the system, light, dark, and as the system again.
fn theme_button(app: App) -> El {
    let chosen = Var::new(theme());
    platform::on_media("(prefers-color-scheme: dark)", move || {
        app.theme_epoch.update(|epoch| *epoch += 1);
    });
    effect(move || {
        app.theme_epoch.track();
        chosen.put(theme());
    });
    button("ghost")
        .attr_of("aria-label", move || [chosen.get().1, " theme, change it"].concat())
        .on_click(move || super::settings::choose(app, "theme", chosen.now().2))
        .kid(el("span").attr("aria-hidden", "true").text_of(move || chosen.get().0.to_string()))
        .kid(el("span").class("wide").text_of(move || chosen.get().1.to_string()))
}

/// The sign and the word of the theme that is chosen, and the next one.
fn theme() -> (&'static str, &'static str, &'static str) {
    match platform::root().dataset().get("theme").as_deref() {
        Some("dark") => ("☾ ", "Dark", ""),
        Some("light") => ("☀ ", "Light", "dark"),
        _ => ("◐ ", "System", "light"),
    }
}
