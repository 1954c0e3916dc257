//! The `kubernetes` plugin. Models plugin/kubernetes handler.go, kubernetes.go, parse.go, reverse.go, ns.go, autopath.go.

use super::backend::{Found, Host, Miss, Records, Seen, Services, nothing, soa};
use super::chain::{Asked, Chain, Outcome, Served, authoritative};
use crate::net::dns::{Rcode, Type, name};
use crate::tables::dns::{Address, Endpoints, Entry, Kubernetes, Pods, Port, Service, ServiceKind};
use std::net::IpAddr;
use std::sync::Arc;

/// The version of the DNS schema that `dns-version.ZONE` tells.
const SCHEMA: &str = "1.1.0";
const SCHEMA_TTL: u32 = 28_800;
const DEFAULT_NS: &str = "ns.dns.";

/// A name taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request<'n> {
    port: &'n str,
    protocol: &'n str,
    endpoint: &'n str,
    cluster: &'n str,
    /// The topology zone of `ZONE.pin._zone.SERVICE…`, and whether others will do.
    zone: String,
    prefers: bool,
    service: &'n str,
    namespace: &'n str,
    /// `svc` or `pod`; empty at the zone's own name.
    kind: &'n str,
}

/// Models plugin/kubernetes/parse.go parseRequest.
fn parse<'n>(qname: &'n str, zone: &str, multicluster: bool, zonal: bool) -> Result<Request<'n>, Miss> {
    let base = name::before(qname, zone).unwrap_or("");
    let mut request = Request::default();
    if matches!(base, "" | "svc" | "pod") {
        return Ok(request);
    }
    let mut labels = name::labels(base);
    request.kind = labels.pop().unwrap_or("");
    if !matches!(request.kind, "svc" | "pod") {
        return Err(Miss::Name);
    }
    let Some(namespace) = labels.pop() else { return Ok(request) };
    request.namespace = namespace;
    let Some(service) = labels.pop() else { return Ok(request) };
    request.service = service;
    let bare = |label: &'n str| label.strip_prefix('_').unwrap_or(label);
    match labels.as_slice() {
        [] => {}
        [endpoint] => request.endpoint = endpoint,
        [port, protocol] if !multicluster || port.starts_with('_') || protocol.starts_with('_') => {
            request.protocol = bare(protocol);
            request.port = bare(port);
        }
        [endpoint, cluster] => (request.endpoint, request.cluster) = (endpoint, cluster),
        [zone @ .., how, "_zone"] if zonal && !multicluster && request.kind == "svc" => {
            request.prefers = match *how {
                "pin" => false,
                "prefer" => true,
                _ => return Err(Miss::Name),
            };
            request.zone = zone.join(".");
        }
        _ => return Err(Miss::Name),
    }
    Ok(request)
}

/// The label under which an endpoint is found.
pub(super) fn endpoint_name(address: &Address, pod_names: bool) -> String {
    if let Some(hostname) = &address.hostname {
        return hostname.to_string();
    }
    if let Some(pod) = address.pod.as_ref().filter(|_| pod_names) {
        return pod.to_string();
    }
    match address.ip {
        IpAddr::V4(ip) => ip.to_string().replace('.', "-"),
        IpAddr::V6(ip) => {
            let text = ip.to_string().replace(':', "-");
            if text.ends_with('-') { text + "0" } else { text }
        }
    }
}

/// An empty word of the question matches everything.
pub(super) fn port_matches(port: &Port, name: &str, protocol: &str) -> bool {
    (name.is_empty() || port.name.eq_ignore_ascii_case(name))
        && (protocol.is_empty() || port.protocol.eq_ignore_ascii_case(protocol))
}

impl Kubernetes {
    pub(super) fn exposes(&self, namespace: &str) -> bool {
        (self.namespaces.is_empty() || self.namespaces.contains(namespace)) && self.data.namespaces.contains(namespace)
    }
}

