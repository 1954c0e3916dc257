//! `kubectl`, modelled on version 1.34.

pub mod duration;
pub mod flags;
pub mod go;

pub mod jsonpath;
pub mod resource;
pub mod table;

use super::machine::Machine;
use super::shell::{Io, Session};

/// Runs `kubectl` with its arguments and returns its exit status.
pub fn run(_machine: &mut Machine<'_>, _argv: &[String], _session: &mut Session, io: &mut Io) -> i32 {
    io.err("error: the server is not reachable\n");
    1
}
