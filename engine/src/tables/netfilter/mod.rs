//! netfilter as iptables programs it: tables, chains, rules. One [`Ruleset`] a family, as `iptables-save` shows it.
//!
//! Models Linux 6.18 with iptables 1.8 (nft or legacy: what a rule means is the same).

mod connection;
mod index;
mod rule;

pub use connection::{Connection, CtProgress, CtProtocol, CtTuple, SctpState, TcpState};
pub use index::{ChainIndex, Probe};
pub use rule::{AddrType, CtState, Match, NatRange, PortRange, RecentMode, RejectWith, Rule, SetDirection, Target};

use super::ipvs::Ipvs;
use super::nft::NftTable;
use super::{ChainBlock, Chains, Named, SharedChains, chain_hash};
use crate::net::Family;
pub(in crate::tables) use index::Lazy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where in the kernel's IP layer rules are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Hook {
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

impl Hook {
    /// The name of the hook's built-in chain: `PREROUTING`.
    pub fn chain(self) -> &'static str {
        match self {
            Hook::Prerouting => "PREROUTING",
            Hook::Input => "INPUT",
            Hook::Forward => "FORWARD",
            Hook::Output => "OUTPUT",
            Hook::Postrouting => "POSTROUTING",
        }
    }
}

/// In the order in which a hook asks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TableName {
    Raw,
    Mangle,
    Nat,
    Filter,
}

impl TableName {
    pub const ALL: [TableName; 4] = [TableName::Raw, TableName::Mangle, TableName::Nat, TableName::Filter];

    /// As `iptables -t` has it.
    pub fn name(self) -> &'static str {
        match self {
            TableName::Raw => "raw",
            TableName::Mangle => "mangle",
            TableName::Nat => "nat",
            TableName::Filter => "filter",
        }
    }

    /// The hooks at which the table has a built-in chain, in `iptables-save`'s order.
    pub fn hooks(self) -> &'static [Hook] {
        use Hook::{Forward, Input, Output, Postrouting, Prerouting};
        match self {
            TableName::Raw => &[Prerouting, Output],
            TableName::Mangle => &[Prerouting, Input, Forward, Output, Postrouting],
            TableName::Nat => &[Prerouting, Input, Output, Postrouting],
            TableName::Filter => &[Input, Forward, Output],
        }
    }
}

/// What a built-in chain does with a packet that no rule decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Accept,
    Drop,
}

/// Rules in order. A built-in chain has a policy; the end of any other returns to its caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    pub name: Arc<str>,
    pub policy: Option<Policy>,
    pub rules: Vec<Arc<Rule>>,
    name_hash: u64,
    /// Made when a packet first passes; a copy makes its own.
    index: Lazy<ChainIndex>,
}

impl Chain {
    pub fn new(name: impl Into<Arc<str>>, policy: Option<Policy>, rules: Vec<Arc<Rule>>) -> Chain {
        let name = name.into();
        Chain { name_hash: chain_hash(&name), name, policy, rules, index: Lazy::default() }
    }

    /// Tells chains' names apart.
    pub fn name_hash(&self) -> u64 {
        self.name_hash
    }

    /// An empty chain that rules jump to.
    pub fn user(name: impl Into<Arc<str>>) -> Chain {
        Chain::new(name, None, Vec::new())
    }

    /// Which rules may match a packet, without trying them all.
    pub fn index(&self) -> &ChainIndex {
        self.index.get(|| ChainIndex::new(&self.rules))
    }
}

impl Named for Chain {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
}

/// One table: its built-in chains in the order of its hooks, then the others.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: TableName,
    chains: Chains<Chain>,
}

impl Table {
    /// The built-in chains, empty, with policy ACCEPT.
    pub fn new(name: TableName) -> Table {
        let mut table = Table { name, chains: Chains::default() };
        for hook in name.hooks() {
            table.put(Arc::new(Chain::new(hook.chain(), Some(Policy::Accept), Vec::new())));
        }
        table
    }

    /// Adds a chain, or replaces the one of that name.
    pub fn put(&mut self, chain: Arc<Chain>) {
        self.chains.put(chain);
    }

    /// Adds chains of names that are new here.
    pub fn put_blocks<'b>(&mut self, blocks: impl IntoIterator<Item = &'b ChainBlock<Chain>>) {
        self.chains.put_blocks(blocks);
    }

    /// Has these chains, too, as other namespaces have.
    pub fn share(&mut self, chains: Arc<SharedChains<Chain>>) {
        self.chains.share(chains);
    }

    /// Appends to a chain, which is made if it is not there: `iptables -A`.
    pub fn append(&mut self, chain: &str, rule: Rule) {
        self.append_shared(chain, [Arc::new(rule)]);
    }

    /// The same for rules that other namespaces have as well.
    pub fn append_shared(&mut self, chain: &str, more: impl IntoIterator<Item = Arc<Rule>>) {
        self.edit(chain, |rules| rules.extend(more));
    }

    /// Puts a rule first: `iptables -I`.
    pub fn prepend(&mut self, chain: &str, rule: Rule) {
        self.edit(chain, |rules| rules.insert(0, Arc::new(rule)));
    }

    fn edit(&mut self, name: &str, change: impl FnOnce(&mut Vec<Arc<Rule>>)) {
        if let Some(chain) = self.chains.get_mut(name) {
            chain.index = Lazy::default();
            return change(&mut chain.rules);
        }
        let mut chain = Chain::user(name);
        change(&mut chain.rules);
        self.put(Arc::new(chain));
    }

    /// Sets a built-in chain's policy: `iptables -P`.
    pub fn set_policy(&mut self, hook: Hook, policy: Policy) {
        if let Some(chain) = self.chains.get_mut(hook.chain()) {
            chain.policy = Some(policy);
        }
    }

    pub fn chains(&self) -> impl Iterator<Item = &Arc<Chain>> + Clone {
        self.chains.iter()
    }

    /// A chain by its place in [`Table::chains`].
    pub fn chain(&self, at: u32) -> Option<&Arc<Chain>> {
        self.chains.get(at)
    }

    /// The place of a hook's built-in chain: they come first.
    pub fn built_in(&self, hook: Hook) -> Option<u32> {
        self.name.hooks().iter().position(|own| *own == hook).map(|at| at as u32)
    }

    /// A chain's place in [`Table::chains`].
    pub fn find(&self, name: &str) -> Option<u32> {
        self.chains.find(name)
    }
}

