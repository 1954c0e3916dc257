//! EndpointSlices: which Pods stand behind each Service.
//!
//! Models pkg/controller/endpointslice and staging/src/k8s.io/endpointslice of Kubernetes 1.34. Slices that are given for
//! a Service (a dump's, or by hand for one without a selector) are used as they are.

use crate::cluster::{
    Body, Draft, Labels, NodeRecord, Object, ObjectKey, Owner, PodPhase, PodRecord, Provenance, ServiceKey,
    ServiceRecord, Typed, identity,
};
use crate::manifest::typed::{
    AddressType, Container, Endpoint, EndpointPort, EndpointSlice, IntOrString, ObjectMeta, SERVICE_NAME, ServicePort,
    ServiceType,
};
use crate::manifest::{Node, Span};
use crate::net::Family;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MIRRORING: &str = "endpointslicemirroring-controller.k8s.io";
const CONTROLLER: &str = "endpointslice-controller.k8s.io";
const HEADLESS: &str = "service.kubernetes.io/headless";
/// `--max-endpoints-per-slice`
const ENDPOINTS_MAX: usize = 100;

/// Looks at the Services whose Pods may have changed. One pass over a namespace's Pods serves all its Services.
pub fn reconcile(draft: &mut Draft) {
    let dirty = std::mem::take(&mut draft.dirty_endpoints);
    let mut namespaces: BTreeMap<Arc<str>, BTreeMap<ServiceKey, Vec<Arc<PodRecord>>>> = BTreeMap::new();
    for key in dirty {
        let Some(service) = draft.revision.services.get(&key).cloned() else {
            touch(draft, &key);
            continue;
        };
        if is_api_server(&key) {
            let slices = api_server_slices(draft, &service);
            put(draft, &service, slices);
        } else if !service.spec.selector.is_empty() && service.spec.service_type != ServiceType::ExternalName {
            namespaces.entry(key.namespace.clone()).or_default().insert(key, Vec::new());
        } else if service.spec.selector.is_empty() {
            let slices = mirrored(draft, &service);
            put(draft, &service, slices);
        } else {
            touch(draft, &key);
        }
    }
    for (namespace, mut services) in namespaces {
        collect(draft, &namespace, &mut services);
        for (key, pods) in services {
            let Some(service) = draft.revision.services.get(&key).cloned() else { continue };
            let slices = slices(draft, &service, &pods);
            put(draft, &service, slices);
        }
    }
}

/// The Service that the API server keeps for itself.
fn is_api_server(key: &ServiceKey) -> bool {
    (&*key.namespace, &*key.name) == ("default", "kubernetes")
}

/// Every Pod of a namespace that a Service selects.
fn collect(draft: &Draft, namespace: &Arc<str>, services: &mut BTreeMap<ServiceKey, Vec<Arc<PodRecord>>>) {
    let mut by_pair: BTreeMap<(Arc<str>, Arc<str>), Vec<ServiceKey>> = BTreeMap::new();
    for key in services.keys() {
        let Some(service) = draft.revision.services.get(key) else { continue };
        let Some((name, value)) = service.spec.selector.first_key_value() else { continue };
        by_pair.entry((name.clone(), value.clone())).or_default().push(key.clone());
    }
    let start = ServiceKey { namespace: namespace.clone(), name: "".into() };
    let pods = draft.revision.pods.range(start..).take_while(|(key, _)| key.namespace == *namespace);
    for (_, pod) in pods {
        for pair in pod.labels.iter() {
            let Some(keys) = by_pair.get(&(pair.0.clone(), pair.1.clone())) else { continue };
            for key in keys {
                let Some(service) = draft.revision.services.get(key) else { continue };
                if service.spec.selector.iter().all(|(name, value)| pod.labels.get(name) == Some(value))
                    && let Some(found) = services.get_mut(key)
                {
                    found.push(pod.clone());
                }
            }
        }
    }
}

/// Notes that a Service or its slices changed.
fn touch(draft: &mut Draft, key: &ServiceKey) {
    let number = draft.revision.number;
    draft.revision.services_version = number;
    if let Some(record) = draft.revision.services.get_mut(key) {
        Arc::make_mut(record).version = number;
    }
}

