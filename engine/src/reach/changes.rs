//! What two matrices have in common as their ends, and answer differently.

use super::{Fate, Matrix};
use std::collections::BTreeMap;

/// A pair whose answer is another than before, by the ends' full names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairChange {
    pub from: String,
    pub to: String,
    pub was: Fate,
    pub is: Fate,
}

/// The pairs of ends that are in both matrices and have another answer, at most `pairs_max` of them, and how many there
/// are. Ends that came or went are no change.
pub fn changes(before: &Matrix, after: &Matrix, pairs_max: usize) -> (Vec<PairChange>, u64) {
    let old: BTreeMap<String, usize> = before.ends.iter().enumerate().map(|(at, end)| (end.full_name(), at)).collect();
    let both: Vec<(usize, usize)> =
        after.ends.iter().enumerate().filter_map(|(at, end)| Some((*old.get(&end.full_name())?, at))).collect();
    // Pairs of one kind, before and after, have one answer each.
    let mut kinds: BTreeMap<(u32, u32, &str, &str), Vec<usize>> = BTreeMap::new();
    for (was, is) in &both {
        let node = (&*before.ends[*was].node, &*after.ends[*is].node);
        kinds.entry((before.class_of[*was], after.class_of[*is], node.0, node.1)).or_default().push(*is);
    }
    let places: BTreeMap<usize, usize> = both.iter().map(|(was, is)| (*is, *was)).collect();
    let mut memo: BTreeMap<(u32, u32, bool, u32, u32, bool), bool> = BTreeMap::new();
    let (mut pairs, mut count) = (Vec::new(), 0);
    for (from_kind, from) in &kinds {
        for (to_kind, to) in &kinds {
            let (same_was, same_is) = (from_kind.2 == to_kind.2, from_kind.3 == to_kind.3);
            let key = (from_kind.0, to_kind.0, same_was, from_kind.1, to_kind.1, same_is);
            let differ = *memo.entry(key).or_insert_with(|| {
                let was = before.class_fate(from_kind.0, to_kind.0, same_was);
                was != after.class_fate(from_kind.1, to_kind.1, same_is)
            });
            if !differ {
                continue;
            }
            for from in from {
                for to in to.iter().filter(|to| *to != from) {
                    let (was, is) = (before.fate(places[from], places[to]), after.fate(*from, *to));
                    count += u64::from(was != is);
                    if was != is && pairs.len() < pairs_max {
                        let name = |at: usize| after.ends[at].full_name();
                        pairs.push(PairChange { from: name(*from), to: name(*to), was, is });
                    }
                }
            }
        }
    }
    (pairs, count)
}
