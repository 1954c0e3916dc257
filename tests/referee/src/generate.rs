//! Random clusters, as manifests: what a user would write, nothing of the engine's own.

use crate::random::Random;
use crate::{policies, tiers};
use podhop_engine::cluster::CniName;
use std::fmt::Write;

/// A cluster with a past: what was applied first, and, if Pods have gone since, what is applied now.
pub struct Manifests {
    pub first: String,
    pub now: Option<String>,
}

/// The manifests of the cluster with this seed: 1–5 nodes, 1–20 Pods, its own networks, MTUs and open ports. In a third
/// of them a node or two have had Pods that are gone; often they were all that the node had.
pub fn manifests(seed: u64, cni: CniName) -> Manifests {
    let mut random = Random::new(seed, "cluster");
    let mut yaml = String::new();
    let nodes_count = random.range(1, 5);
    let nodes = match random.range(0, 4) {
        0 => kind_cluster(&mut yaml, &mut random, nodes_count, cni),
        _ => plain_nodes(&mut yaml, &mut random, nodes_count, cni),
    };
    let mut past = Random::new(seed, "past");
    let emptied_count =
        if nodes.len() > 1 && past.percent(40) { past.range(1, 2.min(nodes.len() as u64 - 1)) } else { 0 };
    let (left, emptied) = nodes.split_at(nodes.len() - emptied_count as usize);
    workloads(&mut yaml, &mut random, left);
    if cni == CniName::Calico {
        policies::add(&mut yaml, seed);
        tiers::add(&mut yaml, seed);
    }
    if emptied.is_empty() {
        return Manifests { first: yaml, now: None };
    }
    let mut first = yaml.clone();
    for (i, node) in emptied.iter().cycle().take(past.range(emptied_count, 4) as usize).enumerate() {
        push(&mut first, &format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: gone{i}\nspec:\n"));
        let containers = "- name: shell\n  image: busybox:1.37\n  command: [sleep, infinity]\n";
        push(&mut first, &pod_spec(Some(node), false, containers, ""));
    }
    Manifests { first, now: Some(yaml) }
}

/// Which families a cluster has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stack {
    V4,
    Dual,
    V6,
}

/// The Pod network of IPv6.
const PODS_V6: &str = "fd00:77::/56";

impl Stack {
    fn random(random: &mut Random) -> Stack {
        match random.range(0, 5) {
            0 | 1 => Stack::Dual,
            2 => Stack::V6,
            _ => Stack::V4,
        }
    }

    /// As `podSubnet` lists them.
    fn subnets(self, v4: &str) -> String {
        match self {
            Stack::V4 => v4.to_owned(),
            Stack::Dual => format!("{v4},{PODS_V6}"),
            Stack::V6 => PODS_V6.to_owned(),
        }
    }
}

/// `kind.x-k8s.io` Cluster: names and node addresses are the simulation's choice, so Pods are left to the scheduler.
fn kind_cluster(yaml: &mut String, random: &mut Random, nodes_count: u64, cni: CniName) -> Vec<String> {
    let subnets = ["10.244.0.0/16", "10.32.0.0/16", "192.168.0.0/18", "100.64.0.0/12"];
    let subnet = *random.pick(&subnets).unwrap_or(&subnets[0]);
    let stack = Stack::random(random);
    let family = match stack {
        Stack::V4 => "ipv4",
        Stack::Dual => "dual",
        Stack::V6 => "ipv6",
    };
    push(yaml, "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking:\n");
    let pods = stack.subnets(subnet);
    push(yaml, &format!("  ipFamily: {family}\n  podSubnet: \"{pods}\"\nnodes:\n- role: control-plane\n"));
    (1..nodes_count).for_each(|_| push(yaml, "- role: worker\n"));
    if random.percent(50) {
        configure(cni, yaml, random, (subnet, stack));
    }
    Vec::new()
}

