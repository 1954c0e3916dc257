//! The speed budgets, asked through the façade as the page asks. `cargo xtask bench` compares with xtask/budgets.toml.
//!
//! Prints one line a measurement: `bench <name> <number> <unit>`. Arguments choose measurements by parts of their names.

// Measuring is the one place where real time counts.
#![allow(clippy::disallowed_types)]

mod reach;
mod services;

use std::fmt::Write;
use std::time::Instant;

use podhop_engine::cluster::{ObjectKey, Options};
use podhop_engine::protocol::{OpenFile, ReplyBody, Request, RequestBody, Server};
use podhop_engine::trace::FlowEnd;
use podhop_engine::world::{ProbeKind, ProbeSpec, World};

const FILE: &str = "bench.yaml";

/// A measurement: its name, and what prints it.
type Measurement = (&'static str, fn());

const MEASUREMENTS: [Measurement; 13] = [
    ("open_100_objects", || open("open_100_objects", 100, 30)),
    ("open_10000_objects", || open("open_10000_objects", 10_000, 3)),
    ("edit_100_objects", edit),
    ("echo_across_nodes", echo),
    ("connect_across_nodes", connect),
    ("service_request", services::request),
    ("services_iptables", services::iptables),
    ("services_nftables", services::nftables),
    ("huge", huge),
    ("ailing", ailing),
    ("dump", dump),
    ("reach_1000_pods", reach::fresh),
    ("reach_edit_10000_pods", reach::edit),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    for (name, measure) in MEASUREMENTS {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            measure();
        }
    }
}

fn report(name: &str, value: u128, unit: &str) {
    println!("bench {name} {value} {unit}");
}

/// The median of some runs, in nanoseconds.
fn median(runs: usize, mut run: impl FnMut(usize)) -> u128 {
    let mut times: Vec<u128> = (0..runs)
        .map(|index| {
            let start = Instant::now();
            run(index);
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    times[runs / 2]
}

/// Two Pods pinned to different nodes, and plain Pods with labels and ports to make up the number.
fn manifests(objects: usize, mark: usize) -> String {
    let mut text = String::new();
    for (name, node, image) in [("pod-a", "worker-1", "agnhost"), ("pod-b", "worker-2", "nginx")] {
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  labels: {{app: ends, mark: m{mark}}}\nspec:\n  \
             nodeName: {node}\n  containers:\n  - name: main\n    image: {image}\n---\n"
        );
    }
    for index in 2..objects {
        let _ = write!(
            text,
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{index}\n  labels: {{app: web-{index}}}\nspec:\n  \
             replicas: 0\n  selector: {{matchLabels: {{app: web-{index}}}}}\n  template:\n    metadata: {{labels: {{app: \
             web-{index}}}}}\n    spec:\n      containers:\n      - name: web\n        image: nginx\n        ports: \
             [{{containerPort: 80}}]\n---\n"
        );
    }
    text
}

fn ask(server: &mut Server, body: RequestBody) -> ReplyBody {
    let reply = server.handle(Request { id: 0, body }).body;
    assert!(!matches!(reply, ReplyBody::Error(_)), "{reply:?}");
    reply
}

fn opened(options: Options, text: String) -> Server {
    let seed = options.seed;
    let mut server = Server::new(options);
    let files = vec![OpenFile { name: FILE.to_string(), text, live: true }];
    let ReplyBody::Opened(opened) = ask(&mut server, RequestBody::Open { files, seed }) else {
        panic!("opening is answered by Opened");
    };
    let errors: Vec<_> = opened.diagnostics.iter().filter(|diagnostic| diagnostic.severity == "error").collect();
    assert!(errors.is_empty(), "{errors:?}");
    server
}

fn open(name: &str, objects: usize, runs: usize) {
    let text = manifests(objects, 0);
    report(name, median(runs, |_| drop(opened(Options::default(), text.clone()))), "ns");
}

/// A keystroke: the whole text again with one label changed, to the new picture's data.
fn edit() {
    let mut server = opened(Options::default(), manifests(100, 0));
    let texts: Vec<String> = (1..=50).map(|mark| manifests(100, mark)).collect();
    let time = median(texts.len(), |run| {
        let text = texts[run].clone();
        let ReplyBody::Edited(edited) = ask(&mut server, RequestBody::Edit { file: FILE.to_string(), text }) else {
            panic!("an edit is answered by Edited");
        };
        assert!(edited.applied);
    });
    report("edit_100_objects", time, "ns");
}

/// One echo and its reply between Pods on different nodes, with the neighbours known, all steps recorded.
fn echo() {
    let mut server = opened(Options::default(), manifests(2, 0));
    let spec = across_nodes(&mut server, PING);
    let ping = |server: &mut Server| assert!(server.world().probe(&spec).connects());
    ping(&mut server);
    report("echo_across_nodes", median(5_000, |_| ping(&mut server)), "ns");
}

/// A handshake with a server on another node, and its end.
fn connect() {
    let mut server = opened(Options::default(), manifests(2, 0));
    let spec = across_nodes(&mut server, ProbeKind::Tcp { port: 80, ttl: None });
    let connect = |server: &mut Server| assert_eq!(server.world().probe(&spec).end, FlowEnd::Delivered);
    connect(&mut server);
    report("connect_across_nodes", median(2_000, |_| connect(&mut server)), "ns");
}

const PING: ProbeKind = ProbeKind::Ping { size: 56, dont_fragment: false, ttl: None };

/// From pod-a to pod-b.
fn across_nodes(server: &mut Server, kind: ProbeKind) -> ProbeSpec {
    let revision = server.world().revision();
    let pod = |name: &str| revision.pod("default", name).expect("the Pod was created").clone();
    let (from, to) = (pod("pod-a"), pod("pod-b"));
    assert_ne!(from.node, to.node);
    let (to, _) = to.ip.clone().expect("the Pod has an address");
    ProbeSpec { from: from.netns.expect("the Pod runs"), to, kind, timeout: 5_000_000_000 }
}

/// A Pod network with a subnet for each of 5,000 nodes.
const LARGE_NETWORK: &str =
    "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {podSubnet: 10.128.0.0/9}\n---\n";

/// Kubernetes' stated limits: 150,000 Pods from Deployments on 5,000 nodes.
fn huge() {
    let mut text = manifests(2, 0) + LARGE_NETWORK;
    for index in 0..150 {
        let _ = write!(
            text,
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: big-{index}}}\nspec:\n  replicas: 1000\n  \
             selector: {{matchLabels: {{app: big-{index}}}}}\n  template:\n    metadata: {{labels: {{app: big-{index}}}}}\n    \
             spec: {{containers: [{{name: web, image: nginx}}]}}\n---\n"
        );
    }
    let start = Instant::now();
    // `Open` makes a cluster of its own size.
    let mut world = World::new(Options { workers_count: Some(5_000), ..Options::default() });
    assert!(world.open_file(FILE, &text, true).committed);
    let mut server = Server::over(world);
    report("huge_open", start.elapsed().as_nanos(), "ns");
    let spec = across_nodes(&mut server, PING);
    let start = Instant::now();
    assert!(server.world().probe(&spec).connects());
    report("huge_first_ping", start.elapsed().as_nanos(), "ns");
    let time = median(5, |run| {
        let text = text.replacen("mark: m0", &format!("mark: m{}", run + 1), 1);
        let ReplyBody::Edited(edited) = ask(&mut server, RequestBody::Edit { file: FILE.to_string(), text }) else {
            panic!("an edit is answered by Edited");
        };
        assert!(edited.applied);
    });
    report("huge_edit", time, "ns");
    let problems = median(5, |_| {
        let reply = ask(&mut server, RequestBody::Problems);
        assert_eq!(reply, ReplyBody::Problems(Vec::new()));
    });
    report("huge_problems", problems, "ns");
    let flow = server.world().recorder().iter().last().expect("a ping was sent").flow.id.0;
    let why = median(5, |_| {
        for step in 0..12 {
            let reply = ask(&mut server, RequestBody::Why { flow, packet: 0, step });
            assert!(matches!(reply, ReplyBody::Why(_)));
        }
    });
    report("huge_why", why / 12, "ns");
    difference(&mut server);
    if let Some(bytes) = memory_bytes_max() {
        report("huge_memory", bytes, "bytes");
    }
}

