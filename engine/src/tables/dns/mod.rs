//! What a CoreDNS process holds: its Corefile as read, and what it has synced from the API.
//!
//! Data only. Chains of plugins are walked by `dataplane::dns`, which knows of zones, names and addresses and of nothing
//! else.

mod config;
mod data;
mod pattern;

pub use config::{
    Autopath, AutopathSource, Cache, Directive, External, Fall, Forward, Hosts, Kubernetes, Listen, Log, Mode, Plugin,
    Pods, Policy, Prefetch, Rewrite, RewriteKind, RewriteName, RewriteTo, ServerBlock, Template, TemplateMatch,
    TemplatePiece, TemplateText, Zone,
};
pub use data::{Address, ClusterData, ClusterDataBuilder, Endpoints, Pod, Port, Service, ServiceKind};
pub use pattern::Pattern;

use super::Origin;
use std::net::IpAddr;
use std::sync::Arc;

/// A DNS server's configuration and data.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsServer {
    /// As the process calls itself in `version.bind`.
    pub name: Arc<str>,
    pub blocks: Vec<ServerBlock>,
    /// The process's own addresses, loopback left out.
    pub ips: Vec<IpAddr>,
}

/// The row that decided an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A directive of the Corefile: server block and place in the chain.
    Plugin {
        block: u16,
        at: u16,
    },
    /// A row of the data of the `kubernetes` directive at this place.
    Service {
        block: u16,
        at: u16,
        row: u32,
    },
    Endpoint {
        block: u16,
        at: u16,
        row: u32,
        address: u16,
    },
    Pod {
        block: u16,
        at: u16,
        row: u32,
    },
}

impl DnsServer {
    pub fn directive(&self, block: u16, at: u16) -> Option<&Directive> {
        self.blocks.get(usize::from(block))?.plugins.get(usize::from(at))
    }

    fn kubernetes(&self, block: u16, at: u16) -> Option<&ClusterData> {
        match &self.directive(block, at)?.plugin {
            Plugin::Kubernetes(kubernetes) => Some(&kubernetes.data),
            _ => None,
        }
    }

    /// The plugin that an entry belongs to.
    pub fn plugin_name(&self, entry: Entry) -> &str {
        let (Entry::Plugin { block, at }
        | Entry::Service { block, at, .. }
        | Entry::Endpoint { block, at, .. }
        | Entry::Pod { block, at, .. }) = entry;
        self.directive(block, at).map_or("", |directive| directive.plugin.name())
    }

    /// Every entry: plugins in the order of the chain, each `kubernetes` with what it has synced.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (block, of) in (0..).zip(&self.blocks) {
            for (at, directive) in (0..).zip(&of.plugins) {
                entries.push(Entry::Plugin { block, at });
                let Plugin::Kubernetes(kubernetes) = &directive.plugin else { continue };
                let data = &kubernetes.data;
                entries.extend((0..data.services.len() as u32).map(|row| Entry::Service { block, at, row }));
                for (row, endpoints) in (0..).zip(&data.endpoints) {
                    let addresses = 0..endpoints.addresses.len().min(usize::from(u16::MAX)) as u16;
                    entries.extend(addresses.map(|address| Entry::Endpoint { block, at, row, address }));
                }
                entries.extend((0..data.pods.len() as u32).map(|row| Entry::Pod { block, at, row }));
            }
        }
        entries
    }

    /// The entry as it is shown, and why it is there.
    pub fn entry(&self, entry: Entry) -> Option<(String, Origin)> {
        match entry {
            Entry::Plugin { block, at } => {
                let directive = self.directive(block, at)?;
                Some((directive.text.to_string(), directive.origin.clone()))
            }
            Entry::Service { block, at, row } => {
                let service = self.kubernetes(block, at)?.services.get(row as usize)?;
                Some((service.to_string(), service.origin.clone()))
            }
            Entry::Endpoint { block, at, row, address } => {
                let endpoints = self.kubernetes(block, at)?.endpoints.get(row as usize)?;
                let address = endpoints.addresses.get(usize::from(address))?;
                let text = format!("endpoint {} {}.{}", address.ip, endpoints.service, endpoints.namespace);
                Some((text, address.origin.clone()))
            }
            Entry::Pod { block, at, row } => {
                let pod = self.kubernetes(block, at)?.pods.get(row as usize)?;
                Some((format!("pod {} {}/{}", pod.ip, pod.namespace, pod.name), pod.origin.clone()))
            }
        }
    }

    /// Everything it holds, a line each.
    pub fn print(&self) -> String {
        let lines = self.entries().into_iter().filter_map(|entry| self.entry(entry));
        lines.map(|(text, _)| text + "\n").collect()
    }
}
