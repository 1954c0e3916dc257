//! What no single object can know: addresses given twice or out of place, Pods that cannot run.

use super::kubelet::given_ips;
use super::words;
use crate::cluster::{Draft, NetnsOwner, Object, PodPhase, Provenance, Typed};
use std::sync::Arc;

/// Checks the objects that were submitted, once everything has settled.
pub fn check(draft: &mut Draft) {
    for key in std::mem::take(&mut draft.submitted) {
        let Some(object) = draft.revision.objects.get(&key).cloned() else { continue };
        if let (Typed::ConfigMap(config), false) = (&object.typed, object.provenance == Provenance::Builtin) {
            super::coredns::check(draft, &key, config);
        }
        if object.provenance != Provenance::Builtin && key.is("Pod") {
            check_pod(draft, &object);
        }
    }
}

fn check_pod(draft: &mut Draft, object: &Arc<Object>) {
    let Some(key) = object.key.as_pod() else { return };
    let Some(pod) = draft.revision.pods.get(&key).cloned() else { return };
    let span = |path: &str| object.written().at(path).span;
    let unwired = pod.ip_given && pod.netns.is_none() && pod.node.is_some();
    for ip in if unwired { given_ips(draft, &key) } else { Vec::new() } {
        let holder = draft.revision.netns_of_ip(ip).and_then(|holder| draft.revision.netns.get(&holder)).cloned();
        let other = match holder {
            Some(NetnsOwner::Pod(other)) if other != key => format!("Pod {other}"),
            Some(NetnsOwner::Node(other)) => format!("node {other}"),
            _ => String::new(),
        };
        if !other.is_empty() {
            let message = format!("the address {ip} is already that of {other}");
            draft
                .diagnostics
                .error("address-twice", span("status.podIP"), message)
                .hint("give one of them another address, or none");
            return;
        }
    }
    let node = pod.node.as_ref().and_then(|name| draft.revision.nodes.get(&**name)).cloned();
    let by_subnets = pod.ip_given && draft.revision.network.cni.flannel().is_some();
    for (ip, net) in node.iter().filter(|_| by_subnets).flat_map(|node| words::outside(&pod, node)) {
        let message = words::address_outside(ip, net);
        let problem = draft.diagnostics.warning("address-outside", span("status.podIP"), message);
        problem.hint(words::ADDRESS_OUTSIDE_HINT);
    }
    let waits = matches!(pod.phase, PodPhase::Pending | PodPhase::ContainerCreating | PodPhase::Failed);
    if waits && !pod.reason.is_none() {
        let path = if pod.spec.node_name.is_some() { "spec.nodeName" } else { "metadata.name" };
        let message = format!("the Pod does not run: {}", pod.reason);
        draft.diagnostics.warning("not-running", span(path), message);
    }
    for container in words::crash_loops(&pod) {
        let path = format!("spec.containers[{}].image", container.index);
        let problem = draft.diagnostics.warning("crash-loop", span(&path), words::crash_loop(container, ""));
        if let Some(hint) = words::crash_loop_hint(container) {
            problem.hint(hint);
        }
    }
}
