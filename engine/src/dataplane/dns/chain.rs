//! The chain of plugins, as a function of the question and of what is known.

use super::cache::{self, Item, Store};
use crate::net::dns::{self, CLASS_IN, Message, Question, Rcode, Record, Type, name};
use crate::tables::dns::{DnsServer, Entry, Plugin, ServerBlock};
use crate::trace::Nanos;
use std::net::IpAddr;
use std::sync::Arc;

/// How often a server may ask itself for one answer.
const DEPTH_MAX: u32 = 8;

/// How often in all.
const LOOKUPS_MAX: u32 = 100;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub ip: IpAddr,
    pub port: u16,
    /// The server's own port.
    pub local_port: u16,
    pub tcp: bool,
    /// When the question came.
    pub since: Nanos,
}

/// What a plugin has done with a question.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// What was written; None: nothing, the code says why.
    pub message: Option<Message>,
    pub rcode: Rcode,
    /// For the plugin `errors`.
    pub error: Option<String>,
    pub cause: Option<Entry>,
}

/// An upstream's answer that the chain cannot do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub key: Key,
    pub query: Message,
    pub force_tcp: bool,
    /// Asks again over TCP if the answer is truncated.
    pub prefer_udp: bool,
}

/// Which `forward` asked what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub block: u16,
    pub at: u16,
    pub name: String,
    pub kind: Type,
}

/// What came of it. Err: the words of the error.
pub(super) type Fetched = Vec<(Key, Result<Message, String>)>;

pub(super) type Served = Result<Outcome, Box<Need>>;

/// What serving has caused beside the answer; thrown away if the chain has to begin anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Effects {
    pub cached: Vec<(cache::Key, Item)>,
    pub log: Vec<String>,
    pub counters: Vec<String>,
    /// Entries of caches that have answered, with the longest pause between their hits.
    pub hits: Vec<(cache::Key, Nanos)>,
    /// What a cache wants to have anew.
    pub refresh: Option<cache::Refresh>,
}

pub(super) struct Chain<'a> {
    pub server: &'a DnsServer,
    pub store: &'a Store,
    pub fetched: &'a Fetched,
    pub client: Client,
    pub now: Nanos,
    pub seed: u64,
    pub effects: Effects,
    /// What the client takes, in bytes; `bufsize` lowers it.
    pub udp_size: u16,
    pub depth: u32,
    /// How often the server has asked itself so far.
    pub lookups: u32,
}

/// A question on its way, with the server block that has it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub message: Message,
    pub block: u16,
    pub zone: Arc<str>,
}

impl Asked {
    pub fn question(&self) -> &Question {
        static ROOT: std::sync::LazyLock<Question> = std::sync::LazyLock::new(|| Question::new(".", Type::A));
        self.message.question().unwrap_or(&ROOT)
    }

    /// As it was asked.
    pub fn qname(&self) -> &Arc<str> {
        &self.question().name
    }

    /// In lower case.
    pub fn name(&self) -> String {
        self.question().name.to_ascii_lowercase()
    }

    pub fn kind(&self) -> Type {
        self.question().kind
    }

    /// The same, with another question.
    pub fn with(&self, name: &str, kind: Type) -> Asked {
        let mut asked = self.clone();
        asked.message.questions = vec![Question::new(name::absolute(name), kind)];
        asked
    }
}

impl Outcome {
    pub fn written(message: Message, cause: Option<Entry>) -> Outcome {
        Outcome { rcode: Rcode::NOERROR, message: Some(message), error: None, cause }
    }

    /// Nothing is written: whoever called does.
    pub fn failed(rcode: Rcode, error: Option<String>, cause: Option<Entry>) -> Outcome {
        Outcome { message: None, rcode, error, cause }
    }

    /// The code that a client will see.
    pub fn seen_rcode(&self) -> Rcode {
        self.message.as_ref().map_or(self.rcode, |message| message.rcode)
    }
}

