//! EndpointSlices that a controller made, as the API server returns them.

use super::build::{boolean, int, list, map, set, text};
use crate::cluster::{Object, Typed};
use crate::manifest::Node;
use crate::manifest::typed::{AddressType, Endpoint, EndpointPort, EndpointSlice};
use std::sync::Arc;

/// The tree of an object that has none of its own, without what [`super::api_object`] adds.
pub fn made(object: &Object) -> Node {
    let mut root = map([
        ("apiVersion", text(&object.api_version)),
        ("kind", text(&*object.key.kind)),
        ("metadata", map([("name", text(&object.key.name)), ("namespace", text(&object.key.namespace))])),
    ]);
    if let Typed::EndpointSlice(slice) = &object.typed {
        complete(slice, &mut root);
    }
    root
}

fn complete(slice: &EndpointSlice, root: &mut Node) {
    set(root, "addressType", text(slice.address_type.name()));
    set(root, "endpoints", list(slice.endpoints.iter().map(|endpoint| self::endpoint(slice, endpoint)).collect()));
    set(root, "ports", list(slice.ports.iter().map(port).collect()));
}

fn endpoint(slice: &EndpointSlice, endpoint: &Endpoint) -> Node {
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
        let target = map([("kind", text("Pod")), ("name", text(name)), ("namespace", text(namespace))]);
        set(&mut node, "targetRef", target);
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
