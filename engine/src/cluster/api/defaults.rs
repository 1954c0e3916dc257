//! Defaults that the API server fills in. Models pkg/apis/{core,apps,networking}/v1 defaults.go of Kubernetes 1.34.

use super::build::{boolean, child, default, defaults, each, get_mut, int, list, map, set, text};
use crate::cluster::{Object, Revision, Typed};
use crate::manifest::typed::tiered;
use crate::manifest::{Node, Value};
use crate::net::Family;

pub fn complete(revision: &Revision, object: &Object, root: &mut Node) {
    match (&*object.key.group, &*object.key.kind) {
        ("", "Pod") => {
            if let Some(spec) = child(root, "spec") {
                pod_spec(spec);
                scheduled(revision, object, spec);
            }
        }
        ("", "Service") => service(revision, object, root),
        ("", "Namespace") => {
            if let Some(spec) = child(root, "spec") {
                default(spec, "finalizers", list(vec![text("kubernetes")]));
            }
        }
        ("", "Node") => node(revision, object, root),
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet") => workload(object, root),
        ("networking.k8s.io", "NetworkPolicy") => network_policy(object, root),
        ("projectcalico.org" | "crd.projectcalico.org", _) => calico(object, root),
        _ => {}
    }
}

fn pod_spec(spec: &mut Node) {
    let host_network = spec.get("hostNetwork").is_some_and(|value| value.value == Value::Bool(true));
    for list in ["initContainers", "containers"] {
        each(spec, list, |container| self::container(container, host_network));
    }
    let account = spec.get("serviceAccountName").and_then(Node::as_str).unwrap_or("default").to_owned();
    defaults(
        spec,
        [
            ("dnsPolicy", text("ClusterFirst")),
            ("restartPolicy", text("Always")),
            ("schedulerName", text("default-scheduler")),
            ("securityContext", map([])),
            ("serviceAccount", text(&account)),
            ("serviceAccountName", text(&account)),
            ("terminationGracePeriodSeconds", int(30)),
        ],
    );
}

/// Templates keep what they were given; Pods also get what admission adds.
fn scheduled(revision: &Revision, object: &Object, spec: &mut Node) {
    let pod = object.key.as_pod().and_then(|key| revision.pods.get(&key));
    if let Some(node) = pod.and_then(|pod| pod.node.as_ref()) {
        set(spec, "nodeName", text(node));
    }
    let critical = spec.get("priorityClassName").and_then(Node::as_str).map(str::to_owned);
    let priority = match critical.as_deref() {
        Some("system-node-critical") => 2_000_001_000,
        Some("system-cluster-critical") => 2_000_000_000,
        _ => 0,
    };
    defaults(
        spec,
        [
            ("enableServiceLinks", boolean(true)),
            ("preemptionPolicy", text("PreemptLowerPriority")),
            ("priority", int(priority)),
            ("tolerations", list(Vec::new())),
        ],
    );
    let Some(Node { value: Value::Sequence(tolerations), .. }) = get_mut(spec, "tolerations") else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let covered = |toleration: &Node| {
            let field = |name| toleration.get(name).and_then(Node::as_str).unwrap_or("");
            (field("key") == key || field("key").is_empty()) && matches!(field("effect"), "" | "NoExecute")
        };
        if !tolerations.iter().any(covered) {
            tolerations.push(map([
                ("effect", text("NoExecute")),
                ("key", text(key)),
                ("operator", text("Exists")),
                ("tolerationSeconds", int(300)),
            ]));
        }
    }
}

