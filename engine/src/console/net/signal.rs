//! `pkill` and `pgrep`: processes of a node or of a container, by name. Models procps-ng, as far as stopping and going on.

use super::super::machine::{Context, Machine};
use super::super::shell::Io;
use super::fail;
use crate::cluster::{NodeRecord, PodKey, PodRecord};
use crate::program::containers;
use crate::workload;

/// One process that can be seen from here.
struct Seen {
    pid: u32,
    name: String,
    pod: PodKey,
}

/// `pkill -STOP kube-proxy`, `pkill -CONT kube-proxy`, `pgrep [-l] NAME`
pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let tool = argv[0].rsplit('/').next().unwrap_or_default().to_owned();
    let (mut signal, mut patterns, mut list) = (None, Vec::new(), false);
    let mut words = argv[1..].iter();
    while let Some(word) = words.next() {
        match word.strip_prefix('-') {
            Some("f" | "x" | "-full" | "-exact") => {}
            Some("l" | "a") if tool == "pgrep" => list = true,
            Some("-signal") if tool == "pkill" => signal = words.next().cloned(),
            Some(name) if tool == "pkill" && !name.is_empty() => signal = Some(name.to_owned()),
            Some(option) => return fail(io, &format!("{tool}: podhop's {tool} has no option -{option}\n"), 2),
            None => patterns.push(word.as_str()),
        }
    }
    let [pattern] = patterns[..] else {
        let problem =
            if patterns.is_empty() { "no matching criteria specified" } else { "only one pattern can be provided" };
        return fail(io, &format!("{tool}: {problem}\nTry `{tool} --help' for more information.\n"), 2);
    };
    let mut seen = processes(machine);
    seen.retain(|process| process.name.contains(pattern));
    if tool == "pgrep" {
        for process in &seen {
            let line = if list { format!("{} {}\n", process.pid, process.name) } else { format!("{}\n", process.pid) };
            io.out(&line);
        }
        return i32::from(seen.is_empty());
    }
    let name = signal.as_deref().unwrap_or("TERM").trim_start_matches("SIG").to_ascii_uppercase();
    let frozen = match name.as_str() {
        "STOP" | "19" | "TSTP" | "20" => true,
        "CONT" | "18" => false,
        "0" => return i32::from(seen.is_empty()),
        _ => {
            let text = "pkill: podhop stops processes (-STOP) and lets them go on (-CONT); to end one for good delete its Pod\n";
            return fail(io, text, 1);
        }
    };
    let mut pods: Vec<PodKey> = seen.into_iter().map(|process| process.pod).collect();
    pods.sort();
    pods.dedup();
    if pods.is_empty() {
        return 1;
    }
    machine.world.freeze(&pods, frozen);
    machine.effects.changed = true;
    0
}

/// The main processes of the Pods here: of all on a node, of its own in a container.
fn processes(machine: &mut Machine<'_>) -> Vec<Seen> {
    let revision = machine.world.revision();
    let node_of = |pod: &PodRecord| pod.node.as_ref().and_then(|name| revision.nodes.get(name)).cloned();
    let mut seen = Vec::new();
    let mut add = |pod: &PodRecord, node: &NodeRecord| {
        if pod.netns.is_none() {
            return;
        }
        for (at, name) in names(pod, node).into_iter().enumerate() {
            // Numbers as a busy node would have given them: in the order of the sandboxes.
            let pid = 1_200 + (pod.order as u32).wrapping_mul(37) % 30_000 + at as u32;
            seen.push(Seen { pid, name, pod: pod.key.clone() });
        }
    };
    match &machine.context {
        Context::Host => {}
        Context::Node { name } => {
            if let Some(node) = revision.nodes.get(name) {
                node.pods.values().filter_map(|key| revision.pods.get(key)).for_each(|pod| add(pod, node));
            }
        }
        Context::Container { pod, .. } => {
            if let Some((pod, node)) = revision.pods.get(pod).and_then(|pod| Some((pod, node_of(pod)?))) {
                add(pod, &node);
            }
        }
    }
    seen
}

/// What the main processes of a Pod's containers are called.
fn names(pod: &PodRecord, node: &NodeRecord) -> Vec<String> {
    let behaviors = workload::behaviors(&pod.spec, &containers::host(pod, node));
    let name = |at: usize| {
        let container = &pod.spec.containers[at];
        let server = behaviors.get(at).and_then(|behavior| behavior.servers.first());
        let word = container.command.first().or(container.args.first().filter(|word| !word.starts_with('-')));
        let word = word.map(|word| word.rsplit('/').next().unwrap_or(word).to_owned());
        server.map(|server| server.process.to_owned()).filter(|name| name != "app").or(word)
    };
    let of_image = |image: &str| {
        let last = image.rsplit('/').next().unwrap_or(image);
        last.split([':', '@']).next().unwrap_or(last).to_owned()
    };
    (0..pod.spec.containers.len())
        .map(|at| name(at).unwrap_or_else(|| of_image(&pod.spec.containers[at].image)))
        .collect()
}
