//! A revision in the making: objects change, and what they set in motion is noted for the controllers.

use super::immutable::{POD_IMMUTABLE, changed_pod_field};
use super::typed::{Typed, project, same};
use super::{Body, Object, ObjectKey, Options, Owner, PodKey, Provenance, Revision, ServiceKey, identity};
use crate::manifest::fields::{self, FieldTable};
use crate::manifest::typed::ObjectMeta;
use crate::manifest::{Diagnostics, Node, Sources};
use crate::tables::Uid;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Something a controller has to look at. Taken in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    Network,
    Builtin,
    Nodes,
    Namespaces,
    Services,
    Deployment(ObjectKey),
    DaemonSet(ObjectKey),
    StatefulSet(ObjectKey),
    ReplicaSet(ObjectKey),
    Schedule,
    Sandboxes,
    /// The next step of a Deployment's rollout, once the Pods of the last one are as ready as they get.
    Rollout(ObjectKey),
    /// CoreDNS Pods whose ConfigMap may have changed.
    CoreDns,
    /// What stands behind Services, once Pods have settled.
    Endpoints,
}

/// What became of one object, in kubectl's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Configured,
    Unchanged,
    Deleted,
    /// The API server's refusal: its reason (`NotFound`, `Invalid`, `Forbidden` …) and message.
    Refused(&'static str, String),
}

/// As kubectl says it: `created`, `configured`; a refusal with its message.
impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Outcome::Created => "created",
            Outcome::Configured => "configured",
            Outcome::Unchanged => "unchanged",
            Outcome::Deleted => "deleted",
            Outcome::Refused(_, message) => message,
        })
    }
}

impl Outcome {
    /// As kubectl prints it after the object's name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Outcome::Created => "created",
            Outcome::Configured => "configured",
            Outcome::Unchanged => "unchanged",
            Outcome::Deleted => "deleted",
            Outcome::Refused(..) => "refused",
        }
    }
}

/// One object on its way into the store.
#[derive(Clone, Debug)]
pub struct Submission {
    pub key: ObjectKey,
    pub api_version: Arc<str>,
    pub tree: Arc<Node>,
    pub provenance: Provenance,
    /// Fields of a Pod that cannot change are an error for kubectl; in a live file the Pod is replaced instead.
    pub replace: bool,
}

/// The revision being made, and what is left to do before it holds.
#[derive(Debug)]
pub struct Draft {
    pub revision: Revision,
    /// The revision in force when the draft was begun.
    pub(super) before: Revision,
    pub options: Arc<Options>,
    pub sources: Sources,
    pub(super) fields: Option<Arc<FieldTable>>,
    pub diagnostics: Diagnostics,
    pub work: BTreeSet<Work>,
    /// Nodes to look at again under [`Work::Nodes`].
    pub dirty_nodes: BTreeSet<Arc<str>>,
    /// Namespaces to look at again under [`Work::Namespaces`].
    pub dirty_namespaces: BTreeSet<Arc<str>>,
    /// Services to look at again under [`Work::Services`].
    pub dirty_services: BTreeSet<ServiceKey>,
    /// Services under [`Work::Endpoints`] whose Pods or given slices may have changed.
    pub dirty_endpoints: BTreeSet<ServiceKey>,
    /// Pods under [`Work::Sandboxes`] whose readiness probes may find something else now.
    pub probe_again: BTreeSet<PodKey>,
    /// Nodes under [`Work::Sandboxes`] whose waiting Pods may get an address now.
    pub dirty_sandboxes: BTreeSet<Arc<str>>,
    /// Namespaces under [`Work::CoreDns`] of which a ConfigMap has changed.
    pub dirty_configs: BTreeSet<Arc<str>>,
    /// Pods that wait for their first attempt, by number in `Index.pending`.
    pub fresh: BTreeSet<u64>,
    /// Objects that were put, changed or not, for the checks at the end.
    pub submitted: Vec<ObjectKey>,
    /// Something happened that may let Pods on a node that were unschedulable before.
    pub retry_pending: bool,
}

