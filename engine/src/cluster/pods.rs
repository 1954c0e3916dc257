//! Pods of a draft: admitted, bound to nodes, taken off them, removed.

use super::draft::{Draft, Work};
use super::revision::LabelPair;
use super::{NetnsOwner, Object, Owner, PodKey, PodPhase, PodReason, PodRecord, PodSpec};
use crate::manifest::typed::GivenPodStatus;
use crate::net::Protocol;
use std::sync::Arc;

/// A port that a Pod claims on its node's own addresses: protocol, port and address (`0.0.0.0`: every one).
pub type HostPort = (Protocol, u16, Arc<str>);

/// The node ports that a Pod claims: `hostPort`, and with hostNetwork every containerPort.
/// Models pkg/apis/core/v1 defaults.go (SetDefaults_Pod) and the scheduler's NodePorts plugin.
pub fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let mut claimed = Vec::new();
    for port in spec.containers.iter().flat_map(|container| &container.ports) {
        let number = if spec.host_network { Some(port.container_port) } else { port.host_port };
        if let Some(number) = number.filter(|number| *number != 0) {
            let ip = port.host_ip.clone().filter(|ip| !ip.is_empty());
            claimed.push((port.protocol, number, ip.unwrap_or_else(|| "0.0.0.0".into())));
        }
    }
    claimed
}

impl Draft {
    /// Makes the record of a new Pod and queues it for the scheduler.
    pub(super) fn admit_pod(&mut self, object: &Arc<Object>, spec: Arc<PodSpec>, given: &GivenPodStatus) {
        let Some(key) = object.key.as_pod() else { return };
        let phase = match given.phase.as_deref() {
            Some("Succeeded") => PodPhase::Succeeded,
            Some("Failed") => PodPhase::Failed,
            _ => PodPhase::Pending,
        };
        let queued = self.revision.index.next_pending;
        self.revision.index.next_pending += 1;
        let record = PodRecord {
            key: key.clone(),
            uid: object.uid,
            node: None,
            meant_for: None,
            host_network: spec.host_network,
            netns: None,
            ip: None,
            ip_given: given.pod_ip.is_some() && !spec.host_network,
            spec,
            labels: object.labels.clone(),
            owner: object.owner.clone(),
            phase,
            reason: PodReason::None,
            unready: Arc::new([]),
            frozen: false,
            failing: Arc::new([]),
            corefile: None,
            created_at_ns: self.revision.at_ns,
            started_at_ns: None,
            queued,
            order: 0,
            version: self.revision.number,
        };
        self.revision.pods.insert(key.clone(), Arc::new(record));
        if object.owner.is_none() {
            self.index_orphan(&key, true);
        }
        if phase == PodPhase::Pending {
            self.revision.index.pending.insert(queued, key);
            self.fresh.insert(queued);
            self.work.insert(Work::Schedule);
        }
    }

    /// Changes a Pod's record, its own version and its node's. No-op if there is no such Pod.
    pub fn change_pod(&mut self, key: &PodKey, change: impl FnOnce(&mut PodRecord)) {
        self.wake_services(key);
        let number = self.revision.number;
        let Some(record) = self.revision.pods.get_mut(key) else { return };
        let record = Arc::make_mut(record);
        record.version = number;
        change(record);
        if let Some(node) = record.node.clone() {
            self.touch_node_pods(&node);
        }
        self.wake_services(key);
    }

    /// The Services that may select this Pod look at their endpoints again.
    pub fn wake_services(&mut self, key: &PodKey) {
        let selecting = &self.revision.index.service_selecting;
        if selecting.is_empty() {
            return;
        }
        let Some(pod) = self.revision.pods.get(key) else { return };
        for (name, value) in pod.labels.iter() {
            let pair: LabelPair = (key.namespace.clone(), name.clone(), value.clone());
            let services = selecting.get(&pair).into_iter().flatten().cloned();
            let before = self.dirty_endpoints.len();
            self.dirty_endpoints.extend(services);
            if self.dirty_endpoints.len() > before {
                self.work.insert(Work::Endpoints);
            }
        }
    }

    pub fn touch_node_pods(&mut self, node: &str) {
        let number = self.revision.number;
        if let Some(node) = self.revision.nodes.get_mut(node) {
            Arc::make_mut(node).pods_version = number;
        }
    }

    /// A change that a living Pod may undergo: labels, images.
    pub(super) fn update_pod(&mut self, object: &Arc<Object>, spec: Arc<PodSpec>) {
        let Some(key) = object.key.as_pod() else { return };
        let orphan = self.revision.pods.get(&key).is_some_and(|pod| pod.owner.is_none());
        if orphan {
            self.index_orphan(&key, false);
        }
        let (labels, owner) = (object.labels.clone(), object.owner.clone());
        self.change_pod(&key, |pod| {
            pod.spec = spec;
            pod.labels = labels;
            pod.owner = owner;
        });
        match &object.owner {
            // Its ReplicaSet lets go of it if the labels match no more.
            Some(owner) => {
                if let Some(owner) = self.revision.object_by_uid(owner.uid).cloned() {
                    self.notify(&owner);
                }
            }
            None => self.index_orphan(&key, true),
        }
    }

    pub(super) fn set_pod_owner(&mut self, key: &PodKey, owner: Option<Owner>) {
        self.index_orphan(key, false);
        if let Some(record) = self.revision.pods.get_mut(key) {
            Arc::make_mut(record).owner = owner.clone();
        }
        if owner.is_none() {
            self.index_orphan(key, true);
        }
    }

