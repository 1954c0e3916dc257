//! Small parts that several panels share.

use crate::state::Tab;
use leptos::ev::KeyboardEvent;
use leptos::prelude::*;

/// A drawn sign, 16 × 16.
pub fn icon(path: &'static str) -> AnyView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d=path />
        </svg>
    }
    .into_any()
}

pub const PLAY: &str = "M5 3v10l8-5z";
pub const PAUSE: &str = "M4 3h3v10H4zM9 3h3v10H9z";
pub const FIRST: &str = "M3 3h2v10H3zM13 3v10L5.5 8z";
pub const BACK: &str = "M11 3v10L4 8z";
pub const FORWARD: &str = "M5 3v10l7-5z";
pub const LAST: &str = "M11 3h2v10h-2zM3 3v10l7.5-5z";
pub const PLUS: &str = "M7.2 3h1.6v4.2H13v1.6H8.8V13H7.2V8.8H3V7.2h4.2z";
pub const MINUS: &str = "M3 7.2h10v1.6H3z";
pub const FIT: &str = "M2 2h5v1.6H3.6V7H2zM9 2h5v5h-1.6V3.6H9zM2 9h1.6v3.4H7V14H2zM12.4 9H14v5H9v-1.6h3.4z";
pub const CLOSE: &str = "M4 3l4 4 4-4 1 1-4 4 4 4-1 1-4-4-4 4-1-1 4-4-4-4z";

/// A button that shows a sign.
pub fn icon_button(label: &'static str, path: &'static str, on: impl Fn() + 'static) -> AnyView {
    view! {
        <button type="button" class="round" aria-label=label title=label on:click=move |_| on()>
            {icon(path)}
        </button>
    }
    .into_any()
}

/// One tab of a list: what it selects, the id of its panel, and its text.
pub type TabItem = (Tab, &'static str, Signal<String>);

/// A list of tabs; arrow keys move between them.
pub fn tabs(label: &'static str, items: Vec<TabItem>, selected: RwSignal<Tab>) -> AnyView {
    let order: Vec<(Tab, &'static str)> = items.iter().map(|(tab, panel, _)| (*tab, *panel)).collect();
    let on_key = move |event: KeyboardEvent| {
        let at = order.iter().position(|(tab, _)| *tab == selected.get_untracked()).unwrap_or(0);
        let to = match event.key().as_str() {
            "ArrowRight" => (at + 1) % order.len(),
            "ArrowLeft" => (at + order.len() - 1) % order.len(),
            "Home" => 0,
            "End" => order.len() - 1,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        selected.set(order[to].0);
        crate::platform::focus(&tab_id(order[to].1));
    };
    let buttons: Vec<AnyView> = items
        .into_iter()
        .map(|(tab, panel, text)| {
            let on = move || selected.get() == tab;
            view! {
                <button
                    type="button"
                    role="tab"
                    class="tab"
                    id=tab_id(panel)
                    aria-controls=panel
                    aria-selected=move || if on() { "true" } else { "false" }
                    tabindex=move || if on() { "0" } else { "-1" }
                    on:click=move |_| selected.set(tab)
                >
                    {text}
                </button>
            }
            .into_any()
        })
        .collect();
    view! {
        <div class="tabs" role="tablist" aria-label=label on:keydown=on_key>
            {buttons}
        </div>
    }
    .into_any()
}

fn tab_id(panel: &str) -> String {
    ["tab-", panel].concat()
}

/// The panel of a tab.
pub fn panel(id: &'static str, tab: Tab, selected: RwSignal<Tab>, inside: AnyView) -> AnyView {
    view! {
        <div
            role="tabpanel"
            class="panel"
            id=id
            aria-labelledby=tab_id(id)
            tabindex="-1"
            hidden=move || selected.get() != tab
        >
            {inside}
        </div>
    }
    .into_any()
}

pub fn fixed(text: &'static str) -> Signal<String> {
    Signal::derive(move || text.to_string())
}
