//! What rules remember: how often they matched, and the addresses of `-m recent`.

use super::watch::PortWatch;
use crate::net::Family;
use crate::tables::netfilter::{Chain, RecentMode, TableName};
use crate::tables::nft::{NftSet, NftTable};
use crate::trace::{Nanos, RuleRef};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

const SECOND: Nanos = 1_000_000_000;
/// `ip_list_tot` of xt_recent: addresses of one list.
const RECENT_MAX: usize = 100;
/// Lists of one namespace.
const LISTS_MAX: usize = 16_384;
/// What a dynamic set of nftables holds at most.
const SET_MAX: usize = 65_535;

/// A dynamic set's table and name.
pub(super) type SetKey = (Family, Arc<str>, Arc<str>);

/// How a dynamic set is known among all of its namespace.
pub(super) fn set_key(table: &NftTable, set: &NftSet) -> SetKey {
    (table.family, table.name.clone(), set.name.clone())
}

/// Packets and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub packets: u64,
    pub bytes: u64,
}

impl Count {
    fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// One chain's counters, which end with the chain as it was.
#[derive(Clone, Debug)]
struct Counters {
    of: Arc<Chain>,
    policy: Count,
    rules: Vec<Count>,
}

/// What the rules of one namespace remember.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// By family and table, and the hash of the chain's name.
    counters: BTreeMap<u64, Counters>,
    recent: BTreeMap<Arc<str>, BTreeMap<IpAddr, Nanos>>,
    /// Elements of dynamic sets, with the moments when they go.
    sets: BTreeMap<SetKey, BTreeMap<IpAddr, Nanos>>,
    /// Room for the way of a packet through a table's rules.
    pub(super) path: Vec<RuleRef>,
    /// What rules compare one port with, if somebody wants to know.
    pub watch: Option<PortWatch>,
}

fn counted_by((family, table): (Family, TableName), chain: &Chain) -> u64 {
    // The lowest bits are for the table.
    chain.name_hash() << 3 | (family as u64) << 2 | table as u64
}

impl Memory {
    /// A packet's way in no more room than it takes; the room that it was written in is kept.
    pub(super) fn way(&mut self, mut path: Vec<RuleRef>) -> Vec<RuleRef> {
        let way = path.clone();
        path.clear();
        self.path = path;
        way
    }

    /// A rule of this chain has matched; `rule` None: its policy has decided.
    pub(super) fn count(&mut self, key: (Family, TableName), chain: &Arc<Chain>, rule: Option<u32>, bytes: usize) {
        let fresh = || Counters { of: chain.clone(), policy: Count::default(), rules: Vec::new() };
        let counters = self.counters.entry(counted_by(key, chain)).or_insert_with(fresh);
        if !Arc::ptr_eq(&counters.of, chain) {
            if counters.of != *chain {
                *counters = fresh();
            }
            counters.of = chain.clone();
        }
        match rule.map(|rule| rule as usize) {
            Some(rule) => {
                if counters.rules.len() <= rule {
                    counters.rules.resize(rule + 1, Count::default());
                }
                counters.rules[rule].add(bytes);
            }
            None => counters.policy.add(bytes),
        }
    }

    /// How often a chain's rule matched, or its policy decided (`rule` None), since the chain was programmed.
    pub fn counted(&self, key: (Family, TableName), chain: &Arc<Chain>, rule: Option<usize>) -> Count {
        let counters = self.counters.get(&counted_by(key, chain));
        let counters = counters.filter(|counters| Arc::ptr_eq(&counters.of, chain) || counters.of == *chain);
        let Some(counters) = counters else { return Count::default() };
        rule.map_or(counters.policy, |rule| counters.rules.get(rule).copied().unwrap_or_default())
    }

