//! EndpointSlices: who is in them, with which ports, how many there are.

use super::services::service;
use super::*;
use crate::cluster::{PodPhase, Revision};
use crate::manifest::typed::{EndpointSlice, ServiceType};
use crate::net::Family;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

fn slices(cluster: &Cluster, name: &str) -> Vec<Arc<EndpointSlice>> {
    let key = PodKey::new("default", name);
    cluster.revision().slices(&key).map(|(_, slice)| slice.clone()).collect()
}

/// `address port ready` of all endpoints, in order.
fn lines(cluster: &Cluster, name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for slice in slices(cluster, name) {
        let ports: Vec<String> = slice.ports.iter().map(|port| port.port.map_or(0, |port| port).to_string()).collect();
        for endpoint in &slice.endpoints {
            lines.push(format!("{} {} {}", endpoint.addresses[0], ports.join(","), endpoint.ready));
        }
    }
    lines.sort();
    lines
}

/// Every Service with a selector has the endpoints that its Pods make, no others, each once, at most 100 in a slice.
pub fn check_slices(revision: &Revision) {
    for service in revision.services.values().filter(|service| !service.spec.selector.is_empty()) {
        let fits = |pod: &crate::cluster::PodRecord| {
            pod.key.namespace == service.key.namespace
                && pod.ip.is_some()
                && !matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed)
                && service.spec.selector.iter().all(|(name, value)| pod.labels.get(name) == Some(value))
        };
        let published = service.spec.publish_not_ready_addresses;
        let pods = revision.pods.values().filter(|pod| fits(pod));
        let of_families = |ip: &IpAddr| service.families.contains(&Family::of(*ip));
        let expected: BTreeSet<_> = pods
            .flat_map(|pod| {
                let ready = published || pod.is_ready();
                pod.ips().filter(of_families).map(move |ip| (Some(ip), pod.key.name.clone(), ready))
            })
            .collect();
        let mut found = BTreeSet::new();
        for (_, slice) in revision.slices(&service.key) {
            assert!(slice.endpoints.len() <= 100, "{}", service.key);
            assert_eq!(slice.meta.labels.get("kubernetes.io/service-name"), Some(&service.key.name));
            for endpoint in &slice.endpoints {
                let name = endpoint.pod.as_ref().map_or_else(|| "".into(), |(_, name)| name.clone());
                assert!(found.insert((endpoint.addresses.first().copied(), name, endpoint.ready)), "{}", service.key);
            }
        }
        if service.spec.service_type != ServiceType::ExternalName {
            assert_eq!(found, expected, "{}", service.key);
        }
    }
}

#[test]
fn pods_come_and_go_with_their_labels() {
    let text = service("web", "") + &pod("web", "") + &pod("db", "");
    let (mut cluster, _) = with(&text);
    assert_eq!(lines(&cluster, "web"), ["10.244.1.2 80 true"]);
    cluster.edit_file("a.yaml", &text.replace("labels: {app: db}", "labels: {app: web}"), 0);
    random::check(cluster.revision());
    assert_eq!(lines(&cluster, "web"), ["10.244.1.2 80 true", "10.244.2.2 80 true"]);
    cluster.edit_file("a.yaml", &text.replace("selector: {app: web}", "selector: {app: none}"), 0);
    random::check(cluster.revision());
    assert!(lines(&cluster, "web").is_empty());
    // One slice without endpoints says that there are none.
    assert_eq!(slices(&cluster, "web").len(), 1);
}

#[test]
fn pods_that_ended_or_wait_are_no_endpoints_and_those_that_crash_are_not_ready() {
    let ended =
        pod("ended", "  restartPolicy: Never\n").replace("image: nginx", "image: busybox\n    command: [\"true\"]");
    let waits = pod("waits", "  nodeSelector: {disk: none}\n");
    let crashes = pod("crashes", "").replace("image: nginx", "image: busybox\n    command: [\"false\"]");
    let text = ["ended", "waits", "crashes"].iter().fold(ended + &waits + &crashes, |text, name| {
        text.replace(&format!("labels: {{app: {name}}}"), "labels: {app: web}")
    });
    let (cluster, _) = with(&(service("web", "") + &text));
    let found = lines(&cluster, "web");
    assert!(found.len() == 1 && found[0].ends_with("false"), "{found:?}");
}

#[test]
fn ports_by_name_make_a_slice_for_each_set_of_numbers() {
    let named = |name: &str, port: &str| {
        let ports = format!("image: nginx\n    ports: [{{name: http, containerPort: {port}}}]");
        pod(name, "  nodeName: worker-1\n")
            .replace(&format!("{{app: {name}}}"), "{app: web}")
            .replace("image: nginx", &ports)
    };
    let none = pod("none", "  nodeName: worker-1\n").replace("{app: none}", "{app: web}");
    let web = service("web", "").replace("{port: 80}", "{port: 80, targetPort: http}");
    let (cluster, _) = with(&(web + &named("a", "8080") + &named("b", "8080") + &named("c", "9090") + &none));
    assert_eq!(slices(&cluster, "web").len(), 3);
    assert_eq!(
        lines(&cluster, "web"),
        ["10.244.1.2 8080 true", "10.244.1.3 8080 true", "10.244.1.4 9090 true", "10.244.1.5  true"]
    );
}

