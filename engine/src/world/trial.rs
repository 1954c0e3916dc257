//! One probe in a world where nothing has been learned yet, and the ports for which it would have gone the same way.

use super::probe::{ProbeResult, ProbeSpec, prober, result};
use super::runtime::{Limit, Runtime};
use super::{TableCache, World};
use crate::tables::NetnsId;
use crate::trace::Trace;

/// What became of one probe, beside the cluster: the cluster's clock, neighbours and connections are not touched.
pub struct Trial {
    pub result: ProbeResult,
    /// The ports, both inclusive, that everything on the way, and on the way back, would have treated as the one that was
    /// tried. Without ports in it, a probe says all of them.
    pub ports: (u16, u16),
    runtime: Runtime,
}

impl Trial {
    pub fn trace(&self) -> Option<&Trace> {
        self.runtime.recorder().get(self.result.flow)
    }

    /// The namespaces that packets have come to.
    pub fn visited(&self) -> impl Iterator<Item = NetnsId> + '_ {
        self.runtime.visited()
    }
}

/// Sends a probe through these tables.
pub fn trial(tables: &mut TableCache, spec: &ProbeSpec) -> Trial {
    let mut runtime = Runtime::new(tables.revision().seed, 0);
    if let Some(port) = spec.kind.port() {
        runtime.watch(port);
    }
    let (title, prober, told) = prober(spec);
    let limit = Limit { duration: spec.timeout.saturating_mul(2) };
    let mut run = runtime.start(tables, spec.from, (title, Some(spec.to)), prober, limit);
    runtime.go_on_while_moving(tables, &mut run);
    let end = runtime.abandon(run);
    let result = result(&runtime, spec, end, &told);
    Trial { result, ports: runtime.alike(), runtime }
}

impl World {
    /// The tables as they are now, for experiments.
    pub fn tables(&mut self) -> &mut TableCache {
        &mut self.tables
    }
}