/// The tables of one family that exist in a namespace, by [`TableName`].
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    pub tables: BTreeMap<TableName, Table>,
    tracks: Lazy<bool>,
}

impl Ruleset {
    /// A table, made if it is not there.
    pub fn table(&mut self, name: TableName) -> &mut Table {
        self.tracks = Lazy::default();
        self.tables.entry(name).or_insert_with(|| Table::new(name))
    }

    /// Takes in the rules of another: its own chains as they are, what it has in built-in chains before what is there.
    pub fn put_first(&mut self, other: &Ruleset) {
        for (name, table) in &other.tables {
            let into = self.table(*name);
            for chain in table.chains() {
                match chain.policy {
                    None => into.put(chain.clone()),
                    Some(_) => into.edit(&chain.name, |rules| drop(rules.splice(0..0, chain.rules.iter().cloned()))),
                }
            }
        }
    }

    /// Whether some rule wants connections tracked: Linux does it from the first such rule on (nf_ct_netns_get).
    pub fn tracks(&self) -> bool {
        let chains = || self.tables.values().flat_map(Table::chains);
        *self.tracks.get(|| chains().any(|chain| chain.rules.iter().any(|rule| rule.tracks())))
    }
}

/// A named set of addresses, as `ipset` keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct IpSet {
    pub name: Arc<str>,
    pub set_type: SetType,
    pub family: Family,
    pub entries: Vec<SetEntry>,
    /// `maxelem`
    pub elements_max: u32,
    /// Made when a packet first asks; a copy makes its own.
    index: Lazy<SetIndex>,
}

/// Entries by all of them that is exact: first address, if it is not a whole network, and port.
type SetIndex = BTreeMap<(Option<std::net::IpAddr>, Option<(crate::net::Protocol, u16)>), Vec<u32>>;

impl IpSet {
    pub fn new(name: impl Into<Arc<str>>, set_type: SetType, family: Family, entries: Vec<SetEntry>) -> IpSet {
        let (name, index) = (name.into(), Lazy::default());
        IpSet { name, set_type, family, entries, elements_max: 65_536, index }
    }

    /// The entries with this first address and port, whatever else they ask for.
    pub fn having(
        &self,
        ip: Option<std::net::IpAddr>,
        port: Option<(crate::net::Protocol, u16)>,
    ) -> impl Iterator<Item = &SetEntry> {
        let index = || {
            let mut index = SetIndex::new();
            for (at, entry) in (0..).zip(&self.entries) {
                let whole = entry.net.filter(|net| net.prefix_len() == net.max_prefix_len());
                index.entry((whole.map(|net| net.addr()), entry.port)).or_default().push(at);
            }
            index
        };
        let found = self.index.get(index).get(&(ip, port)).map_or(&[][..], Vec::as_slice);
        found.iter().filter_map(|at| self.entries.get(*at as usize))
    }
}

/// What an ipset's entries are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetType {
    HashIp,
    HashNet,
    HashIpPort,
    HashIpPortIp,
    HashIpPortNet,
    BitmapPort,
}

/// One entry; the parts that its set's type has.
#[derive(Clone, Debug, PartialEq)]
pub struct SetEntry {
    pub net: Option<ipnet::IpNet>,
    pub port: Option<(crate::net::Protocol, u16)>,
    pub second: Option<ipnet::IpNet>,
    pub origin: super::Origin,
}

/// Everything that netfilter has in one namespace. Shared between namespaces where it is equal.
#[derive(Clone, Debug, Default)]
pub struct Netfilter {
    pub v4: Ruleset,
    pub v6: Ruleset,
    /// By name.
    pub sets: BTreeMap<Arc<str>, Arc<IpSet>>,
    /// Tables of nftables, in the order in which they were made.
    pub nft: Vec<NftTable>,
    /// None: the module ip_vs has no virtual server here, and its hooks do nothing.
    pub ipvs: Option<Box<Ipvs>>,
}

impl Netfilter {
    /// The nftables tables that see packets of a family, with their places.
    pub fn nft_of(&self, family: Family) -> impl Iterator<Item = (u32, &NftTable)> {
        (0..).zip(&self.nft).filter(move |(_, table)| table.family == family)
    }

    /// Whether some rule wants this family's connections tracked.
    pub fn tracks(&self, family: Family) -> bool {
        self.ruleset(family).tracks() || self.nft_of(family).any(|(_, table)| table.tracks())
    }

    pub fn ruleset_mut(&mut self, family: Family) -> &mut Ruleset {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    pub fn ruleset(&self, family: Family) -> &Ruleset {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}
