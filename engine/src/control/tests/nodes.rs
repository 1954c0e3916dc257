//! Nodes, their subnets and the networks they are part of.

use super::*;

fn nodes(cluster: &Cluster) -> Vec<String> {
    let mut nodes: Vec<_> = cluster.revision().nodes.values().collect();
    nodes.sort_by_key(|node| node.index);
    let show = |node: &&std::sync::Arc<crate::cluster::NodeRecord>| {
        let cidr = node.pod_cidr.as_ref().map_or("-".to_owned(), |(net, _)| net.to_string());
        let taint = node.taints.first().map_or("", |taint| &taint.key);
        format!("{} {} {cidr} {taint}", node.name, node.ip).trim_end().to_owned()
    };
    nodes.iter().map(show).collect()
}

#[test]
fn the_default_cluster_is_what_kubeadm_and_flannel_make() {
    let cluster = cluster();
    random::check(cluster.revision());
    assert_eq!(
        nodes(&cluster),
        [
            "control-plane 172.18.0.2 10.244.0.0/24 node-role.kubernetes.io/control-plane",
            "worker-1 172.18.0.3 10.244.1.0/24",
            "worker-2 172.18.0.4 10.244.2.0/24",
        ]
    );
    assert_eq!(cluster.revision().network.gateway.0.to_string(), "172.18.0.1");
    let system = pods(&cluster, &["kube-system", "kube-flannel"]);
    assert_eq!(system.len(), 3 + 3 + 2 + 4, "{system:#?}");
    for ip in ["10.244.0.2", "10.244.0.3"] {
        let is_dns =
            |line: &&String| line.starts_with("coredns-") && line.ends_with(&format!(" control-plane {ip} Running"));
        assert_eq!(system.iter().filter(is_dns).count(), 1, "{system:#?}");
    }
    assert!(system.iter().all(|line| line.ends_with("Running")), "{system:#?}");
    assert!(system.iter().any(|line| line.starts_with("etcd-control-plane ")));
    let services: Vec<String> = cluster.revision().list("Service", None).map(|object| object.key.to_string()).collect();
    assert_eq!(services, ["service/kubernetes", "service/kube-dns"]);
    let certificates = cluster.revision().list("ConfigMap", None).filter(|o| &*o.key.name == "kube-root-ca.crt");
    assert_eq!(certificates.count(), 5);
}

#[test]
fn kind_names_its_nodes_and_taints_the_control_plane_if_there_are_others() {
    let text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nname: lab\nnodes:\n- role: control-plane\n- role: worker\n- role: worker\n  labels: {tier: db}\n";
    let (cluster, applied) = with(text);
    assert_eq!(rendered(&cluster, &applied), "");
    assert_eq!(
        nodes(&cluster),
        [
            "lab-control-plane 172.18.0.2 10.244.0.0/24 node-role.kubernetes.io/control-plane",
            "lab-worker 172.18.0.3 10.244.1.0/24",
            "lab-worker2 172.18.0.4 10.244.2.0/24",
        ]
    );
    assert_eq!(cluster.revision().network.service_network.0.to_string(), "10.96.0.0/16");
    let (cluster, _) = with("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n");
    assert_eq!(nodes(&cluster), ["kind-control-plane 172.18.0.2 10.244.0.0/24"]);
    let (cluster, _) = with(&("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n---\n".to_owned() + &pod("a", "")));
    assert_eq!(pods(&cluster, &["default"]), ["a kind-control-plane 10.244.0.4 Running"]);
}

#[test]
fn the_flag_for_workers_wins() {
    let mut cluster = start(Options { workers_count: Some(1), ..Options::default() });
    assert_eq!(nodes(&cluster).len(), 2);
    let text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane}, {role: worker}, {role: worker}]\n";
    cluster.open_file("a.yaml", text, true, 0);
    assert_eq!(nodes(&cluster).len(), 2);
}

