//! Services that lead nowhere, or elsewhere than the objects say.

use super::{Findings, NOWHERE};
use crate::cluster::{Labels, Object, ObjectKey, PodKey, PodPhase, PodRecord};
use crate::manifest::nearest::nearest;
use crate::manifest::typed::{Container, IntOrString, Service, ServicePort, ServiceType};
use crate::manifest::{Diagnostics, Fix, Node, Severity};
use crate::net::Protocol;
use crate::program::containers;
use crate::workload;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most ports that are listed in a hint.
const LISTED_MAX: usize = 8;

/// Pods with the same labels in the same namespace: those of one template, or one Pod of its own.
struct Alike {
    labels: Arc<Labels>,
    /// Any one that runs, or any one.
    pod: Arc<PodRecord>,
    /// What its programs listen on, once somebody has asked.
    open: OnceCell<BTreeSet<(Protocol, u16)>>,
}

/// A namespace, a label's key and its value.
type Label = (Arc<str>, Arc<str>, Arc<str>);

/// Pods by namespace, grouped by their labels, found by any one label.
#[derive(Default)]
struct Index {
    groups: Vec<Alike>,
    by_label: BTreeMap<Label, Vec<usize>>,
}

pub(super) fn check(findings: &mut Findings<'_>) {
    stale_proxies(findings);
    names_unanswered(findings);
    let services: Vec<Arc<Object>> = findings.revision.list("Service", None).cloned().collect();
    let mut read = services.iter().filter(|object| object.key.group.is_empty()).filter_map(|object| {
        let service = Service::project(object.written(), &mut Diagnostics::default())?;
        (service.service_type != ServiceType::ExternalName && !service.selector.is_empty()).then_some((object, service))
    });
    let Some(first) = read.next() else { return };
    let index = Index::of(findings);
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

impl Index {
    fn of(findings: &Findings<'_>) -> Index {
        let mut index = Index::default();
        // Pods of one template share their labels: they need not be compared one by one. The address is a key only.
        let mut known: BTreeMap<(Arc<str>, usize), usize> = BTreeMap::new();
        for pod in findings.revision.pods.values() {
            if matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed) {
                continue;
            }
            let shared = Arc::as_ptr(&pod.labels) as usize;
            let group = *known.entry((pod.key.namespace.clone(), shared)).or_insert_with(|| {
                for (key, value) in pod.labels.iter() {
                    let label = (pod.key.namespace.clone(), key.clone(), value.clone());
                    index.by_label.entry(label).or_default().push(index.groups.len());
                }
                index.groups.push(Alike { labels: pod.labels.clone(), pod: pod.clone(), open: OnceCell::new() });
                index.groups.len() - 1
            });
            let alike = &mut index.groups[group];
            if alike.pod.phase != PodPhase::Running && pod.phase == PodPhase::Running {
                alike.pod = pod.clone();
            }
        }
        index
    }

    fn selected(&self, namespace: &Arc<str>, selector: &Labels) -> Vec<&Alike> {
        let having = |(key, value): (&Arc<str>, &Arc<str>)| {
            self.by_label.get(&(namespace.clone(), key.clone(), value.clone())).map_or(&[][..], |groups| groups)
        };
        let fewest = selector.iter().map(having).min_by_key(|groups| groups.len()).unwrap_or_default();
        let fits = |alike: &&Alike| selector.iter().all(|(key, value)| alike.labels.get(key) == Some(value));
        fewest.iter().map(|group| &self.groups[*group]).filter(fits).collect()
    }

    /// The values that Pods of a namespace have for a label.
    fn values(&self, namespace: &str, key: &str) -> BTreeSet<&str> {
        let from = (Arc::from(namespace), Arc::from(key), Arc::from(""));
        let of = self.by_label.range(from..).map(|(label, _)| label);
        of.take_while(|(space, name, _)| &**space == namespace && &**name == key)
            .map(|(_, _, value)| &**value)
            .collect()
    }

    /// Another namespace with Pods that the selector would fit.
    fn elsewhere(&self, selector: &Labels) -> Option<&str> {
        let (key, value) = selector.iter().next()?;
        let mut with = self.by_label.iter().filter(|((_, name, found), _)| name == key && found == value);
        let fits = |group: &usize| selector.iter().all(|(k, v)| self.groups[*group].labels.get(k) == Some(v));
        with.find(|(_, groups)| groups.iter().any(fits)).map(|((namespace, ..), _)| &**namespace)
    }
}

fn labels_text(selector: &Labels) -> String {
    let pairs: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
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
    let wrong = service
        .selector
        .iter()
        .find(|(key, value)| !index.by_label.contains_key(&(namespace.clone(), (*key).clone(), (*value).clone())));
    let entry = wrong.and_then(|(key, _)| written.entries().iter().find(|(name, _)| name.name == *key));
    let span = entry.map_or(written.span, |(_, value)| value.span);
    let values = wrong.map(|(key, _)| index.values(namespace, key)).unwrap_or_default();
    let meant = match (wrong, values.len()) {
        (Some(_), 1) => values.first().copied(),
        (Some((_, value)), _) => nearest(value, values.iter().copied()),
        (None, _) => None,
    };
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
            let ports = selected.iter().flat_map(|alike| alike.containers()).flat_map(|c| &c.ports);
            let names = ports.filter(|p| p.protocol == port.protocol).filter_map(|p| p.name.as_deref());
            let known: BTreeSet<&str> = names.collect();
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

impl Alike {
    /// The containers whose ports can be named: sidecars, too (since Kubernetes 1.32).
    fn containers(&self) -> impl Iterator<Item = &Container> {
        let spec = &self.pod.spec;
        spec.containers.iter().chain(spec.init_containers.iter().filter(|container| container.sidecar))
    }

    fn has_sidecar(&self) -> bool {
        self.pod.spec.init_containers.iter().any(|container| container.sidecar)
    }

    /// The ports that programs in the Pods listen on, when all their containers run.
    fn open(&self, findings: &Findings<'_>) -> &BTreeSet<(Protocol, u16)> {
        self.open.get_or_init(|| {
            let pod = &self.pod;
            let node = pod.node.as_ref().and_then(|name| findings.revision.nodes.get(&**name));
            let host = match node {
                Some(node) => containers::host(pod, node),
                None => workload::Host { hostname: pod.key.name.clone(), ip: None },
            };
            let servers = workload::behaviors(&pod.spec, &host).into_iter().flat_map(|behavior| behavior.servers);
            servers.map(|server| (server.protocol, server.port)).collect()
        })
    }
}
