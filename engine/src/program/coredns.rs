//! What CoreDNS's process holds in each of its Pods: its Corefile, and the cluster as it sees it through the API.
//!
//! Models CoreDNS 1.12 plugin/kubernetes controller.go and object/*.go: which fields of which objects it keeps.

use super::Shared;
use crate::cluster::api::EPOCH_SECONDS;
use crate::cluster::{Object, ObjectKey, PodRecord, Revision, ServiceRecord, Typed, parse_selector};
use crate::control::coredns;
use crate::manifest::Node;
use crate::manifest::typed::{AddressType, EndpointSlice, LabelSelector, ServiceType};
use crate::net::Protocol;
use crate::net::dns::{Data, Record};
use crate::tables::dns::{
    Address, ClusterData, ClusterDataBuilder, Directive, DnsServer, Endpoints, Listen, Plugin, Pod, Pods, Port,
    ServerBlock, Service, ServiceKind,
};
use crate::tables::{App, DnsPage, Listener, Origin, Uid};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

const SOURCE_CLUSTER: &str = "multicluster.kubernetes.io/source-cluster";
const IMPORT_NAME: &str = "multicluster.kubernetes.io/service-name";

/// The sockets of a CoreDNS Pod's process, by its Corefile; `None` if the Pod runs no CoreDNS.
pub(super) fn listeners(revision: &Revision, pod: &PodRecord, shared: &mut Shared) -> Option<(usize, Vec<Listener>)> {
    let container = coredns::container(pod)?;
    let mut setup = coredns::read(revision, pod, pod.corefile.as_ref()).ok()?;
    let mut pages = Vec::new();
    for directive in setup.blocks.iter_mut().flat_map(|block| &mut block.plugins) {
        match &mut directive.plugin {
            Plugin::Kubernetes(k) => k.data = data(revision, k, shared),
            Plugin::Ready(port) => pages.push((*port, DnsPage::Ready)),
            Plugin::Health(port) => pages.push((*port, DnsPage::Health)),
            Plugin::Prometheus(port) => pages.push((*port, DnsPage::Metrics)),
            _ => {}
        }
    }
    let ports: BTreeSet<u16> = setup.blocks.iter().flat_map(|b| &b.listens).map(|listen| listen.port).collect();
    let server = DnsServer { name: "CoreDNS-1.12.1".into(), blocks: setup.blocks, ips: pod.ips().collect() };
    let server = Arc::new(server);
    let path = Cow::Owned(format!("spec.containers[{container}].image"));
    let of_image = Origin::Object { uid: pod.uid, path };
    let origin = match &pod.corefile {
        Some(loaded) => Origin::Object { uid: loaded.uid, path: Cow::Borrowed("data") },
        None => of_image,
    };
    let process: Arc<str> = "coredns".into();
    let listener = |protocol, port, app| Listener {
        protocol,
        ip: None,
        port,
        app,
        process: process.clone(),
        origin: origin.clone(),
    };
    let mut listeners = Vec::new();
    for port in ports {
        for protocol in [Protocol::Udp, Protocol::Tcp] {
            listeners.push(listener(protocol, port, App::Dns(server.clone())));
        }
    }
    pages.sort();
    pages.dedup();
    listeners.extend(pages.into_iter().map(|(port, page)| listener(Protocol::Tcp, port, App::DnsPages(page))));
    Some((container, listeners))
}

/// A resolver outside the cluster, as the node network's gateway is one: Docker's, or a router's.
pub(super) fn outside(origin: &Origin) -> [Listener; 2] {
    let directive = Directive {
        plugin: Plugin::Outside(outside_records()),
        text: "names of the outside world".into(),
        origin: origin.clone(),
    };
    let listens = vec![Listen { zone: ".".into(), port: crate::net::dns::PORT }];
    let blocks = vec![ServerBlock { listens, plugins: vec![directive] }];
    let server = Arc::new(DnsServer { name: "resolver".into(), blocks, ips: Vec::new() });
    [Protocol::Udp, Protocol::Tcp].map(|protocol| Listener {
        protocol,
        ip: None,
        port: crate::net::dns::PORT,
        app: App::Dns(server.clone()),
        process: "resolver".into(),
        origin: origin.clone(),
    })
}

