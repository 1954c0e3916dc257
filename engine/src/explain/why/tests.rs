//! Lookups made again over real conversations.

use super::{Known, Question, Why, why};
use crate::cluster::Options;
use crate::program;
use crate::tables::{NetnsId, Route, Rows};
use crate::trace::{FlowId, PacketTrace, Stage};
use crate::world::{ProbeKind, ProbeSpec, World};
use std::net::IpAddr;

const PODS: &str = r#"apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  nodeName: worker-1
  containers: [{name: c, image: busybox, command: [sleep, infinity]}]
---
apiVersion: v1
kind: Pod
metadata: {name: b}
spec:
  nodeName: worker-2
  containers: [{name: c, image: nginx, ports: [{containerPort: 80}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: c}
spec:
  nodeName: worker-1
  containers: [{name: c, image: busybox, command: [sleep, infinity]}]
"#;

fn world() -> World {
    let mut world = World::new(Options::default());
    let applied = world.open_file("pods.yaml", PODS, true);
    assert!(applied.committed);
    world
}

fn netns(world: &World, pod: &str) -> NetnsId {
    world.revision().pod("default", pod).and_then(|pod| pod.netns).unwrap()
}

fn probe(world: &mut World, to: &str, kind: ProbeKind) -> FlowId {
    let (from, to) = (netns(world, "a"), to.parse::<IpAddr>().unwrap());
    world.probe(&ProbeSpec { from, to, kind, timeout: 10_000_000_000 }).flow
}

const PING: ProbeKind = ProbeKind::Ping { size: 56, dont_fragment: false, ttl: None };

/// The lookup of the first step for which `wanted` holds.
fn lookup(world: &mut World, flow: FlowId, wanted: impl Fn(&PacketTrace, usize) -> bool) -> Option<Why> {
    let segment = world.segment(program::SEGMENT);
    let trace = world.recorder().get(flow).unwrap();
    let mut steps = trace.packets.iter().flat_map(|packet| (0..packet.steps.len()).map(move |step| (packet, step)));
    let (packet, step) = steps.find(|(packet, step)| wanted(packet, *step)).expect("there is such a step");
    let known = Known {
        owner: &|id| format!("netns {}", id.0),
        learned: &|id, at| world.state_at(id, at),
        seed: world.revision().seed,
    };
    why(Question { trace, packet, step: step as u32, segment: segment.as_ref() }, &known)
}

fn first(stage: Stage) -> impl Fn(&PacketTrace, usize) -> bool {
    move |packet, step| packet.steps[step].stage == stage
}

/// `row | reason` of a lookup's first table.
fn told(why: &Why) -> Vec<String> {
    why.tables[0].rows.iter().map(|row| format!("{} | {}", row.text, row.reason)).collect()
}

#[test]
fn routes_that_match_but_lose_come_first_then_the_nearest() {
    let mut world = world();
    let flow = probe(&mut world, "10.244.2.2", PING);
    let why = lookup(&mut world, flow, first(Stage::RouteIn)).unwrap();
    assert_eq!(why.sought, "a route to 10.244.2.2");
    assert_eq!(why.because, "10.244.2.0/24 is the longest prefix of 2 that hold 10.244.2.2");
    assert_eq!(
        told(&why),
        [
            "default via 172.18.0.1 dev eth0 | matches everything, but /24 is longer",
            "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 | 10.244.2.2 is not in 10.244.1.0/24",
            "10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink | 10.244.2.2 is not in 10.244.0.0/24",
            "172.18.0.0/16 dev eth0 proto kernel scope link src 172.18.0.3 | 10.244.2.2 is not in 172.18.0.0/16",
        ]
    );
    assert_eq!(why.tables[0].rows_count, 5);
    assert!(why.tables[1].note.starts_with("asked first: none of its "), "{:?}", why.tables[1]);
}

#[test]
fn the_table_of_own_addresses_decides_before_any_route() {
    let mut world = world();
    let flow = probe(&mut world, "10.244.2.2", PING);
    let local = |packet: &PacketTrace, step: usize| {
        packet.steps[step].stage == Stage::RouteIn
            && packet.steps.get(step + 1).is_some_and(|s| s.stage == Stage::Deliver)
    };
    let why = lookup(&mut world, flow, local).unwrap();
    assert_eq!(why.tables[0].table, "route-local");
    assert_eq!(why.tables[1].note, "not asked: table local has decided");
}

#[test]
fn without_a_route_all_routes_were_tried() {
    let mut world = world();
    let mut tables = (*world.netns(netns(&world, "a")).unwrap()).clone();
    tables.main.rows.make_own().retain(|route: &Route| route.dst.prefix_len() > 0);
    let rows: Rows<Route> = tables.main.rows.make_own().clone().into();
    tables.main = crate::tables::RouteTable::new(rows);
    world.replace_tables(tables);
    let flow = probe(&mut world, "192.0.2.1", PING);
    let why = lookup(&mut world, flow, first(Stage::RouteOut)).unwrap();
    assert_eq!(why.because, "none of 2 routes holds 192.0.2.1, and there is no default route");
    assert_eq!(why.tables[0].rows.len(), 2);
}

#[test]
fn a_neighbour_is_not_known_before_it_has_answered() {
    let mut world = world();
    let flow = probe(&mut world, "10.244.1.3", PING);
    let why = lookup(&mut world, flow, first(Stage::Neighbor)).unwrap();
    assert_eq!(why.because, "no entry for 10.244.1.3 on eth0 has a MAC address: ARP asks for it");
    assert_eq!(why.tables[0].rows_count, 0, "nothing was learned by then");
    // The second conversation finds the entry of the first.
    let flow = probe(&mut world, "10.244.1.3", PING);
    let why = lookup(&mut world, flow, first(Stage::Neighbor)).unwrap();
    assert_eq!(why.because, "10.244.1.3 on eth0 has told its MAC address");
    assert_eq!((why.tables[0].rows_count, why.tables[0].rows.len()), (1, 0));
}

#[test]
fn permanent_neighbours_and_forwarding_entries_of_other_nodes_were_tried() {
    let mut world = world();
    let flow = probe(&mut world, "10.244.2.2", PING);
    let on_flannel = |packet: &PacketTrace, step: usize| {
        let soon = packet.steps[step + 1..].iter().take(3).any(|step| step.stage == Stage::Encapsulate);
        packet.steps[step].stage == Stage::Neighbor && soon
    };
    let why = lookup(&mut world, flow, on_flannel).unwrap();
    assert_eq!(why.because, "a permanent entry for 10.244.2.0 on flannel.1: nobody needs to be asked");
    assert_eq!(why.tables[0].rows[0].reason, "another address: 10.244.0.0, not 10.244.2.0");
    let why = lookup(&mut world, flow, first(Stage::Encapsulate)).unwrap();
    assert_eq!(why.tables[0].rows[0].reason, "another MAC address");
    assert!(why.because.ends_with("names the node 172.18.0.4"), "{}", why.because);
}

#[test]
fn nobody_answers() {
    let mut world = world();
    let flow = probe(&mut world, "10.244.1.99", PING);
    let rejected = |packet: &PacketTrace, step: usize| {
        packet.steps[step].stage == Stage::Neighbor && packet.steps[step].cause.is_some()
    };
    let why = lookup(&mut world, flow, rejected).unwrap();
    assert_eq!(why.because, "nobody answered for 10.244.1.99 on eth0, asked three times, a second apart");
    assert_eq!(why.tables[0].rows[0].reason, "this address, but its question has no answer yet");
    let ignored = |packet: &PacketTrace, step: usize| packet.steps[step].stage == Stage::Bridge;
    let why = lookup(&mut world, flow, ignored).unwrap();
    assert_eq!(why.because, "a broadcast goes to every port: no entry is looked up");
}

#[test]
fn sockets_of_other_ports_and_protocols_were_tried() {
    let mut world = world();
    let kind = ProbeKind::Tcp { port: 8080, ttl: None };
    let flow = probe(&mut world, "10.244.2.2", kind);
    let why = lookup(&mut world, flow, first(Stage::Deliver)).unwrap();
    assert_eq!(why.because, "none of 1 socket in pod/default/b listens on TCP port 8080");
    assert_eq!(why.tables[0].rows[0].reason, "port 80, not 8080");
    let flow = probe(&mut world, "10.244.2.2", ProbeKind::Udp { port: 80, size: 1, dont_fragment: false, ttl: None });
    let why = lookup(&mut world, flow, first(Stage::Deliver)).unwrap();
    assert_eq!(why.tables[0].rows[0].reason, "TCP, not UDP");
    let flow = probe(&mut world, "10.244.2.2", ProbeKind::Tcp { port: 80, ttl: None });
    let why = lookup(&mut world, flow, first(Stage::Deliver)).unwrap();
    assert_eq!(why.because, "listens on TCP port 80 of every address");
}

#[test]
fn many_rows_are_counted() {
    let mut world = World::new(Options { workers_count: Some(600), ..Options::default() });
    world.open_file("pods.yaml", PODS, true);
    let flow = probe(&mut world, "10.244.2.2", PING);
    let why = lookup(&mut world, flow, first(Stage::RouteIn)).unwrap();
    let table = &why.tables[0];
    // Every other node's subnet as far as the Pod network has some, the node network and the default route.
    assert_eq!((table.rows.len(), table.rows_count), (super::ROWS_MAX, table.left_count + 9));
    assert!(table.left_count > 200, "{}", table.left_count);
    assert!(table.rows[0].reason.starts_with("matches everything"));
}

#[test]
fn a_bridge_learns_before_it_looks() {
    let mut world = world();
    probe(&mut world, "10.244.1.3", PING);
    let flow = probe(&mut world, "10.244.1.3", PING);
    let why = lookup(&mut world, flow, first(Stage::Bridge)).unwrap();
    assert!(why.because.contains("has come in by veth"), "{}", why.because);
    assert_eq!((why.tables[0].rows_count, why.tables[0].rows.len()), (2, 1));
}

#[test]
fn a_cable_asks_no_table() {
    let mut world = world();
    let flow = probe(&mut world, "10.244.2.2", PING);
    assert_eq!(lookup(&mut world, flow, first(Stage::Transmit)), None);
    assert!(lookup(&mut world, flow, first(Stage::Switch)).is_some());
}

#[test]
fn a_segment_of_no_connection_looks_for_no_listening_socket() {
    let mut world = world();
    let flow = probe(&mut world, "10.244.2.2", ProbeKind::Tcp { port: 8080, ttl: None });
    let reset = |packet: &PacketTrace, step: usize| {
        let frame = &packet.birth;
        let flags = frame.ip().and_then(|ip| match &ip.payload {
            crate::net::Transport::Tcp(tcp) => Some(tcp.flags.rst),
            _ => None,
        });
        flags == Some(true) && packet.steps[step].stage == Stage::Deliver
    };
    // The connection that the reset is for stands.
    assert_eq!(lookup(&mut world, flow, reset), None);
    let segment = world.segment(program::SEGMENT);
    let mut trace = world.recorder().get(flow).unwrap().clone();
    let syn = &mut trace.packets[0];
    let mut frame = crate::net::Frame::clone(&syn.birth);
    let crate::net::Payload::Ip(ip) = &mut frame.payload else { panic!() };
    let crate::net::Transport::Tcp(tcp) = &mut ip.payload else { panic!() };
    (tcp.flags.syn, tcp.flags.ack) = (false, true);
    syn.birth = frame.into();
    let step = syn.steps.iter().rposition(|step| step.stage == Stage::Deliver).unwrap();
    let question = Question { trace: &trace, packet: &trace.packets[0], step: step as u32, segment: segment.as_ref() };
    let known = Known { owner: &|_| String::new(), learned: &|_, _| None, seed: 0 };
    let why = why(question, &known).unwrap();
    assert_eq!(
        why.because,
        "no connection in pod/default/b has these addresses and ports; only a SYN looks for a listening socket"
    );
    assert!(why.tables[0].rows.is_empty(), "{why:?}");
    assert_eq!((why.tables[0].rows_count, &*why.tables[0].note), (1, "not asked: this is not a SYN"));
}

#[test]
fn a_tunnel_through_itself_is_told_as_such() {
    let mut world = world();
    let node = world.revision().node("worker-1").unwrap().netns;
    let mut tables = (*world.netns(node).unwrap()).clone();
    let flannel = tables.link_named("flannel.1").unwrap().index;
    let remote = world.revision().node("worker-2").unwrap().ip;
    let rows = tables.main.rows.make_own();
    let mut through = rows.iter().find(|route: &&Route| route.dev == flannel).unwrap().clone();
    through.dst = ipnet::IpNet::new(remote, 32).unwrap();
    rows.push(through);
    tables.main = crate::tables::RouteTable::new(Rows::from(rows.clone()));
    world.replace_tables(tables);
    let flow = probe(&mut world, "10.244.2.2", PING);
    let why = lookup(&mut world, flow, first(Stage::Encapsulate)).unwrap();
    let end = format!("names {remote}, but the way to {remote} leads through flannel.1 itself");
    assert!(why.because.ends_with(&end), "{}", why.because);
}

#[test]
fn the_switch_s_row_is_found_again_when_nodes_have_come_and_gone() {
    let mut world = World::new(Options { workers_count: Some(6), ..Options::default() });
    world.open_file("pods.yaml", PODS, true);
    let flow = probe(&mut world, "10.244.2.2", PING);
    let unicast = |packet: &PacketTrace, step: usize| {
        packet.steps[step].stage == Stage::Switch && !packet.frame_after(step as u32).dst.is_group()
    };
    let (before, dst) = (lookup(&mut world, flow, unicast).unwrap(), world.revision().node("worker-2").unwrap().netns);
    // Another order of ports: some of the others go.
    for gone in ["worker-3", "worker-4", "worker-5", "worker-6"] {
        world.change(|cluster, now| cluster.delete(&[crate::cluster::ObjectKey::node(&gone.into())], now));
    }
    let after = lookup(&mut world, flow, unicast).unwrap();
    assert_eq!(after.because, before.because);
    assert_eq!(after.tables[0].rows_count + 4, before.tables[0].rows_count);
    let own = format!("netns {}", dst.0);
    assert!(after.tables[0].rows.iter().all(|row| !row.text.contains(&own)), "{after:?}");
    world.change(|cluster, now| cluster.delete(&[crate::cluster::ObjectKey::node(&"worker-2".into())], now));
    let after = lookup(&mut world, flow, unicast).unwrap();
    assert!(after.because.ends_with(" was there, and is gone now"), "{}", after.because);
}
