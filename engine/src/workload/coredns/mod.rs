//! CoreDNS as a program: what it makes of its Corefile as it starts, and in which words it refuses.
//!
//! Models CoreDNS 1.12.1 (Kubernetes 1.34): core/dnsserver, plugin.cfg's order and the plugins' `setup.go`. A plugin that
//! exists and is not simulated gives a warning and is left out of the chain.

mod cluster;
mod files;
mod filters;
mod rewrite;
mod template;
mod words;

#[cfg(test)]
mod tests;

use crate::manifest::corefile::{self, Block, Context, Line, Problem, Word};
use crate::net::dns::name;
use crate::tables::Origin;
use crate::tables::dns::{Directive, Listen, Plugin, ServerBlock};
use std::net::IpAddr;
use std::sync::Arc;

/// What the process can see.
pub struct Environment<'a> {
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// A file beside the Corefile: another key of its ConfigMap.
    pub file: &'a dyn Fn(&str) -> Option<Arc<str>>,
    /// Of its `/etc/resolv.conf`.
    pub nameservers: &'a [IpAddr],
    pub search: &'a [Arc<str>],
    /// Of its `/etc/hosts`: address and names.
    pub hosts: &'a [(IpAddr, Vec<Arc<str>>)],
    pub origin: Origin,
}

/// A Corefile that has been read.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub blocks: Vec<ServerBlock>,
    /// What has no effect here.
    pub warnings: Vec<Problem>,
    /// Whether it takes up changes while it runs.
    pub reloads: bool,
}

impl Setup {
    /// Its zones and their ports, sorted, as the process prints them.
    pub fn zones(&self) -> Vec<(String, u16)> {
        let listens = self.blocks.iter().flat_map(|block| &block.listens);
        let mut zones: Vec<(String, u16)> = listens.map(|listen| (listen.zone.to_string(), listen.port)).collect();
        zones.sort_by(|a, b| (&a.1.to_string(), &a.0).cmp(&(&b.1.to_string(), &b.0)));
        zones.dedup();
        zones
    }
}

/// What is done about a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Simulated,
    /// Nothing of it can be seen here.
    Unseen,
    NotSimulated,
}

use Known::{NotSimulated, Simulated, Unseen};

/// plugin.cfg: the order of the chain.
const PLUGINS: [(&str, Known); 57] = [
    ("root", Unseen),
    ("metadata", Unseen),
    ("geoip", NotSimulated),
    ("cancel", Unseen),
    ("tls", NotSimulated),
    ("quic", NotSimulated),
    ("timeouts", Unseen),
    ("multisocket", Unseen),
    ("reload", Simulated),
    ("nsid", NotSimulated),
    ("bufsize", Simulated),
    ("bind", NotSimulated),
    ("debug", Unseen),
    ("trace", Unseen),
    ("ready", Simulated),
    ("health", Simulated),
    ("pprof", Unseen),
    ("prometheus", Simulated),
    ("errors", Simulated),
    ("log", Simulated),
    ("dnstap", Unseen),
    ("local", NotSimulated),
    ("dns64", NotSimulated),
    ("acl", NotSimulated),
    ("any", Simulated),
    ("chaos", NotSimulated),
    ("loadbalance", Simulated),
    ("tsig", NotSimulated),
    ("cache", Simulated),
    ("rewrite", Simulated),
    ("header", NotSimulated),
    ("dnssec", NotSimulated),
    ("autopath", Simulated),
    ("minimal", Simulated),
    ("template", Simulated),
    ("transfer", Unseen),
    ("hosts", Simulated),
    ("route53", NotSimulated),
    ("azure", NotSimulated),
    ("clouddns", NotSimulated),
    ("k8s_external", Simulated),
    ("kubernetes", Simulated),
    ("file", Simulated),
    ("auto", NotSimulated),
    ("secondary", NotSimulated),
    ("etcd", NotSimulated),
    ("loop", Simulated),
    ("forward", Simulated),
    ("grpc", NotSimulated),
    ("erratic", NotSimulated),
    ("whoami", Simulated),
    ("on", Unseen),
    ("sign", NotSimulated),
    ("view", NotSimulated),
    ("nomad", NotSimulated),
    ("grpc_server", NotSimulated),
    ("https", NotSimulated),
];

/// The names of all plugins, in the order of the chain.
pub fn plugin_names() -> impl Iterator<Item = &'static str> {
    PLUGINS.iter().map(|(name, _)| *name)
}

/// One directive in the hands of its plugin: all its lines in one server block.
struct Stanza<'a> {
    name: &'static str,
    lines: Vec<&'a Line>,
    /// Zones of the server block.
    zones: &'a [Arc<str>],
    environment: &'a Environment<'a>,
    warnings: &'a mut Vec<Problem>,
}

