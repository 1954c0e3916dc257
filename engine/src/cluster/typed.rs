//! The part of an object that controllers act upon, read once when it is stored.

use super::{ObjectKey, identity};
use crate::manifest::typed::{
    CalicoPolicy, CalicoTier, ClusterPolicy, ConfigMap, DaemonSet, Deployment, EndpointSlice, GivenPodStatus,
    IntOrString, KindCluster, KubeadmClusterConfiguration, LabelSelector, NetworkPolicy, NetworkSet, NodeObject,
    ObjectMeta, Pod, PodSpec, PodTemplate, ReplicaSet, Service, StatefulSet, Strategy,
};
use crate::manifest::{Diagnostics, Node, Span, Value};
use std::sync::Arc;

use super::Labels;

/// An object's typed view. Kinds that nothing acts upon have none.
#[derive(Clone, Debug)]
pub enum Typed {
    Pod { spec: Arc<PodSpec>, given: Arc<GivenPodStatus> },
    Node(Arc<NodeObject>),
    Workload(Arc<Workload>),
    ConfigMap(Arc<ConfigMap>),
    Service(Arc<Service>),
    EndpointSlice(Arc<EndpointSlice>),
    NetworkPolicy(Arc<NetworkPolicy>),
    ClusterPolicy(Arc<ClusterPolicy>),
    CalicoPolicy(Arc<CalicoPolicy>),
    CalicoTier(Arc<CalicoTier>),
    NetworkSet(Arc<NetworkSet>),
    KindCluster(Arc<KindCluster>),
    Kubeadm(Arc<KubeadmClusterConfiguration>),
    Other,
}

/// Deployment, ReplicaSet, DaemonSet or StatefulSet.
#[derive(Clone, Debug)]
pub struct Workload {
    /// How many Pods are wanted; not used by DaemonSets.
    pub replicas: u32,
    pub replicas_span: Span,
    pub selector: LabelSelector,
    pub template: Arc<Template>,
    /// Deployments only.
    pub revision_history_limit: u32,
    pub paused: bool,
    pub recreate: bool,
    /// Pods that a rollout may have beyond `replicas`, and those that it may lack.
    pub max_surge: u32,
    pub max_unavailable: u32,
    /// StatefulSets only.
    pub stateful: Option<Stateful>,
    /// ReplicaSets of Deployments only.
    pub rollout: Option<Rollout>,
}

/// Which of its Deployment's revisions a ReplicaSet is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// `deployment.kubernetes.io/revision`, from 1.
    pub revision: u32,
    /// `kubernetes.io/change-cause`, as the Deployment had it while this was its present one.
    pub change_cause: Option<Arc<str>>,
    /// When it became the present one.
    pub begun_at_ns: u64,
}

/// What a StatefulSet says beyond the others.
#[derive(Clone, Debug)]
pub struct Stateful {
    /// `spec.serviceName`: the headless Service that gives its Pods names.
    pub service_name: Arc<str>,
    /// `podManagementPolicy: Parallel`
    pub parallel: bool,
    pub first_ordinal: u32,
    /// Pods from this ordinal on follow the template; `None` with `OnDelete`.
    pub partition: Option<u32>,
}

/// What a workload's Pods are made from; shared by all of them.
#[derive(Clone, Debug)]
pub struct Template {
    /// The mapping under `spec.template`.
    pub tree: Arc<Node>,
    pub labels: Arc<Labels>,
    pub spec: Arc<PodSpec>,
    /// Equal for templates that mean the same: order, spans, null fields and the label `pod-template-hash` do not count.
    pub fingerprint: u32,
}

impl Template {
    /// The value of `pod-template-hash`: as Kubernetes writes a 32-bit hash, though not of the same bytes (upstream
    /// hashes Go's dump of the structure).
    pub fn hash(&self) -> String {
        identity::safe_encode(self.fingerprint)
    }

    fn new(tree: Option<&Node>, template: PodTemplate) -> Template {
        let empty = || Node { value: Value::Mapping(Vec::new()), span: template.span };
        let tree = tree.cloned().unwrap_or_else(empty);
        let mut hash = identity::Fnv32::default();
        canonical(&tree, &mut hash);
        Template {
            tree: Arc::new(tree),
            labels: Arc::new(template.meta.labels),
            spec: Arc::new(template.spec),
            fingerprint: hash.0,
        }
    }
}

