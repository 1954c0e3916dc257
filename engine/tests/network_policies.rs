//! NetworkPolicies with Calico: who reaches whom, by packet.

use podhop_engine::cluster::{CniName, Options, ProxyMode};
use podhop_engine::tables::netfilter::{Hook, TableName};
use podhop_engine::tables::{NetnsId, Origin};
use podhop_engine::trace::{DropReason, Stage, Verdict};
use podhop_engine::world::{ProbeKind, ProbeSpec, World};
use std::net::IpAddr;

/// Namespaces `a` and `b`, each with two Pods, on two nodes.
const PODS: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {team: red}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: b, labels: {team: blue}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: a, labels: {app: web}}
spec:
  nodeName: worker-1
  containers:
  - {name: c, image: nginx, ports: [{name: http, containerPort: 80}, {name: dns, containerPort: 53, protocol: UDP}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: a, labels: {app: client}}
spec: {nodeName: worker-1, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: b, labels: {app: web}}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx, ports: [{name: http, containerPort: 81}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: b, labels: {app: client}}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx}]}
---
";

const TCP: fn(u16) -> ProbeKind = |port| ProbeKind::Tcp { port, ttl: None };
const UDP: fn(u16) -> ProbeKind = |port| ProbeKind::Udp { port, size: 16, dont_fragment: false, ttl: None };
const SCTP: fn(u16) -> ProbeKind = |port| ProbeKind::Sctp { port };
const PING: ProbeKind = ProbeKind::Ping { size: 56, dont_fragment: false, ttl: None };

struct Lab(World);

impl Lab {
    /// The Pods, and policies in the namespace `a`, each given by its spec.
    fn new(specs: &[&str]) -> Lab {
        Lab::with(Options { cni: Some(CniName::Calico), workers_count: Some(2), ..Options::default() }, specs)
    }

    fn with(options: Options, specs: &[&str]) -> Lab {
        let policies = specs.iter().enumerate().map(|(at, spec)| {
            let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n";
            format!("{head}metadata: {{name: p{at}, namespace: a}}\nspec: {spec}\n---\n")
        });
        let mut world = World::new(options);
        let text = PODS.to_owned() + &policies.collect::<String>();
        let applied = world.open_file("a.yaml", &text, true);
        assert!(applied.committed, "{:?}", applied.diagnostics);
        Lab(world)
    }

    fn end(&self, name: &str) -> (NetnsId, IpAddr) {
        let revision = self.0.revision();
        match name.split_once('/') {
            Some((namespace, name)) => {
                let pod = revision.pod(namespace, name).expect("a Pod");
                (pod.netns.expect("a sandbox"), pod.ips().next().expect("an address"))
            }
            None => {
                let node = revision.node(name).expect("a node");
                (node.netns, node.ip)
            }
        }
    }

    fn reaches(&mut self, from: &str, to: &str, kind: ProbeKind) -> bool {
        let to = self.end(to).1;
        self.reaches_ip(from, to, kind)
    }

    fn reaches_ip(&mut self, from: &str, to: IpAddr, kind: ProbeKind) -> bool {
        let from = self.end(from).0;
        self.0.probe(&ProbeSpec { from, to, kind, timeout: 1_000_000_000 }).connects()
    }

    /// Who of all reaches the Pod a/web: a/client, b/web, b/client.
    fn who(&mut self, kind: ProbeKind) -> [bool; 3] {
        ["a/client", "b/web", "b/client"].map(|from| self.reaches(from, "a/web", kind))
    }
}

#[test]
fn without_policies_all_reach_all() {
    let mut lab = Lab::new(&[]);
    assert_eq!(lab.who(TCP(80)), [true; 3]);
    assert_eq!(lab.who(UDP(53)), [true; 3]);
    assert_eq!(lab.who(PING), [true; 3]);
}

#[test]
fn an_empty_policy_isolates_and_lets_answers_in() {
    let mut lab = Lab::new(&["{podSelector: {}}"]);
    for kind in [TCP(80), UDP(53), SCTP(80), PING] {
        assert_eq!(lab.who(kind), [false; 3], "{kind:?}");
        // What the isolated Pod asks for itself comes back.
        assert!(lab.reaches("a/web", "b/web", kind), "{kind:?}");
    }
    let mut lab = Lab::new(&["{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}"]);
    assert_eq!(lab.who(TCP(80)), [true; 3]);
    assert!(!lab.reaches("a/web", "b/web", TCP(80)));
    assert!(lab.reaches("a/client", "b/web", TCP(80)));
}

#[test]
fn a_node_reaches_its_own_pods_whatever_policies_say() {
    let mut lab = Lab::new(&["{podSelector: {}}"]);
    assert!(lab.reaches("worker-1", "a/web", TCP(80)));
    assert!(!lab.reaches("worker-2", "a/web", TCP(80)));
}

