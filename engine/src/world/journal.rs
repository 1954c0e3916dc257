//! What packets taught, as it was at any moment: the journal of runtime changes, undone backwards.

use crate::dataplane::{JournalEntry, Learned, NetnsState};
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

    /// Forgets what was before a moment, as many changes would.
    #[cfg(test)]
    pub fn forget(&mut self, until: Nanos) {
        self.entries.retain(|entry| entry.at > until);
        self.forgotten_until = until;
    }

    /// The state as it was just after `at`, from the present one. None: `at` is before what is remembered.
    ///
    /// Later changes are undone; what they concerned then gets the age it had: that of its last change up to `at`. A
    /// bridge's entry that had aged out before it was learned again is thus as old as when it was first learned there:
    /// the frames that kept it fresh are not journaled.
    pub fn state_at(&self, netns: NetnsId, present: &NetnsState, at: Nanos) -> Option<NetnsState> {
        if at < self.forgotten_until {
            return None;
        }
        let mut state = present.clone();
        let mut undone: Vec<Learned> = Vec::new();
        for entry in self.entries.iter().rev().filter(|entry| entry.netns == netns) {
            let Some(row) = entry.change.after.as_ref().or(entry.change.before.as_ref()) else { continue };
            let known = undone.iter().position(|other| other.is_about_the_same(row));
            if entry.at > at {
                state.undo(&entry.change, at);
                if known.is_none() {
                    undone.push(row.clone());
                }
            } else if undone.is_empty() {
                break;
            } else if let Some(known) = known {
                state.redo(&entry.change, entry.at);
                undone.swap_remove(known);
            }
        }
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataplane::{Nud, RuntimeChange};
    use crate::net::MacAddr;
    use crate::tables::LinkIndex;

    const SECOND: Nanos = 1_000_000_000;

    fn neighbor(state: Nud) -> Learned {
        Learned::Neighbor {
            link: LinkIndex(2),
            ip: [10, 0, 0, 1].into(),
            mac: Some(MacAddr::local(1)),
            state,
            router: false,
        }
    }

    fn journal(changes: &[(u64, Option<Learned>, Option<Learned>)]) -> (Journal, NetnsState) {
        let (mut journal, mut state) = (Journal::default(), NetnsState::default());
        for (seconds, before, after) in changes {
            let (at, change) = (seconds * SECOND, RuntimeChange { before: before.clone(), after: after.clone() });
            state.redo(&change, at);
            journal.append(&mut vec![JournalEntry { at, netns: NetnsId(1), change }]);
        }
        (journal, state)
    }

    fn state_at(journal: &Journal, present: &NetnsState, seconds: u64) -> Option<Nud> {
        let at = seconds * SECOND;
        let state = journal.state_at(NetnsId(1), present, at)?;
        state.neighbors().next().map(|(_, _, neighbor)| neighbor.state(at))
    }

    #[test]
    fn a_row_has_the_age_it_had_at_that_moment() {
        let (reachable, stale, delay) = (neighbor(Nud::Reachable), neighbor(Nud::Stale), neighbor(Nud::Delay));
        let (journal, present) = journal(&[(10, None, Some(reachable)), (100, Some(stale), Some(delay))]);
        assert_eq!(state_at(&journal, &present, 9), None);
        assert_eq!(state_at(&journal, &present, 11), Some(Nud::Reachable));
        assert_eq!(state_at(&journal, &present, 39), Some(Nud::Reachable));
        assert_eq!(state_at(&journal, &present, 40), Some(Nud::Stale));
        assert_eq!(state_at(&journal, &present, 100), Some(Nud::Delay));
    }

    #[test]
    fn what_a_namespace_knew_is_remembered_when_it_is_gone() {
        let reachable = neighbor(Nud::Reachable);
        let (journal, _) = journal(&[(10, None, Some(reachable.clone())), (20, Some(reachable), None)]);
        let nothing = NetnsState::default();
        assert_eq!(state_at(&journal, &nothing, 15), Some(Nud::Reachable));
        assert_eq!(state_at(&journal, &nothing, 20), None);
    }
}
