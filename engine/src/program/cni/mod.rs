//! The CNI plugins: how Pods get their wires.

pub mod add;
pub mod calico;
pub mod flannel;
pub(super) mod flannel_rules;
