//! `kubectl rollout`. Models k8s.io/kubectl pkg/cmd/rollout and polymorphichelpers.

use super::flags::{Flag, Parsed, Takes, flag};
use super::printers::find;
use super::{Command, Failure, duration, get, not_found, patch, resource, template};
use crate::cluster::api::timestamp;
use crate::cluster::{Kind, Object, ObjectKey, Outcome, PodRecord, Rollout, Workload, api_object};
use crate::manifest::{Node, Value, emit};
use std::sync::Arc;

pub const FLAGS: &[Flag] = &[
    flag("filename", 'f', Takes::Value),
    flag("watch", 'w', Takes::Bool),
    flag("timeout", ' ', Takes::Value),
    flag("to-revision", ' ', Takes::Value),
    flag("revision", ' ', Takes::Value),
];

const SECOND: u64 = 1_000_000_000;
const RESTARTED_AT: [&str; 5] = ["spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"];

/// Runs `kubectl rollout status|history|restart|undo|pause|resume TYPE/NAME`.
pub fn rollout(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    let Some((verb, rest)) = parsed.arguments.split_first() else {
        let verbs = "history, pause, restart, resume, status, undo";
        return Err(Failure::error(&format!("say what to do with the rollout: {verbs}")));
    };
    let selection = match command.named_in_files(parsed)? {
        Some(selection) => selection,
        None => resource::select(rest, command.revision())?,
    };
    if selection.names.is_empty() && selection.kinds.is_empty() {
        return Err(Failure::error("required resource not specified"));
    }
    let namespace = command.namespace(parsed);
    let names = match selection.names.is_empty() {
        true => command.names_of(&selection.kinds, &namespace),
        false => selection.names,
    };
    if names.is_empty() {
        command.io.err(&format!("No resources found in {namespace} namespace.\n"));
    }
    for (kind, name) in &names {
        let Some(object) = command.revision().object(&get::key(kind, &namespace, name)).cloned() else {
            return Err(Failure::Text(not_found(kind, name) + "\n"));
        };
        match verb.as_str() {
            "status" => command.rollout_status(kind, &object, parsed)?,
            "history" => command.rollout_history(kind, &object, parsed)?,
            "restart" => command.rollout_restart(kind, &object)?,
            "undo" => command.rollout_undo(kind, &object, parsed)?,
            "pause" => command.rollout_pause(kind, &object, true)?,
            "resume" => command.rollout_pause(kind, &object, false)?,
            _ => return Err(Failure::error(&format!("unknown command \"{verb}\" for \"kubectl rollout\""))),
        }
    }
    Ok(0)
}

/// Where a rollout stands.
struct Standing {
    done: bool,
    line: String,
}

/// A flag that is a revision's number; 0 stands for none.
fn number(parsed: &Parsed, flag: &str) -> Result<u32, Failure> {
    let Some(text) = parsed.value(flag) else { return Ok(0) };
    match text.parse::<i64>() {
        Ok(number @ 0..) => Ok(u32::try_from(number).unwrap_or(u32::MAX)),
        Ok(number) => Err(Failure::error(&format!("revision must be a positive integer: {number}"))),
        Err(_) => Err(Failure::error(&format!(
            "invalid argument \"{text}\" for \"--{flag}\" flag: strconv.ParseInt: parsing \"{text}\": invalid syntax"
        ))),
    }
}

/// DaemonSets and StatefulSets keep their earlier templates in ControllerRevisions.
fn no_revisions(kind: &Kind) -> Option<Failure> {
    let has = matches!(&*kind.kind, "DaemonSet" | "StatefulSet");
    has.then(|| Failure::error(&format!("podhop keeps no ControllerRevisions: no history of a {}", kind.kind)))
}

impl Command<'_, '_> {
    /// The names of all objects of these kinds.
    fn names_of(&self, kinds: &[Kind], namespace: &str) -> Vec<(Kind, String)> {
        let objects = self.revision().objects.keys().filter(|key| *key.namespace == *namespace);
        let named = objects.filter_map(|key| {
            let kind = kinds.iter().find(|kind| key.is(&kind.kind) && *key.group == *kind.group)?;
            Some((kind.clone(), key.name.to_string()))
        });
        named.collect()
    }