    /// `update @set`: an address is in the set for this many seconds from now on. False: there is no room.
    pub(super) fn note(&mut self, key: SetKey, ip: IpAddr, now: Nanos, timeout: u32) -> bool {
        if self.sets.len() >= LISTS_MAX && !self.sets.contains_key(&key) {
            return false;
        }
        let set = self.sets.entry(key).or_default();
        if set.len() >= SET_MAX && !set.contains_key(&ip) {
            set.retain(|_, until| now < *until);
        }
        let room = set.len() < SET_MAX || set.contains_key(&ip);
        if room {
            set.insert(ip, now + Nanos::from(timeout) * SECOND);
        }
        room
    }

    /// Whether a dynamic set has an address.
    pub(super) fn noted(&self, key: &SetKey, ip: IpAddr, now: Nanos) -> bool {
        self.sets.get(key).and_then(|set| set.get(&ip)).is_some_and(|until| now < *until)
    }

    /// A dynamic set's elements, each with the time that it has left.
    pub fn elements(&self, table: &NftTable, set: &NftSet, now: Nanos) -> Vec<(IpAddr, Nanos)> {
        let elements = self.sets.get(&set_key(table, set)).into_iter().flatten();
        elements.filter_map(|(ip, until)| Some((*ip, until.checked_sub(now).filter(|left| *left > 0)?))).collect()
    }

    /// `-m recent`
    pub(super) fn recent(&mut self, name: &Arc<str>, mode: RecentMode, ip: IpAddr, now: Nanos) -> bool {
        match mode {
            RecentMode::Set => {
                if self.recent.len() >= LISTS_MAX && !self.recent.contains_key(name) {
                    return true;
                }
                let list = self.recent.entry(name.clone()).or_default();
                if list.len() >= RECENT_MAX
                    && !list.contains_key(&ip)
                    && let Some(oldest) = list.iter().min_by_key(|(_, at)| **at).map(|(ip, _)| *ip)
                {
                    list.remove(&oldest);
                }
                list.insert(ip, now);
                true
            }
            RecentMode::Check { seconds } => {
                let Some(list) = self.recent.get_mut(name) else { return false };
                let limit = Nanos::from(seconds) * SECOND;
                list.retain(|_, at| now <= *at + limit);
                list.contains_key(&ip)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_end_with_the_chain_as_it_was() {
        let key = (Family::V4, TableName::Filter);
        let (mut memory, chain) = (Memory::default(), Arc::new(Chain::user("C")));
        memory.count(key, &chain, Some(2), 100);
        memory.count(key, &chain, Some(2), 50);
        memory.count(key, &chain, None, 7);
        assert_eq!(memory.counted(key, &chain, Some(2)), Count { packets: 2, bytes: 150 });
        assert_eq!(memory.counted(key, &chain, None), Count { packets: 1, bytes: 7 });
        // Programmed again as it was.
        let same = Arc::new(Chain::clone(&chain));
        memory.count(key, &same, Some(2), 1);
        assert_eq!(memory.counted(key, &same, Some(2)).packets, 3);
        let other = Arc::new(Chain::new("C", Some(crate::tables::netfilter::Policy::Drop), Vec::new()));
        assert_eq!(memory.counted(key, &other, Some(2)), Count::default());
        memory.count(key, &other, Some(0), 1);
        assert_eq!(memory.counted(key, &other, Some(2)), Count::default());
    }

    #[test]
    fn addresses_are_noted_for_a_while() {
        let (mut memory, list): (_, Arc<str>) = (Memory::default(), "L".into());
        let ip: IpAddr = [10, 0, 0, 1].into();
        let check = RecentMode::Check { seconds: 10 };
        assert!(!memory.recent(&list, check, ip, 0));
        assert!(memory.recent(&list, RecentMode::Set, ip, 0));
        assert!(memory.recent(&list, check, ip, 10 * SECOND));
        assert!(!memory.recent(&list, check, ip, 10 * SECOND + 1));
        assert!(!memory.recent(&list, check, ip, 5 * SECOND), "reaped");
    }
}
