//! The only writer of traces: it refuses malformed shapes.

use super::model::HopPlace;
use super::{Change, Disposition, Flow, FlowEnd, FlowId, Hop, Nanos, PacketId, PacketTrace, Relation, Step, Trace};
use crate::net::Frame;
use crate::tables::netfilter::Connection;
use crate::tables::{Netns, NetnsId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Most packets that one trace records; later ones are walked but only counted.
const PACKETS_MAX: usize = 4_096;
/// Most steps of one packet.
const STEPS_MAX: usize = 1_024;
/// Most forgotten packets whose room is kept for new ones.
const SPARE_MAX: usize = 256;

/// A packet's parentage, at birth.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    pub flow: FlowId,
    pub parent: Option<(PacketId, Relation)>,
    pub at: Nanos,
}

/// A recorded packet, wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PacketRef {
    pub flow: FlowId,
    pub packet: PacketId,
}

/// Open and finished traces.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// From `first_flow` on; None: forgotten.
    traces: VecDeque<Option<Trace>>,
    first_flow: u32,
    traces_count: usize,
    /// Of all traces together.
    steps_count: usize,
    /// Room for steps, left by forgotten packets.
    spare: Vec<Vec<Step>>,
}

impl Recorder {
    /// Opens a trace.
    pub fn open(&mut self, mut flow: Flow) -> FlowId {
        let id = FlowId(self.first_flow + self.traces.len() as u32);
        flow.id = id;
        let (tables, connections) = (BTreeMap::new(), BTreeMap::new());
        let trace = Trace { flow, packets: Vec::new(), end: None, tables, connections, unrecorded_count: 0 };
        self.traces.push_back(Some(trace));
        self.traces_count += 1;
        id
    }

    /// Closes a trace: packets without a disposition are in flight, and what becomes of them later is not recorded.
    pub fn close(&mut self, flow: FlowId, end: FlowEnd) {
        if let Some(trace) = self.get_mut(flow) {
            trace.end = Some(end);
            for packet in &mut trace.packets {
                packet.disposition.get_or_insert(Disposition::InFlight);
            }
        }
    }

    pub fn get(&self, flow: FlowId) -> Option<&Trace> {
        let at = flow.0.checked_sub(self.first_flow)?;
        self.traces.get(at as usize)?.as_ref()
    }

    fn get_mut(&mut self, flow: FlowId) -> Option<&mut Trace> {
        let at = flow.0.checked_sub(self.first_flow)?;
        self.traces.get_mut(at as usize)?.as_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Trace> {
        self.traces.iter().flatten()
    }

    /// Forgets the oldest closed traces beyond so many traces, or so many steps of all together. The newest stays.
    pub fn trim(&mut self, keep_count: usize, keep_steps: usize) {
        while self.traces_count > keep_count.max(1) || (self.steps_count > keep_steps && self.traces_count > 1) {
            let is_closed = |trace: &&mut Option<Trace>| trace.as_ref().is_some_and(|trace| trace.end.is_some());
            let Some(forgotten) = self.traces.iter_mut().find(is_closed).and_then(Option::take) else { break };
            self.traces_count -= 1;
            for packet in forgotten.packets {
                self.steps_count -= packet.steps.len();
                if self.spare.len() < SPARE_MAX {
                    self.spare.push(packet.steps);
                }
            }
            while let Some(None) = self.traces.front() {
                self.traces.pop_front();
                self.first_flow += 1;
            }
        }
    }

    /// A new packet of a flow. Its frame is kept as it is now; every later change must come as a step's.
    pub fn birth(&mut self, birth: Birth, frame: &Frame) -> PacketRef {
        let lost = PacketRef { flow: birth.flow, packet: PacketId(u32::MAX) };
        let mut steps = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(32));
        steps.clear();
        let Some(trace) = self.open_trace(birth.flow) else { return lost };
        if trace.packets.len() >= PACKETS_MAX {
            trace.unrecorded_count += 1;
            return lost;
        }
        let id = PacketId(trace.packets.len() as u32);
        trace.packets.push(PacketTrace {
            id,
            parent: birth.parent.filter(|(parent, _)| *parent < id),
            birth: Arc::new(frame.clone()),
            born_at: birth.at,
            hops: Vec::with_capacity(8),
            steps,
            disposition: None,
        });
        PacketRef { flow: birth.flow, packet: id }
    }

    /// One decision about a packet at `place`. A change that changes nothing is a mistake of the walk.
    pub fn step(&mut self, packet: PacketRef, place: HopPlace, step: Step) {
        debug_assert!(
            step.changes.iter().all(|change| !matches!(change, Change::Ttl { from, to } if from == to)),
            "a rewrite without a field change: {step:?}"
        );
        let Some(record) = self.packet_mut(packet) else { return };
        debug_assert!(record.disposition.is_none(), "a step after the packet's end: {step:?}");
        if record.steps.len() >= STEPS_MAX {
            return;
        }
        if record.hops.last().is_none_or(|hop| hop.place != place) {
            record.hops.push(Hop { place, first: record.steps.len() as u32 });
        }
        record.steps.push(step);
        self.steps_count += 1;
    }

    /// The packet's one end.
    pub fn finish(&mut self, packet: PacketRef, disposition: Disposition) {
        if let Some(record) = self.packet_mut(packet) {
            debug_assert!(record.disposition.is_none(), "two ends for one packet: {disposition:?}");
            record.disposition.get_or_insert(disposition);
        }
    }

    /// Keeps the tables that steps of this flow point into.
    pub fn keep(&mut self, flow: FlowId, netns: &Arc<Netns>) {
        if let Some(trace) = self.get_mut(flow) {
            trace.tables.entry((netns.id, netns.version)).or_insert_with(|| netns.clone());
        }
    }

    /// Keeps a connection that steps of this flow point to, as it is now.
    pub fn keep_connection(&mut self, flow: FlowId, netns: NetnsId, connection: &Arc<Connection>) {
        if let Some(trace) = self.open_trace(flow) {
            trace.connections.insert((netns, connection.id), connection.clone());
        }
    }

    fn packet_mut(&mut self, packet: PacketRef) -> Option<&mut PacketTrace> {
        self.open_trace(packet.flow)?.packets.get_mut(packet.packet.0 as usize)
    }

    fn open_trace(&mut self, flow: FlowId) -> Option<&mut Trace> {
        self.get_mut(flow).filter(|trace| trace.end.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::FlowEnd;

    #[test]
    fn the_oldest_closed_traces_are_forgotten_and_numbers_stay() {
        let mut recorder = Recorder::default();
        let flow =
            || Flow { id: FlowId(0), title: String::new(), from: NetnsId(1), to: None, started_at: 0, revision: 1 };
        let flows: Vec<FlowId> = (0..5).map(|_| recorder.open(flow())).collect();
        for closed in [1, 2, 4] {
            recorder.close(flows[closed], FlowEnd::Delivered);
        }
        recorder.trim(3, usize::MAX);
        let kept = |recorder: &Recorder| recorder.iter().map(|trace| trace.flow.id.0).collect::<Vec<_>>();
        assert_eq!(kept(&recorder), [0, 3, 4], "open ones stay");
        assert!(recorder.get(flows[1]).is_none() && recorder.get(flows[3]).is_some());
        recorder.close(flows[0], FlowEnd::TimedOut);
        recorder.trim(2, usize::MAX);
        assert_eq!((kept(&recorder), recorder.open(flow())), (vec![3, 4], FlowId(5)));
        assert_eq!(recorder.get(FlowId(5)).map(|trace| trace.flow.id), Some(FlowId(5)));
    }
}
