//! A packet at a hook: tables in the order of their priorities, connection tracking and NAT between them.

use super::ipvs::Onward;
use super::nat::{Manip, Wanted, is_decided};
use super::nft;
use super::rules::{self, Outcome, Ruling};
use super::sight::Sight;
use super::track::Tracking;
use crate::dataplane::cost;
use crate::dataplane::skb::{Balanced, Skb};
use crate::dataplane::walk::Walk;
use crate::net::{Family, IcmpError, IpPacket, Transport};
use crate::tables::LinkIndex;
use crate::tables::ipvs::VirtualKey;
use crate::tables::netfilter::{Hook, Policy, RejectWith, TableName};
use crate::trace::{
    CauseTable, Change, Changes, CtStates, Disposition, DropReason, HopPlace, Ruled, Stage, Step, Verdict,
};
use std::ops::Range;
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

/// What a hook asks besides the chains of nftables, which say their own priorities.
enum Station {
    Table(TableName),
    Tracking,
    /// One for iptables and nftables (nf_nat_inet_fn).
    Nat,
    /// What comes back from real servers, and what goes to virtual ones.
    IpvsOut,
    IpvsIn,
}

/// Of equal priorities the chain that was made later comes first: Flannel's rules, made when Services work, before
/// kube-proxy's nftables (nf_hook_entries_grow).
fn stations(hook: Hook) -> &'static [(i32, Station)] {
    const RAW: (i32, Station) = (-300, Station::Table(TableName::Raw));
    const TRACKING: (i32, Station) = (-200, Station::Tracking);
    const MANGLE: (i32, Station) = (-150, Station::Table(TableName::Mangle));
    const DSTNAT: (i32, Station) = (-100, Station::Nat);
    const FILTER: (i32, Station) = (0, Station::Table(TableName::Filter));
    const SRCNAT: (i32, Station) = (100, Station::Nat);
    match hook {
        Hook::Prerouting => &[RAW, TRACKING, MANGLE, DSTNAT],
        Hook::Output => &[RAW, TRACKING, MANGLE, DSTNAT, (-99, Station::IpvsOut), (-98, Station::IpvsIn), FILTER],
        Hook::Forward => &[MANGLE, FILTER, (99, Station::IpvsIn), (100, Station::IpvsOut)],
        Hook::Input => &[MANGLE, FILTER, (98, Station::IpvsOut), (99, Station::IpvsIn), SRCNAT],
        Hook::Postrouting => &[MANGLE, SRCNAT],
    }
}

/// What rules saw of a packet before they changed it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    mark: u32,
    states: CtStates,
    virtual_server: Option<VirtualKey>,
}

/// A table or base chain that is asked.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Iptables(TableName),
    /// A table of nftables and a base chain of it.
    Nft {
        table: u32,
        chain: u32,
        nat: bool,
    },
}

