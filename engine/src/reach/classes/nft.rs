//! The same for nftables, whose chains know no Pod's device here.

use super::Seen;
use super::rules::Reader;
use super::universe::Whose;
use crate::net::Family;
use crate::tables::netfilter::Hook;
use crate::tables::nft::{NftAddress, NftPart, NftRule, NftTable, NftValue, NftVerdict};
use std::net::IpAddr;
use std::sync::Arc;

const DEPTH_MAX: u32 = 16;
const HOOKS: [Hook; 5] = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];

impl Reader<'_> {
    /// The tables of a family. Elements of their sets are noted in `sets`, by the set's name.
    pub fn nftables(&mut self, family: Family, sets: &mut Vec<(Arc<str>, Vec<IpAddr>)>) -> u64 {
        let netns = self.netns;
        let mut seen = Seen::default();
        for (_, table) in netns.netfilter.nft_of(family) {
            seen.put(&table.name);
            for (hook, nat) in HOOKS.iter().flat_map(|hook| [(*hook, false), (*hook, true)]) {
                for (priority, at) in table.bases(hook, nat) {
                    seen.put(&(hook.chain(), nat, priority));
                    self.nft_chain((table, nat), at, &mut seen, sets, DEPTH_MAX);
                }
            }
        }
        seen.end()
    }

    fn nft_chain(
        &mut self,
        (table, nat): (&NftTable, bool),
        at: u32,
        seen: &mut Seen,
        sets: &mut Vec<(Arc<str>, Vec<IpAddr>)>,
        depth: u32,
    ) {
        let Some(chain) = table.chain(at).filter(|_| depth > 0) else { return };
        for rule in &chain.rules {
            if self.is_nft_dead(table, nat, rule) {
                continue;
            }
            for part in &rule.parts {
                self.nft_part((table, nat), part, seen, sets, depth);
            }
            seen.put(&"rule");
        }
        seen.put(&"end");
    }

    fn is_nft_dead(&mut self, table: &NftTable, nat: bool, rule: &NftRule) -> bool {
        rule.parts.iter().any(|part| match part {
            NftPart::Address { not: false, value, .. } => match value {
                NftValue::Net(net) => self.universe.is_empty(*net),
                NftValue::Nets(nets) => nets.iter().all(|net| self.universe.is_empty(*net)),
                NftValue::Set(name) => {
                    let set = table.sets.get(name).filter(|set| set.timeout.is_none());
                    set.is_some_and(|set| !self.universe.all.keys().any(|ip| set.elements.get(ip).is_some()))
                }
            },
            NftPart::FibLocal(NftAddress::Daddr) => nat && !self.local,
            _ => false,
        })
    }

    fn nft_part(
        &mut self,
        (table, nat): (&NftTable, bool),
        part: &NftPart,
        seen: &mut Seen,
        sets: &mut Vec<(Arc<str>, Vec<IpAddr>)>,
        depth: u32,
    ) {
        let is_source = |which: NftAddress| which == NftAddress::Saddr;
        match part {
            NftPart::Address { which, not, value: NftValue::Net(net) } => {
                let (relation, _) = self.net(*net, false);
                seen.put(&(is_source(*which), *not, relation, relation.is_none().then_some(*net)));
            }
            NftPart::Address { which, not, value: NftValue::Nets(nets) } => {
                for net in nets {
                    let (relation, _) = self.net(*net, false);
                    seen.put(&(is_source(*which), *not, relation, relation.is_none().then_some(*net)));
                }
            }
            NftPart::Address { which, not, value: NftValue::Set(name) } => {
                seen.put(&(is_source(*which), *not, name));
                let Some(set) = table.sets.get(name) else { return };
                let held = self.universe.all.iter().filter(|(ip, _)| set.elements.get(*ip).is_some());
                let held: Vec<(&IpAddr, &Whose)> = held.collect();
                // A set of the node's own addresses is told by their devices.
                let device = |whose: &Whose| match whose {
                    Whose::Node { node, device } if *node == self.node => Some(device.clone()),
                    _ => None,
                };
                match held.iter().map(|(_, whose)| device(whose)).collect::<Option<Vec<_>>>() {
                    Some(own) => seen.put(&own),
                    None => sets.push((name.clone(), held.into_iter().map(|(ip, _)| *ip).collect())),
                }
            }
            NftPart::Vmap { map, with_address } => {
                seen.put(&(map, *with_address));
                let Some(map) = table.map(map) else { return };
                for (key, element) in map.elements.iter() {
                    let live = key.0.is_none_or(|ip| self.universe.all.contains_key(&ip));
                    if live {
                        seen.put(&(key.0, key.1.name(), key.2));
                        self.nft_verdict((table, nat), &element.verdict, seen, sets, depth);
                    }
                }
            }
            NftPart::Numgen(chains) => {
                for chain in chains {
                    self.nft_verdict((table, nat), &NftVerdict::Goto(chain.clone()), seen, sets, depth);
                }
            }
            NftPart::Verdict(verdict) => self.nft_verdict((table, nat), verdict, seen, sets, depth),
            part => seen.put(&format!("{part:?}")),
        }
    }

    fn nft_verdict(
        &mut self,
        (table, nat): (&NftTable, bool),
        verdict: &NftVerdict,
        seen: &mut Seen,
        sets: &mut Vec<(Arc<str>, Vec<IpAddr>)>,
        depth: u32,
    ) {
        match verdict {
            NftVerdict::Jump(to) | NftVerdict::Goto(to) => {
                seen.put(&matches!(verdict, NftVerdict::Goto(_)));
                if let Some(to) = table.find(to) {
                    self.nft_chain((table, nat), to, seen, sets, depth - 1);
                }
            }
            verdict => seen.put(&format!("{verdict:?}")),
        }
    }
}
