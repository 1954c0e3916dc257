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
    pub ipvs: IpvsConfiguration,
}

/// What counts in IPVS mode.
#[derive(Clone, Debug, PartialEq)]
pub struct IpvsConfiguration {
    pub scheduler: Arc<str>,
    /// No address of kube-ipvs0 is given out by ARP.
    pub strict_arp: bool,
    /// `tcpTimeout`, `tcpFinTimeout` and `udpTimeout` in seconds; 0: the kernel's own.
    pub timeouts: [u32; 3],
}

/// The kernel's modules ip_vs_rr, ip_vs_wrr …
pub const SCHEDULERS: [&str; 14] =
    ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos"];

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
            ipvs: IpvsConfiguration::default(),
        }
    }
}

impl Default for IpvsConfiguration {
    fn default() -> IpvsConfiguration {
        IpvsConfiguration { scheduler: "rr".into(), strict_arp: false, timeouts: [0; 3] }
    }
}

impl IpvsConfiguration {
    fn project(root: &Node, in_use: bool, d: &mut Diagnostics) -> IpvsConfiguration {
        let default = IpvsConfiguration::default();
        let scheduler = reader::text(root, "scheduler", d).filter(|name| !name.is_empty());
        if let Some(name) = scheduler.as_ref().filter(|name| in_use && !SCHEDULERS.contains(&&***name)) {
            let message = "can't use the IPVS proxier: no such file or directory";
            let hint = format!("the kernel has no module ip_vs_{name}; its schedulers are {}", SCHEDULERS.join(", "));
            d.warning("proxy-mode", reader::span_of(root, "scheduler"), message).hint(hint);
        }
        for item in reader::items(root, "excludeCIDRs", d) {
            if let Some(text) = reader::string(item, d) {
                reader::subnet(&text, item.span, d);
            }
        }
        let timeouts = ["tcpTimeout", "tcpFinTimeout", "udpTimeout"];
        let timeouts = timeouts.map(|name| duration(root, name, d).unwrap_or(0));
        IpvsConfiguration {
            scheduler: scheduler.unwrap_or(default.scheduler),
            strict_arp: reader::boolean(root, "strictARP", d).unwrap_or(false),
            timeouts,
        }
    }
}

/// `15m0s`, in whole seconds.
fn duration(root: &Node, name: &str, d: &mut Diagnostics) -> Option<u32> {
    let text = reader::text(root, name, d)?;
    let seconds = seconds(&text);
    if seconds.is_none() {
        let message = format!("time: invalid duration \"{text}\"");
        d.error("duration", reader::span_of(root, name), message).hint("write it like 15m or 1h30m");
    }
    seconds
}

/// Models Go's time.ParseDuration for what is not negative; parts of a second are dropped.
fn seconds(text: &str) -> Option<u32> {
    let (mut total, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let scale = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "" if text == "0" => 1.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    (!text.is_empty() && total < f64::from(i32::MAX)).then_some(total as u32)
}

impl KubeProxyConfiguration {
    pub fn project(root: &Node, d: &mut Diagnostics) -> KubeProxyConfiguration {
        let default = KubeProxyConfiguration::default();
        if !reader::is_object(root, d) {
            return default;
        }
        let mode = reader::text(root, "mode", d).unwrap_or_default();
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
            ipvs: IpvsConfiguration::project(ipvs, &*mode == "ipvs", d),
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
