//! CoreDNS: a question's way through the chain of plugins.
//!
//! [`chain`] works out an answer from what the process holds, and asks for what it lacks: an upstream's answer, after
//! which it begins anew with that at hand. [`serve`] moves questions and answers between sockets and the chain. Models
//! CoreDNS 1.12's core/dnsserver/server.go, request and the plugins' handlers.
//!
//! Left out: transfers, DNSSEC, zones of views, and every plugin that `workload::coredns` says is not simulated.

mod backend;
mod cache;
mod chain;
mod external;
mod files;
mod filters;
mod kubernetes;
mod looping;
mod metrics;
mod rewrite;
mod serve;
mod state;
mod template;
mod upstream;

#[cfg(test)]
mod tests;

pub use state::DnsState;
