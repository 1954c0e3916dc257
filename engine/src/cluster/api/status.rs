//! Status as the kubelets and controllers report it.

use super::build::{boolean, child, defaults, int, list, map, set, text};
use super::timestamp;
use crate::cluster::{Cni, Object, PodPhase, PodReason, PodRecord, Revision, identity};
use crate::manifest::Node;
use std::net::IpAddr;
use std::sync::Arc;

/// What a container is up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Not started: `ContainerCreating`.
    Waiting,
    Running,
    /// Ends again and again.
    CrashLoopBackOff {
        exit_status: i32,
        message: Arc<str>,
    },
    Terminated {
        exit_status: i32,
    },
}

/// One container of a Pod, in the order of `spec.containers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStatus {
    pub name: Arc<str>,
    pub ready: bool,
    pub restarts_count: u32,
    pub state: ContainerState,
}

/// How many Pods a workload wants and has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaCounts {
    pub desired: u32,
    pub current: u32,
    /// Made from the present template.
    pub updated: u32,
    pub ready: u32,
    pub available: u32,
}

pub fn container_statuses(pod: &PodRecord) -> Vec<ContainerStatus> {
    let containers = pod.spec.containers.iter().enumerate();
    containers
        .map(|(i, container)| {
            let failing = pod.failing.iter().find(|failing| failing.index as usize == i);
            let (state, restarts_count) = match (pod.phase, failing) {
                (PodPhase::Succeeded, _) => (ContainerState::Terminated { exit_status: 0 }, 0),
                (PodPhase::Failed, _) => (ContainerState::Terminated { exit_status: 1 }, 0),
                (PodPhase::Running | PodPhase::CrashLoopBackOff, Some(failing)) => {
                    let (exit_status, message) = (failing.exit_status, failing.message.clone());
                    (ContainerState::CrashLoopBackOff { exit_status, message }, 1)
                }
                (PodPhase::Running | PodPhase::CrashLoopBackOff, None) => (ContainerState::Running, 0),
                _ => (ContainerState::Waiting, 0),
            };
            let probed = pod.unready.iter().all(|unready| unready.index as usize != i);
            let ready = state == ContainerState::Running && probed;
            ContainerStatus { name: container.name.clone(), ready, restarts_count, state }
        })
        .collect()
}

/// The counts of a Deployment, ReplicaSet or DaemonSet.
pub fn replica_counts(revision: &Revision, object: &Object) -> ReplicaCounts {
    let mut counts = ReplicaCounts::default();
    let Some(workload) = object.workload() else { return counts };
    let children = || revision.children.get(&object.uid).into_iter().flatten();
    if object.key.is("Deployment") {
        counts.desired = workload.replicas;
        for replica_set in children().filter_map(|key| revision.objects.get(key)) {
            let Some(made) = replica_set.workload() else { continue };
            let of = replica_counts(revision, replica_set);
            counts.current += of.current;
            counts.ready += of.ready;
            counts.available += of.available;
            if made.template.fingerprint == workload.template.fingerprint {
                counts.updated += of.current;
            }
        }
        return counts;
    }
    for pod in children().filter_map(|key| revision.pods.get(&key.as_pod()?)) {
        if matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed) {
            continue;
        }
        counts.current += 1;
        counts.updated += 1;
        counts.ready += u32::from(pod.is_ready());
        counts.available += u32::from(pod.is_ready());
    }
    counts.desired = if object.key.is("DaemonSet") { counts.current } else { workload.replicas };
    counts
}

pub fn complete(revision: &Revision, object: &Object, root: &mut Node) {
    match (&*object.key.group, &*object.key.kind) {
        ("", "Pod") => {
            if let Some(pod) = object.key.as_pod().and_then(|key| revision.pods.get(&key)) {
                set(root, "status", pod_status(revision, pod));
            }
        }
        ("", "Namespace") => set(root, "status", map([("phase", text("Active"))])),
        ("", "Service") => set(root, "status", map([("loadBalancer", load_balancer(revision, object))])),
        ("", "Node") => {
            if let Some(status) = child(root, "status") {
                node_status(revision, object, status);
            }
        }
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet") => {
            let status = workload_status(object, replica_counts(revision, object));
            set(root, "status", status);
        }
        _ => {}
    }
}

