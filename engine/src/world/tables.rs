//! Tables of the present revision: programmed when first needed, kept while what they depend on stays the same.

use super::follow::follow;
use crate::cluster::Revision;
use crate::dataplane::Surroundings;
use crate::program;
use crate::tables::{Netns, NetnsId, Segment};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most namespaces whose tables are kept.
const CACHED_MAX: usize = 16_384;

struct Entry {
    /// What the tables were made from, and the revision in which that was last found to be so.
    input: [u64; 3],
    checked: u64,
    netns: Arc<Netns>,
}

/// Tables that somebody has changed by hand. What was changed stays; for the rest they go on following the controllers.
struct Override {
    input: [u64; 3],
    netns: Arc<Netns>,
    /// What the controllers had written by then.
    written: Arc<Netns>,
    /// The rules that it was changed with are its own.
    own_rules: bool,
}

/// The tables of one revision, lazily.
pub struct TableCache {
    revision: Revision,
    shared: program::Shared,
    entries: BTreeMap<NetnsId, Entry>,
    overrides: BTreeMap<NetnsId, Override>,
    segment: Option<([u64; 2], Arc<Segment>)>,
    next_version: u32,
}

impl TableCache {
    pub fn new(revision: Revision) -> TableCache {
        TableCache {
            revision,
            shared: program::Shared::default(),
            entries: BTreeMap::new(),
            overrides: BTreeMap::new(),
            segment: None,
            next_version: 1,
        }
    }

    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// Goes on with another revision; tables whose inputs are the same stay.
    pub fn set_revision(&mut self, revision: Revision) {
        self.revision = revision;
    }

    /// Replaces a namespace's programmed tables by others, as a fault or an experiment would: they stay until
    /// `restore`, whatever the controllers do.
    pub fn replace(&mut self, mut netns: Netns) {
        let Some(before) = Surroundings::netns(self, netns.id) else { return };
        let same = Arc::ptr_eq(&before.netfilter, &netns.netfilter);
        let old = self.overrides.get(&netns.id);
        let own_rules = !same || old.is_some_and(|old| old.own_rules);
        let written = old.map_or(before, |old| old.written.clone());
        let input = program::input_version(&self.revision, netns.id).unwrap_or_default();
        netns.version = self.next_version;
        self.next_version += 1;
        self.overrides.insert(netns.id, Override { input, netns: Arc::new(netns), written, own_rules });
    }

    /// Whether somebody has changed this namespace by hand.
    pub fn is_changed(&self, id: NetnsId) -> bool {
        self.overrides.contains_key(&id)
    }

    /// A changed namespace with what the controllers have written since.
    fn overridden(&mut self, id: NetnsId) -> Option<Arc<Netns>> {
        let input = program::input_version(&self.revision, id)?;
        let entry = self.overrides.get(&id)?;
        if entry.input == input {
            return Some(entry.netns.clone());
        }
        let (mut netns, before, own_rules) = ((*entry.netns).clone(), entry.written.clone(), entry.own_rules);
        let written = Arc::new(program::netns(&self.revision, id, &mut self.shared)?);
        follow(&mut netns, &before, &written);
        if !own_rules {
            program::kube_proxy::ipvs::take_over(&mut netns, &written);
            netns.netfilter = written.netfilter.clone();
        }
        netns.listeners = written.listeners.clone();
        netns.version = self.next_version;
        self.next_version += 1;
        let netns = Arc::new(netns);
        self.overrides.insert(id, Override { input, netns: netns.clone(), written, own_rules });
        Some(netns)
    }

    /// Takes a replacement back.
    pub fn restore(&mut self, id: NetnsId) {
        self.overrides.remove(&id);
    }
}

impl Surroundings for TableCache {
    fn netns(&mut self, id: NetnsId) -> Option<Arc<Netns>> {
        if self.overrides.contains_key(&id) {
            return self.overridden(id);
        }
        let number = self.revision.number;
        if let Some(entry) = self.entries.get_mut(&id) {
            if entry.checked == number {
                return Some(entry.netns.clone());
            }
            if program::input_version(&self.revision, id)? == entry.input {
                entry.checked = number;
                return Some(entry.netns.clone());
            }
        }
        let input = program::input_version(&self.revision, id)?;
        let mut netns = program::netns(&self.revision, id, &mut self.shared)?;
        netns.version = self.next_version;
        self.next_version += 1;
        let netns = Arc::new(netns);
        if self.entries.len() >= CACHED_MAX {
            self.entries.clear();
        }
        self.entries.insert(id, Entry { input, checked: number, netns: netns.clone() });
        Some(netns)
    }

    fn segment(&mut self, number: u32) -> Option<Arc<Segment>> {
        let version = program::segment_version(&self.revision);
        if self.segment.as_ref().is_none_or(|(made_from, _)| *made_from != version) {
            self.segment = Some((version, Arc::new(program::segment(&self.revision))));
        }
        self.segment.as_ref().map(|(_, segment)| segment.clone()).filter(|segment| segment.number == number)
    }
}
