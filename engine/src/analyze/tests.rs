//! Clusters with one thing wrong, and what is said of it.

use crate::cluster::{Cluster, ObjectKey, Options};
use crate::control;

fn cluster(text: &str) -> Cluster {
    let mut cluster = control::start(Options::default());
    cluster.open_file("a.yaml", text, true, 0);
    cluster
}

pub(super) fn rendered(text: &str) -> String {
    render(&cluster(text))
}

/// All that is said, but that Services are not simulated yet.
fn render(cluster: &Cluster) -> String {
    let all = super::render(cluster, &super::all(cluster));
    all.lines().filter(|line| !line.ends_with("[not-simulated]")).map(|line| line.to_owned() + "\n").collect()
}

/// A Pod of nginx with more of its `spec`.
pub(super) fn pod(name: &str, labels: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  labels: {labels}\nspec:\n{spec}  containers:\n  - \
         name: c\n    image: nginx\n    ports: [{{containerPort: 80, name: http}}]\n---\n"
    )
}

fn service(selector: &str, port: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec:\n  selector: {selector}\n  ports:\n  - {port}\n---\n"
    )
}

#[test]
fn a_cluster_as_it_comes_has_no_problems() {
    assert_eq!(rendered(""), "");
    assert_eq!(rendered(&(pod("a", "{app: web}", "") + &service("{app: web}", "port: 80"))), "");
}

#[test]
fn a_selector_that_no_node_has_is_told_with_what_there_is() {
    let text = pod("a", "{}", "  nodeSelector:\n    kubernetes.io/os: linus\n");
    let told = rendered(&text);
    assert!(told.starts_with("a.yaml:8:23: warning: the Pod waits for a node: 0/3 nodes are available: "), "{told}");
    assert!(
        told.ends_with(
            " [node-selector]\n  hint: no node has kubernetes.io/os=linus; there is kubernetes.io/os=linux\n  fix: linus → linux\n"
        ),
        "{told}"
    );
    let told = rendered(&pod("a", "{}", "  nodeSelector: {kubernetes.io/hostnam: worker-1}\n"));
    assert!(
        told.contains("did you mean kubernetes.io/hostname?\n  fix: kubernetes.io/hostnam → kubernetes.io/hostname"),
        "{told}"
    );
    let told = rendered(&pod("a", "{}", "  nodeSelector: {disk: ssd}\n"));
    assert!(told.contains("hint: no node has a label disk: kubectl label node NAME disk=ssd"), "{told}");
}

#[test]
fn pods_of_one_workload_are_told_once() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: edge}\nspec:\n  replicas: 5\n  selector: {matchLabels: {app: \
                edge}}\n  template:\n    metadata: {labels: {app: edge}}\n    spec:\n      containers:\n      - {name: c, image: nginx, \
                ports: [{containerPort: 80, hostPort: 8080}]}\n";
    let told = rendered(text);
    assert!(
        told.starts_with("a.yaml:11:71: warning: 3 Pods of deployment.apps/edge wait for a node: 0/3 nodes"),
        "{told}"
    );
    assert!(told.contains("[host-port]\n  hint: TCP 8080 of worker-1 is default/edge-"), "{told}");
    assert_eq!(told.lines().count(), 2);
}

#[test]
fn a_node_that_is_not_there_is_told_with_the_one_that_was_meant() {
    let told = rendered(&pod("a", "{}", "  nodeName: worker-l\n"));
    assert_eq!(
        told,
        "a.yaml:7:13: warning: the Pod does not run: node \"worker-l\" does not exist: no kubelet runs the Pod [no-node]\n  hint: did \
         you mean worker-1?\n  fix: worker-l → worker-1\n"
    );
}

#[test]
fn clashing_ports_and_used_up_subnets() {
    let two = pod("a", "{}", "").replace("  containers:\n", "  containers:\n  - {name: d, image: nginx}\n");
    let told = rendered(&two);
    assert!(told.starts_with("a.yaml:10:12: warning: the container keeps failing: nginx: [emerg] bind()"), "{told}");
    assert!(told.contains("hint: containers of one Pod share its ports"), "{told}");
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {podCIDR: 10.244.1.0/29}\nstatus: {addresses: [{type: \
                InternalIP, address: 172.18.0.2}]}\n---\n";
    let pods: String = ["a", "b", "c", "d", "e", "f", "g"].iter().map(|name| pod(name, "{}", "")).collect();
    let told = rendered(&(node.to_owned() + &pods));
    assert!(told.contains("warning: the Pod has no address: plugin type=\"flannel\" failed (add)"), "{told}");
    assert!(
        told.contains("[pod-without-address]\n  hint: n1 has the subnet 10.244.1.0/29, and 5 Pods in it"),
        "{told}"
    );
}

