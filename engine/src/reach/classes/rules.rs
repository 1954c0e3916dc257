//! What the rules of a node say, without what they say of single Pods.
//!
//! A chain is told by what is left of it in a view: of packets of one Pod's device, or of no Pod's. A rule that no packet
//! between the ends can match is nothing. Networks are told by what they are to the node, where they are its own, and
//! by themselves elsewhere; then a Pod's class says whether it is in them.

use super::Seen;
use super::universe::Universe;
use crate::net::Family;
use crate::tables::Netns;
use crate::tables::netfilter::{AddrType, Chain, Match, Table, TableName, Target};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const DEPTH_MAX: u32 = 64;

/// Which packets a chain is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View<'a> {
    /// Those that come and go by devices that are no Pod's.
    Others,
    /// Those that come in by a Pod's device.
    In(&'a str),
    /// Those that leave by it.
    Out(&'a str),
}

/// What a chain comes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    hash: u64,
    /// It is the same in every view.
    neutral: bool,
    /// The same on every node that has it.
    common: bool,
}

/// What is known of the rules of all nodes so far.
#[derive(Default)]
pub(super) struct Rules {
    /// By the place of a chain in memory, and whether networks are told by themselves.
    known: BTreeMap<(usize, bool), Told>,
    /// By the place of a chain in memory, the node where it was found first.
    first: BTreeMap<usize, usize>,
    /// Networks told by themselves, and the names of sets, that live rules ask about.
    pub nets: BTreeSet<IpNet>,
    pub sets: BTreeSet<Arc<str>>,
}

/// A node's rules while they are read.
pub(super) struct Reader<'a> {
    pub rules: &'a mut Rules,
    pub universe: &'a mut Universe,
    pub netns: &'a Netns,
    pub node: usize,
    /// The names of the Pods' devices.
    pub devices: &'a BTreeSet<&'a str>,
    /// Some end has an address of a node, or is outside.
    pub local: bool,
    /// What is known of chains of this node alone.
    pub own: BTreeMap<usize, Told>,
}

