//! Sockets: those of a Pod's containers, and those of a node with the hostNetwork Pods on it.

use super::{Shared, coredns};
use crate::cluster::{NodeRecord, PodRecord, Revision};
use crate::net::Protocol;
use crate::tables::{App, Listener, Origin};
use crate::workload::{self, Behavior, Host};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

/// What a container can find out about where it runs. A hostNetwork Pod's hostname is its node's.
pub fn host(pod: &PodRecord, node: &NodeRecord) -> Host {
    let hostname = if pod.host_network {
        node.name.clone()
    } else {
        pod.spec.hostname.clone().unwrap_or_else(|| pod.key.name.clone())
    };
    Host { hostname, ip: pod.ip.as_ref().map(|(ip, _)| *ip) }
}

/// The sockets that a Pod's containers have opened, those of containers that do not run left out.
pub(super) fn pod_listeners(
    revision: &Revision,
    pod: &PodRecord,
    node: &NodeRecord,
    shared: &mut Shared,
    listeners: &mut Vec<Listener>,
) {
    let coredns = coredns::listeners(revision, pod, shared);
    for (i, behavior) in workload::behaviors(&pod.spec, &host(pod, node)).into_iter().enumerate() {
        if !pod.container_runs(i) {
            continue;
        }
        match &coredns {
            Some((container, own)) if *container == i => {
                own.iter().for_each(|listener| open(listener.clone(), listeners));
            }
            _ => add(pod, i, behavior, listeners),
        }
    }
}

/// The sockets of the node's own processes, then those of its hostNetwork Pods, the elder Pod first.
pub(super) fn node_listeners(
    revision: &Revision,
    node: &NodeRecord,
    pods: &[&PodRecord],
    shared: &mut Shared,
    listeners: &mut Vec<Listener>,
) {
    let localhost = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    for (ip, port, process, reason) in [
        (None, 22, &SSHD, "listens on port 22"),
        (localhost, 10248, &KUBELET, "healthzPort defaults to 10248 on 127.0.0.1"),
        (None, 10250, &KUBELET, "port defaults to 10250"),
    ] {
        let component = if port == 22 { "sshd" } else { "kubelet" };
        listeners.push(Listener {
            protocol: Protocol::Tcp,
            ip,
            port,
            app: App::Silent,
            process: LazyLock::force(process).clone(),
            origin: Origin::default(component, reason),
        });
    }
    for pod in pods.iter().filter(|pod| pod.host_network) {
        pod_listeners(revision, pod, node, shared, listeners);
    }
}

static SSHD: LazyLock<Arc<str>> = LazyLock::new(|| "sshd".into());
static KUBELET: LazyLock<Arc<str>> = LazyLock::new(|| "kubelet".into());

fn add(pod: &PodRecord, index: usize, behavior: Behavior, listeners: &mut Vec<Listener>) {
    for server in behavior.servers {
        let path = Cow::Owned(format!("spec.containers[{index}].{}", server.field));
        let listener = Listener {
            protocol: server.protocol,
            ip: server.ip,
            port: server.port,
            app: if pod.frozen { App::Silent } else { server.app },
            process: server.process.into(),
            origin: Origin::Object { uid: pod.uid, path },
        };
        open(listener, listeners);
    }
}

/// bind() fails where an earlier socket has the port.
fn open(listener: Listener, listeners: &mut Vec<Listener>) {
    let taken = listeners.iter().any(|l| {
        l.protocol == listener.protocol
            && l.port == listener.port
            && (l.ip.is_none() || listener.ip.is_none() || l.ip == listener.ip)
    });
    if !taken {
        listeners.push(listener);
    }
}
