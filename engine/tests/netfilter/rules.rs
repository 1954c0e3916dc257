//! Packets through rules: Services made by hand, as kube-proxy would make them.

use super::lab::{CLIENT, Lab, NEAR_AND_FAR, PING};
use podhop_engine::cluster::ProxyMode;
use podhop_engine::net::{Family, IcmpError};
use podhop_engine::protocol::Server;
use podhop_engine::tables::netfilter::{Netfilter, TableName};
use podhop_engine::tables::text::{conntrack, iptables};
use podhop_engine::tables::{NetnsId, Origin, Sysctls};
use podhop_engine::trace::{Disposition, DropReason, FlowEnd, PacketId, Stage, Verdict};
use podhop_engine::world::ProbeKind;
use std::net::IpAddr;
use std::sync::Arc;

/// A Service as kube-proxy makes it: 10.96.0.50:8080 and :8081 over UDP, with these backends.
fn service(backends: &[IpAddr]) -> String {
    let mut text = "*nat
:KUBE-SERVICES - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-SVC - [0:0]
"
    .to_owned();
    for n in 0..backends.len() {
        text += &format!(":KUBE-SEP-{n} - [0:0]\n");
    }
    text += "-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-SERVICES -d 10.96.0.50/32 -p tcp -m tcp --dport 8080 -j KUBE-SVC
-A KUBE-SERVICES -d 10.96.0.50/32 -p udp -m udp --dport 8081 -j KUBE-SVC
-A KUBE-SVC ! -s 10.244.0.0/16 -d 10.96.0.50/32 -p tcp -m tcp --dport 8080 -j KUBE-MARK-MASQ
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
";
    for (n, ip) in backends.iter().enumerate() {
        let left = backends.len() - n;
        let chance = match left {
            1 => String::new(),
            left => format!("-m statistic --mode random --probability {:.10} ", 1.0 / left as f64),
        };
        text += &format!(
            "-A KUBE-SVC {chance}-j KUBE-SEP-{n}
-A KUBE-SEP-{n} -s {ip} -j KUBE-MARK-MASQ
-A KUBE-SEP-{n} -p tcp -m tcp -j DNAT --to-destination {ip}:80
-A KUBE-SEP-{n} -p udp -m udp -j DNAT --to-destination {ip}:81
"
        );
    }
    text + "COMMIT\n"
}

fn lab() -> Lab {
    Lab::new(ProxyMode::Iptables, &[CLIENT, NEAR_AND_FAR].concat())
}

impl Lab {
    /// Puts rules before those that are there.
    fn program(&mut self, netns: NetnsId, text: &str) {
        let rules = iptables::parse(Family::V4, text, &Origin::Kernel).unwrap();
        self.edit(netns, |netfilter, _| netfilter.v4.put_first(&rules));
    }

    fn edit(&mut self, id: NetnsId, change: impl FnOnce(&mut Netfilter, &mut Sysctls)) {
        let mut netns = (*self.world.netns(id).unwrap()).clone();
        change(Arc::make_mut(&mut netns.netfilter), &mut netns.sysctls);
        self.world.replace_tables(netns);
    }

    fn connections(&self, netns: NetnsId) -> Vec<String> {
        let now = self.world.now();
        let state = self.world.state(netns).unwrap();
        state
            .connections
            .iter(now)
            .map(|entry| conntrack::row(entry, now))
            .filter(|row| !row.contains("8472"))
            .collect()
    }
}

