//! The Linux kernel as referee: the same probes in real network namespaces and in the simulation.

use anyhow::Result;

use crate::command::{cargo, quiet, run, watch};
use crate::setup::is_root;
use crate::steps::Tally;

/// Random clusters, simulated and real.
pub fn check() -> Result<Tally> {
    referee(&["--clusters", "60", "--seed", "1"])
}

/// The simulated side broken on purpose: each difference must be caught.
pub fn check_mutations() -> Result<Tally> {
    referee(&["--clusters", "10", "--seed", "1", "--mutate"])
}

/// `cargo xtask referee …`: the arguments go to the referee as they are.
pub fn pass_through(args: &[String]) -> Result<bool> {
    watch(cargo("run --quiet --locked --release --package podhop-referee --").args(args), |_| ())
}

fn referee(args: &[&str]) -> Result<Tally> {
    if let Err(reason) = usable() {
        println!("skipped: {reason}");
        return Ok(Tally::SKIPPED);
    }
    run(&mut cargo("build --quiet --locked --release --package podhop-referee"))?;
    let mut tally = Tally::NOTHING;
    let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
    let mut referee = cargo("run --quiet --locked --release --package podhop-referee --");
    let passed = watch(referee.args(&args), |line| tally += counted(line).unwrap_or(Tally::NOTHING))?;
    if tally == Tally::NOTHING {
        tally = Tally::of(passed);
    } else if !passed && tally.failed == 0 {
        tally += Tally::FAILED;
    }
    Ok(tally)
}

/// The referee's own summary: `N passed, N failed`.
fn counted(line: &str) -> Option<Tally> {
    let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some(Tally { passed: passed.parse().ok()?, failed: failed.parse().ok()?, skipped: 0 })
}

/// Whether network namespaces can be made here; tries it.
fn usable() -> Result<(), &'static str> {
    if !is_root() {
        return Err("the kernel referee needs root");
    }
    let name = format!("podhop-xtask-{}", std::process::id());
    if quiet("ip", &["netns", "add", &name]).is_none() {
        return Err("the kernel referee needs network namespaces: `ip netns add` fails here");
    }
    quiet("ip", &["netns", "delete", &name]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_referees_summary_is_counted() {
        assert_eq!(counted("812 passed, 3 failed"), Some(Tally { passed: 812, failed: 3, skipped: 0 }));
        assert_eq!(counted("12 clusters agree"), None);
    }
}
