//! Questions to CoreDNS Pods, by packet.

use crate::cluster::Options;
use crate::net::dns::{Message, Question, Rcode, Type};
use crate::tables::NetnsId;
use crate::world::World;
use std::net::IpAddr;

/// A cluster with this Corefile and these manifests.
fn world(corefile: &str, more: &str) -> World {
    let mut world = World::new(Options::default());
    let corefile: String = corefile.lines().map(|line| format!("    {line}\n")).collect();
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: coredns, namespace: kube-system}}\ndata:\n  Corefile: |\n{corefile}---\n{more}"
    );
    let applied = world.open_file("a.yaml", &text, true);
    assert!(applied.committed, "{}", applied.diagnostics.render(world.cluster().sources()));
    world
}

const SHOP: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 10.96.7.7, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: c, image: busybox, command: [sleep, infinity]}]}
";

fn coredns(world: &World) -> (NetnsId, IpAddr) {
    let pod = world.revision().pods.values().find(|pod| pod.corefile.is_some()).expect("CoreDNS runs");
    (pod.netns.expect("a sandbox"), pod.ip.as_ref().expect("an address").0)
}

fn ask(world: &mut World, name: &str, kind: Type) -> Message {
    let (_, server) = coredns(world);
    let client = world.revision().pod("default", "client").and_then(|pod| pod.netns).expect("the client runs");
    world.ask(client, server, Question::new(name, kind)).unwrap_or_else(|| panic!("no answer about {name}"))
}

/// Code and answers.
fn shown(world: &mut World, name: &str, kind: Type) -> String {
    let message = ask(world, name, kind);
    let answers: Vec<String> =
        message.answers.iter().map(|record| format!("{} {}", record.kind(), record.data)).collect();
    format!("{} {}", message.rcode, answers.join(", ")).trim_end().to_owned()
}

#[test]
fn a_zone_that_nobody_serves_is_refused() {
    let mut world = world("cluster.local:53 {\n kubernetes\n}", SHOP);
    assert_eq!(shown(&mut world, "web.default.svc.cluster.local.", Type::A), "NOERROR A 10.96.7.7");
    assert_eq!(shown(&mut world, "example.com.", Type::A), "REFUSED");
}

#[test]
fn what_the_last_plugin_does_not_answer_is_a_failure() {
    let mut world = world(".:53 {\n errors\n log\n kubernetes cluster.local\n}", SHOP);
    assert_eq!(shown(&mut world, "example.com.", Type::A), "SERVFAIL");
    let (netns, _) = coredns(&world);
    let state = world.state(netns).expect("it has run");
    let lines: Vec<&str> = state.dns().log().map(|(_, line)| line).collect();
    assert!(lines.iter().any(|line| line.contains("\"A IN example.com. udp 40 false 4096\" - - 0 ")), "{lines:?}");
    assert!(
        lines.contains(&"[ERROR] plugin/errors: 2 example.com. A: plugin/kubernetes: no next plugin found"),
        "{lines:?}"
    );
}

#[test]
fn answers_are_kept_for_as_long_as_they_hold() {
    let mut world = world(".:53 {\n cache 20\n forward . /etc/resolv.conf\n}", SHOP);
    let ttl = |world: &mut World| ask(world, "example.com.", Type::A).answers[0].ttl;
    assert_eq!(ttl(&mut world), 20);
    world.advance(5_000_000_000);
    assert_eq!(ttl(&mut world), 15);
    let flow = world.recorder().iter().last().expect("a conversation");
    assert_eq!(flow.packets.iter().filter(|p| p.birth.ip().is_some_and(|ip| ip.payload.ports().is_some())).count(), 2);
    world.advance(16_000_000_000);
    assert_eq!(ttl(&mut world), 20);
}

#[test]
fn a_dead_upstream_is_a_failure_after_its_time() {
    let mut world = world(".:53 {\n errors\n forward . 172.18.0.99\n}", SHOP);
    let before = world.now();
    assert_eq!(shown(&mut world, "example.com.", Type::A), "SERVFAIL");
    let seconds = (world.now() - before) / 1_000_000_000;
    assert!((2..=6).contains(&seconds), "{seconds} s");
}

