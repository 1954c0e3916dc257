//! What an edit changed beyond the picture: rows of tables, and pairs of Pods that reach each other no more, or now.
//!
//! The work is bounded, however large the cluster: a look at each node and Pod, and tables and pings of a few.

use super::table::{programmed, programmed_own, programmed_shared};
use super::{Difference, PairChanged, RowsChanged};
use crate::cluster::{PodKey, Revision};
use crate::dataplane::Surroundings;
use crate::explain;
use crate::tables::{NeighborEntry, Netns, NetnsId, SharedRows};
use crate::world::{TableCache, is_reachable, pairs};
use imbl::OrdMap;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most namespaces whose tables are compared.
const NETNS_MAX: usize = 60;
/// Most Pods among which all pairs are tried; fewer where there are many.
const PODS_MAX: usize = 32;
const PODS_OF_MANY_MAX: usize = 12;
const MANY: usize = 1_000;
/// Most pairs that are named.
const PAIRS_MAX: usize = 60;

/// Who was asked in the revision of a number, and the answers.
type Answers = (u64, Vec<PodKey>, Vec<Vec<bool>>);

/// What the asker has seen the scene of, and what was found out about the revisions compared last.
#[derive(Default)]
pub struct Seen {
    number: Option<u64>,
    answers: Vec<Answers>,
}

impl Seen {
    /// The revision whose scene was seen last.
    pub fn number(&self) -> Option<u64> {
        self.number
    }

    pub fn put(&mut self, revision: &Revision) {
        self.number = Some(revision.number);
    }

    /// What is other now than before.
    pub fn difference(&mut self, before: &Revision, now: &Revision) -> Difference {
        let mut difference = Difference { since: before.number, ..Difference::default() };
        let mut tables = TableCache::new(before.clone());
        let ids = may_differ(before, now);
        difference.places_left_count = ids.len().saturating_sub(NETNS_MAX) as u32;
        let few = &ids[..ids.len().min(NETNS_MAX)];
        let old: Vec<Option<Arc<Netns>>> = few.iter().map(|id| tables.netns(*id)).collect();
        let pods = asked(before, now, &mut difference);
        // Where no table may differ, nobody is reached otherwise than before.
        let was = (!ids.is_empty()).then(|| self.answers(&mut tables, &pods));
        tables.set_revision(now.clone());
        rows(few.iter().zip(old), &mut tables, &mut difference);
        if let Some(was) = was {
            let is = self.answers(&mut tables, &pods);
            self.answers = vec![(before.number, pods.clone(), was), (now.number, pods, is)];
            self.flipped(&mut difference);
        }
        difference
    }

    /// Who reaches whom, as far as it is not known.
    fn answers(&self, tables: &mut TableCache, pods: &[PodKey]) -> Vec<Vec<bool>> {
        let number = tables.revision().number;
        let known = self.answers.iter().find(|(of, asked, _)| *of == number && asked == pods);
        known.map_or_else(|| pairs(tables, pods), |(.., answers)| answers.clone())
    }

    fn flipped(&self, difference: &mut Difference) {
        let [(_, pods, was), (.., is)] = &self.answers[..] else { return };
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
    }
}

/// The values of keys that are in both maps.
fn both<'a, K: Ord, V>(old: &'a OrdMap<K, V>, new: &'a OrdMap<K, V>) -> impl Iterator<Item = (&'a V, &'a V)> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    std::iter::from_fn(move || {
        loop {
            match old.peek()?.0.cmp(new.peek()?.0) {
                Ordering::Less => drop(old.next()),
                Ordering::Greater => drop(new.next()),
                Ordering::Equal => return Some((old.next()?.1, new.next()?.1)),
            }
        }
    })
}

/// Namespaces in both revisions whose tables were made from something else, nodes first: they have most of the rows.
fn may_differ(before: &Revision, now: &Revision) -> Vec<NetnsId> {
    let all = before.nodes_version != now.nodes_version;
    let nodes = both(&before.nodes, &now.nodes);
    let nodes = nodes.filter(|(old, new)| old.netns == new.netns && (all || old.pods_version != new.pods_version));
    let mut ids: Vec<NetnsId> = nodes.map(|(_, new)| new.netns).collect();
    let pods = both(&before.pods, &now.pods).filter(|(_, new)| !new.host_network);
    let pods = pods.filter(|(old, new)| old.netns == new.netns && (all || old.version != new.version));
    ids.extend(pods.filter_map(|(_, new)| new.netns));
    ids.extend(Some(now.network.gateway.1).filter(|_| all));
    ids
}