/// The addresses of the world that someone is behind: public resolvers, and the servers of example.com and its like.
pub(super) const OUTSIDE: [Ipv4Addr; 6] = [
    Ipv4Addr::new(8, 8, 8, 8),
    Ipv4Addr::new(8, 8, 4, 4),
    Ipv4Addr::new(1, 1, 1, 1),
    Ipv4Addr::new(198, 51, 100, 10),
    Ipv4Addr::new(198, 51, 100, 11),
    Ipv4Addr::new(198, 51, 100, 12),
];

/// The page that the world's web servers show.
pub(super) fn outside_page(origin: &Origin) -> Listener {
    let page = "<!doctype html><html lang=\"en\"><head><title>Example Domain</title></head><body><h1>Example Domain</h1>\
                <p>This domain is for use in documentation examples without needing permission.</p></body></html>\n";
    let app = App::Http { server: "".into(), content_type: "text/html".into(), body: page.into(), alone: false };
    let process = "httpd".into();
    Listener { protocol: Protocol::Tcp, ip: None, port: 80, app, process, origin: origin.clone() }
}

/// Names that everyone knows. The addresses are those that these names had for years, or documentation's.
fn outside_records() -> Vec<Record> {
    let v4 = |name: &str, ttl, ip: [u8; 4]| Record::new(name, ttl, Data::A(Ipv4Addr::from(ip)));
    let v6 = |name: &str, ttl, ip: Ipv6Addr| Record::new(name, ttl, Data::Aaaa(ip));
    let alias = |name: &str, ttl, target: &str| Record::new(name, ttl, Data::Cname(target.into()));
    vec![
        v4("example.com.", 300, [198, 51, 100, 10]),
        v6("example.com.", 300, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 10)),
        alias("www.example.com.", 300, "example.com."),
        v4("example.org.", 300, [198, 51, 100, 11]),
        v6("example.org.", 300, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 11)),
        v4("www.example.org.", 300, [198, 51, 100, 11]),
        v4("example.net.", 300, [198, 51, 100, 12]),
        v4("google.com.", 300, [142, 250, 74, 46]),
        v6("google.com.", 300, Ipv6Addr::new(0x2a00, 0x1450, 0x400f, 0x80d, 0, 0, 0, 0x200e)),
        v4("www.google.com.", 300, [142, 250, 74, 36]),
        v4("dns.google.", 900, [8, 8, 8, 8]),
        v4("dns.google.", 900, [8, 8, 4, 4]),
        v4("one.one.one.one.", 300, [1, 1, 1, 1]),
        v4("github.com.", 60, [140, 82, 121, 4]),
        v4("kubernetes.io.", 3600, [147, 75, 40, 148]),
        v4("cloudflare.com.", 300, [104, 16, 132, 229]),
        v4("registry.k8s.io.", 3600, [34, 96, 108, 209]),
        Record::new("8.8.8.8.in-addr.arpa.", 86_400, Data::Ptr("dns.google.".into())),
        Record::new("1.1.1.1.in-addr.arpa.", 1800, Data::Ptr("one.one.one.one.".into())),
        Record::new("example.com.", 86_400, Data::Mx { preference: 0, exchange: ".".into() }),
        Record::new("example.com.", 86_400, Data::Txt(vec![b"v=spf1 -all"[..].into()])),
    ]
}

