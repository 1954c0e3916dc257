//! Numbers that a kernel draws at random or hashes from a flow, keyed by (seed, flow, stage): an unrelated Pod
//! reshuffles nothing.

use std::net::IpAddr;

/// 64 bits for one flow at one stage.
pub(super) fn flow_bits(seed: u64, src: IpAddr, dst: IpAddr, sport: u16, dport: u16) -> u64 {
    let ip = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    };
    let fold = |n: u128| (n >> 64) as u64 ^ n as u64;
    let ports = u64::from(sport) << 16 | u64::from(dport);
    mix(mix(mix(seed ^ ports) ^ fold(ip(src))) ^ fold(ip(dst)))
}

/// splitmix64's finisher.
pub(super) fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
