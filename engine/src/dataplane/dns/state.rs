//! What a DNS server remembers: cached answers, questions on their way, counters, lines of its log.

use super::cache::Store;
use super::looping::Probe;
use super::serve::Pending;
use crate::dataplane::socket::SocketId;
use crate::trace::Nanos;
use std::collections::{BTreeMap, VecDeque};

/// Most lines kept of the log.
const LOG_MAX: usize = 1_000;

/// The runtime state of the DNS servers of one namespace.
#[derive(Clone, Debug, Default)]
pub struct DnsState {
    pub(super) cache: Store,
    pub(super) pending: BTreeMap<u32, Pending>,
    pub(super) next: u32,
    /// Bytes of TCP connections that are no whole message yet.
    pub(super) streams: BTreeMap<SocketId, Vec<u8>>,
    /// Counters by name and labels, as `/metrics` prints them.
    pub(super) counters: BTreeMap<String, u64>,
    log: VecDeque<(Nanos, String)>,
    /// Turns of `policy round_robin`.
    pub(super) turn: u32,
    pub(super) probe: Option<Probe>,
    pub(super) looped: Option<String>,
}

impl DnsState {
    /// The lines that the process has printed, with their moments, the oldest first.
    pub fn log(&self) -> impl Iterator<Item = (Nanos, &str)> {
        self.log.iter().map(|(at, line)| (*at, line.as_str()))
    }

    pub fn print(&mut self, at: Nanos, line: String) {
        if self.log.len() >= LOG_MAX {
            self.log.pop_front();
        }
        self.log.push_back((at, line));
    }

    /// Another process begins.
    pub fn clear_log(&mut self) {
        self.log.clear();
    }

    pub(super) fn count(&mut self, counter: String) {
        *self.counters.entry(counter).or_default() += 1;
    }
}
