//! Who hears of a change: the controllers' indexes, and the work that an object makes for them.

use super::draft::{Draft, Work};
use super::typed::Typed;
use super::{Object, ObjectKey, Provenance, ServiceKey};
use crate::manifest::typed::SERVICE_NAME;
use imbl::{OrdMap, OrdSet};

impl Draft {
    /// Keeps `Index.selecting`, `Index.service_selecting` and `Revision.slices_of`: which workloads may claim a Pod with
    /// a certain label, which Services may have it, which slices are a Service's.
    pub(super) fn index_selector(&mut self, object: &Object, add: bool) {
        match &object.typed {
            Typed::Service(service) => {
                let Some((name, value)) = service.selector.first_key_value() else { return };
                let pair = (object.key.namespace.clone(), name.clone(), value.clone());
                keep(&mut self.revision.index.service_selecting, pair, object.key.as_named(), add);
            }
            Typed::EndpointSlice(_) => {
                let Some(service) = service_of_slice(object) else { return };
                keep(&mut self.revision.slices_of, service, object.key.clone(), add);
            }
            _ => self.index_workload(object, add),
        }
    }

    /// A slice that stays in the store, but is not used for its Service any more.
    pub fn forget_slice(&mut self, service: &ServiceKey, slice: &ObjectKey) {
        keep(&mut self.revision.slices_of, service.clone(), slice.clone(), false);
    }

    fn index_workload(&mut self, object: &Object, add: bool) {
        if object.key.is("Deployment") {
            return;
        }
        let Some(workload) = object.workload() else { return };
        let Some((key, value)) = workload.selector.match_labels.iter().next() else { return };
        let pair = (object.key.namespace.clone(), key.clone(), value.clone());
        keep(&mut self.revision.index.selecting, pair, object.key.clone(), add);
    }

    /// Notes which controllers a change of this object concerns.
    pub fn notify(&mut self, object: &Object) {
        let key = &object.key;
        match (&*key.group, &*key.kind) {
            ("apps", "Deployment") => drop(self.work.insert(Work::Deployment(key.clone()))),
            ("apps", "ReplicaSet") => {
                self.work.insert(Work::ReplicaSet(key.clone()));
                if let Some(owner) = object.owner.as_ref().filter(|owner| owner.key.is("Deployment")) {
                    self.work.insert(Work::Deployment(owner.key.clone()));
                }
            }
            ("apps", "StatefulSet") => drop(self.work.insert(Work::StatefulSet(key.clone()))),
            ("apps", "DaemonSet") => drop(self.work.insert(Work::DaemonSet(key.clone()))),
            ("", "Node") => {
                self.dirty_nodes.insert(key.name.clone());
                self.work.extend([Work::Network, Work::Nodes]);
            }
            ("", "Service") => {
                self.dirty_services.insert(key.as_named());
                self.work.insert(Work::Services);
            }
            ("", "Endpoints") => {
                self.dirty_endpoints.insert(key.as_named());
                self.work.insert(Work::Endpoints);
            }
            ("discovery.k8s.io", "EndpointSlice") => {
                if let Some(service) = service_of_slice(object) {
                    self.dirty_endpoints.insert(service);
                    self.work.insert(Work::Endpoints);
                }
            }
            ("", "Namespace") => {
                self.dirty_namespaces.insert(key.name.clone());
                self.work.insert(Work::Namespaces);
            }
            ("", "ConfigMap") if &*key.name != ROOT_CA => {
                self.dirty_configs.insert(key.namespace.clone());
                self.work.insert(Work::CoreDns);
                if is_configuration(key) {
                    self.work.insert(Work::Network);
                }
            }
            ("kind.x-k8s.io" | "kubeadm.k8s.io" | "kubeproxy.config.k8s.io", _)
            | ("operator.tigera.io", "Installation")
            | ("projectcalico.org" | "crd.projectcalico.org", "IPPool") => {
                self.work.insert(Work::Network);
            }
            _ => {}
        }
        // A user's object may stand for one that the cluster has by itself, or stop doing so.
        let users = !matches!(object.provenance, Provenance::Builtin | Provenance::Controller);
        let system = is_system(&key.namespace) || key.is("Node") || key.is("Cluster");
        if users && (system || self.is_builtin(key)) {
            self.work.insert(Work::Builtin);
        }
    }
}

/// Adds to, or takes from, the set under a key; an empty set goes.
fn keep<K: Ord + Clone, V: Ord + Clone>(map: &mut OrdMap<K, OrdSet<V>>, key: K, value: V, add: bool) {
    let set = map.entry(key.clone()).or_default();
    if add {
        set.insert(value);
    } else {
        set.remove(&value);
        if set.is_empty() {
            map.remove(&key);
        }
    }
}

/// The Service that a slice names by its label.
fn service_of_slice(slice: &Object) -> Option<ServiceKey> {
    let name = slice.labels.get(SERVICE_NAME)?;
    Some(ServiceKey { namespace: slice.key.namespace.clone(), name: name.clone() })
}

/// The ConfigMap that every Namespace has: it configures nothing.
const ROOT_CA: &str = "kube-root-ca.crt";

/// Namespaces of the cluster's own components.
pub fn is_system(namespace: &str) -> bool {
    matches!(namespace, "kube-system" | "kube-flannel" | "calico-system" | "tigera-operator")
}

/// ConfigMaps that configure the cluster's own components.
fn is_configuration(key: &ObjectKey) -> bool {
    matches!(
        (&*key.namespace, &*key.name),
        ("kube-flannel", "kube-flannel-cfg")
            | ("kube-system", "kube-proxy" | "kubeadm-config" | "kube-flannel-cfg" | "cilium-config")
    )
}
