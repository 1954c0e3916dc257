//! The Linux kernel as referee: the same probes in real network namespaces and in the simulation.

use anyhow::Result;

use crate::command::{cargo, quiet, run, watch};
use crate::setup::is_root;
use crate::steps::Tally;

/// Random clusters, simulated and real; some of them with Services, in the modes whose rules are programmed, and some with
/// Calico and NetworkPolicies.
pub fn check() -> Result<Tally> {
    let mut tally = referee(&["--clusters", "60", "--seed", "1"])?;
    for mode in ["iptables", "nftables"] {
        tally += referee(&["--clusters", "12", "--seed", "11", "--proxy", mode])?;
    }
    tally += referee(&["--clusters", "60", "--seed", "1", "--cni", "calico"])?;
    Ok(tally)
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
    let mut referee = cargo("run --quiet --locked --release --package podhop-referee --");
    Tally::of_program(referee.args(args))
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
