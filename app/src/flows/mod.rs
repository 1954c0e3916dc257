//! The conversations so far.

pub mod filter;
pub mod recorded;
pub mod swarm;
pub mod together;
#[cfg(target_arch = "wasm32")]
mod view;
#[cfg(target_arch = "wasm32")]
pub use view::flows;