#[test]
fn a_service_that_selects_nothing_is_told_with_what_there_is() {
    let web = pod("a", "{app: web}", "");
    assert_eq!(
        rendered(&(web.clone() + &service("{app: wbe}", "port: 80"))),
        "a.yaml:16:19: warning: Service web selects no Pods: none has app=wbe [service-selects-nothing]\n  hint: Pods here have \
         app=web\n  fix: wbe → web\n"
    );
    let other = "apiVersion: v1\nkind: Namespace\nmetadata: {name: prod}\n---\n".to_owned()
        + &web.replace("  name: a\n", "  name: a\n  namespace: prod\n");
    let told = rendered(&(other + &service("{app: web}", "port: 80")));
    assert!(told.contains("Pods with these labels are in namespace prod: a Service sees its own only"), "{told}");
}

#[test]
fn a_target_port_nobody_has_is_told_with_the_one_there_is() {
    let web = pod("a", "{app: web}", "");
    let told = |port: &str| rendered(&(web.clone() + &service("{app: web}", port)));
    assert_eq!(told("{port: 8080, targetPort: http}"), "");
    assert_eq!(
        told("{port: 80, targetPort: htpp}"),
        "a.yaml:18:28: warning: no container of the Pods that Service web selects has a port named \"htpp\" [target-port-name]\n  hint: \
         there is \"http\"\n  fix: htpp → http\n"
    );
    assert_eq!(
        told("{port: 80, targetPort: 8080}"),
        "a.yaml:18:28: warning: nothing in the Pods that Service web selects listens on TCP port 8080 [target-port-closed]\n  hint: they \
         listen on 80\n  fix: 8080 → 80\n"
    );
    assert!(told("{port: 8080}").contains("hint: they listen on 80: set targetPort: 80\n"));
}

#[test]
fn a_rollout_that_stands_still() {
    let text = |spec: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 2\n  selector: {{matchLabels: {{app: \
             web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{{spec}containers: [{{name: c, image: nginx}}]}}\n"
        )
    };
    let mut cluster = cluster(&text(""));
    assert_eq!(render(&cluster), "");
    cluster.edit_file("a.yaml", &text("nodeSelector: {disk: ssd}, "), 0);
    let told = render(&cluster);
    assert!(
        told.contains("a.yaml:3:18: warning: the rollout stands still: 0 of 2 new Pods run, and 2 old Pods stay [rollout-stuck]\n  hint: web-"),
        "{told}"
    );
    assert!(told.contains("1 Pod of deployment.apps/web waits for a node"), "{told}");
}

#[test]
fn flannel_s_configuration_against_the_cluster_s() {
    let config = |conf: &str, cni: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: kube-flannel-cfg, namespace: kube-flannel}}\ndata:\n  net-conf.json: |\n    \
             {conf}\n  cni-conf.json: |\n    {cni}\n---\n"
        )
    };
    let cni = "{\"plugins\": [{\"type\": \"flannel\", \"delegate\": {\"mtu\": 1500}}]}";
    let conf = "{\"Network\": \"10.20.0.0/16\", \"Backend\": {\"Type\": \"vxlan\", \"MTU\": 9000}}";
    let kubeadm =
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {podSubnet: 10.244.0.0/16}\n";
    let told = rendered(&(config(conf, cni) + kubeadm));
    assert_eq!(
        told,
        "a.yaml:6:17: warning: Flannel's Network 10.20.0.0/16 does not contain the Pod subnet 10.244.0.0/16: flanneld would exit \
         [flannel-network]\n  hint: write \"Network\": \"10.244.0.0/16\" in net-conf.json; podhop goes on with 10.244.0.0/16\n  fix: \
         \"10.20.0.0/16\" → \"10.244.0.0/16\"\na.yaml:6:69: warning: Backend.MTU is larger than the nodes' cards take, 1500 bytes \
         [flannel-mtu]\n  hint: VXLAN takes 50 bytes of them: flannel.1 gets 1450\n  fix: 9000 → 1500\na.yaml:8:58: warning: Pods send \
         packets of 1500 bytes, and flannel.1 carries 1450 [pod-mtu]\n  hint: larger packets to other nodes are cut or refused\n  fix: \
         1500 → 1450\n"
    );
    let mut cluster = cluster("");
    cluster.delete(&[ObjectKey::new("ConfigMap", "kube-flannel", "kube-flannel-cfg")], 0);
    assert!(render(&cluster).starts_with("warning: there is no ConfigMap kube-flannel-cfg"), "{}", render(&cluster));
}

