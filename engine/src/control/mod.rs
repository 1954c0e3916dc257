//! The controllers: they turn what the objects ask for into nodes with subnets and Pods with addresses.
//!
//! [`settle`] takes one piece of work after the other from the draft until none is left. Every controller looks only at
//! what changed, so an edit costs what it touches, not the size of the cluster.

mod addresses;
mod builtin;
mod calico;
mod calico_network;
mod cilium;
mod cilium_network;
mod containers;
pub mod coredns;
mod daemonset;
mod deployment;
mod endpoints;
mod hints;
mod kubelet;
mod network;
mod nodes;
mod readiness;
mod replicaset;
pub mod resolv;
mod scheduler;
mod services;
mod statefulset;
mod validate;
pub mod words;

#[cfg(test)]
mod tests;

use crate::cluster::{Cluster, Draft, Options, Work};
use crate::manifest::Span;

/// The most Pods, nodes and replicas a cluster may have here; Kubernetes' own stated limits are below these.
pub const PODS_MAX: usize = 200_000;
pub const NODES_MAX: usize = 10_000;

/// How many pieces of work one change may cause before it is taken as endless.
const STEPS_MAX: u32 = 2_000_000;

/// A store with these controllers, holding what a cluster has by itself.
pub fn start(options: Options) -> Cluster {
    Cluster::new(options, settle)
}

/// Runs the controllers until nothing is left to do, then checks what no single object can know.
pub fn settle(draft: &mut Draft) {
    for _ in 0..STEPS_MAX {
        let Some(work) = draft.work.pop_first() else {
            validate::check(draft);
            return;
        };
        match work {
            Work::Network => network::reconcile(draft),
            Work::Builtin => builtin::reconcile(draft),
            Work::Nodes => nodes::reconcile(draft),
            Work::Namespaces => builtin::reconcile_namespaces(draft),
            Work::Services => services::reconcile(draft),
            Work::Endpoints => endpoints::reconcile(draft),
            Work::Deployment(key) => deployment::reconcile(draft, &key),
            Work::Rollout(key) => deployment::roll_out(draft, &key),
            Work::DaemonSet(key) => daemonset::reconcile(draft, &key),
            Work::StatefulSet(key) => statefulset::reconcile(draft, &key),
            Work::ReplicaSet(key) => replicaset::reconcile(draft, &key),
            Work::Schedule => scheduler::reconcile(draft),
            Work::Sandboxes => kubelet::reconcile(draft),
            Work::CoreDns => coredns::reconcile(draft),
        }
        if draft.diagnostics.errors() > 0 {
            return;
        }
    }
    draft.diagnostics.error("unsettled", Span::default(), "the controllers undo each other's work without end");
}
