//! Packets through kube-proxy's nftables, and what is told of them.

use super::lab::{CLIENT, Lab, SERVICES};
use podhop_engine::cluster::ProxyMode;
use podhop_engine::net::{Family, IcmpError, Protocol};
use podhop_engine::tables::nft::{NftElement, NftTable, NftVerdict};
use podhop_engine::tables::{Origin, text};
use podhop_engine::trace::{CauseTable, FlowEnd, RuleRef, Stage, Verdict};
use podhop_engine::world::ProbeResult;
use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: nginx}]}
---
";

fn lab() -> Lab {
    Lab::new(ProxyMode::Nftables, &[CLIENT, WEB, SERVICES].concat())
}

impl Lab {
    /// Where a probe's first packet was headed in the end.
    fn backend(&self, result: &ProbeResult) -> IpAddr {
        let packet = &self.trace(result).packets[0];
        packet.frame_after(packet.steps.len() as u32 - 1).ip().unwrap().dst
    }

    /// The row of nftables that decided about a probe's first packet last.
    fn decided(&self, result: &ProbeResult) -> (CauseTable, Verdict) {
        let steps = &self.trace(result).packets[0].steps;
        let step = steps.iter().rfind(|step| matches!(step.stage, Stage::Nftables { .. })).expect("a step of nftables");
        (step.cause.unwrap().table, step.verdict)
    }

    /// The rules of nftables that matched a probe's first packet first.
    fn ruled(&self, result: &ProbeResult) -> &[RuleRef] {
        let steps = &self.trace(result).packets[0].steps;
        let step = steps.iter().find(|step| matches!(step.stage, Stage::Nftables { .. })).expect("a step of nftables");
        &step.ruled.as_ref().expect("what rules saw").rules
    }

    fn table(&mut self) -> NftTable {
        let id = self.node("worker-1");
        self.world.netns(id).unwrap().netfilter.nft[0].clone()
    }
}

#[test]
fn a_service_leads_to_all_its_pods_and_answers_come_back() {
    let mut lab = lab();
    let client = lab.pod("client");
    let mut backends = BTreeSet::new();
    for _ in 0..40 {
        let result = lab.tcp(client, "10.96.0.50", 8080);
        assert_eq!((result.end, result.responder), (FlowEnd::Delivered, Some("10.96.0.50".parse().unwrap())));
        backends.insert(lab.backend(&result));
    }
    assert_eq!(backends.len(), 4, "{backends:?}");
    let result = lab.tcp(client, "10.96.0.50", 8080);
    let rules = lab.ruled(&result);
    // nat-prerouting, services, service-…, endpoint-…
    assert_eq!(rules.len(), 4, "{rules:?}");
}

#[test]
fn a_sender_keeps_its_pod_for_three_hours() {
    let mut lab = lab();
    let client = lab.pod("client");
    let first = lab.tcp(client, "10.96.0.51", 80);
    let first = lab.backend(&first);
    for _ in 0..12 {
        let result = lab.tcp(client, "10.96.0.51", 80);
        assert_eq!(lab.backend(&result), first);
    }
    let (id, now) = (lab.node("worker-1"), lab.world.now());
    let table = lab.table();
    let memory = &lab.world.state(id).unwrap().memory;
    let noted: Vec<IpAddr> =
        table.sets(true).flat_map(|set| memory.elements(&table, set, now)).map(|(ip, _)| ip).collect();
    assert_eq!(noted.len(), 1, "{noted:?}");
    let later = now + 10_800 * 1_000_000_000;
    assert!(table.sets(true).all(|set| memory.elements(&table, set, later).is_empty()));
}

