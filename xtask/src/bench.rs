//! The speed budgets: native benchmarks, then the same through the worker in Chromium.

use anyhow::Result;

use crate::command::{cargo, watch};

/// Runs every benchmark; arguments go to them, to choose some by name.
pub fn run(args: &[String]) -> Result<bool> {
    watch(cargo("bench --quiet --locked --package podhop-engine --benches --").args(args), |_| ())
}