/// The Pods among which all pairs are tried, one's own first. Only those that are reachable in both revisions: that a new
/// one answers is no news.
fn asked(before: &Revision, now: &Revision, difference: &mut Difference) -> Vec<PodKey> {
    let reachable = both(&before.pods, &now.pods).filter(|(old, new)| is_reachable(old) && is_reachable(new));
    let (mut own, mut system, mut count) = (Vec::new(), Vec::new(), 0);
    for (_, pod) in reachable {
        count += 1;
        let kept = if pod.key.namespace.starts_with("kube-") { &mut system } else { &mut own };
        if kept.len() < PODS_MAX {
            kept.push(pod.key.clone());
        }
    }
    own.append(&mut system);
    own.truncate(if count > MANY { PODS_OF_MANY_MAX } else { PODS_MAX });
    difference.pods_count = own.len() as u32;
    difference.pods_left_count = (count - own.len()) as u32;
    own
}

/// Counts the programmed rows that came and went.
fn rows<'a>(
    old: impl Iterator<Item = (&'a NetnsId, Option<Arc<Netns>>)>,
    tables: &mut TableCache,
    difference: &mut Difference,
) {
    let mut shared = None;
    for (id, old) in old {
        let (Some(old), Some(new)) = (old, tables.netns(*id)) else { continue };
        let (added_count, removed_count) = counts(&old, &new, &mut shared);
        if added_count + removed_count > 0 {
            difference.rows.push(RowsChanged { place: explain::place_name(&new.place), added_count, removed_count });
        }
    }
}

/// How many rows the second has that the first has not, and the other way round.
fn counts(old: &Netns, new: &Netns, shared: &mut Option<SharedCounts>) -> (u32, u32) {
    let (Some((before, owner)), Some((now, _))) = (old.neighbors.shared(), new.neighbors.shared()) else {
        return merged(programmed(old), programmed(new));
    };
    let (added, removed) = merged(programmed_own(old), programmed_own(new));
    let known = shared.take().filter(|counts| Arc::ptr_eq(&counts.before, before) && Arc::ptr_eq(&counts.now, now));
    let counts = shared.insert(known.unwrap_or_else(|| SharedCounts::of((before, old), (now, new))));
    let (more, less) = counts.but(owner);
    (added + more, removed + less)
}

fn merged(mut old: Vec<String>, mut new: Vec<String>) -> (u32, u32) {
    old.sort_unstable();
    new.sort_unstable();
    let (mut i, mut j, mut same) = (0, 0, 0);
    while let (Some(one), Some(other)) = (old.get(i), new.get(j)) {
        match one.cmp(other) {
            Ordering::Less => i += 1,
            Ordering::Greater => j += 1,
            Ordering::Equal => (i, j, same) = (i + 1, j + 1, same + 1),
        }
    }
    ((new.len() - same) as u32, (old.len() - same) as u32)
}

/// How many of the rows that all nodes share came and went: counted once, as each node has all but those about itself.
struct SharedCounts {
    before: Arc<SharedRows<NeighborEntry>>,
    now: Arc<SharedRows<NeighborEntry>>,
    /// Rows that came, and rows that went.
    all: (i64, i64),
    /// What that is other by for a node.
    own: BTreeMap<u32, (i64, i64)>,
}

impl SharedCounts {
    fn of(
        (before, old): (&Arc<SharedRows<NeighborEntry>>, &Netns),
        (now, new): (&Arc<SharedRows<NeighborEntry>>, &Netns),
    ) -> SharedCounts {
        let mut counts =
            SharedCounts { before: before.clone(), now: now.clone(), all: (0, 0), own: BTreeMap::default() };
        if Arc::ptr_eq(before, now) {
            return counts;
        }
        let sorted = |netns| {
            let mut rows = programmed_shared(netns);
            rows.sort_unstable();
            rows
        };
        let (old, new) = (sorted(old), sorted(new));
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some((one, _)), Some((other, _))) => one.cmp(other),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return counts,
            };
            let went = old.next_if(|_| order != Ordering::Greater).map(|(_, owner)| *owner);
            let came = new.next_if(|_| order != Ordering::Less).map(|(_, owner)| *owner);
            match (went, came) {
                (Some(went), Some(came)) if went != came => {
                    // Now about another node: new to the one that it was about, and gone from that other's table.
                    counts.own.entry(went).or_default().0 += 1;
                    counts.own.entry(came).or_default().1 += 1;
                }
                (None, Some(came)) => {
                    counts.all.0 += 1;
                    counts.own.entry(came).or_default().0 -= 1;
                }
                (Some(went), None) => {
                    counts.all.1 += 1;
                    counts.own.entry(went).or_default().1 -= 1;
                }
                _ => {}
            }
        }
    }

    /// The counts for a node.
    fn but(&self, owner: u32) -> (u32, u32) {
        let own = self.own.get(&owner).copied().unwrap_or_default();
        ((self.all.0 + own.0).max(0) as u32, (self.all.1 + own.1).max(0) as u32)
    }
}
