//! What a cluster has by itself: nodes, if none are given, and the objects that kubeadm and the CNI
//! plugin make.
//!
//! All of it is real manifest text, the read-only source `cluster defaults`, applied below everything the user gives: an
//! object of the user's takes the place of the one here.

use crate::cluster::{
    Body, Builtin, CiliumConfig, Cni, Draft, Encapsulation, Enforcement, IpPool, Kind, Labels, Network, Object,
    ObjectKey, Provenance, Submission, Typed, identity,
};
use crate::manifest::typed::{Role, TypeMeta};
use crate::manifest::{Diagnostics, Key, Node, Value, parse};
use crate::tables::Origin;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

const SYSTEM: &str = include_str!("manifests/system.yaml");
const FLANNEL: &str = include_str!("manifests/flannel.yaml");
const CILIUM: &str = include_str!("manifests/cilium.yaml");
const CALICO: &str = include_str!("manifests/calico.yaml");
const NODE: &str = include_str!("manifests/node.yaml");
const STATIC_POD: &str = include_str!("manifests/static-pod.yaml");

/// The name of the source that built-in objects point into.
pub const SOURCE: &str = "cluster defaults";

/// (component, image, port that it claims on its node): kubeadm 1.34's static Pods.
const COMPONENTS: [(&str, &str, &str); 4] = [
    ("etcd", "etcd:3.6.4-0", "2381"),
    ("kube-apiserver", "kube-apiserver:v1.34.0", "6443"),
    ("kube-controller-manager", "kube-controller-manager:v1.34.0", "10257"),
    ("kube-scheduler", "kube-scheduler:v1.34.0", "10259"),
];

/// Renders the text anew and applies what has changed in it.
pub fn reconcile(draft: &mut Draft) {
    let text = render(draft);
    let old = draft.revision.index.builtin.clone();
    let unchanged = old.as_ref().filter(|old| *old.source.text == *text).cloned();
    let builtin = unchanged.unwrap_or_else(|| {
        let source = draft.sources.add(SOURCE, text);
        draft.revision.sources.insert(source.id, source.clone());
        let mut found = Diagnostics::default();
        let documents = parse(&source, &mut found).into_iter();
        let objects: Vec<_> = documents.filter_map(|document| named(document.root)).collect();
        draft.diagnostics.append(found);
        let keys = objects.iter().map(|(key, _)| key.clone()).collect();
        Arc::new(Builtin { source, objects, keys })
    });
    draft.revision.index.builtin = Some(builtin.clone());
    let hidden = hidden(draft);
    for (key, _) in old.iter().flat_map(|old| &old.objects) {
        let gone = !builtin.keys.contains(key) || hidden.iter().any(|component| component.covers(key));
        if gone && is_builtin(draft, key) {
            draft.delete(key);
        }
    }
    for (key, tree) in &builtin.objects {
        let suppressed = draft.revision.index.suppressed.contains(key);
        if suppressed || hidden.iter().any(|component| component.covers(key)) {
            continue;
        }
        let present = draft.revision.objects.get(key);
        // The very same tree: then its spans are the present ones, too.
        let same = present.is_some_and(|object| std::ptr::eq(object.written(), &**tree));
        if same || present.is_some_and(|object| object.provenance != Provenance::Builtin) {
            continue;
        }
        let api_version = tree.get("apiVersion").and_then(Node::as_str).unwrap_or("v1").into();
        let submission = Submission {
            key: key.clone(),
            api_version,
            tree: tree.clone(),
            provenance: Provenance::Builtin,
            replace: true,
        };
        draft.put(submission);
    }
}

fn is_builtin(draft: &Draft, key: &ObjectKey) -> bool {
    draft.revision.objects.get(key).is_some_and(|object| object.provenance == Provenance::Builtin)
}

