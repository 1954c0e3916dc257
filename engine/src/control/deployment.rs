//! Deployments: one ReplicaSet for each template, the newest with all replicas.
//!
//! Models pkg/controller/deployment. A rollout is shown when it is complete: the new ReplicaSet at full size, the old
//! ones at 0 and kept for `revisionHistoryLimit`.

use crate::cluster::{
    Body, Draft, Labels, Object, ObjectKey, Owner, Provenance, Template, Typed, Work, Workload, identity,
};
use std::sync::Arc;

pub fn reconcile(draft: &mut Draft, key: &ObjectKey) {
    let Some(deployment) = draft.revision.objects.get(key).cloned() else { return };
    let Some(wanted) = deployment.workload().cloned() else { return };
    let mut replica_sets = owned(draft, &deployment);
    replica_sets.sort_by_key(|rs| (rs.created_revision, rs.key.name.clone()));
    let current = replica_sets.iter().position(|rs| fingerprint(rs) == Some(wanted.template.fingerprint));
    let current = match current {
        Some(at) => Some(replica_sets.remove(at)),
        None if wanted.paused => None,
        None => create(draft, &deployment, &wanted),
    };
    if wanted.paused && current.is_none() {
        return;
    }
    if let Some(current) = current {
        scale(draft, &current, wanted.replicas);
    }
    for old in &replica_sets {
        scale(draft, old, 0);
    }
    let surplus = replica_sets.len().saturating_sub(wanted.revision_history_limit as usize);
    for old in &replica_sets[..surplus] {
        draft.delete(&old.key);
    }
}

fn owned(draft: &Draft, deployment: &Object) -> Vec<Arc<Object>> {
    let children = draft.revision.children.get(&deployment.uid);
    let keys = children.into_iter().flatten().filter(|key| key.is("ReplicaSet"));
    keys.filter_map(|key| draft.revision.objects.get(key).cloned()).collect()
}

fn fingerprint(object: &Object) -> Option<u32> {
    object.workload().map(|workload| workload.template.fingerprint)
}

fn create(draft: &mut Draft, deployment: &Object, wanted: &Workload) -> Option<Arc<Object>> {
    let namespace = &deployment.key.namespace;
    // A name that something else has already makes upstream count collisions into the hash.
    let mut hash = wanted.template.hash();
    let name = |hash: &str| ObjectKey::new("ReplicaSet", namespace, &format!("{}-{hash}", deployment.key.name));
    for collision in 1..=16u32 {
        if !draft.revision.objects.contains_key(&name(&hash)) {
            break;
        }
        hash = identity::safe_encode(wanted.template.fingerprint.wrapping_add(collision.wrapping_mul(0x9e37_79b9)));
    }
    let key = name(&hash);
    if draft.revision.objects.contains_key(&key) {
        return None;
    }
    let with_hash = |labels: &Labels| {
        let mut labels = labels.clone();
        labels.insert("pod-template-hash".into(), hash.as_str().into());
        labels
    };
    let labels = Arc::new(with_hash(&wanted.template.labels));
    let mut selector = wanted.selector.clone();
    selector.match_labels = with_hash(&selector.match_labels);
    let template = Template { labels: labels.clone(), ..Template::clone(&wanted.template) };
    let tree = template.tree.clone();
    let workload = Workload { replicas: 0, selector, template: Arc::new(template), ..wanted.clone() };
    let number = draft.revision.number;
    draft.insert(Object {
        uid: identity::uid(draft.revision.seed, &["ReplicaSet", namespace, &key.name, &number.to_string()]),
        key: key.clone(),
        api_version: "apps/v1".into(),
        labels,
        body: Body::Template(tree),
        typed: Typed::Workload(Arc::new(workload)),
        provenance: Provenance::Controller,
        owner: Some(Owner { key: deployment.key.clone(), uid: deployment.uid }),
        created_at_ns: draft.revision.at_ns,
        created_revision: number,
        changed_revision: number,
        generation: 1,
    });
    draft.revision.objects.get(&key).cloned()
}

fn scale(draft: &mut Draft, replica_set: &Arc<Object>, replicas: u32) {
    let Some(workload) = replica_set.workload().filter(|workload| workload.replicas != replicas) else { return };
    let mut object = Object::clone(replica_set);
    object.typed = Typed::Workload(Arc::new(Workload { replicas, ..Workload::clone(workload) }));
    object.changed_revision = draft.revision.number;
    object.generation += 1;
    let key = object.key.clone();
    draft.revision.objects.insert(key.clone(), Arc::new(object));
    draft.work.insert(Work::ReplicaSet(key));
}