/// What the cloud has made of a Service.
fn load_balancer(revision: &Revision, object: &Object) -> Node {
    let record = revision.services.get(&object.key.as_named());
    let ips: Vec<Node> = (record.iter().flat_map(|record| &record.ingress))
        .map(|(ip, _)| map([("ip", text(ip.to_string())), ("ipMode", text("VIP"))]))
        .collect();
    if ips.is_empty() { map([]) } else { map([("ingress", list(ips))]) }
}

fn condition(kind: &str, holds: bool, at: &str, why: Option<(&str, &str)>) -> Node {
    let mut condition = map([
        ("lastProbeTime", Node { value: crate::manifest::Value::Null, ..text("") }),
        ("lastTransitionTime", text(at)),
        ("status", text(if holds { "True" } else { "False" })),
        ("type", text(kind)),
    ]);
    if let Some((reason, message)) = why {
        set(&mut condition, "message", text(message));
        set(&mut condition, "reason", text(reason));
    }
    condition
}

fn pod_status(revision: &Revision, pod: &PodRecord) -> Node {
    let created = timestamp(pod.created_at_ns);
    let mut status = map([("phase", text(pod.phase_name())), ("qosClass", text("BestEffort"))]);
    let Some(node) = &pod.node else {
        let words = pod.reason.to_string();
        let why = (!pod.reason.is_none()).then_some(("Unschedulable", &*words));
        let conditions = vec![condition("PodScheduled", false, &created, why)];
        set(&mut status, "conditions", list(conditions));
        return status;
    };
    let started = timestamp(pod.started_at_ns.unwrap_or(pod.created_at_ns));
    let (wired, ready) = (pod.netns.is_some(), pod.is_ready());
    let unready: Vec<Arc<str>> = container_statuses(pod).into_iter().filter(|c| !c.ready).map(|c| c.name).collect();
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    let why = (!ready).then_some(("ContainersNotReady", &*message));
    let conditions = vec![
        condition("PodReadyToStartContainers", wired, &started, None),
        condition("Initialized", true, &started, None),
        condition("Ready", ready, &started, why),
        condition("ContainersReady", ready, &started, why),
        condition("PodScheduled", true, &created, None),
    ];
    set(&mut status, "conditions", list(conditions));
    set(&mut status, "containerStatuses", list(containers(pod, &started)));
    let ip = |ip: IpAddr| map([("ip", text(ip.to_string()))]);
    if let Some(node) = revision.nodes.get(&**node) {
        let other = node.ips().find(|ip| ip.is_ipv4() != node.ip.is_ipv4());
        set(&mut status, "hostIP", text(node.ip.to_string()));
        set(&mut status, "hostIPs", list(std::iter::once(node.ip).chain(other).map(ip).collect()));
    }
    if let Some((first, _)) = &pod.ip {
        set(&mut status, "podIP", text(first.to_string()));
        set(&mut status, "podIPs", list(pod.ips().map(ip).collect()));
    }
    set(&mut status, "startTime", text(&created));
    if let PodReason::Rejected(rejection) = pod.reason {
        set(&mut status, "message", text(pod.reason.to_string()));
        set(&mut status, "reason", text(rejection.name()));
    }
    status
}

