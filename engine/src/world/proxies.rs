//! What kube-proxies do to connections that nodes track already.

use super::World;
use crate::cluster::{Cni, NodeRecord, Revision, ServiceRecord};
use crate::net::Protocol;
use crate::program;
use crate::tables::NetnsId;
use crate::tables::netfilter::{Connection, CtProtocol};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

const UDP: CtProtocol = CtProtocol::Transport(Protocol::Udp);

/// Serving endpoints by what leads to them, of Services that have any.
#[derive(Default)]
struct Serving {
    by_address: BTreeMap<SocketAddr, BTreeSet<SocketAddr>>,
    by_node_port: BTreeMap<u16, BTreeSet<SocketAddr>>,
}

impl World {
    /// Every kube-proxy that follows the cluster deletes its node's UDP entries that lead from a Service to an endpoint
    /// that does not serve it any more, as long as another one does; TCP's are left alone.
    ///
    /// Models pkg/proxy/conntrack/cleanup.go CleanStaleEntries.
    pub(super) fn clean_stale_connections(&mut self) {
        let now = self.runtime.now();
        let revision = self.tables.revision().clone();
        let tunnel_port = match &revision.network.cni {
            Cni::Flannel(config) => config.port.0,
            Cni::Calico(_) => program::cni::calico::VXLAN_PORT,
            Cni::Cilium(config) => config.tunnel_port.0,
        };
        // The nodes' own tunnels, which have entries wherever Pods of different nodes talk.
        let is_tunnel = |(ip, port): (IpAddr, u16)| {
            port == tunnel_port && revision.nodes.values().any(|node| node.addresses().any(|(own, _)| own == ip))
        };
        let tracks = |id: NetnsId| {
            let connections = self.runtime.state(id).into_iter().flat_map(|state| state.connections.iter(now));
            connections.into_iter().any(|entry| entry.original.protocol == UDP && !is_tunnel(entry.original.dst))
        };
        let nodes: Vec<NetnsId> = (revision.nodes.values())
            .filter(|node| tracks(node.netns) && follows(&revision, node))
            .map(|node| node.netns)
            .collect();
        if nodes.is_empty() {
            return;
        }
        let serving = Serving::of(&revision);
        for id in nodes {
            self.runtime.forget_connections(id, &mut |entry| serving.is_stale(entry));
        }
    }
}

/// Whether the node's kube-proxy runs.
fn follows(revision: &Revision, node: &NodeRecord) -> bool {
    let pods = node.pods.values().filter_map(|key| revision.pods.get(key));
    let mut proxies = pods.filter(|pod| pod.is_kube_proxy() && pod.is_ready() && !pod.frozen);
    proxies.next().is_some() && !revision.faults.stale_proxies.contains_key(&node.name)
}

impl Serving {
    fn of(revision: &Revision) -> Serving {
        let mut serving = Serving::default();
        for service in revision.services.values().filter(|service| !service.foreign_proxy) {
            for (at, port) in service.spec.ports.iter().enumerate() {
                let endpoints = endpoints(revision, service, port.name.as_deref().unwrap_or(""));
                if port.protocol != Protocol::Udp || endpoints.is_empty() {
                    continue;
                }
                let external = service.spec.external_ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok());
                let own = service.cluster_ips.iter().chain(&service.ingress).map(|(ip, _)| *ip);
                for ip in own.chain(external) {
                    serving.by_address.insert(SocketAddr::new(ip, port.port), endpoints.clone());
                }
                if let Some((node_port, _)) = service.node_ports.get(at).and_then(Option::as_ref) {
                    serving.by_node_port.insert(*node_port, endpoints);
                }
            }
        }
        serving
    }

    fn is_stale(&self, entry: &Connection) -> bool {
        if entry.original.protocol != UDP {
            return false;
        }
        let to = SocketAddr::from(entry.original.dst);
        let endpoints = self.by_address.get(&to).or_else(|| self.by_node_port.get(&to.port()));
        endpoints.is_some_and(|endpoints| !endpoints.contains(&SocketAddr::from(entry.reply.src)))
    }
}

fn endpoints(revision: &Revision, service: &ServiceRecord, port: &str) -> BTreeSet<SocketAddr> {
    let mut found = BTreeSet::new();
    for (_, slice) in revision.slices(&service.key) {
        let udp = slice.ports.iter().filter(|known| known.protocol == Protocol::Udp);
        for number in udp.filter(|known| known.name.as_deref().unwrap_or("") == port).filter_map(|known| known.port) {
            let serving = slice.endpoints.iter().filter(|endpoint| endpoint.serving);
            found.extend(serving.filter_map(|endpoint| Some(SocketAddr::new(*endpoint.addresses.first()?, number))));
        }
    }
    found
}
