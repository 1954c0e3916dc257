//! Readiness probes against what containers serve.

use super::*;

/// A Pod of nginx with this readiness probe; `container` are further lines of the container.
fn probed(probe: &str, container: &str) -> String {
    pod("web", "").replace("image: nginx\n", &format!("image: nginx\n{container}    readinessProbe: {{{probe}}}\n"))
}

/// What the kubelet says about it; empty if it is ready.
fn unready(text: &str) -> String {
    let (cluster, applied) = with(text);
    assert!(applied.committed, "{}", rendered(&cluster, &applied));
    cluster.revision().pod("default", "web").map_or_else(
        || "no Pod".to_owned(),
        |pod| pod.unready.iter().map(|unready| &*unready.message).collect::<Vec<_>>().join("\n"),
    )
}

#[test]
fn a_tcp_probe_needs_a_listener() {
    assert_eq!(unready(&probed("tcpSocket: {port: 80}", "")), "");
    assert_eq!(
        unready(&probed("tcpSocket: {port: 81}", "")),
        "Readiness probe failed: dial tcp 10.244.1.2:81: connect: connection refused"
    );
}

#[test]
fn an_http_probe_needs_a_good_answer() {
    assert_eq!(unready(&probed("httpGet: {path: /, port: 80}", "")), "");
    assert_eq!(
        unready(&probed("httpGet: {path: /x, port: 8080}", "")),
        "Readiness probe failed: Get \"http://10.244.1.2:8080/x\": dial tcp 10.244.1.2:8080: connect: connection refused"
    );
    let healthz = probed("httpGet: {path: /healthz, port: 80}", "");
    assert_eq!(unready(&healthz), "Readiness probe failed: HTTP probe failed with statuscode: 404");
    // What is mounted may have the page.
    let mounted =
        probed("httpGet: {path: /healthz, port: 80}", "    volumeMounts: [{name: c, mountPath: /etc/nginx/conf.d}]\n");
    assert_eq!(unready(&mounted), "");
    let agnhost = |path: &str| {
        let probe = format!("httpGet: {{path: {path}, port: 8080}}");
        probed(&probe, "    args: [netexec]\n")
            .replace("image: nginx", "image: registry.k8s.io/e2e-test-images/agnhost:2.53")
    };
    assert_eq!(unready(&agnhost("/healthz")), "");
    assert_eq!(unready(&agnhost("/nothing")), "Readiness probe failed: HTTP probe failed with statuscode: 404");
}

#[test]
fn a_port_may_be_named() {
    let ports = "    ports: [{name: http, containerPort: 80}, {name: other, containerPort: 81}]\n";
    assert_eq!(unready(&probed("httpGet: {path: /, port: http}", ports)), "");
    assert_ne!(unready(&probed("tcpSocket: {port: other}", ports)), "");
}

#[test]
fn what_cannot_be_told_counts_as_ready() {
    assert_eq!(unready(&probed("exec: {command: [\"false\"]}", "")), "");
    assert_eq!(
        unready(&probed("httpGet: {path: /, port: 1234}", "").replace("image: nginx", "image: example.com/own:1")),
        ""
    );
}

#[test]
fn an_edit_of_the_probe_makes_a_pod_ready_or_not() {
    let text = super::services::service("web", "");
    let (mut cluster, _) = with(&(text.clone() + &deployment("web", 1, "nginx")));
    let ready = |cluster: &Cluster| {
        let slices = cluster.revision().slices(&PodKey::new("default", "web"));
        slices.flat_map(|(_, slice)| slice.endpoints.iter().map(|endpoint| endpoint.ready)).collect::<Vec<_>>()
    };
    assert_eq!(ready(&cluster), [true]);
    let broken = deployment("web", 1, "nginx\n        readinessProbe: {tcpSocket: {port: 81}}");
    cluster.edit_file("a.yaml", &(text.clone() + &broken), 0);
    random::check(cluster.revision());
    // The rollout waits for the new Pod, and the old one goes on.
    let mut now = ready(&cluster);
    now.sort();
    assert_eq!(now, [false, true]);
    cluster.edit_file("a.yaml", &(text + &broken.replace("port: 81", "port: 80")), 0);
    random::check(cluster.revision());
    assert_eq!(ready(&cluster), [true]);
}
