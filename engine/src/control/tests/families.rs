//! Networks of two families, and of IPv6 alone.

use super::*;
use crate::control::coredns;

const DUAL: &str = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking: {ipFamily: dual}\nnodes: [{role: control-plane}, {role: worker}]\n";
const KUBEADM: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {podSubnet: '10.0.0.0/8,fd00:10::/56', serviceSubnet: '172.30.0.0/16,fd00:172:30::/112'}\n---\n";

fn list(items: impl Iterator<Item = impl ToString>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

/// `name addresses; subnets` of every node.
fn nodes(cluster: &Cluster) -> Vec<String> {
    let nodes = cluster.revision().nodes.values();
    nodes.map(|node| format!("{} {}; {}", node.name, list(node.ips()), list(node.pod_cidrs()))).collect()
}

fn pod_ips(cluster: &Cluster, name: &str) -> String {
    cluster.revision().pod("default", name).map_or_else(String::new, |pod| list(pod.ips()))
}

#[test]
fn kind_s_dual_stack_has_two_of_everything() {
    let text = DUAL.to_owned() + "---\n" + &pod("a", "") + &pod("host", "  hostNetwork: true\n");
    let (cluster, applied) = with(&text);
    assert_eq!(rendered(&cluster, &applied), "");
    assert_eq!(
        nodes(&cluster),
        [
            "kind-control-plane 172.18.0.2 fc00:f853:ccd:e793::2; 10.244.0.0/24 fd00:10:244::/64",
            "kind-worker 172.18.0.3 fc00:f853:ccd:e793::3; 10.244.1.0/24 fd00:10:244:1::/64",
        ]
    );
    assert_eq!(pod_ips(&cluster, "a"), "10.244.1.2 fd00:10:244:1::2");
    assert_eq!(pod_ips(&cluster, "host"), "172.18.0.3 fc00:f853:ccd:e793::3");
    let revision = cluster.revision();
    assert_eq!(list(revision.network.gateways()), "172.18.0.1 fc00:f853:ccd:e793::1");
    assert_eq!(list(revision.network.service_networks().map(|(net, _)| net)), "10.96.0.0/16 fd00:10:96::/112");
    let own = revision.pod("default", "a").and_then(|pod| pod.netns);
    assert_eq!(revision.netns_of_ip("fd00:10:244:1::2".parse().unwrap()), own);
}

#[test]
fn ipv6_alone_has_no_ipv4_at_all() {
    let text = DUAL.replace("dual", "ipv6") + "---\n" + &pod("a", "");
    let (cluster, applied) = with(&text);
    assert_eq!(rendered(&cluster, &applied), "");
    assert_eq!(nodes(&cluster)[1], "kind-worker fc00:f853:ccd:e793::3; fd00:10:244:1::/64");
    assert_eq!(pod_ips(&cluster, "a"), "fd00:10:244:1::2");
    assert!(cluster.revision().addresses.keys().all(|ip| ip.is_ipv6()));
    let services = cluster.revision().services.values().flat_map(|service| &service.cluster_ips);
    assert_eq!(list(services.map(|(ip, _)| ip)), "fd00:10:96::1 fd00:10:96::a");
}

#[test]
fn a_node_has_every_address_that_it_is_given() {
    let addresses = ["192.168.0.2", "192.168.1.2", "2001:db8::1", "192.168.99.11", "2001:db8:1::2"];
    let lines = addresses.map(|ip| format!("  - {{type: InternalIP, address: '{ip}'}}\n")).concat();
    let text = format!(
        "{KUBEADM}apiVersion: v1\nkind: Node\nmetadata: {{name: n1}}\nspec: {{podCIDR: 10.180.0.0/24, podCIDRs: \
         [10.180.0.0/24]}}\nstatus:\n  addresses:\n{lines}---\n{}",
        pod("a", "")
    );
    let (cluster, applied) = with(&text);
    assert_eq!(rendered(&cluster, &applied), "");
    // The first of each family is the node's own address of it. A subnet that is not given is not found either.
    assert_eq!(nodes(&cluster), ["n1 192.168.0.2 2001:db8::1 192.168.1.2 192.168.99.11 2001:db8:1::2; 10.180.0.0/24"]);
    assert_eq!(pod_ips(&cluster, "a"), "10.180.0.2");
    let node = cluster.revision().node("n1").map(|node| node.netns);
    for ip in addresses {
        assert_eq!(cluster.revision().netns_of_ip(ip.parse().unwrap()), node, "{ip}");
    }
}

#[test]
fn the_family_that_comes_first_is_the_pods_first() {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus:\n  addresses:\n  - {type: InternalIP, address: '2001:db8::1'}\n  - {type: InternalIP, address: 192.168.0.2}\n---\n";
    let (cluster, applied) = with(&(KUBEADM.to_owned() + node + &pod("a", "")));
    assert_eq!(rendered(&cluster, &applied), "");
    assert_eq!(nodes(&cluster), ["n1 2001:db8::1 192.168.0.2; 10.0.0.0/24 fd00:10::/64"]);
    assert_eq!(pod_ips(&cluster, "a"), "fd00:10::2 10.0.0.2");
}

#[test]
fn given_addresses_of_both_families_are_taken() {
    let given = "status: {podIP: 10.0.1.77, podIPs: [{ip: 10.0.1.77}, {ip: 'fd00:10:0:1::77'}]}\n---\n";
    let (cluster, applied) = with(&(KUBEADM.to_owned() + &pod("a", "").replace("---\n", given) + &pod("b", "")));
    assert_eq!(rendered(&cluster, &applied), "");
    assert_eq!(pod_ips(&cluster, "a"), "10.0.1.77 fd00:10:0:1::77");
    assert!(pod_ips(&cluster, "b").contains(" fd00:10:0:"), "{}", pod_ips(&cluster, "b"));
}

#[test]
fn flannel_serves_the_families_that_it_is_told_to() {
    let flannel = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-flannel-cfg, namespace: kube-flannel}\ndata:\n  net-conf.json: '{\"Network\": \"10.0.0.0/8\", \"Backend\": {\"Type\": \"vxlan\"}}'\n---\n";
    let text = KUBEADM.to_owned() + flannel + &pod("a", "");
    let (mut cluster, applied) = with(&text);
    assert!(rendered(&cluster, &applied).contains("Flannel's EnableIPv6 is not true: Pods get no IPv6 addresses"));
    assert_eq!(pod_ips(&cluster, "a"), "10.0.1.2");
    let enabled =
        text.replace("\"10.0.0.0/8\",", "\"10.0.0.0/8\", \"EnableIPv6\": true, \"IPv6Network\": \"fd00:10::/56\",");
    cluster.edit_file("a.yaml", &enabled, 0);
    random::check(cluster.revision());
    assert!(pod_ips(&cluster, "a").contains(" fd00:10:0:1::"), "{}", pod_ips(&cluster, "a"));
}

