//! What is printed: counts, shares, disagreements.

use crate::choose::Kind;
use crate::outcome::Outcome;
use std::collections::BTreeMap;

/// Every kind must have at least this share of the probes.
const SHARE_MIN_PERCENT: f64 = 3.0;
/// Every verdict must have been the kernel's at least so often a cluster.
const VERDICTS_MIN: u64 = 1;
/// Fewer clusters than this say nothing about shares.
const CLUSTERS_FOR_SHARES: u64 = 20;

/// Probes by kind and by what the kernel made of them.
#[derive(Clone, Debug, Default)]
pub struct Counts(BTreeMap<(Kind, &'static str), u64>);

impl Counts {
    pub fn add(&mut self, kind: Kind, kernel: &Outcome) {
        *self.0.entry((kind, kernel.verdict.kind())).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Counts) {
        for (key, count) in &other.0 {
            *self.0.entry(*key).or_default() += count;
        }
    }

    /// Whether the kind has no share to keep: these are tried whenever there is something to try.
    fn is_apart(kind: Kind) -> bool {
        matches!(kind, Kind::Reach | Kind::Rules | Kind::Services)
    }

    fn of_kind(&self, kind: Kind) -> u64 {
        self.0.iter().filter(|((k, _), _)| *k == kind).map(|(_, count)| count).sum()
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The verdicts that occurred and how often, the all-pairs check left out.
    fn verdicts(&self) -> BTreeMap<&'static str, u64> {
        let mut verdicts = BTreeMap::new();
        for ((_, verdict), count) in self.0.iter().filter(|((kind, _), _)| *kind != Kind::Reach) {
            *verdicts.entry(*verdict).or_default() += count;
        }
        verdicts
    }

    /// Kinds with their shares, verdicts, then every pair; false if there is too little of one.
    pub fn print(&self, clusters_count: u64) -> bool {
        let chosen: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| !Counts::is_apart(*kind)).collect();
        let all: u64 = chosen.iter().map(|kind| self.of_kind(*kind)).sum();
        let mut few = Vec::new();
        println!("kinds of probe");
        for kind in chosen {
            let count = self.of_kind(kind);
            let share = 100.0 * count as f64 / all.max(1) as f64;
            println!("  {:<24}{count:>7}{share:>7.1} %", kind.name());
            if share < SHARE_MIN_PERCENT {
                few.push(kind.name());
            }
        }
        println!("verdicts of the kernel");
        for (verdict, count) in self.verdicts() {
            println!("  {verdict:<24}{count:>7}");
            if count < clusters_count * VERDICTS_MIN {
                few.push(verdict);
            }
        }
        println!("kind and verdict");
        for ((kind, verdict), count) in &self.0 {
            println!("  {:<24}{verdict:<24}{count:>7}", kind.name());
        }
        if clusters_count >= CLUSTERS_FOR_SHARES && !few.is_empty() {
            println!("too few: {}", few.join(", "));
            return false;
        }
        true
    }
}
