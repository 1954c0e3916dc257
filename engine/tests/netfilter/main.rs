//! Packets through netfilter and IPVS: rules made by hand, and what kube-proxy's modes program.

mod ipvs;
mod lab;
mod modes;
mod nftables;
mod rules;
