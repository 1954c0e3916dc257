//! Records from services. Models plugin/backend_lookup.go and plugin/etcd/msg.

use super::chain::{Asked, Chain, Need};
use crate::net::dns::{Data, Message, Rcode, Record, Soa, Type, name};
use crate::tables::dns::{Entry, Kubernetes};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Models plugin/backend_lookup.go maxCnameChainLength.
const ALIASES_MAX: usize = 10;

/// An address, or a name that leads on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Ip(IpAddr),
    Name(Arc<str>),
    Text(&'static str),
}

/// One thing that a name stands for.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub host: Host,
    /// None: no port is declared.
    pub port: Option<u16>,
    pub ttl: u32,
    /// Its own name.
    pub key: String,
    pub entry: Option<Entry>,
}

/// Why nothing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// No such name: `errNoItems`, `errNsNotExposed`, `errInvalidRequest`.
    Name,
}

pub(super) type Services = Result<Vec<Found>, Miss>;

/// Records with the row behind the first.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    pub answers: Vec<Record>,
    pub extra: Vec<Record>,
    pub truncated: bool,
    pub entry: Option<Entry>,
}

impl Records {
    fn add(&mut self, record: Record, entry: Option<Entry>) {
        self.entry = self.entry.or(entry);
        self.answers.push(record);
    }
}

type Looked = Result<Result<Records, Miss>, Box<Need>>;

/// The zone as a question is seen by the plugin, in the question's letter case.
pub(super) struct Seen<'a> {
    pub k: &'a Kubernetes,
    pub zone: &'a str,
    pub block: u16,
    pub at: u16,
}

impl Chain<'_> {
    /// A or AAAA, names that lead on followed.
    pub fn addresses(&mut self, seen: &Seen<'_>, asked: &Asked, previous: &[Record]) -> Looked {
        let kind = asked.kind();
        let found = match self.services(seen, asked) {
            Ok(found) => found,
            Err(miss) => return Ok(Err(miss)),
        };
        let mut records = Records::default();
        let mut seen_ips = BTreeSet::new();
        for service in found {
            match &service.host {
                Host::Ip(ip) => {
                    if ip.is_ipv4() == (kind == Type::A) && seen_ips.insert(*ip) {
                        let record = Record::new(asked.qname().clone(), service.ttl, Data::address(*ip));
                        records.add(record, service.entry);
                    }
                }
                Host::Name(target) => {
                    self.alias(seen, asked, previous, (&service, target), &mut records)?;
                }
                Host::Text(_) => {}
            }
        }
        Ok(Ok(records))
    }

    fn alias(
        &mut self,
        seen: &Seen<'_>,
        asked: &Asked,
        previous: &[Record],
        (service, target): (&Found, &str),
        records: &mut Records,
    ) -> Result<(), Box<Need>> {
        let target = name::absolute(target);
        // x CNAME x is a direct loop.
        if name::is_below(&asked.name(), &target) || previous.len() > ALIASES_MAX {
            return Ok(());
        }
        let alias = Record::new(asked.qname().clone(), service.ttl, Data::Cname(target.clone()));
        if previous.contains(&alias) {
            return Ok(());
        }
        if name::is_below(seen.zone, &target) {
            let within = asked.with(&target, asked.kind());
            let chain: Vec<Record> = previous.iter().chain([&alias]).cloned().collect();
            if let Ok(next) = self.addresses(seen, &within, &chain)? {
                if !next.answers.is_empty() {
                    records.add(alias, service.entry);
                    records.answers.extend(next.answers);
                }
                records.truncated |= next.truncated;
            }
            return Ok(());
        }
        if let Some(message) = self.lookup(asked, &target, asked.kind())? {
            records.truncated |= message.flags.truncated;
            records.add(alias, service.entry);
            records.answers.extend(message.answers);
        }
        Ok(())
    }

    pub fn srv(&mut self, seen: &Seen<'_>, asked: &Asked) -> Looked {
        let found = match self.services(seen, asked) {
            Ok(found) => found,
            Err(miss) => return Ok(Err(miss)),
        };
        Ok(Ok(srv_records(asked, &found)))
    }

    pub fn txt(&mut self, seen: &Seen<'_>, asked: &Asked) -> Result<Records, Miss> {
        let mut records = Records::default();
        for service in self.services(seen, asked)? {
            if let Host::Text(text) = service.host {
                let data = Data::Txt(vec![text.as_bytes().into()]);
                records.add(Record::new(asked.qname().clone(), service.ttl, data), service.entry);
            }
        }
        Ok(records)
    }

    pub fn cname(&mut self, seen: &Seen<'_>, asked: &Asked) -> Result<Records, Miss> {
        let mut records = Records::default();
        if let Some(service) = self.services(seen, asked)?.first()
            && let Host::Name(target) = &service.host
        {
            let data = Data::Cname(name::absolute(target));
            records.add(Record::new(asked.qname().clone(), service.ttl, data), service.entry);
        }
        Ok(records)
    }

    pub fn ptr(&mut self, seen: &Seen<'_>, asked: &Asked) -> Result<Records, Miss> {
        let mut records = Records::default();
        let mut dup = BTreeSet::new();
        for service in self.reverse(seen, asked)? {
            if let Host::Name(target) = &service.host
                && dup.insert(target.clone())
            {
                let data = Data::Ptr(name::absolute(target));
                records.add(Record::new(asked.qname().clone(), service.ttl, data), service.entry);
            }
        }
        Ok(records)
    }

    /// NS: the names of the Services behind which CoreDNS itself is.
    pub fn ns(&mut self, seen: &Seen<'_>, asked: &Asked) -> Records {
        let mut records = Records::default();
        let mut dup = BTreeSet::new();
        for service in self.name_servers(seen, seen.zone) {
            let Host::Ip(ip) = service.host else { continue };
            let server = name::absolute(&service.key);
            records.extra.push(Record::new(server.clone(), service.ttl, Data::address(ip)));
            if dup.insert(server.clone()) {
                records.add(Record::new(asked.qname().clone(), service.ttl, Data::Ns(server)), service.entry);
            }
        }
        records
    }
}

