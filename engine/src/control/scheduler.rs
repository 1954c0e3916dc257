//! The scheduler: finds a node for each Pod that has none.
//!
//! Models kube-scheduler's default plugins NodeUnschedulable, NodeName, TaintToleration, NodeAffinity, NodePorts and the
//! Pod count of NodeResourcesFit. Among the nodes that pass it prefers the one with the fewest Pods of the same owner
//! (PodTopologySpread's system default), then the fewest Pods (NodeResourcesFit), then the one that joined first.

use crate::cluster::{
    Draft, HostPort, NodeRecord, ObjectKey, Objection, PodKey, PodPhase, PodReason, PodRecord, PodSpec, Provenance,
    Rejection, Revision, host_ports,
};
use crate::manifest::typed::{Operator, Taint, TaintEffect};
use crate::tables::Uid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Node affinity and node selector together.
pub fn matches_node(spec: &PodSpec, node: &NodeRecord) -> bool {
    let selected = spec.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
    let Some(terms) = &spec.node_affinity else { return selected };
    selected
        && terms.iter().any(|term| {
            let named = |requirement: &crate::manifest::typed::Requirement| {
                requirement.values.contains(&node.name) == (requirement.operator == Operator::In)
            };
            !(term.match_expressions.is_empty() && term.match_fields.is_empty())
                && term.match_expressions.iter().all(|requirement| requirement.matches(&node.labels))
                && term.match_fields.iter().all(named)
        })
}

pub fn reconcile(draft: &mut Draft) {
    if std::mem::take(&mut draft.retry_pending) {
        draft.fresh.extend(draft.revision.index.pending.keys());
    }
    let mut scheduler = Scheduler { classes: Vec::new(), group: None };
    let record = |draft: &Draft, queued: &u64| {
        let key = draft.revision.index.pending.get(queued)?;
        draft.revision.pods.get(key).cloned()
    };
    let fresh = std::mem::take(&mut draft.fresh);
    let has_control_plane = draft.revision.nodes.values().any(|node| node.control_plane);
    // What the cluster itself needs comes first, as its priority class says. Without a control plane of its own CoreDNS
    // must share the workers: there it waits, for the user's Pods to have the first addresses.
    let critical = |queued: &u64| {
        let class = record(draft, queued).and_then(|pod| pod.spec.priority_class_name.clone());
        match class.as_deref() {
            Some("system-node-critical") => true,
            Some("system-cluster-critical") => has_control_plane,
            _ => false,
        }
    };
    let (first, rest): (Vec<u64>, Vec<u64>) = fresh.into_iter().partition(critical);
    for queued in first.into_iter().chain(rest) {
        let Some(pod) = record(draft, &queued) else { continue };
        if let Some(name) = &pod.spec.node_name {
            admit(draft, &pod, name);
            continue;
        }
        if pod.spec.scheduler_name.as_ref().is_some_and(|name| &**name != "default-scheduler") {
            continue;
        }
        match scheduler.place(draft, &pod) {
            Ok(node) => scheduler.bind(draft, &pod, &node),
            Err(reason) => wait(draft, &pod.key, reason),
        }
    }
}

fn wait(draft: &mut Draft, key: &PodKey, reason: PodReason) {
    if let Some(record) = draft.revision.pods.get_mut(key)
        && record.reason != reason
    {
        Arc::make_mut(record).reason = reason;
    }
}

/// A Pod that names its node goes there past the scheduler; the kubelet takes it or refuses it.
/// Models pkg/kubelet/lifecycle/predicate.go.
fn admit(draft: &mut Draft, pod: &PodRecord, name: &Arc<str>) {
    let Some(node) = draft.revision.nodes.get(&**name).cloned() else {
        return wait(draft, &pod.key, PodReason::NoSuchNode(name.clone()));
    };
    let rejection = if node.pods_count() >= node.pods_max {
        Rejection::TooManyPods { used: node.pods_count(), capacity: node.pods_max }
    } else if !matches_node(&pod.spec, &node) {
        Rejection::Affinity
    } else if !ports_free(&node, &host_ports(&pod.spec)) {
        Rejection::Ports
    } else {
        return draft.bind(&pod.key, &node.name);
    };
    draft.revision.index.pending.remove(&pod.queued);
    draft.change_pod(&pod.key, |record| {
        record.node = Some(node.name.clone());
        (record.phase, record.reason) = (PodPhase::Failed, PodReason::Rejected(rejection));
    });
}

fn ports_free(node: &NodeRecord, wanted: &[HostPort]) -> bool {
    const EVERY: &str = "0.0.0.0";
    wanted.iter().all(|(protocol, port, ip)| {
        let from: HostPort = (*protocol, *port, "".into());
        let mut taken =
            node.host_ports.range(from..).map(|(taken, _)| taken).take_while(|t| (t.0, t.1) == (*protocol, *port));
        !taken.any(|(_, _, other)| other == ip || &**other == EVERY || &**ip == EVERY)
    })
}

