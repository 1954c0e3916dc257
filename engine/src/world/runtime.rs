//! The event loop: one clock, one queue ordered by (time, sequence), and the processes that run.

mod experiment;

use super::journal::Journal;
use super::tables::TableCache;
use crate::cluster::NetnsOwner;
use crate::dataplane::{
    Effect, HopTarget, Io, JournalEntry, Neighbor, NetnsState, Output, PortWatch, Process, ProcessEvent, ProcessId,
    RuntimeChange, Skb, SocketEvent, SocketId, Surroundings, Switch, Timer, Walk,
};
use crate::tables::netfilter::Connection;
use crate::tables::{LinkIndex, NetnsId};
use crate::trace::{Disposition, DropReason, Flow, FlowEnd, FlowId, Nanos, PacketRef, Recorder};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Most events that one command may cause.
const EVENTS_MAX: u32 = 2_000_000;
/// How long packets may still travel after the process that caused them has ended.
const LINGER: Nanos = 100_000_000;
/// Most conversations kept, and most steps of all of them: about 100 MB.
const TRACES_MAX: usize = 8_192;
const STEPS_MAX: usize = 600_000;

#[derive(Debug)]
enum Event {
    Deliver { to: HopTarget, skb: Box<Skb> },
    Timer { netns: NetnsId, timer: Timer },
    Notify { process: ProcessId, socket: SocketId, event: SocketEvent, track: PacketRef },
}

struct Running {
    process: Box<dyn Process>,
    netns: NetnsId,
    flow: FlowId,
    output: Vec<Output>,
    status: Option<i32>,
    end: Option<FlowEnd>,
}

/// How far a command may go.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Virtual time after which the process is interrupted, in nanoseconds.
    pub duration: Nanos,
}

impl Default for Limit {
    /// An hour: longer than any retry in the kernel.
    fn default() -> Limit {
        Limit { duration: 3_600_000_000_000 }
    }
}

/// A process while it runs.
#[derive(Debug)]
pub struct Run {
    id: ProcessId,
    pub(super) deadline: Nanos,
    events_left: u32,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    pub flow: FlowId,
    pub output: Vec<Output>,
    pub status: i32,
    pub end: FlowEnd,
    /// True if it did not end by itself but reached a bound.
    pub interrupted: bool,
}

/// Clock, queue, runtime states and records.
#[derive(Default)]
pub struct Runtime {
    now: Nanos,
    seed: u64,
    queue: BTreeMap<(Nanos, u64), Event>,
    /// How many of the queue's events are packets under way.
    flying_count: usize,
    sequence: u64,
    states: BTreeMap<NetnsId, NetnsState>,
    processes: BTreeMap<ProcessId, Running>,
    next_process: u32,
    recorder: Recorder,
    journal: Journal,
    effects: Vec<Effect>,
    changes: Vec<JournalEntry>,
    /// Processes that run beside what is waited for, and whether one of them has just ended.
    beside: BTreeSet<ProcessId>,
    one_ended: bool,
    /// The port whose comparisons are noted everywhere.
    watched: Option<u16>,
}

impl Runtime {
    /// Nothing has happened yet at this moment.
    pub fn new(seed: u64, now: Nanos) -> Runtime {
        Runtime { seed, now, ..Runtime::default() }
    }

    /// Nanoseconds since the cluster's start.
    pub fn now(&self) -> Nanos {
        self.now
    }

    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub fn state(&self, id: NetnsId) -> Option<&NetnsState> {
        self.states.get(&id)
    }

    /// A namespace's state, made if nothing has been learned there yet.
    pub(super) fn state_mut(&mut self, id: NetnsId) -> &mut NetnsState {
        self.states.entry(id).or_default()
    }

    /// A namespace's learned rows as they were at a moment.
    pub fn state_at(&self, id: NetnsId, at: Nanos) -> Option<NetnsState> {
        let empty = NetnsState::default();
        self.journal.state_at(id, self.states.get(&id).unwrap_or(&empty), at)
    }

    #[cfg(test)]
    pub fn journal(&mut self) -> &mut super::journal::Journal {
        &mut self.journal
    }

    /// Namespaces that are gone lose what they had learned; the journal remembers it.
    pub fn forget(&mut self, alive: impl Fn(NetnsId) -> bool) {
        let now = self.now;
        for (id, state) in self.states.iter().filter(|(id, _)| !alive(**id)) {
            let lost = state.all_learned(now).into_iter();
            let lost = lost.map(|row| RuntimeChange { before: Some(row), after: None });
            self.changes.extend(lost.map(|change| JournalEntry { at: now, netns: *id, change }));
        }
        self.states.retain(|id, _| alive(*id));
        self.journal.append(&mut self.changes);
    }

