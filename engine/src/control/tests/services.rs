//! Addresses and ports of Services: given, kept, drawn, clashing.

use super::*;
use crate::cluster::{Revision, ServiceRecord};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A Service of port 80; `spec` are further lines of its spec, each with two blanks before it.
pub fn service(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n{spec}  selector: {{app: {name}}}\n  ports:\n  - \
         {{port: 80}}\n---\n"
    )
}

fn record(cluster: &Cluster, name: &str) -> Arc<ServiceRecord> {
    cluster.revision().service("default", name).cloned().unwrap_or_else(|| panic!("there is no Service {name}"))
}

fn ips(cluster: &Cluster, name: &str) -> Vec<String> {
    record(cluster, name).cluster_ips.iter().map(|(ip, _)| ip.to_string()).collect()
}

fn node_ports(cluster: &Cluster, name: &str) -> Vec<Option<u16>> {
    record(cluster, name).node_ports.iter().map(|port| port.as_ref().map(|(port, _)| *port)).collect()
}

fn ingress(cluster: &Cluster, name: &str) -> Vec<String> {
    record(cluster, name).ingress.iter().map(|(ip, _)| ip.to_string()).collect()
}

/// What the indexes of addresses and ports say must be what the Services have.
pub fn check_allocations(revision: &Revision) {
    let (mut addresses, mut ports) = (BTreeMap::new(), BTreeMap::new());
    for record in revision.services.values() {
        for (ip, _) in record.cluster_ips.iter().chain(&record.ingress) {
            addresses.entry(*ip).or_insert_with(Vec::new).push(record.key.clone());
        }
        for (port, _) in record.node_ports.iter().flatten().chain(&record.health_check_node_port) {
            ports.entry(*port).or_insert_with(Vec::new).push(record.key.clone());
        }
        assert_eq!(record.node_ports.len(), record.spec.ports.len(), "{}", record.key);
    }
    for (ip, holder) in &revision.index.service_ips {
        assert!(addresses.get(ip).is_some_and(|keys| keys.contains(holder)), "{ip} of {holder}");
    }
    for (port, holder) in &revision.index.node_ports {
        assert!(ports.get(port).is_some_and(|keys| keys.contains(holder)), "{port} of {holder}");
    }
    assert!(addresses.keys().all(|ip| revision.index.service_ips.contains_key(ip)));
    assert!(ports.keys().all(|port| revision.index.node_ports.contains_key(port)));
}

#[test]
fn an_address_is_drawn_from_the_upper_range_and_kept() {
    let (mut cluster, _) = with(&service("web", ""));
    let first = ips(&cluster, "web");
    let parsed: std::net::Ipv4Addr = first[0].parse().unwrap();
    let offset = u32::from(parsed) - u32::from(std::net::Ipv4Addr::new(10, 96, 0, 0));
    assert!(offset > 256 && offset < 1 << 20, "{parsed}");
    let other = service("web", "  type: NodePort\n").replace("port: 80", "port: 81");
    cluster.edit_file("a.yaml", &(other + &service("db", "")), 0);
    random::check(cluster.revision());
    assert_eq!(ips(&cluster, "web"), first);
    let (fresh, _) = with(&service("web", ""));
    assert_eq!(ips(&fresh, "web"), first);
}

#[test]
fn a_given_address_is_taken_whoever_came_first() {
    let (cluster, _) = with(&service("drawn", ""));
    let drawn = ips(&cluster, "drawn")[0].clone();
    let given = service("given", &format!("  clusterIP: {drawn}\n"));
    // The one that names it is served first, wherever it stands: the other draws on.
    let (cluster, applied) = with(&(service("drawn", "") + &given));
    assert_eq!(ips(&cluster, "given"), [drawn.as_str()]);
    assert_ne!(ips(&cluster, "drawn")[0], drawn);
    assert!(applied.diagnostics.iter().next().is_none(), "{}", rendered(&cluster, &applied));
}

