//! What kube-proxy programs on a node, from Services and EndpointSlices. Models pkg/proxy of Kubernetes 1.34.
//!
//! Each mode has a module; what they have in common is `ports`, which endpoints a Service port has on a node, and `cache`,
//! what stays written.

mod cache;
pub mod health;
pub mod iptables;
pub mod ipvs;
mod names;
pub mod nftables;
mod ports;

#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use ports::{Backend, ServicePort, Usable, service_ports};

use crate::cluster::{NodeRecord, Revision};
use crate::manifest::typed::{DetectLocal, KubeProxyConfiguration};
use crate::net::Family;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// One kube-proxy: its node, its family and what its node's iptables can do.
pub struct Proxy<'a> {
    pub revision: &'a Revision,
    pub node: &'a NodeRecord,
    pub config: &'a Arc<KubeProxyConfiguration>,
    pub family: Family,
    /// `MASQUERADE --random-fully`, which iptables has since 1.6.2.
    pub random_fully: bool,
}

/// How packets of a node's Pods are told: `detectLocalMode`.
enum OwnPods<'a> {
    From(IpNet),
    /// Of an interface; of several with a `+` at the end.
    By(&'a Arc<str>),
}

impl Proxy<'_> {
    fn node_ip(&self) -> Option<IpAddr> {
        self.node.ips().find(|ip| Family::of(*ip) == self.family)
    }

    /// The networks whose addresses serve node ports: those of this family in `nodePortAddresses`. None: all addresses
    /// do. Models pkg/proxy/util/nodeport_addresses.go.
    fn node_port_nets(&self) -> Option<Vec<IpNet>> {
        let addresses = &self.config.node_port_addresses;
        let primary = addresses.iter().any(|net| &**net == "primary");
        let nets = addresses.iter().filter_map(|net| net.parse::<IpNet>().ok());
        let nets: Vec<IpNet> = nets.filter(|net| Family::of(net.addr()) == self.family).collect();
        if nets.iter().any(|net| net.prefix_len() == 0) || nets.is_empty() && !primary {
            return None;
        }
        let own = self.node_ip().filter(|_| primary).map(IpNet::from);
        Some(nets.into_iter().chain(own).collect())
    }

    /// 127.0.0.0/8 or ::1/128
    fn loopback(&self) -> IpNet {
        match self.family {
            Family::V4 => IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
            Family::V6 => IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        }
    }

    /// What tells this node's Pods from other senders, if anything does.
    fn own_pods(&self) -> Option<OwnPods<'_>> {
        let of_family = |net: &IpNet| Family::of(net.addr()) == self.family;
        match &self.config.detect_local {
            DetectLocal::ClusterCidr => self.config.cluster_cidrs.iter().copied().find(of_family).map(OwnPods::From),
            DetectLocal::NodeCidr => self.node.pod_cidrs().find(of_family).map(OwnPods::From),
            DetectLocal::Interface(name) => Some(OwnPods::By(name)),
        }
    }

    /// The node's `topology.kubernetes.io/zone`, empty if it has none.
    fn zone(&self) -> &str {
        self.node.labels.get("topology.kubernetes.io/zone").map_or("", |zone| zone)
    }

    /// Node ports on 127.0.0.1: IPv4's only, and only if `nodePortAddresses` allows loopback.
    pub fn localhost_node_ports(&self) -> bool {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let allowed = || self.node_port_nets().is_none_or(|nets| nets.iter().any(|net| net.contains(&loopback)));
        self.family == Family::V4 && self.config.localhost_node_ports && allowed()
    }
}

/// One in `n`, as iptables hands it to the kernel: in units of 2⁻³¹, from the ten decimals that kube-proxy writes.
pub(super) fn one_in(n: usize) -> u32 {
    let written = (1e10 / n as f64).round() / 1e10;
    (f64::from(1_u32 << 31) * written).round() as u32
}