#[test]
fn autopath_walks_the_search_list_for_the_client() {
    let corefile = ".:53 {\n autopath @kubernetes\n kubernetes cluster.local {\n  pods verified\n }\n forward . /etc/resolv.conf\n}";
    let mut world = world(corefile, SHOP);
    let found = shown(&mut world, "www.example.com.default.svc.cluster.local.", Type::A);
    assert_eq!(found, "NOERROR CNAME www.example.com., CNAME example.com., A 198.51.100.10");
}

#[test]
fn loadbalance_shuffles_addresses_the_same_way_each_time() {
    let many: String = (1..=6).map(|i| format!(" 10.1.1.{i} many.test\n")).collect();
    let corefile = format!(".:53 {{\n loadbalance\n hosts {{\n{many} }}\n}}");
    let order = |world: &mut World| shown(world, "many.test.", Type::A);
    let (mut one, mut two) = (world(&corefile, SHOP), world(&corefile, SHOP));
    let first = order(&mut one);
    assert_eq!(first, order(&mut two));
    let orders: Vec<String> = (0..4).map(|_| order(&mut one)).collect();
    assert!(orders.iter().any(|other| *other != first), "{orders:?}");
}

#[test]
fn the_answer_names_plugin_and_row() {
    let mut world = world(".:53 {\n kubernetes cluster.local\n}", SHOP);
    ask(&mut world, "web.default.svc.cluster.local.", Type::A);
    let flow = world.recorder().iter().last().expect("a conversation");
    let answer = flow
        .packets
        .iter()
        .find(|packet| packet.birth.ip().is_some_and(|ip| ip.payload.ports().is_some_and(|p| p.0 == 53)));
    let step = &answer.expect("an answer").steps[0];
    let cause = crate::explain::row_text(flow, &step.cause.expect("a cause"), None, &|_| String::new()).expect("a row");
    assert_eq!((cause.table, cause.text.as_str()), ("dns", "service web.default 10.96.7.7"));
}

#[test]
fn a_running_process_keeps_its_corefile_until_a_good_one_comes() {
    let mut world = world(".:53 {\n kubernetes cluster.local\n reload\n}", SHOP);
    let text = world.cluster().file("a.yaml").expect("the file").text.to_string();
    let edited = world.edit_file("a.yaml", &text.replace("reload", "relod"));
    assert!(
        edited.committed && edited.diagnostics.render(world.cluster().sources()).contains("Unknown directive 'relod'")
    );
    assert_eq!(shown(&mut world, "web.default.svc.cluster.local.", Type::A), "NOERROR A 10.96.7.7");
    world.edit_file("a.yaml", &text.replace("cluster.local", "other.local"));
    assert_eq!(ask(&mut world, "web.default.svc.other.local.", Type::A).rcode, Rcode::NOERROR);
    assert_eq!(ask(&mut world, "web.default.svc.cluster.local.", Type::A).rcode, Rcode::SERVFAIL);
    // Without `reload` the process would not have looked.
    world.edit_file("a.yaml", &text.replace("reload", ""));
    world.edit_file("a.yaml", &text.replace("cluster.local", "third.local").replace("reload", ""));
    assert_eq!(ask(&mut world, "web.default.svc.third.local.", Type::A).rcode, Rcode::SERVFAIL);
}

#[test]
fn aliases_that_lead_to_aliases_end() {
    let alias = "  answer \"{{ .Name }} 60 IN CNAME a.loop.test.\"\n".repeat(20);
    let corefile = format!(".:53 {{\n template IN A loop.test {{\n{alias} }}\n}}");
    let mut world = world(&corefile, SHOP);
    assert!(shown(&mut world, "x.loop.test.", Type::A).starts_with("NOERROR CNAME a.loop.test."));
}

#[test]
fn a_forward_to_itself_ends() {
    let mut world = world(".:53 {\n forward . 10.244.0.2 10.244.0.3\n}", SHOP);
    assert_eq!(shown(&mut world, "example.com.", Type::A), "SERVFAIL");
}
