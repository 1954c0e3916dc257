//! What becomes of policies and Services in the maps.

use crate::cluster::{CniName, Options, Revision};
use crate::control;
use crate::program::{self, Shared};
use crate::tables::ebpf::{Direction, Ebpf, Identity};
use crate::tables::text::ebpf as text;
use std::sync::Arc;

const PODS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: x, labels: {team: blue}}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: x, labels: {app: a, pod-template-hash: abc}}
spec: {nodeName: worker-1, containers: [{name: c, image: nginx, ports: [{name: web, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a2, namespace: x, labels: {app: a, pod-template-hash: def}}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: x, labels: {app: b}}
spec: {nodeName: worker-1, containers: [{name: c, image: nginx}]}
"#;

fn cluster(more: &str) -> Revision {
    let mut cluster = control::start(Options { cni: Some(CniName::Cilium), ..Options::default() });
    let applied = cluster.open_file("a.yaml", &format!("{PODS}---\n{more}"), true, 0);
    assert_eq!(applied.diagnostics.errors(), 0, "{:?}", applied.diagnostics);
    cluster.revision().clone()
}

fn maps(revision: &Revision, node: &str) -> Arc<Ebpf> {
    let id = revision.node(node).expect("the node").netns;
    let netns = program::netns(revision, id, &mut Shared::default()).expect("its tables");
    netns.ebpf.expect("programs")
}

fn policy(maps: &Ebpf, name: &str) -> Vec<String> {
    let infos = maps.endpoints.values().filter_map(|row| row.pod.as_ref());
    let info = infos.into_iter().find(|info| &*info.name == name).expect("the endpoint");
    let line = |(key, _): (&crate::tables::ebpf::PolicyKey, _)| {
        let who = match key.identity {
            Identity::ANY => "any".to_owned(),
            identity => maps.labels_of(identity).join(","),
        };
        format!("{} {who} {}", key.direction.name(), text::ports(key))
    };
    info.policy.iter().map(line).collect()
}

const B: &str = "k8s:app=b,k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=x,\
                 k8s:io.cilium.k8s.namespace.labels.team=blue,k8s:io.cilium.k8s.policy.cluster=default,\
                 k8s:io.cilium.k8s.policy.serviceaccount=default,k8s:io.kubernetes.pod.namespace=x";

#[test]
fn pods_of_one_template_share_an_identity() {
    let revision = cluster("");
    let maps = maps(&revision, "worker-1");
    let identity = |name: &str| {
        let pod = revision.pod("x", name).expect("the Pod");
        let Some((std::net::IpAddr::V4(ip), _)) = &pod.ip else { panic!("an address") };
        maps.lookup(*ip).expect("a row").1.identity
    };
    assert_eq!(identity("a"), identity("a2"), "pod-template-hash is no part of an identity");
    assert_ne!(identity("a"), identity("b"));
    assert!((256..=65_535).contains(&identity("a").0));
}

#[test]
fn without_policies_everything_is_allowed() {
    let revision = cluster("");
    let open = ["Ingress any ANY", "Ingress reserved:host ANY", "Egress any ANY"];
    assert_eq!(policy(&maps(&revision, "worker-1"), "x/a"), open);
}

#[test]
fn policies_become_keys_of_identities_and_ports() {
    let revision = cluster(
        r#"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: in, namespace: x}
spec:
  podSelector: {matchLabels: {app: a}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: b}}}]
    ports: [{port: web}, {port: 80, endPort: 83}, {port: 53, protocol: UDP}]
  - from: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.128/25]}}]
"#,
    );
    let maps = maps(&revision, "worker-1");
    let mut expected = vec![
        "Ingress reserved:host ANY".to_owned(),
        format!("Ingress {B} 80-83/TCP"),
        format!("Ingress {B} 8080/TCP"),
        format!("Ingress {B} 53/UDP"),
        "Ingress cidr:203.0.113.0/25,reserved:world ANY".to_owned(),
        "Egress any ANY".to_owned(),
    ];
    let mut found = policy(&maps, "x/a");
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    let row = |ip: [u8; 4]| maps.lookup(ip.into()).expect("a row").1.identity;
    assert_eq!(row([203, 0, 113, 5]).0, 16_777_217);
    assert_eq!(row([203, 0, 113, 200]), Identity::WORLD);
    assert_eq!(policy(&maps, "x/b").len(), 3, "no policy selects it");
}

#[test]
fn default_deny_leaves_the_host() {
    let policies = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: x}\n\
                    spec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n";
    let maps = maps(&cluster(policies), "worker-1");
    assert_eq!(policy(&maps, "x/a"), ["Ingress reserved:host ANY"]);
    let infos: Vec<_> = maps.endpoints.values().filter_map(|row| row.pod.as_ref()).collect();
    assert!(infos.iter().all(|info| info.policy.allows(Direction::Egress, Identity::HOST, None, 0).is_none()));
}

#[test]
fn nodes_are_the_host_to_themselves_and_remote_to_others() {
    let revision = cluster("");
    let (one, two) = (maps(&revision, "worker-1"), maps(&revision, "worker-2"));
    let identity = |maps: &Ebpf, ip: [u8; 4]| maps.lookup(ip.into()).expect("a row").1.identity;
    let tunnel = |maps: &Ebpf, ip: std::net::Ipv4Addr| maps.tunnel(maps.lookup(ip).expect("a row").1);
    assert_eq!(identity(&one, [172, 18, 0, 3]), Identity::HOST);
    assert_eq!(identity(&two, [172, 18, 0, 3]), Identity::REMOTE_NODE);
    assert_eq!(identity(&two, [172, 18, 0, 2]), Identity::KUBE_APISERVER);
    assert_eq!(tunnel(&two, one.router_ip), Some([172, 18, 0, 3].into()));
    assert_eq!(tunnel(&one, one.router_ip), None);
    assert_eq!(tunnel(&two, [172, 18, 0, 3].into()), None, "nodes' own addresses are reached without a tunnel");
}

#[test]
fn services_are_translated_by_their_cluster_addresses() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: x}\n\
                   spec: {clusterIP: 10.96.7.7, type: NodePort, sessionAffinity: ClientIP, selector: {app: a}, \
                   ports: [{port: 80, targetPort: 8080}]}\n";
    let revision = cluster(service);
    let maps = maps(&revision, "worker-2");
    let key = ([10, 96, 7, 7].into(), 80, crate::net::Protocol::Tcp);
    let found = maps.service(&key).expect("the service");
    assert_eq!((found.backends.len(), found.affinity), (2, Some(10_800)));
    assert!(maps.all_services().iter().all(|((_, port, _), _)| *port < 30_000), "node ports are kube-proxy's");
}
