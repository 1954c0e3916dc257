//! `kubectl exec` and `kubectl debug node/…`. Models k8s.io/kubectl pkg/cmd/exec, debug.

use super::flags::{Flag, Parsed, Takes, flag};
use super::{Command, Failure, get, not_found, resource};
use crate::cluster::{Labels, ObjectKey, Outcome, PodKey, PodPhase, PodRecord, Revision, Typed, identity};
use crate::console::environment;
use crate::console::machine::{Beside, Context};
use crate::console::shell::{self, Host, Io};
use crate::console::terminal;
use crate::manifest::typed::RestartPolicy;
use crate::workload::Shell;
use crate::world::World;
use std::sync::Arc;

pub const EXEC_FLAGS: &[Flag] = &[
    flag("container", 'c', Takes::Value),
    flag("stdin", 'i', Takes::Bool),
    flag("tty", 't', Takes::Bool),
    flag("quiet", 'q', Takes::Bool),
    flag("filename", 'f', Takes::Value),
    flag("pod-running-timeout", ' ', Takes::Value),
];

pub const DEBUG_FLAGS: &[Flag] = &[
    flag("image", ' ', Takes::Value),
    flag("profile", ' ', Takes::Value),
    flag("container", 'c', Takes::Value),
    flag("stdin", 'i', Takes::Bool),
    flag("tty", 't', Takes::Bool),
    flag("quiet", 'q', Takes::Bool),
    flag("attach", ' ', Takes::Bool),
    flag("target", ' ', Takes::Value),
    flag("copy-to", ' ', Takes::Value),
    flag("image-pull-policy", ' ', Takes::Value),
];

/// What `--profile` can be.
pub const PROFILES: [&str; 6] = ["legacy", "general", "baseline", "netadmin", "restricted", "sysadmin"];

/// Runs `kubectl exec`.
pub fn exec(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    let before_dash = parsed.dash.unwrap_or(parsed.arguments.len());
    let (target, argv) = match parsed.arguments.as_slice() {
        [] => return Err(Failure::error("pod, type/name or --filename must be specified")),
        [target, argv @ ..] => (target, argv),
    };
    if before_dash == 0 {
        return Err(Failure::error("pod, type/name or --filename must be specified"));
    }
    if before_dash > 1 {
        return Err(Failure::error(
            "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'kubectl exec -h' for \
             help and examples",
        ));
    }
    if argv.is_empty() {
        return Err(Failure::error("you must specify at least one command for the container"));
    }
    let namespace = command.namespace(parsed);
    let pod = command.pod_of(target, &namespace)?;
    if matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed) {
        let phase = pod.phase_name();
        let message = format!("cannot exec into a container in a completed pod; current phase is {phase}");
        return Err(Failure::error(&message));
    }
    let container = container_of(command, &pod, parsed)?;
    if let Some(beside) = &mut command.machine.effects.beside {
        beside.by_kubectl = true;
    }
    let status = command.run_in(&pod, container, argv, parsed)?;
    if status != 0 {
        command.io.err(&format!("command terminated with exit code {status}\n"));
    }
    Ok(status)
}

fn container_of(command: &mut Command<'_, '_>, pod: &PodRecord, parsed: &Parsed) -> Result<usize, Failure> {
    let containers = &pod.spec.containers;
    let Some(name) = parsed.value("container") else {
        if containers.len() > 1 && !parsed.is("quiet") {
            let names: Vec<&str> = containers.iter().map(|container| &*container.name).collect();
            let text = format!("Defaulted container \"{}\" out of: {}\n", names[0], names.join(", "));
            command.io.err(&text);
        }
        return Ok(0);
    };
    let found = containers.iter().position(|container| &*container.name == name);
    found.ok_or_else(|| Failure::error(&format!("container {name} not found in pod {}", pod.key.name)))
}

impl Command<'_, '_> {
    fn pod_of(&self, target: &str, namespace: &str) -> Result<Arc<PodRecord>, Failure> {
        pod_of(self.revision(), target, namespace)
    }

