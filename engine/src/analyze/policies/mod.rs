//! NetworkPolicies that do nothing, or something else than they seem to say.

mod dns;
mod peers;
mod ports;
mod selectors;
mod tiers;

#[cfg(test)]
mod tests;

use super::index::{Alike, Index};
use super::{Findings, labels_text};
use crate::cluster::{Cni, Enforcement, Labels, Object};
use crate::manifest::typed::{LabelSelector, NetworkPolicy, PolicyRule};
use crate::manifest::{Diagnostics, Fix, Node, Span};
use std::rc::Rc;
use std::sync::Arc;

/// Whether the CNI plugin does what NetworkPolicies say.
fn enforces_policies(cni: &Cni) -> bool {
    match cni {
        Cni::Flannel(_) => false,
        Cni::Calico(_) => true,
        Cni::Cilium(config) => config.enforcement != Enforcement::Never,
    }
}

struct Policy {
    object: Arc<Object>,
    spec: NetworkPolicy,
}

/// `spec.ingress` or `spec.egress`.
#[derive(Clone, Copy)]
struct Direction {
    /// As `policyTypes` names it.
    policy_type: &'static str,
    field: &'static str,
    /// The field of a rule's peers.
    peers: &'static str,
}

const DIRECTIONS: [Direction; 2] = [
    Direction { policy_type: "Ingress", field: "ingress", peers: "from" },
    Direction { policy_type: "Egress", field: "egress", peers: "to" },
];

/// One rule of a policy and where it stands.
struct Rule<'p> {
    policy: &'p Policy,
    direction: Direction,
    rule: &'p PolicyRule,
    node: &'p Node,
}

/// What selectors are asked of.
struct View {
    index: Rc<Index>,
    namespaces: Vec<(Arc<str>, Labels)>,
}

impl View {
    fn of(findings: &Findings<'_>) -> View {
        let namespaces = findings.revision.list("Namespace", None);
        let namespaces = namespaces.map(|object| (object.key.name.clone(), Labels::clone(&object.labels))).collect();
        View { index: findings.index(), namespaces }
    }

    /// The namespaces that a peer is about: those that are selected, or else the policy's own.
    fn namespaces<'a>(&'a self, own: &'a Arc<str>, selector: Option<&LabelSelector>) -> Vec<&'a Arc<str>> {
        let Some(selector) = selector else { return vec![own] };
        let selected = self.namespaces.iter().filter(|(_, labels)| selector.matches(labels));
        selected.map(|(name, _)| name).collect()
    }

    /// The Pods that a peer is about.
    fn pods(&self, namespaces: &[&Arc<str>], selector: Option<&LabelSelector>) -> Vec<&Alike> {
        let all = LabelSelector::default();
        let selector = selector.unwrap_or(&all);
        namespaces.iter().flat_map(|namespace| self.index.matching(namespace, selector)).collect()
    }
}

impl Policy {
    fn all(findings: &Findings<'_>) -> Vec<Policy> {
        let objects = findings.revision.list("NetworkPolicy", None);
        let own = objects.filter(|object| object.key.group == "networking.k8s.io");
        let read = |object: &Arc<Object>| {
            let spec = NetworkPolicy::project(object.written(), &mut Diagnostics::default())?;
            Some(Policy { object: object.clone(), spec })
        };
        own.filter_map(read).collect()
    }

    fn name(&self) -> &str {
        &self.object.key.name
    }

    fn namespace(&self) -> &Arc<str> {
        &self.object.key.namespace
    }

    fn written(&self) -> Option<&Node> {
        self.object.written().get("spec")
    }

    /// Where a field of `spec` is named, or else the policy itself.
    fn key_span(&self, field: &str) -> Span {
        let entries = self.written().map_or(&[][..], Node::entries);
        let key = entries.iter().find(|(key, _)| &*key.name == field);
        key.map_or_else(|| self.object.written().at("metadata.name").span, |(key, _)| key.span)
    }

