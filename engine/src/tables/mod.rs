//! What kernels hold: the tables a packet walks, one [`Netns`] a network namespace, as data only.
//!
//! Every row has an [`Origin`]: the object and field that caused it, or the component whose default it is. Nothing here
//! knows Pods' labels, Services or policies. Each table prints in the real tool's format (`text`).

mod chains;
pub mod dns;
pub mod ebpf;
mod fabric;
pub mod ipvs;
mod layered;
mod link;
pub mod netfilter;
mod netns;
pub mod nft;
mod origin;
mod route;
mod rows;
mod socket;
mod source;

use chains::hash as chain_hash;
pub use chains::{ChainBlock, Chains, Named, SharedChains};
pub use fabric::{Port, Segment};
pub use layered::Layered;
pub use link::{Address, Link, LinkIndex, LinkKind, Netem, Scope};
pub use netns::{ConntrackSysctls, FdbEntry, NeighborEntry, Netns, NetnsId, Place, Sysctls};
pub use origin::{Origin, Uid};
pub use route::{Route, RouteKind, RouteProto, RouteTable};
pub use rows::{Keyed, RowId, Rows, SharedRows};
pub use socket::{App, DnsPage, Listener, is_index};
pub use source::source_v6;

pub mod text;
