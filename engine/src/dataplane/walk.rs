//! One visit of a packet to one network namespace: the context, and the small verbs that all stages share.

use super::cost;
use super::skb::{Effect, HopTarget, Skb, Timer};
use super::state::{JournalEntry, NetnsState, RuntimeChange};
use crate::net::{Frame, IcmpError, MacAddr};
use crate::tables::{LinkIndex, Netns, NetnsId, Segment};
use crate::trace::{
    CauseTable, Change, Changes, Disposition, DropReason, HopPlace, Nanos, Recorder, RowRef, Stage, Step, Verdict,
};
use std::sync::Arc;

/// What lies beyond the namespace: looked at only to see who would ignore a flooded copy, and to find a device's peer.
pub trait Surroundings {
    fn netns(&mut self, id: NetnsId) -> Option<Arc<Netns>>;
    fn segment(&mut self, number: u32) -> Option<Arc<Segment>>;
}

/// Why a packet could not even leave its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// ENETUNREACH
    NoRoute,
    /// EMSGSIZE; `mtu` in bytes is what would fit.
    TooBig { mtu: u32 },
    /// EINVAL: a blackhole route, a multicast or broadcast destination.
    Invalid,
    /// EPERM: netfilter dropped it on its way out.
    Denied,
}

/// A visit to `netns` that begins at `now`.
pub struct Walk<'a> {
    pub netns: Arc<Netns>,
    pub state: &'a mut NetnsState,
    pub recorder: &'a mut Recorder,
    pub effects: &'a mut Vec<Effect>,
    pub journal: &'a mut Vec<JournalEntry>,
    pub surroundings: &'a mut dyn Surroundings,
    pub now: Nanos,
    pub seed: u64,
}

