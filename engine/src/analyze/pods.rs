//! Pods that do not run: without a node, without an address, refused by a kubelet, or failing again and again. Pods of
//! one workload that have the same trouble are told once.

use super::{Findings, count};
use crate::cluster::{Object, ObjectKey, PodKey, PodPhase, PodRecord, Provenance, host_ports};
use crate::manifest::nearest::nearest;
use crate::manifest::{Diagnostic, Fix, Node, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One trouble of the Pods of one workload, or of one Pod of its own.
struct Trouble {
    code: &'static str,
    pod: PodKey,
    pods_count: usize,
}

/// Whose Pods (or which Pod), and what they complain of.
type Key = (ObjectKey, Arc<str>);

pub(super) fn check(findings: &mut Findings<'_>) {
    let mut troubles: BTreeMap<Key, Trouble> = BTreeMap::new();
    let mut given = Vec::new();
    // All there is to learn from the Pods in one go: there may be very many.
    for pod in findings.revision.pods.values() {
        if pod.ip_given {
            given.push(pod);
        }
        if pod.owner.is_none() {
            findings.bare.push(pod.key.clone());
        }
        let Some(code) = code_of(pod) else { continue };
        let top = top(findings, pod);
        let reason = match code {
            // Why it was moved is the same for all; where it stands differs.
            "crash-loop" => pod.failing.first().map_or_else(|| "".into(), |failing| failing.message.clone()),
            _ => pod.reason.clone(),
        };
        let trouble = Trouble { code, pod: pod.key.clone(), pods_count: 0 };
        troubles.entry((top, reason)).or_insert(trouble).pods_count += 1;
    }
    for ((top, reason), trouble) in troubles {
        let Some(object) = findings.revision.objects.get(&top).cloned() else { continue };
        if object.provenance != Provenance::Builtin {
            tell(findings, &object, &reason, &trouble);
        }
    }
    addresses_outside(findings, given);
}

/// The sort of trouble that a Pod is in, if it is in any.
fn code_of(pod: &PodRecord) -> Option<&'static str> {
    if pod.failing.iter().any(|container| container.exit_status != 0) {
        return Some("crash-loop");
    }
    if pod.reason.is_empty() {
        return None;
    }
    match pod.phase {
        PodPhase::Pending if pod.spec.node_name.is_some() => Some("no-node"),
        PodPhase::Pending if pod.reason.contains("free ports") => Some("host-port"),
        PodPhase::Pending => Some("pod-unschedulable"),
        PodPhase::ContainerCreating => Some("pod-without-address"),
        PodPhase::Failed if pod.reason.starts_with("Pod was rejected") => Some("pod-rejected"),
        _ => None,
    }
}

/// What was written: the topmost owner of a Pod, or the Pod itself.
fn top(findings: &Findings<'_>, pod: &PodRecord) -> ObjectKey {
    let key = pod.object_key();
    let alive = |key: &ObjectKey| findings.revision.objects.contains_key(key);
    findings.revision.owners(&key).into_iter().rev().find(alive).unwrap_or(key)
}

fn tell(findings: &mut Findings<'_>, object: &Object, reason: &str, trouble: &Trouble) {
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
            let Some(failing) = pod.failing.first() else { return };
            let span = findings.span(object, &path(&format!("spec.containers[{}]", failing.index)));
            let message = match bare {
                true => format!("the container keeps failing: {reason}"),
                false => format!("the container keeps failing in {}: {reason}", count(trouble.pods_count, "Pod")),
            };
            if let Some(problem) = findings.warn("crash-loop", span, message)
                && reason.to_lowercase().contains("address already in use")
            {
                problem.hint("containers of one Pod share its ports, and hostNetwork Pods those of their node");
            }
        }
        "no-node" => no_node(findings, object, &pod, &path("spec.nodeName"), who("does not run", "do not run"), reason),
        "host-port" => host_port(findings, object, &pod, template, who("waits for a node", "wait for a node"), reason),
        "pod-unschedulable" => {
            let message = format!("{}: {}", who("waits for a node", "wait for a node"), counts(reason));
            unschedulable(findings, object, &pod, template, message);
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
fn node_labels<'a>(findings: &Findings<'a>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for node in findings.revision.nodes.values() {
        for (key, value) in node.labels.iter() {
            labels.entry(key).or_default().insert(value);
        }
    }
    labels
}

/// A `nodeSelector` with a label that no node has is told as such; else the scheduler's own words are all there is.
fn unschedulable(findings: &mut Findings<'_>, object: &Object, pod: &PodRecord, template: &str, message: String) {
    let selector = object.written().at(&format!("{template}spec.nodeSelector"));
    let labels = if pod.spec.node_selector.is_empty() { BTreeMap::new() } else { node_labels(findings) };
    let missing = pod
        .spec
        .node_selector
        .iter()
        .find(|(key, value)| labels.get(&***key).is_none_or(|values| !values.contains(&***value)));
    let Some((key, value)) = missing else {
        let span = findings.span(object, "metadata.name");
        findings.warn("pod-unschedulable", span, message);
        return;
    };
    let entry = selector.entries().iter().find(|(name, _)| name.name == *key);
    let span = entry.map_or_else(|| findings.span(object, "metadata.name"), |(_, value)| value.span);
    let (hint, fix) = selector_hint(findings, entry, (key, value), &labels);
    if let Some(problem) = findings.warn("node-selector", span, message) {
        problem.hint(hint);
        problem.fix = fix;
    }
}

fn selector_hint(
    findings: &Findings<'_>,
    entry: Option<&(crate::manifest::Key, Node)>,
    (key, value): (&str, &str),
    labels: &BTreeMap<&str, BTreeSet<&str>>,
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
fn no_node(findings: &mut Findings<'_>, object: &Object, pod: &PodRecord, path: &str, who: String, reason: &str) {
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
fn host_port(findings: &mut Findings<'_>, object: &Object, pod: &PodRecord, template: &str, who: String, reason: &str) {
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
    if let Some(problem) = findings.warn("host-port", span, format!("{who}: {}", counts(reason)))
        && !holders.is_empty()
    {
        problem.hint(holders.join("; "));
    }
}

/// The node's subnet is used up, or it has none.
fn without_address(findings: &mut Findings<'_>, object: &Object, pod: &PodRecord, who: String, reason: &str) {
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
    for pod in given {
        let node = pod.node.as_ref().and_then(|name| findings.revision.nodes.get(&**name));
        let net = node.and_then(|node| node.pod_cidr.as_ref()).map(|(net, _)| *net);
        let (Some((ip, _)), Some(net)) = (&pod.ip, net) else { continue };
        let Some(object) = findings.revision.objects.get(&pod.object_key()).filter(|_| !net.contains(ip)) else {
            continue;
        };
        let message = format!("the Pod's address {ip} is not in its node's subnet {net}");
        outside.push((findings.span(object, "status.podIP"), message));
    }
    for (span, message) in outside {
        let problem: Option<&mut Diagnostic> = findings.warn("address-outside", span, message);
        if let Some(problem) = problem {
            problem.hint("Flannel routes to nodes by their subnets: other nodes will not find this Pod");
        }
    }
}
