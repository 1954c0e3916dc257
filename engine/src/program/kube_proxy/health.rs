//! kube-proxy's servers for load balancers' health checks. Models pkg/proxy/healthcheck/service_health.go.

use crate::cluster::{NodeRecord, PodRecord, Revision, ServiceRecord};
use crate::net::Protocol;
use crate::tables::{App, Listener, Origin};
use std::collections::BTreeSet;

/// One socket for each Service with a `healthCheckNodePort`. A stopped kube-proxy keeps them open and answers nothing.
pub fn listeners<'a>(
    revision: &'a Revision,
    node: &'a NodeRecord,
    proxy: &'a PodRecord,
) -> impl Iterator<Item = Listener> + 'a {
    let services = revision.services.values().filter(|service| !service.foreign_proxy);
    services.filter_map(move |service| {
        let (port, origin) = service.health_check_node_port.as_ref()?;
        let app = App::ServiceHealth {
            namespace: service.key.namespace.clone(),
            name: service.key.name.clone(),
            local_endpoints: local_endpoints(revision, service, node),
        };
        Some(Listener {
            protocol: Protocol::Tcp,
            ip: None,
            port: *port,
            app: if proxy.frozen { App::Silent } else { app },
            process: "kube-proxy".into(),
            origin: Origin::clone(origin),
        })
    })
}

/// How many ready endpoints the node has.
fn local_endpoints(revision: &Revision, service: &ServiceRecord, node: &NodeRecord) -> u32 {
    let endpoints = revision.slices(&service.key).flat_map(|(_, slice)| &slice.endpoints);
    let local = endpoints.filter(|endpoint| endpoint.ready && endpoint.node_name.as_deref() == Some(&*node.name));
    let addresses: BTreeSet<_> = local.filter_map(|endpoint| endpoint.addresses.first()).collect();
    addresses.len() as u32
}