fn container(container: &mut Node, host_network: bool) {
    let image = container.get("image").and_then(Node::as_str).unwrap_or("").to_owned();
    let name = image.rsplit('/').next().unwrap_or("");
    let latest = !image.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
    defaults(
        container,
        [
            ("imagePullPolicy", text(if latest { "Always" } else { "IfNotPresent" })),
            ("resources", map([])),
            ("terminationMessagePath", text("/dev/termination-log")),
            ("terminationMessagePolicy", text("File")),
        ],
    );
    each(container, "ports", |port| {
        default(port, "protocol", text("TCP"));
        if let Some(number) = port.get("containerPort").cloned().filter(|_| host_network) {
            default(port, "hostPort", number);
        }
    });
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = get_mut(container, probe) {
            let numbers =
                [("failureThreshold", 3), ("periodSeconds", 10), ("successThreshold", 1), ("timeoutSeconds", 1)];
            numbers.into_iter().for_each(|(name, n)| default(probe, name, int(n)));
            if let Some(http) = get_mut(probe, "httpGet") {
                default(http, "scheme", text("HTTP"));
            }
        }
    }
}

fn workload(object: &Object, root: &mut Node) {
    let Some(workload) = object.workload() else { return };
    let Some(spec) = child(root, "spec") else { return };
    if let Some(template) = child(spec, "template") {
        if let Some(metadata) = child(template, "metadata") {
            let mut labels = map([]);
            workload.template.labels.iter().for_each(|(name, value)| set(&mut labels, name, text(value)));
            set(metadata, "labels", labels);
        }
        if let Some(spec) = child(template, "spec") {
            pod_spec(spec);
        }
    }
    if !object.key.is("DaemonSet") {
        set(spec, "replicas", int(workload.replicas));
    }
    let rolling = |surge: Node, unavailable: Node| {
        map([
            ("rollingUpdate", map([("maxSurge", surge), ("maxUnavailable", unavailable)])),
            ("type", text("RollingUpdate")),
        ])
    };
    match &*object.key.kind {
        "Deployment" => {
            default(spec, "progressDeadlineSeconds", int(600));
            default(spec, "revisionHistoryLimit", int(10));
            default(spec, "strategy", rolling(text("25%"), text("25%")));
            complete_strategy(spec, "strategy", [("maxSurge", text("25%")), ("maxUnavailable", text("25%"))]);
        }
        "StatefulSet" => {
            default(spec, "podManagementPolicy", text("OrderedReady"));
            default(spec, "revisionHistoryLimit", int(10));
            default(spec, "updateStrategy", map([("type", text("RollingUpdate"))]));
            complete_strategy(spec, "updateStrategy", [("partition", int(0))]);
        }
        "DaemonSet" => {
            default(spec, "revisionHistoryLimit", int(10));
            default(spec, "updateStrategy", rolling(int(0), int(1)));
            complete_strategy(spec, "updateStrategy", [("maxSurge", int(0)), ("maxUnavailable", int(1))]);
        }
        _ => {}
    }
}

fn complete_strategy<const N: usize>(spec: &mut Node, name: &str, amounts: [(&str, Node); N]) {
    let Some(strategy) = get_mut(spec, name) else { return };
    default(strategy, "type", text("RollingUpdate"));
    if strategy.get("type").and_then(Node::as_str) == Some("RollingUpdate")
        && let Some(rolling) = child(strategy, "rollingUpdate")
    {
        defaults(rolling, amounts);
    }
}