/// Feeds a tree's meaning to the hash: keys sorted, nulls and empty collections left out.
fn canonical(node: &Node, hash: &mut identity::Fnv32) {
    match &node.value {
        Value::Null => hash.write(b"~"),
        Value::Bool(value) => hash.write(if *value { b"t" } else { b"f" }),
        Value::Int(value) => hash.write(&value.to_le_bytes()),
        Value::Float(value) => hash.write(&value.to_bits().to_le_bytes()),
        Value::String(text) => {
            hash.write(b"\"");
            hash.write(text.as_bytes());
            hash.write(b"\"");
        }
        Value::Sequence(items) => {
            hash.write(b"[");
            items.iter().for_each(|item| {
                canonical(item, hash);
                hash.write(b",");
            });
            hash.write(b"]");
        }
        Value::Mapping(entries) => {
            let counts = |entry: &&(crate::manifest::Key, Node)| !is_nothing(&entry.1) && !is_hash_label(&entry.0.name);
            let mut entries: Vec<_> = entries.iter().filter(counts).collect();
            entries.sort_by(|a, b| a.0.name.cmp(&b.0.name));
            hash.write(b"{");
            for (key, value) in entries {
                hash.write(key.name.as_bytes());
                hash.write(b":");
                canonical(value, hash);
            }
            hash.write(b"}");
        }
    }
}

fn is_hash_label(name: &str) -> bool {
    name == "pod-template-hash"
}

fn is_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Mapping(entries) => entries.iter().all(|(key, value)| is_nothing(value) || is_hash_label(&key.name)),
        Value::Sequence(items) => items.is_empty(),
        _ => false,
    }
}

/// True if two trees say the same, wherever they stand.
pub fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Sequence(a), Value::Sequence(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Mapping(a), Value::Mapping(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0.name == b.0.name && same(&a.1, &b.1))
        }
        (a, b) => a == b,
    }
}

/// Reads an object's metadata and typed view. Fields of the wrong type become errors in `diagnostics`.
pub fn project(key: &ObjectKey, root: &Node, diagnostics: &mut Diagnostics) -> (ObjectMeta, Typed) {
    let template_tree = || root.get("spec").and_then(|spec| spec.get("template"));
    match (&*key.group, &*key.kind) {
        ("", "Pod") => {
            if let Some(Pod { meta, spec, given }) = Pod::project(root, diagnostics) {
                return (meta, Typed::Pod { spec: Arc::new(spec), given: Arc::new(given) });
            }
        }
        ("", "Node") => {
            if let Some(mut node) = NodeObject::project(root, diagnostics) {
                return (std::mem::take(&mut node.meta), Typed::Node(Arc::new(node)));
            }
        }
        ("", "ConfigMap") => {
            if let Some(mut config_map) = ConfigMap::project(root, diagnostics) {
                return (std::mem::take(&mut config_map.meta), Typed::ConfigMap(Arc::new(config_map)));
            }
        }
        ("", "Service") => {
            if let Some(mut service) = Service::project(root, diagnostics) {
                return (std::mem::take(&mut service.meta), Typed::Service(Arc::new(service)));
            }
        }
        ("discovery.k8s.io", "EndpointSlice") => {
            if let Some(slice) = EndpointSlice::project(root, diagnostics) {
                return (slice.meta.clone(), Typed::EndpointSlice(Arc::new(slice)));
            }
        }
        ("networking.k8s.io", "NetworkPolicy") => {
            if let Some(mut policy) = NetworkPolicy::project(root, diagnostics) {
                return (std::mem::take(&mut policy.meta), Typed::NetworkPolicy(Arc::new(policy)));
            }
        }
        ("policy.networking.k8s.io" | "projectcalico.org" | "crd.projectcalico.org", _) => {
            return cluster_wide(key, root, diagnostics);
        }
        ("apps", "Deployment") => {
            if let Some(d) = Deployment::project(root, diagnostics) {
                let (max_surge, max_unavailable) = fenceposts(&d.strategy, d.replicas.count);
                let workload = Workload {
                    replicas: d.replicas.count,
                    replicas_span: d.replicas.span,
                    selector: d.selector,
                    template: Arc::new(Template::new(template_tree(), d.template)),
                    revision_history_limit: d.revision_history_limit,
                    paused: d.paused,
                    recreate: d.strategy == Strategy::Recreate,
                    max_surge,
                    max_unavailable,
                    stateful: None,
                    rollout: None,
                };
                return (d.meta, Typed::Workload(Arc::new(workload)));
            }
        }
        ("apps", "ReplicaSet") => {
            if let Some(rs) = ReplicaSet::project(root, diagnostics) {
                let template = Template::new(template_tree(), rs.template);
                let workload = Workload::plain(rs.replicas.count, rs.replicas.span, rs.selector, template);
                return (rs.meta, Typed::Workload(Arc::new(workload)));
            }
        }
        ("apps", "DaemonSet") => {
            if let Some(ds) = DaemonSet::project(root, diagnostics) {
                let template = Template::new(template_tree(), ds.template);
                let workload = Workload::plain(0, ds.selector.span, ds.selector, template);
                return (ds.meta, Typed::Workload(Arc::new(workload)));
            }
        }
        ("apps", "StatefulSet") => {
            if let Some(set) = StatefulSet::project(root, diagnostics) {
                let template = Template::new(template_tree(), set.template);
                let mut workload = Workload::plain(set.replicas.count, set.replicas.span, set.selector, template);
                workload.stateful = Some(Stateful {
                    service_name: set.service_name,
                    parallel: set.parallel,
                    first_ordinal: set.first_ordinal,
                    partition: set.partition,
                });
                return (set.meta, Typed::Workload(Arc::new(workload)));
            }
        }
        ("kind.x-k8s.io", "Cluster") => {
            if let Some(cluster) = KindCluster::project(root, diagnostics) {
                return (ObjectMeta::default(), Typed::KindCluster(Arc::new(cluster)));
            }
        }
        ("kubeadm.k8s.io", "ClusterConfiguration") => {
            if let Some(configuration) = KubeadmClusterConfiguration::project(root, diagnostics) {
                return (ObjectMeta::default(), Typed::Kubeadm(Arc::new(configuration)));
            }
        }
        _ => {}
    }
    (ObjectMeta::project(root, diagnostics), Typed::Other)
}

