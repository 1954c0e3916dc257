//! The store: files, the revision in force and those before it.

use super::files::{File, Read};
use super::{Draft, FailingContainer, ObjectKey, Options, Outcome, PodKey, PodPhase, PodReason, Revision};
use crate::manifest::fields::FieldTable;
use crate::manifest::{Diagnostics, Source, Sources};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How many revisions can be looked back at.
pub const HISTORY_MAX: usize = 256;
/// How many bytes of text the revisions kept may have brought along, in all.
const HISTORY_BYTES_MAX: usize = 32 << 20;

/// What a command or an edit did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Objects in the order they were applied, and what became of each.
    pub objects: Vec<(ObjectKey, Outcome)>,
    /// What is wrong with, or worth knowing about, the text that was applied.
    pub diagnostics: Diagnostics,
    /// False: the text has errors, nothing was applied and the last good cluster stays.
    pub committed: bool,
}

/// How far a change that takes long has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Objects and bytes of a text that have been read.
    Reading {
        objects_count: u32,
        bytes: u64,
        bytes_all: u64,
    },
    Applying {
        objects_count: u32,
        objects_all: u32,
    },
}

/// One revision that can be returned to, with the files as they were.
#[derive(Clone, Debug)]
struct Entry {
    revision: Revision,
    files: Vec<Arc<File>>,
    /// Bytes of text that came with it.
    text_bytes: usize,
}

/// The cluster's store. `controllers` runs whatever reacts to changes, until nothing is left to do.
#[derive(Debug)]
pub struct Cluster {
    pub(super) options: Arc<Options>,
    controllers: fn(&mut Draft),
    pub(super) current: Revision,
    history: VecDeque<Entry>,
    pub(super) files: Vec<Arc<File>>,
    /// What was read of the files that are not applied, by their names.
    pub(super) unapplied: BTreeMap<Arc<str>, Read>,
    /// Without it no field is called unknown.
    pub(super) fields: Option<Arc<FieldTable>>,
    /// The files as they were when the revision in force was made.
    files_in_force: Vec<Arc<File>>,
    pub(super) sources: Sources,
    next_number: u64,
    /// Hears how far a long text has come.
    pub(super) watch: Option<fn(Progress)>,
    /// Sources in the last sweep: how many, and their bytes.
    swept: (usize, usize),
    /// Bytes of text added since the last commit.
    pub(super) new_text_bytes: usize,
}

impl Cluster {
    /// A store whose first revision is what `controllers` make of no manifests at all.
    pub fn new(options: Options, controllers: fn(&mut Draft)) -> Cluster {
        let options = Arc::new(options);
        let current = Revision::empty(options.seed);
        let mut cluster = Cluster {
            options,
            controllers,
            current,
            history: VecDeque::new(),
            files: Vec::new(),
            unapplied: BTreeMap::new(),
            fields: None,
            files_in_force: Vec::new(),
            sources: Sources::default(),
            next_number: 1,
            watch: None,
            swept: (0, 0),
            new_text_bytes: 0,
        };
        let mut draft = cluster.draft(0);
        draft.work.insert(super::Work::Network);
        cluster.commit(draft);
        cluster
    }

    /// The same objects and files under other options: what depends on those is decided anew. No history goes along.
    pub fn under(&self, options: Options, now_ns: u64) -> Cluster {
        let mut cluster = Cluster {
            options: Arc::new(options),
            controllers: self.controllers,
            current: self.current.clone(),
            history: VecDeque::new(),
            files: self.files.clone(),
            unapplied: BTreeMap::new(),
            fields: self.fields.clone(),
            files_in_force: self.files_in_force.clone(),
            sources: self.sources.clone(),
            next_number: self.next_number,
            watch: None,
            swept: self.swept,
            new_text_bytes: 0,
        };
        let mut draft = cluster.draft(now_ns);
        draft.work.insert(super::Work::Network);
        cluster.commit(draft);
        cluster
    }

    /// Tells how far changes that take long have come.
    pub fn set_watch(&mut self, watch: Option<fn(Progress)>) {
        self.watch = watch;
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The revision in force.
    pub fn revision(&self) -> &Revision {
        &self.current
    }

    /// An earlier revision, or the one in force, if it is still kept.
    pub fn revision_at(&self, number: u64) -> Option<&Revision> {
        if number == self.current.number {
            return Some(&self.current);
        }
        let at = self.history.binary_search_by_key(&number, |entry| entry.revision.number).ok()?;
        Some(&self.history[at].revision)
    }

    /// Numbers of the revisions that can be returned to, oldest first, without the one in force.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        self.history.iter().map(|entry| entry.revision.number)
    }

    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Makes an earlier state the one in force again, files included, under a new number. False if it is not kept.
    pub fn return_to(&mut self, number: u64) -> bool {
        let Ok(at) = self.history.binary_search_by_key(&number, |entry| entry.revision.number) else { return false };
        let Entry { revision, files, .. } = self.history[at].clone();
        let spent = self.current.index.clone();
        self.push_history(0);
        self.current = revision;
        self.files = files;
        self.seal();
        for name in self.unapplied.keys().cloned().collect::<Vec<_>>() {
            self.forget_read(&name);
        }
        self.current.number = self.next_number;
        self.next_number += 1;
        // Numbers that were given out since stay spent: a namespace's or node's number never means another one.
        let index = &mut self.current.index;
        index.next_netns = index.next_netns.max(spent.next_netns);
        index.next_node = index.next_node.max(spent.next_node);
        index.next_order = index.next_order.max(spent.next_order);
        index.next_pending = index.next_pending.max(spent.next_pending);
        true
    }

