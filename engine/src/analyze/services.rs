//! Services that lead nowhere, or elsewhere than the objects say.

use super::index::{Alike, Index, missed};
use super::{Findings, NOWHERE, labels_text};
use crate::cluster::{Labels, Object, ObjectKey, PodKey, PodRecord};
use crate::manifest::nearest::nearest;
use crate::manifest::typed::{IntOrString, Service, ServicePort, ServiceType};
use crate::manifest::{Diagnostics, Fix, Node, Severity};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most ports that are listed in a hint.
const LISTED_MAX: usize = 8;

pub(super) fn check(findings: &mut Findings<'_>) {
    stale_proxies(findings);
    names_unanswered(findings);
    let services: Vec<Arc<Object>> = findings.revision.list("Service", None).cloned().collect();
    let mut read = services.iter().filter(|object| object.key.group.is_empty()).filter_map(|object| {
        let service = Service::project(object.written(), &mut Diagnostics::default())?;
        (service.service_type != ServiceType::ExternalName && !service.selector.is_empty()).then_some((object, service))
    });
    let Some(first) = read.next() else { return };
    let index = findings.index();
    for (object, service) in std::iter::once(first).chain(read) {
        let selected = index.selected(&object.key.namespace, &service.selector);
        if selected.is_empty() {
            selects_nothing(findings, object, &service, &index);
            continue;
        }
        for (number, port) in service.ports.iter().enumerate() {
            target(findings, object, (number, port), &selected);
        }
        nobody_ready(findings, object, &service);
    }
}

/// Pods are selected, and none of them takes connections.
fn nobody_ready(findings: &mut Findings<'_>, object: &Object, service: &Service) {
    let key = PodKey { namespace: object.key.namespace.clone(), name: object.key.name.clone() };
    let mut first = None;
    for (_, slice) in findings.revision.slices(&key) {
        for endpoint in &slice.endpoints {
            if endpoint.ready || service.publish_not_ready_addresses {
                return;
            }
            first = first.or_else(|| endpoint.pod.clone());
        }
    }
    if findings.is_left("service-not-ready", |findings| findings.span(object, "metadata.name")) {
        return;
    }
    let (name, span) = (&object.key.name, findings.span(object, "metadata.name"));
    let message = format!("Service {name} has no ready endpoint: connections to it are rejected");
    let pod = first.and_then(|(namespace, name)| findings.revision.pod(&namespace, &name)).cloned();
    let why = pod.map(|pod| (pod.key.name.clone(), if pod.frozen { "stopped".into() } else { pod_state(&pod) }));
    if let Some(problem) = findings.warn("service-not-ready", span, message) {
        problem.hint = why.map(|(pod, state)| format!("Pod {pod} is {state}"));
    }
}

fn pod_state(pod: &PodRecord) -> String {
    match (pod.unready.first(), pod.reason.to_string()) {
        (Some(unready), _) => format!("not ready: {}", unready.message),
        (None, reason) if reason.is_empty() => "not ready".to_owned(),
        (None, reason) => format!("not running: {reason}"),
    }
}

/// Nodes whose rules are older than the cluster's Services.
fn stale_proxies(findings: &mut Findings<'_>) {
    let stale: Vec<(Arc<str>, u64)> = findings
        .revision
        .faults
        .stale_proxies
        .iter()
        .map(|(node, seen)| (node.clone(), seen.services_version))
        .collect();
    let now = findings.revision.services_version;
    for (node, seen) in stale {
        let Some(record) = findings.revision.nodes.get(&node) else { continue };
        let object = findings.revision.object(&ObjectKey::new("Node", "", &node)).cloned();
        let is_old = seen != now;
        let message = match is_old {
            true => format!("the rules on {} are older than the Services: its kube-proxy is stopped", record.name),
            false => format!("kube-proxy on {} is stopped: its rules will not follow the next change", record.name),
        };
        let span = object.map_or(NOWHERE, |object| findings.span(&object, "metadata.name"));
        let severity = if is_old { Severity::Warning } else { Severity::Info };
        if let Some(problem) = findings.add(severity, "kube-proxy-stale", span, message) {
            problem.hint = Some(format!("let it go on: ssh {node} pkill -CONT kube-proxy"));
        }
    }
}

/// The Service of the cluster's DNS has nobody to answer.
fn names_unanswered(findings: &mut Findings<'_>) {
    let key = PodKey { namespace: "kube-system".into(), name: "kube-dns".into() };
    let Some(service) = findings.revision.services.get(&key).cloned() else { return };
    let mut endpoints = findings.revision.slices(&key).flat_map(|(_, slice)| &slice.endpoints);
    if endpoints.any(|endpoint| endpoint.ready) {
        return;
    }
    let object = findings.revision.object_by_uid(service.uid).cloned();
    let span = object.map_or(NOWHERE, |object| findings.span(&object, "metadata.name"));
    let message = "CoreDNS has no ready Pod: names are not resolved";
    if let Some(problem) = findings.warn("dns-unanswered", span, message) {
        problem.hint = Some("scale it up: kubectl -n kube-system scale deploy coredns --replicas=2".to_owned());
    }
}

