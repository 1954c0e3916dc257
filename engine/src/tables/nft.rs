//! nftables: tables with sets, verdict maps and chains, as `nft list ruleset` shows them.
//!
//! Models Linux 6.18 nf_tables as far as kube-proxy uses it: every expression that pkg/proxy/nftables writes.

use super::netfilter::{CtState, Hook, Lazy};
use super::{ChainBlock, Chains, Layered, Named, Origin, SharedChains};
use crate::net::{Family, Protocol};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// `table ip kube-proxy { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct NftTable {
    pub family: Family,
    pub name: Arc<str>,
    pub comment: Option<Arc<str>>,
    /// By name.
    pub sets: Layered<Arc<str>, NftSet>,
    pub maps: Vec<NftMap>,
    chains: Chains<NftChain>,
    /// Made when a packet first passes; a copy makes its own.
    bases: Lazy<Vec<(u32, NftBase)>>,
    tracks: Lazy<bool>,
}

/// A named set of addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct NftSet {
    pub name: Arc<str>,
    pub comment: Option<Arc<str>>,
    /// Seconds after which an element that a packet added goes again: a `dynamic` set. Its elements are runtime state.
    pub timeout: Option<u32>,
    pub elements: Layered<IpAddr, Origin>,
}

/// What an element of a verdict map is found by: `ipv4_addr . inet_proto . inet_service`, or without the address.
pub type NftKey = (Option<IpAddr>, Protocol, u16);

/// A map from keys to verdicts.
#[derive(Clone, Debug, PartialEq)]
pub struct NftMap {
    pub name: Arc<str>,
    pub comment: Option<Arc<str>>,
    pub with_address: bool,
    pub elements: Layered<NftKey, NftElement>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NftElement {
    pub verdict: NftVerdict,
    pub comment: Option<Arc<str>>,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NftVerdict {
    Accept,
    Drop,
    Return,
    Jump(Arc<str>),
    Goto(Arc<str>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct NftChain {
    pub name: Arc<str>,
    pub comment: Option<Arc<str>>,
    /// A base chain; None: others jump here.
    pub base: Option<NftBase>,
    pub rules: Vec<NftRule>,
}

/// `type filter hook forward priority 0`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NftBase {
    /// `type nat`, else `type filter`.
    pub nat: bool,
    pub hook: Hook,
    pub priority: i32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NftRule {
    pub parts: Vec<NftPart>,
    pub comment: Option<Arc<str>>,
    pub origin: Origin,
}

impl NftRule {
    /// The name of the map that it looks its verdict up in.
    pub fn verdict_map(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| match part {
            NftPart::Vmap { map, .. } => Some(&**map),
            _ => None,
        })
    }
}

/// Which of a packet's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NftAddress {
    Saddr,
    Daddr,
}

/// What an address is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NftValue {
    Net(IpNet),
    /// `{ a, b }`
    Nets(Vec<IpNet>),
    /// `@name`
    Set(Arc<str>),
}

/// One expression or statement; a rule stops at the first expression that does not hold.
#[derive(Clone, Debug, PartialEq)]
pub enum NftPart {
    /// `ip daddr != 10.0.0.0/8`
    Address {
        which: NftAddress,
        not: bool,
        value: NftValue,
    },
    /// `iifname`, a trailing `*` standing for anything
    InInterface {
        name: Arc<str>,
        not: bool,
    },
    /// `ct state new`
    CtState(Vec<CtState>),
    /// `fib saddr type local`
    FibLocal(NftAddress),
    /// `meta l4proto tcp`
    L4Proto(Protocol),
    /// `mark and 0x4000 == 0`
    MarkUnset(u32),
    /// `mark set mark or 0x4000`
    MarkOr(u32),
    /// `mark set mark xor 0x4000`
    MarkXor(u32),
    /// `ip daddr . meta l4proto . th dport vmap @name`, or without the address.
    Vmap {
        map: Arc<str>,
        with_address: bool,
    },
    /// `numgen random mod N vmap { 0 : goto …, … }`: one of N chains.
    Numgen(Vec<Arc<str>>),
    /// `update @set { ip saddr }`
    Update(Arc<str>),
    Verdict(NftVerdict),
    Reject,
    /// `masquerade fully-random`
    Masquerade,
    /// `dnat to 10.244.1.2:80`
    Dnat(SocketAddr),
}

impl Named for NftChain {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
}

impl NftChain {
    /// An empty chain that others jump to.
    pub fn new(name: impl Into<Arc<str>>) -> NftChain {
        NftChain { name: name.into(), comment: None, base: None, rules: Vec::new() }
    }
}

impl NftTable {
    pub fn new(family: Family, name: impl Into<Arc<str>>, comment: Option<&str>) -> NftTable {
        NftTable {
            family,
            name: name.into(),
            comment: comment.map(Arc::from),
            sets: Layered::default(),
            maps: Vec::new(),
            chains: Chains::default(),
            bases: Lazy::default(),
            tracks: Lazy::default(),
        }
    }