#[test]
fn pods_and_namespaces_are_selected_alone_and_together() {
    let from = |peers: &str| format!("{{podSelector: {{matchLabels: {{app: web}}}}, ingress: [{{from: [{peers}]}}]}}");
    let client = "podSelector: {matchLabels: {app: client}}";
    let blue = "namespaceSelector: {matchLabels: {team: blue}}";
    let mut lab = Lab::new(&[&from(&format!("{{{client}}}"))]);
    assert_eq!(lab.who(TCP(80)), [true, false, false]);
    let mut lab = Lab::new(&[&from(&format!("{{{blue}}}"))]);
    assert_eq!(lab.who(TCP(80)), [false, true, true]);
    let mut lab = Lab::new(&[&from(&format!("{{{blue}, {client}}}"))]);
    assert_eq!(lab.who(TCP(80)), [false, false, true]);
    let mut lab = Lab::new(&[&from(&format!("{{{blue}}}, {{{client}}}"))]);
    assert_eq!(lab.who(TCP(80)), [true; 3]);
    let expressions = "{namespaceSelector: {matchExpressions: [{key: team, operator: NotIn, values: [red, green]}]}}";
    let mut lab = Lab::new(&[&from(expressions)]);
    assert_eq!(lab.who(TCP(80)), [false, true, true]);
}

#[test]
fn policies_add_up() {
    let from = |peer: &str| format!("{{podSelector: {{}}, ingress: [{{from: [{peer}]}}]}}");
    let (a, b) = (
        from("{podSelector: {}}"),
        from("{namespaceSelector: {matchLabels: {team: blue}}, podSelector: {matchLabels: {app: web}}}"),
    );
    let mut lab = Lab::new(&["{podSelector: {}}", &a, &b]);
    assert_eq!(lab.who(TCP(80)), [true, true, false]);
}

#[test]
fn ports_are_numbers_names_and_ranges_of_a_protocol() {
    let to = |ports: &str| format!("{{podSelector: {{matchLabels: {{app: web}}}}, ingress: [{{ports: [{ports}]}}]}}");
    let mut lab = Lab::new(&[&to("{port: 80}, {port: 8000, endPort: 8010}, {protocol: SCTP}")]);
    let open = |lab: &mut Lab, kind| lab.reaches("b/client", "a/web", kind);
    assert!(open(&mut lab, TCP(80)) && open(&mut lab, TCP(8000)) && open(&mut lab, TCP(8010)));
    assert!(!open(&mut lab, TCP(81)) && !open(&mut lab, TCP(7999)) && !open(&mut lab, TCP(8011)));
    assert!(open(&mut lab, SCTP(5)) && !open(&mut lab, UDP(80)) && !open(&mut lab, PING));
    let mut lab = Lab::new(&[&to("{port: http}, {port: dns, protocol: UDP}")]);
    assert!(open(&mut lab, TCP(80)) && open(&mut lab, UDP(53)));
    assert!(!open(&mut lab, UDP(80)) && !open(&mut lab, TCP(53)));
    // More than one match takes, with a name among them.
    let many: String = (0..20).map(|at| format!("{{port: {}}}, ", 1000 + 2 * at)).collect();
    let mut lab = Lab::new(&[&to(&(many + "{port: http}"))]);
    assert!(open(&mut lab, TCP(1000)) && open(&mut lab, TCP(1038)) && open(&mut lab, TCP(80)));
    assert!(!open(&mut lab, TCP(1001)) && !open(&mut lab, TCP(81)));
}

#[test]
fn egress_looks_up_named_ports_of_those_that_are_meant() {
    let spec = "{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], \
                ports: [{port: http}]}]}";
    let mut lab = Lab::new(&[spec]);
    assert!(lab.reaches("a/client", "a/web", TCP(80)) && lab.reaches("a/client", "b/web", TCP(81)));
    assert!(!lab.reaches("a/client", "a/web", TCP(81)) && !lab.reaches("a/client", "b/web", TCP(80)));
    assert!(lab.reaches("a/web", "b/web", TCP(80)));
}

#[test]
fn blocks_have_exceptions() {
    let lab = Lab::new(&[]);
    let except = lab.end("b/client").1;
    let spec = format!(
        "{{podSelector: {{matchLabels: {{app: web}}}}, ingress: [{{from: [{{ipBlock: {{cidr: 10.244.0.0/16, except: [{except}/32]}}}}]}}]}}"
    );
    let mut lab = Lab::new(&[&spec]);
    assert_eq!(lab.who(TCP(80)), [true, true, false]);
}

#[test]
fn what_leaves_the_pools_is_masqueraded() {
    let mut lab = Lab::new(&[]);
    let (pod, own) = lab.end("a/client");
    let (_, node) = lab.end("worker-2");
    let probe = lab.0.probe(&ProbeSpec { from: pod, to: node, kind: PING, timeout: 1_000_000_000 });
    assert_eq!(probe.seen_source, Some(lab.end("worker-1").1));
    let (_, other) = lab.end("b/web");
    let probe = lab.0.probe(&ProbeSpec { from: pod, to: other, kind: PING, timeout: 1_000_000_000 });
    assert_eq!(probe.seen_source, Some(own));
}

