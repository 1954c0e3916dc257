//! Services: cluster addresses, node ports and load balancer addresses.
//!
//! Models the API server's allocators (pkg/registry/core/service/ipallocator, portallocator) of Kubernetes 1.34, and a
//! cloud's load balancer controller. What upstream draws at random is drawn from the seed.

use super::builtin::nth_address;
use super::network::usable;
use crate::cluster::{Draft, Object, ObjectKey, ServiceKey, ServiceRecord, Typed, Work, identity};
use crate::manifest::typed::{Service, ServiceType, TrafficPolicy};
use crate::net::Family;
use crate::tables::Origin;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// `--service-node-port-range`
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;
/// The first ports of the range are left to those who name one (KEP-3668).
const NODE_PORTS_STATIC: u16 = 86;
/// Where the cloud's load balancers have their addresses.
const BALANCERS_V4: IpNet = IpNet::new_assert(IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 0)), 24);
const BALANCERS_V6: IpNet =
    IpNet::new_assert(IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0x113, 0, 0, 0, 0, 0)), 64);
/// Addresses of [`BALANCERS_V4`] below this offset are outside clients'.
const BALANCERS_FIRST: u32 = 10;

/// Looks at the Services that changed: those that name an address or port first, so that nobody else is handed it.
pub fn reconcile(draft: &mut Draft) {
    let dirty = std::mem::take(&mut draft.dirty_services);
    let (mut present, mut freed) = (Vec::new(), Freed::default());
    for key in dirty {
        let object = draft.revision.objects.get(&ObjectKey::service(&key)).cloned();
        match object.map(|object| (object.typed.clone(), object)) {
            Some((Typed::Service(service), object)) => present.push((key, object, service)),
            _ => release(draft, &key, &mut freed),
        }
    }
    present.sort_by_key(|(_, object, service)| (!names_any(service), object.written().span));
    for (key, object, service) in present {
        allocate(draft, key, &object, &service, &mut freed);
    }
    for (key, object, service) in waiting(draft, freed) {
        allocate(draft, key, &object, &service, &mut Freed::default());
    }
}

/// What Services have given back.
#[derive(Default)]
struct Freed {
    ips: Vec<IpAddr>,
    ports: Vec<u16>,
}

