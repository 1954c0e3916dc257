//! Which of a Pod's containers cannot run: their program ends, or cannot have the port it wants.

use crate::cluster::{Draft, FailingContainer, NodeRecord, PodRecord};
use crate::manifest::typed::{PodSpec, RestartPolicy};
use crate::net::Protocol;
use crate::workload::{self, Host, Server};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a Pod's containers fare.
#[derive(Clone, Debug)]
pub enum Fate {
    /// They run, but for these.
    Runs(Arc<[FailingContainer]>),
    /// All have ended and none is started again; true if all ended well.
    Ended(bool),
}

/// What was found for each `spec`, as Pods of one template fare alike.
#[derive(Default)]
pub struct Fates(BTreeMap<usize, (Arc<PodSpec>, Fate)>);

impl Fates {
    pub fn of(&mut self, draft: &Draft, pod: &PodRecord, node: &NodeRecord) -> Fate {
        if pod.host_network {
            return fate(&pod.spec, failing_on_host(draft, pod, node));
        }
        // The spec is kept alongside, so its address stays its own.
        let memo = self.0.entry(Arc::as_ptr(&pod.spec) as usize);
        let (_, fate) = memo.or_insert_with(|| {
            let exits = workload::exits(&pod.spec, &host(pod, node));
            let failing = exits.into_iter().map(|(index, exit)| FailingContainer {
                index,
                exit_status: exit.status,
                message: exit.message,
            });
            (pod.spec.clone(), fate(&pod.spec, failing.collect()))
        });
        fate.clone()
    }
}

fn fate(spec: &PodSpec, failing: Vec<FailingContainer>) -> Fate {
    let all = !spec.containers.is_empty() && failing.len() == spec.containers.len();
    let well = failing.iter().all(|container| container.exit_status == 0);
    match spec.restart_policy {
        RestartPolicy::Never if all => Fate::Ended(well),
        RestartPolicy::OnFailure if all && well => Fate::Ended(true),
        _ => Fate::Runs(failing.into()),
    }
}

fn host(pod: &PodRecord, node: &NodeRecord) -> Host {
    let own = || pod.spec.hostname.clone().unwrap_or_else(|| pod.key.name.clone());
    Host { hostname: if pod.host_network { node.name.clone() } else { own() }, ip: None }
}

/// With hostNetwork the sockets of the node's own processes and of its other hostNetwork Pods count, too.
fn failing_on_host(draft: &Draft, pod: &PodRecord, node: &NodeRecord) -> Vec<FailingContainer> {
    let mut taken: Vec<(Protocol, u16)> = vec![(Protocol::Tcp, 22), (Protocol::Tcp, 10250)];
    let others = node.pods.values().filter_map(|key| draft.revision.pods.get(key));
    for other in others.filter(|other| other.host_network && other.key != pod.key) {
        for (i, behavior) in workload::behaviors(&other.spec, &host(other, node)).into_iter().enumerate() {
            if other.container_runs(i) {
                taken.extend(behavior.servers.iter().map(|server| (server.protocol, server.port)));
            }
        }
    }
    let mut failing = Vec::new();
    for (i, behavior) in workload::behaviors(&pod.spec, &host(pod, node)).into_iter().enumerate() {
        let clash = behavior.servers.iter().find(|server| taken.contains(&(server.protocol, server.port)));
        let end = match (behavior.exit, clash) {
            (Some(exit), _) => Some((exit.status, exit.message)),
            (None, Some(server)) => Some((1, in_use(server))),
            (None, None) => None,
        };
        if let Some((exit_status, message)) = end {
            failing.push(FailingContainer { index: i as u32, exit_status, message });
        }
    }
    failing
}

fn in_use(server: &Server) -> Arc<str> {
    workload::bind_error(server).into()
}