fn addr(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn a_service_leads_to_another_node_and_back() {
    let mut lab = lab();
    let (node, client, far) = (lab.node("worker-1"), lab.pod("client"), lab.ip("far"));
    lab.program(node, &service(&[far]));
    let result = lab.tcp(client, "10.96.0.50", 8080);
    assert_eq!(result.end, FlowEnd::Delivered);
    assert_eq!(result.responder, addr("10.96.0.50"));
    assert_eq!((result.seen_source, result.seen_ttl), (Some(lab.ip("client")), Some(62)));
    let trace = lab.trace(&result);
    let ruled =
        trace.packets[0].steps.iter().find(|step| matches!(step.stage, Stage::Netfilter { table: TableName::Nat, .. }));
    assert_eq!(ruled.unwrap().ruled.as_ref().unwrap().rules.len(), 4, "{ruled:?}");
    for packet in &trace.packets {
        assert_ne!(packet.disposition, Some(Disposition::Dropped(DropReason::Netfilter)));
    }
    let rows = lab.connections(node);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].contains("dst=10.96.0.50"), "{rows:?}");
    assert!(rows[0].contains(&format!("src={far} dst={}", lab.ip("client"))), "{rows:?}");
    assert!(rows[0].contains("[ASSURED]"), "{rows:?}");
}

#[test]
fn a_backend_on_the_same_bridge_needs_bridge_nf() {
    let mut lab = lab();
    let (node, client, near) = (lab.node("worker-1"), lab.pod("client"), lab.ip("near"));
    lab.program(node, &service(&[near]));
    let result = lab.tcp(client, "10.96.0.50", 8080);
    assert_eq!((result.end, result.seen_ttl), (FlowEnd::Delivered, Some(64)));
    assert_eq!(result.seen_source, Some(lab.ip("client")));
    lab.edit(node, |_, sysctls| sysctls.bridge_nf = false);
    let result = lab.tcp(client, "10.96.0.50", 8080);
    assert_eq!(result.end, FlowEnd::TimedOut);
    // The request was routed and arrived; the answer passed the bridge as it was, and nobody waits for it.
    assert_eq!((result.arrived, result.seen_ttl), (true, Some(63)));
}

#[test]
fn a_pod_reaches_itself_through_its_service_if_its_port_turns_frames_back() {
    let mut lab = lab();
    let (node, near) = (lab.node("worker-1"), lab.ip("near"));
    lab.program(node, &service(&[near]));
    let result = lab.tcp(lab.pod("near"), "10.96.0.50", 8080);
    assert_eq!((result.end, result.seen_source), (FlowEnd::Delivered, addr("10.244.1.1")));
    let mut netns = (*lab.world.netns(node).unwrap()).clone();
    netns.links.iter_mut().for_each(|link| link.hairpin = false);
    lab.world.replace_tables(netns);
    let result = lab.tcp(lab.pod("near"), "10.96.0.50", 8080);
    assert_eq!((result.end, result.arrived), (FlowEnd::TimedOut, false));
}

#[test]
fn a_node_process_is_masqueraded_by_the_device_it_leaves_by() {
    for (backend, source) in [("near", "10.244.1.1"), ("far", "10.244.1.0")] {
        let mut lab = lab();
        let (node, ip) = (lab.node("worker-1"), lab.ip(backend));
        lab.program(node, &service(&[ip]));
        let result = lab.tcp(node, "10.96.0.50", 8080);
        assert_eq!((result.end, result.seen_source), (FlowEnd::Delivered, addr(source)), "{backend}");
        assert_eq!(result.responder, addr("10.96.0.50"));
    }
}

#[test]
fn pods_leave_the_cluster_with_their_node_s_address() {
    let mut lab = lab();
    let client = lab.pod("client");
    let node2 = lab.world.revision().nodes["worker-2"].ip;
    let node1 = lab.world.revision().nodes["worker-1"].ip;
    let result = lab.probe(client, node2, PING);
    assert_eq!((result.end, result.seen_source), (FlowEnd::Delivered, Some(node1)));
    // Within the Pod network nothing is rewritten.
    let result = lab.probe(client, lab.ip("far"), PING);
    assert_eq!((result.end, result.seen_source), (FlowEnd::Delivered, Some(lab.ip("client"))));
}

