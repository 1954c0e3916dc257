//! Every outcome that a table may have for a packet: where a rule draws lots or remembers senders, both ways are gone.

mod nft;

use super::sight::Sight;
use crate::tables::netfilter::{Hook, Match, NatRange, Policy, RecentMode, TableName, Target};
use crate::trace::RuleRef;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most rules that one exploration tries.
const RULES_MAX: u32 = 1_000_000;
const DEPTH_MAX: u32 = 64;

/// What a table may do with a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Accept,
    Drop,
    Reject,
    Dnat(std::net::IpAddr, Option<u16>),
    Snat,
    /// By the rules of this chain.
    Masquerade(Arc<str>),
    /// No rule decided, and the chain's policy lets it pass.
    Passed,
}

/// Which of a hook's tables and chains are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What filters before destinations are translated: chains of nftables with a priority below `dstnat`.
    Before,
    Nat,
    /// The table filter, and the chains of nftables that filter translated packets.
    Filter,
}

/// The fates that a part of a hook may have for a packet, each with the mark that the packet then bears.
pub fn fates(hook: Hook, part: Part, sight: Sight<'_>) -> BTreeSet<(Fate, u32)> {
    let mut fates = match part {
        Part::Before => BTreeSet::from([(Fate::Passed, sight.mark)]),
        Part::Nat => table_fates(hook, Sight { table: TableName::Nat, ..sight }),
        Part::Filter => table_fates(hook, Sight { table: TableName::Filter, ..sight }),
    };
    for (_, table) in sight.netns.netfilter.nft_of(sight.family()) {
        let asked = |priority: i32| match part {
            Part::Before => priority < DSTNAT,
            Part::Nat => true,
            Part::Filter => priority >= DSTNAT,
        };
        let chains = table.bases(hook, part == Part::Nat).filter(|(priority, _)| asked(*priority));
        for (_, chain) in chains {
            let mut next = BTreeSet::new();
            for (fate, mark) in fates {
                // What one chain lets through the next may still stop.
                if !matches!(fate, Fate::Accept | Fate::Passed) {
                    next.insert((fate, mark));
                    continue;
                }
                for (after, mark) in nft::fates(Sight { mark, ..sight }, table, chain) {
                    next.insert((if after == Fate::Passed { fate.clone() } else { after }, mark));
                }
            }
            fates = next;
        }
    }
    fates
}

const DSTNAT: i32 = -100;

fn table_fates(hook: Hook, sight: Sight<'_>) -> BTreeSet<(Fate, u32)> {
    let (mark, mut found) = (sight.mark, BTreeSet::new());
    let table = sight.netns.netfilter.ruleset(sight.family()).tables.get(&sight.table);
    let Some((rules, at)) = table.and_then(|rules| Some((rules, rules.find(hook.chain())?))) else {
        return BTreeSet::from([(Fate::Passed, mark)]);
    };
    let mut explorer = Explorer { rules, sight, left: RULES_MAX, found: &mut found };
    for mark in explorer.chain(at, mark, DEPTH_MAX) {
        let policy = rules.chain(at).and_then(|chain| chain.policy);
        found.insert((if policy == Some(Policy::Drop) { Fate::Drop } else { Fate::Passed }, mark));
    }
    found
}

struct Explorer<'a, 's> {
    rules: &'a crate::tables::netfilter::Table,
    sight: Sight<'s>,
    left: u32,
    found: &'a mut BTreeSet<(Fate, u32)>,
}

/// Whether a rule matches: surely, or by chance or memory.
enum Holds {
    No,
    Yes,
    Maybe,
}

impl Explorer<'_, '_> {
    /// The marks with which the end of a chain can be reached.
    fn chain(&mut self, at: u32, mark: u32, depth: u32) -> BTreeSet<u32> {
        let rules = self.rules;
        let mut marks = BTreeSet::from([mark]);
        let mut returned = BTreeSet::new();
        let Some(chain) = rules.chain(at).filter(|_| depth > 0) else { return returned };
        for number in chain.index().candidates(self.sight.probe()) {
            let Some(rule) = chain.rules.get(number as usize) else { continue };
            let mut next = BTreeSet::new();
            for mark in std::mem::take(&mut marks) {
                let Some(left) = self.left.checked_sub(1) else { return returned };
                (self.left, self.sight.mark) = (left, mark);
                let holds = self.holds(&rule.matches, RuleRef { chain: at, rule: number });
                if !matches!(holds, Holds::Yes) {
                    next.insert(mark);
                }
                if matches!(holds, Holds::No) {
                    continue;
                }
                match &rule.target {
                    None | Some(Target::Notrack | Target::Log { .. }) => drop(next.insert(mark)),
                    Some(Target::Return) => drop(returned.insert(mark)),
                    Some(Target::Jump(name)) => {
                        if let Some(to) = rules.find(name) {
                            next.extend(self.chain(to, mark, depth - 1));
                        }
                    }
                    Some(Target::Goto(name)) => {
                        if let Some(to) = rules.find(name) {
                            returned.extend(self.chain(to, mark, depth - 1));
                        }
                    }
                    Some(Target::Mark { value, mask }) => drop(next.insert(mark & !mask ^ value)),
                    Some(target) => {
                        let fate = match target {
                            Target::Accept => Fate::Accept,
                            Target::Drop => Fate::Drop,
                            Target::Reject(_) => Fate::Reject,
                            Target::Dnat(NatRange { ip, port, .. }) => Fate::Dnat(*ip, *port),
                            Target::Snat(_) => Fate::Snat,
                            _ => Fate::Masquerade(chain.name.clone()),
                        };
                        self.found.insert((fate, mark));
                    }
                }
            }
            marks = next;
            if marks.is_empty() {
                break;
            }
        }
        marks.extend(returned);
        marks
    }

    fn holds(&self, matches: &[Match], rule: RuleRef) -> Holds {
        let mut maybe = false;
        for part in matches {
            match part {
                Match::Probability(probability) if *probability == 0 => return Holds::No,
                Match::Probability(probability) => maybe |= *probability < 1 << 31,
                Match::Recent { mode: RecentMode::Check { .. }, .. } => maybe = true,
                part if self.sight.holds(part, rule) => {}
                _ => return Holds::No,
            }
        }
        if maybe { Holds::Maybe } else { Holds::Yes }
    }
}
