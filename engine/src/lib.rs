//! podhop's engine.
pub mod net;
pub mod manifest;
