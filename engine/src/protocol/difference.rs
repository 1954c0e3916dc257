//! What an edit changed beyond the picture: rows of tables, and pairs of Pods that reach each other no more, or now.

use super::table::programmed;
use super::{Difference, PairChanged, RowsChanged};
use crate::cluster::{PodKey, Revision};
use crate::dataplane::Surroundings;
use crate::program;
use crate::tables::{Netns, NetnsId};
use crate::world::{TableCache, is_reachable, pairs};

/// Revisions of which the asker may want to know what has changed since.
const KEPT_MAX: usize = 4;
/// Most namespaces whose tables are compared.
const NETNS_MAX: usize = 60;
/// Most Pods among which all pairs are tried.
const PODS_MAX: usize = 32;
/// Most pairs that are named.
const PAIRS_MAX: usize = 60;

/// The revisions that the asker has seen the scenes of, and what was found out about the last.
#[derive(Default)]
pub struct Seen {
    revisions: Vec<Revision>,
    /// Of the revision of this number: who was asked, and the answers.
    pairs: Option<(u64, Vec<PodKey>, Vec<Vec<bool>>)>,
}

impl Seen {
    pub fn number(&self) -> Option<u64> {
        self.revisions.last().map(|revision| revision.number)
    }

    pub fn put(&mut self, revision: &Revision) {
        if self.number() != Some(revision.number) {
            self.revisions.push(revision.clone());
            self.revisions.drain(..self.revisions.len().saturating_sub(KEPT_MAX));
        }
    }

    /// What is other now than in the revision of this number.
    pub fn since(&mut self, number: u64, now: &Revision) -> Result<Difference, String> {
        let before = self.revisions.iter().find(|revision| revision.number == number).cloned();
        let before = before.ok_or_else(|| format!("revision {number} is not kept (any more)"))?;
        let mut difference = Difference { since: number, ..Difference::default() };
        rows(&before, now, &mut difference);
        self.flipped(&before, now, &mut difference);
        Ok(difference)
    }

    /// Only Pods that are reachable in both revisions are asked: that a new one answers is no news.
    fn flipped(&mut self, before: &Revision, now: &Revision, difference: &mut Difference) {
        let common = |key: &&PodKey| before.pods.get(*key).is_some_and(|pod| is_reachable(pod));
        let reachable = now.pods.values().filter(|pod| is_reachable(pod)).map(|pod| &pod.key);
        let mut pods: Vec<PodKey> = reachable.filter(common).cloned().collect();
        // One's own come first.
        pods.sort_by_key(|key| key.namespace.starts_with("kube-"));
        difference.pods_left_count = pods.len().saturating_sub(PODS_MAX) as u32;
        pods.truncate(PODS_MAX);
        difference.pods_count = pods.len() as u32;
        let known = self.pairs.take().filter(|(number, asked, _)| *number == before.number && *asked == pods);
        let was = known.map_or_else(|| pairs(before, &pods), |(.., answers)| answers);
        let is = pairs(now, &pods);
        for (i, from) in pods.iter().enumerate() {
            for (j, to) in pods.iter().enumerate().filter(|(j, _)| was[i][*j] != is[i][*j]) {
                let count = if is[i][j] { &mut difference.gained_count } else { &mut difference.lost_count };
                *count += 1;
                if difference.pairs.len() < PAIRS_MAX {
                    let place = |key: &PodKey| format!("pod/{key}");
                    difference.pairs.push(PairChanged { from: place(from), to: place(to), reaches: is[i][j] });
                }
            }
        }
        self.pairs = Some((now.number, pods, is));
    }
}

/// Counts the programmed rows that came and went in the namespaces that are in both revisions.
fn rows(before: &Revision, now: &Revision, difference: &mut Difference) {
    let (mut old, mut new) = (TableCache::new(before.clone()), TableCache::new(now.clone()));
    let other = |id: &NetnsId| {
        before.netns.contains_key(id) && program::input_version(before, *id) != program::input_version(now, *id)
    };
    let mut ids: Vec<NetnsId> = now.netns.keys().copied().filter(other).collect();
    // Nodes come first: they have most of the rows.
    ids.sort_by_key(|id| !matches!(program::place(now, *id), Some(crate::tables::Place::Node(_))));
    difference.places_left_count = ids.len().saturating_sub(NETNS_MAX) as u32;
    for id in ids.into_iter().take(NETNS_MAX) {
        let (Some(old), Some(new)) = (old.netns(id), new.netns(id)) else { continue };
        let (added_count, removed_count) = counts(&old, &new);
        if let (true, Some(place)) = (added_count + removed_count > 0, program::place(now, id)) {
            let place = match place {
                crate::tables::Place::Node(name) => format!("node/{name}"),
                crate::tables::Place::Pod { namespace, name } => format!("pod/{namespace}/{name}"),
                _ => "gateway".to_owned(),
            };
            difference.rows.push(RowsChanged { place, added_count, removed_count });
        }
    }
}

/// How many rows the second has that the first has not, and the other way round.
fn counts(old: &Netns, new: &Netns) -> (u32, u32) {
    let sorted = |netns: &Netns| {
        let mut rows = programmed(netns);
        rows.sort_unstable();
        rows
    };
    let (old, new) = (sorted(old), sorted(new));
    let (mut i, mut j, mut same) = (0, 0, 0);
    while let (Some(one), Some(other)) = (old.get(i), new.get(j)) {
        match one.cmp(other) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, same) = (i + 1, j + 1, same + 1),
        }
    }
    ((new.len() - same) as u32, (old.len() - same) as u32)
}
