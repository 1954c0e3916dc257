//! Cilium's configuration from the ConfigMap `kube-system/cilium-config`. Models the chart of Cilium 1.18 and
//! pkg/option.

use super::network::{config_map, given};
use crate::cluster::{CiliumConfig, Cni, CniName, Draft, Enforcement, Network};
use crate::manifest::typed::ConfigMap;
use crate::manifest::{Diagnostics, Span};
use crate::net::Family;
use crate::tables::{Origin, Uid};
use ipnet::{IpNet, Ipv4Net};
use std::net::Ipv4Addr;
use std::str::FromStr;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "cilium-config";
/// `cluster-pool-ipv4-cidr` by default.
const POOL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8);
const POOL_REASON: &str = "clusterPoolIPv4PodCIDRList is 10.0.0.0/8 by default";
/// Ethernet, IPv4, UDP and VXLAN headers, in bytes.
const OVERHEAD: u32 = 50;

/// Values that are not simulated: (key, value, what podhop does instead).
const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("routing-mode", "native", "podhop goes on with tunnels"),
    ("tunnel-protocol", "geneve", "podhop goes on with vxlan"),
    ("kube-proxy-replacement", "true", "podhop goes on with kube-proxy"),
    ("bpf-lb-sock", "true", "Pods' packets to Services are translated at their devices"),
    ("enable-node-port", "true", "podhop goes on with kube-proxy"),
    ("enable-bpf-masquerade", "true", "podhop goes on with iptables"),
    ("enable-ipv6", "true", "Pods get IPv4 addresses only"),
    ("enable-ipv4", "false", "Pods get IPv4 addresses"),
    ("enable-endpoint-routes", "true", "podhop goes on with routes by cilium_host"),
    ("enable-host-firewall", "true", "nodes are held to no policies"),
    ("enable-wireguard", "true", "nothing is encrypted"),
    ("enable-ipsec", "true", "nothing is encrypted"),
];

/// Cilium wires the Pods if the caller says so, or else if a manifest configures it.
pub fn is_chosen(draft: &Draft) -> bool {
    match draft.options.cni {
        Some(name) => name == CniName::Cilium,
        None => given(draft, "ConfigMap", NAMESPACE, NAME).is_some(),
    }
}

/// The ConfigMap as it was given.
struct Given<'d> {
    uid: Uid,
    config: &'d ConfigMap,
}

impl Given<'_> {
    fn get(&self, key: &str) -> Option<(&str, Span)> {
        self.config.data.get(key).map(|(text, span)| (text.trim(), *span))
    }

    fn origin(&self, key: &str) -> Origin {
        Origin::Object { uid: self.uid, path: format!("data.{key}").into() }
    }
}

/// A value, and where it is from. One that cannot be read is told of, and the default taken.
fn value<T: FromStr>(
    given: Option<&Given<'_>>,
    key: &'static str,
    default: T,
    reason: &'static str,
    found: &mut Diagnostics,
) -> (T, Origin) {
    let default = (default, Origin::default("cilium", reason));
    let Some((given, (text, span))) = given.and_then(|given| Some((given, given.get(key)?))) else { return default };
    match text.parse() {
        Ok(value) => (value, given.origin(key)),
        Err(_) => {
            let message = format!("{key} {text:?} cannot be read: cilium-agent would exit");
            found.error("cilium-config", span, message);
            default
        }
    }
}

/// Sets the CNI plugin to Cilium.
pub fn configure(draft: &Draft, network: &mut Network, found: &mut Diagnostics) {
    let given = config_map(draft, NAMESPACE, NAME).map(|(object, config)| Given { uid: object.uid, config });
    let given = given.as_ref();
    for (key, value, instead) in LEFT_OUT {
        if let Some((text, span)) = given.and_then(|given| given.get(key))
            && text == *value
        {
            let message = format!("Cilium's {key}: {value:?} is not simulated yet");
            found.warning("cilium-config", span, message).hint(*instead);
        }
    }
    if network.node_network_of(Family::V4).is_none() {
        let span = super::network::span_of(draft, &network.node_network.1).unwrap_or_default();
        found.error("cilium-family", span, "Cilium is simulated for IPv4 only, and the nodes have no IPv4 addresses");
    }
    let ipam = value(given, "ipam", "cluster-pool".to_owned(), "ipam.mode is cluster-pool by default", found);
    let tunnel_port = value(given, "tunnel-port", 8472, "tunnelPort is the kernel's 8472 by default", found);
    let reason = "enableIPv4Masquerade is true by default";
    let masquerade = value(given, "enable-ipv4-masquerade", true, reason, found);
    let mtu = value(given, "mtu", 0, "the MTU is the node's less 50 for VXLAN by default", found);
    let reason = "clusterPoolIPv4MaskSize is 24 by default";
    let mask = value(given, "cluster-pool-ipv4-mask-size", 24, reason, found);
    let pool = value(given, "cluster-pool-ipv4-cidr", POOL, POOL_REASON, found);
    let sctp = value(given, "enable-sctp", false, "sctp.enabled is false by default", found);
    let reason = "policyEnforcementMode is default by default";
    let policy = value(given, "enable-policy", "default".to_owned(), reason, found);
    let device = if mtu.0 == 0 { network.node_mtu } else { mtu.0 };
    network.cni = Cni::Cilium(CiliumConfig {
        pool: (ipam.0 != "kubernetes").then(|| (IpNet::V4(pool.0.trunc()), pool.1.clone())),
        mask_size: mask_size(mask.0, &pool.0, found, given),
        route_mtu: (device.saturating_sub(OVERHEAD), mtu.1),
        tunnel_port,
        masquerade,
        sctp_enabled: sctp.0,
        enforcement: match &*policy.0 {
            "always" => Enforcement::Always,
            "never" => Enforcement::Never,
            _ => Enforcement::Default,
        },
    });
    if !matches!(&*ipam.0, "cluster-pool" | "kubernetes") {
        let span = given.and_then(|given| given.get("ipam")).map(|(_, span)| span).unwrap_or_default();
        let message = format!("Cilium's ipam {:?} is not simulated yet", ipam.0);
        found.warning("cilium-config", span, message).hint("podhop goes on with cluster-pool");
    }
}

/// A node's prefix must be longer than the pool's, and have room for an address of the router and of a Pod.
fn mask_size(given_size: u8, pool: &Ipv4Net, found: &mut Diagnostics, given: Option<&Given<'_>>) -> u8 {
    let size = given_size.clamp(pool.prefix_len().min(30), 30);
    if size != given_size {
        let keys = ["cluster-pool-ipv4-mask-size", "cluster-pool-ipv4-cidr"];
        let span = keys.iter().find_map(|key| Some(given?.get(key)?.1)).unwrap_or_default();
        let message = format!("a node's share of {pool} cannot be a /{given_size}");
        found.error("cilium-config", span, message).hint(format!("podhop goes on with /{size}"));
    }
    size
}

/// The network of the Pods, where no other is given: the pool.
pub fn pool_network(draft: &Draft) -> Option<(IpNet, Origin)> {
    let given = config_map(draft, NAMESPACE, NAME).map(|(object, config)| Given { uid: object.uid, config });
    let given = given.as_ref();
    let mut unread = Diagnostics::default();
    let of_nodes = given.and_then(|given| given.get("ipam")).is_some_and(|(mode, _)| mode == "kubernetes");
    let (net, origin) = value(given, "cluster-pool-ipv4-cidr", POOL, POOL_REASON, &mut unread);
    (!of_nodes).then(|| (IpNet::V4(net.trunc()), origin))
}
