//! Policies in tiers: those of cluster administrators, and Calico's own.

use super::{View, enforces_policies, selectors};
use crate::analyze::Findings;
use crate::cluster::{Object, Typed, same};
use crate::manifest::expression::Expression;
use crate::manifest::nearest::nearest;
use crate::manifest::typed::{ClusterAction, ClusterPeerKind, ClusterPods, ClusterPolicy, LabelSelector};
use crate::manifest::{Fix, Node, Severity, Span, Value};
use crate::program::Tiers;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Kinds that only such policies have; Calico's NetworkPolicies share theirs with Kubernetes'.
const KINDS: [&str; 5] = [
    "AdminNetworkPolicy",
    "BaselineAdminNetworkPolicy",
    "ClusterNetworkPolicy",
    "GlobalNetworkPolicy",
    "NetworkPolicy",
];
const DIRECTIONS: [(&str, &str); 2] = [("ingress", "from"), ("egress", "to")];

/// The policies that are in tiers of their own.
pub fn all(findings: &Findings<'_>) -> Vec<Arc<Object>> {
    let objects = KINDS.iter().flat_map(|kind| findings.revision.list(kind, None));
    objects.filter(|object| matches!(object.typed, Typed::ClusterPolicy(_) | Typed::CalicoPolicy(_))).cloned().collect()
}

pub fn check(findings: &mut Findings<'_>, policies: &[Arc<Object>]) {
    let view = View::of(findings);
    let tiers = Tiers::new(findings.revision);
    let known = labels(&view);
    for object in policies {
        if enforces_policies(&findings.revision.network.cni) {
            version(findings, object);
        } else {
            no_effect(findings, object);
        }
        never_asked(findings, object);
        match &object.typed {
            Typed::ClusterPolicy(policy) => {
                subject(findings, &view, object, policy);
                peers(findings, &view, object, policy);
            }
            Typed::CalicoPolicy(policy) => {
                tier(findings, &tiers, object);
                let spec = object.written().get("spec");
                if let Some((spec, selector)) = spec.zip(policy.selector.as_ref()) {
                    unknown_labels(findings, spec.get("selector"), selector, &known);
                }
            }
            _ => {}
        }
    }
}

fn name_span(object: &Object) -> Span {
    object.written().at("metadata.name").span
}

fn no_effect(findings: &mut Findings<'_>, object: &Object) {
    let kind = &object.key.kind;
    let kinds = format!("{}ies", kind.trim_end_matches('y'));
    let message = match object.typed {
        Typed::CalicoPolicy(_) => {
            format!("{kinds} of {} are Calico's: with Flannel this one has no effect", object.key.group)
        }
        _ => format!("Flannel does not enforce {kinds}: this one has no effect"),
    };
    if let Some(problem) = findings.warn("policy-no-effect", name_span(object), message) {
        problem.hint("Calico does: make it the cluster's CNI plugin (--cni calico)");
    }
}

/// Which Calico has the kind: here all of them are there.
fn version(findings: &mut Findings<'_>, object: &Object) {
    let message = match &*object.key.kind {
        "ClusterNetworkPolicy" => {
            "Calico enforces ClusterNetworkPolicies from 3.32 on; 3.31 has AdminNetworkPolicies instead"
        }
        "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy" => {
            "Calico 3.29 to 3.31 enforce this kind; from 3.32 on ClusterNetworkPolicy is in its place"
        }
        _ => return,
    };
    findings.add(Severity::Info, "policy-version", name_span(object), message.to_owned());
}

/// A tier that is not there.
fn tier(findings: &mut Findings<'_>, tiers: &Tiers, object: &Object) {
    let spec = object.written().get("spec");
    let Some(node) = spec.and_then(|spec| spec.get("tier")) else { return };
    let Some(name) = node.as_str().filter(|name| !name.is_empty() && tiers.find(name).is_none()) else { return };
    let message = format!("there is no tier {name}: its policies are asked after those of all other tiers");
    let near = nearest(name, tiers.iter().map(|tier| &*tier.name)).map(str::to_owned);
    if let Some(problem) = findings.warn("policy-no-tier", node.span, message) {
        problem.hint(match near {
            Some(near) => format!("did you mean {near}? Its policies are called {near}.NAME"),
            None => format!("make a Tier called {name}, with an order"),
        });
    }
}

/// A selector of labels that finds nothing.
fn subject(findings: &mut Findings<'_>, view: &View, object: &Object, policy: &ClusterPolicy) {
    let Some(subject) = &policy.subject else { return };
    let node = object.written().at("spec.subject");
    let message = |why: &str| format!("{} {} selects no Pods: {why}", object.key.kind, object.key.name);
    finds_nothing(findings, view, subject, node, ("policy-selects-nothing", &message));
}

fn peers(findings: &mut Findings<'_>, view: &View, object: &Object, policy: &ClusterPolicy) {
    let name = &object.key.name;
    for ((field, list), rules) in DIRECTIONS.into_iter().zip([&policy.ingress, &policy.egress]) {
        let nodes = object.written().at(&format!("spec.{field}")).items();
        for (rule, rule_node) in rules.iter().zip(nodes) {
            let peer_nodes = rule_node.get(list).map_or(&[][..], Node::items);
            for (peer, node) in rule.peers.iter().zip(peer_nodes) {
                let message = |why: &str| {
                    format!("a peer in the {field} rules of {} {name} matches no Pod: {why}", object.key.kind)
                };
                match &peer.kind {
                    ClusterPeerKind::Pods(pods) => {
                        finds_nothing(findings, view, pods, node, ("policy-peer-selects-nothing", &message));
                    }
                    ClusterPeerKind::DomainNames(_) => no_names(findings, node, rule.action),
                    ClusterPeerKind::Nodes(_) => nodes_peer(findings, node),
                    ClusterPeerKind::Networks(_) | ClusterPeerKind::Unknown => {}
                }
            }
        }
    }
}

