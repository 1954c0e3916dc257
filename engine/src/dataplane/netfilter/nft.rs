//! A base chain of nftables and those that it leads to. Models net/netfilter/nf_tables_core.c nft_do_chain and the
//! expressions of [`NftPart`].

use super::memory::{Memory, set_key};
use super::rules::{Outcome, Ruling};
use super::sight::Sight;
use crate::net::Family;
use crate::tables::netfilter::{AddrType, NatRange, Policy, RejectWith};
use crate::tables::nft::{NftAddress, NftKey, NftPart, NftRule, NftSet, NftTable, NftValue, NftVerdict};
use crate::trace::{Nanos, RuleRef};
use std::net::IpAddr;

/// NFT_JUMP_STACK_SIZE
pub(super) const DEPTH_MAX: u32 = 16;
/// Most rules that one packet tries in one base chain.
const RULES_MAX: u32 = 100_000;

struct Run<'a, 's> {
    table: &'a NftTable,
    sight: Sight<'s>,
    memory: &'a mut Memory,
    now: Nanos,
    rules: Vec<RuleRef>,
    element: Option<NftKey>,
    left: u32,
}

enum End {
    Ruled(Ruling),
    /// Back to the chain that jumped here.
    Returned,
}

/// What a rule makes of a packet.
enum Next {
    /// The next rule of its chain.
    On,
    End(End),
}

/// Lets a base chain decide about a packet.
pub(super) fn ask(table: &NftTable, chain: u32, sight: Sight<'_>, memory: &mut Memory, now: Nanos) -> Outcome {
    let rules = std::mem::take(&mut memory.path);
    let mut run = Run { table, sight, memory, now, rules, element: None, left: RULES_MAX };
    let ruling = match run.chain(chain, DEPTH_MAX) {
        End::Ruled(ruling) => ruling,
        End::Returned => Ruling::Policy(Policy::Accept),
    };
    let Run { rules, sight: Sight { mark, .. }, element, memory, .. } = run;
    Outcome { ruling, rules: memory.way(rules), element, mark, notrack: false }
}

impl Run<'_, '_> {
    fn chain(&mut self, at: u32, depth: u32) -> End {
        let table = self.table;
        let Some(chain) = table.chain(at).filter(|_| depth > 0) else { return End::Ruled(Ruling::Drop) };
        for (number, rule) in (0..).zip(&chain.rules) {
            let Some(left) = self.left.checked_sub(1) else { return End::Ruled(Ruling::Drop) };
            self.left = left;
            if let Next::End(end) = self.rule(rule, RuleRef { chain: at, rule: number }, depth) {
                return end;
            }
        }
        End::Returned
    }

    fn rule(&mut self, rule: &NftRule, place: RuleRef, depth: u32) -> Next {
        for part in &rule.parts {
            if !self.holds(part) {
                return Next::On;
            }
            if let Some(mark) = remarked(self.sight.mark, part) {
                if mark != self.sight.mark {
                    self.sight.mark = mark;
                    self.rules.push(place);
                }
                continue;
            }
            if let (Some(watch), NftPart::Numgen(_)) = (&mut self.memory.watch, part) {
                watch.draw(&self.sight);
            }
            let ruling = match part {
                NftPart::Vmap { map, with_address } => {
                    let Some(key) = self.sight.key(*with_address) else { return Next::On };
                    let found = self.table.map(map).and_then(|map| map.elements.get(&key));
                    let Some(element) = found else { return Next::On };
                    return self.verdict(&element.verdict, place, Some(key), depth);
                }
                NftPart::Numgen(chains) => {
                    let name = self.table.chain(place.chain).map_or("", |chain| &*chain.name);
                    let Some(to) = chains.get(self.sight.drawn(name, place.rule, chains.len())) else {
                        return Next::On;
                    };
                    return self.verdict(&NftVerdict::Goto(to.clone()), place, None, depth);
                }
                NftPart::Verdict(verdict) => return self.verdict(verdict, place, None, depth),
                NftPart::Reject => Ruling::Reject(RejectWith::PortUnreachable),
                NftPart::Masquerade => Ruling::Masquerade { random_fully: true },
                NftPart::Dnat(to) => Ruling::Dnat(NatRange { ip: to.ip(), port: Some(to.port()), random_fully: false }),
                _ => continue,
            };
            self.rules.push(place);
            return Next::End(End::Ruled(ruling));
        }
        Next::On
    }