/// What one `kubernetes` directive has synced; the same for all that have no selectors.
fn data(revision: &Revision, k: &crate::tables::dns::Kubernetes, shared: &mut Shared) -> Arc<ClusterData> {
    let selector = |text: &Option<Arc<str>>| text.as_ref().and_then(|text| parse_selector(text).ok());
    let (labels, namespace_labels) = (selector(&k.labels), selector(&k.namespace_labels));
    let pods = k.pods == Pods::Verified;
    let imports = !k.multicluster.is_empty();
    let namespaces = namespaces(revision, namespace_labels.as_ref());
    // Pods and imports change without the Services' version.
    let number = if pods || imports { revision.number } else { 0 };
    let key = (revision.services_version, number, k.labels.clone(), namespaces.clone());
    if let Some((known, data)) = &shared.dns
        && *known == key
    {
        return data.clone();
    }
    let mut builder = ClusterDataBuilder { namespaces, ..ClusterDataBuilder::default() };
    builder.modified = (EPOCH_SECONDS + revision.at_ns / 1_000_000_000) as u32;
    let chosen = |object: &Object| labels.as_ref().is_none_or(|selector| selector.matches(&object.labels));
    for record in revision.services.values() {
        let object = revision.objects.get(&ObjectKey::service(&record.key));
        if let Some(object) = object.filter(|object| chosen(object)) {
            builder.services.extend(service(object, record));
        }
    }
    for (key, slices) in &revision.slices_of {
        for object in slices.iter().filter_map(|key| revision.objects.get(key)).filter(|object| chosen(object)) {
            if let Typed::EndpointSlice(slice) = &object.typed {
                builder.endpoints.extend(endpoints(object.uid, slice, &key.namespace, &key.name, None));
            }
        }
    }
    if imports {
        import(revision, &mut builder);
    }
    if pods {
        let wired = revision.pods.values().filter(|pod| pod.netns.is_some());
        builder.pods = wired
            .filter_map(|pod| {
                Some(Pod {
                    namespace: pod.key.namespace.clone(),
                    name: pod.key.name.clone(),
                    ip: pod.ip.as_ref()?.0,
                    origin: Origin::object(pod.uid, "status.podIP"),
                })
            })
            .collect();
    }
    let data = Arc::new(builder.build());
    shared.dns = Some((key, data.clone()));
    data
}

fn namespaces(revision: &Revision, selector: Option<&LabelSelector>) -> BTreeSet<Arc<str>> {
    let chosen = |object: &&Arc<Object>| selector.is_none_or(|selector| selector.matches(&object.labels));
    revision.list("Namespace", None).filter(chosen).map(|object| object.key.name.clone()).collect()
}

/// Models object/service.go ToService.
fn service(object: &Object, record: &ServiceRecord) -> Option<Service> {
    let spec = &record.spec;
    let given = || spec.cluster_ips.iter().chain(&spec.cluster_ip).filter_map(|ip| ip.parse::<IpAddr>().ok());
    let (kind, path) = match spec.service_type {
        ServiceType::ExternalName => (ServiceKind::ExternalName(spec.external_name.clone()?), "spec.externalName"),
        _ if spec.is_headless() || spec.cluster_ips.first().is_some_and(|ip| &**ip == "None") => {
            (ServiceKind::Headless, "spec.clusterIP")
        }
        _ => {
            let mut ips: Vec<IpAddr> = record.cluster_ips.iter().map(|(ip, _)| *ip).collect();
            if ips.is_empty() {
                ips = given().collect();
                ips.dedup();
            }
            (ServiceKind::Cluster(ips), "spec.clusterIP")
        }
    };
    let ports = spec.ports.iter().map(|port| Port {
        port: Some(port.port),
        name: port.name.clone().unwrap_or_default(),
        protocol: port.protocol.name().into(),
    });
    let mut external = spec.external_ips.clone();
    let written = object.written().at("status.loadBalancer.ingress").items();
    let of = |node: &Node| {
        let ip = node.get("ip").and_then(Node::as_str).filter(|ip| !ip.is_empty());
        ip.or_else(|| node.get("hostname").and_then(Node::as_str)).map(Arc::<str>::from)
    };
    match written {
        [] => external.extend(record.ingress.iter().map(|(ip, _)| Arc::<str>::from(ip.to_string()))),
        written => external.extend(written.iter().filter_map(of)),
    }
    Some(Service {
        namespace: record.key.namespace.clone(),
        name: record.key.name.clone(),
        kind,
        ports: declared(ports.collect()),
        external,
        imported: false,
        origin: Origin::object(record.uid, path),
    })
}

