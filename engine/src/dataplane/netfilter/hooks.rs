//! A packet at a hook: tables in the order of their priorities, connection tracking and NAT between them.

use super::nat::{Manip, Range, is_decided};
use super::rules::{self, Outcome, Ruling};
use super::sight::Sight;
use super::track::Tracking;
use crate::dataplane::cost;
use crate::dataplane::skb::Skb;
use crate::dataplane::walk::Walk;
use crate::net::{Family, IcmpError, IpPacket, Transport};
use crate::tables::LinkIndex;
use crate::tables::netfilter::{Hook, Policy, RejectWith, TableName};
use crate::trace::{CauseTable, Change, Disposition, DropReason, HopPlace, Ruled, Stage, Step, Verdict};
use std::sync::Arc;

/// Where a packet stands when a hook is asked.
#[derive(Clone, Copy, Debug)]
pub(in crate::dataplane) struct Gate {
    pub hook: Hook,
    pub input: Option<LinkIndex>,
    pub output: Option<LinkIndex>,
    /// It goes from one port of a bridge to another.
    pub bridged: bool,
}

impl Gate {
    pub fn new(hook: Hook, input: Option<LinkIndex>, output: Option<LinkIndex>) -> Gate {
        Gate { hook, input, output, bridged: false }
    }

    /// The device that the hook is about.
    pub(super) fn link(&self) -> Option<LinkIndex> {
        match self.hook {
            Hook::Prerouting | Hook::Input => self.input,
            Hook::Forward | Hook::Output | Hook::Postrouting => self.output,
        }
    }

    fn manip(&self) -> Manip {
        match self.hook {
            Hook::Prerouting | Hook::Output | Hook::Forward => Manip::Destination,
            Hook::Input | Hook::Postrouting => Manip::Source,
        }
    }
}

