//! Objects → table rows. Models kubernetes 1.34 pkg/printers/internalversion/printers.go, which reads the objects as the
//! API server returns them.

use super::duration::human_duration;
use super::table::{Row, Table, format_labels};
use crate::cluster::api::{EPOCH_SECONDS, seconds_of};
use crate::cluster::{Kind, Object};
use crate::manifest::{Node, Value};

/// The text or number at a path of field names; empty if there is none.
pub fn field(node: &Node, path: &str) -> String {
    match find(node, path).map(|node| &node.value) {
        Some(Value::String(text)) => text.to_string(),
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::Bool(value)) => value.to_string(),
        _ => String::new(),
    }
}

pub fn find<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    path.split('.').try_fold(node, |node, name| node.get(name))
}

pub fn items<'n>(node: &'n Node, path: &str) -> &'n [Node] {
    find(node, path).map_or(&[], Node::items)
}

fn number(node: &Node, path: &str) -> i64 {
    match find(node, path).map(|node| &node.value) {
        Some(Value::Int(number)) => *number,
        _ => 0,
    }
}

fn or<'t>(text: &'t str, otherwise: &'t str) -> &'t str {
    if text.is_empty() { otherwise } else { text }
}

/// A kind's columns; those with a plus are wide.
pub fn table(kind: &Kind) -> Table {
    Table::new(match (&*kind.group, &*kind.kind) {
        ("", "Pod") => {
            &["NAME", "READY", "STATUS", "RESTARTS", "AGE", "+IP", "+NODE", "+NOMINATED NODE", "+READINESS GATES"]
        }
        ("", "Node") => &[
            "NAME",
            "STATUS",
            "ROLES",
            "AGE",
            "VERSION",
            "+INTERNAL-IP",
            "+EXTERNAL-IP",
            "+OS-IMAGE",
            "+KERNEL-VERSION",
            "+CONTAINER-RUNTIME",
        ],
        ("", "Namespace") => &["NAME", "STATUS", "AGE"],
        ("", "Service") => &["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "+SELECTOR"],
        ("", "Endpoints") => &["NAME", "ENDPOINTS", "AGE"],
        ("discovery.k8s.io", "EndpointSlice") => &["NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"],
        ("", "ConfigMap") => &["NAME", "DATA", "AGE"],
        ("", "Secret") => &["NAME", "TYPE", "DATA", "AGE"],
        ("", "ServiceAccount") => &["NAME", "SECRETS", "AGE"],
        ("apps", "Deployment") => {
            &["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "+CONTAINERS", "+IMAGES", "+SELECTOR"]
        }
        ("apps", "ReplicaSet") => {
            &["NAME", "DESIRED", "CURRENT", "READY", "AGE", "+CONTAINERS", "+IMAGES", "+SELECTOR"]
        }
        ("apps", "StatefulSet") => &["NAME", "READY", "AGE", "+CONTAINERS", "+IMAGES"],
        ("apps", "DaemonSet") => &[
            "NAME",
            "DESIRED",
            "CURRENT",
            "READY",
            "UP-TO-DATE",
            "AVAILABLE",
            "NODE SELECTOR",
            "AGE",
            "+CONTAINERS",
            "+IMAGES",
            "+SELECTOR",
        ],
        ("networking.k8s.io", "NetworkPolicy") => &["NAME", "POD-SELECTOR", "AGE"],
        ("policy.networking.k8s.io", "ClusterNetworkPolicy") => &["NAME", "TIER", "PRIORITY", "AGE"],
        ("policy.networking.k8s.io", "AdminNetworkPolicy") => &["NAME", "PRIORITY", "AGE"],
        // Calico's API server leaves its tables to the library, which has these two columns.
        ("rbac.authorization.k8s.io", "ClusterRole" | "Role") | ("projectcalico.org", _) => &["NAME", "CREATED AT"],
        _ => &["NAME", "AGE"],
    })
}

/// One object's row. `api` is the object as the API server returns it.
pub fn row(kind: &Kind, object: &Object, api: &Node, now_ns: u64) -> Row {
    let age = human_duration((now_ns.saturating_sub(object.created_at_ns) / 1_000_000_000) as i64);
    let name = object.key.name.to_string();
    let cells = match (&*kind.group, &*kind.kind) {
        ("", "Pod") => pod(name, api, age, now_ns),
        ("", "Node") => node(name, api, age),
        ("", "Namespace") => vec![name, field(api, "status.phase"), age],
        ("", "Service") => service(name, api, age),
        ("", "Endpoints") => vec![name, endpoints(api), age],
        ("discovery.k8s.io", "EndpointSlice") => {
            let ports = items(api, "ports").iter().map(slice_port);
            let addresses = items(api, "endpoints").iter().flat_map(|endpoint| items(endpoint, "addresses"));
            let addresses = addresses.filter_map(|address| address.as_str().map(str::to_string));
            let (ports, addresses) = (first_three(ports, "<unset>"), first_three(addresses, "<unset>"));
            vec![name, field(api, "addressType"), ports, addresses, age]
        }
        ("", "ConfigMap") => {
            let count = |path| find(api, path).map_or(0, |data| data.entries().len());
            vec![name, (count("data") + count("binaryData")).to_string(), age]
        }
        ("", "Secret") => {
            let count = find(api, "data").map_or(0, |data| data.entries().len());
            vec![name, or(&field(api, "type"), "Opaque").to_string(), count.to_string(), age]
        }
        ("", "ServiceAccount") => vec![name, items(api, "secrets").len().to_string(), age],
        ("apps", "Deployment") => {
            let ready = format!("{}/{}", number(api, "status.readyReplicas"), number(api, "spec.replicas"));
            let counts =
                ["status.updatedReplicas", "status.availableReplicas"].map(|path| number(api, path).to_string());
            with_template(vec![name, ready, counts[0].clone(), counts[1].clone(), age], api, true)
        }
        ("apps", "ReplicaSet") => {
            let counts =
                ["spec.replicas", "status.replicas", "status.readyReplicas"].map(|path| number(api, path).to_string());
            let mut cells = vec![name];
            cells.extend(counts);
            cells.push(age);
            with_template(cells, api, true)
        }
        ("apps", "StatefulSet") => {
            let ready = format!("{}/{}", number(api, "status.readyReplicas"), number(api, "spec.replicas"));
            with_template(vec![name, ready, age], api, false)
        }
        ("apps", "DaemonSet") => {
            let counts = [
                "desiredNumberScheduled",
                "currentNumberScheduled",
                "numberReady",
                "updatedNumberScheduled",
                "numberAvailable",
            ];
            let mut cells = vec![name];
            cells.extend(
                counts.iter().map(|count| find(api, "status").map_or(0, |status| number(status, count)).to_string()),
            );
            cells.push(labels_of(find(api, "spec.template.spec.nodeSelector")));
            cells.push(age);
            with_template(cells, api, true)
        }
        ("networking.k8s.io", "NetworkPolicy") => vec![name, selector(find(api, "spec.podSelector")), age],
        ("policy.networking.k8s.io", "ClusterNetworkPolicy") => {
            vec![name, field(api, "spec.tier"), field(api, "spec.priority"), age]
        }
        ("policy.networking.k8s.io", "AdminNetworkPolicy") => vec![name, field(api, "spec.priority"), age],
        ("rbac.authorization.k8s.io", "ClusterRole" | "Role") | ("projectcalico.org", _) => {
            vec![name, field(api, "metadata.creationTimestamp")]
        }
        _ => vec![name, age],
    };
    let labels = object.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    Row { namespace: object.key.namespace.to_string(), labels, cells }
}

/// Containers, images and, for all but StatefulSets, the selector.
fn with_template(mut cells: Vec<String>, api: &Node, with_selector: bool) -> Vec<String> {
    let containers = items(api, "spec.template.spec.containers");
    let joined = |name: &str| containers.iter().map(|container| field(container, name)).collect::<Vec<_>>().join(",");
    cells.extend([joined("name"), joined("image")]);
    if with_selector {
        cells.push(selector(find(api, "spec.selector")));
    }
    cells
}

/// `a=b,c=d`, or `<none>`.
fn labels_of(node: Option<&Node>) -> String {
    let entries = node.map_or(&[][..], Node::entries);
    let mut labels: Vec<(String, String)> =
        entries.iter().map(|(key, value)| (key.name.to_string(), value.as_str().unwrap_or("").to_string())).collect();
    labels.sort();
    format_labels(&labels)
}

/// `a=b,c in (d,e)`, or `<none>`. Models apimachinery meta/v1 FormatLabelSelector.
pub fn selector(node: Option<&Node>) -> String {
    let Some(node) = node else { return "<none>".to_string() };
    let mut terms: Vec<(String, String)> = Vec::new();
    for (key, value) in node.get("matchLabels").map_or(&[][..], Node::entries) {
        terms.push((key.name.to_string(), format!("{}={}", key.name, value.as_str().unwrap_or(""))));
    }
    for expression in node.get("matchExpressions").map_or(&[][..], Node::items) {
        let key = field(expression, "key");
        let mut values: Vec<&str> = items(expression, "values").iter().filter_map(Node::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        let term = match field(expression, "operator").as_str() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.clone(),
        };
        terms.push((key, term));
    }
    if terms.is_empty() {
        return "<none>".to_string();
    }
    terms.sort();
    terms.into_iter().map(|(_, term)| term).collect::<Vec<_>>().join(",")
}

/// Models printPod.
fn pod(name: String, api: &Node, age: String, now_ns: u64) -> Vec<String> {
    let total = items(api, "spec.containers").len();
    let (mut ready, mut restarts, mut running) = (0, 0, false);
    let mut restarted = None;
    let mut reason = field(api, "status.reason");
    if reason.is_empty() {
        reason = field(api, "status.phase");
    }
    for condition in items(api, "status.conditions") {
        if field(condition, "reason") == "SchedulingGated" {
            reason = "SchedulingGated".into();
        }
    }
    for status in items(api, "status.containerStatuses").iter().rev() {
        restarts += number(status, "restartCount");
        restarted = restarted.max(seconds_of(&field(status, "lastState.terminated.finishedAt")));
        let waiting = field(status, "state.waiting.reason");
        let terminated = find(status, "state.terminated");
        if !waiting.is_empty() {
            reason = waiting;
        } else if let Some(terminated) = terminated {
            reason = match (field(terminated, "reason"), number(terminated, "signal")) {
                (reason, _) if !reason.is_empty() => reason,
                (_, 0) => format!("ExitCode:{}", number(terminated, "exitCode")),
                (_, signal) => format!("Signal:{signal}"),
            };
        } else if field(status, "ready") == "true" && find(status, "state.running").is_some() {
            running = true;
            ready += 1;
        }
    }
    if reason == "Completed" && running {
        let is_ready = |condition: &&Node| field(condition, "type") == "Ready" && field(condition, "status") == "True";
        let condition = items(api, "status.conditions").iter().find(is_ready);
        reason = if condition.is_some() { "Running" } else { "NotReady" }.into();
    }
    let gates = items(api, "spec.readinessGates").len();
    let restarts = match restarted.filter(|_| restarts > 0) {
        Some(at) => {
            let now = EPOCH_SECONDS as i64 + (now_ns / 1_000_000_000) as i64;
            format!("{restarts} ({} ago)", human_duration(now - at))
        }
        None => restarts.to_string(),
    };
    vec![
        name,
        format!("{ready}/{total}"),
        reason,
        restarts,
        age,
        or(&field(api, "status.podIP"), "<none>").to_string(),
        or(&field(api, "spec.nodeName"), "<none>").to_string(),
        or(&field(api, "status.nominatedNodeName"), "<none>").to_string(),
        if gates == 0 { "<none>".to_string() } else { format!("0/{gates}") },
    ]
}

/// Models printNode.
fn node(name: String, api: &Node, age: String) -> Vec<String> {
    let ready = items(api, "status.conditions").iter().find(|condition| field(condition, "type") == "Ready");
    let mut status = match ready.map(|condition| field(condition, "status")).as_deref() {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_string();
    if field(api, "spec.unschedulable") == "true" {
        status.push_str(",SchedulingDisabled");
    }
    let labels = find(api, "metadata.labels").map_or(&[][..], Node::entries);
    let role = |key: &str, value: &Node| match key.strip_prefix("node-role.kubernetes.io/") {
        Some(role) if !role.is_empty() => Some(role.to_string()),
        _ if key == "kubernetes.io/role" => value.as_str().filter(|role| !role.is_empty()).map(str::to_string),
        _ => None,
    };
    let mut roles: Vec<String> = labels.iter().filter_map(|(key, value)| role(&key.name, value)).collect();
    roles.sort();
    let address = |kind: &str| {
        let found = items(api, "status.addresses").iter().find(|address| field(address, "type") == kind);
        found.map_or("<none>".to_string(), |address| field(address, "address"))
    };
    let info = |name: &str| {
        or(&find(api, "status.nodeInfo").map_or(String::new(), |info| field(info, name)), "<unknown>").to_string()
    };
    vec![
        name,
        status,
        or(&roles.join(","), "<none>").to_string(),
        age,
        field(api, "status.nodeInfo.kubeletVersion"),
        address("InternalIP"),
        address("ExternalIP"),
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ]
}

/// Models printService.
fn service(name: String, api: &Node, age: String) -> Vec<String> {
    let kind = field(api, "spec.type");
    let kind = or(&kind, "ClusterIP");
    let cluster_ip = match items(api, "spec.clusterIPs").first().and_then(Node::as_str) {
        Some(ip) => ip.to_string(),
        None => field(api, "spec.clusterIP"),
    };
    let texts = |path: &str, name: &str| -> Vec<String> {
        let text =
            |item: &Node| if name.is_empty() { item.as_str().unwrap_or("").to_string() } else { field(item, name) };
        items(api, path).iter().map(text).filter(|text| !text.is_empty()).collect()
    };
    let mut external = texts("spec.externalIPs", "");
    let external = match kind {
        "ExternalName" => field(api, "spec.externalName"),
        "LoadBalancer" => {
            let mut ips = texts("status.loadBalancer.ingress", "ip");
            ips.extend(texts("status.loadBalancer.ingress", "hostname"));
            ips.append(&mut external);
            or(&ips.join(","), "<pending>").to_string()
        }
        _ => or(&external.join(","), "<none>").to_string(),
    };
    let port = |port: &Node| {
        let node_port = number(port, "nodePort");
        let protocol = field(port, "protocol");
        let between = if node_port > 0 { format!(":{node_port}") } else { String::new() };
        format!("{}{between}/{}", number(port, "port"), or(&protocol, "TCP"))
    };
    let ports: Vec<String> = items(api, "spec.ports").iter().map(port).collect();
    vec![
        name,
        kind.to_string(),
        or(&cluster_ip, "<none>").to_string(),
        external,
        or(&ports.join(","), "<none>").to_string(),
        age,
        labels_of(find(api, "spec.selector")),
    ]
}

/// `a,b,c + 2 more...`. Models listWithMoreString.
fn first_three(texts: impl Iterator<Item = String>, none: &str) -> String {
    let texts: Vec<String> = texts.collect();
    let shown = texts[..texts.len().min(3)].join(",");
    match texts.len() {
        0 => none.to_string(),
        1..=3 => shown,
        count => format!("{shown} + {} more...", count - 3),
    }
}

/// Models formatDiscoveryPorts.
fn slice_port(port: &Node) -> String {
    match (field(port, "port"), field(port, "name")) {
        (number, _) if !number.is_empty() => number,
        (_, name) if !name.is_empty() => name,
        _ => "*".to_string(),
    }
}

/// Models formatEndpoints: ready addresses with each port.
fn endpoints(api: &Node) -> String {
    let mut texts = Vec::new();
    for subset in items(api, "subsets") {
        let ips = || items(subset, "addresses").iter().map(|address| field(address, "ip"));
        let ports = items(subset, "ports");
        if ports.is_empty() {
            texts.extend(ips());
        }
        for port in ports {
            let host = |ip: String| if ip.contains(':') { format!("[{ip}]") } else { ip };
            texts.extend(ips().map(|ip| format!("{}:{}", host(ip), field(port, "port"))));
        }
    }
    first_three(texts.into_iter(), "<none>")
}