    /// Nodes lose what they had learned by devices that are gone or without a carrier, and of virtual servers that are
    /// gone.
    pub fn forget_gone(&mut self, tables: &mut TableCache) {
        let now = self.now;
        for (id, state) in &mut self.states {
            if !matches!(tables.revision().netns.get(id), Some(NetnsOwner::Node(_))) {
                continue;
            }
            let Some(netns) = tables.netns(*id) else { continue };
            state.ipvs.forget_services(netns.netfilter.ipvs.as_deref());
            state.ebpf.forget_endpoints(netns.ebpf.as_deref());
            let changes = state.forget_devices(&netns, now).into_iter();
            self.changes.extend(changes.map(|change| JournalEntry { at: now, netns: *id, change }));
        }
        self.journal.append(&mut self.changes);
    }

    /// Makes a namespace forget neighbours that it has learned.
    pub fn forget_neighbors(&mut self, id: NetnsId, which: &mut dyn FnMut(LinkIndex, IpAddr, &Neighbor) -> bool) {
        let now = self.now;
        let Some(state) = self.states.get_mut(&id) else { return };
        let changes = state.forget_neighbors(which, now).into_iter();
        self.changes.extend(changes.map(|change| JournalEntry { at: now, netns: id, change }));
        self.journal.append(&mut self.changes);
    }

    /// Makes a namespace forget connections that it tracks.
    pub fn forget_connections(&mut self, id: NetnsId, which: &mut dyn FnMut(&Connection) -> bool) {
        let now = self.now;
        let Some(state) = self.states.get_mut(&id) else { return };
        let gone: Vec<u32> = state.connections.iter(now).filter(|entry| which(entry)).map(|entry| entry.id).collect();
        for change in state.forget_connections(&gone) {
            self.changes.push(JournalEntry { at: now, netns: id, change });
        }
        self.journal.append(&mut self.changes);
    }

    /// Starts a process, which opens a conversation.
    pub fn start(
        &mut self,
        tables: &mut TableCache,
        netns: NetnsId,
        title: (String, Option<IpAddr>),
        process: Box<dyn Process>,
        limit: Limit,
    ) -> Run {
        let id = self.spawn(tables, netns, title, process);
        Run { id, deadline: self.now.saturating_add(limit.duration), events_left: EVENTS_MAX }
    }

    /// Lets time pass until the process ends or reaches a bound: false; or until a moment comes, which is now, or another
    /// process ends that runs beside: true.
    pub fn go_on(&mut self, tables: &mut TableCache, run: &mut Run, until: Option<Nanos>) -> bool {
        while self.is_running(run.id) && run.events_left > 0 {
            if std::mem::take(&mut self.one_ended) {
                return true;
            }
            let next = self.queue.first_key_value().map_or(Nanos::MAX, |((at, _), _)| *at);
            if let Some(until) = until.filter(|until| *until <= next.min(run.deadline)) {
                self.now = self.now.max(until);
                return true;
            }
            if next > run.deadline {
                break;
            }
            self.next_event(tables);
            run.events_left -= 1;
        }
        false
    }

    /// Ends a process that has reached a bound, and lets its packets arrive.
    pub fn finish(&mut self, tables: &mut TableCache, run: Run) -> Finished {
        let interrupted = self.is_running(run.id);
        if interrupted {
            self.tell(tables, run.id, ProcessEvent::Interrupt, None, self.now);
        }
        self.reap(tables, run.id, interrupted, run.events_left)
    }

    /// A process goes on beside others.
    pub fn leave(&mut self, run: &Run) {
        self.one_ended |= !self.is_running(run.id);
        self.beside.insert(run.id);
    }

    /// Whether a process that was left has ended, or has had its time.
    pub fn is_over(&self, run: &Run) -> bool {
        !self.is_running(run.id) || run.deadline <= self.now
    }

    /// What became of a process that was left.
    pub fn collect(&mut self, tables: &mut TableCache, run: Run) -> Finished {
        self.beside.remove(&run.id);
        self.finish(tables, Run { events_left: 0, ..run })
    }

    /// When something happens next.
    pub fn next_at(&self) -> Option<Nanos> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    fn is_running(&self, id: ProcessId) -> bool {
        self.processes.get(&id).is_some_and(|running| running.status.is_none())
    }

    /// Takes a process that has ended off the table and closes its conversation.
    fn reap(&mut self, tables: &mut TableCache, id: ProcessId, interrupted: bool, events_left: u32) -> Finished {
        let Some(running) = self.processes.remove(&id) else { unreachable!("only `reap` removes processes") };
        if let Some(state) = self.states.get_mut(&running.netns) {
            state.process_exit(id);
        }
        self.linger(tables, events_left);
        let end = running.end.unwrap_or(FlowEnd::TimedOut);
        self.recorder.close(running.flow, end);
        self.recorder.trim(TRACES_MAX, STEPS_MAX);
        let status = running.status.unwrap_or(130);
        Finished { flow: running.flow, output: running.output, status, end, interrupted }
    }

    fn spawn(
        &mut self,
        tables: &mut TableCache,
        netns: NetnsId,
        (title, to): (String, Option<IpAddr>),
        process: Box<dyn Process>,
    ) -> ProcessId {
        let revision = tables.revision().number;
        let flow = Flow { id: FlowId(0), title, from: netns, to, started_at: self.now, revision };
        let flow = self.recorder.open(flow);
        let id = ProcessId(self.next_process);
        self.next_process += 1;
        let running = Running { process, netns, flow, output: Vec::new(), status: None, end: None };
        self.processes.insert(id, running);
        self.tell(tables, id, ProcessEvent::Start, None, self.now);
        id
    }

