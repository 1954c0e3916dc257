//! Who reaches whom in a revision: an experiment beside the cluster, on a clock of its own and with nothing learned.

use super::probe::{ProbeKind, ProbeSpec, probe};
use super::{Runtime, TableCache};
use crate::cluster::{PodKey, PodPhase, PodRecord};
use crate::trace::Nanos;

/// Neighbours that do not answer are given up after three seconds.
const TIMEOUT: Nanos = 4_000_000_000;

/// A Pod that can be asked and can ask: it runs and has an address of its own.
pub fn is_reachable(pod: &PodRecord) -> bool {
    pod.phase == PodPhase::Running && !pod.host_network && pod.netns.is_some() && pod.ip.is_some()
}

/// For each Pod (row) whether an echo request to each other (column) is answered; true for itself, false for a Pod that
/// is not reachable at all. The work grows with the square of the number of Pods.
pub fn pairs(tables: &mut TableCache, pods: &[PodKey]) -> Vec<Vec<bool>> {
    let revision = tables.revision().clone();
    let mut runtime = Runtime::new(revision.seed, 0);
    let records: Vec<_> = pods.iter().map(|key| revision.pods.get(key).filter(|pod| is_reachable(pod))).collect();
    let mut answered = |from: &PodRecord, to: &PodRecord| {
        let (Some(from), Some((to, _))) = (from.netns, &to.ip) else { return false };
        let kind = ProbeKind::Ping { size: 56, dont_fragment: false, ttl: None };
        probe(tables, &mut runtime, &ProbeSpec { from, to: *to, kind, timeout: TIMEOUT }).connects()
    };
    let row = |(i, from): (usize, &Option<&std::sync::Arc<PodRecord>>)| {
        let cell = |(j, to): (usize, &Option<&std::sync::Arc<PodRecord>>)| match (from, to) {
            _ if i == j => true,
            (Some(from), Some(to)) => answered(from, to),
            _ => false,
        };
        records.iter().enumerate().map(cell).collect()
    };
    records.iter().enumerate().map(row).collect()
}
