//! Policies in tiers with Calico: ClusterNetworkPolicies, their predecessors and Calico's own, by packet.

use podhop_engine::cluster::{CniName, Options};
use podhop_engine::tables::netfilter::TableName;
use podhop_engine::tables::{NetnsId, Origin};
use podhop_engine::world::{ProbeKind, ProbeSpec, World};
use std::net::IpAddr;

/// Namespaces `a` and `b`, each with a server and a client, on two nodes.
const PODS: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {team: red}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: b, labels: {team: blue}}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot, namespace: b, labels: {kind: robot}}}
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
spec: {nodeName: worker-2, serviceAccountName: robot, containers: [{name: c, image: nginx}]}
---
";

const TCP: fn(u16) -> ProbeKind = |port| ProbeKind::Tcp { port, ttl: None };
const UDP: fn(u16) -> ProbeKind = |port| ProbeKind::Udp { port, size: 16, dont_fragment: false, ttl: None };
const PING: ProbeKind = ProbeKind::Ping { size: 56, dont_fragment: false, ttl: None };

struct Lab(World);

/// A ClusterNetworkPolicy.
fn cluster(name: &str, spec: &str) -> String {
    let head = "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n";
    format!("{head}metadata: {{name: {name}}}\nspec: {spec}\n---\n")
}

/// One of Calico's objects, by its kind and its metadata.
fn calico(kind: &str, metadata: &str, spec: &str) -> String {
    format!("apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {spec}\n---\n")
}

fn kubernetes(spec: &str) -> String {
    let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n";
    format!("{head}metadata: {{name: own, namespace: a}}\nspec: {spec}\n---\n")
}

impl Lab {
    fn new(policies: &[String]) -> Lab {
        let options = Options { cni: Some(CniName::Calico), workers_count: Some(2), ..Options::default() };
        let mut world = World::new(options);
        let applied = world.open_file("a.yaml", &(PODS.to_owned() + &policies.concat()), true);
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
        let (from, to) = (self.end(from).0, self.end(to).1);
        self.0.probe(&ProbeSpec { from, to, kind, timeout: 1_000_000_000 }).connects()
    }

    /// Who of all reaches the Pod a/web: a/client, b/web, b/client.
    fn who(&mut self, kind: ProbeKind) -> [bool; 3] {
        ["a/client", "b/web", "b/client"].map(|from| self.reaches(from, "a/web", kind))
    }

    /// The place in the manifest of what dropped a SYN, as a path, and the kind of its object.
    fn dropped_by(&mut self, from: &str, to: &str) -> (String, String) {
        let (from, to) = (self.end(from).0, self.end(to).1);
        let probe = self.0.probe(&ProbeSpec { from, to, kind: TCP(80), timeout: 1_000_000_000 });
        let trace = self.0.recorder().get(probe.flow).expect("a trace");
        let (netns, place) = trace.packets[0]
            .steps
            .iter()
            .rev()
            .find_map(|step| Some((step.cause?.netns, step.ruled.as_ref()?.rules.last().copied()?)))
            .expect("a rule");
        let tables = self.0.netns(netns).expect("the node's tables");
        let chain = tables.netfilter.v4.tables[&TableName::Filter].chain(place.chain).expect("a chain");
        match chain.rules[place.rule as usize].origin.clone() {
            Origin::Object { uid, path } => {
                let object = self.0.revision().object_by_uid(uid).expect("the policy");
                (object.key.to_string(), path.to_string())
            }
            other => panic!("{other:?}"),
        }
    }
}

const ALL: &str = "subject: {namespaces: {}}";
const WEB: &str =
    "subject: {pods: {namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchLabels: {app: web}}}}";

fn from_blue(action: &str) -> String {
    format!("[{{action: {action}, from: [{{namespaces: {{matchLabels: {{team: blue}}}}}}]}}]")
}

fn admin(name: &str, priority: u32, subject: &str, rules: &str) -> String {
    cluster(name, &format!("{{tier: Admin, priority: {priority}, {subject}, {rules}}}"))
}

#[test]
fn what_an_admin_denies_no_namespace_allows() {
    let own = kubernetes("{podSelector: {}, ingress: [{}]}");
    let mut lab = Lab::new(&[admin("deny", 10, WEB, &format!("ingress: {}", from_blue("Deny"))), own]);
    assert_eq!(lab.who(TCP(80)), [true, false, false]);
    let told = lab.dropped_by("b/client", "a/web");
    let expected = ("clusternetworkpolicy.policy.networking.k8s.io/deny", "spec.ingress[0].from[0]");
    assert_eq!((told.0.as_str(), told.1.as_str()), expected);
}

