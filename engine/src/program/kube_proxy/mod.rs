//! What kube-proxy programs on a node, from Services and EndpointSlices. Models pkg/proxy of Kubernetes 1.34.
//!
//! Each mode has a module; what they have in common, which endpoints a Service port has on a node, is [`ports`].

pub mod iptables;
mod names;
mod ports;

#[cfg(test)]
mod tests;

pub use ports::{Backend, ServicePort, Usable, service_ports};

use crate::cluster::{NodeRecord, Revision};
use crate::manifest::typed::KubeProxyConfiguration;
use crate::net::Family;
use std::net::IpAddr;

/// One kube-proxy: its node, its family and what its node's iptables can do.
pub struct Proxy<'a> {
    pub revision: &'a Revision,
    pub node: &'a NodeRecord,
    pub config: &'a KubeProxyConfiguration,
    pub family: Family,
    /// `MASQUERADE --random-fully`, which iptables has since 1.6.2.
    pub random_fully: bool,
}

impl Proxy<'_> {
    fn node_ip(&self) -> Option<IpAddr> {
        self.node.ips().find(|ip| Family::of(*ip) == self.family)
    }

    /// The node's `topology.kubernetes.io/zone`, empty if it has none.
    fn zone(&self) -> &str {
        self.node.labels.get("topology.kubernetes.io/zone").map_or("", |zone| zone)
    }

    fn of_family(&self, ip: &IpAddr) -> bool {
        Family::of(*ip) == self.family
    }
}
