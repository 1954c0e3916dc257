//! What experiments need: one probe, watched, and left as soon as its fate is plain.

use super::{Event, Run, Runtime};
use crate::dataplane::{Neighbor, PortWatch, Surroundings, Timer};
use crate::tables::NetnsId;
use crate::trace::{FlowEnd, FlowId};
use crate::world::TableCache;

impl Runtime {
    /// Notes from now on what this port is compared with.
    pub(in crate::world) fn watch(&mut self, port: u16) {
        self.watched = Some(port);
    }

    /// The ports that would have been treated as the watched one was, both inclusive.
    pub(in crate::world) fn alike(&self) -> (u16, u16) {
        let watches = self.states.values().filter_map(|state| state.memory.watch.as_ref());
        let intervals = watches.map(PortWatch::interval);
        intervals.fold((0, u16::MAX), |(first, last), own| (first.max(own.0), last.min(own.1)))
    }

    /// The namespaces that packets have come to.
    pub(in crate::world) fn visited(&self) -> impl Iterator<Item = NetnsId> + '_ {
        self.states.keys().copied()
    }

    /// Goes on until the process ends or nothing is left but waiting: no packet is under way, and none waits for a
    /// neighbour. What is sent again then meets what the first packet met, unless a device loses packets by chance.
    pub(in crate::world) fn go_on_while_moving(&mut self, tables: &mut TableCache, run: &mut Run) {
        while self.is_running(run.id) && run.events_left > 0 && (self.is_moving() || self.is_lossy(tables)) {
            if self.next_at().is_none_or(|at| at > run.deadline) {
                return;
            }
            self.next_event(tables);
            run.events_left -= 1;
        }
    }

    fn is_moving(&self) -> bool {
        self.queue.values().any(|event| match event {
            Event::Deliver { .. } | Event::Notify { .. } => true,
            Event::Timer { netns, timer: Timer::Neighbor { link, ip } } => {
                let state = self.states.get(netns);
                state.and_then(|state| state.neighbor(*link, *ip)).is_some_and(Neighbor::is_awaited)
            }
            Event::Timer { timer: Timer::Retransmit { .. } | Timer::Reassembly { .. }, .. } => false,
            Event::Timer { timer: Timer::Process { .. }, .. } => false,
            Event::Timer { timer: Timer::Dns { .. }, .. } => true,
        })
    }

    fn is_lossy(&self, tables: &mut TableCache) -> bool {
        let mut visited = self.states.keys().filter_map(|id| tables.netns(*id));
        visited.any(|netns| netns.netem.iter().any(|netem| netem.loss_ppm > 0))
    }

    /// Leaves a process as it is and closes its conversation, which is as if it had waited for its time.
    pub(in crate::world) fn abandon(&mut self, run: Run) -> (FlowId, FlowEnd) {
        let Some(running) = self.processes.remove(&run.id) else { unreachable!("only `reap` removes processes") };
        let end = running.end.unwrap_or(FlowEnd::TimedOut);
        self.recorder.close(running.flow, end);
        (running.flow, end)
    }
}
