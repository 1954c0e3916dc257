//! One object: facts, how its network came to be, its YAML.

#[cfg(target_arch = "wasm32")]
mod view;
#[cfg(target_arch = "wasm32")]
pub use view::object;
