//! `kubectl`, modelled on version 1.34. What it does not know yet it says.

mod apply;
mod describe;
pub mod duration;
pub mod exec;
mod expose;
pub mod flags;
pub mod get;
pub mod go;
mod info;
pub mod jsonpath;
mod logs;
pub mod output;
mod patch;
mod place;
mod printers;
pub mod resource;
mod rollout;
mod run;
pub mod scale;
pub mod table;
mod template;
#[cfg(test)]
mod tests;

pub use exec::left;

use super::machine::Machine;
use super::shell::{Io, Session};
use crate::cluster::Kind;
use flags::{Flag, Parsed, Takes};

/// Why a command ends early.
#[derive(Debug)]
pub enum Failure {
    /// Printed as it is.
    Text(String),
}

impl Failure {
    /// `error: message`
    pub fn error(message: &str) -> Failure {
        Failure::Text(format!("error: {message}\n"))
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Failure {
        Failure::error(&message)
    }
}

/// The API server's answer about an object that does not exist.
pub fn not_found(kind: &Kind, name: &str) -> String {
    format!("Error from server (NotFound): {} \"{name}\" not found", resource::plural(kind))
}

/// A command while it runs.
pub struct Command<'a, 'm> {
    pub machine: &'a mut Machine<'m>,
    pub session: &'a Session,
    pub io: &'a mut Io,
}

impl Command<'_, '_> {
    /// `-n`, or the namespace `default`.
    pub fn namespace(&self, parsed: &Parsed) -> String {
        parsed.value("namespace").filter(|name| !name.is_empty()).unwrap_or("default").to_string()
    }
}

type Run = fn(&mut Command<'_, '_>, &Parsed) -> Result<i32, Failure>;

/// Name, flags, function.
pub const COMMANDS: &[(&str, &[Flag], Run)] = &[
    ("get", get::FLAGS, get::get),
    ("apply", apply::APPLY_FLAGS, apply::apply),
    ("delete", apply::DELETE_FLAGS, apply::delete),
    ("scale", scale::FLAGS, scale::scale),
    ("rollout", rollout::FLAGS, rollout::rollout),
    ("logs", logs::FLAGS, logs::logs),
    ("describe", describe::FLAGS, describe::describe),
    ("expose", expose::FLAGS, expose::expose),
    ("run", run::FLAGS, run::run),
    ("exec", exec::EXEC_FLAGS, exec::exec),
    ("debug", exec::DEBUG_FLAGS, exec::debug),
    ("version", info::VERSION_FLAGS, info::version),
    ("api-resources", info::API_RESOURCES_FLAGS, info::api_resources),
    ("help", &[], info::help),
];

/// What a command does, in kubectl's own words; empty for a name that is none.
pub fn about(command: &str) -> &'static str {
    match command {
        "get" => "Display one or many resources",
        "apply" => "Apply a configuration to a resource by file name or stdin",
        "delete" => "Delete resources by file names, stdin, resources and names",
        "scale" => "Set a new size for a deployment, replica set, or replication controller",
        "logs" => "Print the logs for a container in a pod",
        "rollout" => "Manage the rollout of a resource",
        "describe" => "Show details of a specific resource or group of resources",
        "expose" => {
            "Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service"
        }
        "run" => "Run a particular image on the cluster",
        "exec" => "Execute a command in a container",
        "debug" => "Create debugging sessions for troubleshooting workloads and nodes",
        "version" => "Print the client and server version information",
        "api-resources" => "Print the supported API resources on the server",
        "help" => "Help about any command",
        _ => "",
    }
}

/// Commands of kubectl that podhop's does not have.
const OTHERS: &[&str] = &[
    "annotate",
    "api-versions",
    "attach",
    "auth",
    "autoscale",
    "certificate",
    "cluster-info",
    "completion",
    "config",
    "cordon",
    "cp",
    "create",
    "diff",
    "drain",
    "edit",
    "events",
    "explain",
    "kustomize",
    "label",
    "options",
    "patch",
    "plugin",
    "port-forward",
    "proxy",
    "replace",
    "set",
    "taint",
    "top",
    "uncordon",
    "wait",
];

/// Runs `kubectl` with its arguments and returns its exit status.
pub fn run(machine: &mut Machine<'_>, argv: &[String], session: &mut Session, io: &mut Io) -> i32 {
    let mut command = Command { machine, session, io };
    match dispatch(&mut command, &argv[1..]) {
        Ok(status) => status,
        Err(Failure::Text(text)) => {
            command.io.err(&text);
            1
        }
    }
}

fn dispatch(command: &mut Command<'_, '_>, words: &[String]) -> Result<i32, Failure> {
    // Global flags may stand before the command.
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|word| word.len() > 1 && word.starts_with('-')) {
        if matches!(word.as_str(), "-h" | "--help") {
            return info::help(command, &Parsed::default());
        }
        let name = word.trim_start_matches('-');
        let takes_next = flags::GLOBAL.iter().any(|flag| {
            flag.takes == Takes::Value && (flag.long == name || (name.len() == 1 && name.starts_with(flag.short)))
        });
        at += if takes_next { 2 } else { 1 };
    }
    let Some(name) = words.get(at) else {
        let problem = flags::parse(words, &[]).err();
        return match problem {
            Some(problem) => Err(Failure::Text(format!("error: {problem}\nSee 'kubectl --help' for usage.\n"))),
            None => info::help(command, &Parsed::default()),
        };
    };
    let mut rest: Vec<String> = words[..at].to_vec();
    rest.extend_from_slice(&words[at + 1..]);
    let Some((name, flags, run)) = COMMANDS.iter().find(|(known, ..)| known == name) else {
        return Err(Failure::Text(unknown_command(name)));
    };
    let own_words = rest.iter().take_while(|word| *word != "--");
    if own_words.into_iter().any(|word| matches!(word.as_str(), "-h" | "--help")) {
        return info::usage(command, name, flags);
    }
    let usage = |problem: String| Failure::Text(format!("error: {problem}\nSee 'kubectl {name} --help' for usage.\n"));
    let parsed = flags::parse(&rest, flags).map_err(usage)?;
    run(command, &parsed)
}

fn unknown_command(name: &str) -> String {
    if OTHERS.contains(&name) {
        let known: Vec<&str> = COMMANDS.iter().map(|(name, ..)| *name).collect();
        return format!("error: podhop's kubectl has no {name} yet; it has {}\n", known.join(", "));
    }
    let mut text = format!("error: unknown command \"{name}\" for \"kubectl\"\n");
    let known = COMMANDS.iter().map(|(known, ..)| *known).chain(OTHERS.iter().copied());
    let near: Vec<&str> = known.filter(|known| distance(known, name) <= 2 || known.starts_with(name)).collect();
    if !near.is_empty() {
        text.push_str("\nDid you mean this?\n");
        near.iter().for_each(|known| text.push_str(&format!("\t{known}\n")));
        text.push('\n');
    }
    text
}

/// Levenshtein's distance, of words as short as commands.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(40).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}
