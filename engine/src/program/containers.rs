//! Sockets: those of a Pod's containers, and those of a node with the hostNetwork Pods on it.

use crate::cluster::{NodeRecord, PodRecord};
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
pub(super) fn pod_listeners(pod: &PodRecord, node: &NodeRecord, listeners: &mut Vec<Listener>) {
    for (i, behavior) in workload::behaviors(&pod.spec, &host(pod, node)).into_iter().enumerate() {
        if pod.container_runs(i) {
            add(pod, i, behavior, listeners);
        }
    }
}

/// The sockets of the node's own processes, then those of its hostNetwork Pods, the elder Pod first.
pub(super) fn node_listeners(node: &NodeRecord, pods: &[&PodRecord], listeners: &mut Vec<Listener>) {
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
        pod_listeners(pod, node, listeners);
    }
}

static SSHD: LazyLock<Arc<str>> = LazyLock::new(|| "sshd".into());
static KUBELET: LazyLock<Arc<str>> = LazyLock::new(|| "kubelet".into());

fn add(pod: &PodRecord, index: usize, behavior: Behavior, listeners: &mut Vec<Listener>) {
    for server in behavior.servers {
        // bind() fails where an earlier socket has the port.
        let taken = listeners.iter().any(|l| {
            l.protocol == server.protocol
                && l.port == server.port
                && (l.ip.is_none() || server.ip.is_none() || l.ip == server.ip)
        });
        if taken {
            continue;
        }
        let path = Cow::Owned(format!("spec.containers[{index}].{}", server.field));
        listeners.push(Listener {
            protocol: server.protocol,
            ip: server.ip,
            port: server.port,
            app: if pod.frozen { App::Silent } else { server.app },
            process: server.process.into(),
            origin: Origin::Object { uid: pod.uid, path },
        });
    }
}