fn named(root: Node) -> Option<(ObjectKey, Arc<Node>)> {
    let types = TypeMeta::project(&root)?;
    let kind = Kind::guess(&types.kind, types.group());
    let text = |name| root.get("metadata").and_then(|metadata| metadata.get(name)).and_then(Node::as_str).unwrap_or("");
    let (namespace, name) = (text("namespace").into(), text("name").into());
    Some((ObjectKey { kind: kind.kind, group: kind.group, namespace, name }, Arc::new(root)))
}

/// A component whose Pods the user brought, as in a dump of a real cluster: it must not be there twice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Component {
    CoreDns,
    KubeProxy,
    Flannel,
    Calico,
    Cilium,
    ControlPlane,
}

impl Component {
    fn covers(self, key: &ObjectKey) -> bool {
        match self {
            Component::CoreDns => key.is("Deployment") && &*key.name == "coredns",
            Component::KubeProxy => key.is("DaemonSet") && &*key.name == "kube-proxy",
            Component::Flannel => key.is("DaemonSet") && &*key.name == "kube-flannel-ds",
            Component::Calico => {
                matches!(&*key.namespace, "calico-system" | "tigera-operator")
                    && (key.is("DaemonSet") || key.is("Deployment"))
            }
            Component::Cilium => {
                &*key.namespace == "kube-system"
                    && (key.is("DaemonSet") && key.name.starts_with("cilium")
                        || key.is("Deployment") && &*key.name == "cilium-operator")
            }
            Component::ControlPlane => key.is("Pod"),
        }
    }
}

fn hidden(draft: &Draft) -> Vec<Component> {
    let mut hidden = Vec::new();
    for namespace in ["kube-system", "kube-flannel", "calico-system"] {
        for object in draft.revision.list("Pod", Some(namespace)) {
            if matches!(object.provenance, Provenance::Builtin | Provenance::Controller) {
                continue;
            }
            let label = |key: &str, value: &str| object.labels.get(key).is_some_and(|found| &**found == value);
            let component = match () {
                () if label("k8s-app", "kube-dns") => Component::CoreDns,
                () if label("k8s-app", "kube-proxy") => Component::KubeProxy,
                () if label("app", "flannel") || label("k8s-app", "flannel") => Component::Flannel,
                () if label("k8s-app", "cilium") => Component::Cilium,
                () if label("k8s-app", "calico-node") => Component::Calico,
                () if label("tier", "control-plane") => Component::ControlPlane,
                () => continue,
            };
            if !hidden.contains(&component) {
                hidden.push(component);
            }
        }
    }
    hidden
}

