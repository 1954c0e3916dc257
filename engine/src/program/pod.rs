//! A Pod's namespace: what the CNI plugin made in it, and what its containers listen on.

use super::{Shared, cni, containers};
use crate::cluster::{Cni, NodeRecord, PodRecord, Revision};
use crate::tables::Netns;

pub(super) fn netns(revision: &Revision, pod: &PodRecord, node: &NodeRecord, shared: &mut Shared) -> Netns {
    let mut netns = match &revision.network.cni {
        Cni::Flannel(config) => cni::flannel::pod(revision, pod, node, config),
        Cni::Calico(config) => cni::calico::pod(revision, pod, node, config),
        Cni::Cilium(config) => cni::cilium::pod(revision, pod, node, config),
    };
    containers::pod_listeners(revision, pod, node, shared, &mut netns.listeners);
    netns
}
