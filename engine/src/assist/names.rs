//! The cluster's own names, and those of the text that is being written.

use super::Question;
use super::fields::Scope;
use super::outline::Outline;
use crate::cluster::{Kind, Labels, Revision};
use crate::manifest::fields::FieldTable;
use std::collections::{BTreeMap, BTreeSet};

/// A name and a few words about it.
pub type Named = (String, String);
/// How often each value of each label is there.
type Counts = BTreeMap<String, BTreeMap<String, usize>>;

/// Pods that are looked at for labels, images and ports, and bytes of text.
const PODS_MAX: usize = 2_000;
const TEXT_MAX: usize = 1 << 20;
/// Where no field table says so.
const API_VERSIONS: [&str; 5] = ["v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "discovery.k8s.io/v1"];
/// Images whose programs podhop knows, small ones first.
const IMAGES: [(&str, &str); 5] = [
    ("busybox", "a shell and network tools; ends at once without a command"),
    ("nginx", "serves HTTP on port 80"),
    ("httpd", "serves HTTP on port 80"),
    ("nicolaka/netshoot", "network tools; ends at once without a command"),
    ("registry.k8s.io/e2e-test-images/agnhost:2.53", "Kubernetes's own test server"),
];

/// All kinds (`want_kind`) or all API versions; those that fit what is written already come first.
pub fn kinds(table: Option<&FieldTable>, scope: &Scope<'_>, want_kind: bool) -> Vec<Named> {
    let mut pairs: Vec<(String, String)> = match table {
        Some(table) => table.kinds().map(|(version, kind)| (version.to_owned(), kind.to_owned())).collect(),
        None => Kind::all().map(|kind| (kind.group.into_owned(), kind.kind.into_owned())).collect(),
    };
    pairs.retain(|(_, kind)| kind != "List");
    if want_kind {
        pairs.sort_by_key(|(version, _)| !scope.api_version.is_empty() && version != scope.api_version);
        return pairs.into_iter().map(|(version, kind)| (kind, version)).collect();
    }
    if table.is_none() {
        return API_VERSIONS.map(|version| (version.to_owned(), String::new())).to_vec();
    }
    pairs.sort_by_key(|(_, kind)| kind != scope.kind);
    let mut seen = BTreeSet::new();
    pairs.retain(|(version, _)| seen.insert(version.clone()));
    let detail = |kind: String| if kind == scope.kind { kind } else { String::new() };
    pairs.into_iter().map(|(version, kind)| (version, detail(kind))).collect()
}

/// Keys of a map that has no fields of its own; `path` is the map's.
pub fn keys(question: &Question<'_>, path: &str) -> Vec<Named> {
    match path.rsplit('.').next().unwrap_or_default() {
        "limits" | "requests" => {
            ["cpu", "memory", "ephemeral-storage"].map(|name| (name.to_owned(), "quantity".to_owned())).to_vec()
        }
        "labels" | "matchLabels" | "selector" | "nodeSelector" => {
            let (labels, what) = looked_at(question, &path.split('.').collect::<Vec<_>>());
            counted(&labels, what)
        }
        _ => Vec::new(),
    }
}

/// The labels that a selector with this way to it is asked of, and whose they are.
fn looked_at(question: &Question<'_>, names: &[&str]) -> (Counts, &'static str) {
    if names.iter().any(|name| matches!(*name, "nodeSelector" | "nodeAffinity")) {
        (node_labels(question.revision), "nodes")
    } else if names.contains(&"namespaceSelector") {
        (namespace_labels(question.revision), "namespaces")
    } else {
        (pod_labels(question), "Pods")
    }
}

fn counted(labels: &Counts, what: &str) -> Vec<Named> {
    let mut found: Vec<(usize, Named)> = Vec::new();
    for (key, values) in labels {
        let count: usize = values.values().sum();
        found.push((count, (key.clone(), format!("{count} {what}"))));
    }
    // Labels of the cluster's own parts come last.
    found.sort_by_key(|(count, named)| (named.0.contains("kubernetes.io/"), std::cmp::Reverse(*count)));
    found.into_iter().map(|(_, named)| named).collect()
}

/// Names that a scalar at a node may have.
pub fn values(question: &Question<'_>, outline: &Outline<'_>, scope: &Scope<'_>, node: usize) -> Vec<Named> {
    let names = names_on_way(outline, node);
    let revision = question.revision;
    if let Some(kind) = reference(&names) {
        return objects(revision, kind, namespace(outline, scope));
    }
    let [.., above, last] = names[..] else { return Vec::new() };
    match (above, last) {
        ("labels" | "matchLabels" | "selector" | "nodeSelector", key) => {
            let (labels, what) = looked_at(question, &names);
            values_of(&labels, key, what)
        }
        ("matchExpressions", "key") => {
            let (labels, what) = looked_at(question, &names);
            counted(&labels, what)
        }
        ("matchExpressions", "values") => {
            let key = outline.scalar(outline.nodes[node].parent, &["key"]);
            values_of(&looked_at(question, &names).0, key, "")
        }
        (_, "topologyKey") => counted(&node_labels(revision), "nodes"),
        (_, "image") => images(revision),
        (_, "targetPort") | ("httpGet" | "tcpSocket", "port") => ports(revision),
        ("ports", "port") if scope.kind == "NetworkPolicy" => ports(revision),
        (_, "clusterIP") => vec![("None".to_owned(), "headless".to_owned())],
        _ => Vec::new(),
    }
}

/// The keys that lead to a node; items have none.
pub fn names_on_way<'t>(outline: &Outline<'t>, node: usize) -> Vec<&'t str> {
    outline.way(node).into_iter().filter_map(|step| outline.nodes[step].name).collect()
}

