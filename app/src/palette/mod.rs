//! One field that finds everything that can be done: actions, panels, scenarios, and the cluster's Pods and nodes.

pub mod model;

#[cfg(target_arch = "wasm32")]
mod view;
#[cfg(target_arch = "wasm32")]
pub use view::palette;
