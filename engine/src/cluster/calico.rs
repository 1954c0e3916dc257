//! What Calico's operator and its IP pools ask for.

use crate::net::Family;
use crate::tables::Origin;
use ipnet::IpNet;
use std::sync::Arc;

/// What Calico's operator and its IP pools say.
#[derive(Clone, Debug, PartialEq)]
pub struct CalicoConfig {
    /// IPPools that Pods may get addresses from, in the order of their names.
    pub pools: Vec<IpPool>,
    /// MTU of the Pods' interfaces, and of `vxlan.calico`.
    pub mtu: (u32, Origin),
    /// Whether BIRD runs and tells the nodes of each other's blocks.
    pub bgp: (bool, Origin),
}

impl CalicoConfig {
    /// The pool that gives nodes a tunnel of this family; others of the family have the same kind, or none.
    pub fn tunnel(&self, family: Family) -> Option<&IpPool> {
        let of = |pool: &&IpPool| Family::of(pool.cidr.addr()) == family && pool.encapsulation != Encapsulation::None;
        self.pools.iter().find(of)
    }

    /// Whether the tunnel is `tunl0`.
    pub fn is_ipip(&self, family: Family) -> bool {
        self.tunnel(family).is_some_and(|pool| pool.encapsulation.is_ipip())
    }
}

/// A `projectcalico.org/v3` IPPool.
#[derive(Clone, Debug, PartialEq)]
pub struct IpPool {
    pub name: Arc<str>,
    pub cidr: IpNet,
    pub origin: Origin,
    /// Prefix length of the blocks that nodes get: 26, or 122 for IPv6.
    pub block_size: u8,
    pub encapsulation: Encapsulation,
    /// Whether what leaves for addresses outside all pools is masqueraded.
    pub nat_outgoing: bool,
}

/// How packets go to other nodes' Pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encapsulation {
    None,
    Vxlan,
    /// Only to nodes of another subnet.
    VxlanCrossSubnet,
    /// IPv4 in IPv4, and the same only to nodes of another subnet.
    Ipip,
    IpipCrossSubnet,
}

impl Encapsulation {
    pub fn is_vxlan(self) -> bool {
        matches!(self, Encapsulation::Vxlan | Encapsulation::VxlanCrossSubnet)
    }

    pub fn is_ipip(self) -> bool {
        matches!(self, Encapsulation::Ipip | Encapsulation::IpipCrossSubnet)
    }

    /// As the operator's Installation has it.
    pub fn name(self) -> &'static str {
        match self {
            Encapsulation::None => "None",
            Encapsulation::Vxlan => "VXLAN",
            Encapsulation::VxlanCrossSubnet => "VXLANCrossSubnet",
            Encapsulation::Ipip => "IPIP",
            Encapsulation::IpipCrossSubnet => "IPIPCrossSubnet",
        }
    }
}