impl Chain<'_> {
    /// Finds the server block and lets its chain answer. Models core/dnsserver/server.go ServeDNS.
    pub fn serve(&mut self, query: &Message) -> Served {
        let refused = || Ok(Outcome::failed(Rcode::REFUSED, None, None));
        let Some(question) = query.question() else {
            return Ok(Outcome::failed(Rcode::SERVFAIL, None, None));
        };
        if question.class != CLASS_IN {
            return refused();
        }
        let Some((block, zone)) = self.block(&question.name) else { return refused() };
        let asked = Asked { message: query.clone(), block, zone };
        self.next(&asked, 0)
    }

    /// The block with the longest zone of this port that holds the name.
    fn block(&self, qname: &str) -> Option<(u16, Arc<str>)> {
        let mut best: Option<(u16, &Arc<str>)> = None;
        for (at, block) in (0..).zip(&self.server.blocks) {
            let listens = block.listens.iter().filter(|listen| listen.port == self.client.local_port);
            for listen in listens.filter(|listen| name::is_below(&listen.zone, qname)) {
                if best.is_none_or(|(_, zone)| listen.zone.len() > zone.len()) {
                    best = Some((at, &listen.zone));
                }
            }
        }
        best.map(|(at, zone)| (at, zone.clone()))
    }

    pub fn server_block(&self, asked: &Asked) -> Option<&ServerBlock> {
        self.server.blocks.get(usize::from(asked.block))
    }

    /// The plugin at this place of the chain has its turn. Models plugin.NextOrFailure.
    pub fn next(&mut self, asked: &Asked, at: usize) -> Served {
        let server = self.server;
        let plugins = server.blocks.get(usize::from(asked.block)).map_or(&[][..], |block| &block.plugins);
        let Some(directive) = plugins.get(at) else {
            let last = plugins.iter().rev().find(|d| answers(&d.plugin)).map_or("", |d| d.plugin.name());
            if last.is_empty() {
                return Ok(Outcome::failed(Rcode::REFUSED, None, None));
            }
            let error = format!("plugin/{last}: no next plugin found");
            return Ok(Outcome::failed(Rcode::SERVFAIL, Some(error), None));
        };
        let entry = Entry::Plugin { block: asked.block, at: at as u16 };
        match &directive.plugin {
            Plugin::Bufsize(size) => {
                self.udp_size = self.udp_size.min((*size).max(dns::UDP_SIZE_MIN));
                self.next(asked, at + 1)
            }
            Plugin::Prometheus(_) => self.prometheus(asked, at),
            Plugin::Errors => self.errors(asked, at),
            Plugin::Log(rules) => self.log(rules, asked, at),
            Plugin::Any => self.any(asked, at, entry),
            Plugin::Loadbalance { shuffles } => self.loadbalance(*shuffles, asked, at),
            Plugin::Cache(cache) => self.cache(cache, asked, at, entry),
            Plugin::Rewrite(rules) => self.rewrite(rules, asked, at),
            Plugin::Autopath(autopath) => self.autopath(autopath, asked, at),
            Plugin::Minimal => self.minimal(asked, at),
            Plugin::Template(templates) => self.template(templates, asked, at, entry),
            Plugin::Hosts(hosts) => self.hosts(hosts, asked, at, entry),
            Plugin::External(external) => self.external(external, asked, at, entry),
            Plugin::Kubernetes(kubernetes) => self.kubernetes(kubernetes, asked, at),
            Plugin::File(zones) => self.file(zones, asked, at, entry),
            Plugin::Forward(forward) => self.forward(forward, asked, at, entry),
            Plugin::Whoami => Ok(self.whoami(asked, entry)),
            Plugin::Outside(records) => Ok(self.outside(records, asked, entry)),
            Plugin::Reload | Plugin::Ready(_) | Plugin::Health(_) | Plugin::Loop { .. } => self.next(asked, at + 1),
        }
    }

    /// Asks this very server: how plugins follow a name that leads elsewhere. Models plugin/pkg/upstream.
    pub fn lookup(&mut self, asked: &Asked, name: &str, kind: Type) -> Result<Option<Message>, Box<Need>> {
        self.lookups += 1;
        if self.depth >= DEPTH_MAX || self.lookups > LOOKUPS_MAX {
            return Ok(None);
        }
        let query = asked.with(name, kind).message;
        self.depth += 1;
        let outcome = self.serve(&query);
        self.depth -= 1;
        let outcome = outcome?;
        Ok(Some(outcome.message.unwrap_or_else(|| query.reply(outcome.rcode))))
    }

    /// A number that looks random, the same each time for the same packet.
    pub fn draw(&self, asked: &Asked, turn: u64) -> u64 {
        use crate::dataplane::random::{flow_bits, mix};
        let bits = flow_bits(self.seed, self.client.ip, self.client.ip, self.client.port, asked.message.id);
        mix(bits ^ turn << 32 ^ u64::from(asked.kind().0))
    }
}

/// Whether a plugin can be the last that had a question: those that answer by themselves.
fn answers(plugin: &Plugin) -> bool {
    !matches!(plugin, Plugin::Reload | Plugin::Ready(_) | Plugin::Health(_) | Plugin::Prometheus(_))
}

/// An answer that says it is the zone's own.
pub(super) fn authoritative(asked: &Asked, rcode: Rcode, answers: Vec<Record>) -> Message {
    let mut message = asked.message.reply(rcode);
    message.flags.authoritative = true;
    message.answers = answers;
    message
}