#[test]
fn what_leads_nowhere_is_refused_or_dropped_by_the_element_or_rule_that_says_so() {
    let mut lab = lab();
    let client = lab.pod("client");
    let refused = lab.tcp(client, "10.96.0.52", 80);
    assert_eq!(refused.icmp, Some(IcmpError::PortUnreachable));
    assert!(matches!(lab.decided(&refused), (CauseTable::NftRule { .. }, Verdict::Reject(_))));
    let wrong_port = lab.tcp(client, "10.96.0.50", 81);
    assert_eq!(wrong_port.icmp, Some(IcmpError::PortUnreachable));
    let nobodys = lab.tcp(client, "10.96.77.77", 80);
    assert_eq!(nobodys.end, FlowEnd::TimedOut);
    assert!(matches!(lab.decided(&nobodys), (CauseTable::NftRule { .. }, Verdict::Drop(_))));
    let guarded = lab.tcp(client, "203.0.113.9", 80);
    assert_eq!(guarded.end, FlowEnd::TimedOut);
    assert!(matches!(lab.decided(&guarded).1, Verdict::Drop(_)));
}

#[test]
fn node_ports_are_served_on_the_nodes_address_and_not_on_loopback() {
    let mut lab = lab();
    let node = lab.node("worker-1");
    let own = lab.world.revision().nodes["worker-1"].ips().next().unwrap().to_string();
    let result = lab.tcp(node, &own, 30080);
    assert_eq!(result.end, FlowEnd::Delivered);
    let other = lab.node("worker-2");
    let result = lab.tcp(other, &own, 30080);
    assert_eq!(result.end, FlowEnd::Delivered);
    assert_eq!(lab.tcp(node, "127.0.0.1", 30080).end, FlowEnd::Refused);
}

#[test]
fn a_map_of_many_elements_answers_by_key() {
    let mut lab = lab();
    let id = lab.node("worker-1");
    let client = lab.pod("client");
    let few = lab.tcp(client, "10.96.0.50", 8080);
    let mut netns = (*lab.world.netns(id).unwrap()).clone();
    let map = Arc::make_mut(&mut netns.netfilter).nft[0].map_mut("service-ips").unwrap();
    for n in 0..200_000_u32 {
        let ip = IpAddr::from((0x0b00_0000 + n).to_be_bytes());
        let element = NftElement { verdict: NftVerdict::Drop, comment: None, origin: Origin::Kernel };
        map.elements.add((Some(ip), Protocol::Tcp, 80), element);
    }
    lab.world.replace_tables(netns);
    let many = lab.tcp(client, "10.96.0.50", 8080);
    assert_eq!(many.end, FlowEnd::Delivered);
    let chains = |result: &ProbeResult| lab.ruled(result).iter().map(|rule| rule.chain).collect::<Vec<_>>();
    // nat-prerouting, services, service-…, endpoint-…: the elements that are not meant cost no rule and leave no trace.
    assert_eq!(chains(&many)[..3], chains(&few)[..3]);
    assert_eq!(chains(&many).len(), 4);
    let dropped = lab.tcp(client, "11.0.0.7", 80);
    assert_eq!(dropped.end, FlowEnd::TimedOut);
    let key = (Some("11.0.0.7".parse().unwrap()), Protocol::Tcp, 80);
    let (cause, verdict) = lab.decided(&dropped);
    assert!(matches!(cause, CauseTable::NftElement { key: decided, .. } if decided == key), "{cause:?}");
    assert!(matches!(verdict, Verdict::Drop(_)));
}

/// What the real nft lists after it was fed our commands, where there is one and it may be used.
fn real_listing(commands: &str) -> Option<String> {
    let feed = "nft -f - && nft list ruleset";
    let mut child = Command::new("unshare")
        .args(["-n", "sh", "-c", feed])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(commands.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_real_nft_lists_it_as_we_do() {
    let mut lab = lab();
    let table = lab.table();
    assert_eq!(table.family, Family::V4);
    let Some(real) = real_listing(&text::nft::commands(&table)) else {
        return eprintln!("skipped: there is no nft here, or it may not be used");
    };
    assert_eq!(text::nft::ruleset([&table], &|_, _| Vec::new()), real);
}
