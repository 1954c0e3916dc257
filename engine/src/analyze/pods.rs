//! Pods that do not run: without a node, without an address, refused by a kubelet, or failing again and again. Pods of
//! one workload that have the same trouble are told once.

use super::{Findings, NOWHERE, count};
use crate::cluster::{
    FailingContainer, Object, ObjectKey, Objection, PodKey, PodReason, PodRecord, Provenance, Revision, host_ports,
};
use crate::control::words;
use crate::manifest::nearest::nearest;
use crate::manifest::{Fix, Node, Span};
use crate::tables::Uid;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One trouble of the Pods of one workload, or of one Pod of its own.
struct Trouble {
    code: &'static str,
    pod: PodKey,
    pods_count: usize,
}

/// Whose Pods (or which Pod), and what they complain of.
type Key = (ObjectKey, PodReason);

pub(super) fn check(findings: &mut Findings<'_>) {
    let (revision, labels) = (findings.revision, OnceCell::new());
    let mut troubles: BTreeMap<Key, Trouble> = BTreeMap::new();
    // The topmost owner by the Pod's own: those of one workload have it in common.
    let mut tops: BTreeMap<Uid, Option<ObjectKey>> = BTreeMap::new();
    let mut given = Vec::new();
    // All there is to learn from the Pods in one go: there may be very many.
    for pod in revision.pods.values() {
        if pod.ip_given {
            given.push(pod);
        }
        if pod.owner.is_none() {
            findings.bare.push(pod.key.clone());
        }
        let Some(code) = code_of(pod, || labels.get_or_init(|| node_labels(revision))) else { continue };
        let top =
            pod.owner.as_ref().and_then(|owner| tops.entry(owner.uid).or_insert_with(|| top(revision, pod)).clone());
        let trouble = || Trouble { code, pod: pod.key.clone(), pods_count: 1 };
        match top {
            Some(top) => {
                let reason = match code {
                    // Why it was moved is the same for all; where it stands differs.
                    "crash-loop" => {
                        failing(pod).map_or(PodReason::None, |failing| PodReason::Failing(failing.message.clone()))
                    }
                    _ => pod.reason.clone(),
                };
                troubles.entry((top, reason)).and_modify(|trouble| trouble.pods_count += 1).or_insert_with(trouble);
            }
            // What a cluster has by itself is in namespaces of its own.
            None if !pod.key.namespace.starts_with("kube-") && findings.is_left(code, place(pod)) => {}
            None => told(findings, &pod.object_key(), &pod.reason, &trouble(), &labels),
        }
    }
    for ((top, reason), trouble) in troubles {
        told(findings, &top, &reason, &trouble, &labels);
    }
    addresses_outside(findings, given);
}

fn place<'p>(pod: &'p PodRecord) -> impl FnOnce(&Findings<'_>) -> Span + 'p {
    |findings| {
        let object = findings.revision.objects.get(&pod.object_key());
        object.map_or(NOWHERE, |object| findings.span(object, "metadata.name"))
    }
}

/// Tells of the Pods of an object, unless that is one that a cluster has by itself.
fn told<'a>(
    findings: &mut Findings<'a>,
    key: &ObjectKey,
    reason: &PodReason,
    trouble: &Trouble,
    labels: &OnceCell<NodeLabels<'a>>,
) {
    let Some(object) = findings.revision.objects.get(key).cloned() else { return };
    let is_builtin = object.provenance == Provenance::Builtin;
    if !is_builtin && !findings.is_left(trouble.code, |findings| findings.span(&object, "metadata.name")) {
        tell(findings, &object, reason, trouble, labels);
    }
}

/// The container that is told of: one that fails before one that ends well too soon.
fn failing(pod: &PodRecord) -> Option<&FailingContainer> {
    words::crash_loops(pod).min_by_key(|container| container.exit_status == 0)
}

/// The sort of trouble that a Pod is in, if it is in any.
fn code_of<'l>(pod: &PodRecord, labels: impl Fn() -> &'l NodeLabels<'l>) -> Option<&'static str> {
    if failing(pod).is_some() {
        return Some("crash-loop");
    }
    match &pod.reason {
        PodReason::NoSuchNode(_) => Some("no-node"),
        // The scheduler asks for labels before ports.
        PodReason::Unschedulable(_) if missing(pod, labels).is_some() => Some("node-selector"),
        PodReason::Unschedulable(nodes) if nodes.contains_key(&Objection::Ports) => Some("host-port"),
        PodReason::Unschedulable(_) => Some("pod-unschedulable"),
        PodReason::Sandbox(_) => Some("pod-without-address"),
        PodReason::Rejected(_) => Some("pod-rejected"),
        PodReason::None | PodReason::Failing(_) | PodReason::Ended { .. } => None,
    }
}