/// A node goes, which is news to all others: what has changed, as the page asks after each pause of typing.
fn difference(server: &mut Server) {
    let mut times: Vec<u128> = Vec::new();
    for node in 100..105 {
        let before = server.world().revision().number;
        let key = ObjectKey::node(&format!("worker-{node}").into());
        server.world().change(|cluster, now| cluster.delete(&[key], now));
        let start = Instant::now();
        let ReplyBody::Difference(difference) = ask(server, RequestBody::Difference { since: before }) else {
            panic!("a difference is asked for");
        };
        times.push(start.elapsed().as_nanos());
        assert_eq!(difference.rows.len(), 60);
    }
    times.sort_unstable();
    report("huge_difference", times[times.len() / 2], "ns");
}

/// As many Pods of their own, without trouble and then with a label that no node has: what is wrong with them.
fn ailing() {
    let text = |spec: &str| {
        let mut text = LARGE_NETWORK.to_owned() + "apiVersion: v1\nkind: List\nitems:\n";
        for index in 0..150_000 {
            let _ = write!(
                text,
                "- apiVersion: v1\n  kind: Pod\n  metadata: {{name: p{index:06}}}\n  spec:\n    {spec}containers: [{{name: c, image: \
                 nginx}}]\n"
            );
        }
        text
    };
    for (name, spec, most) in [("well", "", 0), ("ailing", "nodeSelector: {disk: ssd}\n    ", 21)] {
        let mut world = World::new(Options { workers_count: Some(5_000), ..Options::default() });
        assert!(world.open_file(FILE, &text(spec), true).committed);
        let mut server = Server::over(world);
        let problems = median(5, |_| {
            let ReplyBody::Problems(problems) = ask(&mut server, RequestBody::Problems) else {
                panic!("problems are asked for");
            };
            assert_eq!(problems.len(), most);
        });
        report(&format!("{name}_problems"), problems, "ns");
    }
}

/// The same number of Pods, written out one by one as `kubectl get pods -A -o yaml` does: about 40 MB.
fn dump() {
    let mut text =
        String::from("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\napiVersion: v1\nitems:\n");
    for index in 0..150_000 {
        let node = index / 30;
        let _ = write!(
            text,
            "- apiVersion: v1\n  kind: Pod\n  metadata:\n    creationTimestamp: \"2026-01-01T00:00:00Z\"\n    labels:\n      \
             app: web\n    name: web-{index:06}\n    namespace: shop\n  spec:\n    containers:\n    - image: nginx\n      \
             name: web\n    nodeName: worker-{}\n  status:\n    phase: Running\n",
            node + 1
        );
    }
    text.push_str("kind: List\nmetadata:\n  resourceVersion: \"\"\n");
    report("dump_text", text.len() as u128, "bytes");
    let start = Instant::now();
    let options = Options { workers_count: Some(5_000), ..Options::default() };
    drop(opened(options, text));
    report("dump_open", start.elapsed().as_nanos(), "ns");
    if let Some(bytes) = memory_bytes_max() {
        report("dump_memory", bytes, "bytes");
    }
}

/// The most memory that this process has held, where the kernel says so.
fn memory_bytes_max() -> Option<u128> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u128 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