fn render(draft: &Draft) -> String {
    let network = &draft.revision.network;
    let nth = |n: u32| nth_address(&network.service_network.0, n).map_or(String::new(), |ip| ip.to_string());
    let list = |nets: &mut dyn Iterator<Item = &(IpNet, Origin)>| {
        nets.map(|(net, _)| net.to_string()).collect::<Vec<_>>().join(",")
    };
    let mode = match network.kube_proxy_mode.0 {
        crate::cluster::ProxyMode::Iptables => "",
        crate::cluster::ProxyMode::Nftables => "nftables",
        crate::cluster::ProxyMode::Ipvs => "ipvs",
    };
    let values = [
        ("@API_IP@", nth(1)),
        ("@DNS_IP@", nth(10)),
        ("@CLUSTER_NAME@", network.cluster_name.to_string()),
        ("@DNS_DOMAIN@", network.dns_domain.to_string()),
        ("@POD_NETWORK@", list(&mut network.pod_networks())),
        ("@SERVICE_NETWORK@", list(&mut network.service_networks())),
        ("@FLANNEL_NETWORK@", flannel_network(network)),
        ("@PROXY_MODE@", mode.to_owned()),
    ];
    let manifests = match network.cni {
        Cni::Flannel(_) => FLANNEL,
        Cni::Calico(_) => CALICO,
        Cni::Cilium(_) => CILIUM,
    };
    let mut parts = manifests.split("===\n").skip(1);
    let mut part = || parts.next().unwrap_or_default();
    let text = SYSTEM.replace("@CNI_NAMESPACES@", part());
    let text = text.replace("@CNI_CONFIGURATION@", part()).replace("@CNI_WORKLOADS@", part());
    let text = match &network.cni {
        // kubeadm was told no Pod subnet: Cilium has its own.
        Cni::Cilium(config) if config.pool.as_ref() == Some(&network.pod_network) => text
            .replace("      podSubnet: @POD_NETWORK@\n", "")
            .replace("clusterCIDR: @POD_NETWORK@", "clusterCIDR: \"\""),
        _ => text,
    };
    let mut text = fill(&text, &values);
    if network.cni.calico().is_some() {
        text = text.replace("@CALICO_POOLS@", &calico_pools(network));
        text = text.replace("@CALICO_IPPOOLS@", &calico_ippools(network));
    }
    if let Some(config) = network.cni.cilium() {
        text = fill(&text, &cilium_values(config));
    }
    let mut control_planes = added_control_planes(draft);
    let in_files = |object: &Arc<Object>| matches!(object.provenance, Provenance::File { .. });
    // Nodes of a manifest are the whole cluster; one that `kubectl apply` brings joins the others.
    if !draft.revision.list("Node", None).any(in_files) {
        let nodes = default_nodes(draft);
        let alone = nodes.len() == 1;
        for (at, node) in nodes.iter().enumerate() {
            text += &render_node(node, at, alone, network);
            if node.control_plane {
                control_planes.insert(node.name.clone());
            }
        }
    }
    for node in &control_planes {
        for (component, image, port) in COMPONENTS {
            let of = |text: &str| text.to_owned();
            let values =
                [("@NODE@", of(node)), ("@COMPONENT@", of(component)), ("@IMAGE@", of(image)), ("@PORT@", of(port))];
            text += &fill(STATIC_POD, &values);
        }
    }
    text
}

/// The control-plane nodes that are not here by default.
fn added_control_planes(draft: &Draft) -> BTreeSet<String> {
    let is_one =
        |object: &&Arc<Object>| object.provenance != Provenance::Builtin && object.labels.contains_key(CONTROL_PLANE);
    draft.revision.list("Node", None).filter(is_one).map(|object| object.key.name.to_string()).collect()
}

pub const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

