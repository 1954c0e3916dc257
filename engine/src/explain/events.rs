//! A Pod's events, in the words of the scheduler and of the kubelet.

use crate::cluster::{PodPhase, PodReason, PodRecord};

/// What happened to a Pod, oldest first: type, reason, component and message, as `kubectl describe pod` lists them.
/// They are read off its record, so each stands for the last time it happened.
///
/// Models pkg/scheduler/schedule_one.go and pkg/kubelet/events.
pub fn pod_events(pod: &PodRecord) -> Vec<String> {
    let event = |kind: &str, reason: &str, from: &str, message: &str| format!("{kind}  {reason}  {from}  {message}");
    let mut events = Vec::new();
    let Some(node) = &pod.node else {
        // Without a word from the scheduler the Pod waits for another one.
        if !pod.reason.is_none() {
            events.push(event("Warning", "FailedScheduling", "default-scheduler", &pod.reason.to_string()));
        }
        return events;
    };
    // A Pod that names its node does not meet the scheduler.
    if pod.spec.node_name.is_none() {
        let message = format!("Successfully assigned {}/{} to {node}", pod.key.namespace, pod.key.name);
        events.push(event("Normal", "Scheduled", "default-scheduler", &message));
    }
    match (pod.phase, &pod.reason) {
        (PodPhase::Pending | PodPhase::ContainerCreating, PodReason::Sandbox(words)) => {
            let message = format!("Failed to create pod sandbox: {words}");
            events.push(event("Warning", "FailedCreatePodSandBox", "kubelet", &message));
        }
        (PodPhase::Pending | PodPhase::ContainerCreating, _) => {}
        (_, PodReason::Rejected(rejection)) => {
            events.push(event("Warning", rejection.name(), "kubelet", &rejection.to_string()));
        }
        (PodPhase::Running | PodPhase::CrashLoopBackOff | PodPhase::Succeeded | PodPhase::Failed, _) => {
            for container in &pod.spec.containers {
                let pulled = format!("Container image \"{}\" already present on machine", container.image);
                events.push(event("Normal", "Pulled", "kubelet", &pulled));
                events.push(event("Normal", "Created", "kubelet", &format!("Created container: {}", container.name)));
                events.push(event("Normal", "Started", "kubelet", &format!("Started container {}", container.name)));
            }
        }
    }
    for failing in pod.failing.iter() {
        if let Some(container) = pod.spec.containers.get(failing.index as usize) {
            let message = format!(
                "Back-off restarting failed container {} in pod {}_{}({})",
                container.name, pod.key.name, pod.key.namespace, pod.uid
            );
            events.push(event("Warning", "BackOff", "kubelet", &message));
        }
    }
    for unready in pod.unready.iter() {
        events.push(event("Warning", "Unhealthy", "kubelet", &unready.message));
    }
    events
}
