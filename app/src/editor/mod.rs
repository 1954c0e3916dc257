//! The manifests: a text area with line numbers, colours and underlined diagnostics, and in its place, when its chunk has
//! come, CodeMirror (`bridge`, app/editor).

#[cfg(target_arch = "wasm32")]
mod bridge;
#[cfg(target_arch = "wasm32")]
pub mod files;
pub mod groups;
#[cfg(target_arch = "wasm32")]
mod incoming;
pub mod model;
pub mod names;
#[cfg(target_arch = "wasm32")]
mod problems;
#[cfg(target_arch = "wasm32")]
mod reply;
#[cfg(target_arch = "wasm32")]
pub mod view;