#[test]
fn rejected_dropped_and_reset() {
    let mut lab = lab();
    let (node, client) = (lab.node("worker-1"), lab.pod("client"));
    let far = lab.ip("far");
    lab.program(
        node,
        "*filter
-A FORWARD -d 10.96.0.50/32 -p tcp -m tcp --dport 1 -j REJECT
-A FORWARD -d 10.96.0.50/32 -p tcp -m tcp --dport 2 -j REJECT --reject-with icmp-admin-prohibited
-A FORWARD -d 10.96.0.50/32 -p tcp -m tcp --dport 3 -j REJECT --reject-with tcp-reset
-A FORWARD -d 10.96.0.50/32 -p tcp -m tcp --dport 4 -j DROP
-A OUTPUT -d 10.96.0.50/32 -p udp -j DROP
-A OUTPUT -d 10.96.0.50/32 -p tcp -j REJECT
COMMIT
",
    );
    let error = |error| FlowEnd::Unreachable { error, from: "10.244.1.1".parse().unwrap() };
    assert_eq!(lab.tcp(client, "10.96.0.50", 1).end, error(IcmpError::PortUnreachable));
    assert_eq!(lab.tcp(client, "10.96.0.50", 2).end, error(IcmpError::AdminProhibited));
    let reset = lab.tcp(client, "10.96.0.50", 3);
    assert_eq!((reset.end, reset.responder), (FlowEnd::Refused, addr("10.96.0.50")));
    let dropped = lab.tcp(client, "10.96.0.50", 4);
    assert_eq!(dropped.end, FlowEnd::TimedOut);
    let last = lab.trace(&dropped).packets[0].steps.last().unwrap();
    assert_eq!(last.verdict, Verdict::Drop(DropReason::Netfilter));
    assert!(last.cause.is_some());
    assert_eq!(lab.udp(node, "10.96.0.50", 5).end, FlowEnd::LocalError(DropReason::Netfilter));
    let local = lab.tcp(node, "10.96.0.50", 5);
    assert!(matches!(local.end, FlowEnd::Unreachable { error: IcmpError::PortUnreachable, .. }), "{local:?}");
    assert_eq!(lab.connections(node).len(), 0, "what was dropped leaves no entry: {:?}", lab.connections(node));
    assert_eq!(lab.tcp(client, &far.to_string(), 80).end, FlowEnd::Delivered);
}

#[test]
fn errors_about_translated_packets_are_translated_back() {
    let mut lab = lab();
    let (node, client) = (lab.node("worker-1"), lab.pod("client"));
    for backend in ["near", "far"] {
        lab.program(node, &service(&[lab.ip(backend)]));
        let result = lab.udp(client, "10.96.0.50", 8081);
        assert_eq!(result.icmp, Some(IcmpError::PortUnreachable), "{backend}: {result:?}");
        assert_eq!(result.responder, addr("10.96.0.50"), "{backend}");
    }
}

#[test]
fn the_same_seed_chooses_the_same_backends() {
    let run = || {
        let mut lab = lab();
        let (node, client) = (lab.node("worker-1"), lab.pod("client"));
        let backends = [lab.ip("near"), lab.ip("far")];
        lab.program(node, &service(&backends));
        let results: Vec<_> = (0..40).map(|_| lab.tcp(client, "10.96.0.50", 8080)).collect();
        results.iter().for_each(|result| assert_eq!(result.end, FlowEnd::Delivered));
        let near = lab.pod("near");
        let traces: Vec<String> = results.iter().map(|result| format!("{:?}", lab.trace(result).packets)).collect();
        (results.iter().filter(|result| result.seen_in == Some(near)).count(), traces)
    };
    let (near_count, traces) = run();
    assert!((8..=32).contains(&near_count), "{near_count} of 40");
    assert!(run() == (near_count, traces), "the traces differ");
}