/// Nodes that Pods with the same demands may run on, kept for one run of the scheduler.
struct Class {
    demands: Arc<PodSpec>,
    /// (Pods on it, index) of each node that passes.
    order: BTreeSet<(u32, u32)>,
    /// Why the others do not, and how many.
    refused: BTreeMap<Objection, u32>,
}

/// The Pods of one owner, counted by node.
struct Group {
    owner: Uid,
    counts: BTreeMap<u32, u32>,
    /// (Pods of the owner, all Pods, index) of each node of the class, once every node has one of the owner's.
    ranked: Option<BTreeSet<(u32, u32, u32)>>,
    demands: Arc<PodSpec>,
}

struct Scheduler {
    /// The most recently used last.
    classes: Vec<Class>,
    group: Option<Group>,
}

/// How many classes are kept: each must be told of every Pod that is bound.
const CLASSES_MAX: usize = 8;

impl Scheduler {
    /// The best node, or the scheduler's complaint.
    fn place(&mut self, draft: &Draft, pod: &PodRecord) -> Result<Arc<NodeRecord>, PodReason> {
        let ports = host_ports(&pod.spec);
        if let Some(name) = &pod.meant_for {
            return place_on(draft, name, &ports);
        }
        if let Some(node) = home_of_given_ip(draft, pod).filter(|node| fits(node, &ports)) {
            return Ok(node);
        }
        self.use_class(draft, &pod.spec);
        self.use_group(draft, pod);
        let (Some(class), Some(group)) = (self.classes.last(), self.group.as_mut()) else {
            return Err(PodReason::None);
        };
        let node_at = |index: u32| {
            let name = draft.revision.index.node_names.get(&index)?;
            draft.revision.nodes.get(&**name).filter(|node| fits(node, &ports)).cloned()
        };
        if is_cluster_addon(&draft.revision, pod) {
            // kubeadm starts CoreDNS when the first control-plane node is ready, before any worker joins; there it
            // stays. So does it here, and workers' first addresses are left to the user's Pods.
            let found = class.order.iter().filter_map(|(_, index)| node_at(*index)).filter(|node| node.control_plane);
            let spread = found.min_by_key(|node| group.counts.get(&node.index).copied().unwrap_or(0));
            if let Some(node) = spread {
                return Ok(node);
            }
        }
        if group.counts.len() < class.order.len() {
            let free = class.order.iter().filter(|(_, index)| !group.counts.contains_key(index));
            if let Some(node) = free.into_iter().find_map(|(_, index)| node_at(*index)) {
                return Ok(node);
            }
        }
        let ranked = group.ranked.get_or_insert_with(|| {
            let count = |index: &u32| group.counts.get(index).copied().unwrap_or(0);
            class.order.iter().map(|(total, index)| (count(index), *total, *index)).collect()
        });
        let found = ranked.iter().find_map(|(_, _, index)| node_at(*index));
        found.ok_or_else(|| complaint(draft, class, &ports))
    }

    /// Binds the Pod and moves its node to its new place in every order.
    fn bind(&mut self, draft: &mut Draft, pod: &PodRecord, node: &NodeRecord) {
        let (before, index) = (node.pods_count(), node.index);
        draft.bind(&pod.key, &node.name);
        for class in &mut self.classes {
            if class.order.remove(&(before, index)) {
                class.order.insert((before + 1, index));
            }
        }
        let Some(group) = self.group.as_mut() else { return };
        let of_group = pod.owner.as_ref().is_some_and(|owner| owner.uid == group.owner);
        let count = group.counts.get(&index).copied().unwrap_or(0);
        let now = count + u32::from(of_group);
        if of_group {
            group.counts.insert(index, now);
        }
        if let Some(ranked) = &mut group.ranked
            && ranked.remove(&(count, before, index))
        {
            ranked.insert((now, before + 1, index));
        }
    }

    /// Makes the class of these demands the last one.
    fn use_class(&mut self, draft: &Draft, spec: &Arc<PodSpec>) {
        let found = self.classes.iter().position(|class| same_demands(&class.demands, spec));
        let class = match found {
            Some(at) => self.classes.remove(at),
            None => Class::new(draft, spec),
        };
        if self.classes.len() == CLASSES_MAX {
            self.classes.remove(0);
        }
        self.classes.push(class);
    }

    /// Counts the Pods of the owner by node, unless the last Pod had the same owner. A Pod of its own has nothing to
    /// spread from.
    fn use_group(&mut self, draft: &Draft, pod: &PodRecord) {
        let owner = pod.owner.as_ref().map_or(pod.uid, |owner| owner.uid);
        let current = |group: &Group| group.owner == owner && same_demands(&group.demands, &pod.spec);
        if self.group.as_ref().is_some_and(current) {
            return;
        }
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        for other in draft.pods_of(owner) {
            let node = draft.revision.pods.get(&other).and_then(|pod| pod.node.as_ref());
            if let Some(node) = node.and_then(|name| draft.revision.nodes.get(&**name)) {
                *counts.entry(node.index).or_default() += 1;
            }
        }
        self.group = Some(Group { owner, counts, ranked: None, demands: pod.spec.clone() });
    }
}

