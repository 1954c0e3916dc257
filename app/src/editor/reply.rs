//! Completions and documentation as the editor takes them.

use super::bridge::{put, set};
use js_sys::{Array, Object};
use podhop_engine::protocol::{Completion, ReplyBody};
use wasm_bindgen::JsValue;

/// null for whatever is no answer.
pub fn of(reply: &ReplyBody) -> JsValue {
    let object = JsValue::from(Object::new());
    let place = |line: u32, from: u32, to: u32| {
        for (name, value) in [("line", line), ("from", from), ("to", to)] {
            put(&object, name, &value.into());
        }
    };
    match reply {
        ReplyBody::Completions(found) => {
            place(found.line, found.column, found.end_column);
            put(&object, "items", &found.items.iter().map(item).collect::<Array>());
        }
        ReplyBody::Hover(Some(view)) => {
            place(view.line, view.column, view.end_column);
            set(&object, "title", &view.title);
            set(&object, "text", &view.text);
        }
        _ => return JsValue::NULL,
    }
    object
}

fn item(item: &Completion) -> JsValue {
    let object = JsValue::from(Object::new());
    let texts = [
        ("label", &item.label),
        ("insert", &item.insert),
        ("detail", &item.detail),
        ("kind", &item.kind),
        ("info", &item.info),
    ];
    for (name, text) in texts {
        set(&object, name, text);
    }
    object
}
