//! netfilter: the hooks of the IP layer, the tables of rules that are asked there, connection tracking and NAT.
//!
//! Models Linux 6.18 net/ipv4/netfilter, net/netfilter and net/bridge/br_netfilter_hooks.c. Left out: TCP windows,
//! helpers and expectations, zones.

mod connections;
mod explore;
mod hooks;
mod ipvs;
mod memory;
mod nat;
mod nft;
mod protocols;
mod rules;
mod sight;
mod track;
mod translate;
mod watch;

pub use connections::Connections;
pub use explore::{Fate, Part, fates};
pub(super) use hooks::Gate;
pub use ipvs::{Candidate, IpvsTable, ServerLoad, overhead};
pub use memory::{Count, Memory};
pub use sight::Sight;
pub(super) use track::Tracking;
pub use watch::PortWatch;
