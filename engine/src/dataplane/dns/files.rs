//! The `hosts` and `file` plugins. Models plugin/hosts/hosts.go and plugin/file/lookup.go.

use super::chain::{Asked, Chain, Need, Outcome, Served, authoritative};
use crate::net::dns::{Data, Message, Rcode, Record, Type, name};
use crate::tables::dns::{Entry, Hosts, Zone};
use std::sync::Arc;

/// Models plugin/file/lookup.go maxChain.
const ALIASES_MAX: u32 = 10;

impl Chain<'_> {
    pub fn hosts(&mut self, hosts: &Hosts, asked: &Asked, at: usize, own: Entry) -> Served {
        let qname = asked.name();
        let pointer = asked.kind() == Type::PTR;
        if name::longest(&hosts.zones, &qname).is_none() && !pointer {
            return self.next(asked, at + 1);
        }
        let record = |data| Record::new(qname.as_str(), hosts.ttl, data);
        let answers: Vec<Record> = match asked.kind() {
            Type::PTR => {
                let ip = name::reverse_address(&qname);
                let entries = hosts.entries.iter().filter(|(own, _)| hosts.reverse && Some(*own) == ip);
                let names: Vec<Record> =
                    entries.flat_map(|(_, names)| names).map(|name| record(Data::Ptr(name.clone()))).collect();
                if names.is_empty() {
                    return self.next(asked, at + 1);
                }
                names
            }
            Type::A => hosts.addresses(&qname).filter(|ip| ip.is_ipv4()).map(|ip| record(Data::address(ip))).collect(),
            Type::AAAA => {
                hosts.addresses(&qname).filter(|ip| ip.is_ipv6()).map(|ip| record(Data::address(ip))).collect()
            }
            _ => Vec::new(),
        };
        // Only a name that is not there at all falls through.
        if answers.is_empty() && hosts.addresses(&qname).next().is_none() {
            if hosts.fall.through(&qname) {
                return self.next(asked, at + 1);
            }
            return Ok(Outcome::failed(Rcode::SERVFAIL, None, Some(own)));
        }
        Ok(Outcome::written(authoritative(asked, Rcode::NOERROR, answers), Some(own)))
    }

    pub fn file(&mut self, zones: &[Zone], asked: &Asked, at: usize, own: Entry) -> Served {
        let qname = asked.name();
        let holding = zones.iter().filter(|zone| name::is_below(&zone.origin, &qname));
        let Some(zone) = holding.max_by_key(|zone| zone.origin.len()) else { return self.next(asked, at + 1) };
        if matches!(asked.kind(), Type::AXFR | Type::IXFR) {
            return Ok(Outcome::failed(Rcode::REFUSED, None, Some(own)));
        }
        let mut message = authoritative(asked, Rcode::NOERROR, Vec::new());
        self.zone_lookup(zone, asked, asked.qname().clone(), &mut message, 0)?;
        if message.rcode == Rcode::NXDOMAIN && zone.fall.through(&qname) {
            return self.next(asked, at + 1);
        }
        Ok(Outcome::written(message, Some(own)))
    }

    fn zone_lookup(
        &mut self,
        zone: &Zone,
        asked: &Asked,
        qname: Arc<str>,
        message: &mut Message,
        depth: u32,
    ) -> Result<(), Box<Need>> {
        let lower = qname.to_ascii_lowercase();
        let at = |wanted: &str| -> Vec<&Record> {
            zone.records.iter().filter(|record| record.name.eq_ignore_ascii_case(wanted)).collect()
        };
        if let Some(delegation) = delegation(zone, &lower) {
            message.flags.authoritative = false;
            for record in delegation {
                if let Data::Ns(server) = &record.data {
                    let glue = at(server).into_iter().filter(|glue| glue.ip().is_some());
                    message.additional.extend(glue.cloned());
                }
                message.authority.push(record.clone());
            }
            return Ok(());
        }
        let mut found = at(&lower);
        let exists = |name_: &str| zone.records.iter().any(|record| name::is_below(name_, &record.name));
        if found.is_empty() && !exists(&lower) {
            found = wildcard(zone, &lower).map(|name| at(&name)).unwrap_or_default();
            if found.is_empty() {
                // An alias that leads nowhere is an answer all the same.
                message.rcode = if depth == 0 { Rcode::NXDOMAIN } else { message.rcode };
                message.authority.extend(zone_soa(zone));
                return Ok(());
            }
        }
        let renamed = |record: &&Record| Record { name: qname.clone(), ..(**record).clone() };
        let alias = found.iter().find(|record| record.kind() == Type::CNAME && asked.kind() != Type::CNAME);
        if let Some(alias) = alias {
            message.answers.push(renamed(alias));
            let Data::Cname(target) = &alias.data else { return Ok(()) };
            if depth >= ALIASES_MAX {
                return Ok(());
            }
            if name::is_below(&zone.origin, target) {
                return self.zone_lookup(zone, asked, target.clone(), message, depth + 1);
            }
            if let Some(more) = self.lookup(asked, target, asked.kind())? {
                message.answers.extend(more.answers);
            }
            return Ok(());
        }
        let answers: Vec<Record> = found
            .iter()
            .filter(|record| record.kind() == asked.kind() || asked.kind() == Type::ANY)
            .map(renamed)
            .collect();
        if answers.is_empty() {
            message.authority.extend(zone_soa(zone));
            return Ok(());
        }
        for record in &answers {
            if let Data::Srv { target, .. } | Data::Mx { exchange: target, .. } | Data::Ns(target) = &record.data {
                let extra = at(target).into_iter().filter(|extra| extra.ip().is_some());
                message.additional.extend(extra.cloned());
            }
        }
        message.answers.extend(answers);
        if asked.kind() != Type::NS {
            let apex = at(&zone.origin).into_iter();
            message.authority.extend(apex.filter(|record| record.kind() == Type::NS).cloned());
        }
        Ok(())
    }
}

fn zone_soa(zone: &Zone) -> Option<Record> {
    let apex = |record: &&Record| record.kind() == Type::SOA && record.name.eq_ignore_ascii_case(&zone.origin);
    zone.records.iter().find(apex).cloned()
}

/// NS records between the zone's own name and this one: others answer for it.
fn delegation<'z>(zone: &'z Zone, qname: &str) -> Option<Vec<&'z Record>> {
    let labels = name::labels(qname);
    let own = name::labels(&zone.origin).len();
    for at in (0..labels.len().saturating_sub(own)).rev() {
        let cut = name::join(&labels[at..]);
        let servers: Vec<&Record> = zone
            .records
            .iter()
            .filter(|record| record.kind() == Type::NS && record.name.eq_ignore_ascii_case(&cut))
            .collect();
        if !servers.is_empty() {
            return Some(servers);
        }
    }
    None
}

/// The wildcard of the closest name that exists (RFC 4592).
fn wildcard(zone: &Zone, qname: &str) -> Option<String> {
    let labels = name::labels(qname);
    let own = name::labels(&zone.origin).len();
    for at in 1..=labels.len().saturating_sub(own) {
        let encloser = name::join(&labels[at..]);
        let star = format!("*.{encloser}");
        if zone.records.iter().any(|record| record.name.eq_ignore_ascii_case(&star)) {
            return Some(star);
        }
        if zone.records.iter().any(|record| name::is_below(&encloser, &record.name)) {
            return None;
        }
    }
    None
}