#[test]
fn what_an_admin_accepts_no_namespace_denies() {
    let own = kubernetes("{podSelector: {}}");
    let mut lab = Lab::new(&[admin("accept", 10, ALL, &format!("ingress: {}", from_blue("Accept"))), own]);
    assert_eq!(lab.who(TCP(80)), [false, true, true]);
}

#[test]
fn pass_leaves_it_to_the_namespace() {
    let pass = admin("pass", 1, WEB, &format!("ingress: {}", from_blue("Pass")));
    let deny = admin("deny", 2, WEB, "ingress: [{action: Deny, from: [{namespaces: {}}]}]");
    let mut lab = Lab::new(&[deny.clone(), pass.clone()]);
    assert_eq!(lab.who(TCP(80)), [false, true, true]);
    let own = kubernetes(
        "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: client}}}]}]}",
    );
    let mut lab = Lab::new(&[deny, pass, own]);
    assert_eq!(lab.who(TCP(80)), [false, false, true]);
}

#[test]
fn the_baseline_holds_where_no_namespace_says_anything() {
    let baseline = cluster("base", &format!("{{tier: Baseline, priority: 5, {ALL}, ingress: {}}}", from_blue("Deny")));
    let mut lab = Lab::new(std::slice::from_ref(&baseline));
    assert_eq!(lab.who(TCP(80)), [true, false, false]);
    // A policy of the namespace's decides before.
    let own = kubernetes(
        "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: blue}}}]}]}",
    );
    let mut lab = Lab::new(&[baseline, own]);
    assert_eq!(lab.who(TCP(80)), [false, true, true]);
    assert!(!lab.reaches("b/client", "a/client", TCP(80)));
}

#[test]
fn lower_priorities_are_asked_first_whatever_their_names() {
    let rules = |action: &str| format!("ingress: {}", from_blue(action));
    let mut lab = Lab::new(&[admin("a", 20, WEB, &rules("Deny")), admin("z", 10, WEB, &rules("Accept"))]);
    assert_eq!(lab.who(TCP(80)), [true; 3]);
    let mut lab = Lab::new(&[admin("a", 20, WEB, &rules("Accept")), admin("z", 10, WEB, &rules("Deny"))]);
    assert_eq!(lab.who(TCP(80)), [true, false, false]);
}

#[test]
fn protocols_are_numbers_ranges_and_names_of_any_protocol() {
    let denied = |protocols: &str| {
        let rule = format!("ingress: [{{action: Deny, from: [{{namespaces: {{}}}}], protocols: [{protocols}]}}]");
        Lab::new(&[admin("p", 1, WEB, &rule)])
    };
    let mut lab =
        denied("{tcp: {destinationPort: {number: 80}}}, {udp: {destinationPort: {range: {start: 50, end: 53}}}}");
    let open = |lab: &mut Lab, kind| lab.reaches("b/client", "a/web", kind);
    assert!(!open(&mut lab, TCP(80)) && !open(&mut lab, UDP(53)) && !open(&mut lab, UDP(50)));
    assert!(open(&mut lab, TCP(81)) && open(&mut lab, UDP(54)) && open(&mut lab, PING));
    let mut lab = denied("{destinationNamedPort: http}, {destinationNamedPort: dns}");
    assert!(!open(&mut lab, TCP(80)) && !open(&mut lab, UDP(53)));
    assert!(open(&mut lab, UDP(80)) && open(&mut lab, TCP(53)));
}

#[test]
fn egress_goes_to_nodes_and_networks() {
    let to = |peer: &str| admin("p", 1, ALL, &format!("egress: [{{name: x, action: Deny, to: [{{{peer}}}]}}]"));
    let mut lab = Lab::new(&[to("nodes: {matchLabels: {kubernetes.io/hostname: worker-2}}")]);
    assert!(!lab.reaches("a/client", "worker-2", PING) && lab.reaches("a/client", "worker-1", PING));
    assert!(lab.reaches("a/client", "b/web", PING));
    let web = Lab::new(&[]).end("b/web").1;
    let mut lab = Lab::new(&[to(&format!("networks: [192.0.2.0/24, {web}/32]"))]);
    assert!(!lab.reaches("a/client", "b/web", PING) && lab.reaches("a/client", "b/client", PING));
}

