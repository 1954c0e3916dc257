//! Objects as the API server keeps them: identity, the whole tree that was written, and where it was written.

use super::revision::Revision;
use super::typed::{Typed, Workload};
use crate::manifest::{Key, Node, Span, Value};
use crate::tables::Uid;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// Labels or annotations, sorted by key.
pub type Labels = BTreeMap<Arc<str>, Arc<str>>;

/// Kind, namespace (empty for cluster-scoped kinds) and name: what may exist only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectKey {
    pub kind: Cow<'static, str>,
    /// The API group; empty for the core group.
    pub group: Cow<'static, str>,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl ObjectKey {
    /// A key of a known kind; an unknown one gets the core group.
    pub fn new(kind: &str, namespace: &str, name: &str) -> ObjectKey {
        let (kind, group) = match super::Kind::named(kind) {
            Some(known) => (known.kind, known.group),
            None => (Cow::Owned(kind.to_owned()), Cow::Borrowed("")),
        };
        ObjectKey { kind, group, namespace: namespace.into(), name: name.into() }
    }

    pub fn pod(pod: &PodKey) -> ObjectKey {
        let (namespace, name) = (pod.namespace.clone(), pod.name.clone());
        ObjectKey { kind: Cow::Borrowed("Pod"), group: Cow::Borrowed(""), namespace, name }
    }

    pub fn service(service: &PodKey) -> ObjectKey {
        let (namespace, name) = (service.namespace.clone(), service.name.clone());
        ObjectKey { kind: Cow::Borrowed("Service"), group: Cow::Borrowed(""), namespace, name }
    }

    pub fn node(name: &Arc<str>) -> ObjectKey {
        let (kind, group) = (Cow::Borrowed("Node"), Cow::Borrowed(""));
        ObjectKey { kind, group, namespace: "".into(), name: name.clone() }
    }

    pub fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// Namespace and name alone.
    pub fn as_named(&self) -> PodKey {
        PodKey { namespace: self.namespace.clone(), name: self.name.clone() }
    }

    /// The Pod this key names, if it is one's.
    pub fn as_pod(&self) -> Option<PodKey> {
        let is_pod = self.kind == "Pod" && self.group.is_empty();
        is_pod.then(|| PodKey { namespace: self.namespace.clone(), name: self.name.clone() })
    }
}

/// Most keys that are compared share their kind and namespace, often the very same text.
fn compare(a: &str, b: &str) -> Ordering {
    if std::ptr::eq(a, b) { Ordering::Equal } else { a.cmp(b) }
}

/// By kind, group, namespace and name.
impl Ord for ObjectKey {
    fn cmp(&self, other: &ObjectKey) -> Ordering {
        compare(&self.kind, &other.kind)
            .then_with(|| compare(&self.group, &other.group))
            .then_with(|| compare(&self.namespace, &other.namespace))
            .then_with(|| compare(&self.name, &other.name))
    }
}

