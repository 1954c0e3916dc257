//! DaemonSets: one Pod on every node that will have it. Models pkg/controller/daemon.

use super::replicaset::{Maker, claim, is_active};
use super::scheduler::matches_node;
use crate::cluster::{Draft, NodeRecord, Object, ObjectKey, PodKey, Workload};
use crate::manifest::typed::{Taint, TaintEffect};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// The label by which a DaemonSet tells its Pods' templates apart.
const REVISION: &str = "controller-revision-hash";

pub fn reconcile(draft: &mut Draft, key: &ObjectKey) {
    let Some(object) = draft.revision.objects.get(key).cloned() else { return };
    let Some(workload) = object.workload().cloned() else { return };
    let hash = workload.template.hash();
    let mut by_node: BTreeMap<Arc<str>, PodKey> = BTreeMap::new();
    for pod in claim(draft, &object, &workload, |_| true) {
        let Some(record) = draft.revision.pods.get(&pod) else { continue };
        let target = record.node.clone().or_else(|| record.meant_for.clone());
        // A Pod that a dump brought has a hash of upstream's making: only one of ours can be out of date.
        let made_here = record.meant_for.is_some();
        let outdated = made_here && record.labels.get(REVISION).is_none_or(|label| **label != *hash);
        let Some(target) = target.filter(|_| !outdated && is_active(draft, &pod)) else {
            draft.delete(&ObjectKey::pod(&pod));
            continue;
        };
        match by_node.entry(target) {
            Entry::Vacant(free) => drop(free.insert(pod)),
            Entry::Occupied(_) => drop(draft.delete(&ObjectKey::pod(&pod))),
        }
    }
    let nodes: Vec<(Arc<str>, bool)> =
        draft.revision.nodes.values().map(|node| (node.name.clone(), wants(&workload, node))).collect();
    if draft.revision.pods.len() + nodes.len() > super::PODS_MAX + super::NODES_MAX {
        let message = format!("a Pod on every node would make more than {} Pods", super::PODS_MAX);
        draft.diagnostics.error("too-many-pods", object.written().span, message);
        return;
    }
    let maker = maker(&object, &workload, &hash);
    for (node, wanted) in nodes {
        match (wanted, by_node.remove(&node)) {
            (true, None) => maker.make(draft, Some(&node)),
            (false, Some(pod)) => drop(draft.delete(&ObjectKey::pod(&pod))),
            _ => {}
        }
    }
    // Pods meant for nodes that are gone.
    for pod in by_node.into_values() {
        draft.delete(&ObjectKey::pod(&pod));
    }
}

fn maker<'w>(object: &Object, workload: &'w Workload, hash: &str) -> Maker<'w> {
    let mut labels = crate::cluster::Labels::clone(&workload.template.labels);
    labels.insert(REVISION.into(), hash.into());
    labels.insert("pod-template-generation".into(), object.generation.to_string().into());
    Maker::new(object, workload).with_labels(labels)
}

/// Whether the DaemonSet runs a Pod on this node. Models NodeShouldRunDaemonPod.
fn wants(workload: &Workload, node: &NodeRecord) -> bool {
    let spec = &workload.template.spec;
    let tolerated = |taint: &Taint| {
        taint.effect == TaintEffect::PreferNoSchedule
            || tolerates(taint)
            || spec.tolerations.iter().any(|toleration| toleration.tolerates(taint))
    };
    spec.node_name.as_ref().is_none_or(|name| *name == node.name)
        && matches_node(spec, node)
        && node.taints.iter().all(tolerated)
}

/// The taints that every DaemonSet's Pods tolerate. Models util.AddOrUpdateDaemonPodTolerations.
pub fn tolerates(taint: &Taint) -> bool {
    let no_execute = matches!(&*taint.key, "node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable");
    let no_schedule = matches!(
        &*taint.key,
        "node.kubernetes.io/disk-pressure"
            | "node.kubernetes.io/memory-pressure"
            | "node.kubernetes.io/pid-pressure"
            | "node.kubernetes.io/unschedulable"
            | "node.kubernetes.io/network-unavailable"
    );
    (no_execute && taint.effect == TaintEffect::NoExecute) || (no_schedule && taint.effect == TaintEffect::NoSchedule)
}
