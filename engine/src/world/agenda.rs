//! What is to happen at a later moment, whatever runs then: commands that were put into the background.

use super::World;
use super::runtime::{Finished, Run};
use crate::trace::Nanos;
use std::collections::BTreeMap;

/// Most jobs that wait.
const JOBS_MAX: usize = 64;

pub type Job = Box<dyn FnOnce(&mut World)>;

/// Hears how a process has ended, and whether it has sent anything.
pub type Hears = Box<dyn FnOnce(Finished, bool)>;

/// A process that nobody waits for.
pub struct Beside {
    pub run: Run,
    pub hears: Hears,
}

/// Jobs by their time, those of one time in the order in which they came.
#[derive(Default)]
pub struct Agenda {
    jobs: BTreeMap<(Nanos, u64), Job>,
    next: u64,
}

impl Agenda {
    /// The job's number; None: too many wait already.
    pub fn add(&mut self, at: Nanos, job: Job) -> Option<u64> {
        if self.jobs.len() >= JOBS_MAX {
            return None;
        }
        self.next += 1;
        self.jobs.insert((at, self.next), job);
        Some(self.next)
    }

    /// When the first one is due.
    pub fn due(&self) -> Option<Nanos> {
        self.jobs.first_key_value().map(|((at, _), _)| *at)
    }

    pub fn take_due(&mut self, now: Nanos) -> Option<Job> {
        let first = self.jobs.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }
}