/// What was written: the topmost owner of a Pod that is there.
fn top(revision: &Revision, pod: &PodRecord) -> Option<ObjectKey> {
    let mut owners = revision.owners(&pod.object_key()).into_iter().rev();
    owners.find(|key| revision.objects.contains_key(key))
}

fn tell<'a>(
    findings: &mut Findings<'a>,
    object: &Object,
    reason: &PodReason,
    trouble: &Trouble,
    labels: &OnceCell<NodeLabels<'a>>,
) {
    let Some(pod) = findings.revision.pods.get(&trouble.pod).cloned() else { return };
    let bare = object.key.is("Pod");
    let who = |what: &str, whats: &str| match (bare, trouble.pods_count) {
        (true, _) => format!("the Pod {what}"),
        (false, 1) => format!("1 Pod of {} {what}", object.key),
        (false, many) => format!("{many} Pods of {} {whats}", object.key),
    };
    let template = if bare { "" } else { "spec.template." };
    let path = |field: &str| format!("{template}{field}");
    match trouble.code {
        "crash-loop" => {
            let Some(failing) = failing(&pod) else { return };
            let span = findings.span(object, &path(&format!("spec.containers[{}].image", failing.index)));
            let among = if bare { String::new() } else { format!(" in {}", count(trouble.pods_count, "Pod")) };
            if let Some(problem) = findings.warn("crash-loop", span, words::crash_loop(failing, &among))
                && let Some(hint) = words::crash_loop_hint(failing)
            {
                problem.hint(hint);
            }
        }
        "no-node" => no_node(findings, object, &pod, &path("spec.nodeName"), who("does not run", "do not run"), reason),
        "host-port" => host_port(findings, object, &pod, template, who("waits for a node", "wait for a node"), reason),
        "pod-unschedulable" | "node-selector" => {
            let message = format!("{}: {}", who("waits for a node", "wait for a node"), counts(&reason.to_string()));
            unschedulable(findings, object, &pod, template, message, labels);
        }
        "pod-rejected" => {
            let span = findings.span(object, &path("spec.nodeName"));
            findings.warn("pod-rejected", span, format!("{}: {reason}", who("does not run", "do not run")));
        }
        _ => without_address(findings, object, &pod, who("has no address", "have no address"), reason),
    }
}

/// The scheduler's event as far as it counts the nodes by what they lack; what it says of preemption helps nobody here.
fn counts(event: &str) -> &str {
    event.split(". no new claims to deallocate").next().unwrap_or(event)
}

/// The labels of nodes by key, with their values.
type NodeLabels<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

fn node_labels(revision: &Revision) -> NodeLabels<'_> {
    let mut labels = NodeLabels::new();
    for node in revision.nodes.values() {
        for (key, value) in node.labels.iter() {
            labels.entry(key).or_default().insert(value);
        }
    }
    labels
}

/// A label that the Pod's `nodeSelector` asks for and no node has.
fn missing<'p, 'l>(pod: &'p PodRecord, labels: impl Fn() -> &'l NodeLabels<'l>) -> Option<(&'p str, &'p str)> {
    let has = |(key, value): &(&str, &str)| labels().get(key).is_some_and(|values| values.contains(value));
    pod.spec.node_selector.iter().map(|(key, value)| (&**key, &**value)).find(|label| !has(label))
}

/// A `nodeSelector` with a label that no node has is told as such; else the scheduler's own words are all there is.
fn unschedulable<'a>(
    findings: &mut Findings<'a>,
    object: &Object,
    pod: &PodRecord,
    template: &str,
    message: String,
    labels: &OnceCell<NodeLabels<'a>>,
) {
    let labels = labels.get_or_init(|| node_labels(findings.revision));
    let Some((key, value)) = missing(pod, || labels) else {
        let span = findings.span(object, "metadata.name");
        findings.warn("pod-unschedulable", span, message);
        return;
    };
    let selector = object.written().at(&format!("{template}spec.nodeSelector"));
    let entry = selector.entries().iter().find(|(name, _)| *name.name == *key);
    let span = entry.map_or_else(|| findings.span(object, "metadata.name"), |(_, value)| value.span);
    let (hint, fix) = selector_hint(findings, entry, (key, value), labels);
    if let Some(problem) = findings.warn("node-selector", span, message) {
        problem.hint(hint);
        problem.fix = fix;
    }
}

