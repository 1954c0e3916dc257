//! `cilium-dbg` of Cilium 1.18, in the agent's container: its state and what is in its maps. Models cilium-dbg/cmd.
//!
//! Left out: everything that changes something, and `monitor`, as podhop records packets by itself.

mod bpf;
mod list;
mod status;

use super::super::machine::{Context, Machine};
use super::super::shell::Io;
use super::{NOT_RUNNING, fail};
use crate::cluster::NodeRecord;
use crate::tables::ebpf::Ebpf;
use std::sync::Arc;

/// The agent's image, the only one that has the program.
const IMAGE: &str = "cilium/cilium";
/// What a container of it has.
pub const PROGRAMS: [&str; 3] = ["cilium", "cilium-dbg", "hubble"];

const HELP: &str = "CLI for interacting with the local Cilium Agent\n\nUsage:\n  cilium-dbg [command]\n\n\
                    Available Commands:\n  \
                    bpf         Direct access to local BPF maps: ct, endpoint, ipcache, lb, policy\n  \
                    endpoint    Manage endpoints: list\n  \
                    identity    Manage security identities: list, get\n  \
                    status      Display status of daemon\n  \
                    version     Print version information\n";

/// Whether this is a container of the agent's image.
pub fn is_agent(machine: &Machine<'_>) -> bool {
    let Context::Container { pod, container } = &machine.context else { return false };
    let record = machine.world.revision().pods.get(pod);
    let container = record.and_then(|record| record.spec.containers.get(*container));
    container.is_some_and(|container| crate::workload::Image::parse(&container.image).repository == IMAGE)
}

/// The agent's node with its maps.
struct Agent {
    node: Arc<NodeRecord>,
    maps: Arc<Ebpf>,
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    if argv.first().is_some_and(|name| name.ends_with("hubble")) {
        return unrecorded("hubble", io);
    }
    let numbers = argv.iter().any(|word| word == "-n" || word == "--numeric");
    let all = argv.iter().any(|word| word == "--all");
    let words: Vec<&str> = argv[1..].iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    match words[..] {
        [] => return fail(io, HELP, 0),
        ["version", ..] => return fail(io, status::VERSION, 0),
        ["monitor", ..] => return unrecorded("cilium-dbg monitor", io),
        _ => {}
    }
    let Some(agent) = agent(machine) else { return fail(io, NOT_RUNNING, 126) };
    let Agent { node, maps } = &agent;
    let text = match words[..] {
        ["status"] => Ok(status::text(machine.world.revision(), node, maps)),
        ["endpoint", "list"] => Ok(list::endpoints(maps)),
        ["identity", "list"] => Ok(list::identities(maps)),
        ["identity", "get", id] => list::identity(maps, id),
        ["bpf", "lb", "list"] => Ok(bpf::services(maps)),
        ["bpf", "ipcache", "list"] => Ok(bpf::ipcache(maps)),
        ["bpf", "ipcache", "get", ip] => bpf::ipcache_get(maps, ip),
        ["bpf", "endpoint", "list"] => Ok(bpf::endpoints(maps)),
        ["bpf", "policy", "get"] if all => Ok(bpf::all_policies(maps, numbers)),
        ["bpf", "policy", "get", id] => bpf::policy(maps, id, numbers),
        ["bpf", "ct", "list", "global"] => {
            let now = machine.world.now();
            let state = machine.world.state(node.netns);
            Ok(state.map_or_else(String::new, |state| bpf::connections(maps, &state.ebpf, now)))
        }
        _ => Err(format!("podhop's cilium-dbg has no \"{}\"\n{HELP}", words.join(" "))),
    };
    match text {
        Ok(text) => fail(io, &text, 0),
        Err(message) => fail(io, &format!("Error: {}\n", message.trim_end()), 1),
    }
}

fn agent(machine: &mut Machine<'_>) -> Option<Agent> {
    let Context::Container { pod, .. } = &machine.context else { return None };
    let revision = machine.world.revision();
    let node = revision.nodes.get(&**revision.pods.get(pod)?.node.as_ref()?)?.clone();
    let maps = machine.world.netns(node.netns)?.ebpf.clone()?;
    Some(Agent { node, maps })
}

fn unrecorded(name: &str, io: &mut Io) -> i32 {
    let why = "podhop records every packet by itself: see the journey, or `podhop trace`";
    fail(io, &format!("{name}: {why}\n"), 1)
}