impl Walk<'_> {
    pub(super) fn row(&self, table: CauseTable) -> RowRef {
        RowRef { netns: self.netns.id, version: self.netns.version, table }
    }

    /// Records a decision and spends its time.
    pub(super) fn step(
        &mut self,
        skb: &Skb,
        stage: Stage,
        link: Option<LinkIndex>,
        verdict: Verdict,
        cause: Option<CauseTable>,
    ) {
        let cause = cause.map(|table| self.row(table));
        let step = Step { at: self.now, stage, link, verdict, cause, changes: Changes::None, ruled: None };
        self.recorder.step(skb.track, HopPlace::Netns(self.netns.id), step);
    }

    /// Rewrites the packet and records it as one passing step.
    pub(super) fn rewrite(
        &mut self,
        skb: &mut Skb,
        stage: Stage,
        link: Option<LinkIndex>,
        cause: Option<CauseTable>,
        change: Change,
    ) {
        self.rewrite_all(skb, stage, link, cause, Changes::One(change));
    }

    /// The same with any number of changes, which are made one after the other.
    pub(super) fn rewrite_all(
        &mut self,
        skb: &mut Skb,
        stage: Stage,
        link: Option<LinkIndex>,
        cause: Option<CauseTable>,
        changes: Changes,
    ) {
        for change in changes.iter() {
            let applied = change.apply(&mut skb.frame);
            debug_assert!(applied, "{change:?} does not fit {:?}", skb.frame);
        }
        let cause = cause.map(|table| self.row(table));
        let step = Step { at: self.now, stage, link, verdict: Verdict::Pass, cause, changes, ruled: None };
        self.recorder.step(skb.track, HopPlace::Netns(self.netns.id), step);
    }

    /// The packet ends here, unheard.
    pub(super) fn drop(
        &mut self,
        skb: Skb,
        stage: Stage,
        link: Option<LinkIndex>,
        reason: DropReason,
        cause: Option<CauseTable>,
    ) {
        self.end(&skb, stage, link, reason, cause);
    }

    /// The same for a packet that its caller lets go of.
    pub(super) fn end(
        &mut self,
        skb: &Skb,
        stage: Stage,
        link: Option<LinkIndex>,
        reason: DropReason,
        cause: Option<CauseTable>,
    ) {
        self.step(skb, stage, link, Verdict::Drop(reason), cause);
        self.recorder.finish(skb.track, Disposition::Dropped(reason));
    }

    /// The packet ends here, and its sender hears of it by ICMP.
    pub(super) fn reject(
        &mut self,
        skb: Skb,
        stage: Stage,
        link: Option<LinkIndex>,
        error: IcmpError,
        cause: Option<CauseTable>,
    ) {
        self.step(&skb, stage, link, Verdict::Reject(error), cause);
        self.recorder.finish(skb.track, Disposition::Rejected(error));
        self.icmp_error(&skb, error);
    }

    /// The packet ends here as meant.
    pub(super) fn accept(&mut self, skb: &Skb, link: Option<LinkIndex>, cause: Option<CauseTable>) {
        self.step(skb, Stage::Deliver, link, Verdict::Accept, cause);
        self.recorder.finish(skb.track, Disposition::Delivered);
    }

    pub(super) fn spend(&mut self, cost: Nanos) {
        self.now += cost;
    }

    pub(super) fn deliver(&mut self, delay: Nanos, to: HopTarget, mut skb: Skb) {
        match skb.crossings.checked_sub(1) {
            Some(left) => {
                skb.crossings = left;
                let kept = std::mem::take(&mut skb.kept);
                self.effects.push(Effect::Deliver { at: self.now + delay + kept, to, skb });
            }
            None => {
                self.step(&skb, Stage::Transmit, None, Verdict::Drop(DropReason::Bound), None);
                self.recorder.finish(skb.track, Disposition::Dropped(DropReason::Bound));
            }
        }
    }

    pub(super) fn set_timer(&mut self, delay: Nanos, timer: Timer) {
        self.effects.push(Effect::Timer { at: self.now + delay, netns: self.netns.id, timer });
    }

    /// Journals a change. One that leaves a neighbour as it was counts, too: it is fresh again. A bridge's entry is
    /// fresh again with every frame; only a new one and one that moves are journaled.
    pub(super) fn log(&mut self, change: RuntimeChange) {
        self.journal.push(JournalEntry { at: self.now, netns: self.netns.id, change });
    }

    /// What a lossy device draws for this packet.
    fn netem_bits(&self, skb: &Skb) -> u64 {
        let packet = u64::from(skb.track.flow.0) << 32 | u64::from(skb.track.packet.0);
        super::random::mix(self.seed ^ super::random::mix(packet ^ u64::from(self.netns.id.0) << 48))
    }

    /// A timer of this namespace is due.
    pub fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Neighbor { link, ip } => self.neighbor_timer(link, ip),
            Timer::Retransmit { socket, generation } => self.retransmit_timer(socket, generation),
            Timer::Reassembly { src, dst, id } => self.reassembly_timer(src, dst, id),
            Timer::Dns { pending, generation } => self.dns_timer(pending, generation),
            Timer::Process { .. } => debug_assert!(false, "a process's timer is the world's"),
        }
    }

    /// A frame arrives on a device of this namespace.
    pub fn receive(&mut self, link: LinkIndex, skb: Skb) {
        let netns = self.netns.clone();
        self.recorder.keep(skb.track.flow, &netns);
        self.spend(cost::DEVICE);
        let Some(device) = netns.link(link) else {
            return self.drop(skb, Stage::Receive, None, DropReason::Gone, None);
        };
        if !device.up {
            return self.drop(skb, Stage::Receive, Some(link), DropReason::DeviceDown, Some(CauseTable::Link(link)));
        }
        if netns.ebpf.is_some() && device.master.is_none() {
            return self.receive_by_programs(device, skb);
        }
        if device.master.is_some() {
            self.step(&skb, Stage::Receive, Some(link), Verdict::Pass, Some(CauseTable::Link(link)));
            return self.bridge_receive(device, skb);
        }
        if !is_for(skb.frame.dst, device.mac, link) {
            return self.drop(skb, Stage::Receive, Some(link), DropReason::OtherHost, Some(CauseTable::Link(link)));
        }
        self.step(&skb, Stage::Receive, Some(link), Verdict::Pass, Some(CauseTable::Link(link)));
        self.receive_network(link, skb);
    }

    /// Hands a frame to a device.
    pub(super) fn transmit(&mut self, link: LinkIndex, mut skb: Skb) {
        use crate::tables::LinkKind;
        let netns = self.netns.clone();
        let Some(device) = netns.link(link) else {
            return self.drop(skb, Stage::Transmit, None, DropReason::Gone, None);
        };
        let cause = Some(CauseTable::Link(link));
        if !device.up {
            return self.drop(skb, Stage::Transmit, Some(link), DropReason::DeviceDown, cause);
        }
        // Models net/sched/sch_generic.c dev_deactivate, which net/core/link_watch.c calls when the carrier is lost.
        if !netns.has_carrier(device) {
            return self.drop(skb, Stage::Transmit, Some(link), DropReason::NoCarrier, cause);
        }
        if netns.ebpf.is_some() {
            let Some(passed) = self.tc_egress(link, skb) else { return };
            skb = passed;
        }
        if let Some(netem) = netns.netem.iter().find(|netem| netem.link == link) {
            let bits = self.netem_bits(&skb);
            let queue = Some(CauseTable::Netem(link));
            if bits % 1_000_000 < u64::from(netem.loss_ppm) {
                return self.drop(skb, Stage::Transmit, Some(link), DropReason::QdiscDrop, queue);
            }
            let sway = if netem.jitter == 0 { 0 } else { (bits >> 20) % (2 * netem.jitter + 1) };
            skb.kept += (netem.delay + sway).saturating_sub(netem.jitter);
            self.step(&skb, Stage::Transmit, Some(link), Verdict::Pass, queue);
        }
        self.spend(cost::DEVICE);
        match device.kind {
            LinkKind::Loopback => {
                self.step(&skb, Stage::Transmit, Some(link), Verdict::Pass, cause);
                self.deliver(cost::VETH, HopTarget::Link { netns: netns.id, link }, skb);
            }
            LinkKind::Veth { peer_netns, peer } => {
                let Some(other) = self.surroundings.netns(peer_netns) else {
                    return self.drop(skb, Stage::Transmit, Some(link), DropReason::Gone, cause);
                };
                if other.link(peer).is_none_or(|end| !fits(&skb.frame, end.mtu)) {
                    return self.drop(skb, Stage::Transmit, Some(link), DropReason::TooBig, cause);
                }
                self.step(&skb, Stage::Transmit, Some(link), Verdict::Pass, cause);
                skb.scrub();
                self.deliver(cost::VETH, HopTarget::Link { netns: peer_netns, link: peer }, skb);
            }
            LinkKind::Nic { segment } => {
                self.step(&skb, Stage::Transmit, Some(link), Verdict::Pass, cause);
                skb.scrub();
                self.deliver(cost::WIRE / 2, HopTarget::Segment { segment, from: netns.id }, skb);
            }
            LinkKind::Bridge => {
                self.step(&skb, Stage::Transmit, Some(link), Verdict::Pass, cause);
                self.bridge_transmit(device, skb);
            }
            // dummy_xmit counts packets and throws them away.
            LinkKind::Dummy => self.drop(skb, Stage::Transmit, Some(link), DropReason::DeviceDown, cause),
            // A packet without a tunnel's key: vxlan_xmit drops it.
            LinkKind::VxlanExternal { .. } => {
                self.drop(skb, Stage::Encapsulate, Some(link), DropReason::VxlanNoRemote, cause);
            }
            LinkKind::Vxlan { vni, port, local, .. } => self.vxlan_transmit(link, vni, port, local, skb),
            LinkKind::Ipip => self.ipip_transmit(link, skb),
        }
    }
}

/// Whether a device takes a frame for itself.
pub(super) fn is_for(dst: MacAddr, own: MacAddr, link: LinkIndex) -> bool {
    dst == own || dst.is_group() || link == LinkIndex::LO
}

/// Whether a device that others forward to takes a frame: up to its MTU, a header and a VLAN tag
/// (Models net/core/dev.c is_skb_forwardable).
pub(super) fn fits(frame: &Frame, mtu: u32) -> bool {
    frame.len() <= mtu as usize + Frame::HEADER_LEN + 4
}
