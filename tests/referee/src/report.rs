//! What is printed: counts, shares, disagreements.

use crate::choose::Kind;
use crate::outcome::Outcome;
use std::collections::BTreeMap;

/// Every kind and verdict must have at least this share of the probes.
const SHARE_MIN_PERCENT: f64 = 3.0;
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
        matches!(kind, Kind::Reach | Kind::Rules)
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

    /// Kinds and verdicts with their shares, then every pair; false if a share is too small.
    pub fn print(&self, clusters_count: u64) -> bool {
        let chosen = self.total() - self.of_kind(Kind::Reach) - self.of_kind(Kind::Rules);
        let share = |count: u64| 100.0 * count as f64 / chosen.max(1) as f64;
        let mut small = Vec::new();
        let mut line = |name: &str, count: u64| {
            println!("  {name:<24}{count:>7}{:>7.1} %", share(count));
            if share(count) < SHARE_MIN_PERCENT {
                small.push(name.to_owned());
            }
        };
        println!("kinds of probe");
        Kind::ALL
            .iter()
            .filter(|kind| !Counts::is_apart(**kind))
            .for_each(|kind| line(kind.name(), self.of_kind(*kind)));
        println!("verdicts of the kernel");
        self.verdicts().into_iter().for_each(|(verdict, count)| line(verdict, count));
        println!("kind and verdict");
        for ((kind, verdict), count) in &self.0 {
            println!("  {:<24}{verdict:<24}{count:>7}", kind.name());
        }
        if clusters_count >= CLUSTERS_FOR_SHARES && !small.is_empty() {
            println!("below {SHARE_MIN_PERCENT} %: {}", small.join(", "));
            return false;
        }
        true
    }
}