/// What one slice is about: endpoints of one family, of which all have the same ports.
type Group = (AddressType, Vec<EndpointPort>);

fn slices(draft: &Draft, service: &ServiceRecord, pods: &[Arc<PodRecord>]) -> Vec<EndpointSlice> {
    let mut groups: BTreeMap<Group, Vec<Endpoint>> = BTreeMap::new();
    for pod in pods {
        let Some(node) = pod.node.as_ref().and_then(|name| draft.revision.nodes.get(&**name)) else { continue };
        if matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed) || pod.ip.is_none() {
            continue;
        }
        let ports = ports(service, pod);
        for family in &service.families {
            let Some(ip) = pod.ips().find(|ip| Family::of(*ip) == *family) else { continue };
            let address_type = if *family == Family::V4 { AddressType::Ipv4 } else { AddressType::Ipv6 };
            let endpoint = endpoint(service, pod, node, ip);
            groups.entry((address_type, ports.clone())).or_default().push(endpoint);
        }
    }
    let mut made = Vec::new();
    for ((address_type, ports), mut endpoints) in groups {
        super::hints::add(draft, service, &mut endpoints);
        for chunk in endpoints.chunks(ENDPOINTS_MAX) {
            let meta = meta(draft, service, made.len());
            made.push(EndpointSlice { meta, address_type, ports: ports.clone(), endpoints: chunk.to_vec() });
        }
    }
    if made.is_empty() {
        // A Service without Pods has one slice without endpoints for each family.
        for family in &service.families {
            let address_type = if *family == Family::V4 { AddressType::Ipv4 } else { AddressType::Ipv6 };
            let meta = meta(draft, service, made.len());
            made.push(EndpointSlice { meta, address_type, ports: Vec::new(), endpoints: Vec::new() });
        }
    }
    made
}

fn meta(draft: &Draft, service: &ServiceRecord, at: usize) -> ObjectMeta {
    let mut labels: Labels = service_labels(draft, service);
    labels.insert(SERVICE_NAME.into(), service.key.name.clone());
    let manager = if is_api_server(&service.key) { "" } else { CONTROLLER };
    if !manager.is_empty() {
        labels.insert(MANAGED_BY.into(), manager.into());
    }
    if service.spec.is_headless() {
        labels.insert(HEADLESS.into(), "".into());
    }
    let bits = identity::bits(draft.revision.seed, &["EndpointSlice", &service.uid.to_string(), &at.to_string()]);
    let name = if is_api_server(&service.key) {
        service.key.name.clone()
    } else {
        let prefix: String = service.key.name.chars().take(57).collect();
        format!("{prefix}-{}", identity::suffix(bits)).into()
    };
    ObjectMeta { name, namespace: Some(service.key.namespace.clone()), labels, ..ObjectMeta::default() }
}

fn service_labels(draft: &Draft, service: &ServiceRecord) -> Labels {
    let object = draft.revision.objects.get(&ObjectKey::service(&service.key));
    object.map(|object| Labels::clone(&object.labels)).unwrap_or_default()
}

fn endpoint(service: &ServiceRecord, pod: &PodRecord, node: &NodeRecord, ip: IpAddr) -> Endpoint {
    let ready = pod.is_ready();
    let subdomain = pod.spec.subdomain.as_ref() == Some(&service.key.name);
    Endpoint {
        ready: ready || service.spec.publish_not_ready_addresses,
        hostname: pod.spec.hostname.clone().filter(|_| subdomain),
        node_name: Some(node.name.clone()),
        zone: node.labels.get("topology.kubernetes.io/zone").cloned(),
        pod: Some((pod.key.namespace.clone(), pod.key.name.clone())),
        ..bare(ip, ready)
    }
}

/// The ports by which a Service reaches a Pod; one whose name no container has is left out.
/// Models pkg/api/v1/pod/util.go FindPort.
fn ports(service: &ServiceRecord, pod: &PodRecord) -> Vec<EndpointPort> {
    let found = service.spec.ports.iter().filter_map(|port| {
        Some(EndpointPort {
            name: Some(port.name.clone().unwrap_or_else(|| "".into())),
            protocol: port.protocol,
            port: Some(target_port(port, pod)?),
            app_protocol: port.app_protocol.clone(),
        })
    });
    found.collect()
}

