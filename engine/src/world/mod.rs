//! The cluster in time: the store, the runtime state of every namespace, the event queue and the one virtual clock.
//!
//! [`World`] drives the other modules: a change of the store gives a revision, the revision's tables are programmed when
//! something first looks at them, and packets walk them, event by event. The same input and seed give the same events.

mod journal;
mod probe;
mod runtime;
mod tables;

pub use probe::{ProbeKind, ProbeResult, ProbeSpec};
pub use runtime::{Finished, Limit, Runtime};
pub use tables::TableCache;

use crate::cluster::Revision;
use crate::dataplane::{NetnsState, Process, Surroundings};
use crate::tables::{Netns, NetnsId, Segment};
use crate::trace::{Nanos, Recorder};
use std::net::IpAddr;
use std::sync::Arc;

/// One simulated cluster.
pub struct World {
    tables: TableCache,
    runtime: Runtime,
}

impl World {
    /// A cluster in this state, at time zero, with nothing learned yet.
    pub fn new(revision: Revision) -> World {
        let seed = revision.seed;
        World { tables: TableCache::new(revision), runtime: Runtime::new(seed) }
    }

    pub fn revision(&self) -> &Revision {
        self.tables.revision()
    }

    /// Goes on with another revision of the same cluster; namespaces that are gone forget what they had learned.
    pub fn set_revision(&mut self, revision: Revision) {
        self.tables.set_revision(revision);
        let revision = self.tables.revision();
        self.runtime.forget(|id| revision.netns.contains_key(&id));
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

    /// Runs a program in a namespace until it ends. `title` and address name the conversation.
    pub fn run(
        &mut self,
        netns: NetnsId,
        title: (String, Option<IpAddr>),
        process: Box<dyn Process>,
        limit: Limit,
    ) -> Finished {
        self.runtime.run(&mut self.tables, netns, title, process, limit)
    }

    /// Lets virtual time pass.
    pub fn advance(&mut self, duration: Nanos) {
        self.runtime.advance(&mut self.tables, duration);
    }
}