    /// Has these chains, too, as other namespaces have. None of them is a base chain.
    pub fn share(&mut self, chains: Arc<SharedChains<NftChain>>) {
        self.chains.share(chains);
    }

    pub fn put(&mut self, chain: Arc<NftChain>) {
        (self.bases, self.tracks) = (Lazy::default(), Lazy::default());
        self.chains.put(chain);
    }

    /// Adds chains of names that are new here.
    pub fn put_blocks<'b>(&mut self, blocks: impl IntoIterator<Item = &'b ChainBlock<NftChain>>) {
        (self.bases, self.tracks) = (Lazy::default(), Lazy::default());
        self.chains.put_blocks(blocks);
    }

    pub fn chains(&self) -> impl Iterator<Item = &Arc<NftChain>> + Clone {
        self.chains.iter()
    }

    pub fn find(&self, name: &str) -> Option<u32> {
        self.chains.find(name)
    }

    pub fn chain(&self, at: u32) -> Option<&Arc<NftChain>> {
        self.chains.get(at)
    }

    /// Changes the chain of this name, which is made if it is not there.
    pub fn edit(&mut self, name: &str, change: impl FnOnce(&mut NftChain)) {
        (self.bases, self.tracks) = (Lazy::default(), Lazy::default());
        if let Some(chain) = self.chains.get_mut(name) {
            return change(chain);
        }
        let mut chain = NftChain::new(name);
        change(&mut chain);
        self.chains.put(Arc::new(chain));
    }

    pub fn add(&mut self, chain: &str, parts: Vec<NftPart>, comment: Option<&str>, origin: Origin) {
        self.edit(chain, |chain| chain.rules.push(NftRule { parts, comment: comment.map(Arc::from), origin }));
    }

    /// The base chains of a hook that translate, or those that do not, in the order of their priorities.
    pub fn bases(&self, hook: Hook, nat: bool) -> impl Iterator<Item = (i32, u32)> + '_ {
        let bases = self.bases.get(|| {
            let own = (0..).zip(self.chains.own());
            let mut bases: Vec<(u32, NftBase)> = own.filter_map(|(at, chain)| Some((at, chain.base?))).collect();
            bases.sort_by_key(|(_, base)| base.priority);
            bases
        });
        bases
            .iter()
            .filter(move |(_, base)| base.hook == hook && base.nat == nat)
            .map(|(at, base)| (base.priority, *at))
    }

    /// Whether some rule wants connections tracked.
    pub fn tracks(&self) -> bool {
        let asks = |chain: &Arc<NftChain>| {
            let state = |part: &NftPart| matches!(part, NftPart::CtState(_));
            chain.base.is_some_and(|base| base.nat) || chain.rules.iter().any(|rule| rule.parts.iter().any(state))
        };
        *self.tracks.get(|| self.chains().any(asks))
    }

    /// The sets in `nft list`'s order: those that kube-proxy begins with, then, after the maps, those that packets fill.
    pub fn sets(&self, dynamic: bool) -> impl Iterator<Item = &NftSet> {
        self.sets.iter().map(|(_, set)| set).filter(move |set| set.timeout.is_some() == dynamic)
    }

    /// An element of the verdict map of the rule at this place, and the map.
    pub fn element(&self, chain: u32, rule: u32, key: &NftKey) -> Option<(&NftMap, &NftElement)> {
        let map = self.map(self.chain(chain)?.rules.get(rule as usize)?.verdict_map()?)?;
        Some((map, map.elements.get(key)?))
    }

    pub fn map(&self, name: &str) -> Option<&NftMap> {
        self.maps.iter().find(|map| &*map.name == name)
    }

    pub fn map_mut(&mut self, name: &str) -> Option<&mut NftMap> {
        self.maps.iter_mut().find(|map| &*map.name == name)
    }
}