impl Draft {
    pub(super) fn new(revision: Revision, options: Arc<Options>, sources: Sources) -> Draft {
        Draft {
            before: revision.clone(),
            revision,
            options,
            sources,
            fields: None,
            diagnostics: Diagnostics::default(),
            work: BTreeSet::new(),
            dirty_nodes: BTreeSet::new(),
            dirty_namespaces: BTreeSet::new(),
            dirty_services: BTreeSet::new(),
            dirty_endpoints: BTreeSet::new(),
            probe_again: BTreeSet::new(),
            dirty_sandboxes: BTreeSet::new(),
            dirty_configs: BTreeSet::new(),
            fresh: BTreeSet::new(),
            submitted: Vec::new(),
            retry_pending: false,
        }
    }

    /// Stores an object. Its view must be free of errors: they go to `diagnostics` and the object stays as it was.
    pub fn put(&mut self, new: Submission) -> Outcome {
        let errors = self.diagnostics.errors();
        let (meta, typed) = project(&new.key, &new.tree, &mut self.diagnostics);
        if self.diagnostics.errors() > errors {
            return Outcome::Refused("Invalid", "the object is invalid".to_owned());
        }
        self.submitted.push(new.key.clone());
        let Some(old) = self.revision.objects.get(&new.key).cloned() else {
            self.create(new, meta, typed);
            return Outcome::Created;
        };
        if same(old.written(), &new.tree) {
            self.refresh(&old, new, typed);
            return Outcome::Unchanged;
        }
        if let (Typed::Pod { .. }, Typed::Pod { .. }) = (&old.typed, &typed)
            && let Some(field) = changed_pod_field(&self.kept(old.written()), &self.kept(&new.tree))
        {
            if !new.replace {
                let message = format!("Pod {:?} is invalid: {POD_IMMUTABLE}", &*new.key.name);
                return Outcome::Refused("Invalid", message);
            }
            let message = format!("{} is replaced: a Pod's {field} cannot change while it lives", new.key);
            self.diagnostics.info("pod-replaced", new.tree.at(&field).span, message);
            self.delete(&new.key);
            self.create(new, meta, typed);
            return Outcome::Configured;
        }
        self.update(&old, new, meta, typed);
        Outcome::Configured
    }

