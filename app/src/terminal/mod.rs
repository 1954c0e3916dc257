//! The console: what was typed and printed, and one line to type.

pub mod history;
#[cfg(target_arch = "wasm32")]
pub mod view;
