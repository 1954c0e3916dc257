//! What packets taught, as it was at any moment: the journal of runtime changes, undone backwards.

use crate::dataplane::{JournalEntry, NetnsState};
use crate::tables::NetnsId;
use crate::trace::Nanos;
use std::collections::VecDeque;

/// Most changes kept; scrubbing cannot go back beyond the oldest.
const ENTRIES_MAX: usize = 65_536;

#[derive(Debug, Default)]
pub struct Journal {
    entries: VecDeque<JournalEntry>,
    /// The time of the newest change that was forgotten.
    forgotten_until: Nanos,
}

impl Journal {
    pub fn append(&mut self, new: &mut Vec<JournalEntry>) {
        for entry in new.drain(..) {
            if self.entries.len() == ENTRIES_MAX
                && let Some(oldest) = self.entries.pop_front()
            {
                self.forgotten_until = oldest.at;
            }
            self.entries.push_back(entry);
        }
    }

    /// The state as it was just after `at`, from the present one. None: `at` is before what is remembered.
    pub fn state_at(&self, netns: NetnsId, present: &NetnsState, at: Nanos) -> Option<NetnsState> {
        if at < self.forgotten_until {
            return None;
        }
        let mut state = present.clone();
        for entry in self.entries.iter().rev().filter(|entry| entry.netns == netns) {
            if entry.at <= at {
                break;
            }
            state.undo(&entry.change, at);
        }
        Some(state)
    }
}