#[test]
fn given_nodes_are_the_nodes() {
    let text = node("n1", "192.168.7.11", "spec: {podCIDR: 10.244.5.0/24}\n") + &node("n2", "192.168.7.12", "");
    let (cluster, applied) = with(&(text + &pod("a", "") + &pod("b", "")));
    assert_eq!(rendered(&cluster, &applied), "");
    assert_eq!(nodes(&cluster), ["n1 192.168.7.11 10.244.5.0/24", "n2 192.168.7.12 10.244.0.0/24"]);
    assert_eq!(cluster.revision().network.node_network.0.to_string(), "192.168.7.0/24");
    assert_eq!(cluster.revision().network.gateway.0.to_string(), "192.168.7.1");
    // The user's Pods come before CoreDNS, which has no control plane to run on here.
    assert_eq!(pods(&cluster, &["default"]), ["a n1 10.244.5.2 Running", "b n2 10.244.0.2 Running"]);
    assert_eq!(cluster.revision().list("Pod", Some("kube-system")).count(), 2 + 2);
}

#[test]
fn networks_that_cannot_be_are_refused_at_their_place() {
    let kubeadm = |pods: &str, services: &str| {
        format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking:\n  podSubnet: {pods}\n  serviceSubnet: {services}\n"
        )
    };
    let cases = [
        (kubeadm("10.244.0.0/16", "10.96.0.0/12"), ""),
        (kubeadm("10.0.0.0/8", "10.96.0.0/12"), "a.yaml:4:14: error: "),
        (kubeadm("10.1.0.0/27", "10.96.0.0/12"), "a.yaml:4:14: error: the Pod subnet 10.1.0.0/27 is smaller than"),
        (
            node("a", "1.2.3.4", "") + &node("b", "1.2.3.4", ""),
            "a.yaml:19:14: error: node \"a\" already has the address",
        ),
        (
            node("a", "1.2.3.4", "spec: {podCIDR: 10.244.1.0/24}\n")
                + &node("b", "1.2.3.5", "spec: {podCIDR: 10.244.0.0/23}\n"),
            "a.yaml:17:17: error: the Pod subnet 10.244.0.0/23 overlaps 10.244.1.0/24 of node \"a\"",
        ),
    ];
    for (text, expected) in cases {
        let (cluster, applied) = with(&text);
        let found = rendered(&cluster, &applied);
        assert!(found.starts_with(expected), "{text}\n{found}");
        assert_eq!(applied.committed, expected.is_empty(), "{text}");
    }
}

#[test]
fn a_new_pod_subnet_gives_every_pod_a_new_address() {
    let kubeadm =
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {podSubnet: 10.32.0.0/16}\n---\n";
    let (mut cluster, _) = with(&pod("a", ""));
    cluster.edit_file("a.yaml", &(kubeadm.to_owned() + &pod("a", "")), 0);
    random::check(cluster.revision());
    assert_eq!(pods(&cluster, &["default"]), ["a worker-1 10.32.1.2 Running"]);
    let system = pods(&cluster, &["kube-system"]);
    assert!(system.iter().any(|line| line.contains(" control-plane 10.32.0.2 ")), "{system:#?}");
}

#[test]
fn a_pod_network_that_is_used_up_leaves_nodes_without_subnet() {
    let kubeadm =
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {podSubnet: 10.32.0.0/23}\n---\n";
    let (cluster, applied) = with(&(kubeadm.to_owned() + &pod("a", "  nodeName: worker-2\n")));
    assert!(rendered(&cluster, &applied).contains("node \"worker-2\" gets no Pod subnet"));
    let message = "plugin type=\"flannel\" failed (add): loadFlannelSubnetEnv failed: open /run/flannel/subnet.env: no such file or directory";
    assert_eq!(reason(&cluster, "a"), message);
}