    /// The rules of the directions in which it isolates Pods.
    fn rules(&self) -> impl Iterator<Item = Rule<'_>> {
        DIRECTIONS.iter().zip([&self.spec.ingress, &self.spec.egress]).flat_map(move |(direction, rules)| {
            let nodes = self.written().and_then(|spec| spec.get(direction.field)).map_or(&[][..], Node::items);
            let rules = rules.iter().flatten().zip(nodes);
            rules.map(move |(rule, node)| Rule { policy: self, direction: *direction, rule, node })
        })
    }
}

pub(super) fn check(findings: &mut Findings<'_>) {
    let policies = Policy::all(findings);
    let others = tiers::all(findings);
    if !others.is_empty() {
        tiers::check(findings, &others);
    }
    if policies.is_empty() {
        return;
    }
    let view = View::of(findings);
    for policy in &policies {
        no_effect(findings, policy);
        rules_ignored(findings, policy);
        let selected = view.index.matching(policy.namespace(), &policy.spec.pod_selector);
        if selected.is_empty() {
            selects_nothing(findings, &view, policy);
        }
        for rule in policy.rules() {
            peers::check(findings, &view, &rule);
            ports::check(findings, &view, &rule, &selected);
        }
    }
    // A policy of another tier may allow it before.
    if others.is_empty() {
        dns::check(findings, &view, &policies);
    }
}

fn no_effect(findings: &mut Findings<'_>, policy: &Policy) {
    if enforces_policies(&findings.revision.network.cni) {
        return;
    }
    let span = findings.span(&policy.object, "metadata.name");
    let message = "Flannel does not enforce NetworkPolicies: this one has no effect";
    if let Some(problem) = findings.warn("policy-no-effect", span, message) {
        problem.hint("Calico does: make it the cluster's CNI plugin (--cni calico)");
    }
}

/// Rules of a direction that `policyTypes` leaves out.
fn rules_ignored(findings: &mut Findings<'_>, policy: &Policy) {
    let Some(spec) = policy.written() else { return };
    let types = spec.get("policyTypes").filter(|types| !types.items().is_empty());
    let Some((types, last)) = types.and_then(|types| Some((types, types.items().last()?))) else { return };
    for Direction { policy_type, field, .. } in DIRECTIONS {
        let named = types.items().iter().any(|word| word.as_str() == Some(policy_type));
        if named || spec.get(field).is_none_or(|rules| rules.items().is_empty()) {
            continue;
        }
        let message = format!(
            "the {field} rules of NetworkPolicy {} do nothing: policyTypes does not name {policy_type}",
            policy.name()
        );
        let source = findings.cluster.sources().get(types.span.source);
        let in_line = source.is_some_and(|source| source.slice(types.span).starts_with('['));
        if let Some(problem) = findings.warn("policy-rules-ignored", policy.key_span(field), message) {
            problem.hint(format!("add {policy_type} to policyTypes"));
            let end = Span { start: last.span.end, ..last.span };
            problem.fix = in_line.then(|| Fix { span: end, replacement: format!(", {policy_type}") });
        }
    }
}

fn selects_nothing(findings: &mut Findings<'_>, view: &View, policy: &Policy) {
    if findings.is_left("policy-selects-nothing", |_| policy.key_span("podSelector")) {
        return;
    }
    let (name, namespace, selector) = (policy.name(), policy.namespace(), &policy.spec.pod_selector);
    let why = selectors::nothing(&[namespace], selector);
    let message = format!("NetworkPolicy {name} selects no Pods: {why}");
    let mut mend = selectors::mend_pods(findings, view, (policy.written(), selector), &[namespace]);
    if let Some(other) = view.index.elsewhere(&selector.match_labels) {
        mend.hint = format!("Pods with these labels are in namespace {other}: a NetworkPolicy selects in its own only");
        mend.fix = None;
    }
    mend.tell(findings, "policy-selects-nothing", policy.key_span("podSelector"), message);
}
