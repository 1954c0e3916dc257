//! `kubectl scale`. Models k8s.io/kubectl pkg/cmd/scale.

use super::flags::{Flag, Parsed, Takes, flag};
use super::{Command, Failure, get, not_found, patch, resource};
use crate::cluster::Outcome;
use crate::manifest::{Value, emit};

pub const FLAGS: &[Flag] = &[
    flag("replicas", ' ', Takes::Value),
    flag("current-replicas", ' ', Takes::Value),
    flag("output", 'o', Takes::Value),
    flag("timeout", ' ', Takes::Value),
];

/// Kinds that have a number of replicas to set.
pub const SCALABLE: [&str; 4] = ["Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"];

/// Runs `kubectl scale --replicas=N TYPE/NAME`.
pub fn scale(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    let number = |flag: &str| match parsed.value(flag).map(str::parse::<u32>) {
        None => Ok(None),
        Some(Ok(count)) => Ok(Some(count)),
        Some(Err(_)) => Err(Failure::error(&format!("--{flag} must be a count from 0 upwards"))),
    };
    let Some(replicas) = number("replicas")? else {
        return Err(Failure::error("required flag(s) \"replicas\" not set"));
    };
    let current = number("current-replicas")?;
    let selection = resource::select(&parsed.arguments, command.revision())?;
    if selection.names.is_empty() {
        return Err(Failure::error("you must provide one or more resources by argument or filename"));
    }
    let namespace = command.namespace(parsed);
    for (kind, name) in &selection.names {
        let revision = command.revision();
        let Some(object) = revision.object(&get::key(kind, &namespace, name)).cloned() else {
            return Err(Failure::Text(not_found(kind, name) + "\n"));
        };
        if !SCALABLE.contains(&&*kind.kind) {
            return Err(Failure::error("the server could not find the requested resource"));
        }
        let mut tree = (*object.tree(revision)).clone();
        let now = tree.at("spec.replicas").value.clone();
        let now = if let Value::Int(count) = now { count } else { 1 };
        if current.is_some_and(|count| i64::from(count) != now) {
            let expected = current.unwrap_or_default();
            return Err(Failure::error(&format!("Expected replicas to be {expected}, was {now}")));
        }
        patch::set(&mut tree, &["spec", "replicas"], Value::Int(i64::from(replicas)));
        let source = format!("kubectl scale {} --replicas={replicas}", object.key);
        let applied = command.machine.world.apply_text(&source, &emit::yaml(&tree));
        command.machine.effects.changed = true;
        for (key, outcome) in &applied.objects {
            match outcome {
                Outcome::Refused(reason, message) => {
                    return Err(Failure::Text(format!("Error from server ({reason}): {message}\n")));
                }
                _ if parsed.value("output") == Some("name") => command.io.out(&format!("{key}\n")),
                _ => command.io.out(&format!("{key} scaled\n")),
            }
        }
        command.diagnostics(&applied);
    }
    Ok(0)
}