/// The kind of the object that the scalar at this end of a path names.
pub fn reference(names: &[&str]) -> Option<&'static str> {
    let [.., above, last] = *names else { return None };
    Some(match (above, last) {
        (_, "nodeName" | "kubernetes.io/hostname") => "Node",
        ("matchLabels" | "labels" | "selector" | "nodeSelector" | "annotations" | "data", _) => return None,
        (_, "namespace") => "Namespace",
        ("configMap" | "configMapRef" | "configMapKeyRef", "name") => "ConfigMap",
        ("secretRef" | "secretKeyRef" | "imagePullSecrets", "name") | (_, "secretName") => "Secret",
        (_, "serviceAccountName") => "ServiceAccount",
        ("service", "name") | (_, "serviceName") => "Service",
        (_, "ingressClassName") => "IngressClass",
        _ => return None,
    })
}

/// The namespace of the object that is being written: `default` if it says none.
pub fn namespace<'t>(outline: &Outline<'t>, scope: &Scope<'_>) -> &'t str {
    let written = outline.scalar(scope.root, &["metadata", "namespace"]);
    if written.is_empty() { "default" } else { written }
}

fn objects(revision: &Revision, kind: &'static str, namespace: &str) -> Vec<Named> {
    let namespaced = Kind::named(kind).is_some_and(|kind| kind.namespaced);
    let own = namespaced.then_some(namespace);
    let mut found: Vec<Named> =
        revision.list(kind, own).take(PODS_MAX).map(|object| (object.key.name.to_string(), kind.to_owned())).collect();
    // The cluster's own parts come last.
    found.sort_by_key(|(name, _)| name.starts_with("kube-"));
    found
}

fn add(counts: &mut Counts, labels: &Labels) {
    for (key, value) in labels {
        *counts.entry(key.to_string()).or_default().entry(value.to_string()).or_default() += 1;
    }
}

fn node_labels(revision: &Revision) -> Counts {
    let mut counts = Counts::new();
    revision.nodes.values().take(PODS_MAX).for_each(|node| add(&mut counts, &node.labels));
    counts
}

fn namespace_labels(revision: &Revision) -> Counts {
    let mut counts = Counts::new();
    revision.list("Namespace", None).take(PODS_MAX).for_each(|namespace| add(&mut counts, &namespace.labels));
    counts
}

