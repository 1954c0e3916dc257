//! Brand, scenario, what the cluster runs, theme, help.

use crate::opening;
use crate::platform;
use crate::state::App;
use leptos::prelude::*;

pub fn header(app: App) -> AnyView {
    let cni = move || app.scene.with(|scene| scene.as_ref().map(|scene| scene.cni.clone()));
    let dark = RwSignal::new(is_dark());
    platform::on_media("(prefers-color-scheme: dark)", move || {
        dark.set(is_dark());
        app.theme_epoch.update(|epoch| *epoch += 1);
    });
    let toggle = move |_| {
        let theme = if is_dark() { "light" } else { "dark" };
        platform::set_root_data("theme", theme);
        platform::store("podhop.theme", theme);
        dark.set(theme == "dark");
        app.theme_epoch.update(|epoch| *epoch += 1);
    };
    view! {
        <header>
            <h1 class="brand">
                <svg viewBox="0 0 22 22" aria-hidden="true">
                    <rect x="2" y="11" width="7" height="7" rx="1.8" />
                    <rect x="13" y="11" width="7" height="7" rx="1.8" />
                    <path d="M5.5 9C7 3.5 15 3.5 16.5 9" />
                </svg>
                "podhop"
            </h1>
            <span class="scenario">{opening::TITLE}</span>
            <span class="grow"></span>
            <span class="fact" hidden=move || cni().is_none()>
                <small>"CNI"</small>
                {move || cni().unwrap_or_default()}
            </span>
            <span class="grow"></span>
            <button
                type="button"
                class="ghost"
                aria-pressed=move || if dark.get() { "true" } else { "false" }
                on:click=toggle
            >
                {move || if dark.get() { "☾ Dark" } else { "☀ Light" }}
            </button>
            {super::help::help()}
        </header>
    }
    .into_any()
}

fn is_dark() -> bool {
    match platform::root().dataset().get("theme").as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => platform::media("(prefers-color-scheme: dark)"),
    }
}