#[test]
fn what_cannot_be_taken_fails_closed() {
    let rule = |action: &str| format!("egress: [{{action: {action}, to: [{{domainNames: [example.com]}}]}}]");
    let mut lab = Lab::new(&[admin("p", 1, ALL, &rule("Accept"))]);
    assert!(lab.reaches("a/client", "b/web", TCP(80)));
    let mut lab = Lab::new(&[admin("p", 1, ALL, &rule("Deny"))]);
    assert!(!lab.reaches("a/client", "b/web", TCP(80)));
}

#[test]
fn the_predecessors_do_the_same() {
    let of = |kind: &str, name: &str, spec: &str| {
        format!(
            "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n---\n"
        )
    };
    let ports = "ports: [{portNumber: {protocol: TCP, port: 80}}, {portRange: {start: 100, end: 110}}]";
    let rule = format!("[{{action: Deny, from: [{{namespaces: {{matchLabels: {{team: blue}}}}}}], {ports}}}]");
    let anp = of("AdminNetworkPolicy", "x", &format!("{{priority: 1, {WEB}, ingress: {rule}}}"));
    let mut lab = Lab::new(&[anp]);
    assert_eq!(lab.who(TCP(80)), [true, false, false]);
    assert_eq!(lab.who(TCP(105)), [true, false, false]);
    assert_eq!(lab.who(TCP(81)), [true; 3]);
    let banp = of("BaselineAdminNetworkPolicy", "default", &format!("{{{WEB}, ingress: {rule}}}"));
    let mut lab = Lab::new(std::slice::from_ref(&banp));
    assert_eq!(lab.who(TCP(80)), [true, false, false]);
    let mut lab = Lab::new(&[banp, kubernetes("{podSelector: {}, ingress: [{}]}")]);
    assert_eq!(lab.who(TCP(80)), [true; 3]);
}

#[test]
fn calicos_policies_are_asked_by_tier_and_order() {
    let tier = |order: u32, more: &str| calico("Tier", "name: t", &format!("{{order: {order}{more}}}"));
    let deny = calico(
        "GlobalNetworkPolicy",
        "name: t.deny",
        "{tier: t, selector: app == 'web', ingress: [{action: Deny, \
                       source: {selector: app == 'client'}}]}",
    );
    let own = kubernetes("{podSelector: {}, ingress: [{}]}");
    // What a tier does not decide is dropped at its end, unless it passes.
    let mut lab = Lab::new(&[tier(10, ""), deny.clone(), own.clone()]);
    assert_eq!(lab.who(TCP(80)), [false; 3]);
    let mut lab = Lab::new(&[tier(10, ", defaultAction: Pass"), deny.clone(), own.clone()]);
    assert_eq!(lab.who(TCP(80)), [false, true, false]);
    // After the tier of the namespaces' policies it is not asked.
    let mut lab = Lab::new(&[tier(2_000_000, ""), deny.clone(), own.clone()]);
    assert_eq!(lab.who(TCP(80)), [true; 3]);
    // Nor if there is no such tier.
    let mut lab = Lab::new(&[deny.clone(), own]);
    assert_eq!(lab.who(TCP(80)), [true; 3]);
    let mut lab = Lab::new(&[deny]);
    assert_eq!(lab.who(TCP(80)), [false; 3]);
}

#[test]
fn orders_within_a_tier_decide_between_kinds() {
    let own = kubernetes("{podSelector: {}}");
    let first = |order: &str| {
        let spec = format!(
            "{{{order}selector: all(), ingress: [{{action: Allow, source: {{namespaceSelector: team == 'blue'}}}}]}}"
        );
        calico("NetworkPolicy", "name: first, namespace: a", &spec)
    };
    for order in ["order: 999.5, ", "order: 5000, ", ""] {
        // NetworkPolicies have order 1000 and only allow: all are asked.
        let mut lab = Lab::new(&[first(order), own.clone()]);
        assert_eq!(lab.who(TCP(80)), [false, true, true], "{order}");
    }
    let deny =
        calico("GlobalNetworkPolicy", "name: deny", "{order: 10, ingress: [{action: Deny}], egress: [{action: Pass}]}");
    let mut lab = Lab::new(&[first("order: 11, "), deny, own]);
    assert_eq!(lab.who(TCP(80)), [false; 3]);
}