impl Chain<'_> {
    pub fn kubernetes(&mut self, k: &Kubernetes, asked: &Asked, at: usize) -> Served {
        let qname = asked.qname().clone();
        let Some(zone) = name::longest(&k.zones, &qname) else { return self.next(asked, at + 1) };
        // The zone in the question's letter case.
        let zone = if &**zone == "." { "." } else { &qname[qname.len() - zone.len()..] };
        let (block, place) = (asked.block, at as u16);
        let seen = Seen { k, zone, block, at: place };
        let looked = match asked.kind() {
            Type::A | Type::AAAA => self.addresses(&seen, asked, &[])?,
            Type::TXT => self.txt(&seen, asked),
            Type::CNAME => self.cname(&seen, asked),
            Type::PTR => self.ptr(&seen, asked),
            Type::MX => self.services(&seen, asked).map(|_| Records::default()),
            Type::SRV => self.srv(&seen, asked)?,
            Type::SOA if *qname == *zone => Ok(Records { answers: vec![soa(k, zone)], ..Records::default() }),
            Type::SOA => Ok(Records::default()),
            Type::AXFR | Type::IXFR => return Ok(Outcome::failed(Rcode::REFUSED, None, None)),
            Type::NS if asked.name() == zone => Ok(self.ns(&seen, asked)),
            // A question for addresses tells NODATA from NXDOMAIN.
            _ => self.addresses(&seen, &asked.with(&qname, Type::A), &[])?.map(|_| Records::default()),
        };
        let own = Entry::Plugin { block, at: place };
        match looked {
            Err(Miss::Name) if k.fall.through(&asked.name()) => self.next(asked, at + 1),
            Err(Miss::Name) => Ok(Outcome::written(nothing(k, zone, asked, Rcode::NXDOMAIN), Some(own))),
            Ok(records) if records.answers.is_empty() => {
                Ok(Outcome::written(nothing(k, zone, asked, Rcode::NOERROR), Some(own)))
            }
            Ok(records) => {
                let mut message = authoritative(asked, Rcode::NOERROR, records.answers);
                message.flags.truncated = records.truncated;
                message.additional = records.extra;
                Ok(Outcome::written(message, records.entry.or(Some(own))))
            }
        }
    }

    /// What a name stands for. Models Kubernetes.Services.
    pub fn services(&mut self, seen: &Seen<'_>, asked: &Asked) -> Services {
        let k = seen.k;
        let name = asked.name();
        if asked.kind() == Type::TXT {
            return self.text_services(seen, &name);
        }
        // The zone's own name: NODATA.
        if name.strip_prefix(DEFAULT_NS).is_some_and(|rest| rest.eq_ignore_ascii_case(seen.zone)) {
            let servers = self.name_servers(seen, seen.zone);
            let v4 = asked.kind() == Type::A;
            let fits = |found: &Found| matches!(found.host, Host::Ip(ip) if ip.is_ipv4() == v4);
            let address = matches!(asked.kind(), Type::A | Type::AAAA);
            return Ok(servers.into_iter().filter(|found| address && fits(found)).collect());
        }
        let mut found = records(k, seen, &name)?;
        if asked.kind() == Type::SRV {
            found.retain(|found| !matches!(found.host, Host::Name(_)));
        }
        Ok(found)
    }

    fn text_services(&mut self, seen: &Seen<'_>, qname: &str) -> Services {
        let k = seen.k;
        if name::before(qname, seen.zone) == Some("dns-version") {
            let (host, key) = (Host::Text(SCHEMA), String::new());
            return Ok(vec![Found { host, port: None, ttl: SCHEMA_TTL, key, entry: None }]);
        }
        let found = records(k, seen, qname);
        let zonal =
            |qname: &str| parse(qname, seen.zone, is_multicluster(seen), true).is_ok_and(|r| !r.zone.is_empty());
        match found {
            Ok(found) if !found.is_empty() => Ok(Vec::new()),
            Ok(_) if k.zonal && zonal(qname) => Ok(Vec::new()),
            _ => Err(Miss::Name),
        }
    }

    /// PTR. Models reverse.go.
    pub fn reverse(&mut self, seen: &Seen<'_>, asked: &Asked) -> Services {
        let k = seen.k;
        let Some(ip) = name::reverse_address(&asked.name()) else {
            return records(k, seen, &asked.name()).map(|_| Vec::new());
        };
        let hidden = |namespace: &str| !k.namespaces.is_empty() && !k.exposes(namespace);
        let zone = k.primary_zone();
        let services = k.data.services_with_ip(ip);
        if let Some((row, service)) = services.into_iter().find(|(_, service)| !hidden(&service.namespace)) {
            let target = name::join(&[&service.name, &service.namespace, "svc", zone]);
            return Ok(vec![found(k, Host::Name(target), None, String::new(), seen.service(row))]);
        }
        let mut names = Vec::new();
        for (row, slice) in k.data.endpoints_with_ip(ip).into_iter().filter(|(_, slice)| !hidden(&slice.namespace)) {
            for (i, address) in (0..).zip(&slice.addresses).filter(|(_, address)| address.ip == ip) {
                let label = endpoint_name(address, k.endpoint_pod_names);
                let target = name::join(&[&label, &slice.service, &slice.namespace, "svc", zone]);
                names.push(found(k, Host::Name(target), None, String::new(), seen.endpoint(row, i)));
            }
        }
        if names.is_empty() { Err(Miss::Name) } else { Ok(names) }
    }

    /// The Services that have this very process behind them. Models ns.go nsAddrs.
    pub fn name_servers(&self, seen: &Seen<'_>, zone: &str) -> Vec<Found> {
        let k = seen.k;
        let mut servers = Vec::new();
        let mut behind = false;
        for ip in &self.server.ips {
            for (slice_row, slice) in k.data.endpoints_with_ip(*ip) {
                behind = true;
                for (row, service) in k.data.services_named(&slice.namespace, &slice.service, false) {
                    let key = format!("{}.{}.svc.{zone}", service.name, service.namespace);
                    match &service.kind {
                        ServiceKind::Cluster(ips) => servers
                            .extend(ips.iter().map(|ip| found(k, Host::Ip(*ip), None, key.clone(), seen.service(row)))),
                        ServiceKind::Headless => {
                            for (i, address) in (0..).zip(&slice.addresses) {
                                let label = endpoint_name(address, k.endpoint_pod_names);
                                let (host, key) = (Host::Ip(address.ip), format!("{label}.{key}"));
                                servers.push(found(k, host, None, key, seen.endpoint(slice_row, i)));
                            }
                        }
                        ServiceKind::ExternalName(_) => {}
                    }
                }
            }
        }
        if !behind {
            let key = format!("{DEFAULT_NS}{zone}");
            servers.extend(self.server.ips.iter().map(|ip| Found {
                host: Host::Ip(*ip),
                port: None,
                ttl: k.ttl,
                key: key.clone(),
                entry: None,
            }));
        }
        servers
    }

    /// The search list of the Pod that asks. Models autopath.go.
    pub fn pod_search(&self, k: &Kubernetes, asked: &Asked) -> Vec<Arc<str>> {
        let name = asked.name();
        let (Some(zone), Pods::Verified) = (name::longest(&k.zones, &name), k.pods) else { return Vec::new() };
        let Some((_, pod)) = k.data.pods_with_ip(self.client.ip).into_iter().next() else { return Vec::new() };
        let mut search = vec![name::join(&[&pod.namespace, "svc", zone]), name::join(&["svc", zone]), zone.clone()];
        search.extend(k.search.iter().map(|domain| name::absolute(&domain.to_ascii_lowercase())));
        search.push("".into());
        search
    }
}

