//! `kubectl logs`: what CoreDNS and web servers have printed. Models k8s.io/kubectl pkg/cmd/logs.
//!
//! A process that has not printed anything that is known here has an empty log.

mod servers;

use super::flags::{Flag, Parsed, Takes, flag};
use super::{Command, Failure, duration, exec};
use crate::cluster::api::timestamp;
use crate::cluster::{PodPhase, PodRecord, parse_selector};
use crate::control::coredns;
use crate::trace::Nanos;
use std::sync::Arc;

pub const FLAGS: &[Flag] = &[
    flag("container", 'c', Takes::Value),
    flag("follow", 'f', Takes::Bool),
    flag("previous", 'p', Takes::Bool),
    flag("selector", 'l', Takes::Value),
    flag("tail", ' ', Takes::Value),
    flag("timestamps", ' ', Takes::Bool),
    flag("prefix", ' ', Takes::Bool),
    flag("all-containers", ' ', Takes::Bool),
    flag("all-pods", ' ', Takes::Bool),
    flag("since", ' ', Takes::Value),
    flag("since-time", ' ', Takes::Value),
    flag("limit-bytes", ' ', Takes::Value),
    flag("max-log-requests", ' ', Takes::Value),
    flag("pod-running-timeout", ' ', Takes::Value),
    flag("ignore-errors", ' ', Takes::Bool),
];

type Line = (Nanos, String);

const USAGE: &str = "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\nSee 'kubectl logs -h' for help and examples";

/// Which lines of a log are printed, and how.
struct Wanted {
    tail: Option<usize>,
    since: Nanos,
    /// `2026-01-01T00:00:05`
    since_time: Option<String>,
    bytes_max: Option<usize>,
}

/// Runs `kubectl logs POD | TYPE/NAME [CONTAINER]`.
pub fn logs(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    let namespace = command.namespace(parsed);
    let wanted = Wanted::read(parsed, command.machine.world.now())?;
    let pods = match (&*parsed.arguments, parsed.value("selector")) {
        ([_], Some(_)) => {
            let words = "only a selector (-l) or a POD name is allowed\nSee 'kubectl logs -h' for help and examples";
            return Err(Failure::error(words));
        }
        ([target] | [target, _], _) => command.logged(target, &namespace, parsed)?,
        ([], Some(text)) => {
            let selector = parse_selector(text).map_err(|error| Failure::error(&error))?;
            let pods = command.revision().pods.values().filter(|pod| *pod.key.namespace == *namespace);
            pods.filter(|pod| selector.matches(&pod.labels)).cloned().collect()
        }
        _ => return Err(Failure::error(USAGE)),
    };
    if let (Some(name), true) = (container_name(parsed), parsed.is("all-containers")) {
        let words = format!("--all-containers=true should not be specified with container name {name}");
        return Err(Failure::error(&words));
    }
    if parsed.has("container") && parsed.arguments.len() == 2 {
        return Err(Failure::error("only one of -c or an inline [CONTAINER] arg is allowed"));
    }
    if pods.is_empty() {
        command.io.err(&format!("No resources found in {namespace} namespace.\n"));
    }
    for pod in pods {
        let containers = match parsed.is("all-containers") {
            true => (0..pod.spec.containers.len()).collect(),
            false => vec![container(command, &pod, parsed)?],
        };
        for container in containers {
            let name = pod.spec.containers.get(container).map(|container| container.name.clone()).unwrap_or_default();
            if pod.node.is_none() {
                continue;
            }
            startable(&pod, container, &name, parsed)?;
            let lines = command.lines(&pod, container);
            let prefixed = parsed.is("prefix") || parsed.is("all-pods");
            let prefix = if prefixed { format!("[pod/{}/{name}] ", pod.key.name) } else { String::new() };
            command.io.out(&wanted.text(lines, &prefix, parsed.is("timestamps")));
        }
    }
    if parsed.is("follow") {
        command.io.err("(podhop's kubectl does not wait for more lines: its clock moves only with commands)\n");
    }
    Ok(0)
}

fn container_name(parsed: &Parsed) -> Option<&str> {
    parsed.value("container").or(parsed.arguments.get(1).map(String::as_str))
}

impl Wanted {
    fn read(parsed: &Parsed, now: Nanos) -> Result<Wanted, Failure> {
        let number = |flag: &str| match parsed.value(flag).map(|text| (text, text.parse::<i64>())) {
            None => Ok(None),
            Some((_, Ok(number))) => Ok(Some(number)),
            Some((text, Err(_))) => Err(Failure::error(&format!(
                "invalid argument \"{text}\" for \"--{flag}\" flag: strconv.ParseInt: parsing \"{text}\": invalid syntax"
            ))),
        };
        let tail = match number("tail")? {
            None if parsed.has("selector") => Some(10),
            Some(..=-2) => return Err(Failure::error("--tail must be greater than or equal to -1")),
            count => count.and_then(|count| usize::try_from(count).ok()),
        };
        let bytes_max = match number("limit-bytes")? {
            Some(..=-1) => return Err(Failure::error("--limit-bytes must be greater than 0")),
            count => count.and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0),
        };
        let since = match parsed.value("since") {
            None => 0,
            Some(text) => now.saturating_sub(duration::flag("since", text)?),
        };
        let since_time = match parsed.value("since-time") {
            None => None,
            Some(text) => Some(utc(text).ok_or_else(|| {
                Failure::error(&format!(
                    "parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{text}\" as \"2006\""
                ))
            })?),
        };
        if since_time.is_some() && parsed.has("since") {
            return Err(Failure::error("at most one of `sinceTime` or `sinceSeconds` may be specified"));
        }
        Ok(Wanted { tail, since, since_time, bytes_max })
    }

    fn text(&self, mut lines: Vec<Line>, prefix: &str, stamped: bool) -> String {
        let after = |at: Nanos| self.since_time.as_ref().is_none_or(|since| &stamp(at)[..19] >= since.as_str());
        lines.retain(|(at, _)| *at >= self.since && after(*at));
        let skipped = self.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
        let (mut text, mut left) = (String::new(), self.bytes_max.unwrap_or(usize::MAX));
        for (at, line) in &lines[skipped..] {
            let line = if stamped { format!("{} {line}\n", stamp(*at)) } else { format!("{line}\n") };
            let line = &line[..line.floor_char_boundary(left)];
            if line.is_empty() {
                break;
            }
            text += prefix;
            text += line;
            left -= line.len();
        }
        text
    }
}

