//! The list of offers, above the line.

use super::offers::Offers;
use crate::dom::{El, Nodes, Var, effect, el};
use crate::platform;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

pub const ID: &str = "term-offers";

fn row_id(index: usize) -> String {
    ["term-offer-", &index.to_string()].concat()
}

/// The list; `accept` takes the row that was clicked.
pub fn list(offers: Var<Offers>, field: &HtmlInputElement, accept: impl Fn() + Clone + 'static) -> El {
    let rows = move || -> Nodes {
        offers.with(|now| {
            let selected = now.selected();
            let rows = now.rows().into_iter().enumerate().map(|(index, (text, about))| {
                let accept = accept.clone();
                el("li")
                    .attr("role", "option")
                    .id(&row_id(index))
                    .attr("aria-selected", if index == selected { "true" } else { "false" })
                    .part("span", "what", text)
                    .part("span", "about", about)
                    // The input keeps the focus.
                    .on("mousedown", |event| event.prevent_default())
                    .on("click", move |event| {
                        event.stop_propagation();
                        let by = index as isize - offers.peek(Offers::selected) as isize;
                        offers.update(|offers| offers.step(by));
                        accept();
                    })
            });
            rows.collect()
        })
    };
    let list = el("ul").attr("role", "listbox").id(ID).label("Completions").live(rows);
    let list = list.hidden_of(move || offers.with(|offers| offers.rows().is_empty()));
    let note = el("p").class("offers-note").attr("role", "status").text_of(move || offers.with(Offers::summary));
    let popup = el("div").class("offers").hidden_of(move || !offers.with(Offers::is_open)).kid(list).kid(note);
    let (placed, field) = (popup.clone(), field.clone());
    effect(move || {
        let Some(selected) = offers.with(|offers| offers.is_open().then(|| offers.selected())) else {
            let _ = field.remove_attribute("aria-activedescendant");
            return;
        };
        let _ = field.set_attribute("aria-activedescendant", &row_id(selected));
        place(&placed, &field);
        let (list, row) = (platform::element(ID), platform::element(&row_id(selected)));
        if let Some((list, row)) = list.zip(row) {
            // What is selected is in view, without moving the page.
            let (top, bottom) = (row.offset_top(), row.offset_top() + row.offset_height());
            if top < list.scroll_top() {
                list.set_scroll_top(top);
            } else if bottom > list.scroll_top() + list.client_height() {
                list.set_scroll_top(bottom - list.client_height());
            }
        }
    });
    popup
}

/// Above the input, wherever the panel is scrolled to.
fn place(popup: &El, field: &HtmlInputElement) {
    let rect = field.get_bounding_client_rect();
    let root = platform::root();
    let px = |value: f64| [&(value.round() as i64).to_string(), "px"].concat();
    let height = f64::from(root.client_height());
    let width = f64::from(popup.0.unchecked_ref::<web_sys::HtmlElement>().offset_width());
    let left = rect.left().min(f64::from(root.client_width()) - width - 8.0).max(8.0);
    let _ = popup.clone().style("left", &px(left)).style("bottom", &px(height - rect.top() + 4.0));
}
