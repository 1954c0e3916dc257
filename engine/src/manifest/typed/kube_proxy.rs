//! `kubeproxy.config.k8s.io/v1alpha1` `KubeProxyConfiguration`: what of it the engine acts upon, with kube-proxy's defaults.

use std::sync::Arc;

use ipnet::IpNet;

use super::reader;
use crate::manifest::{Diagnostics, Node};

/// How kube-proxy tells its own node's Pods from other senders.
#[derive(Clone, Debug, PartialEq)]
pub enum DetectLocal {
    /// By `clusterCIDR`.
    ClusterCidr,
    /// By the node's own `spec.podCIDRs`.
    NodeCidr,
    /// By the interface they come in on.
    Interface(Arc<str>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct KubeProxyConfiguration {
    /// `iptables` if empty.
    pub mode: Arc<str>,
    /// One of a family at most; none: kube-proxy cannot tell Pods from others.
    pub cluster_cidrs: Vec<IpNet>,
    pub detect_local: DetectLocal,
    pub masquerade_all: bool,
    /// `1 << masqueradeBit`
    pub masquerade_mark: u32,
    pub localhost_node_ports: bool,
    /// Subnets, or the word `primary`. Empty: what the mode takes by default.
    pub node_port_addresses: Vec<Arc<str>>,
    pub scheduler: Arc<str>,
}

impl Default for KubeProxyConfiguration {
    fn default() -> KubeProxyConfiguration {
        KubeProxyConfiguration {
            mode: "".into(),
            cluster_cidrs: Vec::new(),
            detect_local: DetectLocal::ClusterCidr,
            masquerade_all: false,
            masquerade_mark: 1 << 14,
            localhost_node_ports: true,
            node_port_addresses: Vec::new(),
            scheduler: "rr".into(),
        }
    }
}

/// Said of a cluster that wants it.
pub(super) const IPVS: &str = "kube-proxy is not simulated in IPVS mode yet: no Service's address leads anywhere";

impl KubeProxyConfiguration {
    pub fn project(root: &Node, d: &mut Diagnostics) -> KubeProxyConfiguration {
        let default = KubeProxyConfiguration::default();
        if !reader::is_object(root, d) {
            return default;
        }
        let mode = reader::text(root, "mode", d).unwrap_or_default();
        if &*mode == "ipvs" {
            d.warning("proxy-mode", root.at("mode").span, IPVS);
        }
        let empty = Node { value: crate::manifest::Value::Mapping(Vec::new()), span: root.span };
        let section = |name: &str, d: &mut Diagnostics| reader::object(root, name, d).unwrap_or(&empty);
        let (iptables, nftables, ipvs) = (section("iptables", d), section("nftables", d), section("ipvs", d));
        let own = if &*mode == "nftables" { nftables } else { iptables };
        let bit = reader::count(own, "masqueradeBit", d).filter(|bit| *bit < 32);
        KubeProxyConfiguration {
            cluster_cidrs: reader::subnets(root, "clusterCIDR", d).unwrap_or_default(),
            detect_local: detect_local(root, d),
            masquerade_all: reader::boolean(own, "masqueradeAll", d).unwrap_or(false),
            masquerade_mark: bit.map_or(default.masquerade_mark, |bit| 1 << bit),
            localhost_node_ports: reader::boolean(iptables, "localhostNodePorts", d).unwrap_or(true),
            node_port_addresses: node_port_addresses(root, d),
            scheduler: reader::text(ipvs, "scheduler", d).filter(|name| !name.is_empty()).unwrap_or(default.scheduler),
            mode,
        }
    }
}

fn detect_local(root: &Node, d: &mut Diagnostics) -> DetectLocal {
    let modes = ["ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix"];
    let config = reader::object(root, "detectLocal", d);
    let mut name = |field| config.and_then(|config| reader::text(config, field, d)).unwrap_or_default();
    let (bridge, prefix) = (name("bridgeInterface"), name("interfaceNamePrefix"));
    let mode = reader::text(root, "detectLocalMode", d).filter(|mode| !mode.is_empty());
    match mode.and_then(|_| reader::choice(root, "detectLocalMode", &modes, d)) {
        Some(1) => DetectLocal::NodeCidr,
        Some(2) => DetectLocal::Interface(bridge),
        Some(3) => DetectLocal::Interface(format!("{prefix}+").into()),
        _ => DetectLocal::ClusterCidr,
    }
}

fn node_port_addresses(root: &Node, d: &mut Diagnostics) -> Vec<Arc<str>> {
    let mut addresses = Vec::new();
    for item in reader::items(root, "nodePortAddresses", d) {
        let Some(text) = reader::string(item, d) else { continue };
        if &*text == "primary" || reader::subnet(&text, item.span, d).is_some() {
            addresses.push(text);
        }
    }
    addresses
}
