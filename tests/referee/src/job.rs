//! What the referee asks its agent, and what the agent answers: JSON on its standard input and output.

use crate::outcome::Outcome;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One cluster to build and the packets to send in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The shell script that builds the namespaces.
    pub script: String,
    /// Names of the namespaces, as in `ip netns`; listeners and probes refer to them by index.
    pub namespaces: Vec<String>,
    pub listeners: Vec<Listener>,
    pub probes: Vec<Probe>,
    /// How long a probe waits for an answer, in milliseconds.
    pub timeout_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listener {
    pub netns: usize,
    pub protocol: Transport,
    /// `None`: any address.
    pub ip: Option<IpAddr>,
    pub port: u16,
    /// What it says to a datagram; TCP connections are accepted and left alone.
    pub answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Transport {
    Tcp,
    Udp,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Answer {
    Nothing,
    Echo,
    Text(String),
}

/// One packet to send from a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Probe {
    pub netns: usize,
    pub to: IpAddr,
    pub what: What,
}

/// `size` is the bytes of data after the ICMP or UDP header; `df` the bit that forbids fragmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum What {
    Ping { size: u16, df: bool, ttl: u8 },
    Tcp { port: u16, ttl: u8 },
    Udp { port: u16, size: u16, df: bool, ttl: u8 },
}

impl What {
    /// TCP's SYN has DF too, but nothing about it is too large.
    pub fn is_df(self) -> bool {
        matches!(self, What::Ping { df: true, .. } | What::Udp { df: true, .. })
    }
}

/// One line of the agent's output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Line {
    /// The kernel's answer to the probe with this index.
    Answer { probe: usize, outcome: Outcome },
    /// A listener that the kernel would not open.
    NotOpened { listener: usize, error: String },
    /// The cluster could not be built or probed.
    Failed(String),
    /// Every probe has been answered.
    Done { built_ms: u64, probed_ms: u64 },
}
