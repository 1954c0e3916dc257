//! Scheduling, sandboxes and addresses.

use super::*;

#[test]
fn pods_spread_over_the_workers_and_get_the_first_addresses() {
    let (cluster, applied) = with(&(pod("pod-a", "") + &pod("pod-b", "") + &pod("pod-c", "")));
    assert_eq!(rendered(&cluster, &applied), "");
    assert_eq!(
        pods(&cluster, &["default"]),
        ["pod-a worker-1 10.244.1.2 Running", "pod-b worker-2 10.244.2.2 Running", "pod-c worker-1 10.244.1.3 Running",]
    );
    assert_eq!(outcomes(&applied), ["pod/pod-a created", "pod/pod-b created", "pod/pod-c created"]);
}

#[test]
fn the_scheduler_says_why_it_finds_no_node() {
    let none =
        "no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.";
    let cases = [
        (
            "  nodeSelector: {disk: ssd}\n",
            format!(
                "0/3 nodes are available: 1 node(s) had untolerated taint {{node-role.kubernetes.io/control-plane: }}, 2 node(s) didn't match Pod's node affinity/selector. {none}"
            ),
        ),
        (
            "  nodeSelector: {disk: ssd}\n  tolerations: [{operator: Exists}]\n",
            format!("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. {none}"),
        ),
        (
            "  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [worker-2]}]}]}}}\n",
            String::new(),
        ),
        ("  nodeName: worker-2\n", String::new()),
        ("  nodeName: worker-9\n", "node \"worker-9\" does not exist: no kubelet runs the Pod".to_owned()),
    ];
    for (spec, expected) in cases {
        let (cluster, _) = with(&pod("a", spec));
        assert_eq!(reason(&cluster, "a"), expected, "{spec}");
        let place = if expected.is_empty() { "a worker-2 10.244.2.2 Running" } else { "a - - Pending" };
        assert_eq!(pods(&cluster, &["default"]), [place], "{spec}");
    }
}

#[test]
fn host_ports_are_taken_once_a_node() {
    let text = |name: &str| {
        pod(name, "")
            .replace("    image: nginx\n", "    image: nginx\n    ports: [{containerPort: 80, hostPort: 8080}]\n")
    };
    let (mut cluster, _) = with(&(text("a") + &text("b") + &text("c")));
    assert_eq!(
        reason(&cluster, "c"),
        "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't have free ports for the requested pod ports. no new claims to deallocate, preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod."
    );
    cluster.edit_file("a.yaml", &(text("a") + &text("c")), 0);
    assert_eq!(pods(&cluster, &["default"])[1], "c worker-2 10.244.2.3 Running");
}

