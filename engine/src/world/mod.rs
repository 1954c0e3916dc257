//! The cluster in time: the store, the runtime state of every namespace, the event queue and the one virtual clock.
//!
//! [`World`] drives the other modules: a change of the store gives a revision, the revision's tables are programmed when
//! something first looks at them, and packets walk them, event by event. The same input and seed give the same events.

mod agenda;
mod follow;
mod journal;
mod loops;
mod pairs;
mod probe;
mod proxies;
mod question;
mod reloads;
mod runtime;
mod scratch;
mod services;
mod tables;
mod trial;

use loops::Watched;
pub use pairs::{is_reachable, pairs};
pub use probe::{ProbeKind, ProbeResult, ProbeSpec};
use reloads::Running;
pub use runtime::{Finished, Limit, Runtime};
pub use scratch::Scratch;
pub use services::{FirstPacket, NodeRules, NodeVerdict};
pub use tables::TableCache;
pub use trial::{Trial, trial};

use agenda::{Agenda, Beside, Hears, Job};

use crate::cluster::{Applied, Cluster, ObjectKey, Options, PodKey, Revision};
use crate::control;
use crate::dataplane::{Neighbor, NetnsState, Process, Surroundings};
use crate::tables::netfilter::Connection;
use crate::tables::{LinkIndex, Netns, NetnsId, Segment};
use crate::trace::{Nanos, Recorder};
use std::net::IpAddr;
use std::sync::Arc;

/// Most jobs that run within each other: while one lets time pass, another is due. More wait for their turn.
const NESTED_MAX: u32 = 8;

/// Most processes that run beside others.
const BESIDE_MAX: usize = 64;

/// One simulated cluster.
pub struct World {
    cluster: Cluster,
    tables: TableCache,
    runtime: Runtime,
    agenda: Agenda,
    /// Processes that run beside what is waited for.
    beside: Vec<Beside>,
    /// Jobs of the agenda that run at present, each within the one before.
    nested_count: u32,
    /// Files that commands have written.
    pub scratch: Scratch,
    /// The Corefiles with which CoreDNS Pods have asked themselves whether they do.
    watched: Watched,
    /// The CoreDNS processes and what they have read.
    running: Running,
}

impl World {
    /// A cluster of defaults and these overrides, at time zero, with nothing learned yet.
    pub fn new(options: Options) -> World {
        World::over(control::start(options), 0)
    }

    /// Another world with the same objects at the same moment under other options, in which nothing is learned yet and no
    /// table was changed by hand.
    pub fn under(&self, options: Options) -> World {
        let cluster = self.cluster.under(options, self.now());
        World { scratch: self.scratch.clone(), ..World::over(cluster, self.now()) }
    }

    fn over(cluster: Cluster, now: Nanos) -> World {
        let revision = cluster.revision().clone();
        let runtime = Runtime::new(revision.seed, now);
        let mut world = World {
            cluster,
            tables: TableCache::new(revision),
            runtime,
            agenda: Agenda::default(),
            beside: Vec::new(),
            nested_count: 0,
            scratch: Scratch::default(),
            watched: Watched::default(),
            running: Running::default(),
        };
        world.note_reloads();
        world
    }

    /// The store: files, objects, revisions.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Changes the store by `change`, at the present moment, and lets controllers settle. Namespaces that are gone
    /// forget what they had learned.
    pub fn change<T>(&mut self, change: impl FnOnce(&mut Cluster, Nanos) -> T) -> T {
        let result = change(&mut self.cluster, self.runtime.now());
        if self.cluster.revision().number != self.tables.revision().number {
            self.tables.set_revision(self.cluster.revision().clone());
            let revision = self.tables.revision();
            self.runtime.forget(|id| revision.netns.contains_key(&id));
            self.runtime.forget_gone(&mut self.tables);
            self.clean_stale_connections();
            self.note_reloads();
            self.watch_for_loops();
        }
        result
    }

    /// Adds a file, or replaces one of that name; a live one is applied at once.
    pub fn open_file(&mut self, name: &str, text: &str, live: bool) -> Applied {
        self.change(|cluster, now| cluster.open_file(name, text, live, now))
    }

    /// A file's text as it stands after a keystroke.
    pub fn edit_file(&mut self, name: &str, text: &str) -> Applied {
        self.change(|cluster, now| cluster.edit_file(name, text, now))
    }

    /// `kubectl apply -f NAME`: the file is live from now on.
    pub fn apply_file(&mut self, name: &str) -> Applied {
        self.change(|cluster, now| cluster.apply_file(name, now))
    }

    /// What a console command makes, as a read-only source of this name.
    pub fn apply_text(&mut self, name: &str, text: &str) -> Applied {
        self.change(|cluster, now| cluster.apply_text(name, text, now))
    }

    /// `kubectl delete`
    pub fn delete(&mut self, keys: &[ObjectKey]) -> Applied {
        self.change(|cluster, now| cluster.delete(keys, now))
    }

    /// `pkill -STOP`, `pkill -CONT`: the processes of these Pods stand still, or go on. Returns how many Pods that were.
    pub fn freeze(&mut self, pods: &[PodKey], frozen: bool) -> usize {
        self.change(|cluster, now| cluster.freeze(pods, frozen, now))
    }

    /// The containers of a Pod that is not restarted have ended.
    pub fn end_pod(&mut self, key: &PodKey, well: bool) {
        self.change(|cluster, now| cluster.end_pod(key, well, now));
    }

    pub fn revision(&self) -> &Revision {
        self.tables.revision()
    }

    /// Nanoseconds since the cluster's start.
    pub fn now(&self) -> Nanos {
        self.runtime.now()
    }