#[test]
fn the_ranges_that_are_proposed_overlap_nothing() {
    let kubeadm = |networking: &str| {
        let nodes = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: InternalIP, address: \
                     10.244.0.5}]}\n---\n";
        format!("{nodes}apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {{{networking}}}\n")
    };
    let told = rendered(&kubeadm("podSubnet: 10.244.0.0/16"));
    assert!(told.contains("hint: Pods will get addresses of nodes: take 10.64.0.0/16\n"), "{told}");
    let told = rendered(&kubeadm("podSubnet: 10.244.0.0/16, serviceSubnet: 10.64.0.0/12"));
    assert!(told.contains("hint: Pods will get addresses of nodes: take 172.30.0.0/16\n"), "{told}");
    let many: String = (1..4)
        .map(|n| {
            format!(
                "apiVersion: v1\nkind: Node\nmetadata: {{name: n{n}}}\nstatus: {{addresses: [{{type: InternalIP, address: \
                 172.18.0.{n}0}}]}}\n---\n"
            )
        })
        .collect();
    let kubeadm =
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {podSubnet: 10.244.0.0/23}\n";
    let told = rendered(&(many + kubeadm));
    assert!(told.contains("[no-pod-subnet]\n  hint: take a larger Pod subnet, such as 10.128.0.0/11\n"), "{told}");
}

#[test]
fn a_node_with_a_subnet_of_another_network_is_what_flanneld_would_exit_for() {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {podCIDR: 192.168.1.0/24}\nstatus: {addresses: [{type: \
                InternalIP, address: 172.18.0.2}]}\n---\n";
    let kubeadm =
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {podSubnet: 10.244.0.0/16}\n";
    let told = rendered(&(node.to_owned() + kubeadm));
    assert!(told.contains("[pod-subnet-outside]\n  hint: flanneld on this node would exit: "), "{told}");
}

#[test]
fn a_container_that_fails_is_told_before_one_that_ends_well() {
    let two = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: c, image: busybox, command: \
               [\"true\"]}\n  - {name: d, image: busybox, command: [\"false\"]}\n";
    let told = rendered(two);
    assert_eq!(
        told.lines().next(),
        Some("a.yaml:7:22: warning: the container keeps failing: its command exits with status 1 [crash-loop]"),
        "{told}"
    );
    let cluster = cluster(two);
    assert_eq!(super::problems(&cluster).len(), 1);
}

#[test]
fn a_command_that_ends_at_once_is_started_again_and_again() {
    let one = |policy: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  {policy}containers:\n  - {{name: c, image: busybox, \
             command: [echo, hi]}}\n"
        )
    };
    let told = rendered(&one(""));
    assert_eq!(
        told,
        "a.yaml:6:22: warning: the container's command ends at once, and restartPolicy: Always starts it again and again \
         [crash-loop]\n  hint: give it a command that keeps running, such as [sleep, infinity]; what is meant to end is a \
         Job's, or a Pod's with restartPolicy: OnFailure\n"
    );
    assert_eq!(rendered(&one("restartPolicy: OnFailure\n  ")), "");
    assert_eq!(rendered(&one("restartPolicy: Never\n  ")), "");
}

#[test]
fn ports_of_sidecars_count() {
    let sidecar = "  initContainers:\n  - {name: s, image: nginx, restartPolicy: Always, ports: [{containerPort: 9090, name: metrics}]}\n";
    let web = pod("a", "{app: web}", sidecar);
    assert_eq!(rendered(&(web.clone() + &service("{app: web}", "{port: 1, targetPort: metrics}"))), "");
    assert_eq!(rendered(&(web.clone() + &service("{app: web}", "{port: 9090}"))), "");
    let before = web.replace("restartPolicy: Always, ", "");
    let told = rendered(&(before + &service("{app: web}", "{port: 1, targetPort: metrics}")));
    assert!(told.contains("[target-port-name]"), "{told}");
}

