//! Named ports that no Pod has.

use super::{Alike, Findings, Rule, View};
use crate::manifest::nearest::nearest;
use crate::manifest::typed::{IntOrString, PeerKind, PolicyPort};
use crate::manifest::{Fix, Node};
use crate::net::Protocol;
use std::collections::BTreeSet;
use std::sync::Arc;

pub fn check(findings: &mut Findings<'_>, view: &View, rule: &Rule<'_>, selected: &[&Alike]) {
    let nodes = rule.node.get("ports").map_or(&[][..], Node::items);
    let mut ports = rule.rule.ports.iter().zip(nodes).filter_map(named).peekable();
    if ports.peek().is_none() {
        return;
    }
    let reached = if rule.direction.field == "egress" { reached(view, rule) } else { selected.to_vec() };
    let only_blocks = rule.rule.peers.iter().all(|peer| matches!(peer.kind, PeerKind::Block { .. }));
    let to_blocks = rule.direction.field == "egress" && !rule.rule.peers.is_empty() && only_blocks;
    if reached.is_empty() && !to_blocks {
        return;
    }
    for (port, name, node) in ports {
        let known: BTreeSet<&str> = reached.iter().flat_map(|alike| alike.port_names(port.protocol)).collect();
        if !known.contains(name) {
            unknown(findings, rule, (port, name, node), (&known, &reached));
        }
    }
}

fn named<'p>((port, node): (&'p PolicyPort, &'p Node)) -> Option<(&'p PolicyPort, &'p str, &'p Node)> {
    match (&port.port, node.get("port")) {
        (Some(IntOrString::String(name)), Some(node)) => Some((port, name, node)),
        _ => None,
    }
}

/// The Pods that a rule of `egress` leads to.
fn reached<'v>(view: &'v View, rule: &Rule<'_>) -> Vec<&'v Alike> {
    if rule.rule.peers.is_empty() {
        let all: Vec<&Arc<str>> = view.namespaces.iter().map(|(name, _)| name).collect();
        return view.pods(&all, None);
    }
    let of = |kind: &PeerKind| match kind {
        PeerKind::Pods { namespaces, pods } => {
            view.pods(&view.namespaces(rule.policy.namespace(), namespaces.as_ref()), pods.as_ref())
        }
        PeerKind::Block { .. } => Vec::new(),
    };
    rule.rule.peers.iter().flat_map(|peer| of(&peer.kind)).collect()
}

fn unknown(
    findings: &mut Findings<'_>,
    rule: &Rule<'_>,
    (port, name, node): (&PolicyPort, &str, &Node),
    (known, reached): (&BTreeSet<&str>, &[&Alike]),
) {
    let whose = match rule.direction.field {
        "egress" => "this rule leads to".to_owned(),
        _ => format!("NetworkPolicy {} selects", rule.policy.name()),
    };
    let message = format!("no container of the Pods that {whose} has a {} port named {name:?}", port.protocol.name());
    let other = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
        .into_iter()
        .find(|other| reached.iter().any(|alike| alike.port_names(*other).any(|known| known == name)));
    let meant = nearest(name, known.iter().copied());
    let hint = match (meant, other) {
        (_, Some(other)) => format!("there is one of {}: write protocol: {}", other.name(), other.name()),
        (Some(meant), _) => format!("did you mean {meant:?}?"),
        _ if reached.is_empty() => "addresses of an ipBlock name no ports: give the number".to_owned(),
        _ => "name a containerPort so, or give the number".to_owned(),
    };
    let fix = meant.filter(|_| other.is_none()).map(|meant| findings.requoted(node.span, meant));
    if let Some(problem) = findings.warn("policy-port-name", node.span, message) {
        problem.hint(hint);
        problem.fix = fix.map(|replacement| Fix { span: node.span, replacement });
    }
}