impl PartialOrd for ObjectKey {
    fn partial_cmp(&self, other: &ObjectKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By namespace and name.
impl Ord for PodKey {
    fn cmp(&self, other: &PodKey) -> Ordering {
        compare(&self.namespace, &other.namespace).then_with(|| compare(&self.name, &other.name))
    }
}

impl PartialOrd for PodKey {
    fn partial_cmp(&self, other: &PodKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As kubectl names an object: `pod/web`, `deployment.apps/web`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.kind.chars() {
            fmt::Write::write_char(f, c.to_ascii_lowercase())?;
        }
        if !self.group.is_empty() {
            f.write_str(".")?;
            f.write_str(&self.group)?;
        }
        f.write_str("/")?;
        f.write_str(&self.name)
    }
}

/// A Pod's namespace and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodKey {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl PodKey {
    pub fn new(namespace: &str, name: &str) -> PodKey {
        PodKey { namespace: namespace.into(), name: name.into() }
    }
}

/// `namespace/name`
impl fmt::Display for PodKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The controller that an object belongs to: `metadata.ownerReferences` with `controller: true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub key: ObjectKey,
    pub uid: Uid,
}

/// Who brought an object into being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// A manifest; `file` is its name among the store's files.
    File { file: Arc<str> },
    /// A console command; its text is kept as a read-only source.
    Console { file: Arc<str> },
    /// What every cluster has by itself, from the read-only source `cluster defaults`.
    Builtin,
    /// A controller made it from its owner.
    Controller,
}

/// Where an object's content stands.
#[derive(Clone, Debug)]
pub enum Body {
    /// A tree of its own, with spans into its source.
    Written(Arc<Node>),
    /// Made from a Pod template by a controller: a ReplicaSet around it, or a Pod, whose `metadata` and `spec` are the
    /// template's. All that is made from one template shares it.
    Template(Arc<Node>),
    /// Made by a controller from nothing that was written: its typed view is all there is.
    Made,
}

/// One object of one revision.
#[derive(Clone, Debug)]
pub struct Object {
    pub key: ObjectKey,
    pub uid: Uid,
    pub api_version: Arc<str>,
    pub labels: Arc<Labels>,
    pub body: Body,
    pub typed: Typed,
    pub provenance: Provenance,
    pub owner: Option<Owner>,
    /// Virtual time, in nanoseconds.
    pub created_at_ns: u64,
    pub created_revision: u64,
    /// The revision of its last change: `metadata.resourceVersion`.
    pub changed_revision: u64,
    /// `metadata.generation`: grows when the spec changes.
    pub generation: u32,
}

impl Object {
    /// The whole tree as written; for a Pod made from a template, the tree that its controller sent to the API server.
    pub fn tree(&self, revision: &Revision) -> Arc<Node> {
        match &self.body {
            Body::Written(tree) => tree.clone(),
            Body::Template(template) => Arc::new(self.expand(template, revision)),
            Body::Made => Arc::new(super::api::made(self, revision)),
        }
    }

    /// The tree the object's fields are written in: its own, or the template it shares. What a controller made of
    /// nothing has an empty one.
    pub fn written(&self) -> &Node {
        static NOTHING: LazyLock<Node> =
            LazyLock::new(|| Node { value: Value::Mapping(Vec::new()), span: Span::default() });
        match &self.body {
            Body::Written(tree) | Body::Template(tree) => tree,
            Body::Made => &NOTHING,
        }
    }

    /// True if a controller made it here; one that a dump brought is not.
    pub fn is_made(&self) -> bool {
        self.provenance == Provenance::Controller
    }

    /// Its workload view, if it is a Deployment, ReplicaSet, DaemonSet or StatefulSet.
    pub fn workload(&self) -> Option<&Arc<Workload>> {
        match &self.typed {
            Typed::Workload(workload) => Some(workload),
            _ => None,
        }
    }

    /// The tree that a controller sent to the API server.
    fn expand(&self, template: &Node, revision: &Revision) -> Node {
        let text = |value: &str| Node { value: Value::String(value.into()), span: template.span };
        let key = |name: &str| Key { name: name.into(), span: template.span };
        let mapping = |entries: Vec<(Key, Node)>| Node { value: Value::Mapping(entries), span: template.span };
        let labels = |labels: &Labels| mapping(labels.iter().map(|(name, value)| (key(name), text(value))).collect());
        let mut metadata = vec![(key("name"), text(&self.key.name)), (key("namespace"), text(&self.key.namespace))];
        if !self.labels.is_empty() {
            metadata.push((key("labels"), labels(&self.labels)));
        }
        let spec = match self.workload() {
            Some(workload) => {
                let mut selector = vec![(key("matchLabels"), labels(&workload.selector.match_labels))];
                let written = self.owner.as_ref().and_then(|owner| revision.object_by_uid(owner.uid));
                let expressions = written.map(|owner| owner.written().at("spec.selector"));
                if let Some(expressions) = expressions.and_then(|selector| selector.get("matchExpressions")) {
                    selector.push((key("matchExpressions"), expressions.clone()));
                }
                mapping(vec![
                    (key("replicas"), Node { value: Value::Int(workload.replicas.into()), span: template.span }),
                    (key("selector"), mapping(selector)),
                    (key("template"), template.clone()),
                ])
            }
            None => {
                let annotations = template.get("metadata").and_then(|metadata| metadata.get("annotations"));
                metadata.extend(annotations.map(|annotations| (key("annotations"), annotations.clone())));
                let mut spec = template.get("spec").cloned().unwrap_or_else(|| mapping(Vec::new()));
                // A StatefulSet gives each of its Pods a host name.
                if let (Typed::Pod { spec: typed, .. }, Value::Mapping(entries)) = (&self.typed, &mut spec.value) {
                    for (name, value) in [("hostname", &typed.hostname), ("subdomain", &typed.subdomain)] {
                        if let Some(value) = value.as_ref().filter(|_| !entries.iter().any(|(k, _)| &*k.name == name)) {
                            entries.push((key(name), text(value)));
                        }
                    }
                }
                spec
            }
        };
        mapping(vec![
            (key("apiVersion"), text(&self.api_version)),
            (key("kind"), text(&self.key.kind)),
            (key("metadata"), mapping(metadata)),
            (key("spec"), spec),
        ])
    }
}
