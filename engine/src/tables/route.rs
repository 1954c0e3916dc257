//! Routes and the lookup of the longest matching prefix.

use super::rows::Keyed;
use super::{LinkIndex, Origin, RowId, Rows, Scope};
use ipnet::IpNet;
use std::net::IpAddr;

/// One row of `ip route`.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub kind: RouteKind,
    pub dst: IpNet,
    pub via: Option<IpAddr>,
    pub dev: LinkIndex,
    pub onlink: bool,
    pub proto: RouteProto,
    pub scope: Scope,
    pub src: Option<IpAddr>,
    /// Bytes; None: that of the device.
    pub mtu: Option<u32>,
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    Unicast,
    Local,
    Broadcast,
    /// IPv6: a group, delivered to those who have joined it.
    Multicast,
    /// IPv6: an address that every router of a subnet has.
    Anycast,
    Blackhole,
}

impl RouteKind {
    /// Whether packets by such a route are for this namespace itself.
    pub fn is_local(self) -> bool {
        matches!(self, RouteKind::Local | RouteKind::Anycast)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteProto {
    Kernel,
    Boot,
    Static,
    /// BIRD's routes, which it has learned by BGP.
    Bird,
    /// Felix' routes, number 80.
    Felix,
}

impl Keyed for Route {
    /// Prefix length and network.
    type Key = (u8, IpAddr);

    fn key(&self) -> (u8, IpAddr) {
        (self.dst.prefix_len(), self.dst.network())
    }
}

/// Whether an address is in a network.
fn holds(net: &IpNet, ip: IpAddr) -> bool {
    match (net, ip) {
        (IpNet::V4(net), IpAddr::V4(ip)) => {
            let other = net.addr().to_bits() ^ ip.to_bits();
            other.checked_shr(32 - u32::from(net.prefix_len())).unwrap_or(0) == 0
        }
        (IpNet::V6(net), IpAddr::V6(ip)) => {
            let other = net.addr().to_bits() ^ ip.to_bits();
            other.checked_shr(128 - u32::from(net.prefix_len())).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// One routing table (`local` or `main`). Equal prefixes: the first row wins.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    pub rows: Rows<Route>,
    /// Prefix lengths among the shared rows, longest first.
    shared_lens: Vec<u8>,
}

impl RouteTable {
    pub fn new(rows: Rows<Route>) -> RouteTable {
        let mut shared_lens = rows.shared_groups(|(len, _)| len);
        shared_lens.reverse();
        RouteTable { rows, shared_lens }
    }

    /// The row with the longest prefix that holds `dst`.
    pub fn lookup(&self, dst: IpAddr) -> Option<(RowId, &Route)> {
        let mut best: Option<(RowId, &Route)> = None;
        for (i, route) in self.rows.own().iter().enumerate() {
            let longer = best.is_none_or(|(_, b)| route.dst.prefix_len() > b.dst.prefix_len());
            if longer && holds(&route.dst, dst) {
                best = Some((RowId(i as u32), route));
            }
        }
        for &len in &self.shared_lens {
            if best.is_some_and(|(_, b)| b.dst.prefix_len() >= len) {
                break;
            }
            let Ok(net) = IpNet::new(dst, len) else { continue };
            if let Some(found) = self.rows.find_shared((len, net.network())) {
                return Some(found);
            }
        }
        best
    }
}
