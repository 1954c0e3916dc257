//! EndpointSlices, `discovery.k8s.io/v1`.

use std::{net::IpAddr, sync::Arc};

use super::{ObjectMeta, Protocol, reader};
use crate::manifest::{Diagnostics, Node, Span};

/// The label by which a slice says whose endpoints it has.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressType {
    Ipv4,
    Ipv6,
    /// Addresses are names; nothing programs them.
    Fqdn,
}

impl AddressType {
    /// As Kubernetes writes it: `IPv4`.
    pub fn name(self) -> &'static str {
        match self {
            AddressType::Ipv4 => "IPv4",
            AddressType::Ipv6 => "IPv6",
            AddressType::Fqdn => "FQDN",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct EndpointSlice {
    pub meta: ObjectMeta,
    pub address_type: AddressType,
    pub ports: Vec<EndpointPort>,
    pub endpoints: Vec<Endpoint>,
}

/// One of a slice's `ports`. No port number: every port (of no use to a proxy).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointPort {
    pub name: Option<Arc<str>>,
    pub protocol: Protocol,
    pub port: Option<u16>,
    pub app_protocol: Option<Arc<str>>,
}

/// One of a slice's `endpoints`, conditions defaulted as consumers must take them.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    pub addresses: Vec<IpAddr>,
    /// True if not said.
    pub ready: bool,
    /// The same as `ready` if not said.
    pub serving: bool,
    pub terminating: bool,
    pub hostname: Option<Arc<str>>,
    pub node_name: Option<Arc<str>>,
    pub zone: Option<Arc<str>>,
    /// `hints.forZones[].name`
    pub for_zones: Vec<Arc<str>>,
    /// `hints.forNodes[].name`
    pub for_nodes: Vec<Arc<str>>,
    /// Namespace and name of the Pod behind it.
    pub pod: Option<(Arc<str>, Arc<str>)>,
    pub span: Span,
}

impl EndpointSlice {
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<EndpointSlice> {
        let d = diagnostics;
        if !reader::is_object(root, d) {
            return None;
        }
        let address_type = match reader::choice(root, "addressType", &["IPv4", "IPv6", "FQDN"], d) {
            Some(1) => AddressType::Ipv6,
            Some(2) => AddressType::Fqdn,
            _ => AddressType::Ipv4,
        };
        let ports = reader::objects(root, "ports", d).into_iter().map(|node| port(node, d)).collect();
        let endpoints = reader::objects(root, "endpoints", d);
        Some(EndpointSlice {
            meta: ObjectMeta::project(root, d),
            address_type,
            ports,
            endpoints: endpoints.into_iter().map(|node| endpoint(node, address_type, d)).collect(),
        })
    }

    /// The `ports` of an object that lists them as a slice does; what is wrong with them is left out.
    pub fn ports_of(node: &Node) -> Vec<EndpointPort> {
        let mut unsaid = Diagnostics::default();
        reader::objects(node, "ports", &mut unsaid).into_iter().map(|node| port(node, &mut unsaid)).collect()
    }

    /// The Service that its endpoints belong to.
    pub fn service(&self) -> Option<&Arc<str>> {
        self.meta.labels.get(SERVICE_NAME).filter(|name| !name.is_empty())
    }
}

fn port(node: &Node, d: &mut Diagnostics) -> EndpointPort {
    EndpointPort {
        name: reader::text(node, "name", d).filter(|name| !name.is_empty()),
        protocol: reader::protocol(node, d),
        port: reader::field(node, "port").and_then(|_| reader::port(node, "port", d)),
        app_protocol: reader::text(node, "appProtocol", d),
    }
}

fn endpoint(node: &Node, address_type: AddressType, d: &mut Diagnostics) -> Endpoint {
    let conditions = reader::object(node, "conditions", d);
    let mut condition = |name| conditions.and_then(|conditions| reader::boolean(conditions, name, d));
    let ready = condition("ready").unwrap_or(true);
    let (serving, terminating) = (condition("serving"), condition("terminating").unwrap_or(false));
    let mut addresses = Vec::new();
    for item in reader::items(node, "addresses", d) {
        let Some(text) = reader::string(item, d) else { continue };
        if address_type != AddressType::Fqdn {
            addresses.extend(crate::manifest::validate::network::read_ip(&text, item.span, d));
        }
    }
    let hints = reader::object(node, "hints", d);
    let mut names = |list| {
        let hints: Vec<&Node> = hints.map(|hints| reader::objects(hints, list, d)).unwrap_or_default();
        hints.into_iter().filter_map(|hint| reader::text(hint, "name", d)).collect()
    };
    let (for_zones, for_nodes) = (names("forZones"), names("forNodes"));
    let target = reader::object(node, "targetRef", d);
    let pod = target
        .filter(|target| target.get("kind").and_then(Node::as_str) == Some("Pod"))
        .and_then(|target| Some((reader::text(target, "namespace", d)?, reader::text(target, "name", d)?)));
    Endpoint {
        addresses,
        ready,
        serving: serving.unwrap_or(ready),
        terminating,
        hostname: reader::text(node, "hostname", d).filter(|name| !name.is_empty()),
        node_name: reader::text(node, "nodeName", d).filter(|name| !name.is_empty()),
        zone: reader::text(node, "zone", d).filter(|name| !name.is_empty()),
        for_zones,
        for_nodes,
        pod,
        span: node.span,
    }
}