    /// Keeps `Index.orphans`, and wakes the workloads that may claim a new one.
    fn index_orphan(&mut self, key: &PodKey, add: bool) {
        let Some(labels) = self.revision.pods.get(key).map(|pod| pod.labels.clone()) else { return };
        for (name, value) in labels.iter() {
            let pair: LabelPair = (key.namespace.clone(), name.clone(), value.clone());
            let claimants = self.revision.index.selecting.get(&pair);
            for claimant in claimants.into_iter().flatten().filter(|_| add) {
                let claimant = claimant.clone();
                self.work.insert(match &*claimant.kind {
                    "DaemonSet" => Work::DaemonSet(claimant),
                    "StatefulSet" => Work::StatefulSet(claimant),
                    _ => Work::ReplicaSet(claimant),
                });
            }
            let orphans = &mut self.revision.index.orphans;
            let pods = orphans.entry(pair.clone()).or_default();
            if add {
                pods.insert(key.clone());
            } else {
                pods.remove(key);
                if pods.is_empty() {
                    orphans.remove(&pair);
                }
            }
        }
    }

    /// Binds a Pod to a node; its sandbox follows under [`Work::Sandboxes`].
    pub fn bind(&mut self, key: &PodKey, node: &Arc<str>) {
        let Some(record) = self.revision.pods.get_mut(key) else { return };
        let record = Arc::make_mut(record);
        record.node = Some(node.clone());
        record.phase = PodPhase::ContainerCreating;
        record.reason = PodReason::None;
        let (asked, spec) = (record.queued, record.spec.clone());
        let queued = self.revision.index.next_pending;
        record.queued = queued;
        self.revision.index.next_pending += 1;
        self.revision.index.pending.remove(&asked);
        self.fresh.remove(&asked);
        if let Some(node) = self.revision.nodes.get_mut(&**node) {
            let node = Arc::make_mut(node);
            node.waiting.insert(queued, key.clone());
            for port in host_ports(&spec) {
                node.host_ports.insert(port, key.clone());
            }
        }
        if !self.dirty_sandboxes.contains(node) {
            self.dirty_sandboxes.insert(node.clone());
            self.work.insert(Work::Sandboxes);
        }
    }

    /// CNI DEL and everything else that ends a Pod's stay on its node. The record remains, without node and address.
    pub fn unbind(&mut self, key: &PodKey) {
        let Some(record) = self.revision.pods.get(key).cloned() else { return };
        let index = &mut self.revision.index;
        index.pending.remove(&record.queued);
        self.fresh.remove(&record.queued);
        let Some(node_name) = record.node.clone() else { return };
        self.wake_services(key);
        if record.is_kube_proxy() && record.netns.is_some() && self.revision.nodes.contains_key(&node_name) {
            self.leave_rules(&node_name);
        }
        if let Some(netns) = record.netns.filter(|_| !record.host_network) {
            self.revision.netns.remove(&netns);
            if let Some((ip, _)) = &record.ip
                && self.revision.addresses.get(ip) == Some(&netns)
            {
                self.revision.addresses.remove(ip);
            }
        }
        let number = self.revision.number;
        if let Some(node) = self.revision.nodes.get_mut(&*node_name) {
            let node = Arc::make_mut(node);
            node.waiting.remove(&record.queued);
            for port in host_ports(&record.spec) {
                if node.host_ports.get(&port) == Some(key) {
                    node.host_ports.remove(&port);
                }
            }
            if record.netns.is_some() {
                node.pods.remove(&record.order);
                node.pods_version = number;
            }
            if let Some((ip, _)) = &record.ip
                && node.reserved.get(ip) == Some(key)
            {
                node.reserved.remove(ip);
            }
            if !node.waiting.is_empty() || record.host_network {
                self.dirty_sandboxes.insert(node_name);
                self.work.insert(Work::Sandboxes);
            }
        }
        if let Some(slot) = self.revision.pods.get_mut(key) {
            let pod = Arc::make_mut(slot);
            (pod.node, pod.netns, pod.ip, pod.order) = (None, None, None, 0);
            (pod.phase, pod.started_at_ns, pod.failing) = (PodPhase::Pending, None, Arc::new([]));
            pod.unready = Arc::new([]);
            pod.frozen = false;
            pod.version = number;
        }
        self.retry_pending = true;
        self.work.insert(Work::Schedule);
    }

    /// A Pod that has done its work: it holds neither address nor place.
    pub fn end_pod(&mut self, node: &Arc<str>, key: &PodKey, well: bool) {
        self.unbind(key);
        self.change_pod(key, |record| {
            record.node = Some(node.clone());
            record.phase = if well { PodPhase::Succeeded } else { PodPhase::Failed };
            record.reason = PodReason::Ended { well };
        });
    }

    pub(super) fn remove_pod(&mut self, key: &PodKey) {
        self.unbind(key);
        if self.revision.pods.get(key).is_some_and(|pod| pod.owner.is_none()) {
            self.index_orphan(key, false);
        }
        self.revision.pods.remove(key);
    }

    /// Gives a namespace to a node, a Pod or the gateway.
    pub fn new_netns(&mut self, owner: NetnsOwner) -> crate::tables::NetnsId {
        let id = crate::tables::NetnsId(self.revision.index.next_netns);
        self.revision.index.next_netns += 1;
        self.revision.netns.insert(id, owner);
        id
    }
}