/// Node objects with given addresses and Pod subnets of several sizes.
fn plain_nodes(yaml: &mut String, random: &mut Random, nodes_count: u64, cni: CniName) -> Vec<String> {
    let pod_network = [10, *random.pick(&[42, 128, 200, 244]).unwrap_or(&244)];
    let node_network = *random.pick(&["172.18.0", "192.168.77", "10.9.8"]).unwrap_or(&"172.18.0");
    let [a, b] = pod_network;
    let subnet = format!("{a}.{b}.0.0/16");
    let stack = Stack::random(random);
    push(yaml, "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking:\n");
    push(yaml, &format!("  podSubnet: \"{}\"\n", stack.subnets(&subnet)));
    let services = match stack {
        Stack::V4 => "10.96.0.0/12",
        Stack::Dual => "10.96.0.0/12,fd00:10:96::/112",
        Stack::V6 => "fd00:10:96::/112",
    };
    push(yaml, &format!("  serviceSubnet: \"{services}\"\n"));
    configure(cni, yaml, random, (&subnet, stack));
    let mut third = random.range(0, 40);
    let mut names = Vec::new();
    for i in 0..nodes_count {
        let name = format!("n{}", i + 1);
        // Blocks of one cluster differ in size and need not be neighbours.
        let (len, last) =
            *random.pick(&[(24, 0), (24, 0), (25, 128), (26, 64), (27, 224), (22, 0)]).unwrap_or(&(24, 0));
        third = third.next_multiple_of(4) + 4 * random.range(0, 3);
        let labels = if i == 0 { "\n  labels: {node-role.kubernetes.io/control-plane: \"\"}" } else { "" };
        push(yaml, &format!("apiVersion: v1\nkind: Node\nmetadata:\n  name: {name}{labels}\n"));
        let (v4, v6) = (format!("{a}.{b}.{third}.{last}/{len}"), format!("fd00:77:0:{third:x}::/64"));
        let cidrs: Vec<String> = match stack {
            Stack::V4 => vec![v4],
            Stack::Dual => vec![v4, v6],
            Stack::V6 => vec![v6],
        };
        push(yaml, &format!("spec:\n  podCIDR: \"{}\"\n  podCIDRs: [\"{}\"]\n", cidrs[0], cidrs.join("\", \"")));
        push(yaml, "status:\n  addresses:\n");
        let n = 10 + i * 7;
        if stack != Stack::V6 {
            push(yaml, &format!("  - {{type: InternalIP, address: {node_network}.{n}}}\n"));
        }
        if stack != Stack::V4 {
            push(yaml, &format!("  - {{type: InternalIP, address: \"2001:db8:7::{n:x}\"}}\n"));
        }
        third += 4;
        names.push(name);
    }
    names
}

fn configure(cni: CniName, yaml: &mut String, random: &mut Random, (subnet, stack): (&str, Stack)) {
    match cni {
        CniName::Flannel => flannel(yaml, random, subnet, stack),
        CniName::Calico => calico(yaml, random, &stack.subnets(subnet)),
        // The command line refuses it: the kernel has none of its programs.
        CniName::Cilium => {}
    }
}

/// The operator's Installation, with a pool for each of the Pod networks.
fn calico(yaml: &mut String, random: &mut Random, subnets: &str) {
    let mtu = random.pick(&["", "", "\n    mtu: 1400", "\n    mtu: 1500"]).unwrap_or(&"");
    let bgp = random.pick(&["Enabled", "Disabled"]).unwrap_or(&"Enabled");
    push(yaml, "apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata:\n  name: default\nspec:\n");
    push(yaml, &format!("  calicoNetwork:\n    bgp: {bgp}{mtu}\n    ipPools:\n"));
    let encapsulation = *random.pick(&["VXLAN", "VXLANCrossSubnet", "None"]).unwrap_or(&"None");
    let nat = random.pick(&["Enabled", "Enabled", "Disabled"]).unwrap_or(&"Enabled");
    for cidr in subnets.split(',') {
        let larger = if cidr.contains(':') { 96 } else { 0 };
        let block_size = larger + random.pick(&[26, 26, 28, 29, 24]).unwrap_or(&26);
        push(yaml, &format!("    - cidr: \"{cidr}\"\n      blockSize: {block_size}\n"));
        push(yaml, &format!("      encapsulation: {encapsulation}\n      natOutgoing: {nat}\n"));
    }
}

