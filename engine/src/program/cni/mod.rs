//! The CNI plugins: how Pods get their wires.

pub mod add;
pub mod calico;
pub mod cilium;
pub mod flannel;
pub(super) mod flannel_rules;

use crate::cluster::{Cni, PodRecord, Revision};
use crate::tables::LinkIndex;

/// The name of a Pod's veth on its node.
pub fn veth_name(revision: &Revision, pod: &PodRecord) -> String {
    match &revision.network.cni {
        Cni::Flannel(_) => flannel::veth_name(revision, pod),
        Cni::Calico(_) => calico::veth_name(pod),
        Cni::Cilium(_) => cilium::veth_name(pod),
    }
}

/// The number of a Pod's veth on its node: numbers are never used again, so they follow the order of all sandboxes.
pub(super) fn veth_index(revision: &Revision, pod: &PodRecord) -> LinkIndex {
    match &revision.network.cni {
        Cni::Flannel(config) => flannel::veth_index(pod, config),
        Cni::Calico(_) => calico::veth_index(pod),
        Cni::Cilium(_) => cilium::veth_index(pod),
    }
}
