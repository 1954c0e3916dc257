//! How many clusters fit beside each other: the kernel keeps one table of neighbours for all namespaces and answers
//! ENOBUFS when it holds `gc_thresh3` of them.

use podhop_engine::tables::{LinkKind, Netns};
use std::sync::{Arc, Condvar, Mutex};

/// The kernel's default.
const NEIGHBORS_MAX: usize = 1_024;

/// Neighbours that running clusters may come to have.
pub struct Room {
    free: Mutex<usize>,
    left: Condvar,
    size: usize,
}

impl Room {
    pub fn new() -> Room {
        let limit = std::fs::read_to_string("/proc/sys/net/ipv4/neigh/default/gc_thresh3").ok();
        let limit = limit.and_then(|text| text.trim().parse().ok()).unwrap_or(NEIGHBORS_MAX);
        // The machine has neighbours of its own.
        let size = limit / 10 * 8;
        Room { free: Mutex::new(size), left: Condvar::new(), size }
    }

    /// Runs `work` once there is room for so many neighbours; what is larger than all room runs alone.
    pub fn with<T>(&self, neighbors_count: usize, work: impl FnOnce() -> T) -> T {
        let share = neighbors_count.min(self.size);
        let free = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut free =
            self.left.wait_while(free, |free| *free < share).unwrap_or_else(|poisoned| poisoned.into_inner());
        *free -= share;
        drop(free);
        let result = work();
        *self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += share;
        self.left.notify_all();
        result
    }
}

/// How many neighbours a cluster comes to have when everybody speaks to everybody and to some who are not there.
pub fn neighbors_count(spaces: &[Arc<Netns>]) -> usize {
    let ports = |netns: &Netns| netns.links.iter().filter(|link| link.master.is_some()).count();
    let on_bridges: usize = spaces.iter().map(|netns| (ports(netns) + 1).pow(2)).sum();
    let nics = spaces.iter().flat_map(|netns| &netns.links).filter(|link| matches!(link.kind, LinkKind::Nic { .. }));
    on_bridges + nics.count().pow(2) + 40
}
