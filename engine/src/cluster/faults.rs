//! What is broken on purpose, or left behind: components that do not follow the cluster any more.

use super::draft::Draft;
use super::{PodKey, PodRecord, Revision};
use imbl::OrdMap;
use std::sync::Arc;

/// The state that stopped components have seen last.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Nodes whose kube-proxy is stopped or gone: its rules stay as they were.
    pub stale_proxies: OrdMap<Arc<str>, Arc<Revision>>,
}

impl PodRecord {
    /// The Pod of kubeadm's DaemonSet kube-proxy, or one like it.
    pub fn is_kube_proxy(&self) -> bool {
        self.host_network
            && &*self.key.namespace == "kube-system"
            && self.labels.get("k8s-app").is_some_and(|app| &**app == "kube-proxy")
    }
}

impl Draft {
    /// Stops the processes of a Pod (SIGSTOP), or lets them go on. False: there is no such Pod, or it does not run.
    pub fn freeze(&mut self, key: &PodKey, frozen: bool) -> bool {
        let Some(pod) = self.revision.pods.get(key).cloned() else { return false };
        let Some(node) = pod.node.clone().filter(|_| pod.netns.is_some()) else { return false };
        if pod.is_kube_proxy() {
            if frozen {
                self.leave_rules(&node);
            } else {
                self.revision.faults.stale_proxies.remove(&node);
            }
        }
        self.change_pod(key, |record| record.frozen = frozen);
        self.probe_again.insert(key.clone());
        self.work.insert(super::Work::Sandboxes);
        true
    }

    /// A kube-proxy sees nothing of what comes from now on; its rules stay.
    pub(super) fn leave_rules(&mut self, node: &Arc<str>) {
        if self.revision.faults.stale_proxies.contains_key(node) {
            return;
        }
        let mut seen = self.before.clone();
        seen.faults = Faults::default();
        self.revision.faults.stale_proxies.insert(node.clone(), Arc::new(seen));
    }

    /// A kube-proxy has started on a node: it programs what is there now.
    pub fn follow_again(&mut self, pod: &PodKey) {
        let Some(pod) = self.revision.pods.get(pod).filter(|pod| pod.is_kube_proxy()) else { return };
        if let Some(node) = pod.node.clone() {
            self.revision.faults.stale_proxies.remove(&node);
        }
    }
}