#[test]
fn an_address_twice_is_told() {
    let spec = "  clusterIP: 10.96.0.50\n";
    let (cluster, applied) = with(&(service("one", spec) + &service("two", spec)));
    let text = rendered(&cluster, &applied);
    assert!(
        text.contains("a.yaml:16:14: warning: the address 10.96.0.50 is already that of Service default/one"),
        "{text}"
    );
}

#[test]
fn an_address_outside_of_the_subnet_is_told() {
    let (_, applied) = with(&service("one", "  clusterIP: 10.96.0.50\n"));
    assert!(applied.diagnostics.iter().next().is_none());
    let outside = service("one", "  clusterIP: 10.244.0.50\n");
    let (cluster, applied) = with(&outside);
    let text = rendered(&cluster, &applied);
    assert!(text.contains("the address 10.244.0.50 is not in the Service subnet 10.96.0.0/12"), "{text}");
    let dumped = outside.replace("  name: one\n", "  name: one\n  uid: 8b5e1a5c-0c0f-4a53-9c0b-6b3a1d1c0001\n");
    let (_, applied) = with(&dumped);
    assert!(applied.diagnostics.iter().next().is_none());
}

#[test]
fn a_deleted_service_gives_back_what_it_had() {
    let spec = "  type: LoadBalancer\n  clusterIP: 10.96.0.50\n";
    let (mut cluster, _) = with(&service("one", spec));
    assert_eq!(ingress(&cluster, "one"), ["203.0.113.10"]);
    cluster.edit_file("a.yaml", &service("two", spec), 0);
    random::check(cluster.revision());
    assert_eq!(
        (ips(&cluster, "two"), ingress(&cluster, "two")),
        (vec!["10.96.0.50".into()], vec!["203.0.113.10".into()])
    );
    cluster.edit_file("a.yaml", "", 0);
    random::check(cluster.revision());
    let named = |key: &&crate::cluster::ServiceKey| &*key.namespace == "default" && &*key.name != "kubernetes";
    assert!(!cluster.revision().index.service_ips.values().any(|key| named(&key)));
    assert!(cluster.revision().index.node_ports.is_empty());
}

#[test]
fn headless_services_and_aliases_have_no_address() {
    let alias = service("alias", "  type: ExternalName\n  externalName: example.com\n");
    let (mut cluster, _) = with(&(service("list", "  clusterIP: None\n") + &alias));
    assert!(ips(&cluster, "list").is_empty() && ips(&cluster, "alias").is_empty());
    cluster.edit_file("a.yaml", &service("alias", ""), 0);
    random::check(cluster.revision());
    assert_eq!(ips(&cluster, "alias").len(), 1);
}

#[test]
fn node_ports_are_given_kept_and_shared_by_protocols() {
    let given = service("given", "  type: NodePort\n").replace("{port: 80}", "{port: 80, nodePort: 30080}");
    let both = "{name: a, port: 53}\n  - {name: b, port: 53, protocol: UDP}\n  - {name: c, port: 54}";
    let drawn = service("drawn", "  type: NodePort\n").replace("{port: 80}", both);
    let (mut cluster, _) = with(&(given.clone() + &drawn));
    assert_eq!(node_ports(&cluster, "given"), [Some(30080)]);
    let before = node_ports(&cluster, "drawn");
    assert!(before[0] == before[1] && before[0] != before[2], "{before:?}");
    // The first 86 ports are left to those who name one.
    assert!(before.iter().flatten().all(|port| (30_086..=32_767).contains(port)), "{before:?}");
    let more = drawn.replace("type: NodePort", "type: NodePort\n  sessionAffinity: ClientIP");
    cluster.edit_file("a.yaml", &(given + &more), 0);
    random::check(cluster.revision());
    assert_eq!(node_ports(&cluster, "drawn"), before);
    cluster.edit_file("a.yaml", &drawn.replace("NodePort", "ClusterIP"), 0);
    random::check(cluster.revision());
    assert_eq!(node_ports(&cluster, "drawn"), [None, None, None]);
}

