//! A Corefile as CoreDNS has read it: every directive with its settings, in the fixed order of the chain.
//!
//! Models CoreDNS 1.12's plugins' `setup.go`; plugins that are not listed here are not simulated.

use super::{ClusterData, Pattern};
use crate::net::dns::{Rcode, Record, Type, name};
use crate::tables::Origin;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// One zone on one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// In lower case, absolute.
    pub zone: Arc<str>,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ServerBlock {
    pub listens: Vec<Listen>,
    pub plugins: Vec<Directive>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Directive {
    pub plugin: Plugin,
    /// As it is written, its block left out.
    pub text: Arc<str>,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Plugin {
    Reload,
    Bufsize(u16),
    /// Port of the page.
    Ready(u16),
    Health(u16),
    Prometheus(u16),
    Errors,
    Log(Vec<Log>),
    Any,
    Loadbalance {
        shuffles: bool,
    },
    Cache(Cache),
    Rewrite(Vec<Rewrite>),
    Autopath(Autopath),
    Minimal,
    Template(Vec<Template>),
    Hosts(Hosts),
    External(External),
    Kubernetes(Box<Kubernetes>),
    File(Vec<Zone>),
    Loop {
        zone: Arc<str>,
    },
    Forward(Forward),
    Whoami,
    /// A resolver outside the cluster that knows these records; not a plugin of CoreDNS.
    Outside(Vec<Record>),
}

impl Plugin {
    pub fn name(&self) -> &'static str {
        match self {
            Plugin::Reload => "reload",
            Plugin::Bufsize(_) => "bufsize",
            Plugin::Ready(_) => "ready",
            Plugin::Health(_) => "health",
            Plugin::Prometheus(_) => "prometheus",
            Plugin::Errors => "errors",
            Plugin::Log(_) => "log",
            Plugin::Any => "any",
            Plugin::Loadbalance { .. } => "loadbalance",
            Plugin::Cache(_) => "cache",
            Plugin::Rewrite(_) => "rewrite",
            Plugin::Autopath(_) => "autopath",
            Plugin::Minimal => "minimal",
            Plugin::Template(_) => "template",
            Plugin::Hosts(_) => "hosts",
            Plugin::External(_) => "k8s_external",
            Plugin::Kubernetes(_) => "kubernetes",
            Plugin::File(_) => "file",
            Plugin::Loop { .. } => "loop",
            Plugin::Forward(_) => "forward",
            Plugin::Whoami => "whoami",
            Plugin::Outside(_) => "outside",
        }
    }
}

/// `fallthrough [ZONES…]`: which names of this plugin's zones go on to the next one. None: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fall(pub Option<Vec<Arc<str>>>);

impl Fall {
    pub fn through(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|zones| name::longest(zones, name).is_some())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub scope: Arc<str>,
    pub format: Arc<str>,
    /// Empty: everything. Else `success`, `denial`, `error`.
    pub classes: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    pub zones: Vec<Arc<str>>,
    /// In seconds: most and least, of answers and of denials.
    pub success_ttl: (u32, u32),
    pub denial_ttl: (u32, u32),
    pub servfail_ttl: u32,
    /// Zones whose answers, and whose denials, are not kept.
    pub success_off: Vec<Arc<str>>,
    pub denial_off: Vec<Arc<str>>,
    /// Most entries, of answers and of denials.
    pub capacity: (u32, u32),
    pub prefetch: Option<Prefetch>,
}

/// When an entry that is asked for often is fetched again before it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefetch {
    /// After so many hits …
    pub amount: u32,
    /// … with no more than so many nanoseconds between one and the next …
    pub within: u64,
    /// … if no more than so much of the TTL is left.
    pub percentage: u32,
}

