//! The console: terminals, each with what was typed and printed, and one line to type.

pub mod history;
#[cfg(target_arch = "wasm32")]
mod input;
pub mod line;
#[cfg(target_arch = "wasm32")]
mod list;
#[cfg(target_arch = "wasm32")]
mod log;
pub mod names;
pub mod offers;
pub mod reveal;
pub mod tabs;
#[cfg(target_arch = "wasm32")]
pub mod view;
