//! Elements, and effects that change them. Everything a panel is made of goes through these few functions, each of
//! which exists once in the wasm module, whatever closure it is given.

mod element;
mod var;

pub use element::{El, Nodes, button, el, svg};
pub use var::Var;

use leptos::prelude::{RenderEffect, StoredValue};

/// Runs `run` now, and again whenever something it has read has changed, until the effect that contains this one runs
/// again.
pub fn effect(run: impl FnMut() + 'static) {
    boxed(Box::new(run));
}

fn boxed(mut run: Box<dyn FnMut()>) {
    let effect = RenderEffect::new(move |_: Option<()>| run());
    // Owned by the effect around it, which drops it before it runs again.
    StoredValue::new_local(effect);
}

/// A value that is computed from others and changes only when the result does.
pub fn derived<T: PartialEq + Clone + 'static>(compute: impl Fn() -> T + 'static) -> Var<T> {
    let var = Var::new(compute());
    effect(move || var.put(compute()));
    var
}