impl Walk<'_> {
    /// Passes a packet through a hook. None: it went no further.
    pub(in crate::dataplane) fn hook(&mut self, gate: Gate, skb: Skb) -> Option<Skb> {
        let netns = self.netns.clone();
        let family = Family::of(skb.ip()?.dst);
        let ruleset = netns.netfilter.ruleset(family);
        if ruleset.tables.is_empty() {
            return Some(skb);
        }
        let tracks = ruleset.tracks();
        let mut skb = skb;
        if gate.hook == Hook::Prerouting && tracks {
            // nf_defrag_ipv4: connections are made of whole packets.
            skb = self.defragment(gate.input, skb)?;
        }
        if matches!(gate.hook, Hook::Prerouting | Hook::Output) {
            skb = self.filter(gate, TableName::Raw, skb)?;
            if tracks {
                skb = self.track(gate, skb)?;
            }
        }
        skb = self.filter(gate, TableName::Mangle, skb)?;
        match gate.hook {
            Hook::Prerouting => self.nat(gate, skb),
            Hook::Output => {
                skb = self.nat(gate, skb)?;
                self.filter(gate, TableName::Filter, skb)
            }
            Hook::Forward => self.filter(gate, TableName::Filter, skb),
            Hook::Input => {
                skb = self.filter(gate, TableName::Filter, skb)?;
                skb = self.nat(gate, skb)?;
                self.confirm(gate, skb)
            }
            Hook::Postrouting => {
                skb = self.nat(gate, skb)?;
                self.confirm(gate, skb)
            }
        }
    }

    fn defragment(&mut self, input: Option<LinkIndex>, skb: Skb) -> Option<Skb> {
        self.reassemble(input.unwrap_or(LinkIndex::LO), skb)
    }

    /// Asks a table.
    fn outcome(&mut self, gate: Gate, table: TableName, skb: &Skb) -> Option<(Outcome, Box<Ruled>)> {
        let netns = self.netns.clone();
        let packet = skb.ip()?;
        let rules = netns.netfilter.ruleset(Family::of(packet.dst)).tables.get(&table)?;
        let states = skb.tracking.states();
        let Gate { hook, input, output, bridged } = gate;
        let (mark, seed) = (skb.mark, self.seed);
        let sight = Sight { netns: &netns, table, packet, input, output, bridged, mark, states, seed };
        let outcome = rules::ask(rules, hook, sight, &mut self.state.memory, self.now)?;
        let ruled = Ruled { rules: outcome.rules.clone(), input, output, bridged, mark, states };
        self.spend(cost::RULES);
        Some((outcome, Box::new(ruled)))
    }

    /// A table that lets packets pass or not: all but nat.
    fn filter(&mut self, gate: Gate, table: TableName, mut skb: Skb) -> Option<Skb> {
        let Some((outcome, ruled)) = self.outcome(gate, table, &skb) else { return Some(skb) };
        let mut changes = Vec::new();
        self.remark(&mut skb, outcome.mark, &mut changes);
        if outcome.notrack && matches!(skb.tracking, Tracking::Unseen) {
            skb.tracking = Tracking::Untracked;
        }
        self.settle(gate, table, skb, (outcome, ruled), changes)
    }

    fn remark(&mut self, skb: &mut Skb, mark: u32, changes: &mut Vec<Change>) {
        if skb.mark != mark {
            changes.push(Change::Mark { from: skb.mark, to: mark });
            skb.mark = mark;
        }
    }

    /// Records what a table did, if it did anything, and lets the packet go on, or not.
    fn settle(
        &mut self,
        gate: Gate,
        table: TableName,
        skb: Skb,
        (outcome, ruled): (Outcome, Box<Ruled>),
        changes: Vec<Change>,
    ) -> Option<Skb> {
        let stage = Stage::Netfilter { hook: gate.hook, table };
        let Some(family) = skb.ip().map(|packet| Family::of(packet.dst)) else { return Some(skb) };
        let cause = match outcome.rules.last() {
            _ if matches!(outcome.ruling, Ruling::Policy(Policy::Drop)) => {
                CauseTable::Policy { family, table, hook: gate.hook }
            }
            Some(rule) => CauseTable::Rule { family, table, rule: *rule },
            None => return Some(skb),
        };
        let verdict = match outcome.ruling {
            Ruling::Drop | Ruling::Policy(Policy::Drop) => Verdict::Drop(DropReason::Netfilter),
            Ruling::Reject(with) => rejection(with).map_or(Verdict::Drop(DropReason::Netfilter), Verdict::Reject),
            _ => Verdict::Pass,
        };
        let cause = Some(self.row(cause));
        let step = Step { at: self.now, stage, link: gate.link(), verdict, cause, changes, ruled: Some(ruled) };
        self.recorder.step(skb.track, HopPlace::Netns(self.netns.id), step);
        match verdict {
            Verdict::Drop(reason) => {
                self.recorder.finish(skb.track, Disposition::Dropped(reason));
                if outcome.ruling == Ruling::Reject(RejectWith::TcpReset) {
                    self.reject_with_reset(&skb);
                }
                None
            }
            Verdict::Reject(error) => {
                self.recorder.finish(skb.track, Disposition::Rejected(error));
                self.icmp_error(&skb, error);
                None
            }
            _ => Some(skb),
        }
    }

    /// The table nat: asked once for each end of a connection; all its packets are then treated alike.
    fn nat(&mut self, gate: Gate, mut skb: Skb) -> Option<Skb> {
        let manip = gate.manip();
        let Tracking::Of { entry, related, .. } = &skb.tracking else { return Some(skb) };
        if *related && matches!(skb.ip()?.payload, Transport::Icmp(_)) {
            return Some(self.translate_error(gate, manip, skb));
        }
        if is_decided(entry, manip) {
            return Some(self.translate_known(gate, manip, skb));
        }
        let Some((mut outcome, ruled)) = self.outcome(gate, TableName::Nat, &skb) else {
            self.set_up(&mut skb, manip, None);
            return Some(self.translate_known(gate, manip, skb));
        };
        let mut changes = Vec::new();
        self.remark(&mut skb, outcome.mark, &mut changes);
        let range = match self.range(gate, outcome.ruling, skb.ip()?) {
            Ok(range) => range,
            Err(()) => {
                outcome.ruling = Ruling::Drop;
                None
            }
        };
        self.set_up(&mut skb, manip, range);
        if outcome.rules.is_empty() {
            return Some(self.translate_known(gate, manip, skb));
        }
        changes.extend(self.translation(manip, &mut skb));
        self.settle(gate, TableName::Nat, skb, (outcome, ruled), changes)
    }

    fn set_up(&mut self, skb: &mut Skb, manip: Manip, range: Option<Range>) {
        if let Tracking::Of { entry, .. } = &mut skb.tracking {
            let (table, seed, now) = (&self.state.connections, self.seed, self.now);
            table.set_up(Arc::make_mut(entry), manip, range, seed, now);
        }
    }

    /// What NAT is to do. `Err`: there is no address to masquerade with, and the packet is dropped.
    fn range(&self, gate: Gate, ruling: Ruling, packet: &IpPacket) -> Result<Option<Range>, ()> {
        match ruling {
            Ruling::Dnat(range) | Ruling::Snat(range) => {
                let same = range.ip.is_ipv4() == packet.dst.is_ipv4();
                let range = Range { ip: range.ip, port: range.port, random_fully: range.random_fully };
                Ok(Some(range).filter(|_| same))
            }
            Ruling::Masquerade { .. } if packet.src.is_unspecified() => Ok(None),
            Ruling::Masquerade { random_fully } => {
                let ip = gate.output.and_then(|output| self.masquerade_source(output, packet.dst)).ok_or(())?;
                Ok(Some(Range { ip, port: None, random_fully }))
            }
            _ => Ok(None),
        }
    }
}

/// The ICMP error of `--reject-with`; None: a TCP reset.
pub(super) fn rejection(with: RejectWith) -> Option<IcmpError> {
    Some(match with {
        RejectWith::PortUnreachable => IcmpError::PortUnreachable,
        RejectWith::HostUnreachable => IcmpError::HostUnreachable,
        RejectWith::NetUnreachable => IcmpError::NetUnreachable,
        RejectWith::ProtocolUnreachable => IcmpError::ProtocolUnreachable,
        RejectWith::AdminProhibited => IcmpError::AdminProhibited,
        RejectWith::TcpReset => return None,
    })
}
