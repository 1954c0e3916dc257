//! EndpointSlices and Endpoints that a controller made, as the API server returns them.

use super::build::{boolean, int, list, map, remove, set, text};
use crate::cluster::{Object, Revision, Typed};
use crate::manifest::Node;
use crate::manifest::typed::{AddressType, Endpoint, EndpointPort, EndpointSlice};
use std::sync::Arc;

/// The tree of an object that has none of its own, without what [`super::api_object`] adds.
pub fn made(object: &Object, revision: &Revision) -> Node {
    let mut root = map([
        ("apiVersion", text(&object.api_version)),
        ("kind", text(&*object.key.kind)),
        ("metadata", map([("name", text(&object.key.name)), ("namespace", text(&object.key.namespace))])),
    ]);
    match &object.typed {
        Typed::EndpointSlice(slice) => complete(slice, revision, &mut root),
        _ if object.key.is("Endpoints") => set(&mut root, "subsets", subsets(object, revision)),
        _ => {}
    }
    root
}

/// What the older API makes of a Service's slices: addresses that have the same ports, the ready and the others apart.
/// Models pkg/controller/endpoint.
fn subsets(object: &Object, revision: &Revision) -> Node {
    let mut subsets = Vec::new();
    for (_, slice) in revision.slices(&object.key.as_named()) {
        let address = |endpoint: &Endpoint| {
            let mut address =
                map([("ip", text(endpoint.addresses.first().map_or(String::new(), |ip| ip.to_string())))]);
            if let Some(hostname) = &endpoint.hostname {
                set(&mut address, "hostname", text(hostname));
            }
            if let Some(node) = &endpoint.node_name {
                set(&mut address, "nodeName", text(node));
            }
            if let Some((namespace, name)) = &endpoint.pod {
                set(&mut address, "targetRef", pod_reference(revision, namespace, name));
            }
            address
        };
        // Models pkg/api/v1/endpoints RepackSubsets: in the order of the addresses.
        let mut endpoints: Vec<&Endpoint> = slice.endpoints.iter().collect();
        endpoints.sort_by_key(|endpoint| endpoint.addresses.first().copied());
        let pick = |ready: bool| -> Vec<Node> {
            endpoints.iter().filter(|endpoint| endpoint.ready == ready).map(|endpoint| address(endpoint)).collect()
        };
        let (ready, unready) = (pick(true), pick(false));
        if ready.is_empty() && unready.is_empty() {
            continue;
        }
        let mut subset = map([]);
        for (field, addresses) in [("addresses", ready), ("notReadyAddresses", unready)] {
            if !addresses.is_empty() {
                set(&mut subset, field, list(addresses));
            }
        }
        if !slice.ports.is_empty() {
            set(&mut subset, "ports", list(slice.ports.iter().map(endpoints_port).collect()));
        }
        subsets.push(subset);
    }
    list(subsets)
}

/// The older API leaves out an empty name.
fn endpoints_port(port: &EndpointPort) -> Node {
    let mut node = self::port(port);
    if port.name.as_deref().unwrap_or("").is_empty() {
        remove(&mut node, "name");
    }
    node
}

fn pod_reference(revision: &Revision, namespace: &str, name: &str) -> Node {
    let mut reference = map([("kind", text("Pod")), ("name", text(name)), ("namespace", text(namespace))]);
    if let Some(pod) = revision.pod(namespace, name) {
        set(&mut reference, "uid", text(pod.uid.to_string()));
    }
    reference
}

fn complete(slice: &EndpointSlice, revision: &Revision, root: &mut Node) {
    set(root, "addressType", text(slice.address_type.name()));
    let endpoints = slice.endpoints.iter().map(|endpoint| self::endpoint(slice, revision, endpoint));
    set(root, "endpoints", list(endpoints.collect()));
    set(root, "ports", list(slice.ports.iter().map(port).collect()));
}

fn endpoint(slice: &EndpointSlice, revision: &Revision, endpoint: &Endpoint) -> Node {
    debug_assert!(slice.address_type != AddressType::Fqdn, "no controller makes one of names");
    let addresses = endpoint.addresses.iter().map(|ip| text(ip.to_string())).collect();
    let mut node = map([
        ("addresses", list(addresses)),
        (
            "conditions",
            map([
                ("ready", boolean(endpoint.ready)),
                ("serving", boolean(endpoint.serving)),
                ("terminating", boolean(endpoint.terminating)),
            ]),
        ),
    ]);
    let named = |names: &[Arc<str>]| list(names.iter().map(|name| map([("name", text(name))])).collect());
    let mut hints = map([]);
    for (field, names) in [("forZones", &endpoint.for_zones), ("forNodes", &endpoint.for_nodes)] {
        if !names.is_empty() {
            set(&mut hints, field, named(names));
        }
    }
    if !hints.entries().is_empty() {
        set(&mut node, "hints", hints);
    }
    for (field, value) in
        [("hostname", &endpoint.hostname), ("nodeName", &endpoint.node_name), ("zone", &endpoint.zone)]
    {
        if let Some(value) = value {
            set(&mut node, field, text(value));
        }
    }
    if let Some((namespace, name)) = &endpoint.pod {
        set(&mut node, "targetRef", pod_reference(revision, namespace, name));
    }
    node
}

fn port(port: &EndpointPort) -> Node {
    let mut node = map([("name", text(port.name.as_deref().unwrap_or(""))), ("protocol", text(port.protocol.name()))]);
    if let Some(number) = port.port {
        set(&mut node, "port", int(number));
    }
    if let Some(protocol) = &port.app_protocol {
        set(&mut node, "appProtocol", text(protocol));
    }
    node
}
