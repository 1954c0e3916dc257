//! The `cache` plugin. Models plugin/cache: answers and denials apart, TTLs capped, SERVFAIL for seconds.

use super::chain::{Asked, Chain, Outcome, Served};
use crate::net::dns::{Data, Message, Rcode, Record, Type, name};
use crate::tables::dns::{Cache, Entry, Plugin, Prefetch};
use crate::trace::Nanos;
use std::collections::BTreeMap;

const SECOND: Nanos = 1_000_000_000;
/// Most entries kept here, whatever the Corefile says.
const ENTRIES_MAX: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    block: u16,
    denial: bool,
    name: String,
    kind: Type,
    dnssec: bool,
    checking_disabled: bool,
}

/// A message as it was kept.
#[derive(Clone, Debug)]
pub(super) struct Item {
    message: Message,
    stored: Nanos,
    ttl: u32,
    /// Hits, none longer after the one before than the Corefile says, and the last of them.
    hits: u32,
    last_hit: Nanos,
}

/// All caches of one namespace's servers.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    items: BTreeMap<Key, Item>,
}

impl Store {
    pub fn put(&mut self, key: Key, item: Item) {
        if self.items.len() >= ENTRIES_MAX {
            self.items.clear();
        }
        self.items.insert(key, item);
    }

    /// An entry has answered a question. Models plugin/cache/freq Update.
    pub fn hit(&mut self, key: &Key, now: Nanos, within: Nanos) {
        if let Some(item) = self.items.get_mut(key) {
            (item.hits, item.last_hit) = (item.hits_at(now, within), now);
        }
    }

    /// Entries that are kept: answers and denials.
    pub fn counts(&self) -> (usize, usize) {
        let denials = self.items.keys().filter(|key| key.denial).count();
        (self.items.len() - denials, denials)
    }

    fn get(&self, key: &Key, now: Nanos) -> Option<(&Item, u32)> {
        let item = self.items.get(key)?;
        let age = (now.saturating_sub(item.stored) / SECOND) as u32;
        item.ttl.checked_sub(age).filter(|left| *left > 0).map(|left| (item, left))
    }
}

impl Item {
    fn hits_at(&self, now: Nanos, within: Nanos) -> u32 {
        if self.last_hit + within < now { 1 } else { self.hits + 1 }
    }
}

/// A question whose answer in a cache is to be fetched again: the cache's place in its chain, and what was asked of it.
#[derive(Clone, Debug)]
pub(super) struct Refresh {
    pub at: usize,
    pub asked: Asked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Answer,
    Denial,
    Failure,
    Other,
}

/// Models plugin/pkg/response/typify.go.
fn sort(message: &Message) -> Sort {
    let soa = message.authority.iter().any(|record| record.kind() == Type::SOA);
    match message.rcode {
        Rcode::NXDOMAIN => Sort::Denial,
        Rcode::SERVFAIL | Rcode::NOTIMP => Sort::Failure,
        Rcode::NOERROR if message.answers.is_empty() && soa => Sort::Denial,
        Rcode::NOERROR => Sort::Answer,
        _ => Sort::Other,
    }
}

fn is_opt(record: &Record) -> bool {
    record.kind() == Type::OPT
}

/// The least TTL of a message's records; of a denial's SOA its minimum counts, too.
fn least_ttl(message: &Message, most: u32) -> u32 {
    let ttl = |record: &Record| match &record.data {
        Data::Soa(soa) if sort(message) == Sort::Denial => record.ttl.min(soa.minimum),
        _ => record.ttl,
    };
    message.records().filter(|record| !is_opt(record)).map(ttl).min().unwrap_or(most)
}

fn set_ttls(message: &mut Message, ttl: u32) {
    let sections = [&mut message.answers, &mut message.authority, &mut message.additional];
    let records = sections.into_iter().flat_map(|section| section.iter_mut());
    records.filter(|record| !is_opt(record)).for_each(|record| record.ttl = ttl);
}

fn key(asked: &Asked, denial: bool) -> Key {
    Key {
        block: asked.block,
        denial,
        name: asked.name(),
        kind: asked.kind(),
        dnssec: asked.message.opt().is_some_and(|opt| opt.ttl & 0x8000 != 0),
        checking_disabled: asked.message.flags.checking_disabled,
    }
}

