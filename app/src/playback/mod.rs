//! Playing a recorded conversation.

#[cfg(target_arch = "wasm32")]
pub mod player;
pub mod playlist;
#[cfg(target_arch = "wasm32")]
pub mod view;
