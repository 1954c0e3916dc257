//! podhop's engine.
pub mod cluster;
pub mod console;
pub mod manifest;
pub mod net;
pub mod protocol;
pub mod tables;
pub mod trace;