/// Labels of Pods, and those that the text gives to something.
fn pod_labels(question: &Question<'_>) -> Counts {
    let mut counts = Counts::new();
    question.revision.pods.values().take(PODS_MAX).for_each(|pod| add(&mut counts, &pod.labels));
    if question.text.len() <= TEXT_MAX {
        for outline in Outline::all(question.text) {
            for node in &outline.nodes {
                let parent = outline.nodes[node.parent].name;
                if let (Some("labels"), Some(key), false) = (parent, node.name, node.value.is_empty()) {
                    counts.entry(key.to_owned()).or_default().entry(node.value.to_owned()).or_default();
                }
            }
        }
    }
    counts
}

fn values_of(counts: &Counts, key: &str, what: &str) -> Vec<Named> {
    let values = counts.get(key).into_iter().flatten();
    let detail = |count: usize| if what.is_empty() { String::new() } else { format!("{count} {what}") };
    values.map(|(value, count)| (value.clone(), detail(*count))).collect()
}

fn images(revision: &Revision) -> Vec<Named> {
    let mut seen = BTreeSet::new();
    for pod in revision.pods.values().filter(|pod| &*pod.key.namespace != "kube-system").take(PODS_MAX) {
        seen.extend(pod.spec.containers.iter().map(|container| container.image.to_string()));
    }
    let used = seen.into_iter().map(|image| (image, "in use".to_owned()));
    used.chain(IMAGES.map(|(image, about)| (image.to_owned(), about.to_owned()))).collect()
}

/// Ports that containers name, and numbers of those without a name.
fn ports(revision: &Revision) -> Vec<Named> {
    let mut seen = BTreeMap::new();
    for pod in revision.pods.values().filter(|pod| &*pod.key.namespace != "kube-system").take(PODS_MAX) {
        for port in pod.spec.containers.iter().flat_map(|container| &container.ports) {
            let number = port.container_port.to_string();
            let name = port.name.as_ref().map_or_else(|| number.clone(), ToString::to_string);
            seen.entry(name).or_insert_with(|| format!("port {number} of {}", pod.key.name));
        }
    }
    seen.into_iter().collect()
}

/// The Pods with a label, for a sentence: how many, and the first few. In any namespace if `namespace` is `None`.
pub fn pods_with(revision: &Revision, namespace: Option<&str>, label: (&str, &str)) -> String {
    let here = |found: &str| namespace.is_none_or(|namespace| namespace == found);
    let own = revision.pods.values().filter(|pod| here(&pod.key.namespace) && has(&pod.labels, label));
    let place = namespace.map_or_else(String::new, |namespace| format!(" in {namespace}"));
    those_with(["Pod", "Pods"], &place, label, own.map(|pod| &*pod.key.name))
}

/// The same of namespaces.
pub fn namespaces_with(revision: &Revision, label: (&str, &str)) -> String {
    let those = revision.list("Namespace", None).filter(|namespace| has(&namespace.labels, label));
    those_with(["namespace", "namespaces"], "", label, those.map(|namespace| &*namespace.key.name))
}

fn has(labels: &Labels, (key, value): (&str, &str)) -> bool {
    labels.get(key).is_some_and(|found| **found == *value)
}

fn those_with<'n>(
    [one, many]: [&str; 2],
    place: &str,
    (key, value): (&str, &str),
    names: impl Iterator<Item = &'n str>,
) -> String {
    let names: Vec<&str> = names.collect();
    let more = if names.len() > 4 { ", …" } else { "" };
    match names.len() {
        0 => format!("No {one}{place} has {key}={value}"),
        1 => format!("One {one}{place} has {key}={value}: {}", names[0]),
        count => format!("{count} {many}{place} have {key}={value}: {}{more}", names[..count.min(4)].join(", ")),
    }
}

/// A text that YAML would take for something else than a string.
pub fn needs_quotes(value: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    value.is_empty()
        || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
        || value.parse::<f64>().is_ok()
        || value.starts_with(|c: char| !c.is_alphanumeric() && !"/._".contains(c))
        || value.contains(": ")
        || value.contains(" #")
}
