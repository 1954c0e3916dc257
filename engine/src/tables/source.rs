//! Which of a namespace's own IPv6 addresses a packet is sent from.
//!
//! Models net/ipv6/addrconf.c ipv6_dev_get_saddr (RFC 6724, section 5) with the kernel's default label table: the same
//! address, the appropriate scope, the outgoing device, the same label, the longest common prefix; then the first one.

use super::{LinkIndex, Netns};
use std::net::{IpAddr, Ipv6Addr};

/// The source of a packet to `dst` that leaves by `dev`; `None` if no address will do.
pub fn source_v6(netns: &Netns, dst: Ipv6Addr, dev: LinkIndex) -> Option<Ipv6Addr> {
    let narrow = scope(dst) <= SCOPE_LINK;
    let mut best: Option<([u32; 5], Ipv6Addr)> = None;
    for address in &netns.addresses {
        let IpAddr::V6(ip) = address.net.addr() else { continue };
        // A link-local destination is reached from an address of its link only.
        if narrow && address.link != dev || ip.is_loopback() && !dst.is_loopback() {
            continue;
        }
        let score = [
            u32::from(ip == dst),
            scope_score(scope(ip), scope(dst)),
            u32::from(address.link == dev),
            u32::from(label(ip) == label(dst)),
            common_bits(ip, dst).min(u32::from(address.net.prefix_len())),
        ];
        if best.is_none_or(|(known, _)| score > known) {
            best = Some((score, ip));
        }
    }
    best.map(|(_, ip)| ip)
}

const SCOPE_LINK: u32 = 2;

/// RFC 4291's scopes: 1 the interface, 2 the link, 14 global.
fn scope(ip: Ipv6Addr) -> u32 {
    match () {
        () if ip.is_multicast() => u32::from(ip.octets()[1] & 0xf),
        () if ip.is_loopback() || ip.is_unicast_link_local() => SCOPE_LINK,
        () => 14,
    }
}

/// Rule 2: the smallest scope that is large enough, else the largest.
fn scope_score(own: u32, wanted: u32) -> u32 {
    if own >= wanted { 32 - own } else { own }
}

/// Rule 6, by net/ipv6/addrlabel.c.
fn label(ip: Ipv6Addr) -> u32 {
    let segments = ip.segments();
    match segments {
        _ if ip.is_loopback() => 0,
        [0, 0, 0, 0, 0, 0xffff, ..] => 4,
        [0, 0, 0, 0, 0, 0, ..] => 3,
        [0x2002, ..] => 2,
        [0x2001, 0, ..] => 6,
        [0x2001, second, ..] if second & 0xfff0 == 0x10 => 7,
        [first, ..] if first & 0xfe00 == 0xfc00 => 5,
        _ => 1,
    }
}

fn common_bits(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    (u128::from(a) ^ u128::from(b)).leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::super::{Address, Origin, Place, RouteTable, Rows, Scope, Sysctls};
    use super::*;
    use crate::tables::NetnsId;

    fn netns(addresses: &[(u32, &str)]) -> Netns {
        let address = |(link, net): &(u32, &str)| Address {
            link: LinkIndex(*link),
            net: net.parse().expect("a prefix"),
            broadcast: None,
            scope: Scope::Global,
            origin: Origin::Kernel,
        };
        Netns {
            netem: Vec::new(),
            id: NetnsId(1),
            place: Place::Gateway,
            version: 1,
            links: Vec::new(),
            addresses: addresses.iter().map(address).collect(),
            local: RouteTable::default(),
            main: RouteTable::default(),
            neighbors: Rows::default(),
            fdb: Rows::default(),
            sysctls: Sysctls::default(),
            netfilter: Default::default(),
            ebpf: None,
            listeners: Vec::new(),
        }
    }

    /// As a 6.18 kernel chose for a namespace with these addresses.
    #[test]
    fn sources_as_the_kernel_chooses_them() {
        let netns = netns(&[
            (1, "::1/128"),
            (2, "2001:db8:1::2/64"),
            (2, "fc00:f853:ccd:e793::2/64"),
            (2, "fe80::42:acff:fe12:2/64"),
            (3, "fd00:10:244:1::/128"),
            (3, "fe80::ff:fe00:7/64"),
            (4, "fd00:10:244:1::1/64"),
            (4, "fe80::ff:fe00:1/64"),
        ]);
        for (dst, dev, src) in [
            ("fd00:10:244:2::5", 3, "fd00:10:244:1::"),
            ("fd00:10:244:1::7", 4, "fd00:10:244:1::1"),
            ("2001:db8:ffff::", 2, "2001:db8:1::2"),
            ("fc00:f853:ccd:e793::9", 2, "fc00:f853:ccd:e793::2"),
            ("fe80::1", 4, "fe80::ff:fe00:1"),
            ("ff02::1", 2, "fe80::42:acff:fe12:2"),
            ("::1", 1, "::1"),
        ] {
            let chosen = source_v6(&netns, dst.parse().expect("an address"), LinkIndex(dev));
            assert_eq!(chosen.map(|ip| ip.to_string()).as_deref(), Some(src), "{dst}");
        }
        assert_eq!(source_v6(&netns, "fe80::1".parse().expect("an address"), LinkIndex(9)), None);
    }
}