#[test]
fn a_node_takes_as_many_pods_as_it_allows() {
    let n = node("n1", "172.18.0.2", "").replace("status:\n", "status:\n  allocatable: {pods: \"5\"}\n");
    let (cluster, _) = with(&(n + &pod("a", "") + &pod("b", "") + &pod("c", "") + &pod("d", "")));
    // kube-proxy and Flannel are there, too.
    let running = pods(&cluster, &["default"]).iter().filter(|line| line.ends_with("Running")).count();
    assert_eq!(running, 3, "{:?}", pods(&cluster, &["default", "kube-system", "kube-flannel"]));
    assert_eq!(
        reason(&cluster, "d"),
        "0/1 nodes are available: 1 Too many pods. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    );
}

#[test]
fn a_small_subnet_runs_out_of_addresses_until_one_is_given_back() {
    let n = node("n1", "172.18.0.2", "spec: {podCIDR: 10.244.1.0/29}\n");
    let text = |names: &[&str]| n.clone() + &names.iter().map(|name| pod(name, "")).collect::<String>();
    let (mut cluster, applied) = with(&text(&["a", "b", "c", "d", "e", "f"]));
    let message = "plugin type=\"flannel\" failed (add): failed to delegate add: failed to allocate for range 0: no IP addresses available in range set: 10.244.1.1-10.244.1.6";
    assert_eq!(reason(&cluster, "f"), message);
    assert!(rendered(&cluster, &applied).contains("warning: the Pod does not run: plugin type"));
    assert_eq!(pods(&cluster, &["default"])[5], "f n1 - ContainerCreating");
    cluster.edit_file("a.yaml", &text(&["a", "b", "d", "e", "f"]), 0);
    random::check(cluster.revision());
    assert_eq!(
        pods(&cluster, &["default"]),
        [
            "a n1 10.244.1.2 Running",
            "b n1 10.244.1.3 Running",
            "d n1 10.244.1.5 Running",
            "e n1 10.244.1.6 Running",
            "f n1 10.244.1.4 Running",
        ]
    );
}

#[test]
fn host_local_goes_on_after_the_last_address_it_gave_out() {
    let (mut cluster, _) = with(&(pod("a", "  nodeName: worker-1\n") + &pod("b", "  nodeName: worker-1\n")));
    cluster.edit_file("a.yaml", &pod("b", "  nodeName: worker-1\n"), 0);
    cluster.edit_file("a.yaml", &(pod("b", "  nodeName: worker-1\n") + &pod("c", "  nodeName: worker-1\n")), 0);
    assert_eq!(pods(&cluster, &["default"]), ["b worker-1 10.244.1.3 Running", "c worker-1 10.244.1.4 Running"]);
}

#[test]
fn given_addresses_are_honoured_and_unique() {
    let given = |name: &str, ip: &str| pod(name, "").replace("---\n", &format!("status: {{podIP: {ip}}}\n---\n"));
    let (cluster, applied) = with(&(pod("a", "") + &given("b", "10.244.2.77") + &given("c", "10.244.1.2")));
    assert_eq!(rendered(&cluster, &applied), "");
    assert_eq!(
        pods(&cluster, &["default"]),
        ["a worker-1 10.244.1.3 Running", "b worker-2 10.244.2.77 Running", "c worker-1 10.244.1.2 Running"]
    );
    let (cluster, applied) = with(&(given("a", "10.244.1.9") + &given("b", "10.244.1.9")));
    let expected = "a.yaml:21:17: error: the address 10.244.1.9 is already that of Pod default/a\n";
    assert!(rendered(&cluster, &applied).starts_with(expected), "{}", rendered(&cluster, &applied));
    let (cluster, applied) = with(&given("a", "192.168.3.4"));
    assert!(
        rendered(&cluster, &applied).contains("warning: the Pod's address 192.168.3.4 is not in its node's subnet")
    );
    assert_eq!(pods(&cluster, &["default"]), ["a worker-1 192.168.3.4 Running"]);
}

#[test]
fn host_network_pods_have_their_nodes_address() {
    let (cluster, _) = with(&pod("a", "  hostNetwork: true\n"));
    assert_eq!(pods(&cluster, &["default"]), ["a worker-1 172.18.0.3 Running"]);
    let revision = cluster.revision();
    let netns = revision.pod("default", "a").and_then(|pod| pod.netns);
    assert_eq!(netns, revision.node("worker-1").map(|node| node.netns));
}

#[test]
fn clashing_ports_crash_the_second_container() {
    let two = pod("a", "").replace("    image: nginx\n", "    image: nginx\n  - name: side\n    image: nginx\n");
    let (cluster, applied) = with(&two);
    assert_eq!(pods(&cluster, &["default"]), ["a worker-1 10.244.1.2 CrashLoopBackOff"]);
    assert_eq!(reason(&cluster, "a"), "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)");
    let ready: Vec<bool> = cluster.revision().pod("default", "a").map_or(Vec::new(), |pod| {
        crate::cluster::api::container_statuses(pod).iter().map(|status| status.ready).collect()
    });
    assert_eq!(ready, [true, false]);
    assert!(rendered(&cluster, &applied).starts_with("a.yaml:11:12: warning: the container keeps failing"));
    let (cluster, _) = with(
        &(pod("a", "  hostNetwork: true\n  nodeName: worker-1\n")
            + &pod("b", "  hostNetwork: true\n  nodeName: worker-1\n")),
    );
    let phases: Vec<String> = pods(&cluster, &["default"]);
    assert_eq!(phases, ["a worker-1 172.18.0.3 Running", "b worker-1 172.18.0.3 CrashLoopBackOff"]);
}

#[test]
fn a_taint_that_does_not_execute_drives_pods_out() {
    let tainted = |taint: &str| node("n1", "172.18.0.2", taint) + &node("n2", "172.18.0.3", "");
    let (mut cluster, _) = with(&(tainted("") + &pod("a", "")));
    assert_eq!(pods(&cluster, &["default"]), ["a n1 10.244.0.2 Running"]);
    let text = tainted("spec: {taints: [{key: down, effect: NoExecute}]}\n") + &pod("a", "");
    cluster.edit_file("a.yaml", &text, 0);
    random::check(cluster.revision());
    assert!(pods(&cluster, &["default"])[0].starts_with("a n2 "), "{:?}", pods(&cluster, &["default"]));
}
