//! Resources as calicoctl returns them: Calico's own objects, and what it makes of Nodes, Pods and Namespaces. Models
//! libcalico-go/lib/backend/k8s/resources and conversion.
//!
//! Left out: the container's ID of a workload endpoint, the interfaces of a node, and ServiceAccounts that nothing in the
//! simulated cluster speaks of.

use super::kinds::{Resource, is_group};
use crate::cluster::api::build::{self, defaults, int, list, map, remove, set, text};
use crate::cluster::api::calico::{bgp_address, tunnel_word};
use crate::cluster::api::timestamp;
use crate::cluster::{NodeRecord, Object, ObjectKey, PodPhase, PodRecord, Revision, api_object};
use crate::console::kubectl::printers::{field, items};
use crate::manifest::emit::json_compact;
use crate::manifest::{Node, Value};
use crate::net::Family;
use crate::program::cni::calico::veth_name;
use crate::program::{Tier, Tiers};
use crate::tables::Uid;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The resources of a kind; `namespace` counts for kinds that are in one.
pub fn list_of(revision: &Revision, resource: &Resource, namespace: Option<&str>) -> Vec<Node> {
    match resource.kind {
        "Node" => revision.nodes.values().filter_map(|record| node(revision, record)).collect(),
        "Profile" => profiles(revision),
        "Tier" => tiers(revision),
        "WorkloadEndpoint" => {
            let pods = revision.pods.values().filter(|pod| namespace.is_none_or(|name| *pod.key.namespace == *name));
            pods.filter_map(|pod| endpoint(revision, pod)).collect()
        }
        kind => stored(revision, kind, namespace).filter_map(|object| own(revision, object)).collect(),
    }
}

fn stored<'r>(revision: &'r Revision, kind: &str, namespace: Option<&str>) -> impl Iterator<Item = &'r Object> {
    revision.list(kind, namespace).filter(|object| is_group(&object.key.group)).map(|object| &**object)
}

/// The networks of all pools, in the order of their names.
pub fn pools(revision: &Revision) -> Vec<IpNet> {
    let cidr = |object: &Object| field(&object.tree(revision), "spec.cidr").parse().ok();
    stored(revision, "IPPool", None).filter_map(|object| cidr(object).map(|net: IpNet| net.trunc())).collect()
}

/// The number of the autonomous system that nodes are in.
pub fn as_number(revision: &Revision) -> String {
    let given = stored(revision, "BGPConfiguration", None).find(|object| &*object.key.name == "default");
    let given = given.map(|object| field(&object.tree(revision), "spec.asNumber"));
    given.filter(|number| !number.is_empty()).unwrap_or_else(|| "64512".to_owned())
}

fn versioned(kind: &str, metadata: Node, spec: Node) -> Node {
    map([("apiVersion", text("projectcalico.org/v3")), ("kind", text(kind)), ("metadata", metadata), ("spec", spec)])
}

/// One of Calico's own objects, with its defaults.
fn own(revision: &Revision, object: &Object) -> Option<Node> {
    let mut tree = api_object(revision, &object.key)?;
    set(&mut tree, "apiVersion", text("projectcalico.org/v3"));
    let spec = build::child(&mut tree, "spec")?;
    if object.key.is("IPPool") {
        let is_v6 = field(spec, "cidr").contains(':');
        let uses = || list(vec![text("Workload"), text("Tunnel")]);
        defaults(
            spec,
            [
                ("allowedUses", uses()),
                ("assignmentMode", text("Automatic")),
                ("blockSize", int(if is_v6 { 122 } else { 26 })),
                ("ipipMode", text("Never")),
                ("nodeSelector", text("all()")),
                ("vxlanMode", text("Never")),
            ],
        );
    }
    Some(tree)
}

/// Those that are there by themselves and those that were made, in the order in which they are asked.
fn tiers(revision: &Revision) -> Vec<Node> {
    let admins = revision.list("ClusterNetworkPolicy", None).next().is_some();
    let tiers = Tiers::new(revision);
    let shown = tiers.iter().filter(|tier| admins || !tier.name.starts_with("kube-"));
    let tree = |tier: &Tier| {
        let stored = stored(revision, "Tier", None).find(|object| object.key.name == tier.name);
        stored.and_then(|object| own(revision, object)).unwrap_or_else(|| {
            let metadata = map([("creationTimestamp", text(timestamp(0))), ("name", text(&tier.name))]);
            let mut spec = map([("defaultAction", text(if tier.passes { "Pass" } else { "Deny" }))]);
            if let Some(order) = tier.order {
                set(&mut spec, "order", int(order as i64));
            }
            versioned("Tier", metadata, spec)
        })
    };
    shown.map(tree).collect()
}

