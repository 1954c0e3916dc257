//! Objects as the API server returns them: what was written, completed by defaults, metadata and status.

pub mod build;
pub mod calico;
mod defaults;
mod slices;
mod status;
mod time;

pub use slices::made;
pub use status::{ContainerState, ContainerStatus, ReplicaCounts, container_statuses, replica_counts};
pub use time::{EPOCH_SECONDS, seconds_of, timestamp};

use super::{Body, Kind, Object, ObjectKey, Provenance, Revision};
use crate::manifest::emit::json_compact;
use crate::manifest::{Node, Value};
use build::{boolean, default, int, list, map, remove, set, text};

/// What `kubectl get -o yaml` would be sent, keys sorted; `None` if there is no such object. `managedFields` are left
/// out, as kubectl does not show them.
pub fn api_object(revision: &Revision, key: &ObjectKey) -> Option<Node> {
    let object = revision.objects.get(key)?;
    let tree = object.tree(revision);
    let mut root = Node::clone(&tree);
    // Whatever status was written, the cluster has its own; a kind that nobody acts upon keeps what it has.
    if Kind::guess(&key.kind, &key.group).simulated && !key.is("Node") {
        remove(&mut root, "status");
    }
    set(&mut root, "metadata", metadata(revision, object, &tree));
    defaults::complete(revision, object, &mut root);
    status::complete(revision, object, &mut root);
    build::sort(&mut root);
    Some(root)
}

/// Commands that make objects without `kubectl apply`, and leave no trace of what they have sent.
const CREATING: [&str; 3] = ["kubectl run ", "kubectl expose ", "kubectl debug "];

/// Whether `kubectl apply` has sent it, and with it the annotation of what was sent.
pub fn was_applied(provenance: &Provenance) -> bool {
    match provenance {
        Provenance::File { .. } => true,
        Provenance::Console { file } => !CREATING.iter().any(|command| file.starts_with(command)),
        _ => false,
    }
}

/// The annotation in which `kubectl apply` keeps what was applied.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn metadata(revision: &Revision, object: &Object, tree: &Node) -> Node {
    let mut metadata = tree.get("metadata").cloned().unwrap_or_else(|| map([]));
    for field in ["managedFields", "selfLink", "labels", "namespace"] {
        remove(&mut metadata, field);
    }
    if !object.labels.is_empty() {
        let mut labels = map([]);
        object.labels.iter().for_each(|(name, value)| set(&mut labels, name, text(value)));
        set(&mut metadata, "labels", labels);
    }
    set(&mut metadata, "name", text(&object.key.name));
    if !object.key.namespace.is_empty() {
        set(&mut metadata, "namespace", text(&object.key.namespace));
    }
    if was_applied(&object.provenance) {
        let applied = last_applied(object, tree);
        if let Some(annotations) = build::child(&mut metadata, "annotations") {
            default(annotations, LAST_APPLIED, applied);
        }
    }
    if let Some(number) = rollout_number(revision, object)
        && let Some(annotations) = build::child(&mut metadata, "annotations")
    {
        set(annotations, "deployment.kubernetes.io/revision", text(number.to_string()));
    }
    if object.key.is("Node")
        && let Some(node) = revision.nodes.get(&*object.key.name)
    {
        calico::annotate(revision, node, &mut metadata);
    }
    default(&mut metadata, "creationTimestamp", text(timestamp(object.created_at_ns)));
    set(&mut metadata, "resourceVersion", text(object.changed_revision.to_string()));
    set(&mut metadata, "uid", text(object.uid.to_string()));
    if has_generation(object) {
        set(&mut metadata, "generation", int(object.generation));
    }
    // Nobody owns what the endpoints controller and the API server write.
    let own = object.key.is("Endpoints") || (&*object.key.namespace, &*object.key.name) == ("default", "kubernetes");
    if let Some(owner) = object.owner.as_ref().filter(|_| !own) {
        if object.key.is("EndpointSlice") && object.is_made() {
            let prefix: String = owner.key.name.chars().take(57).chain(['-']).collect();
            set(&mut metadata, "generateName", text(prefix));
        }
        default(&mut metadata, "ownerReferences", list(vec![owner_reference(revision, owner)]));
        if matches!(object.body, Body::Template(_)) && object.key.is("Pod") {
            let prefix: String = owner.key.name.chars().take(57).chain(['-']).collect();
            set(&mut metadata, "generateName", text(prefix));
        }
    }
    metadata
}

/// A ReplicaSet's number among its Deployment's revisions, and a Deployment's newest.
fn rollout_number(revision: &Revision, object: &Object) -> Option<u32> {
    let own = |object: &Object| object.workload()?.rollout.as_ref().map(|rollout| rollout.revision);
    if !object.key.is("Deployment") {
        return own(object);
    }
    let sets = revision.children.get(&object.uid).into_iter().flatten();
    sets.filter_map(|key| own(revision.objects.get(key)?)).max()
}

fn has_generation(object: &Object) -> bool {
    object.workload().is_some()
        || object.key.group == "policy.networking.k8s.io"
        || matches!(&*object.key.kind, "Pod" | "StatefulSet" | "NetworkPolicy" | "Ingress" | "Job")
}

fn owner_reference(revision: &Revision, owner: &super::Owner) -> Node {
    let api_version = revision.objects.get(&owner.key).map(|object| object.api_version.clone());
    map([
        ("apiVersion", text(api_version.as_deref().unwrap_or("apps/v1"))),
        ("blockOwnerDeletion", boolean(true)),
        ("controller", boolean(true)),
        ("kind", text(&*owner.key.kind)),
        ("name", text(&owner.key.name)),
        ("uid", text(owner.uid.to_string())),
    ])
}

/// What was applied, as one line of JSON with sorted keys and the annotations that kubectl takes out of it.
fn last_applied(object: &Object, tree: &Node) -> Node {
    let mut applied = tree.clone();
    remove(&mut applied, "status");
    if let Some(metadata) = build::child(&mut applied, "metadata") {
        default(metadata, "annotations", map([]));
        if let Some(annotations) = build::get_mut(metadata, "annotations") {
            remove(annotations, LAST_APPLIED);
        }
        if !object.key.namespace.is_empty() {
            default(metadata, "namespace", text(&object.key.namespace));
        }
    }
    drop_nulls(&mut applied);
    build::sort(&mut applied);
    text(json_compact(&applied) + "\n")
}

fn drop_nulls(node: &mut Node) {
    match &mut node.value {
        Value::Mapping(entries) => {
            entries.retain(|(_, value)| value.value != Value::Null);
            entries.iter_mut().for_each(|(_, value)| drop_nulls(value));
        }
        Value::Sequence(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