#[test]
fn problems_of_all_sorts_are_counted_beyond_twenty() {
    let many = |spec: &str| -> String { (0..25).map(|n| pod(&format!("p{n}"), "{}", spec)).collect() };
    for (spec, code) in [
        ("  nodeSelector: {disk: ssd}\n", "node-selector"),
        ("  volumes: [{name: v, configMap: {name: settings}}]\n", "config-map"),
    ] {
        let told = rendered(&many(spec));
        assert_eq!(told.matches(&format!("[{code}]\n  hint")).count(), 20, "{told}");
        assert!(told.contains(&format!("info: and 5 more problems of this sort ({code}) [{code}]\n")), "{told}");
    }
    let services: String =
        (0..25).map(|n| service("{app: web}", "port: 81").replace("name: web", &format!("name: web-{n}"))).collect();
    let told = rendered(&(pod("a", "{app: web}", "") + &services));
    assert!(told.contains("info: and 5 more problems of this sort (target-port-closed)"), "{told}");
}

#[test]
fn what_a_command_has_deleted_is_told_in_its_file_until_it_is_applied_again() {
    let text = pod("a", "{app: a}", "") + &pod("b", "{app: b}", "");
    let mut cluster = cluster(&text);
    cluster.delete(&[ObjectKey::new("Pod", "default", "b")], 0);
    assert_eq!(
        render(&cluster),
        "a.yaml:15:9: info: pod/b is not as it stands here: a command has deleted it since [not-in-force]\n  \
         hint: kubectl apply -f a.yaml makes it so again\n"
    );
    cluster.apply_file("a.yaml", 0);
    assert_eq!(render(&cluster), "");
    cluster.apply_text("stdin", &pod("a", "{app: other}", ""), 0);
    let told = render(&cluster);
    assert!(told.contains("info: pod/a is not as it stands here: a command has changed it since"), "{told}");
}

#[test]
fn every_sort_is_told_somewhere() {
    let sources = [
        include_str!("files.rs"),
        include_str!("network.rs"),
        include_str!("pods.rs"),
        include_str!("policies/dns.rs"),
        include_str!("policies/mod.rs"),
        include_str!("policies/peers.rs"),
        include_str!("policies/ports.rs"),
        include_str!("policies/tiers.rs"),
        include_str!("references.rs"),
        include_str!("rollouts.rs"),
        include_str!("services.rs"),
        include_str!("../control/validate.rs"),
    ];
    for code in super::CODES {
        assert!(sources.iter().any(|source| source.contains(&format!("\"{code}\""))), "nothing tells {code}");
    }
    assert!(super::CODES.is_sorted());
}

#[test]
fn networks_that_overlap_the_nodes() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {serviceSubnet: 172.18.128.0/20}\n";
    let told = rendered(text);
    assert!(
        told.starts_with("a.yaml:3:29: warning: the Service subnet 172.18.128.0/20 and the nodes' network 172.18.0.0/16 overlap [subnets-overlap]\n"),
        "{told}"
    );
}

#[test]
fn a_config_map_that_nobody_made() {
    let spec = "  volumes:\n  - {name: v, configMap: {name: settings}}\n  - {name: w, configMap: {name: more, optional: true}}\n";
    let told = rendered(&pod("a", "{}", spec));
    assert_eq!(
        told,
        "a.yaml:8:33: warning: there is no ConfigMap \"settings\" in namespace default: the container would not start [config-map]\n  \
         hint: podhop runs it all the same\n"
    );
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: setting}\n---\n";
    let told = rendered(&(map.to_owned() + &pod("a", "{}", spec)));
    assert!(told.contains("did you mean setting?\n  fix: settings → setting\n"), "{told}");
}

#[test]
fn a_problem_goes_when_another_text_mends_it() {
    let mut cluster = cluster(&service("{app: web}", "port: 80"));
    assert!(render(&cluster).contains("service-selects-nothing"));
    cluster.open_file("b.yaml", &pod("a", "{app: web}", ""), true, 0);
    assert_eq!(render(&cluster), "");
}

#[test]
fn of_one_sort_twenty_are_told_and_the_others_counted() {
    let text: String = (0..30).map(|n| pod(&format!("p{n}"), "{}", "  nodeName: nowhere\n")).collect();
    let told = rendered(&text);
    assert_eq!(told.matches("does not exist").count(), 20);
    assert!(told.ends_with("info: and 10 more problems of this sort (no-node) [no-node]\n"), "{told}");
}

#[test]
fn the_template_s_label_takes_the_selector_s_value() {
    let text = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    \
                metadata: {labels: {app: wbe}}\n    spec: {containers: [{name: c, image: nginx}]}\n";
    let told = rendered(text);
    assert!(told.contains("hint: the selector wants app=web\n  fix: wbe → web\n"), "{told}");
}
