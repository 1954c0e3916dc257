//! kube-proxy's three modes send first packets to the same endpoints, for Services made at random; where upstream's modes
//! differ, they differ as upstream's do.

use super::lab::Lab;
use podhop_engine::cluster::ProxyMode;
use podhop_engine::net::Protocol;
use podhop_engine::tables::netfilter::{TableName, Target};
use podhop_engine::world::{FirstPacket, NodeRules, NodeVerdict};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Pods that may serve: name and node.
const PODS: [(&str, &str); 4] =
    [("near-a", "worker-1"), ("near-b", "worker-1"), ("far-a", "worker-2"), ("far-b", "worker-2")];
const OUTSIDE: [&str; 2] = ["198.51.100.7", "192.0.2.9"];
const RANGE: &str = "198.51.100.0/24";

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A Service, and what decides who serves it.
#[derive(Clone, Debug)]
struct Service {
    number: u64,
    kind: &'static str,
    protocol: &'static str,
    serves: Vec<usize>,
    internal_local: bool,
    external_local: bool,
    external_ip: bool,
    ranges: bool,
    sticky: bool,
}

impl Service {
    fn random(number: u64, random: &mut Random) -> Service {
        let kind = ["ClusterIP", "NodePort", "LoadBalancer"][random.below(3) as usize];
        let external_ip = random.chance(40);
        Service {
            number,
            kind,
            protocol: ["TCP", "UDP", "SCTP"][random.below(3) as usize],
            serves: (0..PODS.len()).filter(|_| random.chance(45)).collect(),
            internal_local: random.chance(30),
            external_local: (kind != "ClusterIP" || external_ip) && random.chance(40),
            external_ip,
            ranges: kind == "LoadBalancer" && random.chance(40),
            sticky: random.chance(30),
        }
    }

    fn accessible(&self) -> bool {
        self.kind != "ClusterIP" || self.external_ip
    }

    fn ip(&self) -> IpAddr {
        [10, 96, 1, self.number as u8].into()
    }

    fn node_port(&self) -> u16 {
        30_000 + self.number as u16
    }

    fn yaml(&self) -> String {
        let Service { number, kind, protocol, .. } = self;
        let mut spec = format!(
            "type: {kind}, clusterIP: {}, selector: {{s{number}: 'yes'}}, ports: [{{port: 80, protocol: {protocol}, targetPort: 80{}}}]",
            self.ip(),
            if *kind == "ClusterIP" { String::new() } else { format!(", nodePort: {}", self.node_port()) },
        );
        spec += if self.internal_local { ", internalTrafficPolicy: Local" } else { "" };
        spec += if self.external_local { ", externalTrafficPolicy: Local" } else { "" };
        spec += if self.sticky { ", sessionAffinity: ClientIP" } else { "" };
        spec += &if self.external_ip { format!(", externalIPs: [192.0.2.{number}]") } else { String::new() };
        spec += &if self.ranges { format!(", loadBalancerSourceRanges: [{RANGE}]") } else { String::new() };
        let status = match *kind {
            "LoadBalancer" => format!("status: {{loadBalancer: {{ingress: [{{ip: 203.0.113.{number}}}]}}}}\n"),
            _ => String::new(),
        };
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s{number}}}\nspec: {{{spec}}}\n{status}---\n")
    }
}

fn manifests(services: &[Service]) -> String {
    let pods = PODS.iter().enumerate().map(|(at, (name, node))| {
        let labels = services.iter().filter(|service| service.serves.contains(&at));
        let labels: Vec<String> = labels.map(|service| format!("s{}: 'yes'", service.number)).collect();
        let containers = "containers: [{name: c, image: nginx}]";
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{{}}}}}\nspec: {{nodeName: {node}, {containers}}}\n---\n",
            labels.join(", ")
        )
    });
    pods.collect::<String>() + &services.iter().map(Service::yaml).collect::<String>()
}

/// How a destination is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Internal,
    External,
    /// By a load balancer's address, which `loadBalancerSourceRanges` is about.
    Balancer,
    /// A port of a ClusterIP that the Service does not have.
    WrongPort,
}

fn destinations(service: &Service, node: IpAddr) -> Vec<(Way, SocketAddr)> {
    let n = service.number as u8;
    let mut all =
        vec![(Way::Internal, SocketAddr::new(service.ip(), 80)), (Way::WrongPort, SocketAddr::new(service.ip(), 81))];
    if service.kind != "ClusterIP" {
        all.push((Way::External, SocketAddr::new(node, service.node_port())));
    }
    if service.external_ip {
        all.push((Way::External, SocketAddr::from(([192, 0, 2, n], 80))));
    }
    if service.kind == "LoadBalancer" {
        all.push((Way::Balancer, SocketAddr::from(([203, 0, 113, n], 80))));
    }
    all
}

type Answer = (NodeVerdict, BTreeSet<SocketAddr>);

fn answer(rules: NodeRules) -> Answer {
    (rules.verdict, rules.backends.into_iter().collect())
}

