//! Brand, scenario, what the cluster runs, theme, help.

use crate::dom::{El, Var, button, el, svg};
use crate::opening;
use crate::platform;
use crate::state::App;

pub fn header(app: App) -> El {
    let cni = move || app.scene.with(|scene| scene.as_ref().map(|scene| scene.cni.clone()).unwrap_or_default());
    el("header")
        .kid(el("h1").class("brand").kid(mark()).text("podhop"))
        .part("span", "scenario", opening::TITLE)
        .part("span", "grow", "")
        .kid(
            el("span")
                .class("fact")
                .hidden_of(move || app.scene.with(Option::is_none))
                .part("small", "", "CNI")
                .kid(el("span").text_of(cni)),
        )
        .part("span", "grow", "")
        .kid(theme_button(app))
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
        .kid(svg("path").attr("d", "M5.5 9C7 3.5 15 3.5 16.5 9"))
}

fn theme_button(app: App) -> El {
    let dark = Var::new(is_dark());
    platform::on_media("(prefers-color-scheme: dark)", move || {
        dark.put(is_dark());
        app.theme_epoch.update(|epoch| *epoch += 1);
    });
    button("ghost")
        .attr_of("aria-label", move || [if dark.get() { "Dark" } else { "Light" }, " theme, change it"].concat())
        .on_click(move || {
            let theme = if is_dark() { "light" } else { "dark" };
            platform::set_root_data("theme", theme);
            platform::store("podhop.theme", theme);
            dark.put(theme == "dark");
            app.theme_epoch.update(|epoch| *epoch += 1);
        })
        .kid(el("span").attr("aria-hidden", "true").text_of(move || if dark.get() { "☾ " } else { "☀ " }.to_string()))
        .kid(el("span").text_of(move || if dark.get() { "Dark" } else { "Light" }.to_string()))
}

fn is_dark() -> bool {
    match platform::root().dataset().get("theme").as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => platform::media("(prefers-color-scheme: dark)"),
    }
}
