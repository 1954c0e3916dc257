//! ReplicaSets: as many Pods as asked for. Models pkg/controller/replicaset.

use crate::cluster::{
    Body, Draft, Object, ObjectKey, Owner, PodKey, PodPhase, PodSpec, Provenance, Typed, Workload, identity,
};
use std::sync::Arc;

pub fn reconcile(draft: &mut Draft, key: &ObjectKey) {
    let Some(object) = draft.revision.objects.get(key).cloned() else { return };
    let Some(workload) = object.workload().cloned() else { return };
    let mut pods = claim(draft, &object, &workload, |_| true);
    pods.retain(|pod| is_active(draft, pod));
    let (have, want) = (pods.len(), workload.replicas as usize);
    if have > want {
        for pod in doomed(draft, pods, have - want) {
            draft.delete(&ObjectKey::pod(&pod));
        }
        return;
    }
    let missing = want - have;
    if draft.revision.pods.len() + missing > super::PODS_MAX {
        let message = format!("{} replicas would make more than {} Pods", workload.replicas, super::PODS_MAX);
        draft.diagnostics.error("too-many-pods", workload.replicas_span, message).hint("ask for fewer replicas");
        return;
    }
    let maker = Maker::new(&object, &workload);
    for _ in 0..missing {
        maker.make(draft, None);
    }
}

/// Lets go of Pods whose labels the selector no longer matches, and takes in those without a controller that it does.
/// `member` says more about which are its own. Models pkg/controller ControllerRefManager. Returns the Pods that it has then.
pub fn claim(draft: &mut Draft, object: &Object, workload: &Workload, member: impl Fn(&PodKey) -> bool) -> Vec<PodKey> {
    let mut pods = draft.pods_of(object.uid);
    let matches = |draft: &Draft, key: &PodKey| {
        member(key) && draft.revision.pods.get(key).is_some_and(|pod| workload.selector.matches(&pod.labels))
    };
    for key in pods.extract_if(.., |key| !matches(draft, key)).collect::<Vec<_>>() {
        draft.set_owner(&ObjectKey::pod(&key), None);
    }
    let Some((name, value)) = workload.selector.match_labels.iter().next() else { return pods };
    let pair = (object.key.namespace.clone(), name.clone(), value.clone());
    let orphans: Vec<PodKey> = draft.revision.index.orphans.get(&pair).into_iter().flatten().cloned().collect();
    for key in orphans {
        if matches(draft, &key) && is_active(draft, &key) {
            let owner = Owner { key: object.key.clone(), uid: object.uid };
            draft.set_owner(&ObjectKey::pod(&key), Some(owner));
            pods.push(key);
        }
    }
    pods
}

pub fn is_active(draft: &Draft, key: &PodKey) -> bool {
    let pod = draft.revision.pods.get(key);
    pod.is_some_and(|pod| !matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed))
}

/// Which Pods go first: without a node, not running, on the node with the most of them, the newest.
/// Models pkg/controller/controller_utils.go ActivePodsWithRanks.
fn doomed(draft: &Draft, pods: Vec<PodKey>, count: usize) -> Vec<PodKey> {
    let mut per_node: std::collections::BTreeMap<Arc<str>, u32> = std::collections::BTreeMap::new();
    let records: Vec<_> = pods.iter().filter_map(|key| draft.revision.pods.get(key)).collect();
    for node in records.iter().filter_map(|pod| pod.node.clone()) {
        *per_node.entry(node).or_default() += 1;
    }
    let cost = |key: &PodKey| -> i64 {
        let object = draft.revision.objects.get(&ObjectKey::pod(key));
        let cost = object.map(|object| object.written().at("metadata.annotations"));
        let cost = cost.and_then(|annotations| annotations.get("controller.kubernetes.io/pod-deletion-cost"));
        cost.and_then(|cost| cost.as_str()).and_then(|cost| cost.parse().ok()).unwrap_or(0)
    };
    let mut ranked: Vec<_> = records
        .iter()
        .map(|pod| {
            let colocated = pod.node.as_ref().and_then(|node| per_node.get(node)).copied().unwrap_or(0);
            let running = pod.phase == PodPhase::Running;
            let newest_first = u64::MAX - pod.queued;
            ((pod.node.is_some(), running, cost(&pod.key), u32::MAX - colocated, newest_first), pod.key.clone())
        })
        .collect();
    ranked.sort();
    ranked.into_iter().take(count).map(|(_, key)| key).collect()
}

