//! Who can open a connection to whom: the matrix, what an edit has changed of it, and what keeps one from another.

pub mod model;

#[cfg(target_arch = "wasm32")]
mod view;

#[cfg(target_arch = "wasm32")]
pub use view::reach;
