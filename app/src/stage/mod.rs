//! The stage: pure functions from scene to layout to primitives; only `paint` touches a canvas.

pub mod camera;
pub mod card;
pub mod geometry;
#[cfg(target_arch = "wasm32")]
mod gestures;
pub mod layout;
pub mod mirror;
pub mod motion;
#[cfg(target_arch = "wasm32")]
mod paint;
pub mod picture;
pub mod prim;
pub mod room;
pub mod route;
pub mod signs;
pub mod text;
#[cfg(target_arch = "wasm32")]
mod tree;
#[cfg(target_arch = "wasm32")]
pub mod view;

#[cfg(test)]
mod tests;
