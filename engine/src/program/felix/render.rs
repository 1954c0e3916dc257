//! A policy's rules as rules of iptables. What one cannot say becomes blocks of several, which leave their result in a bit
//! of the mark. Models felix/rules/policy.go.

use super::model::{Action, Rule, SetSource, Side};
use super::names::{self, ACCEPT, DROP, PASS, SCRATCH0, SCRATCH1};
use super::rule::Draft;
use crate::manifest::typed::CalicoProtocol;
use crate::net::Family;
use crate::tables::Origin;
use crate::tables::netfilter::{PortRange, SetDirection};
use ipnet::IpNet;
use std::sync::Arc;

/// Most ports that one match takes; a range counts as two.
const SLOTS: usize = 15;
/// What the kernel's log begins with; LogPrefix by default.
const LOG_PREFIX: &str = "calico-packet: ";

/// The rules of a policy's or profile's chain; the first bears its title.
pub fn rules(rules: &[Rule], family: Family, title: &str, origin: &Origin) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = rules.iter().flat_map(|rule| drafts_of(rule, family)).collect();
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

/// What is left of a side for the last rule, in one family.
struct Rest<'a> {
    side: &'a Side,
    direction: SetDirection,
    nets: Vec<IpNet>,
    not_nets: Vec<IpNet>,
    ports: Vec<&'a [PortRange]>,
    named_ports: &'a [Arc<SetSource>],
}

