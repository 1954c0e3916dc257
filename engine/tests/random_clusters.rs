//! What must hold on every cluster, asked of random small ones: everyone reaches everyone, the same seed gives the same
//! traces, every packet has one end and every recorded change fits, and the journal can go back.

use podhop_engine::cluster::{Options, PodRecord};
use podhop_engine::dataplane::NetnsState;
use podhop_engine::protocol::{FlowView, Server};
use podhop_engine::tables::NetnsId;
use podhop_engine::trace::{Change, Disposition, FlowEnd, FlowId, PacketTrace, Trace};
use podhop_engine::world::{ProbeKind, ProbeResult, ProbeSpec, World};
use std::fmt::Write;
use std::sync::Arc;

const CLUSTERS: u64 = 24;

/// xorshift64*: enough variety for a test, the same in every run.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(0x9e37_79b9_7f4a_7c15 ^ (seed + 1).wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// A cluster of one to four workers and two to nine Pods, some placed by hand, some on the host's network.
fn server(seed: u64) -> Server {
    let mut random = Random::new(seed);
    let workers = 1 + random.below(4);
    let mut text = String::new();
    if random.below(2) == 0 {
        let subnet = random.of(&["10.244.0.0/16", "192.168.0.0/16", "10.32.0.0/11", "172.20.0.0/14"]);
        let _ = write!(
            text,
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {{podSubnet: {subnet}}}\n---\n"
        );
    }
    let mut host_web = false;
    for pod in 0..2 + random.below(8) {
        let image = random.of(&["busybox", "nginx", "registry.k8s.io/e2e-test-images/agnhost:2.53"]);
        let command = if image == "busybox" { ", command: [sleep, infinity]" } else { "" };
        let _ = write!(text, "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{pod}}}\nspec:\n");
        if random.below(2) == 0 {
            let _ = writeln!(text, "  nodeName: worker-{}", 1 + random.below(workers));
        }
        // One server of the host's network at most: two could want the same port.
        if random.below(8) == 0 && !(image == "nginx" && std::mem::replace(&mut host_web, image == "nginx")) {
            text.push_str("  hostNetwork: true\n");
        }
        let _ = write!(text, "  containers: [{{name: c, image: '{image}'{command}}}]\n---\n");
    }
    let options = Options { seed, workers_count: Some(workers as u32), ..Options::default() };
    let mut world = World::new(options);
    let applied = world.open_file("pods.yaml", &text, true);
    assert!(applied.committed, "seed {seed}: {:?}\n{text}", applied.diagnostics);
    Server::over(world)
}

/// Pods that were given an address, kube-system's too.
fn pods(world: &World) -> Vec<Arc<PodRecord>> {
    world.revision().pods.values().filter(|pod| pod.netns.is_some()).cloned().collect()
}

fn probe(world: &mut World, from: &PodRecord, to: &PodRecord, kind: ProbeKind) -> ProbeResult {
    let from = from.netns.expect("the Pod has a namespace");
    let (to, _) = to.ip.clone().expect("the Pod has an address");
    world.probe(&ProbeSpec { from, to, kind, timeout: 5_000_000_000 })
}

const PING: ProbeKind = ProbeKind::Ping { size: 56, dont_fragment: false, ttl: None };

/// A conversation between two random Pods.
fn random_probe(world: &mut World, random: &mut Random) -> ProbeResult {
    let pods = pods(world);
    let from = &pods[random.below(pods.len() as u64) as usize];
    let to = &pods[random.below(pods.len() as u64) as usize];
    let port = [80, 81, 8080, 53][random.below(4) as usize];
    let size = [0, 56, 1400, 3000][random.below(4) as usize];
    let dont_fragment = random.below(4) == 0;
    let ttl = (random.below(4) == 0).then(|| 1 + random.below(3) as u8);
    let kind = match random.below(4) {
        0 => ProbeKind::Ping { size, dont_fragment, ttl },
        1 => ProbeKind::Tcp { port, ttl: None },
        2 => ProbeKind::Udp { port, size, dont_fragment, ttl },
        _ => ProbeKind::Sctp { port },
    };
    probe(world, from, to, kind)
}

fn trace(world: &World, flow: FlowId) -> &Trace {
    world.recorder().get(flow).expect("recent conversations are kept")
}

