//! Manifests in, Pods with nodes and addresses out.

use super::start;
use crate::cluster::{Applied, Cluster, Options};

fn cluster() -> Cluster {
    start(Options { seed: 1, ..Options::default() })
}

fn with(text: &str) -> (Cluster, Applied) {
    let mut cluster = cluster();
    let applied = cluster.open_file("a.yaml", text, true, 0);
    (cluster, applied)
}

/// `namespace/name node ip phase` of the Pods in these namespaces, suffixes of made-up names left out.
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

fn rendered(cluster: &Cluster, applied: &Applied) -> String {
    applied.diagnostics.render(cluster.sources())
}

fn pod(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  labels: {{app: {name}}}\nspec:\n  containers:\n  - name: main\n    image: nginx\n{spec}---\n"
    )
}

#[test]
fn the_default_cluster_is_what_kubeadm_and_flannel_make() {
    let cluster = cluster();
    let revision = cluster.revision();
    let nodes: Vec<String> = revision
        .nodes
        .values()
        .map(|node| {
            let cidr = node.pod_cidr.as_ref().map(|(net, _)| net.to_string()).unwrap_or_default();
            format!("{} {} {cidr} {}", node.name, node.ip, node.index)
        })
        .collect();
    assert_eq!(
        nodes,
        [
            "control-plane 172.18.0.2 10.244.0.0/24 0",
            "worker-1 172.18.0.3 10.244.1.0/24 1",
            "worker-2 172.18.0.4 10.244.2.0/24 2",
        ]
    );
    assert_eq!(revision.network.gateway.0.to_string(), "172.18.0.1");
    let system = pods(&cluster, &["kube-system", "kube-flannel"]);
    assert_eq!(system.len(), 3 + 3 + 2 + 4, "{system:#?}");
    for ip in ["10.244.0.2", "10.244.0.3"] {
        let is_dns =
            |line: &&String| line.starts_with("coredns-") && line.ends_with(&format!(" control-plane {ip} Running"));
        assert_eq!(system.iter().filter(is_dns).count(), 1, "{system:#?}");
    }
    assert!(system.iter().all(|line| line.ends_with("Running")), "{system:#?}");
}

#[test]
fn pods_spread_over_the_workers_and_get_the_first_addresses() {
    let (cluster, applied) = with(&(pod("pod-a", "") + &pod("pod-b", "") + &pod("pod-c", "")));
    assert_eq!(rendered(&cluster, &applied), "");
    assert_eq!(
        pods(&cluster, &["default"]),
        ["pod-a worker-1 10.244.1.2 Running", "pod-b worker-2 10.244.2.2 Running", "pod-c worker-1 10.244.1.3 Running",]
    );
    let outcomes: Vec<_> = applied.objects.iter().map(|(key, outcome)| format!("{key} {}", outcome.as_str())).collect();
    assert_eq!(outcomes, ["pod/pod-a created", "pod/pod-b created", "pod/pod-c created"]);
}