    fn verdict(&mut self, verdict: &NftVerdict, place: RuleRef, element: Option<NftKey>, depth: u32) -> Next {
        let path_len = self.rules.len();
        let (to, comes_back) = match verdict {
            NftVerdict::Accept | NftVerdict::Drop => {
                self.rules.push(place);
                self.element = element;
                let accept = *verdict == NftVerdict::Accept;
                return Next::End(End::Ruled(if accept { Ruling::Accept } else { Ruling::Drop }));
            }
            NftVerdict::Return => return Next::End(End::Returned),
            NftVerdict::Jump(to) => (to, true),
            NftVerdict::Goto(to) => (to, false),
        };
        self.rules.push(place);
        let Some(to) = self.table.find(to) else { return Next::End(End::Ruled(Ruling::Drop)) };
        let end = self.chain(to, depth - 1);
        // Nothing came of it.
        if matches!(end, End::Returned) && self.rules.len() == path_len + 1 {
            self.rules.truncate(path_len);
        }
        if comes_back && matches!(end, End::Returned) { Next::On } else { Next::End(end) }
    }

    fn holds(&mut self, part: &NftPart) -> bool {
        let table = self.table;
        if let (Some(watch), NftPart::Vmap { map, .. }) = (&mut self.memory.watch, part)
            && let Some(map) = table.map(map)
        {
            watch.map(&self.sight, map);
        }
        match part {
            NftPart::Update(name) => {
                let Some((set, timeout)) = table.sets.get(name).and_then(|set| Some((set, set.timeout?))) else {
                    return false;
                };
                self.memory.note(set_key(table, set), self.sight.packet.src, self.now, timeout)
            }
            part => match dynamic(table, part) {
                Some((set, which, not)) => {
                    let known = self.memory.noted(&set_key(table, set), address(&self.sight, which), self.now);
                    known != not
                }
                None => self.sight.nft_holds(table, part),
            },
        }
    }
}

/// The mark after a part that sets it.
pub(super) fn remarked(mark: u32, part: &NftPart) -> Option<u32> {
    match part {
        NftPart::MarkOr(bits) => Some(mark | bits),
        NftPart::MarkXor(bits) => Some(mark ^ bits),
        _ => None,
    }
}

/// The set that a part looks into, if packets fill it: what it holds is no table's.
pub(super) fn dynamic<'t>(table: &'t NftTable, part: &NftPart) -> Option<(&'t NftSet, NftAddress, bool)> {
    let NftPart::Address { which, not, value: NftValue::Set(name) } = part else { return None };
    let set = table.sets.get(name).filter(|set| set.timeout.is_some())?;
    Some((set, *which, *not))
}

fn address(sight: &Sight<'_>, which: NftAddress) -> IpAddr {
    match which {
        NftAddress::Saddr => sight.packet.src,
        NftAddress::Daddr => sight.packet.dst,
    }
}

impl Sight<'_> {
    /// Whether an expression holds; statements always do, and an address is in no set that packets fill.
    pub fn nft_holds(&self, table: &NftTable, part: &NftPart) -> bool {
        match part {
            NftPart::Address { which, not, value } => {
                let ip = address(self, *which);
                let holds = match value {
                    NftValue::Net(net) => net.contains(&ip),
                    NftValue::Nets(nets) => nets.iter().any(|net| net.contains(&ip)),
                    NftValue::Set(name) => table.sets.get(name).is_some_and(|set| set.elements.get(&ip).is_some()),
                };
                holds != *not
            }
            NftPart::InInterface { name, not } => {
                let pattern = name.strip_suffix('*').map(|start| format!("{start}+"));
                self.is_device(self.input, pattern.as_deref().unwrap_or(name)) != *not
            }
            NftPart::CtState(states) => self.has_state(states),
            NftPart::FibLocal(which) => self.addr_type(address(self, *which)) == AddrType::Local,
            NftPart::L4Proto(protocol) => self.protocol() == Some(*protocol),
            NftPart::MarkUnset(mask) => self.mark & mask == 0,
            NftPart::Vmap { map, with_address } => {
                let key = self.key(*with_address);
                key.is_some_and(|key| table.map(map).is_some_and(|map| map.elements.get(&key).is_some()))
            }
            NftPart::Dnat(to) => Family::of(to.ip()) == self.family(),
            _ => true,
        }
    }

    /// Which of `count` a `numgen random` of this chain's rule picks for this packet.
    pub fn drawn(&self, chain: &str, rule: u32, count: usize) -> usize {
        ((u64::from(self.draw_in(chain, rule)) * count as u64) >> 31) as usize
    }

    /// What verdict maps find a packet by.
    pub fn key(&self, with_address: bool) -> Option<NftKey> {
        let (protocol, port) = self.probe().transport?;
        Some((with_address.then_some(self.packet.dst), protocol, port))
    }
}
