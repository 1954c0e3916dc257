//! Writes tables: what kubelet, the CNI plugins and the containers have made of a revision in each namespace.
//!
//! Every table is a pure function of the revision. Nothing is kept but [`Shared`], the rows that all nodes have in
//! common. Models Kubernetes 1.34, Flannel 0.27, CNI plugins 1.7.

pub(crate) mod cilium;
pub mod cni;
pub mod containers;
mod coredns;
pub mod export;
mod felix;
mod firewall;
mod gateway;
mod internet;
pub mod kube_proxy;
mod node;
mod pod;
mod rows;
mod shared;

pub use felix::{Tier, Tiers};
pub use internet::{CLIENT, CLIENT_V6};
pub use node::{ETH0, FLANNEL};
pub use shared::Shared;

use crate::cluster::{NetnsOwner, Network, NodeRecord, PodRecord, ProxyMode, Revision};
use crate::net::Family;
use crate::tables::netfilter::Netfilter;
use crate::tables::{Netns, NetnsId, Place, Port, RouteTable, Rows, Segment, Sysctls};
use std::sync::{Arc, LazyLock};

/// The number of the node network's segment: there is one.
pub const SEGMENT: u32 = 0;

/// The tables of one live namespace; `None` if there is no such namespace. `Netns::version` is left at 0: the caller
/// counts reprogrammings.
pub fn netns(revision: &Revision, id: NetnsId, shared: &mut Shared) -> Option<Netns> {
    match revision.netns.get(&id)? {
        NetnsOwner::Node(name) => Some(node::netns(revision, revision.nodes.get(name)?, shared)),
        NetnsOwner::Pod(key) => {
            let pod = revision.pods.get(key)?;
            Some(pod::netns(revision, pod, revision.nodes.get(pod.node.as_ref()?)?, shared))
        }
        NetnsOwner::Gateway => Some(gateway::netns(revision, id)),
        NetnsOwner::Internet => Some(internet::netns(revision, id)),
    }
}

/// What [`netns`] depends on: equal versions mean equal tables. With Calico a node depends on policies and on the labels and
/// addresses of Pods anywhere.
pub fn input_version(revision: &Revision, id: NetnsId) -> Option<[u64; 3]> {
    let (own, services) = match revision.netns.get(&id)? {
        NetnsOwner::Node(name) => {
            let node = revision.nodes.get(name)?;
            let sees_all = |pod: &PodRecord| pod.host_network && pod.corefile.is_some();
            let enforces = revision.network.cni.flannel().is_none();
            let all = enforces || pods(revision, node).into_iter().any(sees_all);
            let own = if all { revision.number } else { node.pods_version };
            (own, revision.services_version)
        }
        NetnsOwner::Pod(key) => {
            let pod = revision.pods.get(key)?;
            // CoreDNS sees all of the cluster.
            (if pod.corefile.is_some() { revision.number } else { pod.version }, 0)
        }
        // Where a node is ready decides where the load balancers send.
        NetnsOwner::Gateway => (revision.number, revision.services_version),
        NetnsOwner::Internet => (0, revision.services_version),
    };
    Some([revision.nodes_version, own, services])
}

/// Where a namespace is.
pub fn place(revision: &Revision, id: NetnsId) -> Option<Place> {
    Some(match revision.netns.get(&id)? {
        NetnsOwner::Node(name) => Place::Node(name.clone()),
        NetnsOwner::Pod(key) => Place::Pod { namespace: key.namespace.clone(), name: key.name.clone() },
        NetnsOwner::Gateway => Place::Gateway,
        NetnsOwner::Internet => Place::Internet,
    })
}

/// What [`segment`] depends on.
pub fn segment_version(revision: &Revision) -> [u64; 2] {
    let mut seen = revision.faults.stale_proxies.values().map(|seen| &**seen).chain([revision]);
    // Each kube-proxy's state then counts, too.
    let ipvs = seen.any(|seen| seen.network.kube_proxy_mode.0 == ProxyMode::Ipvs);
    [revision.nodes_version, if ipvs { revision.number } else { 0 }]
}

/// The wire between the nodes: every node's NIC and the gateway's.
pub fn segment(revision: &Revision) -> Segment {
    let network = &revision.network;
    let live = kube_proxy::ipvs::answered(revision);
    let port = |record: &Arc<NodeRecord>| {
        let mut port = node::port(network, record);
        let stale = revision.faults.stale_proxies.get(&record.name).map(|seen| kube_proxy::ipvs::answered(seen));
        let answered = stale.as_ref().unwrap_or(&live);
        if !answered.is_empty() && firewall::seen_by_proxy(revision, record, &pods(revision, record)).is_some() {
            let more = answered.iter().filter(|ip| !port.answers.contains(ip)).copied();
            port.answers.extend(more.collect::<Vec<_>>());
        }
        port
    };
    let mut ports: Vec<Port> = revision.nodes.values().map(port).collect();
    ports.push(gateway::port(revision));
    Segment::new(SEGMENT, network.cluster_name.clone(), network.node_mtu, ports)
}

/// The Pods of a node, in the order in which their sandboxes were made.
fn pods<'a>(revision: &'a Revision, node: &'a NodeRecord) -> Vec<&'a PodRecord> {
    node.pods.values().filter_map(|key| Some(&**revision.pods.get(key)?)).collect()
}

/// Pods' namespaces have no rules, and share having none.
static NO_RULES: LazyLock<Arc<Netfilter>> = LazyLock::new(Arc::default);

/// A namespace without anything in it.
fn empty(network: &Network, id: NetnsId, place: Place) -> Netns {
    let disable_ipv6 = !network.has(Family::V6);
    // Of IPv6 a new namespace takes over nothing: Pods do not forward.
    let ip6_forward = !disable_ipv6 && !matches!(place, Place::Pod { .. });
    Netns {
        id,
        place,
        version: 0,
        links: Vec::new(),
        addresses: Vec::new(),
        local: RouteTable::default(),
        main: RouteTable::default(),
        neighbors: Rows::default(),
        fdb: Rows::default(),
        // A Pod's namespace takes over the machine's setting when it is made (net.core.devconf_inherit_init_net=0),
        // and kubeadm wants forwarding on.
        sysctls: Sysctls { ip_forward: true, ip6_forward, disable_ipv6, ..Sysctls::default() },
        netem: Vec::new(),
        netfilter: NO_RULES.clone(),
        ebpf: None,
        listeners: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
