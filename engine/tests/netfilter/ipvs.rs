//! Packets through kube-proxy's IPVS mode, and what is told of them.

use super::lab::{CLIENT, Lab, NEAR_AND_FAR, SERVICES};
use podhop_engine::cluster::ProxyMode;
use podhop_engine::net::IcmpError;
use podhop_engine::net::Protocol;
use podhop_engine::protocol::Server;
use podhop_engine::tables::ipvs::{IpvsState, IpvsStats, IpvsTimeouts, Scheduler};
use podhop_engine::tables::netfilter::TableName;
use podhop_engine::trace::{CauseTable, Change, FlowEnd, Stage, Verdict};
use podhop_engine::world::{ProbeKind, ProbeResult};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What only these tests want: one more server, a UDP Service that nobody listens for, and a Service of policy Local.
const MORE: &str = "apiVersion: v1
kind: Pod
metadata: {name: further, labels: {app: web}}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: closed}
spec: {clusterIP: 10.96.0.54, selector: {app: web}, ports: [{port: 9, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: far}
spec:
  type: NodePort
  clusterIP: 10.96.0.55
  externalTrafficPolicy: Local
  selector: {at: far}
  ports: [{port: 80, nodePort: 30081}]
---
";

fn cluster() -> String {
    [CLIENT, NEAR_AND_FAR, SERVICES, MORE].concat()
}

fn lab() -> Lab {
    Lab::new(ProxyMode::Ipvs, &cluster())
}

impl Lab {
    /// The step of IPVS that a probe's first packet has met, and the row's text.
    fn balanced(&self, result: &ProbeResult) -> (Stage, Verdict, String) {
        let trace = self.trace(result);
        let steps = &trace.packets[0].steps;
        let step = steps.iter().find(|step| matches!(step.stage, Stage::Ipvs { .. })).expect("a step of IPVS");
        let CauseTable::Ipvs { service, server } = step.cause.unwrap().table else { panic!("{step:?}") };
        let cause = step.cause.unwrap();
        let netns = &trace.tables[&(cause.netns, cause.version)];
        let service = &netns.netfilter.ipvs.as_ref().unwrap().services[service as usize];
        let server = server.map(|at| service.servers[at as usize].address.to_string());
        (step.stage, step.verdict, format!("{} → {}", service.address, server.unwrap_or_default()))
    }
}

#[test]
fn connections_go_round_and_answers_come_from_the_service() {
    let mut lab = lab();
    let client = lab.pod("client");
    let mut counts: BTreeMap<IpAddr, u32> = BTreeMap::new();
    for _ in 0..12 {
        let result = lab.tcp(client, "10.96.0.50", 8080);
        assert_eq!((result.end, result.responder), (FlowEnd::Delivered, Some("10.96.0.50".parse().unwrap())));
        assert_eq!(result.seen_source, Some(lab.ip("client")), "Pods are not masqueraded");
        *counts.entry(result.seen_destination.unwrap().0).or_default() += 1;
    }
    let all = ["near", "far", "further"].map(|name| (lab.ip(name), 4));
    assert_eq!(counts, BTreeMap::from(all));
}

#[test]
fn every_step_names_its_servers_and_counts_down_the_ttl() {
    let mut lab = lab();
    let client = lab.pod("client");
    let result = lab.tcp(client, "10.96.0.50", 8080);
    let (stage, verdict, row) = lab.balanced(&result);
    assert!(matches!(stage, Stage::Ipvs { scheduled: true, .. }) && verdict == Verdict::Pass);
    let (ip, port) = result.seen_destination.unwrap();
    assert_eq!(row, format!("10.96.0.50:8080 → {ip}:{port}"));
    // IPVS counts instead of the node's own forwarding.
    assert_eq!(result.seen_ttl, Some(if ip == lab.ip("near") { 63 } else { 62 }));
    let trace = lab.trace(&result);
    let all = trace.packets.iter().flat_map(|packet| &packet.steps);
    let all: Vec<_> = all.filter(|step| matches!(step.stage, Stage::Ipvs { .. })).collect();
    let scheduled = all.iter().filter(|step| matches!(step.stage, Stage::Ipvs { scheduled: true, .. })).count();
    assert_eq!(scheduled, 1, "only the first packet is scheduled");
    let back =
        |change: &Change| matches!(change, Change::Source { to: (ip, 8080), .. } if ip.to_string() == "10.96.0.50");
    assert!(all.iter().any(|step| step.changes.iter().any(back)), "answers get the Service's address back");
}

#[test]
fn the_node_asks_from_the_service_s_own_address_and_is_masqueraded() {
    let mut lab = lab();
    let node = lab.node("worker-1");
    for _ in 0..3 {
        let result = lab.tcp(node, "10.96.0.50", 8080);
        assert_eq!(result.end, FlowEnd::Delivered);
        let birth = lab.trace(&result).packets[0].birth.ip().unwrap().src;
        assert_eq!(birth.to_string(), "10.96.0.50");
        assert_ne!(result.seen_source, Some(birth));
    }
    let own = lab.world.revision().nodes["worker-1"].ip.to_string();
    for from in ["worker-1", "worker-2"] {
        let from = lab.node(from);
        assert_eq!(lab.tcp(from, &own, 30080).end, FlowEnd::Delivered);
    }
    assert_eq!(lab.tcp(node, "127.0.0.1", 30080).end, FlowEnd::Refused, "IPVS serves no loopback");
}

#[test]
fn a_pod_reaches_itself() {
    let mut lab = lab();
    let near = lab.pod("near");
    for _ in 0..3 {
        let result = lab.tcp(near, "10.96.0.50", 8080);
        assert_eq!(result.end, FlowEnd::Delivered);
        let itself = result.seen_destination.unwrap().0 == lab.ip("near");
        assert_eq!(result.seen_source == Some(lab.ip("near")), !itself, "only its own answers need the detour");
    }
}

#[test]
fn no_server_and_other_ports_are_refused_and_ping_with_them() {
    let mut lab = lab();
    let client = lab.pod("client");
    let empty = lab.tcp(client, "10.96.0.52", 80);
    assert_eq!((empty.end, empty.icmp), (FlowEnd::Refused, Some(IcmpError::PortUnreachable)));
    let (stage, verdict, row) = lab.balanced(&empty);
    assert!(matches!(stage, Stage::Ipvs { scheduled: true, .. }));
    assert_eq!((verdict, &*row), (Verdict::Reject(IcmpError::PortUnreachable), "10.96.0.52:80 → "));
    // KUBE-IPVS-FILTER keeps what the node itself would answer off the Services' addresses.
    for result in [lab.tcp(client, "10.96.0.50", 10250), lab.ping(client, "10.96.0.50")] {
        assert_eq!(
            (result.icmp, result.responder),
            (Some(IcmpError::PortUnreachable), Some("10.96.0.50".parse().unwrap()))
        );
        assert!(!result.arrived);
    }
    let node = lab.node("worker-2");
    assert_eq!(lab.ping(node, "10.96.0.50").icmp, Some(IcmpError::PortUnreachable));
    assert_eq!(lab.tcp(node, "10.96.0.52", 80).end, FlowEnd::Refused);
    let nobody = lab.ping(client, "10.96.77.77");
    assert_eq!((nobody.icmp, nobody.responder), (Some(IcmpError::NetUnreachable), Some("192.0.2.2".parse().unwrap())));
}

#[test]
fn errors_about_answers_and_requests_find_their_way() {
    let mut lab = lab();
    let client = lab.pod("client");
    // No Pod listens on UDP 9: its error must name the Service.
    for _ in 0..3 {
        let result = lab.udp(client, "10.96.0.54", 9);
        assert_eq!((result.end, result.responder), (FlowEnd::Refused, Some("10.96.0.54".parse().unwrap())));
    }
    // The node that balances is a hop.
    let result = lab.probe(client, "10.96.0.50".parse().unwrap(), ProbeKind::Tcp { port: 8080, ttl: Some(1) });
    assert_eq!(result.icmp, Some(IcmpError::TtlExceeded));
}

#[test]
fn a_client_stays_for_three_hours_by_its_template() {
    let mut lab = lab();
    let client = lab.pod("client");
    let first = lab.tcp(client, "10.96.0.51", 80).seen_destination.unwrap();
    for _ in 0..6 {
        assert_eq!(lab.tcp(client, "10.96.0.51", 80).seen_destination.unwrap(), first);
    }
    let node = lab.node("worker-1");
    let now = lab.world.now();
    let table = &lab.world.state(node).unwrap().ipvs;
    let templates: Vec<_> = table.iter(now).filter(|entry| entry.template).collect();
    assert_eq!(templates.len(), 1);
    assert_eq!((templates[0].client, templates[0].state), ((lab.ip("client"), 0), IpvsState::Assured));
    lab.world.advance(10_900 * 1_000_000_000);
    assert_eq!(lab.world.state(node).unwrap().ipvs.iter(lab.world.now()).count(), 0);
    assert_ne!(lab.tcp(client, "10.96.0.51", 80).seen_destination.unwrap(), first, "the next one's turn");
}

#[test]
fn source_ranges_keep_strangers_and_the_node_itself_out() {
    let mut lab = lab();
    let (client, node) = (lab.pod("client"), lab.node("worker-1"));
    for from in [client, node] {
        let result = lab.tcp(from, "203.0.113.9", 80);
        assert!(!result.arrived, "{result:?}");
        let steps = &lab.trace(&result).packets[0].steps;
        let last = steps.last().unwrap();
        assert!(matches!(last.verdict, Verdict::Drop(_)), "{last:?}");
        let cause = last.cause.unwrap();
        let CauseTable::Rule { family, table, rule } = cause.table else { panic!("{last:?}") };
        let netns = &lab.trace(&result).tables[&(cause.netns, cause.version)];
        let chain = netns.netfilter.ruleset(family).tables[&table].chain(rule.chain).unwrap();
        let wanted = if from == node { "KUBE-IPVS-OUT-FILTER" } else { "KUBE-SOURCE-RANGES-FIREWALL" };
        assert_eq!(&*chain.name, wanted);
    }
}

#[test]
fn policy_local_keeps_the_client_s_address_where_there_is_an_endpoint() {
    let mut lab = lab();
    let own = |lab: &Lab, name: &str| lab.world.revision().nodes[name].ip;
    let from = lab.node("worker-1");
    let to = own(&lab, "worker-2").to_string();
    let result = lab.tcp(from, &to, 30081);
    assert_eq!((result.end, result.seen_source), (FlowEnd::Delivered, Some(own(&lab, "worker-1"))));
    // Without one, upstream takes all endpoints and marks nothing: that the answer comes back is Flannel's doing, which
    // masquerades what enters the Pods' network.
    let from = lab.node("worker-2");
    let to = own(&lab, "worker-1").to_string();
    let result = lab.tcp(from, &to, 30081);
    assert_eq!(result.seen_destination, Some((lab.ip("far"), 80)));
    assert_eq!(result.end, FlowEnd::Delivered);
    let node = lab.node("worker-1");
    let netns = lab.world.netns(node).unwrap();
    let steps = &lab.trace(&result).packets[0].steps;
    let rules = steps.iter().filter_map(|step| match step.cause?.table {
        CauseTable::Rule { rule, .. } => {
            step.changes.iter().any(|change| matches!(change, Change::Source { .. })).then_some(rule)
        }
        _ => None,
    });
    let nat = &netns.netfilter.v4.tables[&TableName::Nat];
    let chains: Vec<&str> = rules.map(|rule| &*nat.chain(rule.chain).unwrap().name).collect();
    assert_eq!(chains, ["FLANNEL-POSTRTG"]);
}

#[test]
fn a_server_that_goes_is_quiet_while_connections_last() {
    let mut lab = lab();
    let (client, node) = (lab.pod("client"), lab.node("worker-1"));
    let first = lab.tcp(client, "10.96.0.50", 8080).seen_destination.unwrap();
    let gone = ["near", "far", "further"].into_iter().find(|name| lab.ip(name) == first.0).unwrap();
    let labelled = |app: &str| format!("name: {gone}, labels: {{app: {app}");
    let text = cluster().replace(&labelled("web"), &labelled("other"));
    assert_ne!(text, cluster());
    lab.apply(&text);
    let netns = lab.world.netns(node).unwrap();
    let key = (Protocol::Tcp, "10.96.0.50".parse().unwrap(), 8080);
    let (_, service) = netns.netfilter.ipvs.as_ref().unwrap().find(key).unwrap();
    assert_eq!(service.servers.len(), 2);
    let weights = |lab: &Lab| {
        let servers = lab.world.state(node).unwrap().ipvs.servers(service, lab.world.now());
        servers
            .into_iter()
            .map(|server| (server.candidate.address.ip(), server.candidate.weight))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(weights(&lab).get(&first.0), Some(&0));
    for _ in 0..6 {
        assert_ne!(lab.tcp(client, "10.96.0.50", 8080).seen_destination.unwrap().0, first.0);
    }
    let counted = |lab: &Lab| lab.world.state(node).unwrap().ipvs.stats(key, Some(first.into())).connections;
    assert_eq!(counted(&lab), 1);
    lab.world.advance(600 * 1_000_000_000);
    assert_eq!(weights(&lab).get(&first.0), None);
    lab.tcp(client, "10.96.0.50", 8080);
    lab.apply(&cluster());
    assert_eq!(counted(&lab), 0, "it is another one with the same address");
}

#[test]
fn a_connection_s_end_takes_its_conntrack_entry_along() {
    let mut lab = lab();
    let (client, node) = (lab.pod("client"), lab.node("worker-1"));
    lab.udp(client, "10.96.0.54", 9);
    let tracked = |lab: &Lab| {
        let state = lab.world.state(node).unwrap();
        let entries = state.connections.iter(lab.world.now());
        entries.filter(|entry| entry.original.dst.0.to_string() == "10.96.0.54").count()
    };
    assert_eq!(tracked(&lab), 1);
    let entry = lab.world.state(node).unwrap().ipvs.iter(lab.world.now()).next().cloned().unwrap();
    assert_eq!((entry.state, entry.timeout), (IpvsState::Udp, 300));
    lab.world.advance(301 * 1_000_000_000);
    lab.tcp(client, "10.96.0.50", 8080);
    assert_eq!(tracked(&lab), 0);
}

#[test]
fn schedulers_are_those_that_a_configuration_may_name() {
    assert_eq!(Scheduler::ALL.map(Scheduler::name), podhop_engine::manifest::typed::SCHEDULERS);
    let with = |scheduler: &str| {
        let kind = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\n";
        let ipvs = format!("ipvs: {{scheduler: {scheduler}, strictARP: true, tcpTimeout: 1h}}\n---\n");
        let mut lab = Lab::new(ProxyMode::Ipvs, &[kind, &ipvs, &cluster()].concat());
        let netns = lab.world.netns(lab.node("worker-1")).unwrap();
        assert_eq!(
            (netns.sysctls.arp_ignore, netns.sysctls.arp_announce),
            if netns.netfilter.ipvs.is_some() { (1, 2) } else { (0, 0) }
        );
        netns.netfilter.ipvs.as_ref().map(|ipvs| (ipvs.services[0].scheduler, ipvs.timeouts))
    };
    let timeouts = IpvsTimeouts { tcp: 3_600, ..IpvsTimeouts::default() };
    assert_eq!(with("sh"), Some((Scheduler::SourceHashing, timeouts)));
    assert_eq!(with("fastest"), None, "kube-proxy does not start");
}

#[test]
fn a_node_that_somebody_has_changed_by_hand_gets_new_services_all_the_same() {
    let mut lab = Lab::new(ProxyMode::Ipvs, &[CLIENT, NEAR_AND_FAR].concat());
    let node = lab.node("worker-1");
    let mut netns = (*lab.world.netns(node).unwrap()).clone();
    netns.links.iter_mut().filter(|link| &*link.name == "eth0").for_each(|link| link.mtu = 1400);
    lab.world.replace_tables(netns);
    lab.apply(&cluster());
    let client = lab.pod("client");
    assert_eq!(lab.tcp(client, "10.96.0.50", 8080).end, FlowEnd::Delivered);
    lab.apply(&[CLIENT, NEAR_AND_FAR].concat());
    let netns = lab.world.netns(node).unwrap();
    assert!(!netns.is_local("10.96.0.50".parse().unwrap()), "the address has gone with its Service");
    assert!(netns.links.iter().any(|link| link.mtu == 1400), "what somebody has changed stays");
}

#[test]
fn packets_are_counted_with_their_errors_until_the_virtual_server_goes() {
    let mut lab = lab();
    let (client, node) = (lab.pod("client"), lab.node("worker-1"));
    let stats = |lab: &Lab, protocol, ip: &str, port| {
        let key = (protocol, ip.parse().unwrap(), port);
        let IpvsStats { connections, in_packets, out_packets, .. } =
            lab.world.state(node).unwrap().ipvs.stats(key, None);
        (connections, in_packets, out_packets)
    };
    lab.udp(client, "10.96.0.54", 9);
    assert_eq!(stats(&lab, Protocol::Udp, "10.96.0.54", 9), (1, 1, 1), "a request, and the error about it");
    let first = lab.tcp(client, "10.96.0.50", 8080).seen_destination;
    assert_eq!(stats(&lab, Protocol::Tcp, "10.96.0.50", 8080).0, 1);
    lab.apply(&[CLIENT, NEAR_AND_FAR, MORE].concat());
    lab.apply(&cluster());
    assert_eq!(stats(&lab, Protocol::Tcp, "10.96.0.50", 8080), (0, 0, 0));
    assert_eq!(stats(&lab, Protocol::Udp, "10.96.0.54", 9).0, 1, "this one was there all the time");
    assert_eq!(lab.tcp(client, "10.96.0.50", 8080).seen_destination, first, "it begins with the first server");
}

/// bitmap:port knows ports of TCP and UDP alone (ip_set_get_ip_port).
#[test]
fn a_set_of_ports_has_none_of_sctp() {
    let service = "apiVersion: v1
kind: Service
metadata: {name: checked}
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.56
  externalTrafficPolicy: Local
  healthCheckNodePort: 32000
  selector: {app: web}
  ports: [{port: 80}]
";
    let mut lab = Lab::new(ProxyMode::Ipvs, &[CLIENT, NEAR_AND_FAR, service].concat());
    let client = lab.pod("client");
    let tcp = lab.tcp(client, "10.96.0.56", 32000);
    assert_eq!(tcp.end, FlowEnd::Delivered, "kube-proxy tells how many endpoints the node has");
    let sctp = lab.probe(client, "10.96.0.56".parse().unwrap(), ProbeKind::Sctp { port: 32000 });
    let last = lab.trace(&sctp).packets[0].steps.last().unwrap();
    assert_eq!(last.verdict, Verdict::Reject(IcmpError::PortUnreachable), "{last:?}");
    assert!(matches!(last.cause.unwrap().table, CauseTable::Rule { table: TableName::Filter, .. }), "{last:?}");
}

#[test]
fn a_packet_that_expires_had_its_server_chosen() {
    let mut lab = lab();
    let client = lab.pod("client");
    let expired = lab.probe(client, "10.96.0.50".parse().unwrap(), ProbeKind::Tcp { port: 8080, ttl: Some(1) });
    assert_eq!(expired.icmp, Some(IcmpError::TtlExceeded));
    let (_, _, row) = lab.balanced(&expired);
    let server = row.rsplit(' ').next().unwrap().to_owned();
    let all = Server::over(lab.world).all_why(expired.flow.0).unwrap();
    let (_, _, why) = all.iter().find(|(_, _, why)| why.sought.starts_with("a real server")).expect("it was scheduled");
    assert_eq!(why.because, format!("{server} of 3 real servers: each in turn"));
}

#[test]
fn kube_ipvs0_keeps_its_number_while_pods_come() {
    let mut lab = Lab::new(ProxyMode::Ipvs, &[CLIENT, SERVICES].concat());
    let node = lab.node("worker-1");
    let number = |lab: &mut Lab| lab.world.netns(node).unwrap().link_named("kube-ipvs0").unwrap().index;
    let before = number(&mut lab);
    lab.apply(&cluster());
    assert_eq!(number(&mut lab), before);
    let netns = lab.world.netns(node).unwrap();
    assert!(netns.links.is_sorted_by(|a, b| a.index < b.index), "each number once, in order");
}
