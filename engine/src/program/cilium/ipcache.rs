//! The rows of `cilium_ipcache`: Pods, nodes, networks of policies, and the world. Models pkg/ipcache and
//! pkg/node/manager.

use super::Identities;
use super::policy::Repository;
use crate::cluster::Revision;
use crate::net::Family;
use crate::tables::Origin;
use crate::tables::ebpf::{Endpoint, Identity, IpCache, IpCacheEntry};
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv4Addr};

/// As the nodes have it in common: each leaves out its own tunnel.
pub fn shared(revision: &Revision, identities: &Identities, repository: &Repository) -> IpCache {
    let mut cache = IpCache::default();
    let mut put = |net, identity, tunnel, origin| cache.insert(net, IpCacheEntry { identity, tunnel, origin });
    for node in revision.nodes.values() {
        let identity = if node.control_plane { Identity::KUBE_APISERVER } else { Identity::REMOTE_NODE };
        for (ip, origin) in node.addresses() {
            if let IpAddr::V4(ip) = ip {
                put(Ipv4Net::from(ip), identity, None, origin.clone());
            }
        }
        let tunnel = node.ip_of(Family::V4);
        if let Some(IpAddr::V4(router)) = node.tunnel_ip(Family::V4) {
            let origin = Origin::default("cilium", "CiliumInternalIP: the address of the node's cilium_host");
            put(Ipv4Net::from(router), Identity::REMOTE_NODE, tunnel, origin);
        }
        for pod in node.pods.values().filter_map(|key| revision.pods.get(key)).filter(|pod| !pod.host_network) {
            let Some((IpAddr::V4(ip), _)) = pod.addresses().find(|(ip, _)| ip.is_ipv4()) else { continue };
            let identity = identities.of(pod).map_or(Identity(5), |row| row.identity);
            put(Ipv4Net::from(*ip), identity, tunnel, Origin::object(pod.uid, "metadata.labels"));
        }
    }
    for (net, identity, origin) in repository.cidrs.iter() {
        put(net, identity, None, origin.clone());
    }
    let world = Origin::default("cilium", "whoever has no identity of his own is the world");
    put(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0), Identity::WORLD, None, world);
    cache
}

/// A node's own addresses are the host to itself.
pub fn own<'e>(hosts: impl Iterator<Item = (&'e Ipv4Addr, &'e Endpoint)>) -> IpCache {
    let mut cache = IpCache::default();
    for (ip, row) in hosts {
        let entry = IpCacheEntry { identity: Identity::HOST, tunnel: None, origin: row.origin.clone() };
        cache.insert(Ipv4Net::from(*ip), entry);
    }
    cache
}
