//! Pods grouped by their labels, which selectors are asked of.

use super::Findings;
use crate::cluster::{Labels, PodPhase, PodRecord, Revision};
use crate::manifest::typed::{Container, LabelSelector};
use crate::net::Protocol;
use crate::program::containers;
use crate::workload;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Pods with the same labels in the same namespace: those of one template, or one Pod of its own.
pub struct Alike {
    /// Its place in the index.
    pub number: usize,
    pub labels: Arc<Labels>,
    /// Any one that runs, or any one.
    pub pod: Arc<PodRecord>,
    /// What its programs listen on, once somebody has asked.
    open: OnceCell<BTreeSet<(Protocol, u16)>>,
}

/// A namespace, a label's key and its value.
type Label = (Arc<str>, Arc<str>, Arc<str>);

/// Pods by namespace, grouped by their labels, found by any one label.
#[derive(Default)]
pub struct Index {
    groups: Vec<Alike>,
    by_namespace: BTreeMap<Arc<str>, Vec<usize>>,
    by_label: BTreeMap<Label, Vec<usize>>,
}

/// A label of a selector that nothing has, and the values that there are for its key.
pub struct Miss<'s, 'v> {
    pub key: &'s Arc<str>,
    pub value: &'s Arc<str>,
    pub values: BTreeSet<&'v str>,
}

/// The first of some labels that is nowhere among those that are known.
pub fn missed<'s, 'v>(labels: &'s Labels, known: &[&'v Labels]) -> Option<Miss<'s, 'v>> {
    let with = |key: &Arc<str>| known.iter().filter_map(|labels| labels.get(key)).map(|value| &**value).collect();
    labels
        .iter()
        .map(|(key, value)| Miss { key, value, values: with(key) })
        .find(|miss| !miss.values.contains(&**miss.value))
}

impl Index {
    pub fn of(revision: &Revision) -> Index {
        let mut index = Index::default();
        // Pods of one template share their labels: they need not be compared one by one. The address is a key only.
        let mut known: BTreeMap<(Arc<str>, usize), usize> = BTreeMap::new();
        for pod in revision.pods.values() {
            if matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed) {
                continue;
            }
            let shared = Arc::as_ptr(&pod.labels) as usize;
            let number = *known.entry((pod.key.namespace.clone(), shared)).or_insert_with(|| index.add(pod));
            let alike = &mut index.groups[number];
            if alike.pod.phase != PodPhase::Running && pod.phase == PodPhase::Running {
                alike.pod = pod.clone();
            }
        }
        index
    }

    fn add(&mut self, pod: &Arc<PodRecord>) -> usize {
        let (number, namespace) = (self.groups.len(), &pod.key.namespace);
        for (key, value) in pod.labels.iter() {
            self.by_label.entry((namespace.clone(), key.clone(), value.clone())).or_default().push(number);
        }
        self.by_namespace.entry(namespace.clone()).or_default().push(number);
        self.groups.push(Alike { number, labels: pod.labels.clone(), pod: pod.clone(), open: OnceCell::new() });
        number
    }

    /// The Pods of a namespace that have all of these labels; none if there are no labels.
    pub fn selected(&self, namespace: &Arc<str>, labels: &Labels) -> Vec<&Alike> {
        let having = |(key, value): (&Arc<str>, &Arc<str>)| {
            self.by_label.get(&(namespace.clone(), key.clone(), value.clone())).map_or(&[][..], |groups| groups)
        };
        let fewest = labels.iter().map(having).min_by_key(|groups| groups.len()).unwrap_or_default();
        let fits = |alike: &&Alike| labels.iter().all(|(key, value)| alike.labels.get(key) == Some(value));
        fewest.iter().map(|group| &self.groups[*group]).filter(fits).collect()
    }

    /// The Pods of a namespace that a selector matches.
    pub fn matching(&self, namespace: &Arc<str>, selector: &LabelSelector) -> Vec<&Alike> {
        let labels = &selector.match_labels;
        let mut found =
            if labels.is_empty() { self.all(namespace).collect() } else { self.selected(namespace, labels) };
        found.retain(|alike| selector.matches(&alike.labels));
        found
    }

    /// All Pods of a namespace.
    pub fn all(&self, namespace: &str) -> impl Iterator<Item = &Alike> {
        self.by_namespace.get(namespace).into_iter().flatten().map(|number| &self.groups[*number])
    }

    /// A namespace with Pods that have all of these labels.
    pub fn elsewhere(&self, labels: &Labels) -> Option<&str> {
        let (key, value) = labels.iter().next()?;
        let mut with = self.by_label.iter().filter(|((_, name, found), _)| name == key && found == value);
        let fits = |group: &usize| labels.iter().all(|(k, v)| self.groups[*group].labels.get(k) == Some(v));
        with.find(|(_, groups)| groups.iter().any(fits)).map(|((namespace, ..), _)| &**namespace)
    }
}

impl Alike {
    /// The containers whose ports can be named: sidecars, too (since Kubernetes 1.32).
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        let spec = &self.pod.spec;
        spec.containers.iter().chain(spec.init_containers.iter().filter(|container| container.sidecar))
    }

    /// The names that containers give to their ports of a protocol.
    pub fn port_names(&self, protocol: Protocol) -> impl Iterator<Item = &str> {
        let ports = self.containers().flat_map(|container| &container.ports);
        ports.filter(move |port| port.protocol == protocol).filter_map(|port| port.name.as_deref())
    }

    pub fn has_sidecar(&self) -> bool {
        self.pod.spec.init_containers.iter().any(|container| container.sidecar)
    }

    /// The ports that programs in the Pods listen on, when all their containers run.
    pub fn open(&self, findings: &Findings<'_>) -> &BTreeSet<(Protocol, u16)> {
        self.open.get_or_init(|| {
            let pod = &self.pod;
            let node = pod.node.as_ref().and_then(|name| findings.revision.nodes.get(&**name));
            let host = match node {
                Some(node) => containers::host(pod, node),
                None => workload::Host { hostname: pod.key.name.clone(), ip: None },
            };
            let servers = workload::behaviors(&pod.spec, &host).into_iter().flat_map(|behavior| behavior.servers);
            servers.map(|server| (server.protocol, server.port)).collect()
        })
    }
}