fn selects_nothing(findings: &mut Findings<'_>, object: &Object, service: &Service, index: &Index) {
    let message = format!("Service {} selects no Pods: none has {}", object.key.name, labels_text(&service.selector));
    if findings.has_enough("service-selects-nothing") {
        findings.warn("service-selects-nothing", object.written().span, message);
        return;
    }
    let namespace = &object.key.namespace;
    let written = object.written().at("spec.selector");
    // The label that no Pod has is the one to mend.
    let known: Vec<&Labels> = index.all(namespace).map(|alike| &*alike.labels).collect();
    let miss = missed(&service.selector, &known);
    let entry = miss.as_ref().and_then(|miss| written.entries().iter().find(|(name, _)| name.name == *miss.key));
    let span = entry.map_or(written.span, |(_, value)| value.span);
    let wrong = miss.as_ref().map(|miss| (miss.key, miss.value));
    let meant = miss.as_ref().and_then(|miss| match miss.values.len() {
        1 => miss.values.first().copied(),
        _ => nearest(miss.value, miss.values.iter().copied()),
    });
    let hint = match (wrong, meant, index.elsewhere(&service.selector)) {
        (_, _, Some(other)) => {
            Some(format!("Pods with these labels are in namespace {other}: a Service sees its own only"))
        }
        (Some((key, _)), Some(meant), _) => Some(format!("Pods here have {key}={meant}")),
        (Some((key, value)), None, _) => Some(format!("no Pod in namespace {namespace} has the label {key}={value}")),
        (None, _, _) => Some("each of the labels is there, but on no Pod are all of them".to_owned()),
    };
    let fix = meant
        .zip(entry)
        .map(|(meant, (_, value))| Fix { span: value.span, replacement: findings.requoted(value.span, meant) });
    if let Some(problem) = findings.warn("service-selects-nothing", span, message) {
        (problem.hint, problem.fix) = (hint, fix);
    }
}

/// A port of the Service against what its Pods have: a name that some container gives, or a number that is listened on.
fn target(findings: &mut Findings<'_>, object: &Object, (number, port): (usize, &ServicePort), selected: &[&Alike]) {
    let node = object.written().at(&format!("spec.ports[{number}]"));
    let explicit = node.get("targetPort");
    let field: &Node = explicit.or_else(|| node.get("port")).unwrap_or(node);
    let (code, message, hint, put) = match &port.target_port {
        IntOrString::String(name) => {
            let known: BTreeSet<&str> = selected.iter().flat_map(|alike| alike.port_names(port.protocol)).collect();
            if known.contains(&**name) {
                return;
            }
            let meant = if known.len() == 1 { known.first().copied() } else { nearest(name, known.iter().copied()) };
            let hint = match meant {
                Some(meant) => format!("there is {meant:?}"),
                None => "name a containerPort so, or give the number".to_owned(),
            };
            let message =
                format!("no container of the Pods that Service {} selects has a port named {name:?}", object.key.name);
            ("target-port-name", message, hint, meant.map(|meant| findings.requoted(field.span, meant)))
        }
        IntOrString::Int(wanted) => {
            // What a sidecar listens on is not known.
            let listens = |alike: &Alike| {
                let wanted = u16::try_from(*wanted).map(|wanted| (port.protocol, wanted));
                alike.has_sidecar() || wanted.is_ok_and(|wanted| alike.open(findings).contains(&wanted))
            };
            if selected.iter().any(|alike| listens(alike)) || findings.is_left("target-port-closed", |_| field.span) {
                return;
            }
            let mut open: BTreeSet<u16> = BTreeSet::new();
            for alike in selected {
                let ports = alike.open(findings).iter().filter(|(of, _)| *of == port.protocol);
                open.extend(ports.map(|(_, port)| *port));
                if open.len() >= LISTED_MAX {
                    break;
                }
            }
            let (name, service) = (port.protocol.name(), &object.key.name);
            let message = format!("nothing in the Pods that Service {service} selects listens on {name} port {wanted}");
            let ports: Vec<String> = open.iter().take(LISTED_MAX).map(ToString::to_string).collect();
            let only = (open.len() == 1).then(|| ports[0].clone());
            let hint = match (&only, explicit) {
                (Some(port), None) => format!("they listen on {port}: set targetPort: {port}"),
                _ if ports.is_empty() => "they listen on nothing: connections will be refused".to_owned(),
                _ => format!("they listen on {}", ports.join(", ")),
            };
            ("target-port-closed", message, hint, only.filter(|_| explicit.is_some()))
        }
    };
    if let Some(problem) = findings.warn(code, field.span, message) {
        problem.hint = Some(hint);
        problem.fix = put.map(|replacement| Fix { span: field.span, replacement });
    }
}