/// A moment in UTC, to the second.
fn utc(text: &str) -> Option<String> {
    let (seconds, zone) = (text.get(..19)?, text.get(19..)?);
    let fits = seconds.bytes().zip(b"0000-00-00T00:00:00").all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == *form,
    });
    let fraction = zone.strip_suffix('Z')?;
    let digits = fraction.is_empty() || fraction.strip_prefix('.')?.bytes().all(|byte| byte.is_ascii_digit());
    (fits && digits).then(|| seconds.to_owned())
}

fn container(command: &mut Command<'_, '_>, pod: &PodRecord, parsed: &Parsed) -> Result<usize, Failure> {
    let containers = &pod.spec.containers;
    let Some(name) = container_name(parsed) else {
        if containers.len() > 1 && !parsed.is("all-pods") {
            let names: Vec<&str> = containers.iter().map(|container| &*container.name).collect();
            command.io.err(&format!("Defaulted container \"{}\" out of: {}\n", names[0], names.join(", ")));
        }
        return Ok(0);
    };
    let missing = || Failure::error(&format!("container {name} is not valid for pod {}", pod.key.name));
    containers.iter().position(|container| &*container.name == name).ok_or_else(missing)
}

/// Models the kubelet's words for a container without a log.
fn startable(pod: &PodRecord, container: usize, name: &str, parsed: &Parsed) -> Result<(), Failure> {
    let crashes = pod.failing.iter().any(|failing| failing.index as usize == container);
    let bad = |text: String| Err(Failure::Text(format!("Error from server (BadRequest): {text}\n")));
    let key = &pod.key.name;
    if matches!(pod.phase, PodPhase::Pending) {
        return bad(format!("container \"{name}\" in pod \"{key}\" is waiting to start: ContainerCreating"));
    }
    if parsed.is("previous") && !crashes {
        return bad(format!("previous terminated container \"{name}\" in pod \"{key}\" not found"));
    }
    Ok(())
}

/// As containerd writes it before each line.
fn stamp(at: Nanos) -> String {
    format!("{}.{:09}Z", timestamp(at).trim_end_matches('Z'), at % 1_000_000_000)
}

impl Command<'_, '_> {
    /// The Pods whose logs a Pod's name or a workload's stands for. Models polymorphichelpers/logsforobject.go.
    fn logged(&mut self, target: &str, namespace: &str, parsed: &Parsed) -> Result<Vec<Arc<PodRecord>>, Failure> {
        let mut pods =
            exec::pods_of(self.revision(), target, namespace, "get the logs from").map_err(
                |failure| match failure {
                    Failure::Text(text) if text.starts_with("Error from server (NotFound)") => {
                        let text = text.trim_end().trim_start_matches("Error ");
                        Failure::error(&format!("error {text} in namespace \"{namespace}\""))
                    }
                    other => other,
                },
            )?;
        if pods.len() > 1 && !parsed.is("all-pods") {
            self.io.err(&format!("Found {} pods, using pod/{}\n", pods.len(), pods[0].key.name));
            pods.truncate(1);
        }
        Ok(pods)
    }

    fn lines(&mut self, pod: &Arc<PodRecord>, container: usize) -> Vec<Line> {
        let started = pod.started_at_ns.unwrap_or(pod.created_at_ns);
        if coredns::container(pod) == Some(container) {
            return self.coredns_lines(pod, started);
        }
        if let Some(failing) = pod.failing.iter().find(|failing| failing.index as usize == container) {
            return failing.message.lines().map(|line| (started, line.to_owned())).collect();
        }
        self.server_lines(pod, container, started)
    }

    /// Models CoreDNS's coremain and core/dnsserver/onstartup.go.
    fn coredns_lines(&mut self, pod: &Arc<PodRecord>, started: Nanos) -> Vec<Line> {
        let world = &self.machine.world;
        let state = pod.netns.and_then(|netns| world.state(netns));
        let printed: Vec<Line> =
            (state.into_iter().flat_map(|state| state.dns().log())).map(|(at, line)| (at, line.to_owned())).collect();
        if let Some(failing) = pod.failing.first().filter(|_| printed.is_empty()) {
            return vec![(started, failing.message.to_string())];
        }
        let config = world.started_with(&pod.key).or(pod.corefile.as_ref()).cloned();
        let config = config.or_else(|| coredns::config_map(self.revision(), pod));
        let mut lines = Vec::new();
        if let Ok(setup) = coredns::read(self.revision(), pod, config.as_ref()) {
            lines.extend(setup.zones().iter().map(|(zone, port)| format!("{zone}:{port}")));
            let words = config.filter(|_| setup.reloads).and_then(|config| coredns::words(pod, &config).ok());
            lines.extend(words.map(|words| coredns::sum_line(&words)));
            lines.extend(["CoreDNS-1.12.1".to_owned(), "linux/amd64, go1.24.1, 707c7c1".to_owned()]);
        }
        lines.into_iter().map(|line| (started, line)).chain(printed).collect()
    }
}
