//! ClusterNetworkPolicies of `policy.networking.k8s.io/v1alpha2`, and AdminNetworkPolicies and BaselineAdminNetworkPolicies
//! of v1alpha1. Models kubernetes-sigs/network-policy-api apis.

use std::sync::Arc;

use ipnet::IpNet;

use super::{LabelSelector, ObjectMeta, Protocol, reader};
use crate::manifest::{Diagnostics, Node, Span};

/// What an implementation uses for a BaselineAdminNetworkPolicy, of which there is only one.
const BASELINE_PRIORITY: u32 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterTier {
    Admin,
    Baseline,
}

/// One of the three kinds.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterPolicy {
    pub meta: ObjectMeta,
    pub tier: ClusterTier,
    /// Lower ones are asked first.
    pub priority: u32,
    /// None: nothing that can be read.
    pub subject: Option<ClusterPods>,
    pub ingress: Vec<ClusterRule>,
    pub egress: Vec<ClusterRule>,
    pub span: Span,
}

/// Pods with these labels in namespaces with those. Without `pods`: all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterPods {
    pub namespaces: LabelSelector,
    pub pods: Option<LabelSelector>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterAction {
    /// `Accept`, which v1alpha1 calls `Allow`.
    Accept,
    Deny,
    Pass,
}

