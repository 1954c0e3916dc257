//! Services.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{IntOrString, ObjectMeta, Protocol, reader};
use crate::manifest::{Diagnostics, Node, Span};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceType {
    #[default]
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalName,
}

impl ServiceType {
    /// As Kubernetes writes it: `ClusterIP`.
    pub fn name(self) -> &'static str {
        match self {
            ServiceType::ClusterIp => "ClusterIP",
            ServiceType::NodePort => "NodePort",
            ServiceType::LoadBalancer => "LoadBalancer",
            ServiceType::ExternalName => "ExternalName",
        }
    }
}

/// `internalTrafficPolicy` or `externalTrafficPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrafficPolicy {
    #[default]
    Cluster,
    Local,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub meta: ObjectMeta,
    pub service_type: ServiceType,
    /// `spec.clusterIP`: an address, `None` for a headless Service, or absent.
    pub cluster_ip: Option<Arc<str>>,
    pub cluster_ips: Vec<Arc<str>>,
    /// Empty: the Service selects no Pods.
    pub selector: BTreeMap<Arc<str>, Arc<str>>,
    pub ports: Vec<ServicePort>,
    pub external_name: Option<Arc<str>>,
    pub external_ips: Vec<Arc<str>>,
    pub external_traffic_policy: TrafficPolicy,
    pub internal_traffic_policy: TrafficPolicy,
    /// In seconds, if `sessionAffinity` is `ClientIP`.
    pub session_affinity: Option<u32>,
    pub publish_not_ready_addresses: bool,
    pub ip_families: Vec<Arc<str>>,
    pub ip_family_policy: Option<Arc<str>>,
    pub load_balancer_source_ranges: Vec<Arc<str>>,
    pub allocate_load_balancer_node_ports: bool,
    pub health_check_node_port: Option<u16>,
    pub traffic_distribution: Option<Arc<str>>,
    /// `spec.loadBalancerIP`
    pub load_balancer_ip: Option<IpAddr>,
    /// `status.loadBalancer.ingress[].ip`
    pub ingress_ips: Vec<Arc<str>>,
    pub span: Span,
}

/// One of a Service's `ports`.
#[derive(Clone, Debug, PartialEq)]
pub struct ServicePort {
    pub name: Option<Arc<str>>,
    pub protocol: Protocol,
    pub port: u16,
    /// The same as `port` unless said otherwise.
    pub target_port: IntOrString,
    pub node_port: Option<u16>,
    pub app_protocol: Option<Arc<str>>,
    /// Where `port` stands.
    pub span: Span,
}

impl Service {
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<Service> {
        let d = diagnostics;
        if !reader::is_object(root, d) {
            return None;
        }
        let spec = reader::object(root, "spec", d).unwrap_or(root);
        Some(Service {
            meta: ObjectMeta::project(root, d),
            service_type: service_type(spec, d),
            cluster_ip: reader::text(spec, "clusterIP", d).filter(|ip| !ip.is_empty()),
            cluster_ips: reader::texts(spec, "clusterIPs", d),
            selector: reader::text_map(spec, "selector", d),
            ports: ServicePort::project_all(spec, d),
            external_name: reader::text(spec, "externalName", d),
            external_ips: reader::texts(spec, "externalIPs", d),
            external_traffic_policy: traffic_policy(spec, "externalTrafficPolicy", d),
            internal_traffic_policy: traffic_policy(spec, "internalTrafficPolicy", d),
            session_affinity: session_affinity(spec, d),
            publish_not_ready_addresses: reader::boolean(spec, "publishNotReadyAddresses", d).unwrap_or(false),
            ip_families: reader::texts(spec, "ipFamilies", d),
            ip_family_policy: reader::text(spec, "ipFamilyPolicy", d),
            load_balancer_source_ranges: reader::texts(spec, "loadBalancerSourceRanges", d),
            allocate_load_balancer_node_ports: reader::boolean(spec, "allocateLoadBalancerNodePorts", d)
                .unwrap_or(true),
            health_check_node_port: match reader::int(spec, "healthCheckNodePort", d) {
                Some(0) | None => None,
                Some(_) => reader::port(spec, "healthCheckNodePort", d),
            },
            traffic_distribution: reader::text(spec, "trafficDistribution", d),
            load_balancer_ip: reader::ip(spec, "loadBalancerIP", d),
            ingress_ips: ingress_ips(root, d),
            span: spec.span,
        })
    }

    /// `clusterIP: None`.
    pub fn is_headless(&self) -> bool {
        self.cluster_ip.as_deref() == Some("None")
    }
}

fn service_type(spec: &Node, d: &mut Diagnostics) -> ServiceType {
    match reader::choice(spec, "type", &["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"], d) {
        Some(1) => ServiceType::NodePort,
        Some(2) => ServiceType::LoadBalancer,
        Some(3) => ServiceType::ExternalName,
        _ => ServiceType::ClusterIp,
    }
}

fn traffic_policy(spec: &Node, name: &str, d: &mut Diagnostics) -> TrafficPolicy {
    match reader::choice(spec, name, &["Cluster", "Local"], d) {
        Some(1) => TrafficPolicy::Local,
        _ => TrafficPolicy::Cluster,
    }
}

fn session_affinity(spec: &Node, d: &mut Diagnostics) -> Option<u32> {
    if reader::choice(spec, "sessionAffinity", &["None", "ClientIP"], d) != Some(1) {
        return None;
    }
    let config = reader::object(spec, "sessionAffinityConfig", d);
    let client_ip = config.and_then(|config| reader::object(config, "clientIP", d));
    Some(client_ip.and_then(|client_ip| reader::count(client_ip, "timeoutSeconds", d)).unwrap_or(10_800))
}

fn ingress_ips(root: &Node, d: &mut Diagnostics) -> Vec<Arc<str>> {
    let status = reader::object(root, "status", d);
    let Some(balancer) = status.and_then(|status| reader::object(status, "loadBalancer", d)) else { return Vec::new() };
    let ingress = reader::objects(balancer, "ingress", d);
    ingress.into_iter().filter_map(|node| reader::text(node, "ip", d)).collect()
}

impl ServicePort {
    fn project_all(spec: &Node, d: &mut Diagnostics) -> Vec<ServicePort> {
        let ports = reader::objects(spec, "ports", d);
        let project = |node: &Node| {
            if reader::field(node, "port").is_none() {
                d.error("required", node.span, "Required value: port");
            }
            let port = reader::port(node, "port", d)?;
            let target_port = reader::int_or_string(node, "targetPort", d);
            let node_port = match reader::int(node, "nodePort", d) {
                Some(0) | None => None,
                Some(_) => reader::port(node, "nodePort", d),
            };
            Some(ServicePort {
                name: reader::text(node, "name", d).filter(|name| !name.is_empty()),
                protocol: reader::protocol(node, d),
                port,
                target_port: target_port.unwrap_or(IntOrString::Int(i64::from(port))),
                node_port,
                app_protocol: reader::text(node, "appProtocol", d),
                span: reader::span_of(node, "port"),
            })
        };
        ports.into_iter().filter_map(project).collect()
    }
}