impl<'a> Rest<'a> {
    /// None: the rule does not concern this family. Models FilterRuleToIPVersion: networks of this family must be left, of
    /// those that are wanted as of those that are not.
    fn new(side: &'a Side, direction: SetDirection, family: Family) -> Option<Rest<'a>> {
        let own = |nets: &[IpNet]| -> Option<Vec<IpNet>> {
            let own: Vec<IpNet> = nets.iter().copied().filter(|net| Family::of(net.addr()) == family).collect();
            (nets.is_empty() || !own.is_empty()).then_some(own)
        };
        let not_nets = own(&side.not_nets)?;
        if not_nets.iter().any(|net| net.prefix_len() == 0) {
            return None;
        }
        let (ports, named_ports) = (split(&side.ports), side.named_ports.as_slice());
        Some(Rest { side, direction, nets: own(&side.nets)?, not_nets, ports, named_ports })
    }

    fn port_block(&mut self, blocks: &mut Blocks<'_>, protocol: Option<CalicoProtocol>, family: Family) {
        if self.ports.len() + self.named_ports.len() < 2 {
            return;
        }
        let numbers = std::mem::take(&mut self.ports)
            .into_iter()
            .map(|ports| of_protocol(blocks.draft(), protocol, family).ports(self.direction, ports, false));
        let names = self
            .named_ports
            .iter()
            .map(|set| blocks.draft().port_in_set(&names::set(family, &set.id), self.direction, false));
        let parts = numbers.chain(names).collect();
        self.named_ports = &[];
        blocks.any(parts);
    }

    fn net_block(&mut self, blocks: &mut Blocks<'_>) {
        if self.nets.len() > 1 {
            let parts = self.nets.drain(..).map(|net| blocks.draft().net(self.direction, net, false)).collect();
            blocks.any(parts);
        }
    }

    fn not_net_block(&mut self, blocks: &mut Blocks<'_>) {
        if self.nets.len() + self.not_nets.len() > 1 {
            let parts = self.not_nets.drain(..).map(|net| blocks.draft().net(self.direction, net, false)).collect();
            blocks.none(parts);
        }
    }

    fn wanted(&self, mut draft: Draft, family: Family) -> Draft {
        let Side { set, service, .. } = self.side;
        let name = |set: &Arc<SetSource>| names::set(family, &set.id);
        for net in &self.nets {
            draft = draft.net(self.direction, *net, false);
        }
        if let Some(set) = set {
            draft = draft.in_set(&name(set), self.direction);
        }
        if let Some(set) = service {
            draft = match set.has_ports() {
                true => draft.port_in_set(&name(set), self.direction, false),
                false => draft.in_set(&name(set), self.direction),
            };
        }
        for ports in &self.ports {
            draft = draft.ports(self.direction, ports, false);
        }
        for set in self.named_ports {
            draft = draft.port_in_set(&name(set), self.direction, false);
        }
        draft
    }

    fn unwanted(&self, mut draft: Draft, family: Family) -> Draft {
        let name = |set: &Arc<SetSource>| names::set(family, &set.id);
        for net in &self.not_nets {
            draft = draft.net(self.direction, *net, true);
        }
        if let Some(set) = &self.side.not_set {
            draft = draft.not_in_set(&name(set), self.direction);
        }
        for ports in split(&self.side.not_ports) {
            draft = draft.ports(self.direction, ports, true);
        }
        for set in &self.side.not_named_ports {
            draft = draft.port_in_set(&name(set), self.direction, true);
        }
        draft
    }
}

/// Models ProtoRuleToIptablesRules.
fn drafts_of(rule: &Rule, family: Family) -> Vec<Draft> {
    let Rule { protocol, origin, .. } = rule;
    if rule.family.is_some_and(|own| own != family) || !has_icmp_of(rule, family) {
        return Vec::new();
    }
    let source = Rest::new(&rule.source, SetDirection::Src, family);
    let destination = Rest::new(&rule.destination, SetDirection::Dst, family);
    let (Some(mut source), Some(mut destination)) = (source, destination) else { return Vec::new() };
    let mut blocks = Blocks { origin, drafts: Vec::new(), begun: false };
    source.port_block(&mut blocks, *protocol, family);
    destination.port_block(&mut blocks, *protocol, family);
    source.net_block(&mut blocks);
    destination.net_block(&mut blocks);
    source.not_net_block(&mut blocks);
    destination.not_net_block(&mut blocks);
    let mut draft = of_protocol(blocks.draft(), *protocol, family);
    draft = destination.wanted(source.wanted(draft, family), family);
    if let Some(icmp) = rule.icmp {
        draft = draft.icmp(icmp, family, false);
    }
    if let Some(protocol) = rule.not_protocol {
        draft = draft.of_protocol(protocol, family, true);
    }
    draft = destination.unwanted(source.unwanted(draft, family), family);
    if let Some(icmp) = rule.not_icmp {
        draft = draft.icmp(icmp, family, true);
    }
    if !blocks.drafts.is_empty() {
        draft = draft.marked(SCRATCH0);
    }
    let mut drafts = blocks.drafts;
    drafts.extend(decided(rule.action, draft, origin));
    let noted = |draft: Draft| rule.notes.iter().fold(draft, |draft, note| draft.comment(note));
    drafts.into_iter().map(noted).collect()
}

/// A rule about types of ICMP is for that protocol's family alone. Felix writes it for both; the kernel refuses the other.
fn has_icmp_of(rule: &Rule, family: Family) -> bool {
    let own = if family == Family::V4 { 1 } else { 58 };
    let asks = rule.icmp.is_some() || rule.not_icmp.is_some();
    !asks || rule.protocol.is_none_or(|protocol| protocol.number == own)
}

/// Models CombineMatchAndActionsForProtoRule: the verdict is left in the mark.
fn decided(action: Action, draft: Draft, origin: &Origin) -> Vec<Draft> {
    let marked = |bit: u32| Draft::new(origin).marked(bit);
    match action {
        Action::Allow => vec![draft.set_mark(ACCEPT), marked(ACCEPT).return_()],
        Action::Pass => vec![draft.set_mark(PASS), marked(PASS).return_()],
        Action::Deny => vec![draft.set_mark(DROP), marked(DROP).drop()],
        Action::Log => vec![draft.log(LOG_PREFIX)],
    }
}

fn of_protocol(draft: Draft, protocol: Option<CalicoProtocol>, family: Family) -> Draft {
    match protocol {
        Some(protocol) => draft.of_protocol(protocol, family, false),
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
