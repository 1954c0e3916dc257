//! An endpoint's policy map: with whom it may speak, by which protocol, at which ports.

use super::Identity;
use crate::net::Protocol;
use crate::tables::Origin;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    pub const ALL: [Direction; 2] = [Direction::Ingress, Direction::Egress];

    /// As `cilium-dbg bpf policy get` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Ingress => "Ingress",
            Direction::Egress => "Egress",
        }
    }
}

/// The map's key. Ports are a prefix: the first `port_len` bits of `port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyKey {
    pub direction: Direction,
    pub identity: Identity,
    /// None: of any protocol.
    pub protocol: Option<Protocol>,
    pub port: u16,
    pub port_len: u8,
}

/// What is allowed by a key, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyEntry {
    pub origin: Origin,
}

/// All keys allow: NetworkPolicies deny nothing but by allowing something else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyMap {
    rows: BTreeMap<PolicyKey, PolicyEntry>,
    /// Which lengths of port prefixes there are.
    lens: u32,
    /// What makes it that only what is allowed may pass, on the way in and on the way out.
    enforced: [Option<Origin>; 2],
}

impl PolicyMap {
    /// The first row of a key stays.
    pub fn insert(&mut self, key: PolicyKey, origin: &Origin) {
        self.lens |= 1 << key.port_len;
        self.rows.entry(key).or_insert_with(|| PolicyEntry { origin: origin.clone() });
    }

    /// Only what is allowed may pass in this direction. The first reason stays.
    pub fn enforce(&mut self, direction: Direction, origin: &Origin) {
        self.enforced[direction as usize].get_or_insert_with(|| origin.clone());
    }

    /// What makes it so; None: nothing does.
    pub fn enforced(&self, direction: Direction) -> Option<&Origin> {
        self.enforced[direction as usize].as_ref()
    }

    pub fn get(&self, key: &PolicyKey) -> Option<&PolicyEntry> {
        self.rows.get(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&PolicyKey, &PolicyEntry)> {
        self.rows.iter()
    }

    /// The row by which a packet is let through: first those of its peer's identity, then those of everybody; the longest
    /// port prefix first. Models bpf/lib/policy.h __policy_can_access.
    pub fn allows(
        &self,
        direction: Direction,
        identity: Identity,
        protocol: Option<Protocol>,
        port: u16,
    ) -> Option<(PolicyKey, &PolicyEntry)> {
        for identity in [identity, Identity::ANY] {
            let lens = (0..=16u8).rev().filter(|len| self.lens & 1 << len != 0);
            let with_port = lens.map(|len| (protocol, len)).filter(|(protocol, _)| protocol.is_some());
            for (protocol, port_len) in with_port.chain([(None, 0)]) {
                let key = PolicyKey { direction, identity, protocol, port: masked(port, port_len), port_len };
                if let Some(row) = self.rows.get(&key) {
                    return Some((key, row));
                }
            }
        }
        None
    }
}

fn masked(port: u16, len: u8) -> u16 {
    if len == 0 { 0 } else { port & u16::MAX << (16 - len) }
}

/// A range of ports as the fewest prefixes: (port, length). Models pkg/policy/types portrange.
pub fn prefixes(first: u16, last: u16) -> Vec<(u16, u8)> {
    let (mut first, last) = (u32::from(first), u32::from(last));
    let mut found = Vec::new();
    while first <= last {
        // As large a block as begins here and does not go beyond the end.
        let aligned = if first == 0 { 16 } else { first.trailing_zeros() };
        let mut bits = aligned.min(16);
        while first + (1 << bits) - 1 > last {
            bits -= 1;
        }
        found.push((first as u16, 16 - bits as u8));
        first += 1 << bits;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_the_fewest_prefixes() {
        assert_eq!(prefixes(80, 80), [(80, 16)]);
        assert_eq!(prefixes(80, 81), [(80, 15)]);
        assert_eq!(prefixes(81, 83), [(81, 16), (82, 15)]);
        assert_eq!(prefixes(0, 65535), [(0, 0)]);
        assert_eq!(prefixes(65535, 65535), [(65535, 16)]);
        for (first, last) in [(1, 65535), (1000, 2000), (7, 4097)] {
            let covered: u32 = prefixes(first, last).iter().map(|(_, len)| 1u32 << (16 - len)).sum();
            assert_eq!(covered, u32::from(last - first) + 1);
        }
    }

    #[test]
    fn a_row_of_the_peer_comes_before_one_of_everybody() {
        let mut map = PolicyMap::default();
        let key = |identity, protocol, port, port_len| PolicyKey {
            direction: Direction::Ingress,
            identity: Identity(identity),
            protocol,
            port,
            port_len,
        };
        map.insert(key(0, Some(Protocol::Tcp), 80, 15), &Origin::Kernel);
        map.insert(key(300, None, 0, 0), &Origin::Kernel);
        let row = |identity, protocol, port| {
            map.allows(Direction::Ingress, Identity(identity), protocol, port).map(|(key, _)| key)
        };
        assert_eq!(row(300, Some(Protocol::Tcp), 80), Some(key(300, None, 0, 0)));
        assert_eq!(row(301, Some(Protocol::Tcp), 81), Some(key(0, Some(Protocol::Tcp), 80, 15)));
        assert_eq!(row(301, Some(Protocol::Tcp), 82), None);
        assert_eq!(row(301, Some(Protocol::Udp), 80), None);
        assert_eq!(row(301, None, 0), None, "an echo request has no port");
        assert!(map.allows(Direction::Egress, Identity(300), None, 0).is_none());
    }
}
