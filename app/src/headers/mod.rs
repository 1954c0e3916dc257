//! The headers of the packet at the present step, layer by layer, and its bytes.

pub mod hex;
#[cfg(target_arch = "wasm32")]
mod view;
#[cfg(target_arch = "wasm32")]
pub use view::headers;
