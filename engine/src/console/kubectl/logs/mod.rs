//! `kubectl logs`: what CoreDNS and web servers have printed. Models k8s.io/kubectl pkg/cmd/logs.
//!
//! A process that has not printed anything that is known here has an empty log.

use super::flags::{Flag, Parsed, Takes, flag};
use super::{Command, Failure, exec};
use crate::cluster::api::timestamp;
use crate::cluster::{PodPhase, PodRecord, parse_selector};
use crate::console::net::clock::Moment;
use crate::control::coredns;
use crate::dataplane::Request;
use crate::tables::{App, Listener, Origin};
use crate::trace::Nanos;
use std::collections::BTreeMap;
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
];

type Line = (Nanos, String);

/// Runs `kubectl logs POD | TYPE/NAME [CONTAINER]`.
pub fn logs(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    let namespace = command.namespace(parsed);
    let pods = match (parsed.arguments.first(), parsed.value("selector")) {
        (Some(_), Some(_)) => return Err(Failure::error("only a selector (-l) or a POD name is allowed")),
        (Some(target), None) => vec![exec::pod_of(command.revision(), target, &namespace)?],
        (None, Some(text)) => {
            let selector = parse_selector(text).map_err(|error| Failure::error(&error))?;
            let pods = command.revision().pods.values().filter(|pod| *pod.key.namespace == *namespace);
            pods.filter(|pod| selector.matches(&pod.labels)).cloned().collect()
        }
        (None, None) => {
            return Err(Failure::error(
                "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\nSee 'kubectl logs -h' for help and examples",
            ));
        }
    };
    let tail = match parsed.value("tail").map(str::parse::<i64>) {
        None if parsed.has("selector") => Some(10),
        None => None,
        Some(Ok(count)) => usize::try_from(count).ok(),
        Some(Err(_)) => return Err(Failure::error("--tail must be a number of lines")),
    };
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
            let skipped = tail.map_or(0, |tail| lines.len().saturating_sub(tail));
            for (at, line) in lines.into_iter().skip(skipped) {
                let prefix =
                    if parsed.is("prefix") { format!("[pod/{}/{name}] ", pod.key.name) } else { String::new() };
                let stamp = if parsed.is("timestamps") { stamp(at) + " " } else { String::new() };
                command.io.out(&format!("{prefix}{stamp}{line}\n"));
            }
        }
    }
    Ok(0)
}

fn container(command: &mut Command<'_, '_>, pod: &PodRecord, parsed: &Parsed) -> Result<usize, Failure> {
    let wanted = parsed.value("container").or(parsed.arguments.get(1).map(String::as_str));
    let containers = &pod.spec.containers;
    let Some(name) = wanted else {
        if containers.len() > 1 {
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
    fn lines(&mut self, pod: &Arc<PodRecord>, container: usize) -> Vec<Line> {
        let started = pod.started_at_ns.unwrap_or(pod.created_at_ns);
        if coredns::container(pod) == Some(container) {
            return self.coredns_lines(pod, started);
        }
        if let Some(failing) = pod.failing.iter().find(|failing| failing.index as usize == container) {
            return failing.message.lines().map(|line| (started, line.to_owned())).collect();
        }
        self.requests(pod, container)
    }

    /// Models CoreDNS's coremain and core/dnsserver/onstartup.go.
    fn coredns_lines(&mut self, pod: &Arc<PodRecord>, started: Nanos) -> Vec<Line> {
        let log = |command: &Self| {
            let state = pod.netns.and_then(|netns| command.machine.world.state(netns));
            let lines = state.into_iter().flat_map(|state| state.dns().log());
            lines.map(|(at, line)| (at, line.to_owned())).collect::<Vec<Line>>()
        };
        let mut lines = Vec::new();
        let config = pod.corefile.clone().or_else(|| coredns::config_map(self.revision(), pod));
        let read = coredns::read(self.revision(), pod, config.as_ref());
        let printed = log(self);
        let broken = pod.failing.first().filter(|_| printed.is_empty());
        if let (None, Ok(setup)) = (broken, &read) {
            let mut zones: Vec<String> = Vec::new();
            for listen in setup.blocks.iter().flat_map(|block| &block.listens) {
                zones.push(format!("{}:{}", listen.zone, listen.port));
            }
            zones.sort();
            zones.dedup();
            lines.extend(zones.into_iter().map(|zone| (started, zone)));
            lines.push((started, "CoreDNS-1.12.1".to_owned()));
            lines.push((started, "linux/amd64, go1.24.1, 707c7c1".to_owned()));
        }
        lines.extend(broken.map(|failing| (started, failing.message.to_string())));
        lines.extend(printed);
        lines
    }

    /// What a container's web servers have printed of the requests that they have answered.
    fn requests(&mut self, pod: &PodRecord, container: usize) -> Vec<Line> {
        let Some(netns) = pod.netns.and_then(|netns| self.machine.world.netns(netns)) else { return Vec::new() };
        let path = format!("spec.containers[{container}].");
        let is_own = |listener: &&Listener| matches!(&listener.origin, Origin::Object { uid, path: own } if *uid == pod.uid && own.starts_with(&path));
        let own: BTreeMap<u16, &App> =
            netns.listeners.iter().filter(is_own).map(|listener| (listener.port, &listener.app)).collect();
        let state = self.machine.world.state(netns.id);
        let requests = state.into_iter().flat_map(|state| state.requests());
        requests.filter_map(|request| Some((request.at, line(own.get(&request.port)?, request)?))).collect()
    }
}

/// A request as the program prints it.
fn line(app: &App, request: &Request) -> Option<String> {
    let Request { client, line, status, len, .. } = request;
    let moment = Moment::new(request.at);
    let time = format!(
        "{:02}/{}/{}:{:02}:{:02}:{:02} +0000",
        moment.day,
        moment.month_name(),
        moment.year,
        moment.hour,
        moment.minute,
        moment.second
    );
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    match app {
        // log_format main of nginx.conf
        App::Http { server, .. } if server.starts_with("nginx") => Some(format!(
            "{client} - - [{time}] \"{line}\" {status} {len} \"{}\" \"{}\" \"-\"",
            dash(&request.referer),
            dash(&request.agent)
        )),
        // The Common Log Format of httpd.conf
        App::Http { server, .. } if server.starts_with("Apache") => {
            Some(format!("{client} - - [{time}] \"{line}\" {status} {len}"))
        }
        // kubernetes test/images/agnhost/netexec
        App::Netexec { .. } => {
            let mut words = line.split(' ');
            let (method, path) = (words.next()?, words.next()?);
            let date = format!("{}/{:02}/{:02} {}", moment.year, moment.month, moment.day, moment.time());
            Some(format!("{date} {method} {path}"))
        }
        _ => None,
    }
}