    fn rollout_status(&mut self, kind: &Kind, object: &Arc<Object>, parsed: &Parsed) -> Result<(), Failure> {
        let timeout = match parsed.value("timeout") {
            None => None,
            Some(text) => Some(duration::flag("timeout", text)?).filter(|timeout| *timeout > 0),
        };
        let watches = parsed.value("watch") != Some("false");
        let standing = self.standing(kind, object)?;
        let deadline = self.progress_deadline(object);
        let now = self.machine.world.now();
        let exceeded = || Failure::error(&format!("deployment \"{}\" exceeded its progress deadline", object.key.name));
        if !standing.done && deadline.is_some_and(|deadline| deadline <= now) {
            return Err(exceeded());
        }
        self.io.out(&standing.line);
        if standing.done || !watches {
            return Ok(());
        }
        // What has settled stays as it is: only the patience of one side or the other ends.
        let left = deadline.map(|deadline| deadline - now);
        match (timeout, left) {
            (Some(timeout), left) if left.is_none_or(|left| timeout < left) => {
                self.machine.world.advance(timeout);
                Err(Failure::error("timed out waiting for the condition"))
            }
            (_, Some(left)) => {
                self.machine.world.advance(left);
                Err(exceeded())
            }
            _ => Err(Failure::error("nothing here will end this wait; give it a --timeout")),
        }
    }

    /// Models polymorphichelpers/rollout_status.go.
    fn standing(&self, kind: &Kind, object: &Object) -> Result<Standing, Failure> {
        let name = &object.key.name;
        let counts = crate::cluster::api::replica_counts(self.revision(), object);
        let waits = |what: String| Ok(Standing { done: false, line: what });
        match &*kind.kind {
            "Deployment" => {
                let wait =
                    |rest: String| waits(format!("Waiting for deployment \"{name}\" rollout to finish: {rest}...\n"));
                if counts.updated < counts.desired {
                    let (updated, desired) = (counts.updated, counts.desired);
                    return wait(format!("{updated} out of {desired} new replicas have been updated"));
                }
                if counts.current > counts.updated {
                    return wait(format!("{} old replicas are pending termination", counts.current - counts.updated));
                }
                if counts.available < counts.updated {
                    let (available, updated) = (counts.available, counts.updated);
                    return wait(format!("{available} of {updated} updated replicas are available"));
                }
                Ok(Standing { done: true, line: format!("deployment \"{name}\" successfully rolled out\n") })
            }
            "DaemonSet" => {
                if counts.available < counts.desired {
                    let (available, desired) = (counts.available, counts.desired);
                    return waits(format!(
                        "Waiting for daemon set \"{name}\" rollout to finish: {available} of {desired} updated pods are \
                         available...\n"
                    ));
                }
                Ok(Standing { done: true, line: format!("daemon set \"{name}\" successfully rolled out\n") })
            }
            "StatefulSet" => self.stateful_standing(object),
            kind => Err(Failure::error(&format!("no status viewer has been implemented for {kind}"))),
        }
    }

    /// Models StatefulSetStatusViewer. Pods of another template bear another hash.
    fn stateful_standing(&self, object: &Object) -> Result<Standing, Failure> {
        let revision = self.revision();
        let Some(workload) = object.workload() else { return Err(Failure::error("no StatefulSet")) };
        let Some(partition) = workload.stateful.as_ref().and_then(|stateful| stateful.partition) else {
            return Err(Failure::error("rollout status is only available for RollingUpdate strategy type"));
        };
        let counts = crate::cluster::api::replica_counts(revision, object);
        let waits = |line: String| Ok(Standing { done: false, line });
        let done = |line: String| Ok(Standing { done: true, line });
        if counts.ready < counts.desired {
            return waits(format!("Waiting for {} pods to be ready...\n", counts.desired - counts.ready));
        }
        let hash = format!("{}-{}", object.key.name, workload.template.hash());
        let pods = revision.children.get(&object.uid).into_iter().flatten();
        let pods = pods.filter_map(|key| revision.pods.get(&key.as_pod()?));
        let is_new =
            |pod: &&Arc<PodRecord>| pod.labels.get("controller-revision-hash").is_some_and(|own| **own == hash);
        let updated = pods.filter(is_new).count() as u32;
        if partition > 0 {
            let wanted = counts.desired.saturating_sub(partition);
            if updated < wanted {
                return waits(format!(
                    "Waiting for partitioned roll out to finish: {updated} out of {wanted} new pods have been updated...\n"
                ));
            }
            return done(format!("partitioned roll out complete: {updated} new pods have been updated...\n"));
        }
        if updated < counts.desired {
            return waits(format!(
                "waiting for statefulset rolling update to complete {updated} pods at revision {hash}...\n"
            ));
        }
        done(format!("statefulset rolling update complete {} pods at revision {hash}...\n", counts.current))
    }