#[test]
fn flannels_config_map_sets_the_tunnel() {
    let conf = |backend: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: kube-flannel-cfg, namespace: kube-flannel}}\ndata:\n  net-conf.json: |\n    {{\n      \"Network\": \"10.50.0.0/16\",\n      \"Backend\": {backend}\n    }}\n"
        )
    };
    let (cluster, applied) = with(&conf("{\"Type\": \"vxlan\", \"VNI\": 7, \"Port\": 4789, \"DirectRouting\": true}"));
    assert_eq!(rendered(&cluster, &applied), "");
    let network = &cluster.revision().network;
    let flannel = network.cni.flannel().expect("Flannel wires the Pods");
    assert_eq!((flannel.vni.0, flannel.port.0, flannel.direct_routing, flannel.mtu.0), (7, 4789, true, 1450));
    assert_eq!(network.pod_network.0.to_string(), "10.50.0.0/16");
    let (cluster, applied) = with(&conf("{\"Type\": \"host-gw\"}"));
    assert_eq!(rendered(&cluster, &applied), "");
    let flannel = cluster.revision().network.cni.flannel().expect("Flannel wires the Pods");
    assert_eq!((flannel.backend, flannel.mtu.0), (crate::cluster::FlannelBackend::HostGw, 1500));
    let (cluster, applied) = with(&conf("{\"Type\": \"ipsec\"}"));
    assert!(rendered(&cluster, &applied).contains("error: Flannel's backend \"ipsec\" is not simulated yet"));
    assert!(!applied.committed);
}

#[test]
fn a_dump_of_a_cluster_is_not_doubled() {
    let system = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: coredns-abc\n  namespace: kube-system\n  labels: {k8s-app: kube-dns}\nspec:\n  nodeName: n1\n  containers: [{name: coredns, image: registry.k8s.io/coredns/coredns:v1.12.1}]\nstatus: {podIP: 10.244.0.9}\n---\n";
    let text = node("n1", "172.18.0.2", "spec: {podCIDR: 10.244.0.0/24}\n") + system;
    let (cluster, applied) = with(&text);
    assert_eq!(rendered(&cluster, &applied), "");
    let dns: Vec<String> = pods(&cluster, &["kube-system"]).into_iter().filter(|p| p.starts_with("coredns")).collect();
    assert_eq!(dns, ["coredns-abc n1 10.244.0.9 Running"]);
    assert!(cluster.revision().list("Deployment", Some("kube-system")).next().is_none());
}

#[test]
fn pods_of_a_node_that_leaves_start_anew_elsewhere() {
    let two = node("n1", "172.18.0.2", "") + &node("n2", "172.18.0.3", "");
    let (mut cluster, _) = with(&(two + &pod("a", "") + &pod("b", "") + &deployment("web", 2, "nginx")));
    let one = node("n1", "172.18.0.2", "");
    let applied =
        cluster.edit_file("a.yaml", &(one + &pod("a", "") + &pod("b", "") + &deployment("web", 2, "nginx")), 0);
    random::check(cluster.revision());
    assert!(applied.committed);
    assert!(places(&cluster, "default").iter().all(|place| place.starts_with("n1 ") && place.ends_with("Running")));
    assert_eq!(places(&cluster, "default").len(), 4);
}

#[test]
fn bare_pods_go_with_a_node_that_is_deleted_and_others_come_back() {
    let text = pod("a", "  nodeSelector: {kubernetes.io/hostname: worker-1}\n") + &deployment("web", 2, "nginx");
    let (mut cluster, _) = with(&text);
    cluster.delete(&[ObjectKey::node(&"worker-1".into())], 0);
    random::check(cluster.revision());
    assert!(cluster.revision().pod("default", "a").is_none());
    let left = places(&cluster, "default");
    assert!(left.len() == 2 && left.iter().all(|place| place.starts_with("worker-2 ")), "{left:?}");
    // An edit elsewhere in the file does not bring it back; applying the file does.
    cluster.edit_file("a.yaml", &(text.clone() + "# more\n"), 0);
    assert!(cluster.revision().pod("default", "a").is_none());
    cluster.apply_file("a.yaml", 0);
    random::check(cluster.revision());
    assert!(cluster.revision().pod("default", "a").is_some_and(|pod| pod.node.is_none()));
}