    /// The programmed tables of a namespace.
    pub fn netns(&mut self, id: NetnsId) -> Option<Arc<Netns>> {
        self.tables.netns(id)
    }

    pub fn segment(&mut self, number: u32) -> Option<Arc<Segment>> {
        self.tables.segment(number)
    }

    /// What a namespace has learned.
    pub fn state(&self, id: NetnsId) -> Option<&NetnsState> {
        self.runtime.state(id)
    }

    /// What a namespace had learned at a moment; None: longer ago than is remembered.
    pub fn state_at(&self, id: NetnsId, at: Nanos) -> Option<NetnsState> {
        self.runtime.state_at(id, at)
    }

    /// Forgets what had been learned before a moment.
    #[cfg(test)]
    pub fn forget_learned(&mut self, until: Nanos) {
        self.runtime.journal().forget(until);
    }

    /// The conversations so far.
    pub fn recorder(&self) -> &Recorder {
        self.runtime.recorder()
    }

    /// Puts other tables into a namespace, as a fault or an experiment would.
    pub fn replace_tables(&mut self, netns: Netns) {
        self.tables.replace(netns);
    }

    /// Takes `replace_tables` back.
    pub fn restore_tables(&mut self, id: NetnsId) {
        self.tables.restore(id);
    }

    /// Begins again at time zero with nothing learned and no conversations. The cluster and replaced tables stay.
    pub fn restart(&mut self) {
        self.runtime = Runtime::new(self.tables.revision().seed, 0);
        self.agenda = Agenda::default();
        self.beside.clear();
    }

    /// Runs a program in a namespace until it ends, and what the agenda has in the meantime. `title` and address name the
    /// conversation.
    pub fn run(
        &mut self,
        netns: NetnsId,
        title: (String, Option<IpAddr>),
        process: Box<dyn Process>,
        limit: Limit,
    ) -> Finished {
        self.do_due();
        let mut run = self.runtime.start(&mut self.tables, netns, title, process, limit);
        loop {
            let due = self.next_stop();
            if !self.runtime.go_on(&mut self.tables, &mut run, due) {
                return self.runtime.finish(&mut self.tables, run);
            }
            self.do_due();
        }
    }

    /// Whether one more program may go on while other things do.
    pub fn has_room_beside(&self) -> bool {
        self.beside.len() < BESIDE_MAX
    }

    /// Starts a program that goes on while other things do.
    pub fn run_beside(
        &mut self,
        netns: NetnsId,
        title: (String, Option<IpAddr>),
        process: Box<dyn Process>,
        limit: Limit,
        hears: Hears,
    ) {
        let run = self.runtime.start(&mut self.tables, netns, title, process, limit);
        self.runtime.leave(&run);
        self.beside.push(Beside { run, hears });
    }

    /// Processes that ran beside and are over tell what became of them.
    fn collect(&mut self) {
        while let Some(at) = self.beside.iter().position(|beside| self.runtime.is_over(&beside.run)) {
            let Beside { run, hears } = self.beside.remove(at);
            let finished = self.runtime.collect(&mut self.tables, run);
            let has_sent = self.recorder().get(finished.flow).is_some_and(|trace| !trace.packets.is_empty());
            hears(finished, has_sent);
        }
    }

    /// When the agenda goes on, or a process that runs beside has had its time.
    fn next_stop(&self) -> Option<Nanos> {
        self.beside.iter().map(|beside| beside.run.deadline).chain(self.next_due()).min()
    }

    /// Has something happen after a time, while other things run. Gives its number; None: too much waits already.
    pub fn later(&mut self, after: Nanos, job: Job) -> Option<u64> {
        self.agenda.add(self.now().saturating_add(after), job)
    }

    /// When the agenda goes on; None while as many jobs run within each other as may.
    fn next_due(&self) -> Option<Nanos> {
        self.agenda.due().filter(|_| self.nested_count < NESTED_MAX)
    }

    /// Does what is due on the agenda.
    pub fn do_due(&mut self) {
        self.collect();
        while self.nested_count < NESTED_MAX
            && let Some(job) = self.agenda.take_due(self.runtime.now())
        {
            self.nested_count += 1;
            job(self);
            self.nested_count -= 1;
            self.collect();
        }
    }

    /// Lets time pass until something is done, or nothing is left on the agenda and beside.
    pub fn wait(&mut self, is_done: &dyn Fn() -> bool) {
        self.do_due();
        while !is_done() {
            let event = self.runtime.next_at().filter(|_| !self.beside.is_empty());
            let Some(at) = event.into_iter().chain(self.next_stop()).min() else { return };
            self.advance(at.saturating_sub(self.now()));
        }
    }

    /// Makes a namespace forget neighbours that it has learned: `ip neigh flush`.
    pub fn forget_neighbors(&mut self, id: NetnsId, which: &mut dyn FnMut(LinkIndex, IpAddr, &Neighbor) -> bool) {
        self.runtime.forget_neighbors(id, which);
    }

    /// Makes a namespace forget connections that it tracks: `conntrack -D`.
    pub fn forget_connections(&mut self, id: NetnsId, which: &mut dyn FnMut(&Connection) -> bool) {
        self.runtime.forget_connections(id, which);
    }

    /// Lets virtual time pass.
    pub fn advance(&mut self, duration: Nanos) {
        let until = self.now().saturating_add(duration);
        loop {
            let stop = self.next_stop().filter(|at| *at <= until);
            let came = self.runtime.advance(&mut self.tables, stop.unwrap_or(until));
            self.do_due();
            if came && stop.is_none() {
                return;
            }
        }
    }
}
