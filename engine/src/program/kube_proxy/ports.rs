//! Service ports and their endpoints as one node sees them.

use super::Proxy;
use crate::cluster::ServiceRecord;
use crate::manifest::typed::{AddressType, DetectLocal, Endpoint, EndpointSlice, ServiceType, TrafficPolicy};
use crate::net::{Family, Protocol};
use crate::tables::Origin;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// One port of one Service in one family. Models pkg/proxy/serviceport.go BaseServicePortInfo.
#[derive(Clone, Debug)]
pub struct ServicePort<'a> {
    pub service: &'a ServiceRecord,
    /// Its place in `spec.ports`.
    pub index: usize,
    /// `ns/name:port`, without the colon for an unnamed port.
    pub name: Arc<str>,
    pub protocol: Protocol,
    pub port: u16,
    pub cluster_ip: IpAddr,
    pub node_port: Option<u16>,
    pub external_ips: Vec<IpAddr>,
    pub balancer_ips: Vec<IpAddr>,
    pub source_ranges: Vec<IpNet>,
    /// In seconds.
    pub affinity: Option<u32>,
    pub internal_local: bool,
    pub external_local: bool,
    pub health_check_node_port: Option<u16>,
}

/// An endpoint of one port.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    pub address: SocketAddr,
    /// As kube-proxy writes it, and sorts by it.
    pub text: Arc<str>,
    pub ready: bool,
    pub serving: bool,
    pub terminating: bool,
    pub local: bool,
    pub for_this_zone: Option<bool>,
    pub for_this_node: Option<bool>,
    pub origin: Origin,
}

/// Which endpoints a port uses on this node. Models pkg/proxy/topology.go CategorizeEndpoints.
#[derive(Clone, Debug, Default)]
pub struct Usable {
    /// With policy Cluster.
    pub cluster: Vec<Backend>,
    /// With policy Local.
    pub local: Vec<Backend>,
    /// Either of them.
    pub all: Vec<Backend>,
    /// True if the Service has endpoints somewhere, if not for this node.
    pub any: bool,
}

/// A Service's ports that kube-proxy serves in this family. Headless Services and ExternalNames have none, nor has what
/// another proxy is asked to serve.
pub fn service_ports(service: &ServiceRecord, family: Family) -> impl Iterator<Item = ServicePort<'_>> {
    let skipped = service.spec.service_type == ServiceType::ExternalName || service.foreign_proxy;
    let ip = service.cluster_ips.iter().map(|(ip, _)| *ip).find(|ip| Family::of(*ip) == family);
    let served = ip.filter(|_| !skipped).into_iter();
    served.flat_map(move |ip| (0..service.spec.ports.len()).map(move |index| ServicePort::new(service, index, ip)))
}

