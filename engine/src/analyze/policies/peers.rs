//! Peers that nobody is, and peers that were meant to be one.

use super::selectors::{self, wanted};
use super::{Findings, Rule, View};
use crate::manifest::typed::{LabelSelector, PeerKind, PolicyPeer};
use crate::manifest::{Fix, Node, Span};

pub fn check(findings: &mut Findings<'_>, view: &View, rule: &Rule<'_>) {
    let nodes = rule.node.get(rule.direction.peers).map_or(&[][..], Node::items);
    let peers = &rule.rule.peers;
    for (at, (peer, node)) in peers.iter().zip(nodes).enumerate() {
        let PeerKind::Pods { namespaces, pods } = &peer.kind else { continue };
        let beside = [at.wrapping_sub(1), at + 1].into_iter().filter_map(|other| Some((other, peers.get(other)?)));
        let (namespaces, pods) = (namespaces.as_ref(), pods.as_ref());
        if !view.pods(&view.namespaces(rule.policy.namespace(), namespaces), pods).is_empty() {
            continue;
        }
        let apart = beside.filter(|(_, other)| are_one(view, rule, (namespaces, pods), other)).map(|(other, _)| other);
        match apart.min() {
            Some(other) => peers_apart(findings, rule, (at, other)),
            None => selects_nothing(findings, view, rule, (node, namespaces, pods)),
        }
    }
}

/// Whether a `podSelector` by itself finds nothing here, and what it is to find is where the peer beside it looks.
fn are_one(
    view: &View,
    rule: &Rule<'_>,
    peer: (Option<&LabelSelector>, Option<&LabelSelector>),
    beside: &PolicyPeer,
) -> bool {
    match (peer, &beside.kind) {
        ((None, Some(pods)), PeerKind::Pods { namespaces: Some(namespaces), pods: None }) => {
            let namespaces = view.namespaces(rule.policy.namespace(), Some(namespaces));
            !view.pods(&namespaces, Some(pods)).is_empty()
        }
        _ => false,
    }
}

/// `at`: the `podSelector`; `other`: the `namespaceSelector` beside it.
fn peers_apart(findings: &mut Findings<'_>, rule: &Rule<'_>, (at, other): (usize, usize)) {
    let peers = &rule.rule.peers;
    let (PeerKind::Pods { pods: Some(pods), .. }, PeerKind::Pods { namespaces: Some(namespaces), .. }) =
        (&peers[at].kind, &peers[other].kind)
    else {
        return;
    };
    let all = if namespaces.is_empty() { "every namespace".to_owned() } else { "the selected namespaces".to_owned() };
    let message = format!(
        "these are two peers: all Pods of {all}, and Pods of namespace {}, of which none {}",
        rule.policy.namespace(),
        wanted(pods)
    );
    let second = peers[at.max(other)].span;
    let dash = Span { start: second.start.saturating_sub(2), end: second.start, ..second };
    let source = findings.cluster.sources().get(second.source);
    let has_dash = source.is_some_and(|source| source.slice(dash) == "- ");
    if let Some(problem) = findings.warn("policy-peers-apart", peers[at].span, message) {
        problem.hint("for Pods that both selectors find, make one peer of them: remove the second `- `");
        problem.fix = has_dash.then(|| Fix { span: dash, replacement: "  ".to_owned() });
    }
}

fn selects_nothing(
    findings: &mut Findings<'_>,
    view: &View,
    rule: &Rule<'_>,
    (node, namespaces, pods): (&Node, Option<&LabelSelector>, Option<&LabelSelector>),
) {
    const CODE: &str = "policy-peer-selects-nothing";
    if findings.is_left(CODE, |_| node.span) {
        return;
    }
    let all = LabelSelector::default();
    let (pods, name) = (pods.unwrap_or(&all), rule.policy.name());
    let searched = view.namespaces(rule.policy.namespace(), namespaces);
    let (why, mut mend) = match namespaces.filter(|_| searched.is_empty()) {
        Some(selector) => {
            let why = format!("no namespace {}", wanted(selector));
            (why, selectors::mend_namespaces(findings, view, (node.get("namespaceSelector"), selector)))
        }
        None => {
            let why = selectors::nothing(&searched, pods);
            (why, selectors::mend_pods(findings, view, (Some(node), pods), &searched))
        }
    };
    if let Some(other) = view.index.elsewhere(&pods.match_labels).filter(|_| namespaces.is_none()) {
        mend.hint = format!(
            "Pods with these labels are in namespace {other}: a podSelector without a namespaceSelector looks in the \
             policy's own only"
        );
        mend.fix = None;
    }
    let message = format!("a peer in the {} rules of NetworkPolicy {name} matches no Pod: {why}", rule.direction.field);
    mend.tell(findings, CODE, node.span, message);
}