    /// What the API server keeps of a tree, as far as the known fields tell.
    fn kept<'t>(&self, tree: &'t Node) -> Cow<'t, Node> {
        self.fields.as_deref().map_or(Cow::Borrowed(tree), |fields| Cow::Owned(fields::known(tree, fields)))
    }

    fn create(&mut self, new: Submission, mut meta: ObjectMeta, typed: Typed) {
        label(&new.key, &mut meta);
        let number = self.revision.number.to_string();
        let key = new.key;
        let given = meta.uid.as_deref().and_then(identity::parse_uid);
        let uid = given.filter(|uid| !self.revision.by_uid.contains_key(uid));
        let uid = uid.unwrap_or_else(|| {
            identity::uid(self.revision.seed, &[&key.kind, &key.group, &key.namespace, &key.name, &number])
        });
        let owner = owner_of(&meta, &key);
        self.insert(Object {
            key,
            uid,
            api_version: new.api_version,
            labels: Arc::new(meta.labels),
            body: Body::Written(new.tree),
            typed,
            provenance: new.provenance,
            owner,
            created_at_ns: self.revision.at_ns,
            created_revision: self.revision.number,
            changed_revision: self.revision.number,
            generation: 1,
        });
    }

    /// Adds an object that does not exist yet, with its indexes, and tells the controllers.
    pub fn insert(&mut self, object: Object) {
        let key = object.key.clone();
        self.revision.by_uid.insert(object.uid, key.clone());
        if let Some(owner) = &object.owner {
            self.revision.children.entry(owner.uid).or_default().insert(key.clone());
        }
        let object = Arc::new(object);
        self.revision.objects.insert(key.clone(), object.clone());
        if let Typed::Pod { spec, given } = &object.typed {
            let (spec, given) = (spec.clone(), given.clone());
            self.admit_pod(&object, spec, &given);
        }
        self.index_selector(&object, true);
        self.notify(&object);
    }

    /// The same object at another place in its text: origins move along, nothing else happens.
    fn refresh(&mut self, old: &Arc<Object>, new: Submission, typed: Typed) {
        let mut object = Object::clone(old);
        let adopted = old.provenance == Provenance::Builtin && new.provenance != Provenance::Builtin;
        object.body = Body::Written(new.tree);
        object.typed = typed;
        object.provenance = new.provenance;
        let object = Arc::new(object);
        self.revision.objects.insert(new.key, object.clone());
        if adopted {
            self.work.insert(Work::Network);
        }
        self.refresh_replica_sets(&object);
    }

    /// A Deployment's ReplicaSet points into its template, wherever that stands now.
    fn refresh_replica_sets(&mut self, owner: &Object) {
        let Some(workload) = owner.workload().filter(|_| owner.key.is("Deployment")) else { return };
        let Some(children) = self.revision.children.get(&owner.uid).cloned() else { return };
        for key in children.iter() {
            let Some(child) = self.revision.objects.get(key) else { continue };
            let made = child.provenance == Provenance::Controller;
            let current = child.workload().is_some_and(|w| w.template.fingerprint == workload.template.fingerprint);
            if made && current {
                let mut child = Object::clone(child);
                child.body = Body::Template(workload.template.tree.clone());
                self.revision.objects.insert(key.clone(), Arc::new(child));
            }
        }
    }

    fn update(&mut self, old: &Arc<Object>, new: Submission, mut meta: ObjectMeta, typed: Typed) {
        label(&new.key, &mut meta);
        let mut object = Object::clone(old);
        let spec = |tree: &Node| tree.get("spec").cloned();
        let spec_changed = match (spec(old.written()), spec(&new.tree)) {
            (Some(a), Some(b)) => !same(&a, &b),
            (a, b) => a.is_some() != b.is_some(),
        };
        object.owner = owner_of(&meta, &new.key).or_else(|| old.owner.clone());
        self.relabel(old, &object.owner);
        object.labels = Arc::new(meta.labels);
        object.body = Body::Written(new.tree);
        object.provenance = new.provenance;
        object.changed_revision = self.revision.number;
        object.generation += u32::from(spec_changed);
        self.index_selector(old, false);
        object.typed = typed;
        let object = Arc::new(object);
        self.revision.objects.insert(new.key, object.clone());
        self.index_selector(&object, true);
        if let Typed::Pod { spec, .. } = &object.typed {
            self.update_pod(&object, spec.clone());
        }
        self.notify(&object);
    }

    /// Moves a child from one owner's list to another's.
    fn relabel(&mut self, old: &Arc<Object>, owner: &Option<Owner>) {
        if old.owner == *owner {
            return;
        }
        self.forget_child(old);
        if let Some(owner) = owner {
            self.revision.children.entry(owner.uid).or_default().insert(old.key.clone());
        }
    }

    /// Gives an object another controller, or none.
    pub fn set_owner(&mut self, key: &ObjectKey, owner: Option<Owner>) {
        let Some(old) = self.revision.objects.get(key).cloned() else { return };
        self.relabel(&old, &owner);
        let mut object = Object::clone(&old);
        object.owner = owner.clone();
        object.changed_revision = self.revision.number;
        self.revision.objects.insert(key.clone(), Arc::new(object));
        if let Some(pod) = key.as_pod() {
            self.set_pod_owner(&pod, owner);
        }
    }

    /// Deletes an object and, as the garbage collector does, everything it owns; a Namespace with all it holds.
    pub fn delete(&mut self, key: &ObjectKey) -> bool {
        let mut doomed = vec![key.clone()];
        let mut found = false;
        while let Some(key) = doomed.pop() {
            let Some(object) = self.revision.objects.remove(&key) else { continue };
            found = true;
            self.revision.by_uid.remove(&object.uid);
            self.revision.index.made.remove(&object.uid);
            self.forget_child(&object);
            self.index_selector(&object, false);
            if let Some(pod) = key.as_pod() {
                self.remove_pod(&pod);
            }
            if key.is("Namespace") && key.group.is_empty() {
                let inside = |object: &&Arc<Object>| object.key.namespace == key.name;
                doomed.extend(self.revision.objects.values().filter(inside).map(|object| object.key.clone()));
            }
            if let Some(children) = self.revision.children.get(&object.uid) {
                doomed.extend(children.iter().cloned());
            }
            self.notify(&object);
        }
        found
    }

    /// Deletes an object at the user's explicit wish: what the cluster has by itself does not come back.
    pub(super) fn delete_for_good(&mut self, key: &ObjectKey) -> bool {
        let stranded = if key.is("Node") && key.group.is_empty() { self.bare_pods_on(&key.name) } else { Vec::new() };
        let deleted = self.delete(key);
        // Models pkg/controller/podgc deletePodsOnNonexistentNodes. What has a controller is made anew.
        for pod in &stranded {
            self.delete(&ObjectKey::pod(pod));
        }
        if deleted && self.is_builtin(key) {
            self.revision.index.suppressed.insert(key.clone());
        }
        deleted
    }

    fn bare_pods_on(&self, node: &str) -> Vec<PodKey> {
        let here = self.revision.pods.values().filter(|pod| pod.node.as_deref() == Some(node));
        let bare = here.filter(|pod| pod.owner.as_ref().is_none_or(|owner| !self.owner_alive(owner.uid)));
        let given = bare.filter(|pod| {
            let object = self.revision.objects.get(&pod.object_key());
            object.is_some_and(|object| object.provenance != Provenance::Builtin)
        });
        given.map(|pod| pod.key.clone()).collect()
    }

    fn forget_child(&mut self, object: &Object) {
        let Some(owner) = &object.owner else { return };
        if let Some(children) = self.revision.children.get_mut(&owner.uid) {
            children.remove(&object.key);
            if children.is_empty() {
                self.revision.children.remove(&owner.uid);
            }
        }
        // The controller makes up for what it lost.
        if let Some(owner) = self.revision.object_by_uid(owner.uid).cloned() {
            self.notify(&owner);
        }
    }

    /// Puts another state of an object in the place of the present one, and tells the controllers.
    pub fn replace(&mut self, object: Object) {
        if let Some(old) = self.revision.objects.get(&object.key).cloned() {
            self.index_selector(&old, false);
        }
        let object = Arc::new(object);
        self.revision.objects.insert(object.key.clone(), object.clone());
        self.index_selector(&object, true);
        self.notify(&object);
    }

    pub(super) fn is_builtin(&self, key: &ObjectKey) -> bool {
        let builtin = self.revision.index.builtin.as_ref();
        builtin.is_some_and(|builtin| builtin.keys.contains(key))
    }

    /// The object of this identity, if it still exists.
    pub fn owner_alive(&self, uid: Uid) -> bool {
        self.revision.by_uid.contains_key(&uid)
    }

    /// The Pods among what an object owns.
    pub fn pods_of(&self, uid: Uid) -> Vec<PodKey> {
        let children = self.revision.children.get(&uid);
        children.map_or_else(Vec::new, |children| children.iter().filter_map(ObjectKey::as_pod).collect())
    }
}

