//! YAML text → object trees with source positions, typed projections and diagnostics.
pub mod node;
pub use node::{Key, Node, Span, Value};