fn containers(pod: &PodRecord, started: &str) -> Vec<Node> {
    let statuses = container_statuses(pod).into_iter().zip(&pod.spec.containers);
    statuses
        .map(|(status, container)| {
            let id = |part: &str| {
                let bits = |n: &str| identity::bits(pod.uid.0 as u64, &[part, &container.name, n]);
                format!("containerd://{:016x}{:016x}{:016x}{:016x}", bits("0"), bits("1"), bits("2"), bits("3"))
            };
            let ran = !matches!(status.state, ContainerState::Waiting);
            let state = match &status.state {
                ContainerState::Waiting => map([("waiting", map([("reason", text("ContainerCreating"))]))]),
                ContainerState::Running => map([("running", map([("startedAt", text(started))]))]),
                ContainerState::CrashLoopBackOff { .. } => {
                    let key = &pod.key;
                    let message = format!(
                        "back-off 10s restarting failed container={} pod={}_{}({})",
                        container.name, key.name, key.namespace, pod.uid
                    );
                    map([("waiting", map([("message", text(message)), ("reason", text("CrashLoopBackOff"))]))])
                }
                ContainerState::Terminated { exit_status } => {
                    map([("terminated", terminated(*exit_status, started, &id("run")))])
                }
            };
            let last = match &status.state {
                ContainerState::CrashLoopBackOff { exit_status, .. } => {
                    map([("terminated", terminated(*exit_status, started, &id("last")))])
                }
                _ => map([]),
            };
            map([
                ("containerID", text(if ran { id("run") } else { String::new() })),
                ("image", text(&container.image)),
                ("imageID", text("")),
                ("lastState", last),
                ("name", text(&container.name)),
                ("ready", boolean(status.ready)),
                ("restartCount", int(status.restarts_count)),
                ("started", boolean(status.ready)),
                ("state", state),
            ])
        })
        .collect()
}

fn terminated(exit_status: i32, at: &str, id: &str) -> Node {
    map([
        ("containerID", text(id)),
        ("exitCode", int(exit_status)),
        ("finishedAt", text(at)),
        ("reason", text(if exit_status == 0 { "Completed" } else { "Error" })),
        ("startedAt", text(at)),
    ])
}

fn workload_status(object: &Object, counts: ReplicaCounts) -> Node {
    let mut status = map([("observedGeneration", int(object.generation))]);
    let mut fields: Vec<(&str, u32)> = match &*object.key.kind {
        "DaemonSet" => vec![
            ("currentNumberScheduled", counts.current),
            ("desiredNumberScheduled", counts.desired),
            ("numberMisscheduled", 0),
            ("numberReady", counts.ready),
        ],
        _ => vec![("replicas", counts.current)],
    };
    let optional: &[(&str, u32)] = match &*object.key.kind {
        "DaemonSet" => &[
            ("numberAvailable", counts.available),
            ("numberUnavailable", counts.desired.saturating_sub(counts.available)),
            ("updatedNumberScheduled", counts.updated),
        ],
        "Deployment" => &[
            ("availableReplicas", counts.available),
            ("readyReplicas", counts.ready),
            ("unavailableReplicas", counts.desired.saturating_sub(counts.available)),
            ("updatedReplicas", counts.updated),
        ],
        "StatefulSet" => {
            &[("currentReplicas", counts.current), ("readyReplicas", counts.ready), ("updatedReplicas", counts.updated)]
        }
        _ => &[
            ("availableReplicas", counts.available),
            ("fullyLabeledReplicas", counts.current),
            ("readyReplicas", counts.ready),
        ],
    };
    // Counts of 0 are left out, but for the required ones.
    fields.extend(optional.iter().filter(|(_, count)| *count > 0));
    fields.into_iter().for_each(|(name, count)| set(&mut status, name, int(count)));
    if let Some(workload) = object.workload().filter(|workload| workload.stateful.is_some()) {
        let hash = format!("{}-{}", object.key.name, workload.template.hash());
        set(&mut status, "availableReplicas", int(counts.available));
        set(&mut status, "collisionCount", int(0));
        set(&mut status, "currentRevision", text(&hash));
        set(&mut status, "updateRevision", text(&hash));
    }
    if object.key.is("Deployment") {
        set(&mut status, "conditions", list(deployment_conditions(object, counts)));
    }
    status
}

