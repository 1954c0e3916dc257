//! The `k8s_external` plugin. Models plugin/k8s_external and plugin/kubernetes/external.go.

use super::backend::{Found, Host, Miss, Seen, srv_records};
use super::chain::{Asked, Chain, Need, Outcome, Served, authoritative};
use super::kubernetes::{endpoint_name, port_matches};
use crate::net::dns::{Data, Message, Rcode, Record, Soa, Type, name};
use crate::tables::dns::{Entry, External, Kubernetes, Plugin};
use std::collections::BTreeSet;
use std::net::IpAddr;

impl Chain<'_> {
    pub fn external(&mut self, external: &External, asked: &Asked, at: usize, own: Entry) -> Served {
        let qname = asked.name();
        let Some(zone) = name::longest(&external.zones, &qname).cloned() else { return self.next(asked, at + 1) };
        for own_zone in &external.zones {
            if qname == **own_zone {
                return Ok(Outcome::written(self.external_apex(external, asked, &zone), Some(own)));
            }
            if name::is_below(&format!("{}.{own_zone}", external.apex), &qname) {
                return Ok(Outcome::written(self.external_below_apex(external, asked, &zone), Some(own)));
            }
        }
        let server = self.server;
        let plugins = server.blocks.get(usize::from(asked.block)).map_or(&[][..], |block| &block.plugins);
        let k = (0..).zip(plugins).find_map(|(place, directive)| match &directive.plugin {
            Plugin::Kubernetes(kubernetes) => Some((place, &**kubernetes)),
            _ => None,
        });
        let Some((place, k)) = k else { return self.next(asked, at + 1) };
        let seen = Seen { k, zone: &zone, block: asked.block, at: place };
        let (found, rcode) = external_services(&seen, external.headless, asked);
        if found.is_empty() {
            if rcode == Rcode::NXDOMAIN && external.fall.through(&qname) {
                return self.next(asked, at + 1);
            }
            let mut message = authoritative(asked, rcode, Vec::new());
            message.authority = vec![soa(external, k, &zone)];
            return Ok(Outcome::written(message, Some(own)));
        }
        let mut message = authoritative(asked, Rcode::NOERROR, Vec::new());
        match asked.kind() {
            Type::A | Type::AAAA => self.external_addresses(external, asked, &found, &mut message)?,
            Type::SRV => self.external_srv(external, asked, &found, &mut message)?,
            Type::PTR => {
                let mut dup = BTreeSet::new();
                for service in &found {
                    if let Host::Name(host) = &service.host
                        && dup.insert(host.clone())
                    {
                        let target = name::join(&[host, external.zones.first().map_or("", |zone| zone)]);
                        message.answers.push(Record::new(asked.qname().clone(), external.ttl, Data::Ptr(target)));
                    }
                }
            }
            _ => {}
        }
        if message.answers.is_empty() {
            message.authority = vec![soa(external, k, &zone)];
        }
        Ok(Outcome::written(message, found.first().and_then(|found| found.entry).or(Some(own))))
    }

    fn external_addresses(
        &mut self,
        external: &External,
        asked: &Asked,
        found: &[Found],
        message: &mut Message,
    ) -> Result<(), Box<Need>> {
        let mut dup = BTreeSet::new();
        for service in found {
            match &service.host {
                Host::Ip(ip) if ip.is_ipv4() == (asked.kind() == Type::A) && dup.insert(*ip) => {
                    message.answers.push(Record::new(asked.qname().clone(), external.ttl, Data::address(*ip)));
                }
                Host::Name(target) => {
                    let target = name::absolute(target);
                    let alias = Data::Cname(target.clone());
                    message.answers.push(Record::new(asked.qname().clone(), service.ttl, alias));
                    if let Some(more) = self.lookup(asked, &target, asked.kind())? {
                        message.flags.truncated |= more.flags.truncated;
                        message.answers.extend(more.answers);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn external_srv(
        &mut self,
        external: &External,
        asked: &Asked,
        found: &[Found],
        message: &mut Message,
    ) -> Result<(), Box<Need>> {
        let records = srv_records(asked, found);
        message.answers = records.answers;
        message.additional = records.extra;
        message.additional.iter_mut().for_each(|record| record.ttl = external.ttl);
        let weight = ((100.0 / (100.0 * found.len() as f64) * 100.0).floor() as u16).max(1);
        let mut dup = BTreeSet::new();
        for service in found {
            let (Some(port), Host::Name(target)) = (service.port, &service.host) else { continue };
            let target = name::absolute(target);
            if dup.insert((target.clone(), port)) {
                let data = Data::Srv { priority: 0, weight, port, target: target.clone() };
                message.answers.push(Record::new(asked.qname().clone(), service.ttl, data));
                for kind in [Type::A, Type::AAAA] {
                    let more = self.lookup(asked, &target, kind)?;
                    message.additional.extend(more.into_iter().flat_map(|more| more.answers));
                }
            }
        }
        Ok(())
    }

    /// The process's addresses that the outside can reach.
    fn external_servers(&self, external: &External, asked: &Asked) -> Vec<IpAddr> {
        let Some(block) = self.server_block(asked) else { return Vec::new() };
        let k = block.plugins.iter().find_map(|directive| match &directive.plugin {
            Plugin::Kubernetes(kubernetes) => Some(&**kubernetes),
            _ => None,
        });
        let Some(k) = k else { return Vec::new() };
        let (mut ips, mut behind) = (Vec::new(), false);
        for ip in &self.server.ips {
            for (_, slice) in k.data.endpoints_with_ip(*ip) {
                behind = true;
                for (_, service) in k.data.services_named(&slice.namespace, &slice.service, false) {
                    match external.headless && service.is_headless() {
                        true => ips.extend(slice.addresses.iter().map(|address| address.ip)),
                        false => ips.extend(service.external.iter().filter_map(|ip| ip.parse::<IpAddr>().ok())),
                    }
                }
            }
        }
        if behind { ips } else { self.server.ips.clone() }
    }

    fn external_soa(&self, external: &External, asked: &Asked, zone: &str) -> Vec<Record> {
        let modified = self.server_block(asked).into_iter().flat_map(|block| &block.plugins);
        let k = modified.filter_map(|directive| match &directive.plugin {
            Plugin::Kubernetes(kubernetes) => Some(&**kubernetes),
            _ => None,
        });
        k.map(|k| soa(external, k, zone)).take(1).collect()
    }

    fn external_apex(&self, external: &External, asked: &Asked, zone: &str) -> Message {
        let mut message = authoritative(asked, Rcode::NOERROR, Vec::new());
        let server = name::join(&["ns1", &external.apex, zone]);
        match asked.kind() {
            Type::SOA => message.answers = self.external_soa(external, asked, zone),
            Type::NS => {
                message.answers = vec![Record::new(name::absolute(zone), external.ttl, Data::Ns(server.clone()))];
                let ips = self.external_servers(external, asked).into_iter();
                let address = |ip| Record::new(server.clone(), external.ttl, Data::address(ip));
                message.additional = ips.map(address).collect();
            }
            _ => message.authority = self.external_soa(external, asked, zone),
        }
        message
    }

    fn external_below_apex(&self, external: &External, asked: &Asked, zone: &str) -> Message {
        let qname = asked.name();
        let base = name::before(&qname, zone).unwrap_or("");
        let labels = name::labels(base);
        let mut message = authoritative(asked, Rcode::NOERROR, Vec::new());
        match labels.as_slice() {
            [_] => {}
            ["ns1", _] => {
                let v4 = asked.kind() == Type::A;
                let wanted = matches!(asked.kind(), Type::A | Type::AAAA);
                let ips = self.external_servers(external, asked).into_iter();
                let ips = ips.filter(|ip| wanted && ip.is_ipv4() == v4);
                let address = |ip| Record::new(asked.qname().clone(), external.ttl, Data::address(ip));
                message.answers = ips.map(address).collect();
            }
            _ => message.rcode = Rcode::NXDOMAIN,
        }
        if message.answers.is_empty() {
            message.authority = self.external_soa(external, asked, zone);
        }
        message
    }
}

fn soa(external: &External, k: &Kubernetes, zone: &str) -> Record {
    let soa = Soa {
        primary: name::join(&["ns1", &external.apex, zone]),
        mailbox: name::join(&["hostmaster", &external.apex, zone]),
        serial: k.data.modified,
        refresh: 7200,
        retry: 1800,
        expire: 86_400,
        minimum: external.ttl,
    };
    Record::new(name::absolute(zone), external.ttl, Data::Soa(Box::new(soa)))
}

/// Models plugin/kubernetes/external.go External.
fn external_services(seen: &Seen<'_>, headless: bool, asked: &Asked) -> (Vec<Found>, Rcode) {
    let (k, qname) = (seen.k, asked.name());
    let pointer = asked.kind() == Type::PTR;
    if let Some(ip) = name::reverse_address(&qname).filter(|_| pointer) {
        return external_reverse(seen, ip);
    }
    let base = name::before(&qname, seen.zone).unwrap_or("");
    let mut labels = name::labels(base);
    let Some(namespace) = labels.pop() else { return (Vec::new(), Rcode::SERVFAIL) };
    if !k.exposes(namespace) {
        return (Vec::new(), Rcode::NXDOMAIN);
    }
    let Some(service_name) = labels.pop() else { return (Vec::new(), Rcode::NOERROR) };
    fn bare(label: &str) -> &str {
        label.strip_prefix('_').unwrap_or(label)
    }
    let (port, protocol, endpoint) = match labels.as_slice() {
        [] => ("", "", ""),
        [endpoint] => ("", "", bare(endpoint)),
        [port, protocol] => (bare(port), bare(protocol), ""),
        _ => return (Vec::new(), Rcode::NXDOMAIN),
    };
    let (mut found, mut rcode) = (Vec::new(), Rcode::NXDOMAIN);
    for (row, service) in k.data.services_named(namespace, service_name, false) {
        let key = format!("{}.{}.{}", service.name, service.namespace, seen.zone);
        if headless && service.external.is_empty() && (service.is_headless() || !endpoint.is_empty()) {
            for (slice_row, slice) in k.data.endpoints_of(namespace, service_name, false) {
                for (i, address) in (0..).zip(&slice.addresses) {
                    let label = endpoint_name(address, k.endpoint_pod_names);
                    if !endpoint.is_empty() && !endpoint.eq_ignore_ascii_case(&label) {
                        continue;
                    }
                    for own in slice.ports.iter().filter(|own| port_matches(own, port, protocol)) {
                        rcode = Rcode::NOERROR;
                        let (host, key) = (Host::Ip(address.ip), format!("{label}.{key}"));
                        let entry = seen.endpoint(slice_row, i);
                        found.push(Found { host, port: own.port, ttl: k.ttl, key, entry });
                    }
                }
            }
            continue;
        }
        for external in &service.external {
            for own in service.ports.iter().filter(|own| port_matches(own, port, protocol)) {
                rcode = Rcode::NOERROR;
                let host = external.parse().map_or_else(|_| Host::Name(external.clone()), Host::Ip);
                let entry = seen.service(row);
                found.push(Found { host, port: own.port, ttl: k.ttl, key: key.clone(), entry });
            }
        }
    }
    if pointer { (Vec::new(), rcode) } else { (found, rcode) }
}

fn external_reverse(seen: &Seen<'_>, ip: IpAddr) -> (Vec<Found>, Rcode) {
    let k = seen.k;
    let services = k.data.services_with_external(&ip.to_string()).into_iter();
    let shown = services.filter(|(_, s)| k.namespaces.is_empty() || k.exposes(&s.namespace));
    let found: Vec<Found> = shown
        .map(|(row, service)| Found {
            host: Host::Name(format!("{}.{}", service.name, service.namespace).into()),
            port: None,
            ttl: k.ttl,
            key: String::new(),
            entry: seen.service(row),
        })
        .collect();
    let rcode = if found.is_empty() { miss(Miss::Name) } else { Rcode::NOERROR };
    (found, rcode)
}

fn miss(miss: Miss) -> Rcode {
    match miss {
        Miss::Name => Rcode::NXDOMAIN,
    }
}
