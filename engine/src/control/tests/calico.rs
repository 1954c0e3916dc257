//! Blocks of addresses and what Calico's configuration says.

use super::{node, pod, pods, rendered, with};
use crate::cluster::{Cluster, Encapsulation, Options, PodKey};
use crate::net::Family;
use std::collections::BTreeSet;

const INSTALLATION: &str = "apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\n---\n";

fn pool(spec: &str) -> String {
    format!("apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {{name: p}}\nspec: {{{spec}}}\n---\n")
}

fn blocks(cluster: &Cluster, name: &str) -> Vec<String> {
    let node = cluster.revision().node(name).expect("the node is there");
    node.blocks.iter().map(|block| block.net.to_string()).collect()
}

fn ip(cluster: &Cluster, name: &str) -> String {
    let pod = cluster.revision().pod("default", name).expect("the Pod is there");
    pod.ip.as_ref().map_or_else(String::new, |(ip, _)| ip.to_string())
}

#[test]
fn an_installation_brings_calico_and_its_pods() {
    let (cluster, applied) = with(INSTALLATION);
    assert_eq!(rendered(&cluster, &applied), "");
    let config = cluster.revision().network.cni.calico().expect("Calico wires the Pods");
    assert_eq!(config.mtu.0, 1450);
    let [pool] = &config.pools[..] else { panic!("one pool: {config:?}") };
    assert_eq!((pool.cidr.to_string().as_str(), pool.block_size), ("10.244.0.0/16", 26));
    assert_eq!(pool.encapsulation, Encapsulation::VxlanCrossSubnet);
    let system = pods(&cluster, &["calico-system", "tigera-operator"]);
    assert!(system.iter().all(|line| line.ends_with("Running")), "{system:?}");
    assert!(pods(&cluster, &["kube-flannel"]).is_empty());
}

#[test]
fn every_node_has_blocks_of_its_own_and_pods_their_addresses_out_of_them() {
    let two = node("n1", "172.18.0.2", "") + &node("n2", "172.18.0.3", "");
    let bound = |name: &str, at: &str| pod(name, &format!("  nodeName: {at}\n"));
    let text = two + INSTALLATION + &bound("a", "n1") + &bound("b", "n1") + &bound("c", "n2");
    let (cluster, applied) = with(&text);
    assert_eq!(rendered(&cluster, &applied), "");
    let (first, second) = (blocks(&cluster, "n1"), blocks(&cluster, "n2"));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    let revision = cluster.revision();
    for (name, at) in [("a", "n1"), ("b", "n1"), ("c", "n2")] {
        let node = revision.node(at).expect("the node is there");
        let ip = ip(&cluster, name).parse().expect("an address");
        assert!(node.blocks[0].net.contains(&ip));
        assert_ne!(node.tunnel_ip(Family::V4), Some(ip));
    }
    // The tunnel took the first one.
    let net = revision.node("n1").map(|node| node.blocks[0].net.network());
    assert_eq!(revision.node("n1").and_then(|node| node.tunnel_ip(Family::V4)), net);
}

#[test]
fn a_node_whose_block_is_full_gets_another_and_then_borrows() {
    let nodes = node("n1", "172.18.0.2", "") + &node("n2", "172.18.0.3", "");
    let small = pool("cidr: 10.50.0.0/28, blockSize: 30, vxlanMode: CrossSubnet, natOutgoing: true");
    let many: String =
        (0..16).map(|n| pod(&format!("p{n}"), "  nodeName: n1\n  tolerations: [{operator: Exists}]\n")).collect();
    let (cluster, _) = with(&(nodes + &small + &many));
    let given: Vec<String> = (0..16).map(|n| ip(&cluster, &format!("p{n}"))).filter(|ip| !ip.is_empty()).collect();
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len(), "no address twice: {given:?}");
    // Of 16 addresses two are the tunnels'; the rest went to Pods, those of n2's block included.
    let all = cluster.revision().pods.values().filter(|pod| !pod.host_network && pod.ip.is_some()).count();
    assert_eq!(all, 14);
    assert_eq!(blocks(&cluster, "n1").len(), 3);
    let waiting = cluster.revision().pods.values().find(|pod| pod.ip.is_none() && pod.node.is_some());
    let reason = format!("{:?}", waiting.expect("one of them has no address").reason);
    assert!(reason.contains("Assigned 0 out of 1 requested IPv4 addresses"), "{reason}");
}

