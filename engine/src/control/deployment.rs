//! Deployments: one ReplicaSet for each template; rollouts move the replicas to the newest.
//!
//! Models pkg/controller/deployment at its settled points: a rollout goes on for as long as new Pods become ready. One
//! whose Pods do not stays where it is, with the old Pods that availability demands.

use crate::cluster::{
    Body, Draft, Labels, Object, ObjectKey, Owner, Provenance, Rollout, Template, Typed, Work, Workload, identity,
};
use std::sync::Arc;

/// The Deployment as it is now: what it wants, its present template's ReplicaSet and the others, oldest first.
struct State {
    wanted: Arc<Workload>,
    current: Option<Arc<Object>>,
    old: Vec<Arc<Object>>,
}

/// Makes what is missing and scales where no rollout is under way; [`roll_out`] does the rest.
pub fn reconcile(draft: &mut Draft, key: &ObjectKey) {
    let Some(mut state) = state(draft, key) else { return };
    let Some(deployment) = draft.revision.objects.get(key).cloned() else { return };
    if state.current.is_none() && !state.wanted.paused {
        state.current = create(draft, &deployment, &state.wanted);
    }
    mark(draft, &deployment, &mut state);
    if state.wanted.paused {
        return scale_paused(draft, &state);
    }
    match &state.current {
        Some(current) if state.old.iter().all(|old| replicas(old) == 0) => {
            scale(draft, current, state.wanted.replicas);
            forget_surplus(draft, &state);
        }
        Some(_) => drop(draft.work.insert(Work::Rollout(key.clone()))),
        None => {}
    }
}

/// One step of a rollout, when all Pods are as ready as they get. Another follows if it changed anything.
pub fn roll_out(draft: &mut Draft, key: &ObjectKey) {
    let Some(state) = state(draft, key).filter(|state| !state.wanted.paused) else { return };
    let Some(current) = &state.current else { return };
    let stepped = if state.wanted.recreate {
        // Models pkg/controller/deployment/recreate.go.
        let cleared = state.old.iter().filter(|old| scale(draft, old, 0)).count() > 0;
        cleared || scale(draft, current, state.wanted.replicas)
    } else {
        grow_new(draft, &state, current) || shrink_old(draft, &state, current) || trim_new(draft, &state, current)
    };
    if stepped {
        draft.work.insert(Work::Rollout(key.clone()));
    }
    forget_surplus(draft, &state);
}

fn state(draft: &Draft, key: &ObjectKey) -> Option<State> {
    let deployment = draft.revision.objects.get(key)?;
    let Typed::Workload(wanted) = &deployment.typed else { return None };
    let mut old = owned(draft, deployment);
    old.sort_by_key(|rs| (rs.created_revision, rs.key.name.clone()));
    let current = old.iter().position(|rs| fingerprint(rs) == Some(wanted.template.fingerprint));
    let current = current.map(|at| old.remove(at));
    Some(State { wanted: wanted.clone(), current, old })
}

/// The present ReplicaSet is the newest revision. Models pkg/controller/deployment/util SetNewReplicaSetAnnotations.
fn mark(draft: &mut Draft, deployment: &Object, state: &mut State) {
    let Some(current) = &mut state.current else { return };
    let Some(workload) = current.workload() else { return };
    let number = |rs: &Arc<Object>| rs.workload().and_then(|workload| Some(workload.rollout.as_ref()?.revision));
    let newest = state.old.iter().filter_map(number).max().unwrap_or(0) + 1;
    let tree = deployment.tree(&draft.revision);
    let cause = tree.at("metadata.annotations").get("kubernetes.io/change-cause").and_then(|cause| cause.as_str());
    let rollout = match &workload.rollout {
        Some(old) if old.revision >= newest => Rollout { change_cause: cause.map(Arc::from), ..old.clone() },
        _ => Rollout { revision: newest, change_cause: cause.map(Arc::from), begun_at_ns: draft.revision.at_ns },
    };
    if workload.rollout.as_ref() == Some(&rollout) {
        return;
    }
    let mut object = Object::clone(current);
    object.typed = Typed::Workload(Arc::new(Workload { rollout: Some(rollout), ..Workload::clone(workload) }));
    object.changed_revision = draft.revision.number;
    *current = Arc::new(object);
    draft.revision.objects.insert(current.key.clone(), current.clone());
}