/// One of `ingress` or `egress`: a packet matches if one of the peers and one of the protocols does.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterRule {
    pub name: Option<Arc<str>>,
    /// None: none that can be read.
    pub action: Option<ClusterAction>,
    /// `from` or `to`.
    pub peers: Vec<ClusterPeer>,
    /// `protocols`, or `ports` of v1alpha1. Empty: all.
    pub protocols: Vec<ClusterProtocol>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ClusterPeer {
    pub kind: ClusterPeerKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ClusterPeerKind {
    Pods(ClusterPods),
    Nodes(LabelSelector),
    Networks(Vec<IpNet>),
    DomainNames(Vec<Arc<str>>),
    /// None of the fields that are known.
    Unknown,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ClusterProtocol {
    /// The first and the last port; without them: all of the protocol.
    Numbered {
        protocol: Protocol,
        ports: Option<(u16, u16)>,
    },
    Named(Arc<str>),
}

impl ClusterPolicy {
    /// The policy of an object of this kind.
    pub fn project(root: &Node, kind: &str, d: &mut Diagnostics) -> Option<ClusterPolicy> {
        if !reader::is_object(root, d) {
            return None;
        }
        let spec = reader::object(root, "spec", d).unwrap_or(root);
        let (tier, priority) = match kind {
            "ClusterNetworkPolicy" => {
                let tier = reader::choice(spec, "tier", &["Admin", "Baseline"], d);
                let tier = if tier == Some(1) { ClusterTier::Baseline } else { ClusterTier::Admin };
                (tier, reader::count(spec, "priority", d).unwrap_or(0))
            }
            "AdminNetworkPolicy" => (ClusterTier::Admin, reader::count(spec, "priority", d).unwrap_or(0)),
            _ => (ClusterTier::Baseline, BASELINE_PRIORITY),
        };
        let subject = reader::object(spec, "subject", d);
        Some(ClusterPolicy {
            meta: ObjectMeta::project(root, d),
            tier,
            priority,
            subject: subject.and_then(|subject| pods_of(subject, d)),
            ingress: rules(spec, ("ingress", "from"), kind, d),
            egress: rules(spec, ("egress", "to"), kind, d),
            span: spec.span,
        })
    }
}

/// `namespaces` or `pods` of a subject or a peer.
fn pods_of(node: &Node, d: &mut Diagnostics) -> Option<ClusterPods> {
    if let Some(namespaces) = LabelSelector::project(node, "namespaces", d) {
        return Some(ClusterPods { namespaces, pods: None });
    }
    let pods = reader::object(node, "pods", d)?;
    Some(ClusterPods {
        namespaces: LabelSelector::project(pods, "namespaceSelector", d).unwrap_or_default(),
        pods: Some(LabelSelector::project(pods, "podSelector", d).unwrap_or_default()),
    })
}

fn rules(spec: &Node, (name, peers): (&str, &str), kind: &str, d: &mut Diagnostics) -> Vec<ClusterRule> {
    let words: &[&str] = match kind {
        "ClusterNetworkPolicy" => &["Accept", "Deny", "Pass"],
        "AdminNetworkPolicy" => &["Allow", "Deny", "Pass"],
        _ => &["Allow", "Deny"],
    };
    let project = |rule: &Node, d: &mut Diagnostics| {
        let action = reader::choice(rule, "action", words, d);
        let protocols = match kind {
            "ClusterNetworkPolicy" => {
                let protocols = reader::objects(rule, "protocols", d);
                protocols.into_iter().filter_map(|node| ClusterProtocol::project(node, d)).collect()
            }
            _ => {
                let ports = reader::objects(rule, "ports", d);
                ports.into_iter().filter_map(|node| ClusterProtocol::of_port(node, d)).collect()
            }
        };
        ClusterRule {
            name: reader::text(rule, "name", d),
            action: action.map(|at| [ClusterAction::Accept, ClusterAction::Deny, ClusterAction::Pass][at]),
            peers: reader::objects(rule, peers, d).into_iter().map(|peer| ClusterPeer::project(peer, d)).collect(),
            protocols,
            span: rule.span,
        }
    };
    reader::objects(spec, name, d).into_iter().map(|rule| project(rule, d)).collect()
}

impl ClusterPeer {
    fn project(peer: &Node, d: &mut Diagnostics) -> ClusterPeer {
        let kind = if let Some(pods) = pods_of(peer, d) {
            ClusterPeerKind::Pods(pods)
        } else if let Some(nodes) = LabelSelector::project(peer, "nodes", d) {
            ClusterPeerKind::Nodes(nodes)
        } else if reader::field(peer, "networks").is_some() {
            let subnet = |node: &Node| reader::subnet(&reader::string(node, d)?, node.span, d);
            ClusterPeerKind::Networks(
                reader::items(peer, "networks", &mut Diagnostics::default()).iter().filter_map(subnet).collect(),
            )
        } else if reader::field(peer, "domainNames").is_some() {
            ClusterPeerKind::DomainNames(reader::texts(peer, "domainNames", d))
        } else {
            ClusterPeerKind::Unknown
        };
        ClusterPeer { kind, span: peer.span }
    }
}

impl ClusterProtocol {
    /// One of `protocols`.
    fn project(node: &Node, d: &mut Diagnostics) -> Option<ClusterProtocol> {
        for (field, protocol) in [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("sctp", Protocol::Sctp)] {
            if let Some(own) = reader::object(node, field, d) {
                let port = reader::object(own, "destinationPort", d);
                return Some(ClusterProtocol::Numbered { protocol, ports: port.and_then(|port| ports_of(port, d)) });
            }
        }
        reader::text(node, "destinationNamedPort", d).map(ClusterProtocol::Named)
    }

    /// One of v1alpha1's `ports`.
    fn of_port(node: &Node, d: &mut Diagnostics) -> Option<ClusterProtocol> {
        if let Some(own) = reader::object(node, "portNumber", d) {
            let ports = reader::port(own, "port", d).map(|port| (port, port));
            return Some(ClusterProtocol::Numbered { protocol: reader::protocol(own, d), ports });
        }
        if let Some(own) = reader::object(node, "portRange", d) {
            return Some(ClusterProtocol::Numbered { protocol: reader::protocol(own, d), ports: range_of(own, d) });
        }
        reader::text(node, "namedPort", d).map(ClusterProtocol::Named)
    }
}

/// `number` or `range`.
fn ports_of(port: &Node, d: &mut Diagnostics) -> Option<(u16, u16)> {
    let number = reader::port(port, "number", d).map(|port| (port, port));
    number.or_else(|| range_of(reader::object(port, "range", d)?, d))
}

fn range_of(range: &Node, d: &mut Diagnostics) -> Option<(u16, u16)> {
    let (first, last) = (reader::port(range, "start", d)?, reader::port(range, "end", d)?);
    Some((first, last.max(first)))
}
