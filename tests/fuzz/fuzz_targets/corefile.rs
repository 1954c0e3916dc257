//! Any text as a Corefile and as a resolv.conf: it is read or refused with a place within it, and a cluster with it
//! answers a question about a name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use podhop_engine::cluster::Options;
use podhop_engine::net::dns::{Question, ResolvConf, Type};
use podhop_engine::world::World;

fuzz_target!(|text: &str| {
    let conf = ResolvConf::parse(text);
    assert!(!conf.servers.is_empty() && conf.servers.len() <= 3 && conf.ndots <= 15);
    if text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') || text.trim().is_empty() {
        return;
    }
    let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
    let manifest = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: coredns, namespace: kube-system}}\ndata:\n  Corefile: |2\n{indented}"
    );
    let mut world = World::new(Options::default());
    let applied = world.open_file("coredns.yaml", &manifest, true);
    for diagnostic in applied.diagnostics.iter() {
        assert!(diagnostic.span.start <= diagnostic.span.end);
    }
    let pods = world.revision().pods.values().find(|pod| pod.corefile.is_some());
    let Some((netns, ip)) = pods.and_then(|pod| Some((pod.netns?, pod.ip.as_ref()?.0))) else { return };
    world.ask(netns, ip, Question::new("kubernetes.default.svc.cluster.local.", Type::A));
});