#[test]
fn every_pod_reaches_every_pod_and_the_ttl_tells_the_way() {
    for seed in 0..CLUSTERS {
        let mut server = server(seed);
        let world = server.world();
        let pods = pods(world);
        for from in &pods {
            for to in &pods {
                let result = probe(world, from, to, PING);
                let way = format!("seed {seed}: {} -> {}", from.key.name, to.key.name);
                assert_eq!(result.end, FlowEnd::Delivered, "{way}");
                if from.host_network || to.host_network {
                    continue;
                }
                let ttl = if from.node == to.node { 64 } else { 62 };
                assert_eq!(result.seen_ttl, Some(ttl), "{way}");
                assert_eq!(result.seen_source, from.ip.clone().map(|(ip, _)| ip), "{way}: no NAT between Pods");
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_traces() {
    let traces = |seed| -> Vec<FlowView> {
        let mut server = server(seed);
        let mut random = Random::new(seed ^ 0xabcd);
        let flows: Vec<u32> = (0..20).map(|_| random_probe(server.world(), &mut random).flow.0).collect();
        flows
            .into_iter()
            .map(|flow| server.viewed(flow, |viewer, trace| viewer.flow(trace)).expect("the conversation is kept"))
            .collect()
    };
    for seed in 0..CLUSTERS {
        let (once, again) = (traces(seed), traces(seed));
        assert!(once.iter().any(|flow| !flow.packets.is_empty()));
        assert_eq!(once, again, "seed {seed}");
    }
}

/// Where `change` fits, it changes something: else the record would be of another packet.
fn replay(packet: &PacketTrace, context: &str) {
    let mut frame = (*packet.birth).clone();
    for (number, step) in packet.steps.iter().enumerate() {
        for change in &step.changes {
            let change: &Change = change;
            assert!(change.apply(&mut frame), "{context}: step {number} {change:?} does not fit {frame:?}");
        }
    }
    assert_eq!(frame, packet.frame_after(u32::MAX), "{context}");
}

#[test]
fn every_packet_has_one_end_and_every_change_fits() {
    let mut ends = [0; 3];
    for seed in 0..CLUSTERS {
        let mut server = server(seed);
        let world = server.world();
        let mut random = Random::new(seed ^ 0x1234);
        for _ in 0..60 {
            let result = random_probe(world, &mut random);
            let trace = trace(world, result.flow);
            assert_eq!(trace.unrecorded_count, 0);
            let end = trace.end.expect("the conversation has ended");
            // A datagram that nobody answers has arrived all the same.
            let silent = end == FlowEnd::TimedOut && result.arrived;
            assert!(end == result.end || silent, "seed {seed} {:?}: {end:?}, {:?}", trace.flow.title, result.end);
            for packet in &trace.packets {
                let context = format!("seed {seed}, {}, packet {}", trace.flow.title, packet.id.0);
                let disposition = packet.disposition.expect("a closed conversation's packets have ends");
                assert_ne!(disposition, Disposition::InFlight, "{context}");
                assert!(packet.parent.is_none_or(|(parent, _)| parent < packet.id), "{context}");
                let times = packet.steps.iter().map(|step| step.at);
                assert!(times.clone().zip(times.skip(1)).all(|(one, next)| one <= next), "{context}");
                assert!(packet.hops.iter().all(|hop| (hop.first as usize) < packet.steps.len()), "{context}");
                replay(packet, &context);
            }
            ends[match end {
                FlowEnd::Delivered => 0,
                FlowEnd::Refused => 1,
                _ => 2,
            }] += 1;
        }
    }
    assert!(ends.iter().all(|count| *count > 50), "the probes are a mixture: {ends:?}");
}

/// Whom a namespace knew at `at`, and by which MAC; and the rows as they print, states and all.
fn rows(state: &NetnsState, at: u64) -> (String, String) {
    let (mut known, mut printed) = (String::new(), String::new());
    state.neighbors().for_each(|(link, ip, neighbor)| {
        let _ = write!(known, "{link:?} {ip} {:?};", neighbor.mac);
        let _ = write!(printed, "{link:?} {ip} {:?} {:?};", neighbor.mac, neighbor.state(at));
    });
    state.fdb(at).for_each(|entry| {
        let _ = write!(printed, "{entry:?};");
    });
    (known, printed)
}

#[test]
fn the_journal_goes_back_to_any_moment() {
    for seed in 0..CLUSTERS {
        let mut server = server(seed);
        let world = server.world();
        let mut random = Random::new(seed ^ 0x77);
        let ids: Vec<NetnsId> = world.revision().netns.keys().copied().collect();
        let then = |world: &World, id: NetnsId, at: u64| rows(&world.state_at(id, at).expect("it is remembered"), at);
        let start = world.now();
        // Every namespace's rows after each conversation, noted while they were the present ones.
        let mut noted = Vec::new();
        for _ in 0..12 {
            random_probe(world, &mut random);
            let now = world.now();
            for id in &ids {
                let present = world.state(*id).map_or_else(Default::default, |state| rows(state, now));
                assert_eq!(then(world, *id, now), present, "seed {seed}: the journal's present is the present");
                noted.push((now, *id, present.0));
            }
            world.advance(1_000_000);
        }
        assert!(noted.iter().any(|(_, _, known)| !known.is_empty()), "seed {seed}: something was learned");
        for (at, id, known) in noted {
            assert_eq!(then(world, id, at).0, known, "seed {seed}: {id:?} at {at}");
        }
        for id in ids {
            assert_eq!(then(world, id, start), Default::default(), "seed {seed}: nothing was known at the start");
        }
    }
}