    /// Runs a command in a container, or enters its shell.
    pub(super) fn run_in(
        &mut self,
        pod: &PodRecord,
        container: usize,
        argv: &[String],
        parsed: &Parsed,
    ) -> Result<i32, Failure> {
        let name = &pod.spec.containers.get(container).map(|container| container.name.clone()).unwrap_or_default();
        if pod.node.is_none() {
            let message =
                format!("Error from server (BadRequest): pod {} does not have a host assigned\n", pod.key.name);
            return Err(Failure::Text(message));
        }
        if !pod.container_runs(container) {
            let message = format!("unable to upgrade connection: container not found (\"{name}\")");
            return Err(Failure::error(&message));
        }
        let context = Context::Container { pod: pod.key.clone(), container };
        let input = if parsed.is("stdin") { self.io.read_all() } else { String::new() };
        let mut machine = self.machine.at(context.clone());
        let installed = machine.toolbox().shell;
        let program = argv[0].rsplit('/').next().unwrap_or_default();
        let beside = machine.effects.beside.take();
        machine.effects.beside = beside.filter(|beside| beside.by_kubectl && Beside::is_for(program));
        let is_shell = matches!(
            (program, installed),
            ("sh", Shell::Ash | Shell::Bash | Shell::AshBash)
                | ("ash", Shell::Ash | Shell::AshBash)
                | ("bash", Shell::Bash | Shell::AshBash)
        );
        let interactive = argv[1..].iter().all(|word| word.starts_with('-') && !word.contains('c'));
        if is_shell && interactive && parsed.is("tty") && input.is_empty() {
            self.machine.effects.entered = Some(context);
            return Ok(0);
        }
        let mut session = terminal::session_of(&context, installed);
        let hostname = machine.hostname();
        for (name, value) in environment::of(machine.world.revision(), pod, container, &hostname) {
            session.export(&name, &value);
        }
        let before = self.io.swap_input(input);
        let status = if is_shell {
            Some(shell::run_shell(argv, &mut machine, &mut session, self.io))
        } else if matches!(program, "sh" | "ash" | "bash") {
            None
        } else {
            machine.run(argv, &mut session, self.io)
        };
        self.io.swap_input(before);
        status.ok_or_else(|| no_program(pod, &argv[0]))
    }
}

/// The Pod that `name`, `pod/name` or `deploy/name` means.
pub fn pod_of(revision: &Revision, target: &str, namespace: &str) -> Result<Arc<PodRecord>, Failure> {
    pods_of(revision, target, namespace, "attach to").map(|mut pods| pods.swap_remove(0))
}

/// The Pods that a Pod's name, a workload's or a Service's stands for, at least one, the first choice first. `purpose`:
/// what cannot be done without.
pub fn pods_of(
    revision: &Revision,
    target: &str,
    namespace: &str,
    purpose: &str,
) -> Result<Vec<Arc<PodRecord>>, Failure> {
    let (kind, name) = match target.split_once('/') {
        Some((kind, name)) => (resource::find(kind, revision)?, name),
        None => (resource::find("pods", revision)?, target),
    };
    if kind.kind == "Pod" {
        let pod = revision.pod(namespace, name).cloned();
        return pod.map(|pod| vec![pod]).ok_or_else(|| Failure::Text(not_found(&kind, name) + "\n"));
    }
    let Some(object) = revision.object(&get::key(&kind, namespace, name)) else {
        return Err(Failure::Text(not_found(&kind, name) + "\n"));
    };
    let cannot = |why: String| Failure::error(&format!("cannot {purpose} *v1.{}: {why}", kind.kind));
    let selects: Box<dyn Fn(&Labels) -> bool> = match (&object.typed, object.workload()) {
        (_, Some(workload)) => Box::new(|labels| workload.selector.matches(labels)),
        (Typed::Service(service), _) if service.selector.is_empty() => {
            return Err(cannot(format!("invalid service '{name}': Service is defined without a selector")));
        }
        (Typed::Service(service), _) => {
            Box::new(|labels| service.selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
        }
        _ => return Err(cannot(format!("selector for *v1.{} not implemented", kind.kind))),
    };
    let pods = revision.pods.values().filter(|pod| *pod.key.namespace == *namespace && selects(&pod.labels));
    let mut pods: Vec<Arc<PodRecord>> = pods.cloned().collect();
    // Models kubectl's ActivePods order: running ones first.
    pods.sort_by_key(|pod| pod.phase != PodPhase::Running);
    let none = || Failure::error(&format!("timed out waiting for the condition: {target} has no Pods"));
    if pods.is_empty() { Err(none()) } else { Ok(pods) }
}

/// containerd's words for a program that the image does not have.
fn no_program(pod: &PodRecord, name: &str) -> Failure {
    let part = |n: &str| identity::bits(pod.uid.0 as u64, &["exec", name, n]);
    let id = format!("{:016x}{:016x}{:016x}{:016x}", part("0"), part("1"), part("2"), part("3"));
    let what = match name.contains('/') {
        true => format!("stat {name}: no such file or directory"),
        false => "executable file not found in $PATH".to_string(),
    };
    Failure::error(&format!(
        "Internal error occurred: error executing command in container: failed to exec in container: failed to start exec \
         \"{id}\": OCI runtime exec failed: exec failed: unable to start container process: exec: \"{name}\": {what}"
    ))
}

/// Runs `kubectl debug node/NAME`: a Pod on the node, in its namespaces, with its file system under /host.
pub fn debug(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    let before_dash = parsed.dash.unwrap_or(parsed.arguments.len());
    let Some(target) = parsed.arguments.first().filter(|_| before_dash > 0) else {
        return Err(Failure::error("NAME or TYPE/NAME is required for debug"));
    };
    let Some(image) = parsed.value("image") else {
        return Err(Failure::error("you must specify --image when not using --copy-to."));
    };
    let revision = command.revision();
    let (kind, name) = match target.split_once('/') {
        Some((kind, name)) => (resource::find(kind, revision)?, name),
        None => (resource::find("pods", revision)?, target.as_str()),
    };
    if kind.kind != "Node" {
        return Err(Failure::error(
            "podhop's kubectl debugs nodes: kubectl debug node/NAME --image=IMAGE (Pods have exec)",
        ));
    }
    if revision.node(name).is_none() {
        return Err(Failure::Text(not_found(&kind, name) + "\n"));
    }
    let profile = parsed.value("profile").unwrap_or("legacy");
    if !PROFILES.contains(&profile) {
        return Err(Failure::error(&format!("unknown profile: {profile}")));
    }
    let namespace = command.namespace(parsed);
    let container = parsed.value("container").unwrap_or("debugger");
    let suffix = identity::suffix(identity::bits(revision.seed, &["debug", name, &revision.number.to_string()]));
    let pod = format!("node-debugger-{name}-{suffix}");
    let argv: Vec<String> = parsed.arguments[1..].to_vec();
    let stays = parsed.is("stdin") || parsed.is("attach");
    let place = Place { pod: &pod, namespace: &namespace, node: name, container, image };
    let manifest = place.manifest(profile, parsed.is("tty"), stays, &argv);
    if !parsed.is("quiet") {
        command.io.err(&format!("Creating debugging pod {pod} with container {container} on node {name}.\n"));
    }
    let applied = command.machine.world.apply_text(&format!("kubectl debug node/{name}"), &manifest);
    command.machine.effects.changed = true;
    for (_, outcome) in &applied.objects {
        if let Outcome::Refused(reason, message) = outcome {
            return Err(Failure::Text(format!("Error from server ({reason}): {message}\n")));
        }
    }
    if !stays {
        return Ok(0);
    }
    let key = PodKey::new(&namespace, &pod);
    let Some(record) = command.revision().pods.get(&key).cloned() else {
        return Err(Failure::error(&format!("the Pod {pod} could not be created")));
    };
    if parsed.is("tty") && !parsed.is("quiet") {
        command.io.err(
            "All commands and output from this session will be recorded in container logs, including credentials and \
             sensitive information passed through the command prompt.\nIf you don't see a command prompt, try pressing \
             enter.\n",
        );
    }
    let argv = if argv.is_empty() { vec!["sh".to_string()] } else { argv };
    let ran = command.run_in(&record, 0, &argv, parsed);
    if command.machine.effects.entered.is_none() {
        command.machine.world.end_pod(&key, matches!(ran, Ok(0)));
    }
    ran
}

/// A shell in this Pod has ended; a container that was attached to ends with it, and `kubectl run --rm` removes its Pod.
pub fn left(world: &mut World, pod: &PodKey, status: i32, removed: bool, io: &mut Io) {
    if removed {
        world.delete(&[ObjectKey::pod(pod)]);
        return io.out(&format!("pod \"{}\" deleted from {} namespace\n", pod.name, pod.namespace));
    }
    let attached = |record: &Arc<PodRecord>| {
        let spec = &record.spec;
        let debugs = (record.labels.iter())
            .any(|(key, value)| (&**key, &**value) == ("app.kubernetes.io/managed-by", "kubectl-debug"));
        let once = spec.containers.first().is_some_and(|container| container.stdin_once);
        debugs || (once && spec.restart_policy == RestartPolicy::Never)
    };
    if world.revision().pods.get(pod).is_some_and(attached) {
        world.end_pod(pod, status == 0);
    }
}

/// Where a debugging container is to run.
struct Place<'a> {
    pod: &'a str,
    namespace: &'a str,
    node: &'a str,
    container: &'a str,
    image: &'a str,
}