    /// Lets virtual time pass until a moment: `sleep`. False: a process that runs beside has ended before.
    pub fn advance(&mut self, tables: &mut TableCache, until: Nanos) -> bool {
        for _ in 0..EVENTS_MAX {
            if std::mem::take(&mut self.one_ended) {
                return false;
            }
            if self.queue.first_key_value().is_none_or(|((at, _), _)| *at > until) {
                break;
            }
            self.next_event(tables);
        }
        self.now = self.now.max(until);
        true
    }

    /// Packets under way arrive; timers stay set.
    fn linger(&mut self, tables: &mut TableCache, events_max: u32) {
        let until = self.now + LINGER;
        for _ in 0..events_max {
            let mut soon = self.queue.iter().take_while(|((at, _), _)| *at <= until);
            if self.flying_count == 0 || !soon.any(|(_, event)| matches!(event, Event::Deliver { .. })) {
                return;
            }
            self.next_event(tables);
        }
    }

    fn next_event(&mut self, tables: &mut TableCache) {
        let Some(((at, _), event)) = self.queue.pop_first() else { return };
        self.now = self.now.max(at);
        match event {
            Event::Deliver { to, skb } => {
                self.flying_count -= 1;
                self.deliver(tables, to, *skb);
            }
            Event::Timer { timer: Timer::Process { process, token }, .. } => {
                self.tell(tables, process, ProcessEvent::Timer(token), None, at);
            }
            Event::Timer { netns, timer } => {
                self.walk(tables, netns, |walk| walk.timer(timer));
            }
            Event::Notify { process, socket, event, track } => {
                self.tell(tables, process, ProcessEvent::Socket(socket, event), Some(track), at);
            }
        }
    }

    fn deliver(&mut self, tables: &mut TableCache, to: HopTarget, skb: Skb) {
        let track = skb.track;
        let arrived = match to {
            HopTarget::Link { netns, link } => self.walk(tables, netns, |walk| walk.receive(link, skb)).is_some(),
            HopTarget::Segment { segment, from } => match tables.segment(segment) {
                Some(segment) => {
                    let mut effects = std::mem::take(&mut self.effects);
                    let mut switch = Switch {
                        segment: &segment,
                        recorder: &mut self.recorder,
                        effects: &mut effects,
                        now: self.now,
                    };
                    switch.switch(from, skb);
                    self.effects = effects;
                    self.absorb();
                    true
                }
                None => false,
            },
        };
        if !arrived {
            self.recorder.finish(track, Disposition::Dropped(DropReason::Gone));
        }
    }

    /// One visit to a namespace. None if it is gone.
    fn walk<T>(
        &mut self,
        tables: &mut TableCache,
        netns: NetnsId,
        visit: impl FnOnce(&mut Walk<'_>) -> T,
    ) -> Option<T> {
        let tables_of = tables.netns(netns)?;
        let state = self.states.entry(netns).or_default();
        if let Some(port) = self.watched {
            state.memory.watch.get_or_insert_with(|| PortWatch::new(port));
        }
        let mut walk = Walk {
            netns: tables_of,
            state,
            recorder: &mut self.recorder,
            effects: &mut self.effects,
            journal: &mut self.changes,
            surroundings: tables,
            now: self.now,
            seed: self.seed,
        };
        let result = visit(&mut walk);
        self.absorb();
        Some(result)
    }

    /// Puts what the walk asked for into the queue and the journal.
    fn absorb(&mut self) {
        for effect in self.effects.drain(..) {
            let (at, event) = match effect {
                Effect::Deliver { at, to, skb } => {
                    self.flying_count += 1;
                    (at, Event::Deliver { to, skb: Box::new(skb) })
                }
                Effect::Timer { at, netns, timer } => (at, Event::Timer { netns, timer }),
                Effect::Notify { at, process, socket, event, track } => {
                    (at, Event::Notify { process, socket, event, track })
                }
            };
            self.queue.insert((at, self.sequence), event);
            self.sequence += 1;
        }
        self.journal.append(&mut self.changes);
    }

    /// A process hears of something.
    fn tell(
        &mut self,
        tables: &mut TableCache,
        id: ProcessId,
        event: ProcessEvent,
        about: Option<PacketRef>,
        at: Nanos,
    ) {
        let Some(mut running) = self.processes.remove(&id) else { return };
        if running.status.is_none() {
            self.now = self.now.max(at);
            let told = self.walk(tables, running.netns, |walk| {
                let mut io = Io {
                    walk,
                    process: id,
                    flow: running.flow,
                    output: &mut running.output,
                    exit: &mut running.status,
                    end: &mut running.end,
                    about,
                };
                running.process.on(&mut io, event);
            });
            if told.is_none() {
                // The Pod is gone and its processes with it (128 + SIGKILL).
                running.status = Some(137);
            }
            self.one_ended |= running.status.is_some() && self.beside.contains(&id);
        }
        self.processes.insert(id, running);
    }
}
