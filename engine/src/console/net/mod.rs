//! Network tools: what can be run in a container, on a node and on the student's own machine.

use super::machine::Machine;
use super::shell::{Io, Session};

/// Runs a tool; None if it is not one of these or this place does not have it.
pub fn run(machine: &mut Machine<'_>, argv: &[String], _session: &mut Session, io: &mut Io) -> Option<i32> {
    match argv.first()?.as_str() {
        "hostname" => {
            let name = machine.hostname();
            io.out(&format!("{name}\n"));
            Some(0)
        }
        _ => None,
    }
}