impl Place<'_> {
    /// Models pkg/cmd/debug generateNodeDebugPod. A container that `stays` waits, so that the session can be entered;
    /// another one runs its command without an input and ends.
    fn manifest(&self, profile: &str, tty: bool, stays: bool, argv: &[String]) -> String {
        let security = match profile {
            "sysadmin" => "    securityContext: {privileged: true}\n",
            "netadmin" => "    securityContext: {capabilities: {add: [NET_ADMIN, NET_RAW]}}\n",
            _ => "",
        };
        let quote = |text: &str| format!("{text:?}");
        let words: Vec<String> = argv.iter().map(|word| quote(word)).collect();
        let command = match (stays, argv.is_empty()) {
            (true, _) => "    command: [sleep, infinity]\n".to_owned(),
            (false, true) => String::new(),
            (false, false) => format!("    command: [{}]\n", words.join(", ")),
        };
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {}\n  namespace: {}\n  labels:\n    \
             app.kubernetes.io/managed-by: kubectl-debug\nspec:\n  nodeName: {}\n  hostNetwork: true\n  hostPID: \
             true\n  hostIPC: true\n  restartPolicy: Never\n  containers:\n  - name: {}\n    image: \
             {}\n{command}    stdin: {stays}\n    tty: {tty}\n{security}    volumeMounts:\n    - mountPath: \
             /host\n      name: host-root\n  tolerations:\n  - operator: Exists\n  volumes:\n  - hostPath: {{path: \
             /}}\n    name: host-root\n",
            self.pod,
            quote(self.namespace),
            quote(self.node),
            quote(self.container),
            quote(self.image)
        )
    }
}
