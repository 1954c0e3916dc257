use super::*;
use crate::cluster::{Cluster, Options};
use crate::control;

fn cluster(text: &str) -> Cluster {
    let mut cluster = control::start(Options::default());
    let applied = cluster.open_file("a.yaml", text, true, 5_000_000_000);
    assert!(applied.committed, "{}", applied.diagnostics.render(cluster.sources()));
    cluster
}

fn field(cluster: &Cluster, key: &ObjectKey, path: &str) -> String {
    let Some(root) = api_object(cluster.revision(), key) else { return "no object".to_owned() };
    match &root.at(path).value {
        Value::String(text) => text.to_string(),
        Value::Int(n) => n.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_pod_shows_what_was_written_and_what_became_of_it() {
    let cluster = cluster(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: {b: c}\nspec:\n  containers:\n  - name: main\n    image: nginx\n    ports:\n    - containerPort: 80\n",
    );
    let key = ObjectKey::new("Pod", "default", "a");
    let show = |path: &str| field(&cluster, &key, path);
    assert_eq!(show("metadata.creationTimestamp"), "2026-01-01T00:00:05Z");
    assert_eq!(show("spec.nodeName"), "worker-1");
    assert_eq!(show("spec.containers[0].imagePullPolicy"), "Always");
    assert_eq!(show("spec.containers[0].ports[0].protocol"), "TCP");
    assert_eq!(show("status.podIP"), "10.244.1.2");
    assert_eq!(show("status.hostIP"), "172.18.0.3");
    assert_eq!(show("status.phase"), "Running");
    assert_eq!(show("spec.tolerations[1].key"), "node.kubernetes.io/unreachable");
    let Some(root) = api_object(cluster.revision(), &key) else { panic!("no object") };
    let annotation = root.get("metadata").and_then(|m| m.get("annotations")).and_then(|a| a.get(LAST_APPLIED));
    assert_eq!(
        annotation.and_then(Node::as_str),
        Some(
            "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"annotations\":{},\"labels\":{\"b\":\"c\"},\"name\":\"a\",\"namespace\":\"default\"},\"spec\":{\"containers\":[{\"image\":\"nginx\",\"name\":\"main\",\"ports\":[{\"containerPort\":80}]}]}}\n"
        )
    );
}

#[test]
fn what_a_deployment_makes_shows_its_owners_and_counts() {
    let cluster = cluster(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 3\n  selector:\n    matchLabels: {app: web}\n  template:\n    metadata:\n      labels: {app: web}\n    spec:\n      containers:\n      - name: main\n        image: nginx:1.27\n",
    );
    let deployment = ObjectKey::new("Deployment", "default", "web");
    assert_eq!(field(&cluster, &deployment, "status.readyReplicas"), "3");
    assert_eq!(field(&cluster, &deployment, "spec.strategy.rollingUpdate.maxSurge"), "25%");
    let Some(replica_set) = cluster.revision().list("ReplicaSet", Some("default")).next() else { panic!("none") };
    assert_eq!(field(&cluster, &replica_set.key, "metadata.ownerReferences[0].kind"), "Deployment");
    let hash = field(&cluster, &replica_set.key, "spec.selector.matchLabels.pod-template-hash");
    assert_eq!(*replica_set.key.name, *format!("web-{hash}"));
    assert_eq!(field(&cluster, &replica_set.key, "spec.template.spec.containers[0].image"), "nginx:1.27");
    let Some(pod) = cluster.revision().list("Pod", Some("default")).next() else { panic!("none") };
    assert_eq!(field(&cluster, &pod.key, "metadata.generateName"), format!("web-{hash}-"));
    assert_eq!(field(&cluster, &pod.key, "metadata.labels.pod-template-hash"), hash);
    assert_eq!(field(&cluster, &pod.key, "spec.containers[0].imagePullPolicy"), "IfNotPresent");
}

#[test]
fn a_node_shows_its_subnet_and_its_machine() {
    let cluster = cluster("");
    let key = ObjectKey::new("Node", "", "worker-2");
    assert_eq!(field(&cluster, &key, "spec.podCIDRs[0]"), "10.244.2.0/24");
    assert_eq!(field(&cluster, &key, "status.addresses[0].address"), "172.18.0.4");
    assert_eq!(field(&cluster, &key, "status.nodeInfo.kubeletVersion"), "v1.34.0");
    assert_eq!(field(&cluster, &key, "status.capacity.pods"), "110");
}

#[test]
fn a_network_policy_shows_the_directions_it_isolates() {
    let cluster = cluster(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec:\n  ingress: [{ports: [{port: 80}]}]\n  egress: [{}]\nstatus: {}\n",
    );
    let key = ObjectKey::new("NetworkPolicy", "default", "p");
    let show = |path: &str| field(&cluster, &key, path);
    assert_eq!([show("spec.policyTypes[0]"), show("spec.policyTypes[1]")], ["Ingress", "Egress"]);
    assert_eq!(show("spec.ingress[0].ports[0].protocol"), "TCP");
    assert_eq!(show("spec.podSelector"), "Mapping([])");
    assert_eq!(show("metadata.generation"), "1");
    assert!(api_object(cluster.revision(), &key).is_some_and(|root| root.get("status").is_none()));
}
