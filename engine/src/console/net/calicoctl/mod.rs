//! `calicoctl` of Calico 3.31: what is in its datastore, which is the Kubernetes API. Models calicoctl/calicoctl/commands.
//!
//! Left out: everything that changes something, and kinds that no table here has. NetworkPolicies of Kubernetes are not in
//! its lists, as this version has no conversion there.

mod get;
mod ipam;
mod kinds;
mod status;
mod table;
mod trees;

use super::super::machine::{Context, Machine};
use super::super::shell::Io;
use super::fail;
use super::options::{Options, Spec};
use crate::cluster::{ObjectKey, Revision};
use crate::console::kubectl::printers::field;

pub use kinds::{COLUMNS, KINDS, Resource};

const VERSION: &str = "v3.31.0";
/// The commit of the release.
const COMMIT: &str = "b1f3c43f84";

/// Options before the command.
const GLOBAL: Spec = Spec {
    short: "hl:1:23",
    long: &[("help", 'h'), ("log-level", 'l'), ("context", '1'), ("allow-version-mismatch", '2'), ("version", '3')],
    operand_ends: true,
};

/// Its commands with what each does.
pub const COMMANDS: &[(&str, &str)] = &[
    ("get", "show resources"),
    ("ipam", "show how addresses are used"),
    ("node", "show the state of a node's Calico and of its BGP sessions"),
    ("version", "show the versions of this program and of the cluster's Calico"),
];

/// Commands of calicoctl that podhop's does not have.
const OTHERS: &str = "apply cluster convert create datastore delete label patch replace validate";

type Complaint = String;

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let mut options = Options::new(GLOBAL, argv);
    while let Some(option) = options.next() {
        match option {
            Ok(('h', _)) => return fail(io, &help(), 0),
            Ok(('3', _)) => return fail(io, "Run 'calicoctl version' to see version information.\n", 0),
            Ok(_) => {}
            Err(_) => return misused(argv, io),
        }
    }
    let words: Vec<String> = options.operands.iter().map(|word| (*word).to_owned()).collect();
    let Some(command) = words.first() else { return misused(argv, io) };
    if words[1..].iter().any(|word| matches!(word.as_str(), "-h" | "--help")) {
        return fail(io, &help(), 0);
    }
    let done = match command.as_str() {
        "version" => version(machine.world.revision(), &words, io),
        "get" => get::run(machine.world.revision(), &words, io),
        "ipam" => ipam::run(machine.world.revision(), &words, io),
        "node" => node(machine, &words, io),
        other if OTHERS.split(' ').any(|known| known == other) => Err(format!(
            "podhop's calicoctl has no {other}: kubectl apply and kubectl delete change the same resources"
        )),
        other => Err(format!("unknown command: \"{other}\"\n{}", help().trim_end())),
    };
    match done {
        Ok(status) => status,
        Err(message) => fail(io, &format!("{message}\n"), 1),
    }
}

/// The names of a kind's resources in a namespace, or of all where it is in none.
pub fn names(revision: &Revision, resource: &Resource, namespace: &str) -> Vec<String> {
    let trees = trees::list_of(revision, resource, resource.namespaced.then_some(namespace));
    trees.iter().map(|tree| field(tree, "metadata.name")).collect()
}

fn help() -> String {
    let mut text = "Usage:\n  calicoctl [options] <command> [<args>...]\n\n".to_owned();
    COMMANDS.iter().for_each(|(name, about)| text += &format!("    {name:<10} {about}\n"));
    text + "\nFor example: calicoctl get ippool -o wide, calicoctl ipam show --show-blocks, calicoctl node status\n"
}

fn misused(argv: &[String], io: &mut Io) -> i32 {
    let words = argv[1..].join(" ");
    io.err("Usage:\n  calicoctl [options] <command> [<args>...]\n");
    io.out(&format!("Invalid option: '{words}'. Use flag '--help' to read about a specific subcommand.\n"));
    1
}

/// Said of options that a command does not take.
fn invalid(words: &[String]) -> Complaint {
    format!("invalid option: 'calicoctl {}'. Use flag '--help' to read about a specific subcommand", words.join(" "))
}

/// Whether the API server has the kinds of Calico.
fn is_installed(revision: &Revision) -> bool {
    revision.network.cni.calico().is_some() || revision.objects.keys().any(|key| kinds::is_group(&key.group))
}

/// The API server's answer about kinds that nobody has installed.
fn not_installed(identifier: &str, resource: &str) -> Complaint {
    format!(
        "resource does not exist: {identifier} with error: the server could not find the requested resource (get {resource})"
    )
}

fn version(revision: &Revision, words: &[String], io: &mut Io) -> Result<i32, Complaint> {
    let spec = Spec {
        short: "c:1:23",
        long: &[("config", 'c'), ("poll", '1'), ("allow-version-mismatch", '2'), ("client", '3')],
        operand_ends: false,
    };
    let mut options = Options::new(spec, words);
    let mut client_only = false;
    while let Some(option) = options.next() {
        let (letter, _) = option.map_err(|_| invalid(words))?;
        client_only |= letter == '3';
    }
    if !options.operands.is_empty() {
        return Err(invalid(words));
    }
    io.out(&format!("Client Version:    {VERSION}\nGit commit:        {COMMIT}\n"));
    if client_only {
        return Ok(0);
    }
    let Some(config) = revision.network.cni.calico() else {
        let missing = "ClusterInformations.crd.projectcalico.org default";
        let why = match is_installed(revision) {
            false => not_installed("ClusterInformation(default)", missing),
            true => "resource does not exist: ClusterInformation(default) with error: \
                     clusterinformations.crd.projectcalico.org \"default\" not found"
                .to_owned(),
        };
        return Err(format!("unable to retrieve Cluster Version or Type: {why}"));
    };
    // Typha comes first, then the first calico-node with what the operator gives it and what it has found.
    let bgp = if config.bgp.0 { ",bgp" } else { "" };
    let kubeadm = revision.object(&ObjectKey::new("ConfigMap", "kube-system", "kubeadm-config"));
    let kubeadm = if kubeadm.is_some() { ",kubeadm" } else { "" };
    io.out(&format!("Cluster Version:   {VERSION}\nCluster Type:      typha,kdd,k8s,operator{bgp}{kubeadm}\n"));
    Ok(0)
}

/// `calicoctl node status`
fn node(machine: &Machine<'_>, words: &[String], io: &mut Io) -> Result<i32, Complaint> {
    match words.get(1).map(String::as_str) {
        Some("status") => {}
        Some(other @ ("run" | "diags" | "checksystem")) => {
            return Err(format!("podhop's calicoctl has no node {other}; it has node status"));
        }
        _ => return Err(invalid(words)),
    }
    if words[2..].iter().any(|word| word != "--allow-version-mismatch") {
        return Err(invalid(words));
    }
    match &machine.context {
        Context::Node { name } => {
            io.out(&status::print(machine.world.revision(), name)?);
            Ok(0)
        }
        _ => {
            io.out("Need super user privileges: Operation not permitted\n");
            Ok(1)
        }
    }
}

#[cfg(test)]
mod tests;
