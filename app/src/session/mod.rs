//! The only module that speaks the protocol: numbers questions, hands out answers, coalesces edits, and starts a new
//! worker from the last good state when the old one traps or is stopped.

pub mod good;
#[cfg(target_arch = "wasm32")]
mod link;
#[cfg(target_arch = "wasm32")]
pub use link::{Restart, Session};
