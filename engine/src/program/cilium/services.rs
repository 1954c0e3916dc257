//! The Services that Pods' programs translate: those by cluster addresses, as everything else is kube-proxy's. Models
//! pkg/loadbalancer/reconciler of Cilium 1.18 with kube-proxy-replacement false.

use crate::cluster::{NodeRecord, Revision};
use crate::net::{Family, Protocol};
use crate::program::kube_proxy::{Proxy, ServicePort, service_ports};
use crate::tables::ebpf::{LbBackend, LbMap, LbService};
use std::net::{IpAddr, SocketAddr};

fn proxy<'a>(revision: &'a Revision, node: &'a NodeRecord) -> Proxy<'a> {
    let config = &revision.network.kube_proxy;
    Proxy { revision, node, config, family: Family::V4, random_fully: true }
}

/// Services that are the same on every node; any one will do for asking.
pub fn shared(revision: &Revision, node: &NodeRecord) -> LbMap {
    collect(revision, &proxy(revision, node), |port, proxy| !port.depends_on_node(proxy))
}

/// Services of which a node has backends of its own.
pub fn own(revision: &Revision, node: &NodeRecord) -> LbMap {
    collect(revision, &proxy(revision, node), |port, proxy| port.depends_on_node(proxy))
}

fn collect(revision: &Revision, proxy: &Proxy<'_>, wanted: impl Fn(&ServicePort<'_>, &Proxy<'_>) -> bool) -> LbMap {
    let mut map = LbMap::default();
    let sctp = revision.network.cni.cilium().is_some_and(|config| config.sctp_enabled);
    let ports = revision.services.values().flat_map(|service| service_ports(service, Family::V4));
    for (at, port) in ports.enumerate() {
        let IpAddr::V4(ip) = port.cluster_ip else { continue };
        // Numbers are given in the order in which Services are met.
        let Ok(id) = u16::try_from(at + 1) else { return map };
        if port.protocol == Protocol::Sctp && !sctp || !wanted(&port, proxy) {
            continue;
        }
        let usable = port.usable(proxy);
        let backends = if port.internal_local { usable.local } else { usable.cluster };
        let backends = backends.into_iter().filter_map(|backend| match backend.address {
            SocketAddr::V4(address) => {
                Some(LbBackend { ip: *address.ip(), port: address.port(), origin: backend.origin })
            }
            SocketAddr::V6(_) => None,
        });
        let (backends, origin) = (backends.collect(), port.origin(""));
        map.insert((ip, port.port, port.protocol), LbService { id, backends, affinity: port.affinity, origin });
    }
    map
}
