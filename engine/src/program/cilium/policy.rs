//! NetworkPolicies as Cilium's repository holds them. Models pkg/k8s/network_policy.go ParseNetworkPolicy.

use super::cidr::{Cidrs, without};
use super::identity::IdentityRow;
use crate::cluster::{Labels, Object, Revision, Typed};
use crate::manifest::typed::{IntOrString, LabelSelector, PeerKind, PolicyPort, PolicyRule};
use crate::net::Protocol;
use crate::tables::ebpf::{Direction, prefixes};
use crate::tables::{Origin, Uid};
use ipnet::{IpNet, Ipv4Net};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whom a rule is about.
#[derive(Debug)]
pub enum Peer {
    Anyone,
    Pods(Selector),
    /// What is left of a block without its exceptions.
    Nets(Vec<Ipv4Net>),
}

/// Pods of namespaces.
#[derive(Debug)]
pub struct Selector {
    /// None: the policy's own namespace.
    namespaces: Option<LabelSelector>,
    own: Arc<str>,
    pods: LabelSelector,
}

/// At which ports.
#[derive(Debug)]
pub enum Port {
    /// Of any protocol, or every port of one.
    All(Option<Protocol>),
    /// A prefix of ports.
    Number(Protocol, u16, u8),
    Named(Protocol, Arc<str>),
}

/// One peer of a rule, with the rule's ports.
#[derive(Debug)]
pub struct Allow {
    pub peer: Peer,
    pub ports: Vec<Port>,
    pub origin: Origin,
}

#[derive(Debug)]
pub struct Policy {
    uid: Uid,
    changed: u64,
    selector: LabelSelector,
    /// None: it says nothing of this direction.
    rules: [Option<Vec<Allow>>; 2],
}

#[derive(Debug, Default)]
pub struct Repository {
    /// By namespace, in the order of their names.
    policies: BTreeMap<Arc<str>, Vec<Arc<Policy>>>,
    pub cidrs: Cidrs,
}

impl Repository {
    /// Policies that have not changed are those of before.
    pub fn new(revision: &Revision, before: &Repository) -> Repository {
        let mut found = Repository::default();
        for object in revision.list("NetworkPolicy", None) {
            let known = before.policies.get(&object.key.namespace).into_iter().flatten();
            let same = |policy: &&Arc<Policy>| (policy.uid, policy.changed) == (object.uid, object.changed_revision);
            let known = known.into_iter().find(same).cloned();
            if let Some(policy) = known.or_else(|| Policy::new(object).map(Arc::new)) {
                found.policies.entry(object.key.namespace.clone()).or_default().push(policy);
            }
        }
        for allow in found.policies.values().flatten().flat_map(|policy| policy.rules.iter().flatten().flatten()) {
            if let Peer::Nets(nets) = &allow.peer {
                nets.iter().for_each(|net| found.cidrs.insert(*net, &allow.origin));
            }
        }
        found
    }

    /// The policies that select an identity.
    pub fn of<'r>(&'r self, row: &'r IdentityRow) -> impl Iterator<Item = &'r Arc<Policy>> {
        let own = self.policies.get(&row.namespace).into_iter().flatten();
        own.filter(|policy| selects(&policy.selector, &row.labels))
    }
}

impl Policy {
    /// None: it is no NetworkPolicy that can be read.
    fn new(object: &Arc<Object>) -> Option<Policy> {
        let Typed::NetworkPolicy(policy) = &object.typed else { return None };
        let convert = |direction: Direction, rules: &Option<Vec<PolicyRule>>| {
            let rules = rules.as_ref()?.iter().enumerate();
            Some(rules.flat_map(|(index, rule)| allows(object, direction, index, rule)).collect())
        };
        Some(Policy {
            uid: object.uid,
            changed: object.changed_revision,
            selector: policy.pod_selector.clone(),
            rules: [convert(Direction::Ingress, &policy.ingress), convert(Direction::Egress, &policy.egress)],
        })
    }

    /// What selects endpoints.
    pub fn origin(&self) -> Origin {
        Origin::object(self.uid, "spec.podSelector")
    }

    pub fn rules(&self, direction: Direction) -> Option<&[Allow]> {
        self.rules[usize::from(direction == Direction::Egress)].as_deref()
    }
}

fn allows(object: &Object, direction: Direction, index: usize, rule: &PolicyRule) -> Vec<Allow> {
    let (field, list) = match direction {
        Direction::Ingress => ("ingress", "from"),
        Direction::Egress => ("egress", "to"),
    };
    let origin = |end: &str| Origin::Object { uid: object.uid, path: format!("spec.{field}[{index}]{end}").into() };
    let ports = || ports(&rule.ports);
    if rule.peers.is_empty() {
        let end = if rule.ports.is_empty() { "" } else { ".ports" };
        return vec![Allow { peer: Peer::Anyone, ports: ports(), origin: origin(end) }];
    }
    let peers = rule.peers.iter().enumerate();
    peers
        .map(|(at, peer)| Allow {
            peer: convert(&object.key.namespace, &peer.kind),
            ports: ports(),
            origin: origin(&format!(".{list}[{at}]")),
        })
        .collect()
}

fn convert(namespace: &Arc<str>, peer: &PeerKind) -> Peer {
    match peer {
        PeerKind::Pods { namespaces, pods } => Peer::Pods(Selector {
            namespaces: namespaces.clone(),
            own: namespace.clone(),
            pods: pods.clone().unwrap_or_default(),
        }),
        PeerKind::Block { cidr, except } => {
            let v4 = |net: &IpNet| match net {
                IpNet::V4(net) => Some(*net),
                IpNet::V6(_) => None,
            };
            let except: Vec<Ipv4Net> = except.iter().filter_map(v4).collect();
            Peer::Nets(v4(cidr).map(|net| without(net, &except)).unwrap_or_default())
        }
    }
}

fn ports(ports: &[PolicyPort]) -> Vec<Port> {
    if ports.is_empty() {
        return vec![Port::All(None)];
    }
    let convert = |port: &PolicyPort| match &port.port {
        None => vec![Port::All(Some(port.protocol))],
        Some(IntOrString::Int(first)) => {
            let first = u16::try_from(*first).unwrap_or_default();
            let last = port.end_port.unwrap_or(first).max(first);
            let number = |(port_number, len)| Port::Number(port.protocol, port_number, len);
            prefixes(first, last).into_iter().map(number).collect()
        }
        Some(IntOrString::String(name)) => vec![Port::Named(port.protocol, name.clone())],
    };
    ports.iter().flat_map(convert).collect()
}

impl Selector {
    pub fn has(&self, row: &IdentityRow) -> bool {
        let in_namespace = match &self.namespaces {
            None => *self.own == *row.namespace,
            Some(selector) => selects(selector, &row.namespace_labels),
        };
        in_namespace && selects(&self.pods, &row.labels)
    }
}

fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    selector.matches(labels)
}
