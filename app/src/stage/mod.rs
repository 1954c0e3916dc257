//! The stage: pure functions from scene to layout to primitives; only `paint` touches a canvas.

pub mod camera;
pub mod geometry;
pub mod layout;
pub mod motion;
pub mod picture;
pub mod prim;
pub mod room;
pub mod route;
#[cfg(test)]
mod tests;
pub mod text;
