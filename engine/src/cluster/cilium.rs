//! What Cilium is told.

use crate::tables::Origin;
use ipnet::IpNet;

/// What the ConfigMap `cilium-config` says.
#[derive(Clone, Debug, PartialEq)]
pub struct CiliumConfig {
    /// `cluster-pool-ipv4-cidr`; None: `ipam` is `kubernetes`, and nodes have their share of the Pod network.
    pub pool: Option<(IpNet, Origin)>,
    /// `cluster-pool-ipv4-mask-size`: the length of a node's prefix.
    pub mask_size: u8,
    /// The largest packet that fits into the tunnel, in bytes.
    pub route_mtu: (u32, Origin),
    /// UDP port of the tunnel.
    pub tunnel_port: (u16, Origin),
    /// `enable-ipv4-masquerade`
    pub masquerade: (bool, Origin),
    /// `enable-policy`
    pub enforcement: Enforcement,
    /// `enable-sctp`: without it SCTP is dropped.
    pub sctp_enabled: bool,
}

/// When endpoints are held to policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// In the directions in which a policy selects them.
    Default,
    Always,
    Never,
}
