//! How long the store and the controllers take: parse and apply, a keystroke, a cluster of Kubernetes' stated limits.
//!
//! `cargo bench -p podhop-engine --bench cluster`; prints one line a measurement: name, milliseconds.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // A benchmark needs the real clock.

use podhop_engine::cluster::{Cluster, Options};
use podhop_engine::control;
use std::fmt::Write;
use std::time::Instant;

fn main() {
    for (count, rounds) in [(100, 20), (10_000, 3)] {
        objects(count, rounds);
    }
    limits();
}

fn measure<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{name}: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    result
}

fn pods(count: u32) -> String {
    let mut text = String::new();
    for n in 0..count {
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: pod-{n}\n  labels:\n    app: app-{}\nspec:\n  containers:\n  \
             - name: main\n    image: nginx:1.27\n    ports:\n    - containerPort: 80\n---\n",
            n % 50
        );
    }
    text
}

fn check(cluster: &Cluster, applied: &podhop_engine::cluster::Applied) {
    assert!(applied.committed, "{}", applied.diagnostics.render(cluster.sources()));
}

fn objects(count: u32, rounds: u32) {
    // Room for them: a node takes 110 Pods.
    let workers_count = Some(count / 100 + 2);
    let text = pods(count);
    let mut cluster = control::start(Options { workers_count, ..Options::default() });
    let applied = measure(&format!("apply {count} Pods"), || cluster.open_file("a.yaml", &text, true, 0));
    check(&cluster, &applied);
    let mut total_ms = 0.0;
    for round in 0..rounds {
        let text = format!("{text}{}", pods(1).replace("pod-0", &format!("extra-{round}")));
        let start = Instant::now();
        let applied = cluster.edit_file("a.yaml", &text, 0);
        total_ms += start.elapsed().as_secs_f64() * 1e3;
        check(&cluster, &applied);
    }
    println!("edit one of {count} Pods: {:.2} ms", total_ms / f64::from(rounds));
}

/// 150,000 Pods from 1,500 Deployments on 5,000 nodes.
fn limits() {
    let mut config = String::from("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking:\n");
    config += "  podSubnet: 10.0.0.0/9\n  serviceSubnet: 172.20.0.0/16\n";
    let mut cluster = control::start(Options { workers_count: Some(4_999), ..Options::default() });
    let applied = measure("5,000 nodes", || cluster.open_file("cluster.yaml", &config, true, 0));
    check(&cluster, &applied);
    let mut text = String::new();
    for n in 0..1_500 {
        text += &deployment(n, 100);
    }
    let before_kib = memory_kib();
    let applied = measure("150,000 Pods from 1,500 Deployments", || cluster.open_file("web.yaml", &text, true, 0));
    check(&cluster, &applied);
    println!("memory: {} MiB", (memory_kib() - before_kib) / 1024);
    let running = cluster.revision().pods.values().filter(|pod| pod.netns.is_some()).count();
    println!("pods with a sandbox: {running}");
    let extra = deployment(9_999, 1);
    let applied = measure("one Deployment more", || cluster.open_file("extra.yaml", &extra, true, 0));
    check(&cluster, &applied);
    let more = deployment(9_999, 3);
    let applied = measure("scaled to 3", || cluster.edit_file("extra.yaml", &more, 0));
    check(&cluster, &applied);
    let less = deployment(9_999, 0);
    let applied = measure("scaled to 0", || cluster.edit_file("extra.yaml", &less, 0));
    check(&cluster, &applied);
    let text = format!("{text}{}", deployment(10_000, 1));
    let applied = measure("one more in the file of 1,500", || cluster.edit_file("web.yaml", &text, 0));
    check(&cluster, &applied);
    let key = podhop_engine::cluster::ObjectKey::new("Deployment", "default", "web-7");
    measure("delete one Deployment of 100 Pods", || cluster.delete(&[key], 0));
}

fn deployment(n: u32, replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{n}\nspec:\n  replicas: {replicas}\n  selector:\n    \
         matchLabels:\n      app: web-{n}\n  template:\n    metadata:\n      labels:\n        app: web-{n}\n    spec:\n      \
         containers:\n      - name: main\n        image: nginx:1.27\n        ports:\n        - containerPort: 80\n---\n"
    )
}

/// Resident memory of this process.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}
