//! The tables as the real tools print them: iproute2 6.1's `ip` and `bridge` (text, `-br`, `-o`, `-d`, `-j`) and
//! busybox's `ip` where it differs. One module a tool's subcommand, each with `row` (one row, for explanations) and
//! `all` (the whole table, for the console).
//!
//! What is not modelled is printed as a fresh kernel would have it (timers at 0, queue lengths and offload sizes at
//! their defaults). Left out: statistics (`-s`), colours, VLANs, IPv6's own lines of `-d`.

mod details;
mod out;

pub mod addr;
pub mod conntrack;
pub mod ebpf;
pub mod fdb;
pub mod ipset;
pub mod iptables;
pub mod ipvs;
pub mod link;
pub mod neigh;
pub mod nft;
pub mod qdisc;
pub mod route;
pub mod segment;
pub mod socket;
pub mod sysctl;

/// Whose `ip` it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tool {
    #[default]
    Iproute2,
    Busybox,
}

/// `-4`, `-6` or neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    #[default]
    Any,
    V4,
    V6,
}

impl Family {
    /// True if an address of this family is to be shown.
    pub fn has(self, ip: std::net::IpAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => ip.is_ipv4(),
            Family::V6 => ip.is_ipv6(),
        }
    }
}

/// The options before `ip`'s object: `ip -br -d -j -o -4 …`. busybox knows `-o` and the family only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    pub tool: Tool,
    pub family: Family,
    /// `-br`
    pub brief: bool,
    /// `-d`
    pub details: bool,
    /// `-j`
    pub json: bool,
    /// `-o`
    pub oneline: bool,
}

#[cfg(test)]
mod tests;
