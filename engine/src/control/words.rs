//! What is said of Pods in trouble, both when they are applied and for as long as it lasts.

use crate::cluster::{FailingContainer, NodeRecord, PodRecord};
use crate::manifest::typed::RestartPolicy;
use ipnet::IpNet;
use std::net::IpAddr;

/// A Pod's addresses that are not of its node's subnet of their family, and that subnet.
pub fn outside(pod: &PodRecord, node: &NodeRecord) -> Vec<(IpAddr, IpNet)> {
    let mut outside = Vec::new();
    for ip in pod.ips() {
        let subnet = node.pod_cidrs().find(|net| net.addr().is_ipv4() == ip.is_ipv4()).or(node.pod_cidrs().next());
        outside.extend(subnet.filter(|net| !net.contains(&ip)).map(|net| (ip, net)));
    }
    outside
}

/// A given address that is not of the node's subnet.
pub fn address_outside(ip: IpAddr, net: IpNet) -> String {
    format!("the Pod's address {ip} is not in its node's subnet {net}")
}

pub const ADDRESS_OUTSIDE_HINT: &str = "Flannel routes to nodes by their subnets: other nodes will not find this Pod";

/// The containers that the kubelet starts again and again: those that fail, and, under `restartPolicy: Always`, those
/// that end well.
pub fn crash_loops(pod: &PodRecord) -> impl Iterator<Item = &FailingContainer> {
    let always = pod.spec.restart_policy == RestartPolicy::Always;
    pod.failing.iter().filter(move |container| container.exit_status != 0 || always)
}

/// One of them; `among` is nothing, or ` in 3 Pods`.
pub fn crash_loop(container: &FailingContainer, among: &str) -> String {
    match container {
        FailingContainer { exit_status: 0, .. } => {
            format!("the container's command ends at once{among}, and restartPolicy: Always starts it again and again")
        }
        FailingContainer { message, exit_status, .. } if message.is_empty() => {
            format!("the container keeps failing{among}: its command exits with status {exit_status}")
        }
        FailingContainer { message, .. } => format!("the container keeps failing{among}: {message}"),
    }
}

/// What can be done about it, if that is known.
pub fn crash_loop_hint(container: &FailingContainer) -> Option<&'static str> {
    if container.exit_status == 0 {
        return Some(
            "give it a command that keeps running, such as [sleep, infinity]; what is meant to end is a Job's, or a Pod's \
             with restartPolicy: OnFailure",
        );
    }
    let is_taken = container.message.to_lowercase().contains("address already in use");
    is_taken.then_some("containers of one Pod share its ports, and hostNetwork Pods those of their node")
}