#[test]
fn selectors_reach_accounts_namespaces_sets_and_services() {
    let allow = |source: &str| {
        let spec = format!("{{selector: app == 'web', ingress: [{{action: Allow, source: {{{source}}}}}]}}");
        Lab::new(&[
            calico("NetworkPolicy", "name: allow, namespace: a", &spec),
            calico("GlobalNetworkSet", "name: outside, labels: {where: out}", "{nets: [10.244.0.0/16]}"),
        ])
    };
    assert_eq!(allow("selector: all()").who(TCP(80)), [true, false, false]);
    assert_eq!(allow("namespaceSelector: all()").who(TCP(80)), [true; 3]);
    assert_eq!(
        allow("namespaceSelector: \"team in {'blue'}\", selector: app starts with 'cl'").who(TCP(80)),
        [false, false, true]
    );
    assert_eq!(allow("namespaceSelector: all(), notSelector: app == 'web'").who(TCP(80)), [true, false, true]);
    assert_eq!(allow("namespaceSelector: all(), serviceAccounts: {names: [robot]}").who(TCP(80)), [false, false, true]);
    let robots = "namespaceSelector: all(), serviceAccounts: {selector: kind == 'robot'}";
    assert_eq!(allow(robots).who(TCP(80)), [false, false, true]);
    assert_eq!(allow("namespaceSelector: global(), selector: where == 'out'").who(TCP(80)), [true; 3]);
    let client = Lab::new(&[]).end("b/client").1;
    assert_eq!(allow(&format!("nets: [10.244.0.0/16], notNets: [{client}/32]")).who(TCP(80)), [true, true, false]);
    let service = "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: b}, spec: {selector: {app: web}, ports: \
                   [{port: 8080, targetPort: 80}]}}\n---\n";
    let spec = "{egress: [{action: Allow, destination: {services: {name: web, namespace: b}}}]}";
    let mut lab = Lab::new(&[service.to_owned(), calico("NetworkPolicy", "name: out, namespace: a", spec)]);
    assert!(lab.reaches("a/client", "b/web", TCP(80)) && !lab.reaches("a/client", "b/web", TCP(81)));
    assert!(!lab.reaches("a/client", "b/client", TCP(80)));
}

#[test]
fn rules_ask_for_protocols_messages_and_ports() {
    let rules = |rules: &str| {
        let spec = format!("{{selector: app == 'web', ingress: [{rules}]}}");
        Lab::new(&[calico("GlobalNetworkPolicy", "name: p", &spec)])
    };
    let open = |lab: &mut Lab, kind| lab.reaches("b/client", "a/web", kind);
    let mut lab =
        rules("{action: Log}, {action: Allow, protocol: TCP, destination: {ports: [http, '90:95'], notPorts: [92]}}");
    assert!(open(&mut lab, TCP(80)) && open(&mut lab, TCP(95)) && !open(&mut lab, TCP(92)) && !open(&mut lab, PING));
    let mut lab = rules("{action: Allow, notProtocol: 17}");
    assert!(open(&mut lab, TCP(80)) && open(&mut lab, PING) && !open(&mut lab, UDP(53)));
    let mut lab = rules(
        "{action: Deny, protocol: ICMP, icmp: {type: 8, code: 1}}, {action: Allow, protocol: ICMP, icmp: {type: 8}}",
    );
    assert!(open(&mut lab, PING) && !open(&mut lab, TCP(80)));
    let mut lab = rules("{action: Allow, protocol: ICMP, notICMP: {type: 8}}");
    assert!(!open(&mut lab, PING));
    let mut lab = rules("{action: Allow, ipVersion: 6}");
    assert!(!open(&mut lab, PING));
    let mut lab = rules("{action: Deny, protocol: 132}, {action: Allow}");
    assert!(open(&mut lab, TCP(80)) && !open(&mut lab, ProbeKind::Sctp { port: 80 }));
}

#[test]
fn policies_of_host_endpoints_say_nothing_of_pods() {
    let spec = "{preDNAT: true, applyOnForward: true, ingress: [{action: Deny}]}";
    let mut lab = Lab::new(&[calico("GlobalNetworkPolicy", "name: p", spec)]);
    assert_eq!(lab.who(TCP(80)), [true; 3]);
}

#[test]
fn a_node_reaches_its_own_pods_whatever_admins_say() {
    let deny = admin("deny", 1, ALL, "ingress: [{action: Deny, from: [{namespaces: {}}]}]");
    let mut lab = Lab::new(&[deny]);
    assert_eq!(lab.who(TCP(80)), [false; 3]);
    // Nodes are no Pods.
    assert!(lab.reaches("worker-1", "a/web", TCP(80)) && lab.reaches("worker-2", "a/web", TCP(80)));
}