/// A paused Deployment is scaled, but not rolled out. Models FindActiveOrLatest in pkg/controller/deployment/util.
fn scale_paused(draft: &mut Draft, state: &State) {
    let all = || state.old.iter().chain(&state.current);
    let active: Vec<&Arc<Object>> = all().filter(|rs| replicas(rs) > 0).collect();
    let only = match active[..] {
        [] => state.current.as_ref().or(state.old.last()),
        [only] => Some(only),
        _ => None,
    };
    if let Some(only) = only {
        scale(draft, only, state.wanted.replicas);
    }
}

/// About how many steps a rollout takes at most: each looks at all Pods, so large Deployments take larger ones than they
/// ask for.
const STEPS_MAX: u32 = 64;

fn fenceposts(wanted: &Workload) -> (u32, u32) {
    let (surge, unavailable) = (wanted.max_surge, wanted.max_unavailable);
    let least = wanted.replicas / STEPS_MAX;
    match surge.saturating_add(unavailable) >= least {
        true => (surge, unavailable),
        false if surge > 0 => (least, unavailable),
        false => (surge, least),
    }
}

/// Models pkg/controller/deployment/util NewRSNewReplicas.
fn grow_new(draft: &mut Draft, state: &State, current: &Arc<Object>) -> bool {
    let (have, wanted) = (replicas(current), state.wanted.replicas);
    let total = state.old.iter().map(replicas).fold(have, u32::saturating_add);
    let room = wanted.saturating_add(fenceposts(&state.wanted).0).saturating_sub(total);
    scale(draft, current, have.saturating_add(room).min(wanted))
}

/// Models pkg/controller/deployment/rolling.go reconcileOldReplicaSets: old Pods that are not ready go first, then as
/// many others as availability allows.
fn shrink_old(draft: &mut Draft, state: &State, current: &Arc<Object>) -> bool {
    let mut left: Vec<u32> = state.old.iter().map(replicas).collect();
    let have = replicas(current);
    let total = left.iter().copied().fold(have, u32::saturating_add);
    let least = state.wanted.replicas.saturating_sub(fenceposts(&state.wanted).1);
    let ready = |rs: &Arc<Object>| crate::cluster::api::replica_counts(&draft.revision, rs).ready;
    let new_ready = ready(current);
    let old_ready: Vec<u32> = state.old.iter().map(ready).collect();
    let mut clean = total.saturating_sub(least).saturating_sub(have.saturating_sub(new_ready));
    if clean == 0 {
        return false;
    }
    for (left, ready) in left.iter_mut().zip(&old_ready) {
        let count = left.saturating_sub(*ready).min(clean);
        *left -= count;
        clean -= count;
    }
    let available = old_ready.iter().copied().fold(new_ready, u32::saturating_add);
    let mut spare = available.saturating_sub(least);
    for left in &mut left {
        let count = (*left).min(spare);
        *left -= count;
        spare -= count;
    }
    let scaled = state.old.iter().zip(left).map(|(old, left)| scale(draft, old, left));
    scaled.filter(|scaled| *scaled).count() > 0
}

/// After `replicas` fell amid a rollout: new Pods that are not ready give way. Stands for the proportional scaling of
/// pkg/controller/deployment/sync.go.
fn trim_new(draft: &mut Draft, state: &State, current: &Arc<Object>) -> bool {
    let have = replicas(current);
    let total = state.old.iter().map(replicas).fold(have, u32::saturating_add);
    let most = state.wanted.replicas.saturating_add(fenceposts(&state.wanted).0);
    let unready = have.saturating_sub(crate::cluster::api::replica_counts(&draft.revision, current).ready);
    scale(draft, current, have - total.saturating_sub(most).min(unready))
}

/// Old ReplicaSets without Pods, beyond `revisionHistoryLimit`.
fn forget_surplus(draft: &mut Draft, state: &State) {
    let idle: Vec<&Arc<Object>> = state.old.iter().filter(|old| replicas(old) == 0).collect();
    let surplus = idle.len().saturating_sub(state.wanted.revision_history_limit as usize);
    for old in &idle[..surplus] {
        draft.delete(&old.key);
    }
}

fn replicas(object: &Arc<Object>) -> u32 {
    object.workload().map_or(0, |workload| workload.replicas)
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

/// True if that is a change.
fn scale(draft: &mut Draft, replica_set: &Arc<Object>, replicas: u32) -> bool {
    let Some(workload) = replica_set.workload().filter(|workload| workload.replicas != replicas) else { return false };
    let mut object = Object::clone(replica_set);
    object.typed = Typed::Workload(Arc::new(Workload { replicas, ..Workload::clone(workload) }));
    object.changed_revision = draft.revision.number;
    object.generation += 1;
    let key = object.key.clone();
    draft.revision.objects.insert(key.clone(), Arc::new(object));
    draft.work.insert(Work::ReplicaSet(key));
    true
}