fn finds_nothing(
    findings: &mut Findings<'_>,
    view: &View,
    pods: &ClusterPods,
    node: &Node,
    (code, message): (&'static str, &dyn Fn(&str) -> String),
) {
    let own: Arc<str> = "".into();
    let namespaces = view.namespaces(&own, Some(&pods.namespaces));
    let selector = pods.pods.clone().unwrap_or_default();
    if namespaces.is_empty() {
        let parent = if pods.pods.is_some() { node.at("pods") } else { node };
        let field = if pods.pods.is_some() { "namespaceSelector" } else { "namespaces" };
        let why = format!("no namespace {}", selectors::wanted(&pods.namespaces));
        let mend = selectors::mend_namespaces(findings, view, (parent.get(field), &pods.namespaces));
        mend.tell(findings, code, node.span, message(&why));
    } else if view.pods(&namespaces, Some(&selector)).is_empty() {
        let why = selectors::nothing(&namespaces, &selector);
        let mend = selectors::mend_pods(findings, view, (node.get("pods"), &selector), &namespaces);
        mend.tell(findings, code, node.span, message(&why));
    }
}

fn no_names(findings: &mut Findings<'_>, node: &Node, action: Option<ClusterAction>) {
    let does = if action == Some(ClusterAction::Accept) { "accepts nothing" } else { "denies everything" };
    let message = format!("Calico takes no domainNames: the rule fails closed and {does}");
    if let Some(problem) = findings.warn("policy-peer-unsupported", node.span, message) {
        problem.hint("name the addresses in networks");
    }
}

fn nodes_peer(findings: &mut Findings<'_>, node: &Node) {
    let message = "Calico 3.32 takes no nodes peers and fails closed; podhop does what the API says of them";
    findings.add(Severity::Info, "policy-peer-unsupported", node.span, message.to_owned());
}

/// Rules behind one that takes all that they are about.
fn never_asked(findings: &mut Findings<'_>, object: &Object) {
    for (field, list) in DIRECTIONS {
        let rules = object.written().at(&format!("spec.{field}")).items();
        for (at, rule) in rules.iter().enumerate() {
            let taker = rules[..at].iter().position(|earlier| takes_all(earlier, rule, list));
            if let Some(taker) = taker {
                let message =
                    format!("this rule never decides anything: {field}[{taker}] before it takes all that it is about");
                if let Some(problem) = findings.warn("policy-rule-shadowed", rule.span, message) {
                    problem.hint("put it before that rule, or take it out");
                }
            }
        }
    }
}

/// Whether an earlier rule decides about everything that a later one is about.
fn takes_all(earlier: &Node, later: &Node, list: &str) -> bool {
    let none = |name: &str| earlier.get(name).is_none_or(|value| value.value == Value::Null);
    if none(list) {
        // One of Calico's: without conditions it takes everything.
        let free = ["action", "metadata"];
        let decides = earlier.get("action").and_then(Node::as_str).is_some_and(|action| action != "Log");
        return later.get(list).is_none()
            && decides
            && earlier.entries().iter().all(|(key, _)| free.contains(&&*key.name));
    }
    let wide = |peer: &Node| peer.get("namespaces").is_some_and(|selector| selector.entries().is_empty());
    let about_pods = |peer: &Node| peer.get("namespaces").is_some() || peer.get("pods").is_some();
    let peers = |rule: &Node| rule.get(list).map_or(&[][..], Node::items).to_vec();
    let (before, after) = (peers(earlier), peers(later));
    let covered = |peer: &Node| before.iter().any(|own| same(own, peer) || wide(own) && about_pods(peer));
    none("protocols") && none("ports") && !after.is_empty() && after.iter().all(covered)
}

/// The labels that Pods have.
fn labels(view: &View) -> BTreeSet<Arc<str>> {
    let everything = LabelSelector::default();
    let all: Vec<&Arc<str>> = view.namespaces.iter().map(|(name, _)| name).collect();
    view.pods(&all, Some(&everything)).into_iter().flat_map(|alike| alike.labels.keys().cloned()).collect()
}

/// A policy's own selector that speaks of a label that no Pod has.
fn unknown_labels(findings: &mut Findings<'_>, node: Option<&Node>, selector: &Expression, known: &BTreeSet<Arc<str>>) {
    let Some(node) = node else { return };
    let mut asked = Vec::new();
    selector.labels(&mut asked);
    let own = |key: &str| ["projectcalico.org/", "pcns.", "pcsa."].iter().any(|start| key.starts_with(start));
    let Some((key, _)) = asked.into_iter().find(|(key, _)| !known.contains(key) && !own(key)) else { return };
    let near = nearest(&key, known.iter().map(|known| &**known)).map(str::to_owned);
    let written = findings.cluster.sources().get(node.span.source).map(|source| source.slice(node.span).to_owned());
    let message = format!("no Pod has a label {key}");
    let problem = findings.warn("policy-label-unknown", node.span, message);
    if let (Some(problem), Some(near)) = (problem, near) {
        problem.hint(format!("did you mean {near}?"));
        let fixed = written.filter(|text| text.matches(&*key).count() == 1);
        problem.fix = fixed.map(|text| Fix { span: node.span, replacement: text.replace(&*key, &near) });
    }
}
