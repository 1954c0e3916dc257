//! Topology hints: which zones or nodes an endpoint is meant for.
//!
//! Models staging/src/k8s.io/endpointslice/trafficdist and topologycache of Kubernetes 1.34.

use crate::cluster::{Draft, ServiceRecord};
use crate::manifest::typed::Endpoint;

/// Fills in `hints` as `trafficDistribution` wants it: with `PreferSameZone` (once `PreferClose`) each endpoint is for its
/// own zone, with `PreferSameNode` for its own node as well.
pub fn add(_draft: &Draft, service: &ServiceRecord, endpoints: &mut [Endpoint]) {
    let Some(distribution) = service.spec.traffic_distribution.as_deref() else { return };
    let same_node = distribution == "PreferSameNode";
    if !same_node && !matches!(distribution, "PreferClose" | "PreferSameZone") {
        return;
    }
    for endpoint in endpoints.iter_mut().filter(|endpoint| endpoint.ready && !endpoint.terminating) {
        endpoint.for_zones = endpoint.zone.iter().cloned().collect();
        if same_node {
            endpoint.for_nodes = endpoint.node_name.iter().cloned().collect();
        }
    }
}
