//! One command under two settings, side by side.

pub mod model;

#[cfg(target_arch = "wasm32")]
mod view;

#[cfg(target_arch = "wasm32")]
pub use view::compare;
