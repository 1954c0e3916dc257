//! Readiness probes: what the kubelet hears when it asks a Pod's containers.
//!
//! Models pkg/kubelet/prober of Kubernetes 1.34 as far as it can be told from what a container's program serves: a TCP
//! probe needs a listener, an HTTP probe one that answers with 200 to 399. What an unknown image does on a port of which
//! nothing is known, and what a command inside it says, counts as well.

use crate::cluster::{FailingContainer, NodeRecord, PodRecord, UnreadyContainer};
use crate::manifest::typed::{Container, IntOrString, Probe, ProbeHandler};
use crate::net::Protocol;
use crate::tables::App;
use crate::workload::{self, Behavior, Host};
use std::sync::Arc;

/// The containers that run and are not ready.
pub fn unready(pod: &PodRecord, node: &NodeRecord, failing: &[FailingContainer]) -> Arc<[UnreadyContainer]> {
    if pod.spec.containers.iter().all(|container| container.readiness_probe.is_none()) {
        return Arc::new([]);
    }
    let hostname = if pod.host_network {
        node.name.clone()
    } else {
        pod.spec.hostname.clone().unwrap_or_else(|| pod.key.name.clone())
    };
    let ip = pod.ip.as_ref().map(|(ip, _)| *ip);
    let behaviors = workload::behaviors(&pod.spec, &Host { hostname, ip });
    let ip = ip.map_or_else(String::new, |ip| ip.to_string());
    let told = |(at, container): (usize, &Container)| {
        let runs = !failing.iter().any(|failing| failing.index as usize == at);
        let why = ask(container, container.readiness_probe.as_ref().filter(|_| runs)?, &behaviors, pod.frozen)?;
        let message = format!("Readiness probe failed: {}", why.replace("@IP@", &ip)).into();
        Some(UnreadyContainer { index: at as u32, message })
    };
    pod.spec.containers.iter().enumerate().filter_map(told).collect()
}

/// Why the probe fails, if it does.
fn ask(container: &Container, probe: &Probe, behaviors: &[Behavior], frozen: bool) -> Option<String> {
    let (port, path) = match &probe.handler {
        ProbeHandler::HttpGet { path, port, host: None, https: false } => (number(container, port)?, Some(path)),
        ProbeHandler::TcpSocket { port, host: None } => (number(container, port)?, None),
        _ => return None,
    };
    if frozen {
        // The kernel takes the connection; nobody answers on it.
        let path = path?;
        let why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
        return Some(format!("Get \"http://@IP@:{port}{path}\": {why}"));
    }
    let unknown = behaviors.iter().flat_map(|behavior| &behavior.servers).any(|server| server.app == App::Silent);
    let mut servers = behaviors.iter().flat_map(|behavior| &behavior.servers);
    let server = servers.find(|server| server.protocol == Protocol::Tcp && server.port == port);
    match (server, path) {
        (None, _) if unknown || behaviors.iter().any(|behavior| behavior.servers.is_empty()) => None,
        (None, None) => Some(format!("dial tcp @IP@:{port}: connect: connection refused")),
        (None, Some(path)) => {
            Some(format!("Get \"http://@IP@:{port}{path}\": dial tcp @IP@:{port}: connect: connection refused"))
        }
        (Some(server), Some(path)) => match server.app.http_status(path) {
            Some(status) if !(200..400).contains(&status) => {
                Some(format!("HTTP probe failed with statuscode: {status}"))
            }
            _ => None,
        },
        (Some(_), None) => None,
    }
}

fn number(container: &Container, port: &IntOrString) -> Option<u16> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => {
            container.ports.iter().find(|p| p.name.as_deref() == Some(&**name)).map(|p| p.container_port)
        }
    }
}
