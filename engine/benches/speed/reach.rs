//! The matrix of who can connect to whom under many policies, and what an edit of one of them makes other.

use super::{FILE, median, report};
use podhop_engine::cluster::{CniName, Options};
use podhop_engine::reach::{Matrix, Ports, Solver, Which, changes, ends};
use podhop_engine::world::World;
use std::fmt::Write;
use std::time::Instant;

const APPS: usize = 100;

/// A hundred Deployments of `replicas` Pods in namespaces of five, and policies that let one in from another; `port` is that
/// of the first.
fn manifests(replicas: usize, policies: usize, port: u16) -> String {
    let mut text = String::new();
    for app in 0..APPS {
        let namespace = app / 5;
        if app % 5 == 0 {
            let _ = write!(text, "{{apiVersion: v1, kind: Namespace, metadata: {{name: n{namespace}}}}}\n---\n");
        }
        let _ = write!(
            text,
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a{app}, namespace: n{namespace}}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: a{app}}}}}\n  template:\n    metadata: {{labels: {{app: a{app}, tier: t{}}}}}\n    \
             spec: {{containers: [{{name: c, image: nginx, ports: [{{containerPort: 80}}]}}]}}\n---\n\
             {{apiVersion: v1, kind: Service, metadata: {{name: a{app}, namespace: n{namespace}}}, spec: {{selector: {{app: \
             a{app}}}, ports: [{{port: 80}}]}}}}\n---\n",
            app % 3,
        );
    }
    for policy in 0..policies {
        let (app, from) = (policy % APPS, (policy * 7 + 1) % APPS);
        let port = if policy == 0 { port } else { 80 };
        let _ = write!(
            text,
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{policy}, namespace: n{}}}\nspec:\n  \
             podSelector: {{matchLabels: {{app: a{app}}}}}\n  ingress:\n  - from: [{{namespaceSelector: {{}}, podSelector: \
             {{matchLabels: {{app: a{from}}}}}}}]\n    ports: [{{port: {port}}}]\n---\n",
            app / 5,
        );
    }
    text
}

fn world(replicas: usize, policies: usize) -> World {
    let workers_count = Some((replicas * APPS / 100 + 1) as u32);
    let mut world = World::new(Options { cni: Some(CniName::Calico), workers_count, ..Options::default() });
    world.open_file(FILE, &manifests(replicas, policies, 80), true);
    world
}

fn matrix(solver: &mut Solver, world: &mut World) -> Matrix {
    let list = ends(world.revision(), Which::default());
    solver.matrix(world.tables(), list, Ports::Declared)
}

/// 1,000 Pods with 200 policies, from nothing; the tables are made already, as any packet makes them.
pub fn fresh() {
    let mut world = world(10, 200);
    matrix(&mut Solver::default(), &mut world);
    let mut packets = 0;
    let time = median(3, |_| {
        let mut solver = Solver::default();
        let matrix = matrix(&mut solver, &mut world);
        packets = solver.trials_count();
        assert!(matrix.ends.len() >= 1_000);
    });
    report("reach_1000_pods", time, "ns");
    report("reach_1000_pods_packets", packets.into(), "packets");
}

/// 10,000 Pods: from an edit of one policy that is applied to the pairs that have changed.
pub fn edit() {
    let mut world = world(100, 200);
    let mut solver = Solver::default();
    let start = Instant::now();
    let mut before = matrix(&mut solver, &mut world);
    report("reach_10000_pods", start.elapsed().as_nanos(), "ns");
    let mut times = [0; 3];
    for (run, time) in times.iter_mut().enumerate() {
        world.edit_file(FILE, &manifests(100, 200, if run % 2 == 0 { 81 } else { 80 }));
        let start = Instant::now();
        let after = matrix(&mut solver, &mut world);
        assert_ne!(changes(&before, &after, 60).1, 0);
        *time = start.elapsed().as_nanos();
        before = after;
    }
    times.sort_unstable();
    report("reach_edit_10000_pods", times[1], "ns");
}
