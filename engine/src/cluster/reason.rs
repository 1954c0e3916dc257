//! Why a Pod does not run, as a value. Its words are those of the component that says so.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Why a Pod does not run, or that nothing is said about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodReason {
    /// It runs, or waits for somebody to look at it.
    #[default]
    None,
    /// The scheduler found no node: how many nodes object to the Pod, by what they object to. Every node does.
    Unschedulable(Arc<BTreeMap<Objection, u32>>),
    /// `spec.nodeName` names no node.
    NoSuchNode(Arc<str>),
    /// The kubelet did not take it.
    Rejected(Rejection),
    /// Its sandbox failed, in the words of the plugin that failed.
    Sandbox(Arc<str>),
    /// A container does not keep running: the last line it printed, which may be empty.
    Failing(Arc<str>),
    Ended {
        well: bool,
    },
}

/// What the scheduler has against a node for a Pod: the first plugin's objection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Objection {
    Cordoned,
    Taint {
        key: Arc<str>,
        value: Arc<str>,
    },
    /// `nodeSelector` or node affinity.
    Affinity,
    /// The Pod is a DaemonSet's and meant for another node.
    MeantForAnother,
    Ports,
    TooManyPods,
}

/// Why the kubelet of the node that a Pod names did not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejection {
    TooManyPods { used: u32, capacity: u32 },
    Affinity,
    Ports,
}

impl PodReason {
    pub fn is_none(&self) -> bool {
        *self == PodReason::None
    }
}

impl Objection {
    /// True if fewer Pods on the node would change it.
    fn is_passing(&self) -> bool {
        matches!(self, Objection::Ports | Objection::TooManyPods)
    }
}

impl Rejection {
    /// `status.reason` of the Pod, and the reason of the event.
    pub fn name(self) -> &'static str {
        match self {
            Rejection::TooManyPods { .. } => "OutOfpods",
            Rejection::Affinity => "NodeAffinity",
            Rejection::Ports => "NodePorts",
        }
    }
}

impl fmt::Display for PodReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PodReason::None => Ok(()),
            PodReason::Unschedulable(nodes) => unschedulable(f, nodes),
            PodReason::NoSuchNode(name) => write!(f, "node {:?} does not exist: no kubelet runs the Pod", &**name),
            PodReason::Rejected(rejection) => write!(f, "Pod was rejected: {rejection}"),
            PodReason::Sandbox(words) | PodReason::Failing(words) => f.write_str(words),
            PodReason::Ended { well } => f.write_str(if *well { "Completed" } else { "Error" }),
        }
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objection::Cordoned => f.write_str("node(s) were unschedulable"),
            Objection::Taint { key, value } => write!(f, "node(s) had untolerated taint {{{key}: {value}}}"),
            Objection::Affinity => f.write_str("node(s) didn't match Pod's node affinity/selector"),
            Objection::MeantForAnother => f.write_str("node(s) didn't satisfy plugin(s) [NodeAffinity]"),
            Objection::Ports => f.write_str("node(s) didn't have free ports for the requested pod ports"),
            Objection::TooManyPods => f.write_str("Too many pods"),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::TooManyPods { used, capacity } => {
                write!(f, "Node didn't have enough resource: pods, requested: 1, used: {used}, capacity: {capacity}")
            }
            Rejection::Affinity => write!(f, "Predicate NodeAffinity failed: {}", Objection::Affinity),
            Rejection::Ports => write!(f, "Predicate NodePorts failed: {}", Objection::Ports),
        }
    }
}

/// Models pkg/scheduler/framework/types.go FitError.Error, with what the PostFilter plugins DynamicResources and
/// DefaultPreemption add.
fn unschedulable(f: &mut fmt::Formatter<'_>, nodes: &BTreeMap<Objection, u32>) -> fmt::Result {
    let count = |passing: bool| -> u32 {
        nodes.iter().filter(|(objection, _)| objection.is_passing() == passing).map(|(_, count)| count).sum()
    };
    let (hopeless, full) = (count(false), count(true));
    let all = hopeless + full;
    if all == 0 {
        return f.write_str("no nodes available to schedule pods");
    }
    let join = |mut reasons: Vec<String>| {
        reasons.sort();
        reasons.join(", ")
    };
    let reasons = join(nodes.iter().map(|(objection, count)| format!("{count} {objection}")).collect());
    let mut preemption = Vec::new();
    if hopeless > 0 {
        preemption.push(format!("{hopeless} Preemption is not helpful for scheduling"));
    }
    if full > 0 {
        preemption.push(format!("{full} No preemption victims found for incoming pod"));
    }
    let preemption = join(preemption);
    write!(
        f,
        "0/{all} nodes are available: {reasons}. no new claims to deallocate, preemption: 0/{all} nodes are \
         available: {preemption}."
    )
}
