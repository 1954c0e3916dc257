//! Commands that run somewhere else: `ssh NODE`, and `chroot /host` in a Pod that has the node's file system.

use super::machine::{Context, Machine};
use super::shell::{self, Host, Io, Session};
use super::terminal::session_of;
use crate::cluster::{ObjectKey, PodKey};
use crate::manifest::Node;

/// Runs `ssh` or `chroot`; None for other names. The connection itself is not simulated: a node lets its student in.
pub fn run(machine: &mut Machine<'_>, argv: &[String], session: &mut Session, io: &mut Io) -> Option<i32> {
    match argv.first()?.rsplit('/').next()? {
        "ssh" => Some(ssh(machine, &argv[1..], io)),
        "chroot" => Some(chroot(machine, &argv[1..], session, io)),
        _ => None,
    }
}

/// `ssh [-l USER] [USER@]NODE [COMMAND…]`; the node by name or address. 255 if there is none.
fn ssh(machine: &mut Machine<'_>, words: &[String], io: &mut Io) -> i32 {
    let mut words = words;
    // Options that take a value; the others stand alone.
    while let [first, rest @ ..] = words {
        if !first.starts_with('-') {
            break;
        }
        let takes_value = first.len() == 2 && "bcDEeFIiJLlmOopQRSWw".contains(&first[1..]);
        words = if takes_value { rest.get(1..).unwrap_or(&[]) } else { rest };
    }
    let [target, command @ ..] = words else {
        io.err("usage: ssh [-l login_name] destination [command [argument ...]]\n");
        return 255;
    };
    let host = target.rsplit_once('@').map_or(target.as_str(), |(_, host)| host);
    let revision = machine.world.revision();
    let node = revision.nodes.values().find(|node| *node.name == *host || node.ips().any(|ip| ip.to_string() == *host));
    let Some(name) = node.map(|node| node.name.clone()) else {
        io.err(&format!("ssh: Could not resolve hostname {host}: Name or service not known\n"));
        return 255;
    };
    let context = Context::Node { name };
    if command.is_empty() {
        machine.effects.entered = Some(context);
        return 0;
    }
    on_node(machine, context, &command.join(" "), io)
}

/// Runs a script in a node's shell.
fn on_node(machine: &mut Machine<'_>, context: Context, script: &str, io: &mut Io) -> i32 {
    let mut node = machine.at(context.clone());
    let installed = node.toolbox().shell;
    shell::run(script, &mut node, &mut session_of(&context, installed), io).status
}

/// `chroot DIRECTORY [COMMAND…]`, where the directory is a node's root that is mounted into the Pod.
fn chroot(machine: &mut Machine<'_>, words: &[String], session: &Session, io: &mut Io) -> i32 {
    let [directory, command @ ..] = words else {
        io.err("chroot: missing operand\n");
        return 125;
    };
    let path = session.absolute(directory);
    let Some(node) = mounted_node(machine, &path) else {
        io.err(&format!("chroot: can't change root directory to '{directory}': No such file or directory\n"));
        return 1;
    };
    let program = command.first().map_or("sh", |word| word.rsplit('/').next().unwrap_or_default());
    let is_shell = matches!(program, "sh" | "bash");
    if command.len() <= 1 && is_shell {
        machine.effects.entered = Some(node);
        return 0;
    }
    let mut at_node = machine.at(node.clone());
    let installed = at_node.toolbox().shell;
    let mut session = session_of(&node, installed);
    session.cwd = "/".to_owned();
    if is_shell {
        return shell::run_shell(command, &mut at_node, &mut session, io);
    }
    at_node.run(command, &mut session, io).unwrap_or_else(|| {
        io.err(&format!("chroot: can't execute '{}': No such file or directory\n", command[0]));
        127
    })
}

/// The node whose root the Pod has mounted at a path. Its network is the node's only with hostNetwork.
fn mounted_node(machine: &Machine<'_>, path: &str) -> Option<Context> {
    let Context::Container { pod, container } = &machine.context else { return None };
    let revision = machine.world.revision();
    let record = revision.pods.get(pod).filter(|record| record.host_network)?;
    let key: &PodKey = pod;
    let tree = revision.object(&ObjectKey::pod(key))?.tree(revision);
    let spec = tree.get("spec")?;
    let container = spec.get("containers")?.item(*container)?;
    let text = |node: &Node, name: &str| node.get(name).and_then(Node::as_str).unwrap_or("").to_owned();
    let mounts = container.get("volumeMounts")?.items();
    let volume = mounts.iter().find(|mount| text(mount, "mountPath").trim_end_matches('/') == path)?;
    let name = text(volume, "name");
    let volume = spec.get("volumes")?.items().iter().find(|volume| text(volume, "name") == name)?;
    (text(volume.get("hostPath")?, "path") == "/").then_some(())?;
    Some(Context::Node { name: record.node.clone()? })
}