#[test]
fn a_name_is_looked_for_among_ports_of_the_same_protocol() {
    let ports =
        "image: nginx\n    ports: [{name: dns, containerPort: 53}, {name: dns-u, containerPort: 54, protocol: UDP}]";
    let web = service("web", "").replace(
        "{port: 80}",
        "{name: a, port: 1, targetPort: dns}\n  - {name: b, port: 1, targetPort: dns-u, protocol: UDP}\n  - {name: c, port: 2, targetPort: dns-u}",
    );
    let (cluster, _) = with(&(web + &pod("web", "").replace("image: nginx", ports)));
    let slice = &slices(&cluster, "web")[0];
    let shown: Vec<_> = slice.ports.iter().map(|port| (port.name.as_deref().unwrap_or(""), port.port)).collect();
    assert_eq!(shown, [("a", Some(53)), ("b", Some(54))]);
}

#[test]
fn a_hundred_endpoints_fill_a_slice() {
    let text = |replicas: u32| {
        let many = deployment("web", replicas, "nginx");
        service("web", "") + &many.replace("    spec:\n", "    spec:\n      hostNetwork: false\n")
    };
    let (mut cluster, _) = with(&text(150));
    let sizes: Vec<usize> = slices(&cluster, "web").iter().map(|slice| slice.endpoints.len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 150);
    assert_eq!(sizes.iter().max(), Some(&100));
    cluster.edit_file("a.yaml", &text(3), 0);
    random::check(cluster.revision());
    assert_eq!(slices(&cluster, "web").iter().map(|slice| slice.endpoints.len()).collect::<Vec<_>>(), [3]);
}

#[test]
fn slices_say_whose_they_are() {
    let labelled = service("web", "").replace("  name: web\n", "  name: web\n  labels: {team: blue}\n");
    let (mut cluster, _) = with(&(labelled + &service("list", "  clusterIP: None\n")));
    let of = |cluster: &Cluster, name: &str| {
        let keys = &cluster.revision().slices_of[&PodKey::new("default", name)];
        let object = &cluster.revision().objects[keys.iter().next().unwrap_or_else(|| panic!("no slice of {name}"))];
        let labels: Vec<String> = object.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        (labels, object.owner.as_ref().map(|owner| owner.key.to_string()))
    };
    let managed = "endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io".to_owned();
    let (labels, owner) = of(&cluster, "web");
    assert_eq!(labels, [managed.clone(), "kubernetes.io/service-name=web".into(), "team=blue".into()]);
    assert_eq!(owner.as_deref(), Some("service/web"));
    let (labels, _) = of(&cluster, "list");
    assert!(labels.contains(&"service.kubernetes.io/headless=".to_owned()), "{labels:?}");
    cluster.edit_file("a.yaml", "", 0);
    random::check(cluster.revision());
    assert!(slices(&cluster, "web").is_empty());
    assert!(cluster.revision().list("Endpoints", Some("default")).all(|object| &*object.key.name == "kubernetes"));
}

#[test]
fn endpoints_that_are_written_by_hand_are_mirrored_and_slices_are_kept() {
    let bare = |name: &str| service(name, "").replace(&format!("  selector: {{app: {name}}}\n"), "");
    let endpoints = "apiVersion: v1\nkind: Endpoints\nmetadata: {name: old}\nsubsets:\n- addresses: [{ip: 192.0.2.1}]\n  \
                     notReadyAddresses: [{ip: 192.0.2.2}]\n  ports: [{port: 8080}]\n---\n";
    let slice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: new-1\n  labels: \
                 {kubernetes.io/service-name: new}\naddressType: IPv4\nports: [{port: 9090}]\nendpoints: [{addresses: \
                 [192.0.2.3]}]\n---\n";
    let (mut cluster, _) = with(&(bare("old") + endpoints + &bare("new") + slice));
    assert_eq!(lines(&cluster, "old"), ["192.0.2.1 8080 true", "192.0.2.2 8080 false"]);
    assert_eq!(lines(&cluster, "new"), ["192.0.2.3 9090 true"]);
    let manager = slices(&cluster, "old")[0].meta.labels.get("endpointslice.kubernetes.io/managed-by").cloned();
    assert_eq!(manager.as_deref(), Some("endpointslicemirroring-controller.k8s.io"));
    cluster.edit_file("a.yaml", &(bare("old") + &bare("new")), 0);
    random::check(cluster.revision());
    assert!(lines(&cluster, "old").is_empty() && lines(&cluster, "new").is_empty());
}

#[test]
fn the_api_servers_own_service_follows_the_control_plane() {
    let (mut cluster, _) = with("");
    assert_eq!(lines(&cluster, "kubernetes"), ["172.18.0.2 6443 true"]);
    let plane = |name: &str, ip: &str| {
        node(name, ip, "")
            .replace("kubernetes.io/os: linux", "kubernetes.io/os: linux, node-role.kubernetes.io/control-plane: \"\"")
    };
    cluster.edit_file(
        "a.yaml",
        &(plane("c1", "172.18.0.11") + &plane("c2", "172.18.0.12") + &node("w", "172.18.0.13", "")),
        0,
    );
    random::check(cluster.revision());
    assert_eq!(lines(&cluster, "kubernetes"), ["172.18.0.11 6443 true", "172.18.0.12 6443 true"]);
}

#[test]
fn hostnames_are_told_where_the_subdomain_is_the_service() {
    let member = pod("one", "  hostname: one\n  subdomain: web\n").replace("{app: one}", "{app: web}");
    let other = pod("two", "  hostname: two\n  subdomain: other\n").replace("{app: two}", "{app: web}");
    let (cluster, _) = with(&(service("web", "  clusterIP: None\n") + &member + &other));
    let slice = &slices(&cluster, "web")[0];
    let mut names: Vec<Option<&str>> = slice.endpoints.iter().map(|endpoint| endpoint.hostname.as_deref()).collect();
    names.sort();
    assert_eq!(names, [None, Some("one")]);
}