/// Services that name something which another one had, and which nobody has now.
fn waiting(draft: &Draft, mut freed: Freed) -> Vec<(ServiceKey, Arc<Object>, Arc<Service>)> {
    let index = &draft.revision.index;
    freed.ips.retain(|ip| !index.service_ips.contains_key(ip));
    freed.ports.retain(|port| !index.node_ports.contains_key(port));
    if freed.ips.is_empty() && freed.ports.is_empty() {
        return Vec::new();
    }
    let waits = |record: &&Arc<ServiceRecord>| {
        let mut ips = record.cluster_ips.iter().chain(&record.ingress);
        let mut ports = record.spec.ports.iter().zip(&record.node_ports).filter(|(_, had)| had.is_none());
        ips.any(|(ip, _)| freed.ips.contains(ip))
            || ports.any(|(port, _)| port.node_port.is_some_and(|port| freed.ports.contains(&port)))
    };
    let found = draft.revision.services.values().filter(waits).filter_map(|record| {
        let object = draft.revision.objects.get(&ObjectKey::service(&record.key))?;
        Some((record.key.clone(), object.clone(), record.spec.clone()))
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|(_, object, _)| object.written().span);
    found
}

fn names_any(service: &Service) -> bool {
    service.cluster_ip.is_some()
        || !service.cluster_ips.is_empty()
        || service.ports.iter().any(|port| port.node_port.is_some())
}

fn release(draft: &mut Draft, key: &ServiceKey, freed: &mut Freed) {
    let Some(record) = draft.revision.services.remove(key) else { return };
    draft.revision.services_version = draft.revision.number;
    free(draft, &record, freed);
}

fn free(draft: &mut Draft, record: &ServiceRecord, freed: &mut Freed) {
    let index = &mut draft.revision.index;
    for (ip, _) in record.cluster_ips.iter().chain(&record.ingress) {
        if index.service_ips.get(ip) == Some(&record.key) {
            index.service_ips.remove(ip);
            freed.ips.push(*ip);
        }
    }
    let ports = record.node_ports.iter().flatten().chain(&record.health_check_node_port);
    for (port, _) in ports {
        if index.node_ports.get(port) == Some(&record.key) {
            index.node_ports.remove(port);
            freed.ports.push(*port);
        }
    }
}

fn allocate(draft: &mut Draft, key: ServiceKey, object: &Arc<Object>, service: &Arc<Service>, freed: &mut Freed) {
    let old = draft.revision.services.get(&key).cloned();
    if let Some(old) = &old {
        free(draft, old, freed);
    }
    let same = old.as_deref().filter(|old| old.uid == object.uid);
    let families = families(draft, object, service);
    let mut maker = Maker { draft, key: &key, object, old: same };
    let record = ServiceRecord {
        uid: object.uid,
        spec: service.clone(),
        cluster_ips: maker.cluster_ips(service, &families),
        node_ports: maker.node_ports(service),
        health_check_node_port: maker.health_check(service),
        ingress: maker.ingress(service, &families),
        families,
        foreign_proxy: object.labels.contains_key("service.kubernetes.io/service-proxy-name"),
        version: draft.revision.number,
        key: key.clone(),
    };
    draft.revision.services.insert(key.clone(), Arc::new(record));
    draft.revision.services_version = draft.revision.number;
    draft.dirty_endpoints.insert(key);
    draft.work.insert(Work::Endpoints);
}

/// `spec.ipFamilies` as the API server fills it in: from the addresses that are given, the families that are named, else
/// the cluster's first one, or both if the policy wants that.
/// Models pkg/registry/core/service/storage/alloc.go initIPFamilyFields.
fn families(draft: &mut Draft, object: &Object, service: &Service) -> Vec<Family> {
    let cluster: Vec<Family> =
        draft.revision.network.service_networks().map(|(net, _)| Family::of(net.addr())).collect();
    let mut families: Vec<Family> = Vec::new();
    let given = service.cluster_ips.iter().chain(&service.cluster_ip).filter_map(|ip| ip.parse::<IpAddr>().ok());
    let named = service.ip_families.iter().map(|name| if &**name == "IPv6" { Family::V6 } else { Family::V4 });
    for family in given.map(Family::of).chain(named) {
        if !families.contains(&family) {
            families.push(family);
        }
    }
    if families.is_empty() {
        families.extend(cluster.first());
    }
    let policy = service.ip_family_policy.as_deref().unwrap_or("SingleStack");
    match policy {
        "SingleStack" if service.ip_families.len() < 2 && service.cluster_ips.len() < 2 => families.truncate(1),
        "PreferDualStack" | "RequireDualStack" => {
            families.extend(cluster.iter().filter(|family| !families.contains(family)).copied().collect::<Vec<_>>());
        }
        _ => {}
    }
    if policy == "RequireDualStack" && families.len() < 2 {
        let span = object.written().at("spec.ipFamilyPolicy").span;
        let message = "Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services";
        draft
            .diagnostics
            .warning("dual-stack", span, message)
            .hint("give the cluster two serviceSubnets, such as 10.96.0.0/12,fd00:10:96::/112");
    }
    families
}

/// Allocates for one Service.
struct Maker<'m> {
    draft: &'m mut Draft,
    key: &'m ServiceKey,
    object: &'m Object,
    /// What it has had so far.
    old: Option<&'m ServiceRecord>,
}