/// The number that `targetPort` means for this Pod.
pub fn target_port(port: &ServicePort, pod: &PodRecord) -> Option<u16> {
    match &port.target_port {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => {
            let sidecars = pod.spec.init_containers.iter().filter(|container| container.sidecar);
            let named = |container: &Container| {
                let ports = container.ports.iter();
                let mut fits = ports.filter(|p| p.protocol == port.protocol && p.name.as_deref() == Some(&**name));
                fits.next().map(|p| p.container_port)
            };
            pod.spec.containers.iter().chain(sidecars).find_map(named)
        }
    }
}

/// The addresses of the API servers themselves. Models pkg/controlplane/reconcilers.
fn api_server_slices(draft: &Draft, service: &ServiceRecord) -> Vec<EndpointSlice> {
    let planes: Vec<&Arc<NodeRecord>> = draft.revision.nodes.values().filter(|node| node.control_plane).collect();
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for node in planes {
        endpoints.push(bare(node.ip, true));
    }
    endpoints.sort_by_key(|endpoint| endpoint.addresses[0]);
    let v6 = endpoints.first().is_some_and(|endpoint| endpoint.addresses[0].is_ipv6());
    let port = service.spec.ports.first();
    let ports = vec![EndpointPort {
        name: port.and_then(|port| port.name.clone()),
        protocol: crate::net::Protocol::Tcp,
        port: Some(6443),
        app_protocol: None,
    }];
    let address_type = if v6 { AddressType::Ipv6 } else { AddressType::Ipv4 };
    vec![EndpointSlice { meta: meta(draft, service, 0), address_type, ports, endpoints }]
}

/// Makes the Service's slices these: new ones come, others change or go. Given slices of the real controller's making
/// step back where the Pods are here to make them from.
fn put(draft: &mut Draft, service: &Arc<ServiceRecord>, slices: Vec<EndpointSlice>) {
    let key = &service.key;
    let present: Vec<ObjectKey> = draft.revision.slices_of.get(key).into_iter().flatten().cloned().collect();
    let own = |draft: &Draft, key: &ObjectKey| {
        draft.revision.objects.get(key).is_some_and(|object| object.provenance == Provenance::Controller)
    };
    let (own, foreign): (Vec<ObjectKey>, Vec<ObjectKey>) = present.into_iter().partition(|key| own(draft, key));
    let any = slices.iter().any(|slice| !slice.endpoints.is_empty());
    let mut given = false;
    for key in &foreign {
        let Some(object) = draft.revision.objects.get(key) else { continue };
        let managed = object.labels.get(MANAGED_BY).is_some_and(|manager| &**manager == CONTROLLER);
        if managed && any {
            draft.forget_slice(&service.key, key);
        } else {
            given = true;
        }
    }
    let slices = if given && !any { Vec::new() } else { slices };
    touch(draft, key);
    put_endpoints(draft, service);
    let keys: Vec<ObjectKey> = slices.iter().map(|slice| slice_key(service, slice)).collect();
    for old in own.iter().filter(|key| !keys.contains(key)) {
        draft.delete(old);
        touch(draft, &service.key);
    }
    for (key, slice) in keys.into_iter().zip(slices) {
        put_slice(draft, service, key, slice);
    }
}

/// The Endpoints object of the same name, unless somebody wrote one. Only a Service with a selector has one, and the API
/// server's own.
fn put_endpoints(draft: &mut Draft, service: &ServiceRecord) {
    let key = ObjectKey::new("Endpoints", &service.key.namespace, &service.key.name);
    let wanted = !service.spec.selector.is_empty() || is_api_server(&service.key);
    if let Some(object) = draft.revision.objects.get(&key) {
        if !wanted && object.is_made() {
            draft.delete(&key);
        }
        return;
    }
    if !wanted {
        return;
    }
    let mut labels = service_labels(draft, service);
    labels.insert("endpoints.kubernetes.io/managed-by".into(), "endpoint-controller".into());
    let owner = Owner { key: ObjectKey::service(&service.key), uid: service.uid };
    insert(draft, key, "v1", labels, Typed::Other, owner);
}

