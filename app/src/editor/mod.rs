//! The manifests: a text area with line numbers, colours and underlined diagnostics.

pub mod model;
#[cfg(target_arch = "wasm32")]
mod problems;
#[cfg(target_arch = "wasm32")]
pub mod view;
