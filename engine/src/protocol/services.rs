//! The scene's Services.

use super::{EndpointView, ServicePortView, ServiceView};
use crate::cluster::{Object, ObjectKey, Revision, ServiceRecord, Typed};
use crate::manifest::typed::{IntOrString, SERVICE_NAME, ServiceType};
use std::sync::Arc;

/// Most Services that one scene describes.
const SERVICES_MAX: usize = 400;
/// Most endpoints or Pods that an object's facts name.
const LISTED_MAX: usize = 10;
/// Most endpoints that one Service names.
const ENDPOINTS_MAX: usize = 40;

/// The user's first, in the order of their names.
pub(super) fn services(revision: &Revision) -> Vec<ServiceView> {
    let of = |system: bool| {
        let all = revision.services.values();
        all.filter(move |service| is_system(service) == system).take(SERVICES_MAX)
    };
    // The cluster's own are few.
    let own: Vec<&Arc<ServiceRecord>> = of(true).collect();
    let left = SERVICES_MAX.saturating_sub(own.len());
    of(false).take(left).chain(own).map(|service| service_view(revision, service)).collect()
}

fn is_system(service: &ServiceRecord) -> bool {
    let (namespace, name) = (&*service.key.namespace, &*service.key.name);
    namespace == "kube-system" || (namespace, name) == ("default", "kubernetes")
}

fn service_view(revision: &Revision, service: &ServiceRecord) -> ServiceView {
    let spec = &service.spec;
    let (mut ready_count, mut endpoints_count, mut endpoints) = (0, 0, Vec::new());
    for (_, slice) in revision.slices(&service.key) {
        for endpoint in &slice.endpoints {
            endpoints_count += 1;
            ready_count += u32::from(endpoint.ready);
            if endpoints.len() < ENDPOINTS_MAX {
                endpoints.push(EndpointView {
                    ip: endpoint.addresses.first().map_or_else(String::new, ToString::to_string),
                    place: (endpoint.pod.as_ref())
                        .map_or_else(String::new, |(namespace, name)| format!("pod/{namespace}/{name}")),
                    ready: endpoint.ready,
                });
            }
        }
    }
    let ports = spec.ports.iter().enumerate().map(|(at, port)| ServicePortView {
        name: port.name.as_deref().unwrap_or_default().to_owned(),
        protocol: port.protocol.name().to_owned(),
        port: port.port,
        target: match &port.target_port {
            IntOrString::Int(number) => number.to_string(),
            IntOrString::String(name) => name.to_string(),
        },
        node_port: service.node_ports.get(at).and_then(Option::as_ref).map(|(port, _)| *port),
    });
    let external = spec.external_ips.iter().map(ToString::to_string);
    ServiceView {
        namespace: service.key.namespace.to_string(),
        name: service.key.name.to_string(),
        kind: spec.service_type.name().to_owned(),
        system: is_system(service),
        cluster_ips: service.cluster_ips.iter().map(|(ip, _)| ip.to_string()).collect(),
        ingress: service.ingress.iter().map(|(ip, _)| ip.to_string()).chain(external).collect(),
        external_name: match spec.service_type {
            ServiceType::ExternalName => spec.external_name.as_deref().unwrap_or_default().to_owned(),
            _ => String::new(),
        },
        ports: ports.collect(),
        selector: spec.selector.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        ready_count,
        endpoints_count,
        endpoints,
    }
}

/// What is to be said of a Service, of its slices and Endpoints, and of a StatefulSet.
pub(super) fn facts(object: &Object, revision: &Revision) -> Vec<(&'static str, String)> {
    let (namespace, name) = (&*object.key.namespace, &*object.key.name);
    if object.key.is("Service") {
        let Some(service) = revision.service(namespace, name) else { return Vec::new() };
        return service_facts(&service_view(revision, service));
    }
    if object.key.is("Endpoints") {
        let Some(service) = revision.service(namespace, name) else { return Vec::new() };
        let view = service_view(revision, service);
        return vec![("Service", name.to_owned()), ("Endpoints", endpoints_text(&view))];
    }
    if object.key.is("StatefulSet") {
        let children = revision.children.get(&object.uid);
        let pods =
            children.into_iter().flatten().filter_map(ObjectKey::as_pod).filter_map(|key| revision.pods.get(&key));
        let named = pods.map(|pod| match pod.is_ready() {
            true => pod.key.name.to_string(),
            false => format!("{} (not ready)", pod.key.name),
        });
        return vec![("Pods", listed(named.collect()))];
    }
    let Typed::EndpointSlice(slice) = &object.typed else { return Vec::new() };
    let service = slice.meta.labels.get(SERVICE_NAME).map_or_else(String::new, ToString::to_string);
    let named = slice.endpoints.iter().map(|endpoint| {
        let ip = endpoint.addresses.first().map_or_else(String::new, ToString::to_string);
        let pod = endpoint.pod.as_ref().map_or_else(String::new, |(_, name)| format!(" {name}"));
        format!("{ip}{pod}{}", if endpoint.ready { "" } else { " (not ready)" })
    });
    let ports = slice.ports.iter().filter_map(|port| Some(format!("{}/{}", port.port?, port.protocol.name())));
    vec![
        ("Service", service),
        ("Addresses", slice.address_type.name().to_owned()),
        ("Ports", ports.collect::<Vec<_>>().join(", ")),
        ("Endpoints", listed(named.collect())),
    ]
}

fn service_facts(service: &ServiceView) -> Vec<(&'static str, String)> {
    let headless = service.cluster_ips.is_empty() && service.external_name.is_empty();
    let ports = service.ports.iter().map(|port| {
        let node_port = port.node_port.map_or_else(String::new, |number| format!(", on nodes {number}"));
        format!("{}/{} → {}{node_port}", port.port, port.protocol, port.target)
    });
    vec![
        ("Type", service.kind.clone()),
        ("Cluster IP", if headless { "None".to_owned() } else { service.cluster_ips.join(", ") }),
        ("External name", service.external_name.clone()),
        ("From outside", service.ingress.join(", ")),
        ("Ports", ports.collect::<Vec<_>>().join("; ")),
        ("Selector", service.selector.join(", ")),
        ("Endpoints", if service.external_name.is_empty() { endpoints_text(service) } else { String::new() }),
    ]
}

fn endpoints_text(service: &ServiceView) -> String {
    let named = service.endpoints.iter().map(|endpoint| {
        let pod = endpoint.place.rsplit('/').next().filter(|name| !name.is_empty());
        let pod = pod.map_or_else(String::new, |name| format!(" {name}"));
        format!("{}{pod}{}", endpoint.ip, if endpoint.ready { "" } else { " (not ready)" })
    });
    match service.endpoints_count {
        0 => "none".to_owned(),
        _ => listed(named.collect()),
    }
}

/// A few of them, and how many more there are.
fn listed(mut all: Vec<String>) -> String {
    let left = all.len().saturating_sub(LISTED_MAX);
    all.truncate(LISTED_MAX);
    if left > 0 {
        all.push(format!("and {left} more"));
    }
    all.join(", ")
}