fn insert(draft: &mut Draft, key: ObjectKey, api_version: &str, labels: Labels, typed: Typed, owner: Owner) {
    let number = draft.revision.number;
    let uid = identity::uid(draft.revision.seed, &[&key.kind, &key.namespace, &key.name, &number.to_string()]);
    draft.insert(Object {
        uid,
        key,
        api_version: api_version.into(),
        labels: Arc::new(labels),
        body: Body::Made,
        typed,
        provenance: Provenance::Controller,
        owner: Some(owner),
        created_at_ns: draft.revision.at_ns,
        created_revision: number,
        changed_revision: number,
        generation: 1,
    });
}

/// Slices for an Endpoints object that was written for a Service without a selector.
/// Models pkg/controller/endpointslicemirroring.
fn mirrored(draft: &Draft, service: &ServiceRecord) -> Vec<EndpointSlice> {
    let key = ObjectKey::new("Endpoints", &service.key.namespace, &service.key.name);
    let Some(object) = draft.revision.objects.get(&key).filter(|object| !object.is_made()) else { return Vec::new() };
    let mut slices = Vec::new();
    for subset in object.written().get("subsets").map_or(&[][..], Node::items) {
        let ports: Vec<EndpointPort> = EndpointSlice::ports_of(subset);
        for address_type in [AddressType::Ipv4, AddressType::Ipv6] {
            let mut endpoints = Vec::new();
            for (field, ready) in [("addresses", true), ("notReadyAddresses", false)] {
                for address in subset.get(field).map_or(&[][..], Node::items) {
                    let text = |name: &str| address.get(name).and_then(Node::as_str).map(Arc::from);
                    let ip = address.get("ip").and_then(Node::as_str).and_then(|ip| ip.parse::<IpAddr>().ok());
                    let Some(ip) = ip.filter(|ip| ip.is_ipv4() == (address_type == AddressType::Ipv4)) else {
                        continue;
                    };
                    endpoints.push(Endpoint {
                        hostname: text("hostname"),
                        node_name: text("nodeName"),
                        ..bare(ip, ready)
                    });
                }
            }
            if !endpoints.is_empty() {
                let mut meta = meta(draft, service, slices.len());
                meta.labels.insert(MANAGED_BY.into(), MIRRORING.into());
                slices.push(EndpointSlice { meta, address_type, ports: ports.clone(), endpoints });
            }
        }
    }
    slices
}

/// An endpoint of which nothing is known but its address.
fn bare(ip: IpAddr, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![ip],
        ready,
        serving: ready,
        terminating: false,
        hostname: None,
        node_name: None,
        zone: None,
        for_zones: Vec::new(),
        for_nodes: Vec::new(),
        pod: None,
        span: Span::default(),
    }
}

fn slice_key(service: &ServiceRecord, slice: &EndpointSlice) -> ObjectKey {
    ObjectKey::new("EndpointSlice", &service.key.namespace, &slice.meta.name)
}

fn put_slice(draft: &mut Draft, service: &ServiceRecord, key: ObjectKey, slice: EndpointSlice) {
    let old = draft.revision.objects.get(&key).cloned();
    if let Some(old) = &old {
        let same = matches!(&old.typed, Typed::EndpointSlice(old) if **old == slice);
        if same || old.provenance != Provenance::Controller {
            return;
        }
    }
    let labels = slice.meta.labels.clone();
    let owner = Owner { key: ObjectKey::service(&service.key), uid: service.uid };
    let typed = Typed::EndpointSlice(Arc::new(slice));
    match old {
        Some(old) => {
            let mut object = Object::clone(&old);
            (object.typed, object.labels) = (typed, Arc::new(labels));
            object.changed_revision = draft.revision.number;
            object.generation += 1;
            draft.replace(object);
        }
        None => insert(draft, key, "discovery.k8s.io/v1", labels, typed, owner),
    }
}
