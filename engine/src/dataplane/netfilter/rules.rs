//! A table's rules, one after the other: the first that decides ends it. Models net/ipv4/netfilter/ip_tables.c
//! ipt_do_table.

use super::memory::Memory;
use super::sight::Sight;
use crate::tables::netfilter::{Hook, Match, NatRange, Policy, RejectWith, Table, Target};
use crate::tables::nft::NftKey;
use crate::trace::{Nanos, RuleRef};

/// Deepest nesting of chains; iptables refuses loops, and nothing real comes near it.
const DEPTH_MAX: u32 = 64;
/// Most rules that one packet matches in one table.
const MATCHES_MAX: u32 = 100_000;

/// What a table has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    Accept,
    Drop,
    Reject(RejectWith),
    Dnat(NatRange),
    Snat(NatRange),
    Masquerade { random_fully: bool },
    Policy(Policy),
}

/// A decision and the way to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub ruling: Ruling,
    /// Rules that matched, in their order, without the jumps that came back and left nothing behind.
    pub rules: Vec<RuleRef>,
    /// The element of a verdict map that decided, if it was one; its rule is the last of `rules`.
    pub element: Option<NftKey>,
    /// The mark after it.
    pub mark: u32,
    pub notrack: bool,
}

struct Run<'a, 's> {
    table: &'a Table,
    sight: Sight<'s>,
    memory: &'a mut Memory,
    now: Nanos,
    rules: Vec<RuleRef>,
    notrack: bool,
    matches_left: u32,
}

enum End {
    Ruled(Ruling),
    /// Back to the chain that jumped here.
    Returned,
}

/// Lets a table decide about a packet.
pub(super) fn ask(table: &Table, hook: Hook, sight: Sight<'_>, memory: &mut Memory, now: Nanos) -> Option<Outcome> {
    let at = table.built_in(hook)?;
    let chain = table.chain(at)?;
    let rules = std::mem::take(&mut memory.path);
    let mut run = Run { table, sight, memory, now, rules, notrack: false, matches_left: MATCHES_MAX };
    let ruling = match run.chain(at, DEPTH_MAX) {
        End::Ruled(ruling) => ruling,
        End::Returned => {
            let key = (sight.family(), table.name);
            run.memory.count(key, chain, None, sight.packet.len());
            Ruling::Policy(chain.policy.unwrap_or(Policy::Accept))
        }
    };
    let Run { rules, sight: Sight { mark, .. }, notrack, memory, .. } = run;
    Some(Outcome { ruling, rules: memory.way(rules), element: None, mark, notrack })
}

impl Run<'_, '_> {
    fn chain(&mut self, at: u32, depth: u32) -> End {
        let table = self.table;
        let Some(chain) = table.chain(at).filter(|_| depth > 0) else { return End::Ruled(Ruling::Drop) };
        let key = (self.sight.family(), table.name);
        if let Some(watch) = &mut self.memory.watch {
            watch.index(&self.sight, chain.index());
        }
        for number in chain.index().candidates(self.sight.probe()) {
            let Some(rule) = chain.rules.get(number as usize) else { continue };
            let place = RuleRef { chain: at, rule: number };
            if !rule.matches.iter().all(|part| self.holds(part, place)) {
                continue;
            }
            self.memory.count(key, chain, Some(number), self.sight.packet.len());
            let Some(left) = self.matches_left.checked_sub(1) else { return End::Ruled(Ruling::Drop) };
            self.matches_left = left;
            let path_len = self.rules.len();
            let ruling = match &rule.target {
                None => continue,
                Some(Target::Return) => return End::Returned,
                Some(Target::Jump(name)) => {
                    self.rules.push(place);
                    let Some(to) = table.find(name) else { return End::Ruled(Ruling::Drop) };
                    match self.chain(to, depth - 1) {
                        End::Ruled(ruling) => return End::Ruled(ruling),
                        End::Returned => {
                            // Nothing came of it.
                            if self.rules.len() == path_len + 1 {
                                self.rules.truncate(path_len);
                            }
                            continue;
                        }
                    }
                }
                Some(Target::Goto(name)) => {
                    self.rules.push(place);
                    let Some(to) = table.find(name) else { return End::Ruled(Ruling::Drop) };
                    let end = self.chain(to, depth - 1);
                    if matches!(end, End::Returned) && self.rules.len() == path_len + 1 {
                        self.rules.truncate(path_len);
                    }
                    return end;
                }
                Some(Target::Mark { value, mask }) => {
                    let mark = self.sight.mark & !mask ^ value;
                    if mark != self.sight.mark {
                        self.sight.mark = mark;
                        self.rules.push(place);
                    }
                    continue;
                }
                Some(Target::Notrack) => {
                    self.notrack = true;
                    self.rules.push(place);
                    continue;
                }
                Some(Target::Log { .. }) => {
                    self.rules.push(place);
                    continue;
                }
                Some(Target::Accept) => Ruling::Accept,
                Some(Target::Drop) => Ruling::Drop,
                Some(Target::Reject(with)) => Ruling::Reject(*with),
                Some(Target::Dnat(range)) => Ruling::Dnat(*range),
                Some(Target::Snat(range)) => Ruling::Snat(*range),
                Some(Target::Masquerade { random_fully }) => Ruling::Masquerade { random_fully: *random_fully },
            };
            self.rules.push(place);
            return End::Ruled(ruling);
        }
        End::Returned
    }

    fn holds(&mut self, part: &Match, place: RuleRef) -> bool {
        if let Some(watch) = &mut self.memory.watch {
            watch.argument(&self.sight, part);
        }
        match part {
            Match::Recent { name, mode } => self.memory.recent(name, *mode, self.sight.packet.src, self.now),
            part => self.sight.holds(part, place),
        }
    }
}