impl Reader<'_> {
    /// All tables of a family in a view.
    pub fn family(&mut self, family: Family, view: View<'_>) -> u64 {
        let netns = self.netns;
        let mut seen = Seen::default();
        for (name, table) in &netns.netfilter.ruleset(family).tables {
            for hook in name.hooks() {
                let Some(at) = table.built_in(*hook) else { continue };
                let policy = table.chain(at).and_then(|chain| chain.policy);
                let told = self.chain((*name, table), at, view, DEPTH_MAX);
                seen.put(&(name.name(), hook.chain(), format!("{policy:?}"), told.hash));
            }
        }
        seen.end()
    }

    fn chain(&mut self, (name, table): (TableName, &Table), at: u32, view: View<'_>, depth: u32) -> Told {
        let nothing = Told { hash: 0, neutral: true, common: true };
        let Some(chain) = table.chain(at).filter(|_| depth > 0) else { return nothing };
        let place = Arc::as_ptr(chain) as usize;
        let literal = *self.rules.first.entry(place).or_insert(self.node) != self.node;
        let known = self.rules.known.get(&(place, literal)).filter(|told| told.common);
        if let Some(told) = known.or_else(|| self.own.get(&place)) {
            return *told;
        }
        let told = self.read((name, table), chain, (view, literal), depth);
        if told.neutral {
            if told.common {
                self.rules.known.insert((place, literal), told);
            } else {
                self.own.insert(place, told);
            }
        }
        told
    }

    fn read(
        &mut self,
        (name, table): (TableName, &Table),
        chain: &Chain,
        (view, literal): (View<'_>, bool),
        depth: u32,
    ) -> Told {
        let mut told = Told { hash: 0, neutral: true, common: true };
        told.neutral = !chain.rules.iter().flat_map(|rule| &rule.matches).any(is_about_device);
        let (mut seen, mut is_first) = (Seen::default(), true);
        for rule in &chain.rules {
            if self.is_dead(name, &rule.matches) {
                continue;
            }
            let Some(devices) = self.devices(&rule.matches, view) else { continue };
            // A chain that only leads on is the one that it leads to, as Felix' ways to many devices are trees.
            if let (true, Some(Target::Goto(to))) = (devices.is_empty() && is_bare(&rule.matches), &rule.target)
                && is_first
                && let Some(to) = table.find(to)
            {
                let to = self.chain((name, table), to, view, depth - 1);
                return Told { neutral: told.neutral && to.neutral, ..to };
            }
            is_first = false;
            seen.put(&devices);
            for part in &rule.matches {
                self.argument(part, literal, &mut seen, &mut told);
            }
            match &rule.target {
                Some(Target::Jump(to) | Target::Goto(to)) => {
                    let goes = matches!(rule.target, Some(Target::Goto(_)));
                    let to = table.find(to).map(|to| self.chain((name, table), to, view, depth - 1));
                    seen.put(&(goes, to.map(|to| to.hash)));
                    told.neutral &= to.is_none_or(|to| to.neutral);
                    told.common &= to.is_none_or(|to| to.common);
                }
                target => seen.put(&format!("{target:?}")),
            }
        }
        told.hash = seen.end();
        told
    }

    /// Whether no packet between the ends has such addresses.
    fn is_dead(&mut self, table: TableName, matches: &[Match]) -> bool {
        matches.iter().any(|part| match part {
            Match::Source { net, invert: false } | Match::Destination { net, invert: false } => {
                self.universe.is_empty(*net)
            }
            // The first packet of a connection to a Pod is for no node.
            Match::AddrType { destination: Some(AddrType::Local), .. } => table == TableName::Nat && !self.local,
            _ => false,
        })
    }

    /// What a rule says of devices beyond the view's own. None: it does not match in this view, or is for the view of
    /// another Pod.
    fn devices(&self, matches: &[Match], view: View<'_>) -> Option<Vec<String>> {
        let mut left = Vec::new();
        let mut by_view = false;
        let mut of_pod = false;
        for part in matches {
            let (own, name, invert) = match (part, view) {
                (Match::InInterface { name, invert }, View::In(own)) => (Some(own), name, *invert),
                (Match::OutInterface { name, invert }, View::Out(own)) => (Some(own), name, *invert),
                (Match::InInterface { name, invert } | Match::OutInterface { name, invert }, _) => {
                    (None, name, *invert)
                }
                _ => continue,
            };
            match own {
                Some(own) if fits(own, name) == invert => return None,
                Some(_) => by_view |= self.is_of_some_pods(name),
                None if self.is_of_some_pods(name) && !invert => {
                    of_pod = true;
                    left.push(format!("{part:?}"));
                }
                None => left.push(format!("{part:?}")),
            }
        }
        // A rule for some Pods' devices is told in these Pods' views; one for two of them stays as it is.
        (!of_pod || by_view).then_some(left)
    }

    /// A name that stands for some of the Pods' devices and not for all.
    fn is_of_some_pods(&self, name: &str) -> bool {
        match name.strip_suffix('+') {
            None => self.devices.contains(name),
            Some(start) => {
                let count = self.devices.iter().filter(|device| device.starts_with(start)).count();
                count > 0 && count < self.devices.len()
            }
        }
    }

    fn argument(&mut self, part: &Match, literal: bool, seen: &mut Seen, told: &mut Told) {
        match part {
            Match::InInterface { .. } | Match::OutInterface { .. } | Match::Comment(_) | Match::Nfacct(_) => {}
            Match::Source { net, invert } | Match::Destination { net, invert } => {
                let is_source = matches!(part, Match::Source { .. });
                let (relation, common) = self.net(*net, literal);
                seen.put(&(is_source, *invert, relation, relation.is_none().then_some(*net)));
                told.common &= common;
            }
            Match::Set { name, directions, invert } => {
                self.rules.sets.insert(name.clone());
                seen.put(&(name, format!("{directions:?}"), invert));
            }
            part => seen.put(&format!("{part:?}")),
        }
    }
}

impl Rules {
    /// Notes all that the rules of a namespace ask about, whichever packets meet them.
    pub fn note_all(&mut self, netns: &Netns, family: Family) {
        let chains = netns.netfilter.ruleset(family).tables.values().flat_map(Table::chains);
        for part in chains.flat_map(|chain| &chain.rules).flat_map(|rule| &rule.matches) {
            match part {
                Match::Source { net, .. } | Match::Destination { net, .. } => drop(self.nets.insert(*net)),
                Match::Set { name, .. } => drop(self.sets.insert(name.clone())),
                _ => {}
            }
        }
    }
}

impl Reader<'_> {
    /// What a network is to the node, None: itself, and whether that is the same for every node.
    pub(super) fn net(&mut self, net: IpNet, literal: bool) -> (Option<u64>, bool) {
        let nobody = self.universe.is_empty(net);
        let relation = self.universe.relation(net, self.node).filter(|_| nobody || !literal);
        if relation.is_none() {
            self.rules.nets.insert(net);
        }
        (relation, nobody || relation.is_none())
    }
}

/// No condition but that of the device.
fn is_bare(matches: &[Match]) -> bool {
    matches.iter().all(|part| is_about_device(part) || matches!(part, Match::Comment(_) | Match::Nfacct(_)))
}

fn is_about_device(part: &Match) -> bool {
    matches!(part, Match::InInterface { .. } | Match::OutInterface { .. })
}

/// Whether a device has a name, which may end in `+`.
fn fits(device: &str, name: &str) -> bool {
    name.strip_suffix('+').map_or(device == name, |start| device.starts_with(start))
}
