//! StatefulSets: Pods with names that stay, made in the order of their ordinals. Models pkg/controller/statefulset.

use super::replicaset::{Maker, claim, is_active};
use crate::cluster::{Draft, Labels, Object, ObjectKey, PodKey, Stateful, Workload};
use std::collections::BTreeMap;

const REVISION: &str = "controller-revision-hash";
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

pub fn reconcile(draft: &mut Draft, key: &ObjectKey) {
    let Some(object) = draft.revision.objects.get(key).cloned() else { return };
    let Some(workload) = object.workload().cloned() else { return };
    let Some(stateful) = &workload.stateful else { return };
    let hash = format!("{}-{}", object.key.name, workload.template.hash());
    let mut pods: BTreeMap<u32, PodKey> = BTreeMap::new();
    // Only Pods that are named as its own. Models stateful_set_utils.go isMemberOf.
    for pod in claim(draft, &object, &workload, |pod| ordinal(&object, pod).is_some()) {
        if let Some(ordinal) = ordinal(&object, &pod) {
            pods.insert(ordinal, pod);
        }
    }
    // One that has ended is made anew under its name.
    pods.retain(|_, pod| is_active(draft, pod) || !draft.delete(&ObjectKey::pod(pod)));
    let missing = (workload.replicas as usize).saturating_sub(pods.len());
    if draft.revision.pods.len() + missing > super::PODS_MAX {
        let message = format!("{} replicas would make more than {} Pods", workload.replicas, super::PODS_MAX);
        draft.diagnostics.error("too-many-pods", workload.replicas_span, message).hint("ask for fewer replicas");
        return;
    }
    let first = stateful.first_ordinal;
    let wanted = first..first.saturating_add(workload.replicas);
    for pod in pods.extract_if(.., |ordinal, _| !wanted.contains(ordinal)).collect::<BTreeMap<_, _>>().into_values() {
        draft.delete(&ObjectKey::pod(&pod));
    }
    for ordinal in wanted {
        match pods.get(&ordinal) {
            None => {
                make(draft, &object, &workload, stateful, (ordinal, &hash));
                if !stateful.parallel {
                    return;
                }
            }
            Some(pod) if !stateful.parallel && !is_ready(draft, pod) => return,
            Some(_) => {}
        }
    }
    update(draft, stateful, &pods, &hash);
}

/// Replaces Pods of an older template, the highest ordinal first, each only once those above it are ready.
fn update(draft: &mut Draft, stateful: &Stateful, pods: &BTreeMap<u32, PodKey>, hash: &str) {
    let Some(partition) = stateful.partition else { return };
    for (_, pod) in pods.range(partition..).rev() {
        // A Pod that a dump brought has a hash of upstream's making: only one of ours can be out of date.
        let record = draft.revision.pods.get(pod);
        let outdated = record.and_then(|pod| pod.labels.get(REVISION)).is_some_and(|label| **label != *hash);
        let made_here = record.is_some_and(|record| {
            draft.revision.objects.get(&record.object_key()).is_some_and(|object| object.is_made())
        });
        if outdated && made_here {
            draft.delete(&ObjectKey::pod(pod));
            return;
        }
        if !is_ready(draft, pod) {
            return;
        }
    }
}

fn is_ready(draft: &Draft, pod: &PodKey) -> bool {
    draft.revision.pods.get(pod).is_some_and(|pod| pod.is_ready())
}

/// The number at the end of `NAME-3`.
fn ordinal(set: &Object, pod: &PodKey) -> Option<u32> {
    let digits = pod.name.strip_prefix(&*set.key.name)?.strip_prefix('-')?;
    digits.parse().ok().filter(|ordinal: &u32| ordinal.to_string() == digits)
}

fn make(draft: &mut Draft, object: &Object, workload: &Workload, stateful: &Stateful, (ordinal, hash): (u32, &str)) {
    let name = format!("{}-{ordinal}", object.key.name);
    let mut labels = Labels::clone(&workload.template.labels);
    labels.insert(REVISION.into(), hash.into());
    labels.insert(POD_NAME.into(), name.as_str().into());
    labels.insert(POD_INDEX.into(), ordinal.to_string().into());
    Maker::new(object, workload).with_labels(labels).make_named(draft, name, &stateful.service_name);
}