/// What another mode does where iptables mode does this.
fn expected(
    mode: ProxyMode,
    (way, service, from): (Way, &Service, Option<IpAddr>),
    iptables: &Answer,
    [local, all]: [&BTreeSet<SocketAddr>; 2],
) -> Answer {
    let without = |verdict| (verdict, BTreeSet::new());
    // iptables mode lets the packet go on its way.
    if way == Way::WrongPort {
        return without(NodeVerdict::Rejected);
    }
    let named = from.is_some_and(|ip| RANGE.parse::<ipnet::IpNet>().unwrap().contains(&ip));
    let shut_out = way == Way::Balancer && service.ranges && !named;
    if mode == ProxyMode::Nftables {
        // It asks about the sender first, whoever serves; and it refuses at OUTPUT, too, for want of endpoints.
        return match iptables.0 {
            _ if shut_out => without(NodeVerdict::Dropped),
            NodeVerdict::Untouched if from.is_none() => without(NodeVerdict::Rejected),
            _ => iptables.clone(),
        };
    }
    // IPVS mode sends everybody to the local endpoints, Pods and the node too; without any to all, if those are known
    // at all. It has no rule that drops for want of local ones.
    let local_only = if way == Way::Internal { service.internal_local } else { service.external_local };
    let all_known = !service.internal_local || service.accessible();
    let servers = match (local_only && !local.is_empty(), all_known) {
        (true, _) => local.clone(),
        (false, true) => all.clone(),
        (false, false) => BTreeSet::new(),
    };
    match (shut_out, servers.is_empty()) {
        // What the node sends itself is stopped only once IPVS has taken it.
        (true, true) if from.is_none() => without(NodeVerdict::Rejected),
        (true, _) => without(NodeVerdict::Dropped),
        (false, true) => without(NodeVerdict::Rejected),
        (false, false) => {
            let same = local_only || *iptables == (NodeVerdict::Translated, servers.clone());
            assert!(same, "without policy Local the modes agree: {iptables:?}");
            (NodeVerdict::Translated, servers)
        }
    }
}

#[test]
fn modes_agree_on_who_is_reached_but_where_upstream_s_differ() {
    let mut random = Random(20_251);
    let mut translated = 0;
    for round in 0..14 {
        let services: Vec<Service> = (1..=5).map(|number| Service::random(number, &mut random)).collect();
        let text = manifests(&services);
        let modes = [ProxyMode::Iptables, ProxyMode::Nftables, ProxyMode::Ipvs];
        let mut worlds = modes.map(|mode| Lab::new(mode, &text).world);
        let revision = worlds[0].revision().clone();
        let node = &revision.nodes["worker-1"];
        let ip_of = |pod: &str| revision.pod("default", pod).unwrap().ip.as_ref().unwrap().0;
        let endpoint = |at: &usize| SocketAddr::new(ip_of(PODS[*at].0), 80);
        let senders: Vec<Option<IpAddr>> =
            OUTSIDE.iter().map(|ip| Some(ip.parse().unwrap())).chain([Some(ip_of("near-a")), None]).collect();
        for service in &services {
            let all: BTreeSet<SocketAddr> = service.serves.iter().map(endpoint).collect();
            let local = service.serves.iter().filter(|at| PODS[**at].1 == "worker-1").map(endpoint).collect();
            let protocol = match service.protocol {
                "TCP" => Protocol::Tcp,
                "UDP" => Protocol::Udp,
                _ => Protocol::Sctp,
            };
            for ((way, to), from) in
                destinations(service, node.ip).into_iter().flat_map(|to| senders.iter().map(move |from| (to, *from)))
            {
                let first = FirstPacket { node: node.netns, from, to, protocol };
                let mut asked = worlds.iter_mut().map(|world| answer(world.node_rules(first).unwrap()));
                let iptables = asked.next().unwrap();
                translated += u32::from(iptables.0 == NodeVerdict::Translated);
                for (mode, found) in modes[1..].iter().zip(asked) {
                    let wanted = expected(*mode, (way, service, from), &iptables, [&local, &all]);
                    assert_eq!(found, wanted, "round {round}, {mode:?}: {from:?} → {to} {way:?}\n{service:#?}");
                }
            }
        }
    }
    assert!(translated > 300, "{translated}");
}

#[test]
fn the_kubelet_s_firewall_is_there_whatever_kube_proxy_does() {
    let no_localhost = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n\
                        iptables: {localhostNodePorts: false}\n";
    for (mode, text) in [
        (ProxyMode::Iptables, ""),
        (ProxyMode::Iptables, no_localhost),
        (ProxyMode::Nftables, ""),
        (ProxyMode::Ipvs, ""),
    ] {
        let mut lab = Lab::new(mode, text);
        let node = lab.node("worker-1");
        let netns = lab.world.netns(node).unwrap();
        let filter = &netns.netfilter.v4.tables[&TableName::Filter];
        let rules = |chain: &str| &filter.chain(filter.find(chain).expect("the chain")).unwrap().rules;
        assert_eq!(rules("KUBE-FIREWALL").len(), 1, "{mode:?}");
        for chain in ["INPUT", "OUTPUT"] {
            let leads = |target: &Option<Target>| matches!(target, Some(Target::Jump(to)) if **to == *"KUBE-FIREWALL");
            assert_eq!(rules(chain).iter().filter(|rule| leads(&rule.target)).count(), 1, "{mode:?} {chain}");
        }
    }
}
