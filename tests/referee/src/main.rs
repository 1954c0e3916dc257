//! The Linux kernel as referee of the simulation.
//!
//! Random clusters are simulated, exported with the same code as `podhop export netns`, and built in real network
//! namespaces; the same probes are sent in both, and every answer is compared: verdict, who answered, ICMP type, code
//! and MTU, and the source and TTL that the receiver saw. There is no list of tolerated differences.
//!
//! `podhop-referee --clusters N --seed S [--mutate] [--jobs N] [--cni flannel|calico] [--proxy iptables|nftables]`; cluster i
//! has seed S + i, so a disagreement is looked at again with `--clusters 1 --seed` and its own. Needs root, and leaves nothing behind (see [`agent`]).

mod agent;
mod choose;
mod contest;
mod family;
mod generate;
mod job;
mod kernel;
mod mutate;
mod outcome;
mod policies;
mod random;
mod report;
mod room;
mod rules;
mod services;
mod simulate;
mod tiers;

use contest::{Contest, Mutations};
use podhop_engine::cluster::{CniName, ProxyMode};
use report::Counts;
use room::Room;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Copy, Debug)]
struct Options {
    clusters_count: u64,
    seed: u64,
    mutate: bool,
    jobs: u64,
    kind: ClusterKind,
}

/// What kind of clusters are compared.
#[derive(Clone, Copy, Debug)]
struct ClusterKind {
    /// With Calico there are NetworkPolicies.
    cni: CniName,
    /// With Services, in this mode of kube-proxy.
    proxy: Option<ProxyMode>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["agent"] {
        agent::main();
        return ExitCode::SUCCESS;
    }
    match options(&arguments) {
        Ok(options) if run(options) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!(
                "error: {error}\nusage: podhop-referee [--clusters N] [--seed S] [--mutate] [--jobs N] [--cni NAME] [--proxy MODE]"
            );
            ExitCode::from(2)
        }
    }
}

fn options(arguments: &[String]) -> Result<Options, String> {
    // Most of a cluster's time is waiting for ARP to give up.
    let kind = ClusterKind { cni: CniName::Flannel, proxy: None };
    let mut options = Options { clusters_count: 60, seed: 1, mutate: false, jobs: 12, kind };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<u64, String> {
            let value = arguments.next().ok_or_else(|| format!("{argument} needs a number"))?;
            value.parse().map_err(|_| format!("{argument} needs a number, not {value:?}"))
        };
        match argument.as_str() {
            "--clusters" => options.clusters_count = number()?,
            "--seed" => options.seed = number()?,
            "--jobs" => options.jobs = number()?.clamp(1, 64),
            "--proxy" => {
                let mode = arguments.next().ok_or("--proxy needs a mode")?;
                options.kind.proxy = Some(mode.parse()?);
            }
            "--cni" => match arguments.next().ok_or("--cni needs a name")?.parse()? {
                CniName::Cilium => {
                    return Err("Cilium's programs are not loaded into a kernel: flannel or calico".into());
                }
                cni => options.kind.cni = cni,
            },
            "--mutate" => options.mutate = true,
            _ => return Err(format!("unknown argument {argument:?}")),
        }
    }
    Ok(options)
}

impl ClusterKind {
    /// Other clusters than those that the shares of answers are known of.
    fn is_special(self) -> bool {
        self.proxy.is_some() || self.cni != CniName::Flannel
    }
}

#[derive(Default)]
struct Totals {
    counts: Counts,
    disagreements_count: u64,
    mutations: Mutations,
}

/// All clusters, several at a time. True if everything agrees.
fn run(options: Options) -> bool {
    let totals = Mutex::new(Totals::default());
    let (next, room) = (AtomicU64::new(0), Room::new());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.min(options.clusters_count) {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= options.clusters_count {
                        break;
                    }
                    let seed = options.seed.wrapping_add(i);
                    let result = contest::contest(seed, (options.mutate, options.kind), &room);
                    let mut totals = totals.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    totals.add(seed, result);
                }
            });
        }
    });
    totals.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).conclude(options)
}

impl Totals {
    fn add(&mut self, seed: u64, result: Result<Contest, String>) {
        let contest = match result {
            Ok(contest) => contest,
            Err(error) => {
                println!("seed {seed}: not comparable: {error}");
                self.disagreements_count += 1;
                return;
            }
        };
        let probes_count = contest.counts.total();
        println!("seed {seed}: {probes_count} probes, {} disagreements", contest.disagreements.len());
        self.counts.merge(&contest.counts);
        self.disagreements_count += contest.disagreements.len() as u64;
        if !contest.disagreements.is_empty() {
            contest.disagreements.iter().for_each(|text| println!("seed {seed}, {text}"));
            println!("again: cargo xtask referee --clusters 1 --seed {seed}\n{}", contest.script);
        }
        let made = contest.mutations;
        made.missed.iter().for_each(|text| println!("seed {seed}: not caught: {text}"));
        self.mutations.made_count += made.made_count;
        self.mutations.felt_count += made.felt_count;
        self.mutations.caught_count += made.caught_count;
    }

    /// Prints the sums, the machine-readable lines last.
    fn conclude(self, options: Options) -> bool {
        let shares_hold = self.counts.print(options.clusters_count) || options.mutate || options.kind.is_special();
        let clusters_count = options.clusters_count;
        let probes_count = self.counts.total();
        let mut failed_count = self.disagreements_count;
        if options.mutate {
            let Mutations { made_count, felt_count, caught_count, .. } = self.mutations;
            println!("referee: {made_count} mutations, {felt_count} change behaviour, {caught_count} caught");
            failed_count += felt_count - caught_count;
        }
        println!(
            "referee: {clusters_count} clusters, {probes_count} probes, {} disagreements",
            self.disagreements_count
        );
        failed_count += u64::from(!shares_hold);
        println!(
            "{} passed, {failed_count} failed",
            (probes_count + self.mutations.felt_count).saturating_sub(failed_count)
        );
        failed_count == 0
    }
}
