//! `help`: what there is to type, by place, from the tables of the tools.

use super::commands;
use crate::cluster::PodKey;
use crate::console::kubectl;
use crate::console::machine::{Context, Machine};
use crate::console::shell::Io;
use std::collections::BTreeMap;

/// Pods whose images are listed.
const PLACES_MAX: usize = 6;

/// Prints the commands of this place with a line each, then those that other places add.
pub fn print(machine: &mut Machine<'_>, io: &mut Io) -> i32 {
    let here = commands::programs(machine);
    let place = match &machine.context {
        Context::Host => "Here, on your own machine beside the cluster:".to_owned(),
        Context::Node { name } => format!("Here, on the node {name}:"),
        Context::Container { pod, .. } => format!("Here, in the Pod {} (what its image has):", pod.name),
    };
    io.out(&format!("{place}\n"));
    list(io, &here);
    if machine.context == Context::Host {
        io.out("\nkubectl's commands:\n");
        let commands = kubectl::COMMANDS.iter().map(|(name, ..)| (*name, kubectl::about(name)));
        list(io, &commands.collect::<Vec<_>>());
        other_places(machine, &here, io);
    }
    io.out(
        "\nThe shell has pipes, redirections, variables, loops and functions. Tab completes, Up recalls, exit leaves a \
         Pod or a node.\n",
    );
    0
}

fn list(io: &mut Io, lines: &[(&str, &str)]) {
    for (name, about) in lines {
        io.out(format!("  {name:<14} {about}").trim_end());
        io.out("\n");
    }
}

/// Nodes and Pods: how to get there, and what is there.
fn other_places(machine: &mut Machine<'_>, here: &[(&'static str, &'static str)], io: &mut Io) {
    let Some(node) = machine.world.revision().nodes.keys().next().cloned() else { return };
    io.out(&format!("\nOn a node (ssh {node}): "));
    let there = commands::programs(&machine.at(Context::Node { name: node }));
    let missing: Vec<&str> = here.iter().filter(|own| !there.contains(own)).map(|(name, _)| *name).collect();
    io.out(&format!("the same, but not {}.\n", missing.join(", ")));
    for (image, pod) in images(machine) {
        let way = match &*pod.namespace {
            "default" => format!("kubectl exec -it {} -- sh", pod.name),
            namespace => format!("kubectl exec -n {namespace} -it {} -- sh", pod.name),
        };
        let inside = machine.at(Context::Container { pod, container: 0 });
        let names: Vec<&str> = commands::programs(&inside).into_iter().map(|(name, _)| name).collect();
        if names.contains(&"sh") {
            io.out(&format!("\nIn Pods of {image} ({way}):\n"));
            io.out(&wrapped(&names));
        }
    }
}

/// The images of user Pods, each with a Pod that runs.
fn images(machine: &Machine<'_>) -> BTreeMap<String, PodKey> {
    let mut images = BTreeMap::new();
    let pods = machine.world.revision().pods.values().filter(|pod| pod.netns.is_some() && !pod.host_network);
    for pod in pods.filter(|pod| &*pod.key.namespace != "kube-system") {
        let Some(container) = pod.spec.containers.first() else { continue };
        if images.len() < PLACES_MAX {
            images.entry(container.image.to_string()).or_insert_with(|| pod.key.clone());
        }
    }
    images
}

/// Names in lines of 76 characters, two blanks before each line.
fn wrapped(names: &[&str]) -> String {
    let mut text = String::new();
    let mut width = 0;
    for name in names {
        if width == 0 || width + name.len() + 1 > 76 {
            text.push_str(if width == 0 { "  " } else { "\n  " });
            width = 2;
        } else {
            text.push(' ');
            width += 1;
        }
        text.push_str(name);
        width += name.len();
    }
    text + "\n"
}