#[test]
fn a_node_port_twice_stays_with_its_holder() {
    let spec = |name: &str| service(name, "  type: NodePort\n").replace("{port: 80}", "{port: 80, nodePort: 30080}");
    let (cluster, applied) = with(&(spec("one") + &spec("two")));
    let text = rendered(&cluster, &applied);
    assert!(text.contains("the node port 30080 is already that of Service default/one"), "{text}");
    assert_eq!((node_ports(&cluster, "one"), node_ports(&cluster, "two")), (vec![Some(30080)], vec![None]));
}

#[test]
fn what_is_given_back_goes_to_who_names_it() {
    let spec = |name: &str| {
        let spec = service(name, "  type: NodePort\n  clusterIP: 10.96.0.50\n");
        spec.replace("{port: 80}", "{port: 80, nodePort: 30080}")
    };
    let (mut cluster, _) = with(&(spec("one") + &spec("two")));
    assert_eq!(node_ports(&cluster, "two"), [None]);
    cluster.edit_file("a.yaml", &spec("two"), 0);
    random::check(cluster.revision());
    assert_eq!((node_ports(&cluster, "two"), ips(&cluster, "two")), (vec![Some(30080)], vec!["10.96.0.50".to_owned()]));
    let holder = cluster.revision().index.node_ports.get(&30080).map(ToString::to_string);
    assert_eq!(holder.as_deref(), Some("default/two"));
}

#[test]
fn load_balancers_have_addresses_and_may_do_without_node_ports() {
    let bare = service("bare", "  type: LoadBalancer\n  allocateLoadBalancerNodePorts: false\n");
    let asked = service("asked", "  type: LoadBalancer\n  loadBalancerIP: 203.0.113.77\n");
    let given = service("given", "  type: LoadBalancer\n")
        .replace("---\n", "status: {loadBalancer: {ingress: [{ip: 192.0.2.9}]}}\n---\n");
    let (cluster, _) = with(&(bare + &asked + &given));
    assert_eq!(node_ports(&cluster, "bare"), [None]);
    assert!(node_ports(&cluster, "asked")[0].is_some());
    assert_eq!(ingress(&cluster, "bare"), ["203.0.113.10"]);
    assert_eq!(ingress(&cluster, "asked"), ["203.0.113.77"]);
    assert_eq!(ingress(&cluster, "given"), ["192.0.2.9"]);
}

#[test]
fn only_local_load_balancers_have_a_health_check() {
    let local = "  type: LoadBalancer\n  externalTrafficPolicy: Local\n";
    let named = service("named", &format!("{local}  healthCheckNodePort: 31000\n"));
    let cluster_wide = service("wide", "  type: LoadBalancer\n");
    let (mut cluster, _) = with(&(service("drawn", local) + &named + &cluster_wide));
    let health =
        |cluster: &Cluster, name: &str| record(cluster, name).health_check_node_port.clone().map(|(port, _)| port);
    let drawn = health(&cluster, "drawn");
    assert!(drawn.is_some() && health(&cluster, "named") == Some(31_000) && health(&cluster, "wide").is_none());
    cluster.edit_file("a.yaml", &service("drawn", &format!("{local}  sessionAffinity: ClientIP\n")), 0);
    random::check(cluster.revision());
    assert_eq!(health(&cluster, "drawn"), drawn);
}

#[test]
fn two_families_need_a_cluster_of_two() {
    let (cluster, applied) = with(&service("web", "  ipFamilyPolicy: RequireDualStack\n"));
    let text = rendered(&cluster, &applied);
    assert!(text.contains("this cluster is not configured for dual-stack services"), "{text}");
    let (cluster, applied) = with(&service("web", "  ipFamilyPolicy: PreferDualStack\n"));
    assert!(applied.diagnostics.iter().next().is_none());
    assert_eq!(ips(&cluster, "web").len(), 1);
}
