//! Services and DNS: one request by name with all its steps, and 10,000 Services of 10 endpoints each.

use super::{FILE, median, report};
use podhop_engine::cluster::{Options, ProxyMode};
use podhop_engine::console::terminal::Terminal;
use podhop_engine::trace::FlowEnd;
use podhop_engine::world::{ProbeKind, ProbeSpec, World};
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::Instant;

const SERVICES_COUNT: u32 = 10_000;
const ENDPOINTS_COUNT: u32 = 10;

const SHOP: &str = "apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: c, image: agnhost}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 10.96.200.200, selector: {app: web}, ports: [{port: 80}]}
---
";

/// `curl http://web` typed in a Pod: A and AAAA asked of CoreDNS, the handshake, the request and its response from another
/// node, the close.
pub fn request() {
    let mut world = World::new(Options::default());
    assert!(world.open_file(FILE, SHOP, true).committed);
    let mut terminal = Terminal::default();
    terminal.run(&mut world, "kubectl exec -it client -- sh");
    let mut ask = |world: &mut World| {
        let ran = terminal.run(world, "curl -s http://web");
        assert_eq!((ran.status, ran.flows.len()), (0, 1), "{ran:?}");
        let trace = world.recorder().get(ran.flows[0]).expect("a conversation was recorded");
        assert_eq!(trace.end, Some(FlowEnd::Delivered));
        trace.packets.iter().map(|packet| packet.steps.len()).sum::<usize>()
    };
    ask(&mut world);
    let steps = ask(&mut world);
    report("service_request_steps", steps as u128, "steps");
    report("service_request", median(2_000, |_| assert_ne!(ask(&mut world), 0)), "ns");
}

/// Service number `n` with a slice of its own, whose endpoints nobody has; its port is what an edit changes.
fn service(n: u32, port: u16) -> String {
    let ip = Ipv4Addr::from(0x0a61_0000 + n);
    let mut text = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: s{n}}}\nspec:\n  clusterIP: {ip}\n  ports:\n  - port: {port}\n    \
         targetPort: 8080\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: s{n}-x\n  labels: \
         {{kubernetes.io/service-name: s{n}}}\naddressType: IPv4\nports:\n- port: 8080\nendpoints:\n"
    );
    for endpoint in 0..ENDPOINTS_COUNT {
        let ip = Ipv4Addr::from(0x0b00_0000 + n * ENDPOINTS_COUNT + endpoint);
        let _ = writeln!(text, "- addresses: [{ip}]");
    }
    text + "---\n"
}

pub fn iptables() {
    many(ProxyMode::Iptables, "iptables");
}

pub fn nftables() {
    many(ProxyMode::Nftables, "nftables");
}

/// From objects to a node's tables, to those of all other nodes, and again after one Service's port has changed.
fn many(mode: ProxyMode, name: &str) {
    let text = SHOP.to_owned() + &(0..SERVICES_COUNT).map(|n| service(n, 80)).collect::<String>();
    let start = Instant::now();
    let mut world = World::new(Options { workers_count: Some(50), proxy: Some(mode), ..Options::default() });
    assert!(world.open_file(FILE, &text, true).committed);
    report(&format!("services_open_{name}"), start.elapsed().as_nanos(), "ns");
    let nodes: Vec<_> = world.revision().nodes.values().map(|node| node.netns).collect();
    let times = |world: &mut World| {
        let mut times = nodes.iter().map(|node| {
            let start = Instant::now();
            drop(world.netns(*node).expect("the node is there"));
            start.elapsed().as_nanos()
        });
        (times.next().unwrap_or_default(), times.sum::<u128>())
    };
    let (first, others) = times(&mut world);
    report(&format!("services_program_{name}"), first, "ns");
    report(&format!("services_other_nodes_{name}"), others, "ns");
    let client = world.revision().pod("default", "client").and_then(|pod| pod.netns).expect("the Pod runs");
    let to = "10.96.200.200".parse().expect("an address");
    let kind = ProbeKind::Tcp { port: 80, ttl: None };
    let spec = ProbeSpec { from: client, to, kind, timeout: 5_000_000_000 };
    let connect = |world: &mut World| assert_eq!(world.probe(&spec).end, FlowEnd::Delivered);
    connect(&mut world);
    report(&format!("services_connect_{name}"), median(200, |_| connect(&mut world)), "ns");
    let mut applied = Vec::new();
    let mut programmed = Vec::new();
    for run in 0..9 {
        let text = service(5_000, 81 + run);
        let start = Instant::now();
        assert!(world.apply_text("edit.yaml", &text).committed);
        applied.push(start.elapsed().as_nanos());
        programmed.push(times(&mut world));
    }
    applied.sort_unstable();
    programmed.sort_unstable();
    let (first, others) = programmed[programmed.len() / 2];
    report(&format!("services_apply_one_{name}"), applied[applied.len() / 2], "ns");
    report(&format!("services_edit_{name}"), first, "ns");
    report(&format!("services_edit_other_nodes_{name}"), others, "ns");
    if let Some(bytes) = super::memory_bytes_max() {
        report(&format!("services_memory_{name}"), bytes, "bytes");
    }
}