fn selector_hint(
    findings: &Findings<'_>,
    entry: Option<&(crate::manifest::Key, Node)>,
    (key, value): (&str, &str),
    labels: &NodeLabels<'_>,
) -> (String, Option<Fix>) {
    let Some(values) = labels.get(key) else {
        let meant = nearest(key, labels.keys().copied());
        let fix = meant
            .zip(entry)
            .map(|(meant, (key, _))| Fix { span: key.span, replacement: findings.requoted(key.span, meant) });
        let hint = match meant {
            Some(meant) => format!("no node has a label {key}; did you mean {meant}?"),
            None => format!("no node has a label {key}: kubectl label node NAME {key}={value}"),
        };
        return (hint, fix);
    };
    let meant = match values.len() {
        1 => values.first().copied(),
        _ => nearest(value, values.iter().copied()),
    };
    let fix = meant
        .zip(entry)
        .map(|(meant, (_, value))| Fix { span: value.span, replacement: findings.requoted(value.span, meant) });
    let shown: Vec<&str> = values.iter().copied().take(5).collect();
    (format!("no node has {key}={value}; there is {key}={}", shown.join(", ")), fix)
}

/// `spec.nodeName` of a node that does not exist.
fn no_node(findings: &mut Findings<'_>, object: &Object, pod: &PodRecord, path: &str, who: String, reason: &PodReason) {
    let span = findings.span(object, path);
    let wanted = pod.spec.node_name.clone().unwrap_or_default();
    let meant = nearest(&wanted, findings.revision.nodes.keys().map(|name| &**name)).map(str::to_owned);
    let fix = meant.as_deref().map(|meant| findings.requoted(span, meant));
    if let Some(problem) = findings.warn("no-node", span, format!("{who}: {reason}"))
        && let (Some(meant), Some(fix)) = (meant, fix)
    {
        problem.hint(format!("did you mean {meant}?")).fix(span, fix);
    }
}

/// A port of the node that other Pods have.
fn host_port(
    findings: &mut Findings<'_>,
    object: &Object,
    pod: &PodRecord,
    template: &str,
    who: String,
    reason: &PodReason,
) {
    let wanted = host_ports(&pod.spec);
    let mut holders: Vec<String> = Vec::new();
    for node in findings.revision.nodes.values() {
        for (protocol, port, _) in &wanted {
            let from = (*protocol, *port, "".into());
            let taken = node.host_ports.range(from..).find(|((p, number, _), _)| (p, number) == (protocol, port));
            holders
                .extend(taken.map(|(_, holder)| format!("{} {port} of {} is {holder}'s", protocol.name(), node.name)));
        }
        if holders.len() >= 2 {
            break;
        }
    }
    let field = if pod.spec.host_network { "containerPort" } else { "hostPort" };
    let claims = |port: &crate::cluster::ContainerPort| pod.spec.host_network || port.host_port.is_some();
    let place = pod.spec.containers.iter().enumerate().find_map(|(i, container)| {
        let at = container.ports.iter().position(claims)?;
        Some(format!("{template}spec.containers[{i}].ports[{at}].{field}"))
    });
    let span = findings.span(object, &place.unwrap_or_else(|| "metadata.name".to_owned()));
    if let Some(problem) = findings.warn("host-port", span, format!("{who}: {}", counts(&reason.to_string())))
        && !holders.is_empty()
    {
        problem.hint(holders.join("; "));
    }
}

/// The node's subnet is used up, or it has none.
fn without_address(findings: &mut Findings<'_>, object: &Object, pod: &PodRecord, who: String, reason: &PodReason) {
    let span = findings.span(object, "metadata.name");
    let node = pod.node.as_ref().and_then(|name| findings.revision.nodes.get(&**name)).cloned();
    let hint = node.map(|node| match &node.pod_cidr {
        Some((net, _)) => {
            format!("{} has the subnet {net}, and {} in it", node.name, count(node.reserved.len(), "Pod"))
        }
        None => format!("{} has no Pod subnet", node.name),
    });
    if let Some(problem) = findings.warn("pod-without-address", span, format!("{who}: {reason}")) {
        problem.hint = hint;
    }
}

/// Given addresses that are not part of their nodes' subnets.
fn addresses_outside(findings: &mut Findings<'_>, given: Vec<&Arc<PodRecord>>) {
    let mut outside: Vec<(Span, String)> = Vec::new();
    let by_subnets = findings.revision.network.cni.flannel().is_some();
    for pod in given.into_iter().filter(|_| by_subnets) {
        let node = pod.node.as_ref().and_then(|name| findings.revision.nodes.get(&**name));
        let Some(object) = findings.revision.objects.get(&pod.object_key()) else { continue };
        for (ip, net) in node.map_or_else(Vec::new, |node| words::outside(pod, node)) {
            outside.push((findings.span(object, "status.podIP"), words::address_outside(ip, net)));
        }
    }
    for (span, message) in outside {
        if let Some(problem) = findings.warn("address-outside", span, message) {
            problem.hint(words::ADDRESS_OUTSIDE_HINT);
        }
    }
}
