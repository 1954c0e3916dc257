//! Any text as a Corefile and as a resolv.conf: it is read or refused with a place within it, and a cluster with it
//! answers a question about a name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use podhop_engine::cluster::Options;
use podhop_engine::net::dns::{Question, ResolvConf, Type};
use podhop_engine::world::World;
use std::cell::Cell;

/// How many Corefiles one cluster takes up in turn: to make a cluster takes much longer.
const INPUTS_MAX: u32 = 50;

thread_local! {
    static WORLD: Cell<Option<(World, u32)>> = const { Cell::new(None) };
}

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
    let used = WORLD.take().filter(|(_, count)| *count < INPUTS_MAX);
    let (mut world, count) = used.unwrap_or_else(|| (World::new(Options::default()), 0));
    world.restart();
    let applied = world.open_file("coredns.yaml", &manifest, true);
    for diagnostic in applied.diagnostics.iter() {
        assert!(diagnostic.span.start <= diagnostic.span.end);
    }
    let pods = world.revision().pods.values().find(|pod| pod.corefile.is_some());
    if let Some((netns, ip)) = pods.and_then(|pod| Some((pod.netns?, pod.ip.as_ref()?.0))) {
        world.ask(netns, ip, Question::new("kubernetes.default.svc.cluster.local.", Type::A));
        world.ask(netns, ip, Question::new("example.com.", Type::AAAA));
    }
    WORLD.set(Some((world, count + 1)));
});