#[test]
fn given_addresses_decide_the_blocks() {
    let nodes = node("n1", "172.18.0.2", "") + &node("n2", "172.18.0.3", "");
    let given = "apiVersion: v1\nkind: Pod\nmetadata: {name: old}\nspec: {nodeName: n2, containers: [{name: c, image: nginx}]}\nstatus: {podIP: 10.244.7.70}\n---\n";
    let (cluster, applied) = with(&(nodes + INSTALLATION + given));
    assert_eq!(rendered(&cluster, &applied), "");
    assert_eq!(ip(&cluster, "old"), "10.244.7.70");
    assert!(blocks(&cluster, "n2").contains(&"10.244.7.64/26".to_owned()));
}

#[test]
fn another_cni_plugin_gives_every_pod_a_new_address_and_keeps_the_rest() {
    let mut cluster = crate::control::start(Options::default());
    assert!(cluster.open_file("a.yaml", &pod("a", ""), true, 0).committed);
    let before = ip(&cluster, "a");
    let node_ip = cluster.revision().node("worker-1").map(|node| node.ip);
    assert!(cluster.open_file("calico.yaml", INSTALLATION, true, 0).committed);
    let after = ip(&cluster, "a");
    assert_ne!(before, after);
    let key = PodKey::new("default", "a");
    let at = cluster.revision().pods.get(&key).and_then(|pod| pod.node.clone()).expect("it has a node");
    let node = cluster.revision().node(&at).expect("the node is there").clone();
    let given: std::net::IpAddr = after.parse().expect("an address");
    assert!(node.blocks.iter().any(|block| block.net.contains(&given)));
    assert_eq!(cluster.revision().node("worker-1").map(|node| node.ip), node_ip);
    // And back again.
    assert!(cluster.open_file("calico.yaml", "", true, 0).committed);
    assert!(cluster.revision().network.cni.flannel().is_some());
    assert!(cluster.revision().nodes.values().all(|node| node.blocks.is_empty()));
    assert!(cluster.revision().index.blocks.is_empty());
    assert!(ip(&cluster, "a").starts_with("10.244."));
}

#[test]
fn pools_say_what_is_wrong_with_them() {
    for (spec, complaint) in [
        ("cidr: 10.50.0.0/16, blockSize: 10", "block size must be between 20 and 32"),
        ("cidr: 10.50.0.0/27, blockSize: 26", "smaller than one block"),
        ("cidr: 10.50.0.0/28", "smaller than one block, a /26"),
        ("cidr: 'fd00::/124'", "smaller than one block, a /122"),
        ("cidr: 10.50.0.0/16, ipipMode: Always, vxlanMode: Always", "cannot both be enabled"),
        ("cidr: 'fd00::/48', ipipMode: Always", "not supported on an IPv6 IP pool"),
        ("cidr: 10.50.0.0", "10.50.0.0"),
    ] {
        let (cluster, applied) = with(&pool(spec));
        let told = rendered(&cluster, &applied);
        assert!(told.contains(complaint), "{spec}: {told}");
    }
}

#[test]
fn a_pod_subnet_smaller_than_a_block_is_refused() {
    let kubeadm =
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {podSubnet: 10.50.0.0/27}\n---\n";
    let (cluster, applied) = with(&(kubeadm.to_owned() + INSTALLATION));
    assert!(!applied.committed);
    let told = rendered(&cluster, &applied);
    assert!(told.contains("10.50.0.0/27 is smaller than one of Calico's blocks, a /26"), "{told}");
}

#[test]
fn ip_in_ip_gives_each_node_tunl0_and_takes_20_bytes() {
    let (cluster, applied) = with(&pool("cidr: 10.50.0.0/16, ipipMode: Always"));
    assert!(applied.committed, "{}", rendered(&cluster, &applied));
    let config = cluster.revision().network.cni.calico().expect("Calico").clone();
    assert!(config.is_ipip(Family::V4) && !config.is_ipip(Family::V6));
    assert_eq!(config.mtu.0, 1480);
    assert!(cluster.revision().nodes.values().all(|node| node.tunnel_ip(Family::V4).is_some()));
}

#[test]
fn one_kind_of_tunnel_is_simulated_at_a_time() {
    let two = "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: a}\nspec: {cidr: 10.50.0.0/16, ipipMode: Always}\n---\n\
               apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: b}\nspec: {cidr: 10.60.0.0/16, vxlanMode: Always}\n";
    let (cluster, applied) = with(two);
    let told = rendered(&cluster, &applied);
    assert!(
        told.contains("one kind of tunnel is simulated at a time: packets of this pool go without, as a takes IPIP"),
        "{told}"
    );
}
