//! `calicoctl node status`. Models calicoctl/calicoctl/commands/node/status.go. BIRD speaks with nobody here, so what it
//! would say of its peers is not told.

use crate::cluster::{NodeRecord, PodPhase, PodRecord, Revision};

pub fn print(revision: &Revision, name: &str) -> Result<String, String> {
    let node = revision.node(name).filter(|node| calico_node(revision, node).is_some());
    let (Some(config), Some(_)) = (revision.network.cni.calico(), node) else {
        return Err("Calico process is not running.".to_owned());
    };
    let backend = match config.bgp.0 {
        true => "podhop does not simulate BGP sessions: nodes know each other's blocks without one",
        false => "The BGP backend process (BIRD) is not running.",
    };
    Ok(format!("Calico process is running.\n\n{backend}\n\n"))
}

/// The Pod in which Felix and BIRD run.
fn calico_node<'r>(revision: &'r Revision, node: &NodeRecord) -> Option<&'r PodRecord> {
    let pods = node.pods.values().filter_map(|key| revision.pods.get(key));
    let is_one = |pod: &PodRecord| pod.labels.get("k8s-app").is_some_and(|app| &**app == "calico-node");
    let mut running = pods.filter(|pod| is_one(pod) && pod.netns.is_some() && pod.phase == PodPhase::Running);
    running.next().map(|pod| &**pod)
}