/// The labels that the cluster itself gives: the API server every Namespace its name, a kubelet its Node what the machine
/// is (kubelet_node_status.go initialNode).
fn label(key: &ObjectKey, meta: &mut ObjectMeta) {
    let mut given = |label: &str, value: &str| {
        meta.labels.entry(label.into()).or_insert_with(|| value.into());
    };
    if key.is("Namespace") && key.group.is_empty() {
        meta.labels.insert("kubernetes.io/metadata.name".into(), key.name.clone());
    } else if key.is("Node") && key.group.is_empty() {
        given("beta.kubernetes.io/arch", "amd64");
        given("beta.kubernetes.io/os", "linux");
        given("kubernetes.io/arch", "amd64");
        given("kubernetes.io/hostname", &key.name);
        given("kubernetes.io/os", "linux");
    }
}

fn owner_of(meta: &ObjectMeta, key: &ObjectKey) -> Option<Owner> {
    let reference = meta.controller()?;
    let group = reference.api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = super::Kind::guess(&reference.kind, group);
    let namespace = if kind.namespaced { key.namespace.clone() } else { "".into() };
    let key = ObjectKey { kind: kind.kind, group: kind.group, namespace, name: reference.name.clone() };
    Some(Owner { key, uid: identity::parse_uid(&reference.uid)? })
}