impl Walk<'_> {
    /// Passes a packet through a hook. None: it went no further.
    pub(in crate::dataplane) fn hook(&mut self, gate: Gate, skb: Skb) -> Option<Skb> {
        let family = Family::of(skb.ip()?.dst);
        let netfilter = &self.netns.netfilter;
        let has_nft = netfilter.nft_of(family).next().is_some();
        if netfilter.ruleset(family).tables.is_empty() && !has_nft {
            return Some(skb);
        }
        let tracks = netfilter.tracks(family);
        let balances = netfilter.ipvs.is_some();
        if balances {
            self.ipvs_sweep();
        }
        let mut skb = skb;
        if gate.hook == Hook::Prerouting && tracks {
            // nf_defrag_ipv4: connections are made of whole packets.
            skb = self.defragment(gate.input, skb)?;
        }
        let mut last = i32::MIN;
        for (priority, station) in stations(gate.hook) {
            if !balances && matches!(station, Station::IpvsOut | Station::IpvsIn) {
                continue;
            }
            if has_nft {
                self.nft_filters(gate, last..*priority, &mut skb)?;
            }
            last = *priority;
            match station {
                Station::Table(table) => self.ask(gate, Asked::Iptables(*table), &mut skb)?,
                Station::Tracking if tracks => self.track(gate, &mut skb)?,
                Station::Tracking => {}
                Station::Nat => self.nat(gate, &mut skb)?,
                Station::IpvsOut => skb = self.ipvs_out(gate, skb)?,
                Station::IpvsIn => match self.ipvs_in(gate, skb)? {
                    (same, Onward::Here) => skb = same,
                    (skb, Onward::Anew(by)) => return self.hook(Gate::new(Hook::Output, None, Some(by)), skb),
                },
            }
        }
        if has_nft {
            self.nft_filters(gate, last..i32::MAX, &mut skb)?;
        }
        if matches!(gate.hook, Hook::Input | Hook::Postrouting) {
            self.confirm(gate, &mut skb)?;
        }
        Some(skb)
    }

    fn defragment(&mut self, input: Option<LinkIndex>, skb: Skb) -> Option<Skb> {
        self.reassemble(input.unwrap_or(LinkIndex::LO), skb)
    }

    /// Asks a table, or a base chain.
    fn outcome(&mut self, gate: Gate, asked: Asked, skb: &Skb) -> Option<(Outcome, Seen)> {
        let netns = &*self.netns;
        let packet = skb.ip()?;
        let states = skb.tracking.states();
        let Gate { hook, input, output, bridged } = gate;
        let virtual_server = match skb.ipvs {
            Balanced::Request { to, .. } => Some(to),
            Balanced::No | Balanced::Answer => None,
        };
        let (mark, seed, now) = (skb.mark, self.seed, self.now);
        let table = match asked {
            Asked::Iptables(table) => table,
            Asked::Nft { nat: true, .. } => TableName::Nat,
            Asked::Nft { .. } => TableName::Filter,
        };
        let sight = Sight { netns, table, packet, input, output, bridged, mark, states, virtual_server, seed };
        let memory = &mut self.state.memory;
        let outcome = match asked {
            Asked::Iptables(table) => {
                let rules = netns.netfilter.ruleset(Family::of(packet.dst)).tables.get(&table)?;
                rules::ask(rules, hook, sight, memory, now)?
            }
            Asked::Nft { table, chain, .. } => {
                nft::ask(netns.netfilter.nft.get(table as usize)?, chain, sight, memory, now)
            }
        };
        self.spend(cost::RULES);
        Some((outcome, Seen { mark, states, virtual_server }))
    }

    /// Base chains of nftables that let packets pass or not, of these priorities.
    fn nft_filters(&mut self, gate: Gate, priorities: Range<i32>, skb: &mut Skb) -> Option<()> {
        for (priority, asked) in self.nft_chains(gate, false, skb) {
            if priorities.contains(&priority) {
                self.ask(gate, asked, skb)?;
            }
        }
        Some(())
    }

    /// The base chains of a hook with their priorities, in the order in which they are asked.
    fn nft_chains(&self, gate: Gate, nat: bool, skb: &Skb) -> Vec<(i32, Asked)> {
        let Some(packet) = skb.ip() else { return Vec::new() };
        let tables = self.netns.netfilter.nft_of(Family::of(packet.dst));
        let chains = tables.flat_map(|(table, rules)| {
            let asked = move |(priority, chain)| (priority, Asked::Nft { table, chain, nat });
            rules.bases(gate.hook, nat).map(asked)
        });
        let mut chains: Vec<(i32, Asked)> = chains.collect();
        chains.sort_by_key(|(priority, _)| *priority);
        chains
    }

    /// A table that lets packets pass or not: all but nat. None: it went no further.
    fn ask(&mut self, gate: Gate, asked: Asked, skb: &mut Skb) -> Option<()> {
        let Some((outcome, seen)) = self.outcome(gate, asked, skb) else { return Some(()) };
        let mut changes = Changes::None;
        self.remark(skb, outcome.mark, &mut changes);
        if outcome.notrack && matches!(skb.tracking, Tracking::Unseen) {
            skb.tracking = Tracking::Untracked;
        }
        self.settle(gate, asked, skb, (outcome, seen), changes)
    }

    fn remark(&mut self, skb: &mut Skb, mark: u32, changes: &mut Changes) {
        if skb.mark != mark {
            changes.push(Change::Mark { from: skb.mark, to: mark });
            skb.mark = mark;
        }
    }

    /// Records what a table did, if it did anything, and lets the packet go on, or not.
    fn settle(
        &mut self,
        gate: Gate,
        asked: Asked,
        skb: &Skb,
        (outcome, seen): (Outcome, Seen),
        changes: Changes,
    ) -> Option<()> {
        let family = Family::of(skb.ip()?.dst);
        let hook = gate.hook;
        let by_policy = matches!(outcome.ruling, Ruling::Policy(Policy::Drop));
        let (stage, cause) = match (asked, outcome.rules.last(), outcome.element) {
            (Asked::Iptables(table), _, _) if by_policy => {
                (Stage::Netfilter { hook, table }, CauseTable::Policy { family, table, hook })
            }
            (_, None, _) => return Some(()),
            (Asked::Iptables(table), Some(rule), _) => {
                (Stage::Netfilter { hook, table }, CauseTable::Rule { family, table, rule: *rule })
            }
            (Asked::Nft { table, chain, nat }, Some(rule), element) => {
                let cause = match element {
                    Some(key) => CauseTable::NftElement { table, rule: *rule, key },
                    None => CauseTable::NftRule { table, rule: *rule },
                };
                (Stage::Nftables { hook, nat, table, chain }, cause)
            }
        };
        let verdict = match outcome.ruling {
            Ruling::Drop | Ruling::Policy(Policy::Drop) => Verdict::Drop(DropReason::Netfilter),
            Ruling::Reject(with) => rejection(with).map_or(Verdict::Drop(DropReason::Netfilter), Verdict::Reject),
            _ => Verdict::Pass,
        };
        let cause = Some(self.row(cause));
        let Gate { input, output, bridged, .. } = gate;
        let Seen { mark, states, virtual_server } = seen;
        let ruled = Ruled { rules: outcome.rules, input, output, bridged, mark, states, virtual_server };
        let ruled = Some(Box::new(ruled));
        let step = Step { at: self.now, stage, link: gate.link(), verdict, cause, changes, ruled };
        self.recorder.step(skb.track, HopPlace::Netns(self.netns.id), step);
        match verdict {
            Verdict::Drop(reason) => {
                self.recorder.finish(skb.track, Disposition::Dropped(reason));
                if outcome.ruling == Ruling::Reject(RejectWith::TcpReset) {
                    self.reject_with_reset(skb);
                }
                None
            }
            Verdict::Reject(error) => {
                self.recorder.finish(skb.track, Disposition::Rejected(error));
                self.icmp_error(skb, error);
                None
            }
            _ => Some(()),
        }
    }

    /// The table nat: asked once for each end of a connection; all its packets are then treated alike.
    fn nat(&mut self, gate: Gate, skb: &mut Skb) -> Option<()> {
        let manip = gate.manip();
        let Tracking::Of { entry, related, .. } = &skb.tracking else { return Some(()) };
        if *related && matches!(skb.ip()?.payload, Transport::Icmp(_)) {
            self.translate_error(gate, manip, skb);
            return Some(());
        }
        if is_decided(entry, manip) {
            self.translate_known(gate, manip, skb);
            return Some(());
        }
        // The first that translates has decided; rules that only accept leave it to the others.
        let chains = self.nft_chains(gate, true, skb).into_iter().map(|(_, asked)| asked);
        for asked in std::iter::once(Asked::Iptables(TableName::Nat)).chain(chains) {
            let Some((mut outcome, seen)) = self.outcome(gate, asked, skb) else { continue };
            let mut changes = Changes::None;
            self.remark(skb, outcome.mark, &mut changes);
            match self.range(gate, outcome.ruling, skb.ip()?) {
                Ok(None) => self.settle(gate, asked, skb, (outcome, seen), changes)?,
                Ok(range) => {
                    self.set_up(skb, manip, range);
                    changes.extend(self.translation(manip, skb));
                    return self.settle(gate, asked, skb, (outcome, seen), changes);
                }
                Err(()) => {
                    outcome.ruling = Ruling::Drop;
                    return self.settle(gate, asked, skb, (outcome, seen), changes);
                }
            }
        }
        self.set_up(skb, manip, None);
        self.translate_known(gate, manip, skb);
        Some(())
    }

    fn set_up(&mut self, skb: &mut Skb, manip: Manip, range: Option<Wanted>) {
        if let Tracking::Of { entry, .. } = &mut skb.tracking {
            let (table, seed, now) = (&self.state.connections, self.seed, self.now);
            table.set_up(Arc::make_mut(entry), manip, range, seed, now);
        }
    }

    /// What NAT is to do. `Err`: there is no address to masquerade with, and the packet is dropped.
    fn range(&self, gate: Gate, ruling: Ruling, packet: &IpPacket) -> Result<Option<Wanted>, ()> {
        match ruling {
            Ruling::Dnat(range) | Ruling::Snat(range) => {
                let same = range.ip.is_ipv4() == packet.dst.is_ipv4();
                let range = Wanted { ip: range.ip, port: range.port, random_fully: range.random_fully };
                Ok(Some(range).filter(|_| same))
            }
            Ruling::Masquerade { .. } if packet.src.is_unspecified() => Ok(None),
            Ruling::Masquerade { random_fully } => {
                let ip = gate.output.and_then(|output| self.masquerade_source(output, packet.dst)).ok_or(())?;
                Ok(Some(Wanted { ip, port: None, random_fully }))
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