impl Seen<'_> {
    pub fn service(&self, row: u32) -> Option<Entry> {
        Some(Entry::Service { block: self.block, at: self.at, row })
    }

    pub fn endpoint(&self, row: u32, address: u16) -> Option<Entry> {
        Some(Entry::Endpoint { block: self.block, at: self.at, row, address })
    }
}

fn found(k: &Kubernetes, host: Host, port: Option<u16>, key: String, entry: Option<Entry>) -> Found {
    Found { host, port, ttl: k.ttl, key, entry }
}

fn is_multicluster(seen: &Seen<'_>) -> bool {
    name::longest(&seen.k.multicluster, seen.zone).is_some()
}

/// Models Kubernetes.Records.
fn records(k: &Kubernetes, seen: &Seen<'_>, qname: &str) -> Services {
    let multicluster = is_multicluster(seen);
    let request = parse(qname, seen.zone, multicluster, k.zonal)?;
    if request.kind.is_empty() {
        return Ok(Vec::new());
    }
    let reverse = name::is_below("in-addr.arpa.", qname) || name::is_below("ip6.arpa.", qname);
    if reverse || !k.exposes(request.namespace) {
        return Err(Miss::Name);
    }
    match request.kind {
        "pod" => pods(k, seen, &request),
        _ => services(k, seen, &request, multicluster),
    }
}

fn pods(k: &Kubernetes, seen: &Seen<'_>, request: &Request<'_>) -> Services {
    if k.pods == Pods::Disabled {
        return Err(Miss::Name);
    }
    let label = request.service;
    if label.is_empty() {
        return Ok(Vec::new());
    }
    let v4 = label.matches('-').count() == 3 && !label.contains("--");
    let ip: IpAddr = label.replace('-', if v4 { "." } else { ":" }).parse().map_err(|_| Miss::Name)?;
    let key = format!("{label}.{}.pod.{}", request.namespace, seen.zone);
    if k.pods == Pods::Insecure {
        return Ok(vec![found(k, Host::Ip(ip), Some(0), key, None)]);
    }
    let pods = k.data.pods_with_ip(ip).into_iter().filter(|(_, pod)| *pod.namespace == *request.namespace);
    let entry = |row| Some(Entry::Pod { block: seen.block, at: seen.at, row });
    let found: Vec<Found> = pods.map(|(row, _)| found(k, Host::Ip(ip), Some(0), key.clone(), entry(row))).collect();
    if found.is_empty() { Err(Miss::Name) } else { Ok(found) }
}

