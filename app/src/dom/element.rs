//! Building elements.

use super::effect;
use crate::platform::document;
use wasm_bindgen::prelude::*;
use web_sys::{Element, Event};

/// An element under construction. Attributes and children are added by chaining.
#[derive(Clone)]
pub struct El(pub Element);

pub type Nodes = Vec<El>;

pub fn el(tag: &str) -> El {
    El(document().create_element(tag).unwrap_throw())
}

/// A `<button type="button">`.
pub fn button(class: &str) -> El {
    el("button").attr("type", "button").class(class)
}

/// An element of a drawing.
pub fn svg(tag: &str) -> El {
    El(document().create_element_ns(Some("http://www.w3.org/2000/svg"), tag).unwrap_throw())
}

impl El {
    pub fn attr(self, name: &str, value: &str) -> El {
        let _ = self.0.set_attribute(name, value);
        self
    }

    pub fn class(self, class: &str) -> El {
        self.attr("class", class)
    }

    pub fn id(self, id: &str) -> El {
        self.attr("id", id)
    }

    pub fn label(self, label: &str) -> El {
        self.attr("aria-label", label)
    }

    pub fn title(self, title: &str) -> El {
        self.attr("title", title)
    }

    /// Appends text.
    pub fn text(self, text: &str) -> El {
        let _ = self.0.append_with_str_1(text);
        self
    }

    pub fn kid(self, child: El) -> El {
        let _ = self.0.append_child(&child.0);
        self
    }

    pub fn kids(self, children: Nodes) -> El {
        for child in children {
            let _ = self.0.append_child(&child.0);
        }
        self
    }

    /// Appends a child of tag `tag` with a class and a text.
    pub fn part(self, tag: &str, class: &str, text: &str) -> El {
        let child = el(tag);
        self.kid(if class.is_empty() { child.text(text) } else { child.class(class).text(text) })
    }

    pub fn hidden(self, hidden: bool) -> El {
        let _ = self.0.toggle_attribute_with_force("hidden", hidden);
        self
    }

    /// A style property, through CSSOM: style attributes are forbidden.
    pub fn style(self, name: &str, value: &str) -> El {
        set_style(&self.0, name, value);
        self
    }

    pub fn on(self, event: &str, act: impl FnMut(Event) + 'static) -> El {
        self.listen(event, Box::new(act))
    }

    fn listen(self, event: &str, act: Box<dyn FnMut(Event)>) -> El {
        // The collector of JavaScript frees the closure with the element.
        let act = Closure::wrap(act).into_js_value();
        let _ = self.0.add_event_listener_with_callback(event, act.unchecked_ref());
        self
    }

    pub fn on_click(self, mut act: impl FnMut() + 'static) -> El {
        self.listen("click", Box::new(move |_| act()))
    }

    // What follows changes with the values that the closure reads.

    pub fn attr_of(self, name: &'static str, value: impl Fn() -> String + 'static) -> El {
        let of = self.0.clone();
        effect(move || {
            let _ = of.set_attribute(name, &value());
        });
        self
    }

    pub fn bool_of(self, name: &'static str, value: impl Fn() -> bool + 'static) -> El {
        let of = self.0.clone();
        effect(move || {
            let _ = of.set_attribute(name, if value() { "true" } else { "false" });
        });
        self
    }

    pub fn class_of(self, class: &'static str, on: impl Fn() -> bool + 'static) -> El {
        let of = self.0.clone();
        effect(move || {
            let _ = of.class_list().toggle_with_force(class, on());
        });
        self
    }

    pub fn hidden_of(self, hidden: impl Fn() -> bool + 'static) -> El {
        let of = self.0.clone();
        effect(move || {
            let _ = of.toggle_attribute_with_force("hidden", hidden());
        });
        self
    }

    pub fn style_of(self, name: &'static str, value: impl Fn() -> String + 'static) -> El {
        let of = self.0.clone();
        effect(move || set_style(&of, name, &value()));
        self
    }

    pub fn text_of(self, text: impl Fn() -> String + 'static) -> El {
        let of = self.0.clone();
        effect(move || of.set_text_content(Some(&text())));
        self
    }

    /// All children are made anew whenever what they are made of changes.
    pub fn live(self, children: impl Fn() -> Nodes + 'static) -> El {
        let of = self.0.clone();
        effect(move || {
            let children = children();
            of.replace_children_with_str_0();
            for child in children {
                let _ = of.append_child(&child.0);
            }
        });
        self
    }

    pub fn cast<T: JsCast>(&self) -> T {
        self.0.clone().unchecked_into()
    }
}

fn set_style(element: &Element, name: &str, value: &str) {
    let style = element.unchecked_ref::<web_sys::HtmlElement>().style();
    let _ = style.set_property(name, value);
}