impl Stanza<'_> {
    /// The only line. Err: there are more.
    fn once(&self) -> Result<&Line, Problem> {
        match self.lines.as_slice() {
            [line] => Ok(line),
            lines => {
                let word = lines.last().and_then(|line| line.words.first());
                Err(Problem::plain(word, "this plugin can only be used once per Server Block"))
            }
        }
    }

    /// The zones that a plugin's arguments name, or the server block's.
    fn origins(&self, args: &[Word]) -> Vec<Arc<str>> {
        if args.is_empty() {
            return self.zones.to_vec();
        }
        args.iter().flat_map(|word| words::zones(&word.text)).collect()
    }
}

/// Reads a Corefile. Err: the process ends with these words.
pub fn setup(text: &str, environment: &Environment<'_>) -> Result<Setup, Problem> {
    let context = Context {
        is_directive: &|name| PLUGINS.iter().any(|(own, _)| *own == name),
        variable: environment.variable,
        file: environment.file,
    };
    let mut blocks = corefile::parse(text, &context)?;
    if blocks.is_empty() {
        // Without a Corefile worth the name CoreDNS runs whoami on port 53.
        let word = |text: &str| Word { text: text.into(), file: None, line: 1, start: 0, end: 0 };
        let line = |name| Line { words: vec![word(name)], lines: Vec::new() };
        blocks.push(Block { keys: vec![word(".:53")], directives: vec![line("whoami"), line("log")] });
    }
    let mut setup = Setup::default();
    let mut taken: Vec<Listen> = Vec::new();
    for block in &blocks {
        let listens = listens(block, &mut taken)?;
        let zones: Vec<Arc<str>> = listens.iter().map(|listen| listen.zone.clone()).collect();
        let plugins = plugins(block, &zones, environment, &mut setup)?;
        setup.blocks.push(ServerBlock { listens, plugins });
    }
    Ok(setup)
}

/// Zones and ports of a server block. Models core/dnsserver/register.go InspectServerBlocks.
fn listens(block: &Block, taken: &mut Vec<Listen>) -> Result<Vec<Listen>, Problem> {
    let mut listens = Vec::new();
    for key in &block.keys {
        let text = key.text.split_once("://").map_or(&*key.text, |(_, rest)| rest);
        let (_, port) = words::zone_and_port(text).map_err(|message| Problem::plain(Some(key), message))?;
        for zone in words::zones(text) {
            let listen = Listen { zone, port: port.unwrap_or(crate::net::dns::PORT) };
            if taken.contains(&listen) {
                let message = format!("cannot serve dns://{}:{} - it is already defined", listen.zone, listen.port);
                return Err(Problem::plain(Some(key), message));
            }
            taken.push(listen.clone());
            listens.push(listen);
        }
    }
    Ok(listens)
}

fn plugins(
    block: &Block,
    zones: &[Arc<str>],
    environment: &Environment<'_>,
    setup: &mut Setup,
) -> Result<Vec<Directive>, Problem> {
    let mut directives = Vec::new();
    for (name, known) in PLUGINS {
        let lines: Vec<&Line> = block.directives.iter().filter(|line| line.name() == name).collect();
        let Some(first) = lines.first().copied() else { continue };
        if known == NotSimulated {
            let message = format!("the plugin {name} is not simulated: podhop runs CoreDNS without it");
            setup.warnings.push(Problem::plain(first.words.first(), message));
        }
        if known != Simulated {
            continue;
        }
        // Each `forward` is a handler of its own.
        let groups: Vec<Vec<&Line>> =
            if name == "forward" { lines.into_iter().map(|line| vec![line]).collect() } else { vec![lines] };
        for lines in groups {
            let first = lines[0];
            let mut stanza = Stanza { name, lines, zones, environment, warnings: &mut setup.warnings };
            let named =
                |problem: Problem| Problem { message: format!("plugin/{name}: {}", problem.message), ..problem };
            let plugin = plugin(&mut stanza).map_err(named)?;
            setup.reloads |= plugin == Plugin::Reload;
            let text: Vec<&str> = first.words.iter().map(|word| &*word.text).collect();
            let origin = environment.origin.clone();
            directives.push(Directive { plugin, text: text.join(" ").into(), origin });
        }
    }
    let has = |name: &str| directives.iter().any(|directive| directive.plugin.name() == name);
    if has("k8s_external") && !has("kubernetes") {
        let word = block.directives.iter().find(|line| line.name() == "k8s_external").and_then(|l| l.words.first());
        return Err(Problem::plain(word, "plugin/k8s_external: kubernetes plugin not loaded"));
    }
    Ok(directives)
}

fn plugin(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    match stanza.name {
        "kubernetes" => cluster::kubernetes(stanza),
        "k8s_external" => cluster::external(stanza),
        "autopath" => cluster::autopath(stanza),
        "hosts" => files::hosts(stanza),
        "file" => files::file(stanza),
        "rewrite" => rewrite::rewrite(stanza),
        "template" => template::template(stanza),
        _ => filters::plugin(stanza),
    }
}

/// In lower case and with a dot at the end.
fn normal(text: &str) -> Arc<str> {
    name::absolute(&text.to_ascii_lowercase())
}