#[test]
fn policies_hold_for_services_in_every_mode_of_kube_proxy() {
    let service = "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: a}, spec: {clusterIP: 10.96.7.7, \
                   selector: {app: web}, ports: [{port: 80}]}}";
    let spec = "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: blue}}}]}]}";
    for proxy in [ProxyMode::Iptables, ProxyMode::Nftables, ProxyMode::Ipvs] {
        let cni = Some(CniName::Calico);
        let options = Options { cni, workers_count: Some(2), proxy: Some(proxy), ..Options::default() };
        let mut lab = Lab::with(options, &[spec]);
        assert!(lab.0.open_file("service.yaml", service, true).committed);
        let ip = [10, 96, 7, 7].into();
        assert!(lab.reaches_ip("b/client", ip, TCP(80)), "{proxy:?}");
        assert!(!lab.reaches_ip("a/client", ip, TCP(80)), "{proxy:?}");
        assert!(lab.reaches_ip("worker-1", ip, TCP(80)), "{proxy:?}");
    }
}

#[test]
fn labels_and_policies_take_effect_as_they_change() {
    let from =
        "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}";
    let mut lab = Lab::new(&[from]);
    assert_eq!(lab.who(TCP(80)), [true, false, false]);
    let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p0, namespace: a}\nspec: ";
    let other = from.replace("app: client", "app: somebody");
    let text = format!("{PODS}{head}{other}\n");
    assert!(lab.0.edit_file("a.yaml", &text).committed);
    assert_eq!(lab.who(TCP(80)), [false; 3]);
    let labelled = text.replace(
        "name: client, namespace: a, labels: {app: client}",
        "name: client, namespace: a, labels: {app: somebody}",
    );
    assert!(lab.0.edit_file("a.yaml", &labelled).committed);
    assert_eq!(lab.who(TCP(80)), [true, false, false]);
    assert!(lab.0.edit_file("a.yaml", PODS).committed);
    assert_eq!(lab.who(TCP(80)), [true; 3]);
}

#[test]
fn both_families_are_judged_by_the_same_policies() {
    let kubeadm = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {podSubnet: \
                   '10.244.0.0/16,fd00:10:244::/56', serviceSubnet: '10.96.0.0/12,fd00:10:96::/112'}\n---\n";
    let from =
        "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {}}], ports: [{port: http}]}]}";
    let mut lab = Lab::new(&[from]);
    let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p0, namespace: a}\nspec: ";
    let applied = lab.0.edit_file("a.yaml", &format!("{kubeadm}{PODS}{head}{from}\n"));
    assert!(applied.committed, "{:?}", applied.diagnostics);
    let ips: Vec<IpAddr> = lab.0.revision().pod("a", "web").expect("a Pod").ips().collect();
    assert_eq!(ips.len(), 2, "{ips:?}");
    for ip in ips {
        assert!(lab.reaches_ip("a/client", ip, TCP(80)), "{ip}");
        assert!(!lab.reaches_ip("a/client", ip, TCP(81)), "{ip}");
        assert!(!lab.reaches_ip("b/client", ip, TCP(80)), "{ip}");
    }
}

#[test]
fn a_pod_sends_with_its_own_address_only() {
    let mut lab = Lab::new(&[]);
    let (client, _) = lab.end("a/client");
    let (_, node) = lab.end("worker-1");
    let stolen = lab.end("b/web").1;
    let mut netns = (*lab.0.netns(client).expect("the Pod's tables")).clone();
    for address in netns.addresses.iter_mut().filter(|address| &*address.net.to_string() != "127.0.0.1/8") {
        address.net = stolen.into();
    }
    lab.0.replace_tables(netns);
    let probe = lab.0.probe(&ProbeSpec { from: client, to: node, kind: PING, timeout: 1_000_000_000 });
    let trace = lab.0.recorder().get(probe.flow).expect("a trace");
    let last = trace.packets[0].steps.last().expect("a step");
    assert_eq!(last.stage, Stage::Netfilter { hook: Hook::Prerouting, table: TableName::Raw });
    assert_eq!(last.verdict, Verdict::Drop(DropReason::Netfilter));
}

#[test]
fn a_drop_points_at_the_policy() {
    let mut lab = Lab::new(&["{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {}}]}]}"]);
    let ((from, _), (_, to)) = (lab.end("b/client"), lab.end("a/web"));
    let probe = lab.0.probe(&ProbeSpec { from, to, kind: TCP(80), timeout: 1_000_000_000 });
    let trace = lab.0.recorder().get(probe.flow).expect("a trace");
    let last = trace.packets[0].steps.last().expect("a step");
    assert_eq!(last.verdict, Verdict::Drop(DropReason::Netfilter));
    let place = last.ruled.as_ref().and_then(|ruled| ruled.rules.last().copied()).expect("a rule");
    let node = lab.end("worker-1").0;
    let netns = lab.0.netns(node).expect("the node's tables");
    let chain = netns.netfilter.v4.tables[&TableName::Filter].chain(place.chain).expect("a chain");
    let policy = lab.0.revision().list("NetworkPolicy", Some("a")).next().expect("the policy").uid;
    assert_eq!(chain.rules[place.rule as usize].origin, Origin::object(policy, "spec.podSelector"));
}
