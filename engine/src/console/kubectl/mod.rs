//! `kubectl`, modelled on version 1.34.

pub mod duration;
pub mod json;
pub mod jsonpath;
pub mod table;
