//! A policy's rules as rules of iptables. What one cannot say becomes blocks of several, which leave their result in a bit
//! of the mark. Models felix/rules/policy.go.

use super::names::{self, ACCEPT, SCRATCH0, SCRATCH1};
use super::policy::{Allow, Direction, Peer};
use super::rule::Draft;
use crate::net::{Family, Protocol};
use crate::tables::Origin;
use crate::tables::netfilter::{PortRange, SetDirection};
use ipnet::IpNet;
use std::sync::Arc;

/// Most ports that one match takes; a range counts as two.
const SLOTS: usize = 15;

/// The rules of a policy's or profile's chain; the first bears its title.
pub fn rules(rules: &[Allow], direction: Direction, family: Family, title: &str, origin: &Origin) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = rules.iter().flat_map(|rule| allow(rule, direction, family)).collect();
    // The end of the chain returns as well.
    while drafts.last().is_some_and(Draft::returns) {
        drafts.pop();
    }
    if drafts.is_empty() {
        drafts.push(Draft::new(origin));
    }
    let first = drafts.remove(0).comment(title);
    drafts.insert(0, first);
    drafts
}

/// Blocks of rules, of which each says whether a part of the rule matches.
struct Blocks<'a> {
    origin: &'a Origin,
    drafts: Vec<Draft>,
    /// The first block has left its result.
    begun: bool,
}

impl Blocks<'_> {
    fn draft(&self) -> Draft {
        Draft::new(self.origin)
    }

    fn begin(&mut self, bits: u32) {
        if self.drafts.is_empty() {
            self.drafts.push(self.draft().set_masked_mark(bits, SCRATCH0 | SCRATCH1));
        }
    }

    /// One of these must match.
    fn any(&mut self, parts: Vec<Draft>) {
        self.begin(0);
        let bit = if self.begun { SCRATCH1 } else { SCRATCH0 };
        self.drafts.extend(parts.into_iter().map(|part| part.set_mark(bit)));
        if std::mem::replace(&mut self.begun, true) {
            self.drafts.push(self.draft().mark_clear(SCRATCH1).clear_mark(SCRATCH0));
        }
    }

    /// None of these may match.
    fn none(&mut self, parts: Vec<Draft>) {
        self.begin(SCRATCH0);
        self.drafts.extend(parts.into_iter().map(|part| part.clear_mark(SCRATCH0)));
    }
}

/// Models ProtoRuleToIptablesRules.
fn allow(rule: &Allow, direction: Direction, family: Family) -> Vec<Draft> {
    let Allow { protocol, peer, ports, named_ports, origin } = rule;
    let side = match direction {
        Direction::Ingress => SetDirection::Src,
        Direction::Egress => SetDirection::Dst,
    };
    let (net, mut except) = match peer {
        Peer::Net { cidr, except } => (Some(*cidr), except.clone()),
        Peer::Anyone | Peer::Set(_) => (None, Vec::new()),
    };
    // It is about addresses of the other family, or about none at all.
    let of_family = |net: &IpNet| Family::of(net.addr()) == family;
    if net.is_some_and(|net| !of_family(&net)) || except.iter().any(|net| of_family(net) && net.prefix_len() == 0) {
        return Vec::new();
    }
    let mut blocks = Blocks { origin, drafts: Vec::new(), begun: false };
    let (mut splits, mut named): (Vec<&[PortRange]>, &[_]) = (split(ports), named_ports);
    if splits.len() + named.len() > 1 {
        let numbers = splits.iter().map(|ports| of_protocol(blocks.draft(), *protocol).destination_ports(ports));
        let names = named.iter().map(|set| blocks.draft().port_in_set(&names::set(family, &set.id)));
        let parts = numbers.chain(names).collect();
        blocks.any(parts);
        (splits, named) = (Vec::new(), &[]);
    }
    if usize::from(net.is_some()) + except.len() > 1 {
        let parts = except.drain(..).map(|net| blocks.draft().net(side, net)).collect();
        blocks.none(parts);
    }
    let mut draft = of_protocol(blocks.draft(), *protocol);
    let set: Option<Arc<str>> = match peer {
        Peer::Set(set) => Some(names::set(family, &set.id)),
        Peer::Anyone | Peer::Net { .. } => None,
    };
    if let Some(net) = net {
        draft = draft.net(side, net);
    }
    if let Some(set) = &set {
        draft = draft.in_set(set, side);
    }
    for ports in splits {
        draft = draft.destination_ports(ports);
    }
    for set in named {
        draft = draft.port_in_set(&names::set(family, &set.id));
    }
    if !blocks.drafts.is_empty() {
        draft = draft.marked(SCRATCH0);
    }
    let mut drafts = blocks.drafts;
    drafts.extend([draft.set_mark(ACCEPT), Draft::new(origin).marked(ACCEPT).return_()]);
    drafts
}

fn of_protocol(draft: Draft, protocol: Option<Protocol>) -> Draft {
    match protocol {
        Some(protocol) => draft.protocol(protocol),
        None => draft,
    }
}

/// Models SplitPortList.
fn split(ports: &[PortRange]) -> Vec<&[PortRange]> {
    let (mut splits, mut start, mut used) = (Vec::new(), 0, 0);
    for (at, range) in ports.iter().enumerate() {
        let slots = if range.first == range.last { 1 } else { 2 };
        if used + slots > SLOTS {
            splits.push(&ports[start..at]);
            (start, used) = (at, 0);
        }
        used += slots;
    }
    if start < ports.len() {
        splits.push(&ports[start..]);
    }
    splits
}