/// The metadata of an object that Calico shows as another: none of its annotations.
fn metadata_of(api: &Node, name: &str, uid: Option<&str>) -> Node {
    let mut metadata = map([("name", text(name))]);
    for path in ["creationTimestamp", "resourceVersion", "uid"] {
        set(&mut metadata, path, text(field(api, &format!("metadata.{path}"))));
    }
    if let Some(uid) = uid {
        set(&mut metadata, "uid", text(uid));
    }
    metadata
}

/// Models K8sNodeToCalico.
fn node(revision: &Revision, record: &NodeRecord) -> Option<Node> {
    let api = api_object(revision, &ObjectKey::new("Node", "", &record.name))?;
    let mut labels = api.get("metadata")?.get("labels").cloned().unwrap_or_else(|| map([]));
    build::sort(&mut labels);
    let mut metadata = metadata_of(&api, &record.name, None);
    set(&mut metadata, "annotations", map([("projectcalico.org/kube-labels", text(json_compact(&labels)))]));
    set(&mut metadata, "labels", labels);
    let address = |address: String, kind: &str| map([("address", text(address)), ("type", text(kind))]);
    let (mut bgp, mut addresses, mut spec) = (map([]), Vec::new(), map([]));
    for (family, version) in [(Family::V4, "ipv4"), (Family::V6, "ipv6")] {
        if let Some(net) = bgp_address(revision, record, family) {
            set(&mut bgp, &format!("{version}Address"), text(net.to_string()));
            addresses.push(address(net.to_string(), "CalicoNodeIP"));
        }
        if let Some(ip) = record.tunnel_ip(family) {
            let word = tunnel_word(revision, family);
            // The one of IPIP is told with what BIRD knows of the node.
            let of = if word.starts_with("IPIP") { &mut bgp } else { &mut spec };
            set(of, &format!("{version}{word}"), text(ip.to_string()));
        }
    }
    addresses.extend(record.ips().map(|ip| address(ip.to_string(), "InternalIP")));
    set(&mut spec, "addresses", list(addresses));
    if !bgp.entries().is_empty() {
        set(&mut spec, "bgp", bgp);
    }
    let reference = map([("nodeName", text(&record.name)), ("orchestrator", text("k8s"))]);
    set(&mut spec, "orchRefs", list(vec![reference]));
    let mut tree = versioned("Node", metadata, spec);
    let cidrs: Vec<Node> = record.pod_cidrs().map(|net| text(net.to_string())).collect();
    set(&mut tree, "status", if cidrs.is_empty() { map([]) } else { map([("podCIDRs", list(cidrs))]) });
    Some(tree)
}

/// Models the List of profileClient: one that allows everything, one for each namespace, one for each ServiceAccount.
fn profiles(revision: &Revision) -> Vec<Node> {
    let allow = || list(vec![map([("action", text("Allow"))])]);
    let rules = || map([("egress", allow()), ("ingress", allow())]);
    // It has been there for ever.
    let since = Node { value: Value::Null, ..text("") };
    let metadata = map([("creationTimestamp", since), ("name", text("projectcalico-default-allow"))]);
    let mut profiles = vec![versioned("Profile", metadata, rules())];
    let mut accounts: BTreeSet<(String, String)> = BTreeSet::new();
    for object in revision.list("Namespace", None) {
        let Some(api) = api_object(revision, &object.key) else { continue };
        let name = &object.key.name;
        let mut spec = rules();
        let mut labels = map([]);
        let own = api.get("metadata").and_then(|metadata| metadata.get("labels")).map_or(&[][..], Node::entries);
        own.iter().for_each(|(key, value)| set(&mut labels, &format!("pcns.{}", key.name), value.clone()));
        set(&mut labels, "pcns.projectcalico.org/name", text(name));
        set(&mut spec, "labelsToApply", labels);
        let metadata = metadata_of(&api, &format!("kns.{name}"), Some(&reversed(object.uid).to_string()));
        profiles.push(versioned("Profile", metadata, spec));
        accounts.insert((name.to_string(), "default".to_owned()));
    }
    accounts.extend(revision.list("ServiceAccount", None).map(|object| key_of(&object.key)));
    accounts.extend(revision.pods.values().map(|pod| (pod.key.namespace.to_string(), account(pod).to_owned())));
    profiles.extend(accounts.into_iter().map(|(namespace, name)| {
        let key = ObjectKey::new("ServiceAccount", &namespace, &name);
        let api = revision.object(&key).and_then(|object| Some((api_object(revision, &key)?, object.uid)));
        let title = format!("ksa.{namespace}.{name}");
        let metadata = match &api {
            Some((api, uid)) => metadata_of(api, &title, Some(&reversed(*uid).to_string())),
            None => map([("name", text(title))]),
        };
        let mut labels = map([("pcsa.projectcalico.org/name", text(&name))]);
        let own = api.as_ref().and_then(|(api, _)| api.get("metadata")?.get("labels")).map_or(&[][..], Node::entries);
        own.iter().for_each(|(key, value)| set(&mut labels, &format!("pcsa.{}", key.name), value.clone()));
        versioned("Profile", metadata, map([("labelsToApply", labels)]))
    }));
    profiles
}

