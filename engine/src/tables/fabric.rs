//! The wire between nodes: one L2 segment and what is plugged into it.

use super::{LinkIndex, NetnsId, Origin};
use crate::net::MacAddr;
use std::net::IpAddr;
use std::sync::Arc;

/// A NIC plugged into a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    pub netns: NetnsId,
    pub link: LinkIndex,
    pub mac: MacAddr,
    /// Addresses that the namespace behind it answers ARP for on this NIC (Linux: every local address).
    pub answers: Vec<IpAddr>,
    pub origin: Origin,
}

/// One L2 segment: a switch that knows every port's MAC.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub number: u32,
    pub name: Arc<str>,
    /// Largest IP packet it carries, in bytes.
    pub mtu: u32,
    /// Sorted by MAC.
    ports: Vec<Port>,
    /// (address, port), sorted.
    answers: Vec<(IpAddr, u32)>,
}

impl Segment {
    pub fn new(number: u32, name: Arc<str>, mtu: u32, mut ports: Vec<Port>) -> Segment {
        ports.sort_by_key(|port| port.mac);
        let mut answers: Vec<(IpAddr, u32)> = Vec::new();
        for (i, port) in ports.iter().enumerate() {
            answers.extend(port.answers.iter().map(|ip| (*ip, i as u32)));
        }
        answers.sort_unstable();
        Segment { number, name, mtu, ports, answers }
    }

    pub fn ports(&self) -> &[Port] {
        &self.ports
    }

    /// The port with this MAC and its row number.
    pub fn port_by_mac(&self, mac: MacAddr) -> Option<(u32, &Port)> {
        let i = self.ports.binary_search_by_key(&mac, |port| port.mac).ok()?;
        Some((i as u32, &self.ports[i]))
    }

    /// The port of a namespace, which had the row number `before` at another moment.
    pub fn port_of(&self, netns: NetnsId, before: u32) -> Option<(u32, &Port)> {
        let same = self.ports.get(before as usize).filter(|port| port.netns == netns);
        let same = same.map(|port| (before, port));
        same.or_else(|| (0..).zip(&self.ports).find(|(_, port)| port.netns == netns))
    }

    /// The ports whose namespace answers ARP for `ip`.
    pub fn ports_answering(&self, ip: IpAddr) -> impl Iterator<Item = (u32, &Port)> {
        let start = self.answers.partition_point(|(a, _)| *a < ip);
        self.answers[start..].iter().take_while(move |(a, _)| *a == ip).map(|(_, i)| (*i, &self.ports[*i as usize]))
    }
}
