//! The CNI plugins: how Pods get their wires.

pub mod add;
pub mod calico;
pub mod flannel;
pub(super) mod flannel_rules;

use crate::cluster::{Cni, PodRecord, Revision};

/// The name of a Pod's veth on its node.
pub fn veth_name(revision: &Revision, pod: &PodRecord) -> String {
    match &revision.network.cni {
        Cni::Flannel(_) => flannel::veth_name(revision, pod),
        Cni::Calico(_) => calico::veth_name(pod),
    }
}