#[test]
fn affinity_lasts_as_long_as_it_was_asked_for() {
    let mut lab = lab();
    let (node, client) = (lab.node("worker-1"), lab.pod("client"));
    let rules = service(&[lab.ip("near"), lab.ip("far")])
        .replace(
            "-A KUBE-SVC -m statistic",
            "-A KUBE-SVC -m recent --name B --rcheck --seconds 60 --reap -j KUBE-SEP-1\n-A KUBE-SVC -m statistic",
        )
        .replace("-A KUBE-SEP-1 -p tcp -m tcp", "-A KUBE-SEP-1 -p tcp -m recent --name B --set -m tcp");
    lab.program(node, &rules);
    let far = lab.pod("far");
    let mut seen = Vec::new();
    for _ in 0..30 {
        seen.push(lab.tcp(client, "10.96.0.50", 8080).seen_in == Some(far));
    }
    let first = seen.iter().position(|far| *far).expect("some are drawn");
    assert!(seen[first..].iter().all(|far| *far), "{seen:?}");
    let mut later = || {
        lab.world.advance(61_000_000_000);
        lab.tcp(client, "10.96.0.50", 8080).seen_in == Some(far)
    };
    let after: Vec<bool> = (0..10).map(|_| later()).collect();
    assert!(after.iter().any(|far| !far), "{after:?}");
}

#[test]
fn connections_expire_and_are_bounded() {
    let mut lab = lab();
    let (node, client) = (lab.node("worker-1"), lab.pod("client"));
    let far = lab.ip("far").to_string();
    lab.probe(client, far.parse().unwrap(), PING);
    let rows = lab.connections(node);
    assert!(rows[0].starts_with("icmp     1 29 src=10.244.1."), "{rows:?}");
    lab.world.advance(31_000_000_000);
    assert_eq!(lab.connections(node), Vec::<String>::new());
    lab.edit(node, |_, sysctls| sysctls.conntrack.entries_max = 3);
    for _ in 0..6 {
        assert_eq!(lab.probe(client, far.parse().unwrap(), PING).end, FlowEnd::Delivered);
    }
    assert!(lab.connections(node).len() <= 3);
    // What is assured stays.
    let near = lab.ip("near");
    assert_eq!(lab.tcp(client, &near.to_string(), 80).end, FlowEnd::Delivered);
    lab.world.advance(31_000_000_000);
    lab.edit(node, |_, sysctls| sysctls.conntrack.entries_max = 1);
    let result = lab.probe(client, near, PING);
    assert_eq!(result.end, FlowEnd::TimedOut);
    assert_eq!(lab.trace(&result).packets[0].disposition, Some(Disposition::Dropped(DropReason::Netfilter)));
}

#[test]
fn every_step_s_frame_can_be_made_again() {
    let mut lab = lab();
    let (node, client) = (lab.node("worker-1"), lab.pod("client"));
    lab.program(node, &service(&[lab.ip("near"), lab.ip("far")]));
    for _ in 0..10 {
        let result = lab.tcp(client, "10.96.0.50", 8080);
        let trace = lab.trace(&result);
        let delivered =
            |packet: &&podhop_engine::trace::PacketTrace| packet.disposition == Some(Disposition::Delivered);
        for packet in trace.packets.iter().filter(delivered) {
            let Some(end) = packet.frame_after(u32::MAX).ip().cloned() else { continue };
            let to_client = end.dst == lab.ip("client");
            assert_eq!(end.src == "10.96.0.50".parse::<IpAddr>().unwrap(), to_client, "{end:?}");
        }
        assert_eq!(trace.packets[0].id, PacketId(0));
    }
}

#[test]
fn a_policy_drops_what_no_rule_accepts() {
    let mut lab = lab();
    let (node, client) = (lab.node("worker-1"), lab.pod("client"));
    lab.edit(node, |netfilter, _| {
        let rules = iptables::parse(
            Family::V4,
            "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n-A FORWARD -i cni0 -p icmp -j ACCEPT\nCOMMIT\n",
            &Origin::Kernel,
        );
        netfilter.v4 = rules.unwrap();
    });
    let far = lab.ip("far");
    assert_eq!(lab.tcp(client, &far.to_string(), 80).end, FlowEnd::TimedOut);
    assert_eq!(lab.probe(client, far, PING).end, FlowEnd::Delivered);
    // What is bridged is filtered likewise.
    let near = lab.ip("near");
    assert_eq!(lab.tcp(client, &near.to_string(), 80).end, FlowEnd::TimedOut);
    lab.edit(node, |_, sysctls| sysctls.bridge_nf = false);
    assert_eq!(lab.tcp(client, &near.to_string(), 80).end, FlowEnd::Delivered);
    let (from, to) = (lab.pod("far"), lab.ip("client"));
    assert_eq!(lab.probe(from, to, PING).end, FlowEnd::TimedOut, "from outside only answers");
}