/// Defaults, then what was allocated. Models SetDefaults_Service and pkg/registry/core/service/storage.
fn service(revision: &Revision, object: &Object, root: &mut Node) {
    let Some(spec) = child(root, "spec") else { return };
    default(spec, "type", text("ClusterIP"));
    default(spec, "sessionAffinity", text("None"));
    let kind = spec.get("type").and_then(Node::as_str).unwrap_or("").to_owned();
    if spec.get("sessionAffinity").and_then(Node::as_str) == Some("ClientIP")
        && let Some(config) = child(spec, "sessionAffinityConfig").and_then(|config| child(config, "clientIP"))
    {
        default(config, "timeoutSeconds", int(10_800));
    }
    if kind == "ExternalName" {
        return;
    }
    let record = revision.services.get(&object.key.as_named());
    if let Some(record) = record {
        let ips: Vec<Node> = record.cluster_ips.iter().map(|(ip, _)| text(ip.to_string())).collect();
        let ips = if record.spec.is_headless() { vec![text("None")] } else { ips };
        if let Some(ip) = ips.first().cloned() {
            set(spec, "clusterIP", ip);
            set(spec, "clusterIPs", list(ips));
        }
        let families = record.families.iter();
        let families = families.map(|family| text(if *family == Family::V4 { "IPv4" } else { "IPv6" })).collect();
        set(spec, "ipFamilies", list(families));
    }
    default(spec, "internalTrafficPolicy", text("Cluster"));
    default(spec, "ipFamilyPolicy", text("SingleStack"));
    let external = spec.get("externalIPs").is_some_and(|ips| !ips.items().is_empty());
    if external || matches!(&*kind, "NodePort" | "LoadBalancer") {
        default(spec, "externalTrafficPolicy", text("Cluster"));
    }
    if kind == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", boolean(true));
    }
    if let Some((port, _)) = record.and_then(|record| record.health_check_node_port.as_ref()) {
        set(spec, "healthCheckNodePort", int(*port));
    }
    let mut at = 0;
    each(spec, "ports", |port| {
        default(port, "protocol", text("TCP"));
        if let Some(number) = port.get("port").cloned() {
            default(port, "targetPort", number);
        }
        if let Some((number, _)) = record.and_then(|record| record.node_ports.get(at)?.as_ref()) {
            set(port, "nodePort", int(*number));
        }
        at += 1;
    });
}

/// Models SetDefaults_NetworkPolicy; a `podSelector` that selects everything is never left out.
fn network_policy(object: &Object, root: &mut Node) {
    let Typed::NetworkPolicy(policy) = &object.typed else { return };
    let Some(spec) = child(root, "spec") else { return };
    default(spec, "podSelector", map([]));
    let types = [("Ingress", &policy.ingress), ("Egress", &policy.egress)];
    let types = types.iter().filter(|(_, rules)| rules.is_some()).map(|(name, _)| text(name)).collect();
    if spec.get("policyTypes").is_none_or(|types| types.items().is_empty()) {
        set(spec, "policyTypes", list(types));
    }
    for rules in ["ingress", "egress"] {
        each(spec, rules, |rule| each(rule, "ports", |port| default(port, "protocol", text("TCP"))));
    }
}

/// Models libcalico-go/lib/clientv3 of Calico 3.31.
fn calico(object: &Object, root: &mut Node) {
    match &object.typed {
        Typed::CalicoPolicy(policy) => {
            let (tier, _) = tiered(&object.key.name);
            if let Some(labels) = child(root, "metadata").and_then(|metadata| child(metadata, "labels")) {
                default(labels, "projectcalico.org/tier", text(tier));
            }
            let Some(spec) = child(root, "spec") else { return };
            default(spec, "tier", text(tier));
            let types = [("Ingress", &policy.ingress), ("Egress", &policy.egress)];
            let types = types.iter().filter(|(_, rules)| rules.is_some()).map(|(name, _)| text(name)).collect();
            default(spec, "types", list(types));
        }
        Typed::CalicoTier(_) => {
            if let Some(spec) = child(root, "spec") {
                default(spec, "defaultAction", text("Deny"));
            }
        }
        _ => {}
    }
}

fn node(revision: &Revision, object: &Object, root: &mut Node) {
    let Some(record) = revision.nodes.get(&*object.key.name) else { return };
    let Some(spec) = child(root, "spec") else { return };
    let network = &revision.network;
    // Nodes have their share of Cilium's pool from cilium-operator, and none from kube-controller-manager.
    let of_pool = network.cni.cilium().is_some_and(|config| config.pool.as_ref() == Some(&network.pod_network));
    if let Some((net, _)) = record.pod_cidr.as_ref().filter(|_| !of_pool) {
        default(spec, "podCIDR", text(net.to_string()));
        default(spec, "podCIDRs", list(record.pod_cidrs().map(|net| text(net.to_string())).collect()));
    }
}