/// Makes Pods from one template; what they have in common is shared.
pub struct Maker<'w> {
    owner: Owner,
    workload: &'w Workload,
    typed: Typed,
    labels: Arc<crate::cluster::Labels>,
    /// `NAME-`
    prefix: String,
}

impl<'w> Maker<'w> {
    pub fn new(object: &Object, workload: &'w Workload) -> Maker<'w> {
        let mut prefix = format!("{}-", object.key.name);
        // Models names.SimpleNameGenerator: the name with its suffix has at most 63 characters.
        prefix.truncate((0..=58).rev().find(|&at| prefix.is_char_boundary(at)).unwrap_or(0).min(prefix.len()));
        Maker {
            owner: Owner { key: object.key.clone(), uid: object.uid },
            workload,
            typed: Typed::Pod { spec: workload.template.spec.clone(), given: Arc::default() },
            labels: workload.template.labels.clone(),
            prefix,
        }
    }

    pub fn with_labels(mut self, labels: crate::cluster::Labels) -> Maker<'w> {
        self.labels = Arc::new(labels);
        self
    }

    /// Makes one Pod, for a certain node if a DaemonSet wants it there.
    pub fn make(&self, draft: &mut Draft, meant_for: Option<&Arc<str>>) {
        let seed = draft.revision.seed;
        let made = draft.revision.index.made.entry(self.owner.uid).or_insert(0);
        let mut n = *made;
        let mut key = ObjectKey {
            kind: "Pod".into(),
            group: "".into(),
            namespace: self.owner.key.namespace.clone(),
            name: "".into(),
        };
        // 27^5 suffixes: a few attempts find one that is free.
        for _ in 0..64 {
            let bits = identity::bits(seed, &["pod", &self.owner.key.namespace, &self.prefix, &n.to_string()]);
            key.name = (self.prefix.clone() + &identity::suffix(bits)).into();
            n += 1;
            if !draft.revision.objects.contains_key(&key) {
                break;
            }
        }
        if let Some(made) = draft.revision.index.made.get_mut(&self.owner.uid) {
            *made = n;
        }
        let pod = key.as_pod();
        self.insert(draft, key, self.typed.clone());
        if let (Some(pod), Some(node)) = (pod, meant_for)
            && let Some(record) = draft.revision.pods.get_mut(&pod)
        {
            Arc::make_mut(record).meant_for = Some(node.clone());
        }
    }

    /// Makes the Pod of this name, which is its host name too, in the domain of the Service that governs it.
    pub fn make_named(&self, draft: &mut Draft, name: String, subdomain: &Arc<str>) {
        let key = ObjectKey {
            kind: "Pod".into(),
            group: "".into(),
            namespace: self.owner.key.namespace.clone(),
            name: name.into(),
        };
        if draft.revision.objects.contains_key(&key) {
            return;
        }
        let mut spec = PodSpec::clone(&self.workload.template.spec);
        spec.hostname = Some(key.name.clone());
        if !subdomain.is_empty() {
            spec.subdomain = Some(subdomain.clone());
        }
        self.insert(draft, key, Typed::Pod { spec: Arc::new(spec), given: Arc::default() });
    }

    fn insert(&self, draft: &mut Draft, key: ObjectKey, typed: Typed) {
        let number = draft.revision.number;
        draft.insert(Object {
            uid: identity::uid(draft.revision.seed, &["Pod", &key.namespace, &key.name, &number.to_string()]),
            key,
            api_version: "v1".into(),
            labels: self.labels.clone(),
            body: Body::Template(self.workload.template.tree.clone()),
            typed,
            provenance: Provenance::Controller,
            owner: Some(self.owner.clone()),
            created_at_ns: draft.revision.at_ns,
            created_revision: number,
            changed_revision: number,
            generation: 1,
        });
    }
}
