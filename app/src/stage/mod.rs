//! The stage: pure functions from scene to layout to primitives; only `paint` touches a canvas.

#[cfg(target_arch = "wasm32")]
mod acts;
pub mod camera;
pub mod card;
#[cfg(target_arch = "wasm32")]
mod cards;
pub mod change_marks;
pub mod changed;
#[cfg(target_arch = "wasm32")]
mod changes;
pub mod crowd;
pub mod facts;
pub mod faults;
pub mod find;
#[cfg(target_arch = "wasm32")]
mod finder;
pub mod geometry;
#[cfg(target_arch = "wasm32")]
mod gestures;
pub mod layout;
#[cfg(target_arch = "wasm32")]
mod menu;
pub mod minimap;
pub mod mirror;
pub mod motion;
#[cfg(target_arch = "wasm32")]
mod paint;
pub mod picture;
#[cfg(target_arch = "wasm32")]
mod pixels;
pub mod prim;
pub mod reach;
pub mod room;
pub mod route;
pub mod send;
#[cfg(target_arch = "wasm32")]
mod sending;
pub mod shelf;
pub mod signs;
pub mod stack;
pub mod swarm;
pub mod text;
#[cfg(target_arch = "wasm32")]
mod tools;
#[cfg(target_arch = "wasm32")]
mod tree;
#[cfg(target_arch = "wasm32")]
pub mod view;

#[cfg(test)]
mod tests;
