//! The rows that every node has about every other: built once for all nodes.

use super::cni::{calico, flannel};
use super::{cilium, felix, kube_proxy};
use crate::cluster::{Cni, Revision};
use crate::tables::dns::ClusterData;
use crate::tables::{FdbEntry, NeighborEntry, Route, SharedRows};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Peer rows of the latest `nodes_version` that was asked for. One cache serves one line of revisions.
#[derive(Debug, Default)]
pub struct Shared {
    latest: Option<(u64, Peers)>,
    pub(super) iptables: kube_proxy::Cache<kube_proxy::iptables::Iptables>,
    pub(super) nftables: kube_proxy::Cache<kube_proxy::nftables::Nftables>,
    pub(super) felix: felix::Cache,
    pub(super) cilium: cilium::Cache,
    /// What CoreDNS has synced, with what it was made from.
    pub(super) dns: Option<(DnsKey, Arc<ClusterData>)>,
}

/// Version of the Services, revision (if more than Services counts), selector, and the namespaces.
type DnsKey = (u64, u64, Option<Arc<str>>, BTreeSet<Arc<str>>);

/// Routes, neighbours and forwarding entries of all nodes about all nodes; each node leaves out its own.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    pub routes: Arc<SharedRows<Route>>,
    pub neighbors: Arc<SharedRows<NeighborEntry>>,
    pub fdb: Arc<SharedRows<FdbEntry>>,
}

impl Peers {
    fn none() -> Peers {
        Peers {
            routes: Arc::new(SharedRows::new(Vec::new())),
            neighbors: Arc::new(SharedRows::new(Vec::new())),
            fdb: Arc::new(SharedRows::new(Vec::new())),
        }
    }
}

impl Shared {
    pub(super) fn peers(&mut self, revision: &Revision) -> Peers {
        match &self.latest {
            Some((version, peers)) if *version == revision.nodes_version => peers.clone(),
            _ => {
                let peers = match &revision.network.cni {
                    Cni::Flannel(config) => flannel::peers(revision, config),
                    Cni::Calico(config) => calico::peers(revision, config),
                    Cni::Cilium(_) => Peers::none(),
                };
                self.latest = Some((revision.nodes_version, peers.clone()));
                peers
            }
        }
    }
}
