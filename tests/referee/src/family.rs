//! What the two address families have in common, and what tells them apart.

use ipnet::IpNet;
use podhop_engine::tables::{Address, Netns, Scope};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const ALL: [Family; 2] = [Family::V4, Family::V6];

    pub fn has(self, ip: IpAddr) -> bool {
        ip.is_ipv6() == (self == Family::V6)
    }

    pub fn localhost(self) -> IpAddr {
        if self == Family::V4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
    }

    /// One of some addresses that no cluster has.
    pub fn outside(self, n: u8) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::new(198, 51, 100, n).into(),
            Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, n.into()).into(),
        }
    }
}

/// IP and ICMP or UDP headers, in bytes.
pub fn headers(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 28 } else { 48 }
}

/// The addresses of a namespace, loopback's and link-local ones left out.
pub fn addresses(netns: &Netns, family: Family) -> impl Iterator<Item = IpNet> {
    let known = move |address: &&Address| family.has(address.net.addr()) && address.scope == Scope::Global;
    netns.addresses.iter().filter(known).map(|address| address.net)
}

/// More than an address or two.
pub fn has_hosts(net: &IpNet) -> bool {
    net.max_prefix_len() - net.prefix_len() > 1
}

pub fn first_address(netns: &Netns, family: Family) -> Option<IpAddr> {
    addresses(netns, family).next().map(|net| net.addr())
}

/// The address at this offset in a network.
pub fn nth(net: &IpNet, n: u64) -> IpAddr {
    match net.network() {
        IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip).wrapping_add(n as u32)).into(),
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip).wrapping_add(n.into())).into(),
    }
}
