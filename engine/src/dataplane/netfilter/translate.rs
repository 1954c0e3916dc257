//! Rewriting packets as their connection says. Models nf_nat_packet, nf_nat_icmp_reply_translation,
//! nf_nat_masquerade_ipv4 and nf_reject_ipv4.c.

use super::hooks::Gate;
use super::nat::{Manip, is_translated};
use super::track::Tracking;
use crate::dataplane::skb::Skb;
use crate::dataplane::walk::Walk;
use crate::net::{Body, Icmp, IpPacket, Tcp, TcpFlags, Transport};
use crate::tables::netfilter::{CtProtocol, CtTuple};
use crate::tables::{LinkIndex, Scope, source_v6};
use crate::trace::{CauseTable, Change, Changes, HopPlace, Relation, Stage, Step, Verdict};
use std::net::IpAddr;

/// What a packet of this direction looks like when all is done: like answers to the other direction's packets.
fn target(tracking: &Tracking) -> Option<CtTuple> {
    let Tracking::Of { entry, reply, .. } = tracking else { return None };
    Some(entry.tuple(!reply).inverse())
}

impl Walk<'_> {
    /// Rewrites one end of a packet by its connection. None: nothing to rewrite.
    pub(super) fn translation(&mut self, manip: Manip, skb: &mut Skb) -> Option<Change> {
        let Tracking::Of { entry, reply, .. } = &skb.tracking else { return None };
        if !is_translated(entry, manip, *reply) {
            return None;
        }
        let target = target(&skb.tracking)?;
        let change = end_change(skb.ip()?, manip, target)?;
        let applied = change.apply(&mut skb.frame);
        debug_assert!(applied, "{change:?} does not fit {:?}", skb.frame);
        Some(change)
    }

    /// A packet of a connection that has been decided on.
    pub(super) fn translate_known(&mut self, gate: Gate, manip: Manip, skb: &mut Skb) {
        if let Some(change) = self.translation(manip, skb) {
            self.translated(gate, skb, Changes::One(change));
        }
    }

    /// An ICMP error about a packet of a translated connection: what it quotes looks again as its sender sent it.
    pub(super) fn translate_error(&mut self, gate: Gate, manip: Manip, skb: &mut Skb) {
        let Tracking::Of { entry, reply, .. } = &skb.tracking else { return };
        if !is_translated(entry, manip, *reply) {
            return;
        }
        let other = entry.tuple(!reply);
        let Some(IpPacket { src, dst, payload: Transport::Icmp(Icmp::Error { quoted, .. }), .. }) = skb.ip() else {
            return;
        };
        let mut changes: Changes = quoted_change(quoted, manip, other).into_iter().collect();
        let outer = other.inverse();
        match manip {
            Manip::Source if *src != outer.src.0 => {
                changes.push(Change::Source { from: (*src, 0), to: (outer.src.0, 0) });
            }
            Manip::Destination if *dst != outer.dst.0 => {
                changes.push(Change::Destination { from: (*dst, 0), to: (outer.dst.0, 0) });
            }
            _ => {}
        }
        for change in &changes {
            let applied = change.apply(&mut skb.frame);
            debug_assert!(applied, "{change:?} does not fit {:?}", skb.frame);
        }
        if !changes.is_empty() {
            self.translated(gate, skb, changes);
        }
    }

    fn translated(&mut self, gate: Gate, skb: &Skb, changes: Changes) {
        let Tracking::Of { entry, .. } = &skb.tracking else { return };
        self.recorder.keep_connection(skb.track.flow, self.netns.id, entry);
        let cause = Some(self.row(CauseTable::Connection(entry.id)));
        let (stage, link) = (Stage::Conntrack(gate.hook), gate.link());
        let step = Step { at: self.now, stage, link, verdict: Verdict::Pass, cause, changes, ruled: None };
        self.recorder.step(skb.track, HopPlace::Netns(self.netns.id), step);
    }

    /// The address that MASQUERADE gives packets which leave by a device towards `dst` (inet_select_addr,
    /// ipv6_dev_get_saddr).
    pub(super) fn masquerade_source(&self, output: LinkIndex, dst: IpAddr) -> Option<IpAddr> {
        if let IpAddr::V6(dst) = dst {
            return source_v6(&self.netns, dst, output).map(IpAddr::V6);
        }
        let same = |ip: IpAddr| ip.is_ipv4() == dst.is_ipv4();
        let next_hop = self.netns.main.lookup(dst).and_then(|(_, route)| route.via).unwrap_or(dst);
        let global = |address: &&crate::tables::Address| address.scope == Scope::Global && same(address.net.addr());
        let of_device = || self.netns.addresses_of(output).filter(global);
        let near = of_device().find(|address| address.net.contains(&next_hop));
        let found = near.or_else(|| of_device().next()).or_else(|| self.netns.addresses.iter().find(global));
        found.map(|address| address.net.addr())
    }

    /// `--reject-with tcp-reset`: answers in the destination's name, within the same connection.
    pub(super) fn reject_with_reset(&mut self, skb: &Skb) {
        let Some(IpPacket { src, dst, payload: Transport::Tcp(about), .. }) = skb.ip() else { return };
        if about.flags.rst {
            return;
        }
        let flags = TcpFlags { rst: true, ack: !about.flags.ack, ..TcpFlags::default() };
        let used = about.body.len() as u32 + u32::from(about.flags.syn) + u32::from(about.flags.fin);
        let (seq, ack) = if about.flags.ack { (about.ack, 0) } else { (0, about.seq.wrapping_add(used)) };
        let (sport, dport) = (about.dport, about.sport);
        let reset = Tcp { sport, dport, seq, ack, flags, window: 0, mss: None, body: Body::EMPTY };
        let mut packet = self.packet(*dst, *src, Transport::Tcp(reset));
        packet.dont_fragment = true;
        let parent = Some((skb.track.packet, Relation::Answers));
        // Whether the answer can be sent is its own story, told in its own record.
        let _ = self.send_attached(packet, skb.track.flow, parent, skb.tracking.attached());
    }
}

fn end_change(packet: &IpPacket, manip: Manip, target: CtTuple) -> Option<Change> {
    let (from, to) = match manip {
        Manip::Source => (packet.source(), target.src),
        Manip::Destination => (packet.destination(), target.dst),
    };
    (from != to).then_some(match manip {
        Manip::Source => Change::Source { from, to },
        Manip::Destination => Change::Destination { from, to },
    })
}

/// The quoted packet went the other way: its other end is rewritten.
fn quoted_change(quoted: &IpPacket, manip: Manip, tuple: CtTuple) -> Option<Change> {
    debug_assert!(tuple.protocol != CtProtocol::EchoReply || matches!(quoted.payload, Transport::Icmp(_)));
    let (from, to) = match manip {
        Manip::Source => (quoted.destination(), tuple.dst),
        Manip::Destination => (quoted.source(), tuple.src),
    };
    (from != to).then_some(match manip {
        Manip::Source => Change::QuotedDestination { from, to },
        Manip::Destination => Change::QuotedSource { from, to },
    })
}