    /// Stops the processes of Pods, or lets them go on. Returns how many there were.
    pub fn freeze(&mut self, pods: &[PodKey], frozen: bool, now_ns: u64) -> usize {
        let mut draft = self.draft(now_ns);
        let count = pods.iter().filter(|pod| draft.freeze(pod, frozen)).count();
        self.finish(draft, Applied::default());
        count
    }

    /// Deletes objects as `kubectl delete` does.
    pub fn delete(&mut self, keys: &[ObjectKey], now_ns: u64) -> Applied {
        let mut draft = self.draft(now_ns);
        let mut applied = Applied::default();
        for key in keys {
            let outcome = if draft.delete_for_good(key) {
                Outcome::Deleted
            } else {
                let kind = super::Kind::guess(&key.kind, &key.group);
                let group = if key.group.is_empty() { String::new() } else { format!(".{}", key.group) };
                Outcome::Refused("NotFound", format!("{}{group} {:?} not found", kind.plural, &*key.name))
            };
            applied.objects.push((key.clone(), outcome));
        }
        let applied = self.finish(draft, applied);
        self.seal();
        applied
    }

    /// The containers of a running Pod that is not restarted have ended; no-op for any other.
    pub fn end_pod(&mut self, key: &PodKey, well: bool, now_ns: u64) {
        let running = self.current.pods.get(key).filter(|pod| pod.phase == PodPhase::Running);
        let Some(node) = running.and_then(|pod| pod.node.clone()) else { return };
        let mut draft = self.draft(now_ns);
        draft.end_pod(&node, key, well);
        self.finish(draft, Applied::default());
        self.seal();
    }

    /// A container of a running Pod has ended, and will each time it is started; no-op for any other Pod.
    pub fn crash(&mut self, key: &PodKey, failing: FailingContainer, now_ns: u64) {
        if !self.current.pods.get(key).is_some_and(|pod| pod.container_runs(failing.index as usize)) {
            return;
        }
        let mut draft = self.draft(now_ns);
        draft.change_pod(key, |pod| {
            pod.phase = PodPhase::CrashLoopBackOff;
            pod.reason = PodReason::Failing(failing.message.clone());
            pod.failing = pod.failing.iter().cloned().chain([failing]).collect();
            pod.corefile = None;
        });
        draft.wake_services(key);
        self.finish(draft, Applied::default());
        self.seal();
    }

    /// The files as they are now belong to the revision in force.
    pub(super) fn seal(&mut self) {
        self.files_in_force = self.files.clone();
    }

    /// Starts a revision from the one in force.
    pub(super) fn draft(&mut self, now_ns: u64) -> Draft {
        let mut revision = self.current.clone();
        revision.number = self.next_number;
        revision.at_ns = now_ns;
        let mut draft = Draft::new(revision, self.options.clone(), std::mem::take(&mut self.sources));
        draft.fields = self.fields.clone();
        draft
    }

    /// Lets the controllers work and makes the draft the revision in force, unless there are errors.
    pub(super) fn finish(&mut self, mut draft: Draft, mut applied: Applied) -> Applied {
        if draft.diagnostics.errors() == 0 {
            (self.controllers)(&mut draft);
        }
        applied.committed = draft.diagnostics.errors() == 0;
        let diagnostics = std::mem::take(&mut draft.diagnostics);
        applied.diagnostics.append(diagnostics);
        if !applied.committed {
            self.sources = draft.sources;
            return applied;
        }
        self.commit_settled(draft);
        applied
    }

    fn commit(&mut self, mut draft: Draft) {
        (self.controllers)(&mut draft);
        self.commit_settled(draft);
    }

    fn commit_settled(&mut self, draft: Draft) {
        if self.current.number > 0 {
            let bytes = std::mem::take(&mut self.new_text_bytes);
            self.push_history(bytes);
        }
        self.current = draft.revision;
        self.sources = draft.sources;
        self.next_number = self.current.number + 1;
        self.sweep_sources();
    }

    /// The state in force joins the history; the oldest states leave it, with texts that nothing refers to any more.
    fn push_history(&mut self, text_bytes: usize) {
        let files = std::mem::take(&mut self.files_in_force);
        let entry = Entry { revision: self.current.clone(), files, text_bytes };
        self.history.push_back(entry);
        let mut total: usize = self.history.iter().map(|entry| entry.text_bytes).sum();
        while self.history.len() > HISTORY_MAX || (total > HISTORY_BYTES_MAX && self.history.len() > 1) {
            let Some(oldest) = self.history.pop_front() else { break };
            total -= oldest.text_bytes;
            for id in oldest.revision.sources.keys() {
                let used = self.history.iter().any(|entry| entry.revision.sources.contains_key(id));
                if !used && !self.current.sources.contains_key(id) {
                    self.sources.remove(*id);
                }
            }
        }
    }

    /// Drops texts from the revision that none of its objects points into, once they have doubled.
    fn sweep_sources(&mut self) {
        let sources = &mut self.current.sources;
        let bytes = |sources: &imbl::OrdMap<u32, Arc<Source>>| sources.values().map(|s| s.text.len()).sum::<usize>();
        if sources.len() <= 2 * self.swept.0 + 32 && bytes(sources) <= 2 * self.swept.1 + (1 << 20) {
            return;
        }
        let mut used: BTreeSet<u32> = BTreeSet::new();
        let mut last = u32::MAX;
        for object in self.current.objects.values() {
            let id = object.written().span.source;
            if id != last {
                used.insert(id);
                last = id;
            }
        }
        used.extend(self.files.iter().map(|file| file.source));
        used.extend(self.current.index.builtin.iter().map(|builtin| builtin.source.id));
        *sources =
            sources.iter().filter(|(id, _)| used.contains(id)).map(|(id, source)| (*id, source.clone())).collect();
        self.swept = (sources.len(), bytes(sources));
    }
}