impl Chain<'_> {
    pub fn cache(&mut self, cache: &Cache, asked: &Asked, at: usize, own: Entry) -> Served {
        let qname = asked.name();
        if name::longest(&cache.zones, &qname).is_none() {
            return self.next(asked, at + 1);
        }
        let key = |denial| self::key(asked, denial);
        for denial in [true, false] {
            if let Some((item, left)) = self.store.get(&key(denial), self.now) {
                let mut message = asked.message.reply(item.message.rcode);
                message.flags.authoritative = true;
                message.flags.recursion_available = item.message.flags.recursion_available;
                message.answers = item.message.answers.clone();
                message.authority = item.message.authority.clone();
                message.additional = item.message.additional.clone();
                set_ttls(&mut message, left);
                let kind = if denial { "denial" } else { "success" };
                self.effects
                    .counters
                    .push(format!("coredns_cache_hits_total{{{},type=\"{kind}\"}}", self.server_label()));
                if let Some(prefetch) = cache.prefetch {
                    self.note_hit(prefetch, key(denial), (item, left), Refresh { at, asked: asked.clone() });
                }
                return Ok(Outcome::written(message, Some(own)));
            }
        }
        self.effects.counters.push(format!("coredns_cache_misses_total{{{}}}", self.server_label()));
        self.fill(cache, asked, at)
    }

    /// Models plugin/cache/handler.go shouldPrefetch.
    fn note_hit(&mut self, prefetch: Prefetch, key: Key, (item, left): (&Item, u32), refresh: Refresh) {
        let threshold = (u64::from(item.ttl) * u64::from(prefetch.percentage)).div_ceil(100);
        if item.hits_at(self.now, prefetch.within) >= prefetch.amount && u64::from(left) <= threshold {
            self.effects.counters.push(format!("coredns_cache_prefetch_total{{{}}}", self.server_label()));
            self.effects.refresh = Some(refresh);
        }
        self.effects.hits.push((key, prefetch.within));
    }

    /// Fetches what is in a cache again, whatever is left of it. Models plugin/cache/handler.go doPrefetch.
    pub fn refresh(&mut self, Refresh { at, asked }: &Refresh) -> Served {
        let directive = self.server.directive(asked.block, *at as u16);
        match directive.map(|directive| &directive.plugin) {
            Some(Plugin::Cache(cache)) => self.fill(cache, asked, *at),
            _ => Ok(Outcome::failed(Rcode::SERVFAIL, None, None)),
        }
    }

    /// Lets the rest of the chain answer, and keeps that.
    fn fill(&mut self, cache: &Cache, asked: &Asked, at: usize) -> Served {
        let qname = asked.name();
        let key = |denial| self::key(asked, denial);
        let mut outcome = self.next(asked, at + 1)?;
        let Some(message) = &mut outcome.message else { return Ok(outcome) };
        let found = sort(message);
        let clamp = |(most, least): (u32, u32)| least_ttl(message, most).max(least).min(most);
        let ttl = match found {
            Sort::Denial => clamp(cache.denial_ttl),
            Sort::Failure => cache.servfail_ttl,
            Sort::Answer | Sort::Other => clamp(cache.success_ttl),
        };
        let no_soa = message.rcode == Rcode::NXDOMAIN && !message.authority.iter().any(|r| r.kind() == Type::SOA);
        let off = if found == Sort::Answer { &cache.success_off } else { &cache.denial_off };
        set_ttls(message, ttl);
        let kept = ttl > 0 && !message.flags.truncated && found != Sort::Other && !no_soa;
        if kept && name::longest(off, &qname).is_none() {
            let mut kept = message.clone();
            kept.additional.retain(|record| !is_opt(record));
            let key = key(found != Sort::Answer);
            // How often it was asked for counts on.
            let (hits, last_hit) = self.store.items.get(&key).map_or((0, self.now), |old| (old.hits, old.last_hit));
            self.effects.cached.push((key, Item { message: kept, stored: self.now, ttl, hits, last_hit }));
        }
        Ok(outcome)
    }
}