/// Policies of cluster administrators and of Calico.
fn cluster_wide(key: &ObjectKey, root: &Node, diagnostics: &mut Diagnostics) -> (ObjectMeta, Typed) {
    let typed = match (&*key.group, &*key.kind) {
        ("policy.networking.k8s.io", "ClusterNetworkPolicy" | "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy") => {
            let policy = ClusterPolicy::project(root, &key.kind, diagnostics);
            policy.map(|mut policy| (std::mem::take(&mut policy.meta), Typed::ClusterPolicy(Arc::new(policy))))
        }
        ("policy.networking.k8s.io", _) => None,
        (_, "NetworkPolicy" | "GlobalNetworkPolicy") => {
            let policy = CalicoPolicy::project(root, diagnostics);
            policy.map(|mut policy| (std::mem::take(&mut policy.meta), Typed::CalicoPolicy(Arc::new(policy))))
        }
        (_, "Tier") => {
            let tier = CalicoTier::project(root, diagnostics);
            tier.map(|mut tier| (std::mem::take(&mut tier.meta), Typed::CalicoTier(Arc::new(tier))))
        }
        (_, "NetworkSet" | "GlobalNetworkSet") => {
            let set = NetworkSet::project(root, diagnostics);
            set.map(|mut set| (std::mem::take(&mut set.meta), Typed::NetworkSet(Arc::new(set))))
        }
        _ => None,
    };
    typed.unwrap_or_else(|| (ObjectMeta::project(root, diagnostics), Typed::Other))
}

/// `maxSurge` and `maxUnavailable` as numbers of Pods. Models pkg/controller/deployment/util ResolveFenceposts.
fn fenceposts(strategy: &Strategy, replicas: u32) -> (u32, u32) {
    let Strategy::RollingUpdate { max_surge, max_unavailable } = strategy else { return (0, 0) };
    let amount = |given: &IntOrString, round: u64| match given {
        IntOrString::Int(number) => u32::try_from(*number).unwrap_or(0),
        IntOrString::String(text) => {
            let percent: u64 = text.strip_suffix('%').and_then(|percent| percent.parse().ok()).unwrap_or(0);
            u32::try_from((percent.saturating_mul(u64::from(replicas)).saturating_add(round)) / 100).unwrap_or(u32::MAX)
        }
    };
    let (surge, unavailable) = (amount(max_surge, 99), amount(max_unavailable, 0));
    (surge, if (surge, unavailable) == (0, 0) { 1 } else { unavailable }.min(replicas))
}

impl Workload {
    fn plain(replicas: u32, replicas_span: Span, selector: LabelSelector, template: Template) -> Workload {
        Workload {
            replicas,
            replicas_span,
            selector,
            template: Arc::new(template),
            revision_history_limit: 10,
            paused: false,
            recreate: false,
            max_surge: 0,
            max_unavailable: 0,
            stateful: None,
            rollout: None,
        }
    }
}
