//! The agent: one process per cluster, alone in a mount namespace and with network namespaces of its own.
//!
//! It builds the cluster with the exported script, opens the listening sockets, sends the probes for real and reports
//! what the kernel made of them. Everything it makes hangs on the process: when it ends, in whatever way, the kernel
//! takes the namespaces away.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the kernel's time is real time")]

mod namespaces;
mod probing;
mod sockets;

use crate::job::{Job, Line};
use std::io::Write;
use std::time::Instant;

pub type Result<T> = std::result::Result<T, String>;

/// Reads a [`Job`] from standard input and writes a [`Line`] per answer to standard output.
pub fn main() {
    if let Err(error) = run() {
        print(&Line::Failed(error));
    }
}

fn run() -> Result<()> {
    let started = Instant::now();
    let job: Job = serde_json::from_reader(std::io::stdin()).map_err(|error| format!("the job: {error}"))?;
    namespaces::isolate()?;
    namespaces::build(&job.script)?;
    let namespaces = namespaces::open(&job.namespaces)?;
    let built_ms = started.elapsed().as_millis() as u64;
    let started = Instant::now();
    let mut lines = probing::probe(&job, &namespaces)?;
    namespaces::forget_neighbors(&namespaces)?;
    lines.push(Line::Done { built_ms, probed_ms: started.elapsed().as_millis() as u64 });
    lines.iter().for_each(print);
    Ok(())
}

fn print(line: &Line) {
    let text = serde_json::to_string(line).unwrap_or_default();
    // The referee has gone if this fails; there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{text}");
}