#[test]
fn clusters_change_their_families() {
    let of = |family: &str| DUAL.replace("dual", family) + "---\n" + &pod("a", "");
    let (mut cluster, _) = with(&of("ipv4"));
    for (family, ips) in [
        ("dual", "10.244.1.2 fd00:10:244:1::2"),
        ("ipv6", "fd00:10:244:1::2"),
        ("ipv4", "10.244.1.2"),
        ("ipv6", "fd00:10:244:1::2"),
    ] {
        cluster.edit_file("a.yaml", &of(family), 0);
        random::check(cluster.revision());
        assert_eq!(pod_ips(&cluster, "a"), ips, "{family}");
    }
}

#[test]
fn networks_of_nodes_tell_their_families_by_themselves() {
    let node = |n: u32| {
        format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: n{n}}}\nspec: {{podCIDRs: ['fd00:9:0:{n}::/64']}}\nstatus: \
             {{addresses: [{{type: InternalIP, address: '2001:db8::{n}'}}]}}\n---\n"
        )
    };
    let (cluster, applied) = with(&(node(1) + &node(2) + &pod("a", "")));
    assert_eq!(rendered(&cluster, &applied), "");
    let network = &cluster.revision().network;
    assert_eq!(network.pod_network.0.to_string(), "fd00:9::/62");
    assert_eq!(network.node_network.0.to_string(), "2001:db8::/64");
    assert_eq!(network.service_network.0.to_string(), "fd00:10:96::/112");
}

/// Nobody reads it when a CoreDNS Pod of the cluster's own starts.
#[test]
fn the_cluster_s_own_corefile_can_be_read_in_every_family() {
    let v6 = DUAL.replace("dual", "ipv6");
    let domain =
        "kind: ClusterConfiguration\napiVersion: kubeadm.k8s.io/v1beta4\nnetworking: {dnsDomain: corp.example}\n";
    for text in ["", DUAL, &v6, KUBEADM, domain] {
        let (cluster, _) = with(&(text.to_owned() + "---\n" + &pod("a", "")));
        let revision = cluster.revision();
        let servers: Vec<_> = (revision.pods.values()).filter(|pod| coredns::container(pod).is_some()).collect();
        assert_eq!(servers.len(), 2);
        for pod in servers {
            assert!(pod.corefile.is_some() && pod.container_runs(0), "{text}");
            let read = coredns::read(revision, pod, pod.corefile.as_ref());
            assert!(read.is_ok_and(|setup| setup.warnings.is_empty() && !setup.blocks.is_empty()), "{text}");
        }
    }
}
