//! What calico-node notes in its node's annotations. Models libcalico-go/lib/backend/k8s/resources/node.go of Calico 3.31.

use super::build::{self, default, text};
use crate::cluster::{NodeRecord, Revision};
use crate::manifest::Node;
use crate::net::Family;
use ipnet::IpNet;

/// The node's own address with its network's length, as calico-node finds it and tells BGP. None: Calico's pools have no
/// addresses of this family, so it does not look for one.
pub fn bgp_address(revision: &Revision, node: &NodeRecord, family: Family) -> Option<IpNet> {
    revision.network.cni.calico().filter(|_| revision.network.cni.serves(family))?;
    let ip = node.ip_of(family)?;
    let own = revision.network.node_network_of(family).filter(|(net, _)| net.contains(&ip));
    own.map_or(Some(IpNet::from(ip)), |(net, _)| IpNet::new(ip, net.prefix_len()).ok())
}

/// What the address of a node's tunnel is called: after its version in annotations, in fields of Calico's Node.
pub fn tunnel_word(revision: &Revision, family: Family) -> &'static str {
    let ipip = revision.network.cni.calico().is_some_and(|config| config.is_ipip(family));
    if ipip { "IPIPTunnelAddr" } else { "VXLANTunnelAddr" }
}

/// Adds the annotations to a Node's metadata.
pub fn annotate(revision: &Revision, node: &NodeRecord, metadata: &mut Node) {
    for (family, version) in [(Family::V4, "IPv4"), (Family::V6, "IPv6")] {
        let address = bgp_address(revision, node, family).map(|net| net.to_string());
        let tunnel = node.tunnel_ip(family).map(|ip| ip.to_string());
        let word = tunnel_word(revision, family);
        for (word, value) in [("Address", address), (word, tunnel)] {
            if let Some(value) = value
                && let Some(annotations) = build::child(metadata, "annotations")
            {
                default(annotations, &format!("projectcalico.org/{version}{word}"), text(value));
            }
        }
    }
}
