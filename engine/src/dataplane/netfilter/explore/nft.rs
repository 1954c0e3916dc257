//! Every outcome of a base chain of nftables.

use super::super::nft::{DEPTH_MAX, dynamic, remarked};
use super::super::sight::Sight;
use super::{Fate, RULES_MAX};
use crate::tables::nft::{NftPart, NftRule, NftTable, NftVerdict};
use std::collections::BTreeSet;

/// The fates that a base chain may have for a packet, each with the mark that the packet then bears.
pub(super) fn fates(sight: Sight<'_>, table: &NftTable, chain: u32) -> BTreeSet<(Fate, u32)> {
    let mark = sight.mark;
    let mut explorer = Explorer { table, sight, left: RULES_MAX, found: BTreeSet::new() };
    for mark in explorer.chain(chain, mark, DEPTH_MAX) {
        explorer.found.insert((Fate::Passed, mark));
    }
    explorer.found
}

struct Explorer<'a, 's> {
    table: &'a NftTable,
    sight: Sight<'s>,
    left: u32,
    found: BTreeSet<(Fate, u32)>,
}

/// Marks with which a packet goes on to a chain's next rule, and those with which it leaves the chain.
#[derive(Default)]
struct Ways {
    on: BTreeSet<u32>,
    returned: BTreeSet<u32>,
}

impl Explorer<'_, '_> {
    /// The marks with which the end of a chain can be reached.
    fn chain(&mut self, at: u32, mark: u32, depth: u32) -> BTreeSet<u32> {
        let table = self.table;
        let mut ways = Ways { on: BTreeSet::from([mark]), returned: BTreeSet::new() };
        let Some(chain) = table.chain(at).filter(|_| depth > 0) else { return BTreeSet::new() };
        for rule in &chain.rules {
            for mark in std::mem::take(&mut ways.on) {
                let Some(left) = self.left.checked_sub(1) else { return ways.returned };
                (self.left, self.sight.mark) = (left, mark);
                self.rule(&chain.name, rule, depth, &mut ways);
            }
            if ways.on.is_empty() {
                break;
            }
        }
        ways.on.extend(ways.returned);
        ways.on
    }

    fn rule(&mut self, chain: &std::sync::Arc<str>, rule: &NftRule, depth: u32, ways: &mut Ways) {
        let table = self.table;
        for part in &rule.parts {
            if dynamic(table, part).is_some() {
                // Perhaps it is in the set.
                ways.on.insert(self.sight.mark);
                continue;
            }
            if !self.sight.nft_holds(table, part) {
                break;
            }
            let fate = match part {
                NftPart::Vmap { map, with_address } => {
                    let key = self.sight.key(*with_address);
                    if let Some(element) = key.and_then(|key| table.map(map)?.elements.get(&key)) {
                        self.verdict(&element.verdict, depth, ways);
                    }
                    return;
                }
                NftPart::Numgen(chains) => {
                    chains.iter().for_each(|to| self.verdict(&NftVerdict::Goto(to.clone()), depth, ways));
                    return;
                }
                NftPart::Verdict(verdict) => return self.verdict(verdict, depth, ways),
                NftPart::Reject => Fate::Reject,
                NftPart::Masquerade => Fate::Masquerade(chain.clone()),
                NftPart::Dnat(to) => Fate::Dnat(to.ip(), Some(to.port())),
                part => {
                    self.sight.mark = remarked(self.sight.mark, part).unwrap_or(self.sight.mark);
                    continue;
                }
            };
            self.found.insert((fate, self.sight.mark));
            return;
        }
        ways.on.insert(self.sight.mark);
    }

    fn verdict(&mut self, verdict: &NftVerdict, depth: u32, ways: &mut Ways) {
        let mark = self.sight.mark;
        match verdict {
            NftVerdict::Accept => drop(self.found.insert((Fate::Accept, mark))),
            NftVerdict::Drop => drop(self.found.insert((Fate::Drop, mark))),
            NftVerdict::Return => drop(ways.returned.insert(mark)),
            NftVerdict::Jump(to) => {
                if let Some(to) = self.table.find(to) {
                    ways.on.extend(self.chain(to, mark, depth - 1));
                }
            }
            NftVerdict::Goto(to) => {
                if let Some(to) = self.table.find(to) {
                    ways.returned.extend(self.chain(to, mark, depth - 1));
                }
            }
        }
        self.sight.mark = mark;
    }
}
