//! Manifests in, Pods with nodes and addresses out.

use super::start;
use crate::cluster::{Applied, Cluster, ObjectKey, Options, Outcome, PodKey};

mod addresses;
mod calico;
mod endpoints;
mod families;
mod files;
mod nodes;
mod random;
mod readiness;
mod services;
mod statefulset;
mod workloads;

fn cluster() -> Cluster {
    start(Options { seed: 1, ..Options::default() })
}

/// The default cluster with one live file.
fn with(text: &str) -> (Cluster, Applied) {
    let mut cluster = cluster();
    let applied = cluster.open_file("a.yaml", text, true, 0);
    random::check(cluster.revision());
    (cluster, applied)
}

/// `name node ip phase` of the Pods in these namespaces, in order of their names.
fn pods(cluster: &Cluster, namespaces: &[&str]) -> Vec<String> {
    let revision = cluster.revision();
    let shown = revision.pods.values().filter(|pod| namespaces.contains(&&*pod.key.namespace));
    shown
        .map(|pod| {
            let node = pod.node.as_deref().unwrap_or("-");
            let ip = pod.ip.as_ref().map_or("-".to_owned(), |(ip, _)| ip.to_string());
            format!("{} {node} {ip} {:?}", pod.key.name, pod.phase)
        })
        .collect()
}

/// As `pods`, without the names: for those that are made up.
fn places(cluster: &Cluster, namespace: &str) -> Vec<String> {
    let pods = pods(cluster, &[namespace]).into_iter();
    let mut places: Vec<String> = pods.filter_map(|line| Some(line.split_once(' ')?.1.to_owned())).collect();
    places.sort();
    places
}

fn reason(cluster: &Cluster, name: &str) -> String {
    let pod = cluster.revision().pods.get(&PodKey::new("default", name));
    pod.map_or_else(|| "no such Pod".to_owned(), |pod| pod.reason.to_string())
}

fn rendered(cluster: &Cluster, applied: &Applied) -> String {
    applied.diagnostics.render(cluster.sources())
}

fn outcomes(applied: &Applied) -> Vec<String> {
    let show = |(key, outcome): &(ObjectKey, Outcome)| match outcome {
        Outcome::Refused(reason, message) => format!("{key}: {reason}: {message}"),
        outcome => format!("{key} {}", outcome.as_str()),
    };
    applied.objects.iter().map(show).collect()
}

/// A Pod of one nginx; `more` are further lines of its spec.
fn pod(name: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  labels: {{app: {name}}}\nspec:\n{more}  containers:\n  - \
         name: main\n    image: nginx\n---\n"
    )
}

fn deployment(name: &str, replicas: u32, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  replicas: {replicas}\n  selector:\n    \
         matchLabels: {{app: {name}}}\n  template:\n    metadata:\n      labels: {{app: {name}}}\n    spec:\n      \
         containers:\n      - name: main\n        image: {image}\n---\n"
    )
}

fn node(name: &str, ip: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Node\nmetadata:\n  name: {name}\n  labels: {{kubernetes.io/os: linux, disk: {name}}}\n{more}\
         status:\n  addresses:\n  - type: InternalIP\n    address: {ip}\n---\n"
    )
}