    /// When a Deployment's controller gives its rollout up; never while it is paused.
    fn progress_deadline(&self, object: &Object) -> Option<u64> {
        if !object.key.is("Deployment") || object.workload()?.paused {
            return None;
        }
        let begun = self.revisions(object).into_iter().map(|(rollout, _)| rollout.begun_at_ns).max()?;
        let tree = api_object(self.revision(), &object.key)?;
        let seconds = match find(&tree, "spec.progressDeadlineSeconds").map(|node| &node.value) {
            Some(Value::Int(seconds)) => u64::try_from(*seconds).ok()?,
            _ => 600,
        };
        Some(begun + seconds.saturating_mul(SECOND))
    }

    /// A Deployment's ReplicaSets with what makes them its revisions, the oldest first.
    fn revisions(&self, deployment: &Object) -> Vec<(Rollout, Arc<Object>)> {
        let revision = self.revision();
        let sets = revision.children.get(&deployment.uid).into_iter().flatten();
        let sets = sets.filter_map(|key| revision.objects.get(key)).filter(|set| set.key.is("ReplicaSet"));
        let mut sets: Vec<_> = sets.filter_map(|set| Some((set.workload()?.rollout.clone()?, set.clone()))).collect();
        sets.sort_by_key(|(rollout, _)| rollout.revision);
        sets
    }

    fn rollout_history(&mut self, kind: &Kind, object: &Object, parsed: &Parsed) -> Result<(), Failure> {
        if let Some(failure) = no_revisions(kind) {
            return Err(failure);
        }
        if !object.key.is("Deployment") {
            let group = if kind.group.is_empty() { String::new() } else { format!("{} ", kind.group) };
            return Err(Failure::error(&format!(
                "no history viewer has been implemented for \"{group}{}\"",
                kind.kind
            )));
        }
        let wanted = number(parsed, "revision")?;
        if wanted > 0 {
            let found = self.revisions(object).into_iter().find(|(rollout, _)| rollout.revision == wanted);
            let Some((rollout, set)) = found else {
                return Err(Failure::error("unable to find the specified revision"));
            };
            let api = api_object(self.revision(), &set.key);
            let template = api.as_ref().and_then(|api| find(api, "spec.template"));
            let text = template
                .map_or_else(String::new, |template| template::describe(template, rollout.change_cause.as_deref()));
            self.io.out(&format!("{} with revision #{wanted}\n{text}\n", object.key));
            return Ok(());
        }
        let mut text = format!("{} \nREVISION  CHANGE-CAUSE\n", object.key);
        for (rollout, _) in self.revisions(object) {
            text += &format!("{:<9} {}\n", rollout.revision, rollout.change_cause.as_deref().unwrap_or("<none>"));
        }
        self.io.out(&(text + "\n"));
        Ok(())
    }

    /// Models polymorphichelpers/objectrestarter.go.
    fn rollout_restart(&mut self, kind: &Kind, object: &Object) -> Result<(), Failure> {
        let Some(workload) = object.workload().filter(|_| !object.key.is("ReplicaSet")) else {
            return Err(Failure::error(&format!(
                "{} \"{}\" restarting is not supported",
                resource::plural(kind),
                object.key.name
            )));
        };
        self.not_paused(kind, object, workload, "restart", "restart")?;
        let mut tree = Node::clone(&object.tree(self.revision()));
        let now = timestamp(self.machine.world.now());
        let before = RESTARTED_AT.iter().try_fold(&tree, |node, name| node.get(name)).and_then(Node::as_str);
        if before == Some(&now) {
            let words = "if restart has already been triggered within the past second, please wait before attempting to trigger another";
            let what = format!("{} \"{}\"", resource::plural(kind), object.key.name);
            return Err(Failure::error(&format!("failed to create patch for {what}: {words}")));
        }
        patch::set(&mut tree, &RESTARTED_AT, Value::String(now.into()));
        self.put(object, &tree, "restarted")
    }