fn key_of(key: &ObjectKey) -> (String, String) {
    (key.namespace.to_string(), key.name.to_string())
}

fn account(pod: &PodRecord) -> &str {
    pod.spec.service_account_name.as_deref().unwrap_or("default")
}

/// A new UID of an old one: the bits of its bytes reversed, but for those that say what it is. Models ConvertUID.
fn reversed(uid: Uid) -> Uid {
    let mut bytes = uid.0.to_be_bytes();
    for (at, byte) in bytes.iter_mut().enumerate() {
        if !matches!(at, 6 | 8) {
            *byte = byte.reverse_bits();
        }
    }
    Uid(u128::from_be_bytes(bytes))
}

/// Models podToDefaultWorkloadEndpoint. None: it is no endpoint of Calico's, or not yet.
fn endpoint(revision: &Revision, pod: &PodRecord) -> Option<Node> {
    let node = pod.node.as_ref().filter(|_| !pod.host_network)?;
    let api = api_object(revision, &pod.object_key())?;
    let mut metadata = metadata_of(&api, &endpoint_name(node, &pod.key.name), None);
    set(&mut metadata, "namespace", text(&pod.key.namespace));
    let generate = field(&api, "metadata.generateName");
    if !generate.is_empty() {
        set(&mut metadata, "generateName", text(generate));
    }
    let mut labels = map([]);
    pod.labels.iter().for_each(|(key, value)| set(&mut labels, key, text(value)));
    let known = [("namespace", &*pod.key.namespace), ("orchestrator", "k8s"), ("serviceaccount", account(pod))];
    known.into_iter().for_each(|(name, value)| set(&mut labels, &format!("projectcalico.org/{name}"), text(value)));
    set(&mut metadata, "labels", labels);
    let finished = matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed);
    let net = |ip: IpAddr| text(IpNet::from(ip).to_string());
    let mut spec = map([
        ("endpoint", text("eth0")),
        ("interfaceName", text(veth_name(pod))),
        ("ipNetworks", list(pod.ips().filter(|_| !finished).map(net).collect())),
        ("node", text(node)),
        ("orchestrator", text("k8s")),
        ("pod", text(&pod.key.name)),
        (
            "profiles",
            list(vec![
                text(format!("kns.{}", pod.key.namespace)),
                text(format!("ksa.{}.{}", pod.key.namespace, account(pod))),
            ]),
        ),
        ("serviceAccountName", text(account(pod))),
    ]);
    let ports = ports(&api);
    if !ports.is_empty() {
        set(&mut spec, "ports", list(ports));
    }
    if finished {
        remove(&mut spec, "ipNetworks");
    }
    Some(versioned("WorkloadEndpoint", metadata, spec))
}

/// `worker--1-k8s-web-eth0`
fn endpoint_name(node: &str, pod: &str) -> String {
    format!("{}-k8s-{}-eth0", node.replace('-', "--"), pod.replace('-', "--"))
}

/// Ports with a name, and those that the node has too.
fn ports(api: &Node) -> Vec<Node> {
    let containers = items(api, "spec.containers").iter().chain(items(api, "spec.initContainers"));
    let number = |port: &Node, name: &str| field(port, name).parse::<i64>().unwrap_or(0);
    let ports = containers.flat_map(|container| items(container, "ports"));
    ports
        .filter(|port| !field(port, "name").is_empty() || number(port, "hostPort") > 0)
        .map(|port| {
            map([
                ("hostIP", text(field(port, "hostIP"))),
                ("hostPort", int(number(port, "hostPort"))),
                ("name", text(field(port, "name"))),
                ("port", int(number(port, "containerPort"))),
                (
                    "protocol",
                    text(Some(field(port, "protocol")).filter(|p| !p.is_empty()).unwrap_or_else(|| "TCP".into())),
                ),
            ])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_within_parts_of_a_name_are_doubled() {
        assert_eq!(endpoint_name("worker-1", "web-0"), "worker--1-k8s-web--0-eth0");
    }

    #[test]
    fn a_reversed_uid_is_one_of_version_4_and_comes_back() {
        let uid = Uid(0x0102_0304_0506_4708_8001_0203_0405_0680);
        assert_eq!(reversed(uid).0, 0x8040_c020_a060_4710_8080_40c0_20a0_6001);
        assert_eq!(reversed(reversed(uid)), uid);
    }
}