/// SRV records and the addresses of their targets, weights shared out evenly.
pub(super) fn srv_records(asked: &Asked, found: &[Found]) -> Records {
    let mut records = Records::default();
    let mut targets: BTreeMap<(Arc<str>, u16), ()> = BTreeMap::new();
    let mut addresses = BTreeSet::new();
    let total = 100.0 * found.len() as f64;
    // weight = floor(100 / total × 100), at least 1.
    let weight = ((100.0 / total * 100.0).floor() as u16).max(1);
    for service in found {
        let (Some(port), Host::Ip(ip)) = (service.port, &service.host) else { continue };
        let target = name::absolute(&service.key);
        if targets.insert((target.clone(), port), ()).is_none() {
            let data = Data::Srv { priority: 0, weight, port, target: target.clone() };
            records.add(Record::new(asked.qname().clone(), service.ttl, data), service.entry);
        }
        if addresses.insert((target.clone(), *ip)) {
            records.extra.push(Record::new(target, service.ttl, Data::address(*ip)));
        }
    }
    records
}

/// The zone's SOA, whose name keeps the question's letter case.
pub(super) fn soa(k: &Kubernetes, zone: &str) -> Record {
    let soa = Soa {
        primary: name::join(&["ns.dns", zone]),
        mailbox: name::join(&["hostmaster", zone]),
        serial: k.data.modified,
        refresh: 7200,
        retry: 1800,
        expire: 86_400,
        minimum: k.ttl,
    };
    Record::new(name::absolute(zone), k.ttl.min(300), Data::Soa(Box::new(soa)))
}

/// Nothing: NXDOMAIN or NODATA, with the SOA that says how long that holds.
pub(super) fn nothing(k: &Kubernetes, zone: &str, asked: &Asked, rcode: Rcode) -> Message {
    let mut message = super::chain::authoritative(asked, rcode, Vec::new());
    message.authority = vec![soa(k, zone)];
    message
}
