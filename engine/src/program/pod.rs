//! A Pod's namespace: what the CNI plugin made in it, and what its containers listen on.

use super::{Shared, cni, containers};
use crate::cluster::{Cni, NodeRecord, PodRecord, Revision};
use crate::tables::Netns;

pub(super) fn netns(revision: &Revision, pod: &PodRecord, node: &NodeRecord, shared: &mut Shared) -> Netns {
    let Cni::Flannel(config) = &revision.network.cni;
    let mut netns = cni::flannel::pod(revision, pod, node, config);
    containers::pod_listeners(revision, pod, node, shared, &mut netns.listeners);
    netns
}
