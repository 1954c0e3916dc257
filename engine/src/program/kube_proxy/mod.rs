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
use crate::manifest::typed::KubeProxyConfiguration;
use crate::net::Family;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};
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

impl Proxy<'_> {
    fn node_ip(&self) -> Option<IpAddr> {
        self.node.ips().find(|ip| Family::of(*ip) == self.family)
    }

    /// The addresses on which nftables mode serves node ports: those in `nodePortAddresses`, by default the node's
    /// first one. Loopback never.
    fn node_port_ips(&self) -> Vec<IpAddr> {
        let addresses = &self.config.node_port_addresses;
        let primary = addresses.is_empty() || addresses.iter().any(|net| &**net == "primary");
        let nets: Vec<IpNet> = addresses.iter().filter_map(|net| net.parse().ok()).collect();
        let own = self.node.ips().filter(|ip| self.of_family(ip)).enumerate();
        own.filter(|(at, ip)| (primary && *at == 0) || nets.iter().any(|net| net.contains(ip)))
            .map(|(_, ip)| ip)
            .collect()
    }

    /// The node's `topology.kubernetes.io/zone`, empty if it has none.
    fn zone(&self) -> &str {
        self.node.labels.get("topology.kubernetes.io/zone").map_or("", |zone| zone)
    }

    /// Node ports on 127.0.0.1: IPv4's only, and only if `nodePortAddresses` allows loopback.
    pub fn localhost_node_ports(&self) -> bool {
        let config = self.config;
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let allowed = config.node_port_addresses.is_empty()
            || config.node_port_addresses.iter().any(|net| net.parse().is_ok_and(|net: IpNet| net.contains(&loopback)));
        self.family == Family::V4 && config.localhost_node_ports && allowed
    }

    fn of_family(&self, ip: &IpAddr) -> bool {
        Family::of(*ip) == self.family
    }
}

/// One in `n`, as iptables hands it to the kernel: in units of 2⁻³¹, from the ten decimals that kube-proxy writes.
pub(super) fn one_in(n: usize) -> u32 {
    let written = (1e10 / n as f64).round() / 1e10;
    (f64::from(1_u32 << 31) * written).round() as u32
}