/// Models findServices and findMultiClusterServices.
fn services(k: &Kubernetes, seen: &Seen<'_>, request: &Request<'_>, multicluster: bool) -> Services {
    if request.service.is_empty() {
        return Ok(Vec::new());
    }
    let (namespace, name) = (request.namespace, request.service);
    let slices = if k.endpoints { k.data.endpoints_of(namespace, name, multicluster) } else { Vec::new() };
    let mut result: Services = Err(Miss::Name);
    let add = |result: &mut Services, more: Vec<Found>| match result {
        Ok(found) => found.extend(more),
        Err(_) => *result = Ok(more),
    };
    for (row, service) in k.data.services_named(namespace, name, multicluster) {
        let external = matches!(service.kind, ServiceKind::ExternalName(_));
        let empty = slices.iter().all(|(_, slice)| slice.addresses.is_empty());
        if k.ignore_empty_service && empty && !external && !service.is_headless() {
            continue;
        }
        if !request.zone.is_empty() && !service.is_headless() {
            continue;
        }
        let key = format!("{}.{}.svc.{}", service.name, service.namespace, seen.zone);
        if let ServiceKind::ExternalName(target) = &service.kind {
            let plain = request.endpoint.is_empty() && request.port.is_empty() && request.protocol.is_empty();
            if plain && target.parse::<IpAddr>().is_err() {
                add(&mut result, vec![found(k, Host::Name(target.clone()), Some(0), key, seen.service(row))]);
            }
            continue;
        }
        if service.is_headless() || !request.endpoint.is_empty() {
            if !request.zone.is_empty() {
                add(&mut result, Vec::new());
            }
            let mut more = endpoints(seen, request, service, &slices, &request.zone);
            if more.is_empty() && request.prefers {
                more = endpoints(seen, request, service, &slices, "");
            }
            if !more.is_empty() {
                add(&mut result, more);
            }
            continue;
        }
        let ServiceKind::Cluster(ips) = &service.kind else { continue };
        for port in service.ports.iter().filter(|port| port_matches(port, request.port, request.protocol)) {
            let one = |ip: &IpAddr| found(k, Host::Ip(*ip), port.port, key.clone(), seen.service(row));
            add(&mut result, ips.iter().map(one).collect());
        }
    }
    result
}

fn endpoints(
    seen: &Seen<'_>,
    request: &Request<'_>,
    service: &Service,
    slices: &[(u32, &Endpoints)],
    zone: &str,
) -> Vec<Found> {
    let k = seen.k;
    let mut out = Vec::new();
    for (row, slice) in slices {
        let cluster = slice.cluster.as_deref().unwrap_or("");
        for (i, address) in (0..).zip(&slice.addresses) {
            let label = endpoint_name(address, k.endpoint_pod_names);
            let named = request.endpoint.is_empty()
                || request.endpoint.eq_ignore_ascii_case(&label)
                    && (slice.cluster.is_none() || request.cluster.eq_ignore_ascii_case(cluster));
            if !named || !zone.is_empty() && address.zone.as_deref() != Some(zone) {
                continue;
            }
            for port in slice.ports.iter().filter(|port| port_matches(port, request.port, request.protocol)) {
                let within = if cluster.is_empty() { String::new() } else { format!("{cluster}.") };
                let key = format!("{label}.{within}{}.{}.svc.{}", service.name, service.namespace, seen.zone);
                out.push(found(k, Host::Ip(address.ip), port.port, key, seen.endpoint(*row, i)));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_taken_apart() {
        let parsed = |name: &str| parse(name, "cluster.local.", false, true).ok().map(|r| format!("{r:?}"));
        let is = |name: &'static str, request: Request<'static>| {
            assert_eq!(parse(name, "cluster.local.", false, true).unwrap(), request, "{name}");
        };
        is("cluster.local.", Request::default());
        is("svc.cluster.local.", Request::default());
        let web = || Request { service: "web", namespace: "ns", kind: "svc", ..Request::default() };
        is("web.ns.svc.cluster.local.", web());
        is("a.web.ns.svc.cluster.local.", Request { endpoint: "a", ..web() });
        is("_http._tcp.web.ns.svc.cluster.local.", Request { port: "http", protocol: "tcp", ..web() });
        let zone = |prefers| Request { zone: "a.b".to_owned(), prefers, ..web() };
        is("a.b.pin._zone.web.ns.svc.cluster.local.", zone(false));
        is("a.b.prefer._zone.web.ns.svc.cluster.local.", zone(true));
        assert_eq!(parsed("a.b.c.web.ns.svc.cluster.local."), None);
        assert_eq!(parsed("web.ns.cluster.local."), None);
    }
}
