//! Every check, in the order in which a failure is cheapest to find.

pub mod browser;
mod conformance;
mod dns;
mod parity;
pub mod referee;
mod rust;
mod scenarios;
mod shape;

use anyhow::{Result, bail};

use crate::args::Args;
use crate::steps::{Step, Steps, Tally};
use crate::{dist, setup, size};

/// Name and what to run.
const STEPS: [(&str, Step); 16] = [
    ("setup", setup_all),
    ("fmt", rust::fmt),
    ("shape of the code", shape::check),
    ("clippy", rust::clippy),
    ("clippy for wasm", rust::clippy_wasm),
    ("docs", rust::docs),
    ("rust tests", rust::tests),
    ("scenarios", scenarios::check),
    ("conformance", conformance_all),
    ("parity of native and wasm", parity::check),
    ("kernel referee", referee::check),
    ("kernel referee with mutations", referee::check_mutations),
    ("site", dist::build),
    ("compress", dist::compress),
    ("size", size::check),
    ("browser tests", browser::check),
];

/// Reachability, then names.
fn conformance_all() -> Result<Tally> {
    let mut tally = conformance::check()?;
    tally += dns::check()?;
    Ok(tally)
}

/// Runs all steps, or those asked for, and ends with one line that counts every check.
pub fn run(args: &mut Args) -> Result<bool> {
    if args.flag("--list") {
        STEPS.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(true);
    }
    let mut only = Vec::new();
    while let Some(name) = args.value("--only")? {
        if !STEPS.iter().any(|(step, _)| step.starts_with(&name)) {
            bail!("no step begins with `{name}`; `cargo xtask test --list` names them");
        }
        only.push(name);
    }
    args.finish()?;
    let chosen: Vec<_> =
        STEPS.iter().filter(|(step, _)| only.is_empty() || only.iter().any(|name| step.starts_with(name))).collect();
    let mut steps = Steps::new(chosen.len());
    for (name, step) in chosen {
        steps.run(name, step);
    }
    steps.print_table();
    let passed = steps.finish();
    println!("\n{}", steps.total());
    Ok(passed)
}

fn setup_all() -> Result<Tally> {
    setup::build()?;
    setup::browser()
}
