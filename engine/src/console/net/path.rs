//! Which way a packet from here would go, by the tables: what `connect` and `ip route get` find out without sending.

use crate::dataplane::Io;
use crate::tables::{LinkIndex, Netns, Route, source_v6};
use std::net::IpAddr;

/// The row that routes a destination: table `local`, then `main`.
pub fn route(netns: &Netns, dst: IpAddr) -> Option<&Route> {
    netns.local.lookup(dst).or_else(|| netns.main.lookup(dst)).map(|(_, route)| route)
}

/// The largest packet that goes to `dst` in one piece as far as this namespace knows, in bytes.
pub fn mtu(io: &Io<'_, '_>, dst: IpAddr) -> u32 {
    let netns = &io.walk.netns;
    let Some(route) = route(netns, dst) else { return 0 };
    let dev = if route.kind.is_local() { LinkIndex::LO } else { route.dev };
    let device = netns.link(dev).map_or(0, |link| link.mtu);
    io.walk.state.pmtu(dst, io.now()).map_or(device, |pmtu| device.min(u32::from(pmtu)))
}

/// Whether Linux sets DF by itself (`IP_PMTUDISC_WANT`, the default): on what needs no fragmentation here.
pub fn wants_df(io: &Io<'_, '_>, dst: IpAddr, packet_len: u32) -> bool {
    packet_len <= mtu(io, dst)
}

/// The address that the kernel sends from by this route (Models net/ipv4/fib_semantics.c fib_result_prefsrc).
pub fn source(netns: &Netns, route: &Route, dst: IpAddr) -> Option<IpAddr> {
    if route.kind.is_local() {
        return Some(route.src.filter(|_| !dst.is_loopback()).unwrap_or(dst));
    }
    if let IpAddr::V6(dst) = dst {
        return route.src.or_else(|| source_v6(netns, dst, route.dev).map(IpAddr::V6));
    }
    let same_family = |ip: &IpAddr| ip.is_ipv4() == dst.is_ipv4();
    let of_device = || netns.addresses_of(route.dev).map(|a| a.net.addr()).find(same_family);
    let any = || netns.addresses.iter().map(|a| a.net.addr()).find(|ip| same_family(ip) && !ip.is_loopback());
    route.src.or_else(of_device).or_else(any)
}