#[test]
fn fragments_are_filtered_as_one_packet() {
    let mut lab = lab();
    let (client, far) = (lab.pod("client"), lab.ip("far"));
    let ping = ProbeKind::Ping { size: 4_000, dont_fragment: false, ttl: None };
    assert_eq!(lab.probe(client, far, ping).end, FlowEnd::Delivered);
    let near = lab.ip("near");
    assert_eq!(lab.probe(client, near, ping).end, FlowEnd::Delivered);
    let node = lab.node("worker-1");
    let rows = lab.connections(node);
    assert_eq!(rows.len(), 2, "{rows:?}");
}

#[test]
fn a_step_tells_rule_by_rule_why() {
    let mut lab = lab();
    let (node, client) = (lab.node("worker-1"), lab.pod("client"));
    lab.program(node, &service(&[lab.ip("near"), lab.ip("far")]));
    let flow = lab.tcp(client, "10.96.0.50", 8080).flow.0;
    let mut server = Server::over(lab.world);
    let why = server.all_why(flow).unwrap().into_iter().map(|(_, _, why)| why);
    let why = why.into_iter().find(|why| why.sought == "a rule of nat PREROUTING").expect("NAT was decided on");
    assert!(why.because.contains(": DNAT"), "{why:?}");
    let notes: Vec<&str> = why.tables.iter().map(|table| table.note.as_str()).collect();
    assert_eq!(notes.len(), 4, "{notes:?}");
    assert!(
        notes[0].starts_with("chain KUBE-SEP-") && notes[3].starts_with("chain PREROUTING: rule 1 of"),
        "{notes:?}"
    );
    let tried = why.tables.iter().find(|table| table.note.starts_with("chain KUBE-SVC")).unwrap();
    let reasons: Vec<&str> = tried.rows.iter().map(|row| row.reason.as_str()).collect();
    assert!(reasons.contains(&"10.244.1.2 is in 10.244.0.0/16"), "{reasons:?}");
    let drawn = why.because.contains("KUBE-SVC drew 0.") || reasons.iter().any(|reason| reason.starts_with("drew 0."));
    assert!(drawn, "{why:?}");
}

#[test]
fn an_expired_packet_of_a_service_is_answered_in_the_service_s_name() {
    let mut lab = lab();
    let (node, client) = (lab.node("worker-1"), lab.pod("client"));
    lab.program(node, &service(&[lab.ip("far")]));
    let kind = ProbeKind::Tcp { port: 8080, ttl: Some(1) };
    let result = lab.probe(client, "10.96.0.50".parse().unwrap(), kind);
    assert_eq!((result.icmp, result.responder), (Some(IcmpError::TtlExceeded), addr("10.96.0.50")));
}

#[test]
fn lists_of_ports_and_kinds_of_icmp() {
    let mut lab = lab();
    let (node, client, far) = (lab.node("worker-1"), lab.pod("client"), lab.ip("far").to_string());
    lab.program(
        node,
        "*filter
-A FORWARD -p tcp -m multiport --dports 80,8000:8002 -j DROP
-A FORWARD -p udp -m multiport ! --dports 81 -j DROP
-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP
-A INPUT -p icmp -m icmp --icmp-type 0 -j ACCEPT
COMMIT
",
    );
    let dropped = [80, 81, 7999, 8000, 8002, 8003].map(|port| lab.tcp(client, &far, port).end == FlowEnd::TimedOut);
    assert_eq!(dropped, [true, false, false, true, true, false]);
    assert_eq!([81, 82].map(|port| lab.udp(client, &far, port).end == FlowEnd::TimedOut), [false, true]);
    let own = lab.world.revision().nodes["worker-1"].ip.to_string();
    assert_eq!(lab.ping(client, &own).end, FlowEnd::TimedOut);
    assert_eq!(lab.ping(node, &far).end, FlowEnd::Delivered);
}