impl Maker<'_> {
    fn origin(&self, path: impl Into<std::borrow::Cow<'static, str>>) -> Origin {
        Origin::Object { uid: self.object.uid, path: path.into() }
    }

    fn bits(&self, what: &str) -> u64 {
        identity::bits(self.draft.revision.seed, &["Service", &self.key.namespace, &self.key.name, what])
    }

    fn cluster_ips(&mut self, service: &Service, families: &[Family]) -> Vec<(IpAddr, Origin)> {
        if service.service_type == ServiceType::ExternalName || service.is_headless() {
            return Vec::new();
        }
        let given: Vec<(IpAddr, &str)> = match &service.cluster_ips[..] {
            [] => service.cluster_ip.iter().filter_map(|ip| Some((ip.parse().ok()?, "spec.clusterIP"))).collect(),
            ips => ips.iter().filter_map(|ip| Some((ip.parse().ok()?, "spec.clusterIPs"))).collect(),
        };
        let mut ips = Vec::new();
        for family in families {
            if let Some((ip, path)) = given.iter().find(|(ip, _)| Family::of(*ip) == *family).copied() {
                self.take_given_ip(ip, path);
                ips.push((ip, self.origin(path.to_owned())));
            } else if let Some(found) = self.find_ip(*family) {
                ips.push(found);
            }
        }
        for (ip, _) in &ips {
            self.draft.revision.index.service_ips.entry(*ip).or_insert_with(|| self.key.clone());
        }
        ips
    }

    fn take_given_ip(&mut self, ip: IpAddr, path: &str) {
        let span = self.object.written().at(path).span;
        if let Some(holder) = self.draft.revision.index.service_ips.get(&ip).filter(|holder| *holder != self.key) {
            let message = format!("the address {ip} is already that of Service {holder}");
            let found = self.draft.diagnostics.warning("cluster-ip-twice", span, message);
            found.hint("a real API server refuses it: leave clusterIP out, and it finds a free one");
        }
        // A dump tells of a cluster whose subnets may be unknown here.
        let dumped = self.object.written().get("metadata").is_some_and(|metadata| metadata.get("uid").is_some());
        let networks = || self.draft.revision.network.service_networks().map(|(net, _)| net);
        if networks().any(|net| net.contains(&ip)) || dumped {
            return;
        }
        let subnets: Vec<String> = networks().map(ToString::to_string).collect();
        let message = format!("the address {ip} is not in the Service subnet {}", subnets.join(","));
        let found = self.draft.diagnostics.warning("cluster-ip-outside", span, message);
        found.hint("a real API server refuses it: leave clusterIP out, or take one of that subnet");
    }

    /// The address it has had, or a free one. Models ipallocator's dynamic range: the first addresses are left to those
    /// who name one.
    fn find_ip(&mut self, family: Family) -> Option<(IpAddr, Origin)> {
        let mut networks = self.draft.revision.network.service_networks();
        let (net, _) = networks.find(|(net, _)| Family::of(net.addr()) == family).cloned()?;
        let origin =
            Origin::default("kube-apiserver", "a free address of the Service subnet (--service-cluster-ip-range)");
        let ips = &self.draft.revision.index.service_ips;
        let free = |ip: &IpAddr| usable(&net, *ip) && !ips.contains_key(ip);
        let had = self.old.and_then(|old| old.cluster_ips.iter().find(|(ip, _)| net.contains(ip) && free(ip)));
        if let Some(had) = had {
            return Some(had.clone());
        }
        let bits = u32::from(net.max_prefix_len() - net.prefix_len()).min(16);
        let size = (1u32 << bits).saturating_sub(1);
        let reserved = (size / 16).clamp(16, 256).min(size / 2);
        let start = self.bits("clusterIP") as u32 % (size - reserved).max(1);
        let nth = |step: u32| nth_address(&net, reserved + (start + step) % (size - reserved).max(1) + 1);
        let dynamic = (0..size - reserved).filter_map(nth);
        let ip = dynamic.chain((1..=reserved).filter_map(|n| nth_address(&net, n))).find(free);
        if ip.is_none() {
            let span = self.object.written().span;
            let message = format!("Service {} gets no address: {net} has none left", self.key);
            self.draft.diagnostics.warning("service-network-full", span, message).hint("take a larger Service subnet");
        }
        Some((ip?, origin))
    }

    fn node_ports(&mut self, service: &Service) -> Vec<Option<(u16, Origin)>> {
        let wanted = match service.service_type {
            ServiceType::NodePort => true,
            ServiceType::LoadBalancer => service.allocate_load_balancer_node_ports,
            ServiceType::ClusterIp | ServiceType::ExternalName => false,
        };
        let mut found: Vec<Option<(u16, Origin)>> = vec![None; service.ports.len()];
        for (at, port) in service.ports.iter().enumerate() {
            let Some(number) = port.node_port else { continue };
            if service.service_type == ServiceType::ClusterIp {
                continue;
            }
            let path = format!("spec.ports[{at}].nodePort");
            let holder = self.draft.revision.index.node_ports.get(&number).filter(|holder| *holder != self.key);
            if let Some(holder) = holder {
                let span = self.object.written().at(&path).span;
                let message = format!("the node port {number} is already that of Service {holder}");
                let problem = self.draft.diagnostics.warning("node-port-twice", span, message);
                problem.hint("a real API server refuses it: provided port is already allocated");
                continue;
            }
            self.hold_port(number);
            found[at] = Some((number, self.origin(path)));
        }
        for at in 0..service.ports.len() {
            if !wanted || found[at].is_some() || service.ports[at].node_port.is_some() {
                continue;
            }
            // One number serves TCP and UDP of the same port.
            let twin = |other: usize| service.ports[other].port == service.ports[at].port;
            let shared = (0..at).filter(|other| twin(*other)).find_map(|other| found[other].clone());
            let had = self.old.and_then(|old| old.node_ports.get(at).cloned().flatten());
            let had = had.filter(|(port, _)| !self.draft.revision.index.node_ports.contains_key(port));
            found[at] = shared.or(had).or_else(|| self.find_port(&format!("nodePort{at}")));
            if let Some((port, _)) = found[at] {
                self.hold_port(port);
            }
        }
        found
    }

    fn hold_port(&mut self, port: u16) {
        self.draft.revision.index.node_ports.insert(port, self.key.clone());
    }

    fn find_port(&mut self, what: &str) -> Option<(u16, Origin)> {
        let first = NODE_PORTS.start() + NODE_PORTS_STATIC;
        let size = NODE_PORTS.end() - first + 1;
        let start = (self.bits(what) % u64::from(size)) as u16;
        let dynamic = (0..size).map(|step| first + (start + step) % size);
        let port = dynamic
            .chain(*NODE_PORTS.start()..first)
            .find(|port| !self.draft.revision.index.node_ports.contains_key(port));
        if port.is_none() {
            let span = self.object.written().span;
            let message = format!("Service {} gets no node port: all of 30000-32767 are taken", self.key);
            self.draft.diagnostics.warning("node-ports-full", span, message);
        }
        let origin = Origin::default("kube-apiserver", "a free port of --service-node-port-range, 30000-32767");
        Some((port?, origin))
    }

    fn health_check(&mut self, service: &Service) -> Option<(u16, Origin)> {
        let wanted = service.service_type == ServiceType::LoadBalancer
            && service.external_traffic_policy == TrafficPolicy::Local;
        if !wanted {
            return None;
        }
        if let Some(port) = service.health_check_node_port {
            self.hold_port(port);
            return Some((port, self.origin("spec.healthCheckNodePort")));
        }
        let had = self.old.and_then(|old| old.health_check_node_port.clone());
        let had = had.filter(|(port, _)| !self.draft.revision.index.node_ports.contains_key(port));
        let found = had.or_else(|| self.find_port("healthCheckNodePort"))?;
        self.hold_port(found.0);
        Some(found)
    }

    /// The load balancer's addresses: those of the status that was given, else free ones of the cloud's.
    fn ingress(&mut self, service: &Service, families: &[Family]) -> Vec<(IpAddr, Origin)> {
        if service.service_type != ServiceType::LoadBalancer {
            return Vec::new();
        }
        let given: Vec<(IpAddr, Origin)> = (service.ingress_ips.iter().enumerate())
            .filter_map(|(at, ip)| {
                Some((ip.parse().ok()?, self.origin(format!("status.loadBalancer.ingress[{at}].ip"))))
            })
            .collect();
        if !given.is_empty() {
            for (ip, _) in &given {
                self.draft.revision.index.service_ips.entry(*ip).or_insert_with(|| self.key.clone());
            }
            return given;
        }
        let mut ips = Vec::new();
        for family in families {
            let net = if *family == Family::V4 { BALANCERS_V4 } else { BALANCERS_V6 };
            let taken = &self.draft.revision.index.service_ips;
            let had = self.old.and_then(|old| old.ingress.iter().find(|(ip, _)| net.contains(ip)).cloned());
            let asked = service.load_balancer_ip.filter(|ip| net.contains(ip) && !taken.contains_key(ip));
            let asked = asked.map(|ip| (ip, self.origin("spec.loadBalancerIP")));
            let free = || {
                let mut candidates = (BALANCERS_FIRST..=254).filter_map(|n| nth_address(&net, n));
                let ip = candidates.find(|ip| !taken.contains_key(ip))?;
                Some((ip, Origin::default("cloud-controller-manager", "a free address of the cloud's load balancers")))
            };
            let had = had.filter(|(ip, _)| !taken.contains_key(ip));
            let Some(found) = asked.or(had).or_else(free) else {
                let span = self.object.written().span;
                let message = format!("Service {} gets no load balancer: {net} is used up", self.key);
                self.draft.diagnostics.warning("balancers-full", span, message);
                continue;
            };
            self.draft.revision.index.service_ips.insert(found.0, self.key.clone());
            ips.push(found);
        }
        ips
    }
}