fn fill(template: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// The address at this offset in a network.
pub fn nth_address(net: &IpNet, n: u32) -> Option<IpAddr> {
    let ip = match net.network() {
        IpAddr::V4(ip) => IpAddr::from(u32::from(ip).checked_add(n)?.to_be_bytes()),
        IpAddr::V6(ip) => IpAddr::from(u128::from(ip).checked_add(u128::from(n))?.to_be_bytes()),
    };
    net.contains(&ip).then_some(ip)
}

/// A node of the cluster that is assumed if no Node objects are given.
struct DefaultNode {
    name: String,
    control_plane: bool,
    labels: Labels,
}

fn default_nodes(draft: &Draft) -> Vec<DefaultNode> {
    let kind = draft.revision.objects.get(&ObjectKey::new("Cluster", "", ""));
    let plain = |name: String, control_plane| DefaultNode { name, control_plane, labels: Labels::new() };
    let mut nodes: Vec<DefaultNode> = Vec::new();
    let mut worker_name: Box<dyn Fn(usize) -> String> = Box::new(|n| format!("worker-{n}"));
    match kind.map(|object| &object.typed) {
        // Models sigs.k8s.io/kind pkg/cluster/internal/providers/common MakeNodeNamer.
        Some(Typed::KindCluster(cluster)) => {
            let name = cluster.name.clone();
            let nth =
                move |role: &str, n: usize| if n == 1 { format!("{name}-{role}") } else { format!("{name}-{role}{n}") };
            let mut counts = [0, 0];
            for node in cluster.nodes.iter().take(super::NODES_MAX) {
                let worker = node.role == Role::Worker;
                counts[usize::from(worker)] += 1;
                let role = if worker { "worker" } else { "control-plane" };
                let name = nth(role, counts[usize::from(worker)]);
                nodes.push(DefaultNode { name, control_plane: !worker, labels: node.labels.clone() });
            }
            worker_name = Box::new(move |n| nth("worker", n));
        }
        _ => {
            nodes.push(plain("control-plane".to_owned(), true));
            nodes.extend((1..=2).map(|n| plain(format!("worker-{n}"), false)));
        }
    }
    if let Some(count) = draft.options.workers_count {
        let mut workers: Vec<DefaultNode> = nodes.extract_if(.., |node| !node.control_plane).collect();
        let count = (count as usize).min(super::NODES_MAX - nodes.len().min(super::NODES_MAX));
        workers.truncate(count);
        workers.extend((workers.len() + 1..=count).map(|n| plain(worker_name(n), false)));
        nodes.append(&mut workers);
    }
    nodes
}

fn render_node(node: &DefaultNode, at: usize, alone: bool, network: &Network) -> String {
    let mut text = fill(NODE, &[("@NODE@", node.name.clone())]);
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    if node.control_plane || !node.labels.is_empty() {
        text += "  labels:\n";
    }
    for (key, value) in &node.labels {
        text += &format!("    {}: {}\n", quoted(key), quoted(value));
    }
    if node.control_plane {
        text += "    node-role.kubernetes.io/control-plane: \"\"\n";
        text += "    node.kubernetes.io/exclude-from-external-load-balancers: \"\"\n";
        if !alone {
            text += "spec:\n  taints:\n  - effect: NoSchedule\n    key: node-role.kubernetes.io/control-plane\n";
        }
    }
    // The gateway has the first address, the nodes have the next ones in their order.
    let ips: Vec<IpAddr> = network.node_networks().filter_map(|(net, _)| nth_address(net, at as u32 + 2)).collect();
    if !ips.is_empty() {
        text += "status:\n  addresses:\n";
        for ip in ips {
            text += &format!("  - address: {}\n    type: InternalIP\n", yaml_address(ip));
        }
        text += &format!("  - address: {}\n    type: Hostname\n", node.name);
    }
    text
}

/// An address as YAML takes it for text: one that ends in a colon needs quotes.
fn yaml_address(ip: IpAddr) -> String {
    if ip.is_ipv4() { ip.to_string() } else { format!("\"{ip}\"") }
}

/// What the ConfigMap `cilium-config` says of itself.
fn cilium_values(config: &CiliumConfig) -> [(&'static str, String); 5] {
    let pool = config.pool.as_ref().map(|(pool, _)| {
        format!("  cluster-pool-ipv4-cidr: {pool}\n  cluster-pool-ipv4-mask-size: \"{}\"\n", config.mask_size)
    });
    let policy = match config.enforcement {
        Enforcement::Default => "default",
        Enforcement::Always => "always",
        Enforcement::Never => "never",
    };
    let ipam = if pool.is_some() { "cluster-pool" } else { "kubernetes" };
    [
        ("@CILIUM_POOL@", pool.unwrap_or_default()),
        ("@CILIUM_MASQUERADE@", config.masquerade.0.to_string()),
        ("@CILIUM_POLICY@", policy.to_owned()),
        ("@CILIUM_IPAM@", ipam.to_owned()),
        ("@CILIUM_SCTP@", config.sctp_enabled.to_string()),
    ]
}

/// The pools of the operator's Installation, which are those in use.
fn calico_pools(network: &Network) -> String {
    let pools = network.cni.calico().map(|config| &config.pools[..]).unwrap_or_default();
    let written = pools.iter().map(|pool| {
        let nat = if pool.nat_outgoing { "Enabled" } else { "Disabled" };
        let IpPool { name, cidr, block_size, .. } = pool;
        format!(
            "\n    - blockSize: {block_size}\n      cidr: \"{cidr}\"\n      encapsulation: {}\n      name: {name}\n      \
             natOutgoing: {nat}\n      nodeSelector: all()",
            pool.encapsulation.name()
        )
    });
    let written: String = written.collect();
    if written.is_empty() { " []".to_owned() } else { written }
}

/// The IPPools that the operator makes of them.
fn calico_ippools(network: &Network) -> String {
    let pools = network.cni.calico().map(|config| &config.pools[..]).unwrap_or_default();
    let written = pools.iter().map(|pool| {
        let IpPool { name, cidr, block_size, nat_outgoing, .. } = pool;
        format!(
            "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata:\n  name: {name}\nspec:\n  allowedUses:\n  - Workload\n  \
             - Tunnel\n  assignmentMode: Automatic\n  blockSize: {block_size}\n  cidr: \"{cidr}\"\n  ipipMode: {}\n  natOutgoing: {nat_outgoing}\n  \
             nodeSelector: all()\n  vxlanMode: {}\n---\n",
            match pool.encapsulation {
                Encapsulation::Ipip => "Always",
                Encapsulation::IpipCrossSubnet => "CrossSubnet",
                _ => "Never",
            },
            match pool.encapsulation {
                Encapsulation::Vxlan => "Always",
                Encapsulation::VxlanCrossSubnet => "CrossSubnet",
                _ => "Never",
            }
        )
    });
    written.collect()
}

/// The first lines of Flannel's net-conf.json.
fn flannel_network(network: &Network) -> String {
    let of = |v6: bool| network.pod_networks().find(|(net, _)| net.addr().is_ipv6() == v6).map(|(net, _)| net);
    match (of(false), of(true)) {
        (Some(v4), None) => format!("\"Network\": \"{v4}\""),
        (Some(v4), Some(v6)) => {
            format!("\"Network\": \"{v4}\",\n      \"EnableIPv6\": true,\n      \"IPv6Network\": \"{v6}\"")
        }
        (None, v6) => {
            let v6 = v6.map_or_else(String::new, ToString::to_string);
            format!("\"EnableIPv4\": false,\n      \"EnableIPv6\": true,\n      \"IPv6Network\": \"{v6}\"")
        }
    }
}

/// Every Namespace has the ConfigMap with the API server's root certificate.
/// Models kube-controller-manager's root-ca-cert-publisher.
pub fn reconcile_namespaces(draft: &mut Draft) {
    for name in std::mem::take(&mut draft.dirty_namespaces) {
        let namespace = draft.revision.objects.get(&ObjectKey::new("Namespace", "", &name)).cloned();
        let key = ObjectKey::new("ConfigMap", &name, "kube-root-ca.crt");
        let (Some(namespace), false) = (namespace, draft.revision.objects.contains_key(&key)) else { continue };
        let span = namespace.written().span;
        let node = |value| Node { value, span };
        let entry = |name: &str, value| (Key { name: name.into(), span }, node(value));
        let text = |text: &str| Value::String(text.into());
        let metadata = vec![entry("name", text(&key.name)), entry("namespace", text(&name))];
        let data = vec![entry("ca.crt", text("(podhop's API server has no certificate)\n"))];
        let tree = node(Value::Mapping(vec![
            entry("apiVersion", text("v1")),
            entry("kind", text("ConfigMap")),
            entry("metadata", Value::Mapping(metadata)),
            entry("data", Value::Mapping(data)),
        ]));
        let number = draft.revision.number;
        draft.insert(Object {
            uid: identity::uid(draft.revision.seed, &["ConfigMap", &name, "kube-root-ca.crt", &number.to_string()]),
            key,
            api_version: "v1".into(),
            labels: Arc::default(),
            body: Body::Written(Arc::new(tree)),
            typed: Typed::Other,
            provenance: Provenance::Controller,
            owner: None,
            created_at_ns: draft.revision.at_ns,
            created_revision: number,
            changed_revision: number,
            generation: 1,
        });
    }
}