/// What becomes of a question that a rule has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Stop,
    Continue,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rewrite {
    pub mode: Mode,
    pub kind: RewriteKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RewriteKind {
    Name {
        from: RewriteName,
        to: Arc<str>,
        auto: bool,
        answers: Vec<(RewriteTo, Pattern, Arc<str>)>,
    },
    Type {
        from: Type,
        to: Type,
    },
    Class {
        from: u16,
        to: u16,
    },
    /// `ttl NAME SECONDS`, bounds in seconds.
    Ttl {
        from: RewriteName,
        ttl: (u32, u32),
    },
    /// A rule that changes nothing that is simulated.
    Nothing,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RewriteName {
    Exact(Arc<str>),
    Prefix(Arc<str>),
    Suffix(Arc<str>),
    Substring(Arc<str>),
    Regex(Pattern),
}

/// Which part of the answer's records an `answer` rule changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewriteTo {
    Name,
    Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autopath {
    pub zones: Vec<Arc<str>>,
    pub source: AutopathSource,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AutopathSource {
    /// `@kubernetes`: by the client's namespace.
    Kubernetes,
    /// The search list of a resolv.conf.
    Search(Vec<Arc<str>>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub class: u16,
    pub kind: Type,
    pub zones: Vec<Arc<str>>,
    pub matches: TemplateMatch,
    pub rcode: Rcode,
    pub answers: Vec<TemplateText>,
    pub additional: Vec<TemplateText>,
    pub authority: Vec<TemplateText>,
    pub fall: Fall,
}

/// Patterns; the first that matches counts. None given: everything matches.
pub type TemplateMatch = Vec<Pattern>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateText(pub Vec<TemplatePiece>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplatePiece {
    Text(Arc<str>),
    Name,
    Zone,
    Class,
    Type,
    Remote,
    /// `{{ index .Match 1 }}`
    Group(usize),
    /// `{{ .Group.name }}`
    Named(Arc<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    pub zones: Vec<Arc<str>>,
    /// Address and names, in lower case and absolute.
    pub entries: Vec<(IpAddr, Vec<Arc<str>>)>,
    pub ttl: u32,
    pub reverse: bool,
    pub fall: Fall,
}

impl Hosts {
    pub fn addresses<'h>(&'h self, name: &'h str) -> impl Iterator<Item = IpAddr> + 'h {
        let has = move |names: &[Arc<str>]| names.iter().any(|own| own.eq_ignore_ascii_case(name));
        self.entries.iter().filter(move |(_, names)| has(names)).map(|(ip, _)| *ip)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    pub zones: Vec<Arc<str>>,
    pub apex: Arc<str>,
    pub ttl: u32,
    pub headless: bool,
    pub fall: Fall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pods {
    Disabled,
    Insecure,
    Verified,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Kubernetes {
    pub zones: Vec<Arc<str>>,
    /// The first zone that is not a reverse one.
    pub primary: usize,
    pub pods: Pods,
    /// Empty: all.
    pub namespaces: BTreeSet<Arc<str>>,
    pub endpoint_pod_names: bool,
    pub endpoints: bool,
    pub ttl: u32,
    pub fall: Fall,
    pub ignore_empty_service: bool,
    pub multicluster: Vec<Arc<str>>,
    pub zonal: bool,
    /// Label selectors of `labels` and `namespace_labels`, as written.
    pub labels: Option<Arc<str>>,
    pub namespace_labels: Option<Arc<str>>,
    /// The process's own search list.
    pub search: Vec<Arc<str>>,
    /// What it has synced, after both selectors.
    pub data: Arc<ClusterData>,
}

impl Kubernetes {
    pub fn primary_zone(&self) -> &str {
        self.zones.get(self.primary).map_or(".", |zone| zone)
    }
}

/// One zone file.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    pub origin: Arc<str>,
    pub records: Vec<Record>,
    pub fall: Fall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Random,
    RoundRobin,
    Sequential,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    pub from: Arc<str>,
    pub except: Vec<Arc<str>>,
    pub to: Vec<(IpAddr, u16)>,
    pub policy: Policy,
    pub force_tcp: bool,
    pub prefer_udp: bool,
    pub max_fails: u32,
}