fn deployment_conditions(object: &Object, counts: ReplicaCounts) -> Vec<Node> {
    let at = timestamp(object.created_at_ns);
    // maxUnavailable is 25 % by default, rounded down.
    let available = counts.available >= counts.desired - counts.desired / 4;
    let name = object.workload().map_or_else(String::new, |w| format!("{}-{}", object.key.name, w.template.hash()));
    let condition = |kind: &str, holds: bool, reason: &str, message: String| {
        map([
            ("lastTransitionTime", text(&at)),
            ("lastUpdateTime", text(&at)),
            ("message", text(message)),
            ("reason", text(reason)),
            ("status", text(if holds { "True" } else { "False" })),
            ("type", text(kind)),
        ])
    };
    let availability = if available {
        condition("Available", true, "MinimumReplicasAvailable", "Deployment has minimum availability.".into())
    } else {
        let message = "Deployment does not have minimum availability.";
        condition("Available", false, "MinimumReplicasUnavailable", message.into())
    };
    let done = counts.updated == counts.desired && counts.available == counts.desired;
    let progress = if done {
        condition(
            "Progressing",
            true,
            "NewReplicaSetAvailable",
            format!("ReplicaSet \"{name}\" has successfully progressed."),
        )
    } else {
        condition("Progressing", true, "ReplicaSetUpdated", format!("ReplicaSet \"{name}\" is progressing."))
    };
    vec![availability, progress]
}

fn node_status(revision: &Revision, object: &Object, status: &mut Node) {
    let Some(record) = revision.nodes.get(&*object.key.name) else { return };
    let address = |kind: &str, address: String| map([("address", text(address)), ("type", text(kind))]);
    let resources = || {
        map([
            ("cpu", text("4")),
            ("ephemeral-storage", text("102687672Ki")),
            ("hugepages-2Mi", text("0")),
            ("memory", text("8145016Ki")),
            ("pods", text(record.pods_max.to_string())),
        ])
    };
    let created = timestamp(record.created_at_ns);
    let healthy = |kind: &str, reason: &str, message: &str| {
        let holds = kind == "Ready" && record.ready;
        let mut made = condition(kind, holds, &created, Some((reason, message)));
        super::build::remove(&mut made, "lastProbeTime");
        set(&mut made, "lastHeartbeatTime", text(timestamp(revision.at_ns)));
        made
    };
    let conditions = vec![
        match revision.network.cni {
            Cni::Flannel(_) => healthy("NetworkUnavailable", "FlannelIsUp", "Flannel is running on this node"),
            Cni::Cilium(_) => healthy("NetworkUnavailable", "CiliumIsUp", "Cilium is running on this node"),
            Cni::Calico(_) => healthy("NetworkUnavailable", "CalicoIsUp", "Calico is running on this node"),
        },
        healthy("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        healthy("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        healthy("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        healthy("Ready", "KubeletReady", "kubelet is posting ready status"),
    ];
    let machine = |part: &str| {
        let hex = identity::bits(record.uid.0 as u64, &[part]);
        format!("{hex:016x}{:016x}", identity::bits(hex, &[part]))
    };
    defaults(
        status,
        [
            (
                "addresses",
                list(
                    record
                        .ips()
                        .map(|ip| address("InternalIP", ip.to_string()))
                        .chain([address("Hostname", record.name.to_string())])
                        .collect(),
                ),
            ),
            ("allocatable", resources()),
            ("capacity", resources()),
            ("conditions", list(conditions)),
            ("daemonEndpoints", map([("kubeletEndpoint", map([("Port", int(10250))]))])),
            (
                "nodeInfo",
                map([
                    ("architecture", text("amd64")),
                    ("bootID", text(identity::uid(record.uid.0 as u64, &["boot"]).to_string())),
                    ("containerRuntimeVersion", text("containerd://2.1.3")),
                    ("kernelVersion", text("6.12.38")),
                    ("kubeProxyVersion", text("")),
                    ("kubeletVersion", text("v1.34.0")),
                    ("machineID", text(machine("machine"))),
                    ("operatingSystem", text("linux")),
                    ("osImage", text("Debian GNU/Linux 12 (bookworm)")),
                    ("systemUUID", text(identity::uid(record.uid.0 as u64, &["system"]).to_string())),
                ]),
            ),
        ],
    );
}
