//! The session beyond the page: links to it, its copy in this browser's storage, and what can be opened in its place.

pub mod saved;

#[cfg(target_arch = "wasm32")]
pub mod keep;
#[cfg(target_arch = "wasm32")]
mod pack;
#[cfg(target_arch = "wasm32")]
pub mod scenarios;
#[cfg(target_arch = "wasm32")]
pub mod share;