/// A name without ports has one that is none.
fn declared(ports: Vec<Port>) -> Vec<Port> {
    if ports.is_empty() { vec![Port { port: None, name: "".into(), protocol: "".into() }] } else { ports }
}

/// Models object/endpoint.go EndpointSliceToEndpoints.
fn endpoints(
    uid: Uid,
    slice: &EndpointSlice,
    namespace: &Arc<str>,
    service: &Arc<str>,
    cluster: Option<&Arc<str>>,
) -> Option<Endpoints> {
    if slice.address_type == AddressType::Fqdn {
        return None;
    }
    let ports = slice.ports.iter().map(|port| Port {
        port: port.port,
        name: port.name.clone().unwrap_or_default(),
        protocol: port.protocol.name().into(),
    });
    let mut addresses = Vec::new();
    for (i, endpoint) in slice.endpoints.iter().enumerate().filter(|(_, endpoint)| endpoint.ready) {
        let origin = Origin::Object { uid, path: Cow::Owned(format!("endpoints[{i}]")) };
        addresses.extend(endpoint.addresses.iter().map(|ip| Address {
            ip: *ip,
            hostname: endpoint.hostname.clone(),
            pod: endpoint.pod.as_ref().map(|(_, name)| name.clone()).filter(|name| name.len() < 64),
            zone: endpoint.zone.as_ref().map(|zone| zone.to_ascii_lowercase().into()),
            origin: origin.clone(),
        }));
    }
    Some(Endpoints {
        namespace: namespace.clone(),
        service: service.clone(),
        cluster: cluster.cloned(),
        addresses,
        ports: declared(ports.collect()),
    })
}

/// ServiceImports and the slices of other clusters.
fn import(revision: &Revision, builder: &mut ClusterDataBuilder) {
    for object in revision.list("ServiceImport", None) {
        let spec = object.written().at("spec");
        let texts = |name: &str| spec.get(name).map_or(&[][..], Node::items).iter().filter_map(Node::as_str);
        let headless = spec.get("type").and_then(Node::as_str) == Some("Headless");
        let kind = match headless {
            true => ServiceKind::Headless,
            false => ServiceKind::Cluster(texts("ips").filter_map(|ip| ip.parse().ok()).collect()),
        };
        let ports = spec.get("ports").map_or(&[][..], Node::items).iter().map(|port| {
            let text = |name: &str, other: &str| port.get(name).and_then(Node::as_str).unwrap_or(other).into();
            let number = port.get("port").and_then(|port| match port.value {
                crate::manifest::Value::Int(number) => u16::try_from(number).ok(),
                _ => None,
            });
            Port { port: number, name: text("name", ""), protocol: text("protocol", "TCP") }
        });
        builder.services.push(Service {
            namespace: object.key.namespace.clone(),
            name: object.key.name.clone(),
            kind,
            ports: ports.collect(),
            external: Vec::new(),
            imported: true,
            origin: Origin::object(object.uid, "spec"),
        });
    }
    for object in revision.list("EndpointSlice", None) {
        let (Some(cluster), Some(name)) = (object.labels.get(SOURCE_CLUSTER), object.labels.get(IMPORT_NAME)) else {
            continue;
        };
        if let Typed::EndpointSlice(slice) = &object.typed {
            builder.endpoints.extend(endpoints(object.uid, slice, &object.key.namespace, name, Some(cluster)));
        }
    }
}
