//! kind's `Cluster` and kubeadm's `ClusterConfiguration`.

use ipnet::IpNet;

use super::{labels, network};
use crate::manifest::{
    Diagnostics, Node, Span,
    typed::{KindCluster, KubeadmClusterConfiguration, Role},
};

/// Models sigs.k8s.io/kind pkg/internal/apis/config/validate.go.
pub fn kind_cluster(root: &Node, diagnostics: &mut Diagnostics) {
    let Some(cluster) = KindCluster::project(root, diagnostics) else { return };
    if !cluster.nodes.iter().any(|node| node.role == Role::ControlPlane) {
        let span = root.get("nodes").map_or(root.span, |nodes| nodes.span);
        let added = diagnostics.error("required", span, "must have at least one control-plane node");
        added.hint("add `- role: control-plane`");
    }
    for node in root.get("nodes").map_or(&[][..], Node::items) {
        labels::check_labels(node.get("labels"), diagnostics);
    }
    let networking = cluster.networking;
    let span = networking.pod_subnet_span.or(networking.service_subnet_span);
    disjoint(&networking.pod_subnet, &networking.service_subnet, span.unwrap_or(root.span), diagnostics);
}

pub fn kubeadm(root: &Node, diagnostics: &mut Diagnostics) {
    let Some(configuration) = KubeadmClusterConfiguration::project(root, diagnostics) else { return };
    let pods = configuration.pod_subnet.unwrap_or_default();
    let span = root.get("networking").and_then(|networking| networking.get("podSubnet")).map(|subnet| subnet.span);
    disjoint(&pods, &configuration.service_subnet, span.unwrap_or(configuration.span), diagnostics);
}

fn disjoint(pods: &[IpNet], services: &[IpNet], span: Span, diagnostics: &mut Diagnostics) {
    for pod in pods {
        if let Some(service) = services.iter().find(|service| network::overlap(pod, service)) {
            let message = format!("the Pod subnet {pod} and the Service subnet {service} overlap");
            diagnostics.error("overlap", span, message).hint("give them ranges without a common address");
        }
    }
}