    /// Models polymorphichelpers/rollback.go: the template of an earlier revision is the present one again.
    fn rollout_undo(&mut self, kind: &Kind, object: &Object, parsed: &Parsed) -> Result<(), Failure> {
        if let Some(failure) = no_revisions(kind) {
            return Err(failure);
        }
        let Some(workload) = object.workload().filter(|_| object.key.is("Deployment")) else {
            return Err(Failure::error(&format!("no rollbacker has been implemented for \"{}\"", kind.kind)));
        };
        self.not_paused(kind, object, workload, "rollback", "undo")?;
        let revisions = self.revisions(object);
        let wanted = match number(parsed, "to-revision")? {
            0 => revisions.iter().rev().nth(1),
            number => {
                let found = revisions.iter().find(|(rollout, _)| rollout.revision == number);
                let missing = || Failure::error(&format!("unable to find specified revision {number} in history"));
                Some(found.ok_or_else(missing)?)
            }
        };
        let Some((rollout, set)) = wanted else {
            return Err(Failure::error(&format!("no rollout history found for deployment \"{}\"", object.key.name)));
        };
        let Some(earlier) = set.workload() else { return Ok(()) };
        if earlier.template.fingerprint == workload.template.fingerprint {
            let words = format!("skipped rollback (current template already matches revision {})", rollout.revision);
            self.io.out(&format!("{} {words}\n", object.key));
            return Ok(());
        }
        let mut tree = Node::clone(&object.tree(self.revision()));
        patch::set(&mut tree, &["spec", "template"], earlier.template.tree.value.clone());
        patch::remove(&mut tree, &["spec", "template", "metadata", "labels", "pod-template-hash"]);
        self.put(object, &tree, "rolled back")
    }

    fn rollout_pause(&mut self, kind: &Kind, object: &Object, paused: bool) -> Result<(), Failure> {
        let (gerund, done) = if paused { ("pausing", "paused") } else { ("resuming", "resumed") };
        let Some(workload) = object.workload().filter(|_| object.key.is("Deployment")) else {
            let what = format!("{} \"{}\"", resource::plural(kind), object.key.name);
            return Err(Failure::error(&format!("{what} {gerund} is not supported")));
        };
        if workload.paused == paused {
            let what = format!("{} \"{}\"", resource::plural(kind), object.key.name);
            let state = if paused { "is already paused" } else { "is not paused" };
            return Err(Failure::error(&format!("{what} {state}")));
        }
        let mut tree = Node::clone(&object.tree(self.revision()));
        match paused {
            true => patch::set(&mut tree, &["spec", "paused"], Value::Bool(true)),
            false => patch::remove(&mut tree, &["spec", "paused"]),
        }
        self.put(object, &tree, done)
    }

    fn not_paused(
        &self,
        kind: &Kind,
        object: &Object,
        workload: &Workload,
        what: &str,
        verb: &str,
    ) -> Result<(), Failure> {
        if !workload.paused {
            return Ok(());
        }
        let (name, plural) = (&object.key.name, resource::plural(kind));
        Err(Failure::error(&match verb {
            "undo" => format!(
                "you cannot {what} a paused deployment; resume it first with 'kubectl rollout resume deployment/{name}' and try \
                 again"
            ),
            _ => format!("{plural} \"{name}\" can't {what} paused deployment (run rollout resume first)"),
        }))
    }

    /// Sends a changed object.
    fn put(&mut self, object: &Object, tree: &Node, done: &str) -> Result<(), Failure> {
        let key: &ObjectKey = &object.key;
        let applied = self.machine.world.apply_text(&format!("kubectl rollout {key}"), &emit::yaml(tree));
        self.machine.effects.changed = true;
        for (_, outcome) in &applied.objects {
            if let Outcome::Refused(reason, message) = outcome {
                return Err(Failure::Text(format!("Error from server ({reason}): {message}\n")));
            }
        }
        self.io.out(&format!("{key} {done}\n"));
        self.diagnostics(&applied);
        Ok(())
    }
}
