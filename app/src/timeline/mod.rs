//! The conversation as lanes over time: a lane for each Pod, node and wire, what was sent above the line, what came back
//! below it.

pub mod model;

#[cfg(target_arch = "wasm32")]
mod view;
#[cfg(target_arch = "wasm32")]
pub use view::timeline;