impl<'a> ServicePort<'a> {
    fn new(service: &'a ServiceRecord, index: usize, cluster_ip: IpAddr) -> ServicePort<'a> {
        let (spec, port) = (&service.spec, &service.spec.ports[index]);
        let family = Family::of(cluster_ip);
        let same = |ip: &IpAddr| Family::of(*ip) == family;
        let name = match &port.name {
            Some(name) => format!("{}:{name}", service.key),
            None => service.key.to_string(),
        };
        let external = spec.service_type != ServiceType::ClusterIp || !spec.external_ips.is_empty();
        ServicePort {
            service,
            index,
            name: name.into(),
            protocol: port.protocol,
            port: port.port,
            cluster_ip,
            node_port: service.node_ports.get(index).and_then(|port| port.as_ref().map(|(port, _)| *port)),
            external_ips: spec.external_ips.iter().filter_map(|ip| ip.parse().ok()).filter(same).collect(),
            balancer_ips: service.ingress.iter().map(|(ip, _)| *ip).filter(same).collect(),
            source_ranges: (spec.load_balancer_source_ranges.iter())
                .filter_map(|range| range.trim().parse::<IpNet>().ok())
                .filter(|net| Family::of(net.addr()) == family)
                .map(|net| net.trunc())
                .collect(),
            affinity: spec.session_affinity,
            internal_local: spec.internal_traffic_policy == TrafficPolicy::Local,
            external_local: external && spec.external_traffic_policy == TrafficPolicy::Local,
            health_check_node_port: service.health_check_node_port.as_ref().map(|(port, _)| *port),
        }
    }

    /// Reached by a node port, a load balancer or an external address.
    pub fn externally_accessible(&self) -> bool {
        self.node_port.is_some() || !self.balancer_ips.is_empty() || !self.external_ips.is_empty()
    }

    /// With policy Local for external traffic, the node's own Pods still go to every endpoint.
    pub fn uses_cluster(&self) -> bool {
        !self.internal_local || self.externally_accessible()
    }

    pub fn uses_local(&self) -> bool {
        self.internal_local || (self.external_local && self.externally_accessible())
    }

    /// The field of the Service that a row is about.
    pub fn origin(&self, field: &str) -> Origin {
        let path = if field.is_empty() {
            format!("spec.ports[{}]", self.index)
        } else if let Some(field) = field.strip_prefix('.') {
            format!("spec.ports[{}].{field}", self.index)
        } else {
            format!("spec.{field}")
        };
        Origin::Object { uid: self.service.uid, path: path.into() }
    }

    /// All endpoints of the port, by address.
    pub fn backends(&self, proxy: &Proxy<'_>) -> Vec<Backend> {
        let family = Family::of(self.cluster_ip);
        let wanted = if family == Family::V4 { AddressType::Ipv4 } else { AddressType::Ipv6 };
        let port_name = self.service.spec.ports[self.index].name.as_deref().unwrap_or("");
        let mut backends = Vec::new();
        for (uid, slice) in proxy.revision.slices(&self.service.key).filter(|(_, slice)| slice.address_type == wanted) {
            let ports = slice.ports.iter().filter(|port| port.protocol == self.protocol);
            let mut named = ports.filter(|port| port.name.as_deref().unwrap_or("") == port_name);
            let Some(number) = named.find_map(|port| port.port) else { continue };
            for (at, endpoint) in slice.endpoints.iter().enumerate() {
                let Some(ip) = endpoint.addresses.first() else { continue };
                let origin = match &endpoint.pod {
                    // The selector chose the Pod; a given slice names the address itself.
                    Some(_) if !self.service.spec.selector.is_empty() => self.origin("selector"),
                    _ => Origin::Object { uid, path: format!("endpoints[{at}].addresses[0]").into() },
                };
                backends.push(Backend::new(proxy, endpoint, SocketAddr::new(*ip, number), origin));
            }
        }
        backends.sort_by(|a, b| a.text.cmp(&b.text));
        backends.dedup_by(|a, b| a.address == b.address);
        backends
    }

    /// How many endpoints the port has in all, ready or not.
    pub fn endpoints_count(&self, proxy: &Proxy<'_>) -> usize {
        let v4 = self.cluster_ip.is_ipv4();
        let same = |slice: &EndpointSlice| (slice.address_type == AddressType::Ipv4) == v4;
        let slices = proxy.revision.slices(&self.service.key).filter(|(_, slice)| same(slice));
        slices.map(|(_, slice)| slice.endpoints.len()).sum()
    }

    /// The endpoints that this node uses.
    pub fn usable(&self, proxy: &Proxy<'_>) -> Usable {
        let all = self.backends(proxy);
        let pick = |wanted: &dyn Fn(&Backend) -> bool| all.iter().filter(|b| wanted(b)).cloned().collect::<Vec<_>>();
        let lingers = |backend: &Backend| backend.serving && backend.terminating;
        let mut usable = Usable::default();
        let topology = topology(&all);
        if self.uses_cluster() {
            usable.cluster = pick(&|backend| backend.ready && topology.admits(backend));
            if usable.cluster.is_empty() {
                usable.cluster = pick(&lingers);
            }
            usable.any = !usable.cluster.is_empty();
        }
        if !self.uses_local() {
            usable.all = usable.cluster.clone();
            return usable;
        }
        usable.any |= all.iter().any(|backend| backend.ready || lingers(backend));
        usable.local = pick(&|backend| backend.local && backend.ready);
        if usable.local.is_empty() {
            usable.local = pick(&|backend| backend.local && lingers(backend));
        }
        usable.all = usable.cluster.clone();
        usable.all.extend(usable.local.iter().filter(|backend| !usable.cluster.contains(backend)).cloned());
        usable
    }

    /// Whether what is written for the port may differ from node to node.
    pub fn depends_on_node(&self, proxy: &Proxy<'_>) -> bool {
        let hinted = |endpoint: &Endpoint| !endpoint.for_zones.is_empty() || !endpoint.for_nodes.is_empty();
        self.uses_local()
            || proxy.config.detect_local == DetectLocal::NodeCidr
            || !self.source_ranges.is_empty()
            || proxy.revision.slices(&self.service.key).any(|(_, slice)| slice.endpoints.iter().any(hinted))
    }
}

impl Backend {
    fn new(proxy: &Proxy<'_>, endpoint: &Endpoint, address: SocketAddr, origin: Origin) -> Backend {
        let hint = |names: &[Arc<str>], own: &str| (!names.is_empty()).then(|| names.iter().any(|name| **name == *own));
        Backend {
            text: address.to_string().into(),
            address,
            ready: endpoint.ready,
            serving: endpoint.serving,
            terminating: endpoint.terminating,
            local: endpoint.node_name.as_deref() == Some(&*proxy.node.name),
            for_this_zone: hint(&endpoint.for_zones, proxy.zone()),
            for_this_node: hint(&endpoint.for_nodes, &proxy.node.name),
            origin,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Topology {
    Any,
    SameZone,
    SameNode,
}

impl Topology {
    fn admits(self, backend: &Backend) -> bool {
        match self {
            Topology::Any => true,
            Topology::SameZone => backend.for_this_zone == Some(true),
            Topology::SameNode => backend.for_this_node == Some(true),
        }
    }
}

/// Hints count only if every ready endpoint has one and one of them is for this node or zone.
fn topology(backends: &[Backend]) -> Topology {
    let hinted = |hint: fn(&Backend) -> Option<bool>| {
        let mut ready = backends.iter().filter(|backend| backend.ready).map(hint);
        ready.clone().all(|hint| hint.is_some()) && ready.any(|hint| hint == Some(true))
    };
    if hinted(|backend| backend.for_this_node) {
        Topology::SameNode
    } else if hinted(|backend| backend.for_this_zone) {
        Topology::SameZone
    } else {
        Topology::Any
    }
}
