//! Plugins that look on, rearrange or pass on: `errors`, `log`, `prometheus`, `loadbalance`, `autopath`,
//! `forward`, `any`, `minimal`, `whoami`.

use super::chain::{Asked, Chain, Key, Need, Outcome, Served, authoritative};
use crate::net::dns::{Data, Message, Rcode, Record, Soa, Type, name};
use crate::tables::dns::{Autopath, AutopathSource, Entry, Forward, Log};
use std::net::IpAddr;
use std::sync::Arc;

impl Chain<'_> {
    pub fn server_label(&self) -> String {
        format!("server=\"dns://:{}\"", self.client.local_port)
    }

    pub fn prometheus(&mut self, asked: &Asked, at: usize) -> Served {
        let outcome = self.next(asked, at + 1)?;
        let server = self.server_label();
        let family = if self.client.ip.is_ipv4() { 1 } else { 2 };
        let proto = if self.client.tcp { "tcp" } else { "udp" };
        let (zone, kind) = (&asked.zone, asked.kind());
        self.effects.counters.push(format!(
            "coredns_dns_requests_total{{family=\"{family}\",proto=\"{proto}\",{server},type=\"{kind}\",view=\"\",zone=\"{zone}\"}}"
        ));
        let rcode = outcome.seen_rcode();
        self.effects.counters.push(format!(
            "coredns_dns_responses_total{{plugin=\"\",rcode=\"{rcode}\",{server},view=\"\",zone=\"{zone}\"}}"
        ));
        Ok(outcome)
    }

    /// Models plugin/errors.
    pub fn errors(&mut self, asked: &Asked, at: usize) -> Served {
        let outcome = self.next(asked, at + 1)?;
        if let Some(error) = &outcome.error {
            let line = format!("[ERROR] plugin/errors: {} {} {}: {error}", outcome.rcode.0, asked.name(), asked.kind());
            self.effects.log.push(line);
        }
        Ok(outcome)
    }

    /// Models plugin/log and plugin/pkg/replacer.
    pub fn log(&mut self, rules: &[Log], asked: &Asked, at: usize) -> Served {
        let outcome = self.next(asked, at + 1)?;
        let qname = asked.name();
        let Some(rule) = rules.iter().find(|rule| name::is_below(&rule.scope, &qname)) else { return Ok(outcome) };
        let rcode = outcome.seen_rcode();
        let empty = outcome.message.as_ref().is_none_or(|message| message.answers.is_empty());
        let class = match rcode {
            Rcode::NXDOMAIN => "denial",
            Rcode::NOERROR if empty => "denial",
            Rcode::NOERROR => "success",
            _ => "error",
        };
        if rule.classes.is_empty() || rule.classes.iter().any(|own| &**own == class) {
            let line = format!("[INFO] {}", self.log_line(&rule.format, asked, &outcome));
            self.effects.log.push(line);
        }
        Ok(outcome)
    }

    fn log_line(&self, format: &str, asked: &Asked, outcome: &Outcome) -> String {
        let remote = match self.client.ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let opt = asked.message.opt();
        let nothing = || "-".to_owned();
        let flags = outcome.message.as_ref().map_or_else(nothing, |message| {
            let names: Vec<&str> = message.flags.names().collect();
            names.join(",")
        });
        let size = outcome.message.as_ref().map_or(0, Message::len);
        let values = [
            ("{remote}", remote),
            ("{port}", self.client.port.to_string()),
            ("{>id}", asked.message.id.to_string()),
            ("{type}", asked.kind().to_string()),
            ("{class}", "IN".to_owned()),
            ("{name}", asked.name()),
            ("{proto}", if self.client.tcp { "tcp" } else { "udp" }.to_owned()),
            ("{size}", asked.message.len().to_string()),
            ("{>do}", opt.is_some_and(|opt| opt.ttl & 0x8000 != 0).to_string()),
            ("{>bufsize}", asked.message.udp_size().to_string()),
            ("{>opcode}", asked.message.opcode.to_string()),
            ("{rcode}", outcome.message.as_ref().map_or_else(nothing, |message| message.rcode.to_string())),
            ("{>rflags}", flags),
            ("{rsize}", size.to_string()),
            ("{duration}", format!("{}s", (self.now - self.client.since) as f64 / 1e9)),
        ];
        values.into_iter().fold(format.to_owned(), |text, (name, value)| text.replace(name, &value))
    }

    /// RFC 8482. Models plugin/any.
    pub fn any(&mut self, asked: &Asked, at: usize, own: Entry) -> Served {
        if asked.kind() != Type::ANY {
            return self.next(asked, at + 1);
        }
        let hinfo = b"\x0dANY obsoleted\x0cSee RFC 8482".to_vec();
        let data = Data::Other { kind: Type(13), bytes: hinfo.into() };
        let record = Record::new(asked.qname().clone(), 8482, data);
        Ok(Outcome::written(authoritative(asked, Rcode::NOERROR, vec![record]), Some(own)))
    }

    /// Models plugin/minimal: what only helps is left out.
    pub fn minimal(&mut self, asked: &Asked, at: usize) -> Served {
        let mut outcome = self.next(asked, at + 1)?;
        if let Some(message) = &mut outcome.message
            && message.rcode == Rcode::NOERROR
            && !message.answers.is_empty()
        {
            message.authority.clear();
            message.additional.retain(|record| record.kind() == Type::OPT);
        }
        Ok(outcome)
    }

    /// Models plugin/loadbalance roundRobin.
    pub fn loadbalance(&mut self, shuffles: bool, asked: &Asked, at: usize) -> Served {
        let mut outcome = self.next(asked, at + 1)?;
        let Some(message) = outcome.message.as_mut().filter(|message| shuffles && message.rcode == Rcode::NOERROR)
        else {
            return Ok(outcome);
        };
        for (turn, section) in (0..).zip([&mut message.answers, &mut message.authority, &mut message.additional]) {
            let (mut aliases, mut addresses, mut mail, mut rest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for record in std::mem::take(section) {
                match record.kind() {
                    Type::CNAME => aliases.push(record),
                    Type::A | Type::AAAA => addresses.push(record),
                    Type::MX => mail.push(record),
                    _ => rest.push(record),
                }
            }
            for (part, records) in (0..).zip([&mut addresses, &mut mail]) {
                for j in 0..records.len() {
                    let left = (records.len() - j) as u64;
                    let draw = self.draw(asked, turn << 32 | part << 16 | j as u64);
                    records.swap(j, j + (draw % left) as usize);
                }
            }
            section.extend(aliases.into_iter().chain(rest).chain(addresses).chain(mail));
        }
        Ok(outcome)
    }

    /// Walks the client's search list in its stead. Models plugin/autopath.
    pub fn autopath(&mut self, autopath: &Autopath, asked: &Asked, at: usize) -> Served {
        let qname = asked.name();
        if name::longest(&autopath.zones, &qname).is_none() {
            return self.next(asked, at + 1);
        }
        let search = match &autopath.source {
            AutopathSource::Search(search) => search.clone(),
            AutopathSource::Kubernetes => self.pod_search_of(asked),
        };
        let base = search.first().and_then(|first| name::before(asked.qname(), first)).map(str::to_owned);
        let Some(base) = base else { return self.next(asked, at + 1) };
        let mut first: Option<Outcome> = None;
        for domain in &search {
            let full = name::join(&[&base, domain]);
            let mut outcome = self.next(&asked.with(&full, asked.kind()), at + 1)?;
            if outcome.error.is_some() {
                return Ok(outcome);
            }
            let message = outcome.message.as_mut().filter(|message| message.rcode != Rcode::NXDOMAIN);
            if let Some(message) = message {
                message.questions = vec![asked.question().clone()];
                rename(message, asked.qname(), &full);
                return Ok(outcome);
            }
            first.get_or_insert(outcome);
        }
        match first {
            Some(mut outcome) => {
                if let Some(message) = &mut outcome.message {
                    message.questions = vec![asked.question().clone()];
                }
                Ok(outcome)
            }
            None => self.next(asked, at + 1),
        }
    }

    fn pod_search_of(&self, asked: &Asked) -> Vec<Arc<str>> {
        let plugins = self.server_block(asked).into_iter().flat_map(|block| &block.plugins);
        let k = plugins.filter_map(|directive| match &directive.plugin {
            crate::tables::dns::Plugin::Kubernetes(k) => Some(k),
            _ => None,
        });
        k.take(1).flat_map(|k| self.pod_search(k, asked)).collect()
    }

    /// Models plugin/forward: the answer of an upstream, as it is.
    pub fn forward(&mut self, forward: &Forward, asked: &Asked, at: usize, own: Entry) -> Served {
        let qname = asked.name();
        if !name::is_below(&forward.from, &qname) || name::longest(&forward.except, &qname).is_some() {
            return self.next(asked, at + 1);
        }
        let key = Key { block: asked.block, at: at as u16, name: qname, kind: asked.kind() };
        let known = self.fetched.iter().find(|(own, _)| *own == key).map(|(_, answer)| answer.clone());
        match known {
            None => Err(Box::new(Need {
                key,
                query: asked.message.clone(),
                force_tcp: forward.force_tcp || self.client.tcp && !forward.prefer_udp,
                prefer_udp: forward.prefer_udp,
            })),
            Some(Err(error)) => Ok(Outcome::failed(Rcode::SERVFAIL, Some(error), Some(own))),
            Some(Ok(mut message)) => {
                let fits = message.question().is_some_and(|question| {
                    question.kind == asked.kind() && question.name.eq_ignore_ascii_case(asked.qname())
                });
                if !fits {
                    return Ok(Outcome::written(asked.message.reply(Rcode::FORMERR), Some(own)));
                }
                message.id = asked.message.id;
                Ok(Outcome::written(message, Some(own)))
            }
        }
    }

    /// Models plugin/whoami.
    pub fn whoami(&mut self, asked: &Asked, own: Entry) -> Outcome {
        let proto = if self.client.tcp { "tcp" } else { "udp" };
        let mut message = authoritative(asked, Rcode::NOERROR, Vec::new());
        let target = Data::Srv { priority: 0, weight: 0, port: self.client.port, target: ".".into() };
        message.additional = vec![
            Record::new(asked.qname().clone(), 0, Data::address(self.client.ip)),
            Record::new(name::join(&[&format!("_{proto}"), asked.qname()]), 0, target),
        ];
        Outcome::written(message, Some(own))
    }

    /// A resolver out there: it knows some names, and that no others exist.
    pub fn outside(&mut self, records: &[Record], asked: &Asked, own: Entry) -> Outcome {
        let mut message = asked.message.reply(Rcode::NOERROR);
        message.flags.recursion_available = true;
        let mut wanted = asked.qname().clone();
        for _ in 0..8 {
            let of: Vec<&Record> = records.iter().filter(|r| r.name.eq_ignore_ascii_case(&wanted)).collect();
            let alias = of.iter().find(|record| record.kind() == Type::CNAME && asked.kind() != Type::CNAME);
            let matching = of.iter().filter(|record| record.kind() == asked.kind());
            let named = |record: &&&Record| Record { name: wanted.clone(), ..(**record).clone() };
            let found: Vec<Record> = match alias {
                Some(alias) => vec![named(&alias)],
                None => matching.map(|record| named(&record)).collect(),
            };
            let below = records.iter().any(|record| name::is_below(&wanted, &record.name));
            if of.is_empty() && !below {
                message.rcode = Rcode::NXDOMAIN;
            }
            let next = found.first().and_then(|record| match &record.data {
                Data::Cname(target) if alias.is_some() => Some(target.clone()),
                _ => None,
            });
            message.answers.extend(found);
            match next {
                Some(target) => wanted = target,
                None => break,
            }
        }
        if message.answers.last().is_none_or(|record| record.kind() != asked.kind()) {
            message.authority = vec![root_soa()];
        }
        Outcome::written(message, Some(own))
    }
}

/// The root's SOA, as its servers have it.
fn root_soa() -> Record {
    let soa = Soa {
        primary: "a.root-servers.net.".into(),
        mailbox: "nstld.verisign-grs.com.".into(),
        serial: 2_026_010_100,
        refresh: 1800,
        retry: 900,
        expire: 604_800,
        minimum: 86_400,
    };
    Record::new(".", 86_400, Data::Soa(Box::new(soa)))
}

/// An answer found under another name: an alias leads there. Models plugin/autopath cname.go.
fn rename(message: &mut Message, original: &Arc<str>, full: &Arc<str>) {
    if message.rcode != Rcode::NOERROR || message.answers.is_empty() {
        return;
    }
    let ttl = message.answers[0].ttl;
    message.answers.insert(0, Record::new(original.clone(), ttl, Data::Cname(full.clone())));
}
