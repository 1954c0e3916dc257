//! The addresses that packets between the ends may bear, and whose they are.

use super::Seen;
use crate::tables::netfilter::IpSet;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Whose an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// A Pod's, by its end, on a node.
    Pod { end: usize, node: usize },
    /// A device's of a node.
    Node { node: usize, device: Arc<str> },
}

impl Whose {
    pub fn node(&self) -> usize {
        match self {
            Whose::Pod { node, .. } | Whose::Node { node, .. } => *node,
        }
    }
}

/// All of them, in the order of addresses.
pub(super) struct Universe {
    pub all: BTreeMap<IpAddr, Whose>,
    /// By node: how many addresses of Pods it has.
    pods_counts: Vec<usize>,
    /// What nets have in them, as far as it was asked.
    known: BTreeMap<IpNet, Arc<Content>>,
}

/// What of the universe is in a net.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub pods: Vec<usize>,
    /// Nodes and devices.
    pub devices: Vec<(usize, Arc<str>)>,
    /// The one node that all of it is on.
    pub node: Option<usize>,
}

/// What of it a set has entries of: Pods, each with what the entry says beside the address, and devices.
#[derive(Default)]
pub(super) struct Members {
    pub pods: Vec<(usize, u64)>,
    pub devices: Vec<(usize, Arc<str>)>,
}

impl Universe {
    pub fn new(all: BTreeMap<IpAddr, Whose>, nodes_count: usize) -> Universe {
        let mut pods_counts = vec![0; nodes_count];
        for whose in all.values() {
            if let Whose::Pod { node, .. } = whose {
                pods_counts[*node] += 1;
            }
        }
        Universe { all, pods_counts, known: BTreeMap::new() }
    }

    pub fn content(&mut self, net: IpNet) -> Arc<Content> {
        if let Some(known) = self.known.get(&net) {
            return known.clone();
        }
        let mut content = Content::default();
        let mut nodes = std::collections::BTreeSet::new();
        for whose in self.all.range(net.network()..=net.broadcast()).map(|(_, whose)| whose) {
            nodes.insert(whose.node());
            match whose {
                Whose::Pod { end, .. } => content.pods.push(*end),
                Whose::Node { node, device } => content.devices.push((*node, device.clone())),
            }
        }
        content.node = nodes.first().copied().filter(|_| nodes.len() == 1);
        let content = Arc::new(content);
        self.known.insert(net, content.clone());
        content
    }

    pub fn is_empty(&mut self, net: IpNet) -> bool {
        let content = self.content(net);
        content.pods.is_empty() && content.devices.is_empty()
    }

    /// What a net is to a node, where that can be said without naming anyone: it has nobody in it, or nobody but this
    /// node, and all of its Pods or none.
    pub fn relation(&mut self, net: IpNet, node: usize) -> Option<u64> {
        let content = self.content(net);
        if content.pods.is_empty() && content.devices.is_empty() {
            return Some(Seen::of(&"nobody"));
        }
        let whole = content.pods.is_empty() || content.pods.len() == self.pods_counts[node];
        let devices: Vec<&str> = content.devices.iter().map(|(_, device)| &**device).collect();
        let own = content.node == Some(node) && whole;
        own.then(|| Seen::of(&("own", !content.pods.is_empty(), devices)))
    }

    pub fn members(&mut self, set: &IpSet) -> Members {
        let mut members = Members::default();
        for entry in &set.entries {
            let Some(net) = entry.net else { continue };
            let content = self.content(net);
            if content.pods.is_empty() && content.devices.is_empty() {
                continue;
            }
            let same = entry.second == Some(net);
            let port = entry.port.map(|(protocol, port)| (protocol.name(), port));
            let rest = Seen::of(&(port, if same { None } else { entry.second }, same));
            members.pods.extend(content.pods.iter().map(|end| (*end, rest)));
            members.devices.extend(content.devices.iter().cloned());
        }
        members
    }

    pub fn pods_count(&self) -> usize {
        self.pods_counts.iter().sum()
    }
}