/// `kube-flannel-cfg`. A Pod MTU above the overlay's is a mistake people make; packets that fit one and not the other
/// are told so on the way.
fn flannel(yaml: &mut String, random: &mut Random, pod_network: &str, stack: Stack) {
    let mtu = *random.pick(&["", "", ", \"MTU\": 1400", ", \"MTU\": 1500"]).unwrap_or(&"");
    let pod_mtu =
        *random.pick(&["", "\"mtu\": 1500, ", "\"mtu\": 1500, ", "\"mtu\": 1500, ", "\"mtu\": 1300, "]).unwrap_or(&"");
    let vni = random.pick(&[1, 1, 42]).unwrap_or(&1);
    let port = random.pick(&[8472, 8472, 4789]).unwrap_or(&8472);
    let hairpin = random.percent(80);
    let cni = format!(
        r#"{{"name": "cbr0", "cniVersion": "1.0.0", "plugins": [{{"type": "flannel", "delegate": {{{pod_mtu}"hairpinMode": {hairpin}, "isDefaultGateway": true}}}}]}}"#
    );
    let networks = match stack {
        Stack::V4 => format!(r#""Network": "{pod_network}""#),
        Stack::Dual => format!(r#""Network": "{pod_network}", "EnableIPv6": true, "IPv6Network": "{PODS_V6}""#),
        Stack::V6 => format!(r#""EnableIPv4": false, "EnableIPv6": true, "IPv6Network": "{PODS_V6}""#),
    };
    let net = format!(r#"{{{networks}, "Backend": {{"Type": "vxlan", "VNI": {vni}, "Port": {port}{mtu}}}}}"#);
    push(yaml, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: kube-flannel-cfg\n  namespace: kube-flannel\n");
    push(yaml, &format!("data:\n  cni-conf.json: |\n    {cni}\n  net-conf.json: |\n    {net}\n"));
}

fn workloads(yaml: &mut String, random: &mut Random, nodes: &[String]) {
    let pods_count = random.range(1, 20);
    let mut made = 0;
    while made < pods_count {
        let (name, group) = (format!("w{made}"), format!("g{}", made % 3));
        let replicas = if random.percent(25) { random.range(1, (pods_count - made).min(4)) } else { 0 };
        let host_network = replicas == 0 && random.percent(12);
        let node = random.pick(nodes).filter(|_| replicas == 0 && random.percent(70));
        let containers = containers(random, made, host_network);
        if replicas == 0 {
            push(
                yaml,
                &format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  labels: {{group: {group}}}\nspec:\n"),
            );
            push(yaml, &pod_spec(node, host_network, &containers, ""));
        } else {
            push(yaml, &format!("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n"));
            push(yaml, &format!("  replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n"));
            push(yaml, &format!("  template:\n    metadata: {{labels: {{app: {name}, group: {group}}}}}\n    spec:\n"));
            push(yaml, &pod_spec(node, host_network, &containers, "    "));
        }
        made += replicas.max(1);
    }
}

/// Every document but the first begins with a separator line.
pub fn push(yaml: &mut String, text: &str) {
    if !yaml.is_empty() && (text.starts_with("apiVersion:") || text.starts_with("kind:")) {
        yaml.push_str("---\n");
    }
    yaml.push_str(text);
}

fn pod_spec(node: Option<&String>, host_network: bool, containers: &str, indent: &str) -> String {
    let mut text = String::new();
    if let Some(node) = node {
        let _ = writeln!(text, "{indent}  nodeName: {node}");
    }
    if host_network {
        let _ = writeln!(text, "{indent}  hostNetwork: true");
    }
    // Also onto the control plane, so that no Pod of a small cluster waits for a node.
    let _ = writeln!(text, "{indent}  tolerations: [{{operator: Exists}}]\n{indent}  containers:");
    containers.lines().for_each(|line| text.extend([indent, "  ", line, "\n"]));
    text
}

/// One or two containers, each as its own YAML list item. In the node's namespace every port is another one's
/// neighbour, so each workload has its own.
fn containers(random: &mut Random, workload: u64, host_network: bool) -> String {
    let port = if host_network { 20_000 + workload * 10 } else { random.range(1_024, 30_000) };
    let listed = |ports: &str| format!("- name: app\n  image: registry.example.com/team/app:7\n  ports: [{ports}]\n");
    let (tcp, udp) = (format!("{{containerPort: {port}}}"), format!("{{containerPort: {}, protocol: UDP}}", port + 1));
    let choices: &[(u64, u64)] = if host_network {
        &[(1, 0), (1, 1), (1, 2)]
    } else {
        &[(2, 0), (2, 1), (2, 2), (3, 3), (3, 4), (1, 5), (1, 6)]
    };
    let mut text = match random.weighted(choices).unwrap_or(0) {
        0 => listed(&tcp),
        1 => listed(&udp),
        2 => listed(&format!("{tcp}, {udp}")),
        3 => "- name: web\n  image: nginx:1.29\n".to_owned(),
        4 => {
            let image = "registry.k8s.io/e2e-test-images/agnhost:2.53";
            format!(
                "- name: agnhost\n  image: {image}\n  args: [netexec, --http-port={port}, --udp-port={}]\n",
                port + 1
            )
        }
        5 => "- name: redis\n  image: redis:8\n".to_owned(),
        _ => "- name: shell\n  image: busybox:1.37\n  command: [sleep, infinity]\n".to_owned(),
    };
    if !host_network && random.percent(15) {
        text.push_str("- name: side\n  image: busybox:1.37\n  command: [sleep, infinity]\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flannel_of(seed: u64) -> Manifests {
        manifests(seed, CniName::Flannel)
    }

    #[test]
    fn with_calico_there_are_policies() {
        let made = manifests(7, CniName::Calico).first;
        assert!(made.contains("kind: NetworkPolicy") && !made.contains("kube-flannel-cfg"), "{made}");
    }

    #[test]
    fn half_of_them_have_tiers() {
        let made: Vec<String> = (0..40).map(|seed| manifests(seed, CniName::Calico).first).collect();
        for kind in ["kind: Tier", "kind: ClusterNetworkPolicy", "kind: GlobalNetworkPolicy"] {
            let count = made.iter().filter(|yaml| yaml.contains(kind)).count();
            assert!((5..=35).contains(&count), "{kind}: {count}");
        }
    }

    #[test]
    fn a_seed_gives_one_cluster_and_others_give_others() {
        assert_eq!(flannel_of(7).first, flannel_of(7).first);
        assert_ne!(flannel_of(7).first, flannel_of(8).first);
    }

    #[test]
    fn every_manifest_has_pods_and_separated_documents() {
        let texts = (0..200).map(flannel_of).flat_map(|made| [Some(made.first), made.now]).flatten();
        for yaml in texts {
            assert!(yaml.contains("containers:"), "{yaml}");
            let documents = yaml.split("---\n").count();
            assert_eq!(documents, yaml.lines().filter(|line| line.starts_with("kind:")).count(), "{yaml}");
        }
    }

    #[test]
    fn pods_that_are_gone_were_on_nodes_that_stay() {
        let pasts: Vec<Manifests> = (0..200).map(flannel_of).filter(|made| made.now.is_some()).collect();
        assert!(pasts.len() > 30, "{}", pasts.len());
        for Manifests { first, now } in pasts {
            assert!(first.starts_with(&now.unwrap_or_default()) && first.contains("name: gone0"), "{first}");
        }
    }
}