impl Class {
    fn new(draft: &Draft, spec: &Arc<PodSpec>) -> Class {
        let mut class = Class { demands: spec.clone(), order: BTreeSet::new(), refused: BTreeMap::new() };
        let mut avoided = Vec::new();
        for node in draft.revision.nodes.values() {
            match refusal(spec, node) {
                Some(reason) => *class.refused.entry(reason).or_default() += 1,
                None if intolerable(spec, node, TaintEffect::PreferNoSchedule).is_some() => {
                    avoided.push((node.pods_count(), node.index));
                }
                None => drop(class.order.insert((node.pods_count(), node.index))),
            }
        }
        if class.order.is_empty() {
            class.order.extend(avoided);
        }
        class
    }
}

/// Whether two Pods may run on the same nodes as far as nodes' labels and taints decide it.
fn same_demands(a: &Arc<PodSpec>, b: &Arc<PodSpec>) -> bool {
    Arc::ptr_eq(a, b)
        || (a.node_selector == b.node_selector
            && a.tolerations == b.tolerations
            && a.node_affinity.is_none()
            && b.node_affinity.is_none())
}

fn intolerable<'n>(spec: &PodSpec, node: &'n NodeRecord, effect: TaintEffect) -> Option<&'n Taint> {
    let tolerated = |taint: &Taint| spec.tolerations.iter().any(|toleration| toleration.tolerates(taint));
    node.taints.iter().find(|taint| taint.effect == effect && !tolerated(taint))
}

/// Why a node is out of the question whatever runs on it: what the first plugin objects to.
fn refusal(spec: &PodSpec, node: &NodeRecord) -> Option<Objection> {
    let cordon = "node.kubernetes.io/unschedulable";
    let tolerates_cordon = || {
        let taint = Taint { key: cordon.into(), value: "".into(), effect: TaintEffect::NoSchedule };
        spec.tolerations.iter().any(|toleration| toleration.tolerates(&taint))
    };
    if node.unschedulable && !tolerates_cordon() {
        return Some(Objection::Cordoned);
    }
    let taint = node.taints.iter().find(|taint| {
        taint.effect != TaintEffect::PreferNoSchedule && !spec.tolerations.iter().any(|t| t.tolerates(taint))
    });
    if let Some(taint) = taint {
        return Some(Objection::Taint { key: taint.key.clone(), value: taint.value.clone() });
    }
    (!matches_node(spec, node)).then_some(Objection::Affinity)
}

/// Why a node will not do as it is now; fewer Pods on it would change that.
fn occupied(node: &NodeRecord, ports: &[HostPort]) -> Option<Objection> {
    if !ports_free(node, ports) {
        return Some(Objection::Ports);
    }
    (node.pods_count() >= node.pods_max).then_some(Objection::TooManyPods)
}

fn fits(node: &NodeRecord, ports: &[HostPort]) -> bool {
    occupied(node, ports).is_none()
}

fn place_on(draft: &Draft, name: &str, ports: &[HostPort]) -> Result<Arc<NodeRecord>, PodReason> {
    let Some(node) = draft.revision.nodes.get(name) else { return Err(PodReason::None) };
    let Some(objection) = occupied(node, ports) else { return Ok(node.clone()) };
    let others = draft.revision.nodes.len().saturating_sub(1) as u32;
    let mut refused = BTreeMap::from([(objection, 1)]);
    if others > 0 {
        refused.insert(Objection::MeantForAnother, others);
    }
    Err(PodReason::Unschedulable(Arc::new(refused)))
}

/// A Pod whose address is given belongs on the node whose subnet that is part of.
fn home_of_given_ip(draft: &Draft, pod: &PodRecord) -> Option<Arc<NodeRecord>> {
    if !pod.ip_given {
        return None;
    }
    let ip = super::kubelet::given_ips(draft, &pod.key).first().copied()?;
    let (_, (net, name)) = draft.revision.index.subnets.range(..=ip).next_back()?;
    let node = draft.revision.nodes.get(&**name).filter(|_| net.contains(&ip))?;
    refusal(&pod.spec, node).is_none().then(|| node.clone())
}

/// True for Pods of a Deployment that the cluster brought by itself.
pub(super) fn is_cluster_addon(revision: &Revision, pod: &PodRecord) -> bool {
    let Some(owner) = &pod.owner else { return false };
    if &*pod.key.namespace != "kube-system" {
        return false;
    }
    let replica_set = revision.objects.get(&owner.key);
    let deployment = replica_set.and_then(|object| object.owner.as_ref()).map(|owner| &owner.key);
    let deployment = deployment.and_then(|key: &ObjectKey| revision.objects.get(key));
    deployment.is_some_and(|object| object.provenance == Provenance::Builtin)
}

fn complaint(draft: &Draft, class: &Class, ports: &[HostPort]) -> PodReason {
    let mut objections = class.refused.clone();
    for (_, index) in &class.order {
        let node = draft.revision.index.node_names.get(index).and_then(|name| draft.revision.nodes.get(&**name));
        if let Some(objection) = node.and_then(|node| occupied(node, ports)) {
            *objections.entry(objection).or_default() += 1;
        }
    }
    PodReason::Unschedulable(Arc::new(objections))
}
