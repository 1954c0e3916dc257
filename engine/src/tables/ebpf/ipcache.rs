//! `cilium_ipcache`: who has an address, and behind which node it is.

use super::Identity;
use crate::tables::Origin;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct IpCacheEntry {
    pub identity: Identity,
    /// The node that packets are tunnelled to.
    pub tunnel: Option<IpAddr>,
    pub origin: Origin,
}

/// Rows by prefix, found by the longest one.
#[derive(Clone, Debug, Default)]
pub struct IpCache {
    rows: BTreeMap<(u8, Ipv4Addr), IpCacheEntry>,
}

impl IpCache {
    /// The first row of a prefix stays.
    pub fn insert(&mut self, net: Ipv4Net, entry: IpCacheEntry) {
        self.rows.entry((net.prefix_len(), net.network())).or_insert(entry);
    }

    pub fn get(&self, net: Ipv4Net) -> Option<&IpCacheEntry> {
        self.rows.get(&(net.prefix_len(), net.network()))
    }

    /// The row of the longest prefix that has this address.
    pub fn lookup(&self, ip: Ipv4Addr) -> Option<(Ipv4Net, &IpCacheEntry)> {
        let mut below = 33;
        // From one prefix length that there is to the next shorter one.
        while let Some(((len, _), _)) = self.rows.range(..(below, Ipv4Addr::UNSPECIFIED)).next_back() {
            let net = Ipv4Net::new_assert(ip, *len).trunc();
            if let Some(row) = self.get(net) {
                return Some((net, row));
            }
            below = *len;
        }
        None
    }

    pub fn iter(&self) -> impl Iterator<Item = (Ipv4Net, &IpCacheEntry)> {
        self.rows.iter().map(|((len, ip), row)| (Ipv4Net::new_assert(*ip, *len), row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Origin;

    #[test]
    fn the_longest_prefix_decides() {
        let mut cache = IpCache::default();
        for (net, identity) in [("0.0.0.0/0", 2), ("10.0.0.0/8", 9), ("10.0.1.7/32", 300)] {
            let entry = IpCacheEntry { identity: Identity(identity), tunnel: None, origin: Origin::Kernel };
            cache.insert(net.parse().expect("a prefix"), entry);
        }
        let of = |ip: [u8; 4]| cache.lookup(ip.into()).map(|(net, row)| (net.prefix_len(), row.identity.0));
        assert_eq!(of([10, 0, 1, 7]), Some((32, 300)));
        assert_eq!(of([10, 0, 1, 8]), Some((8, 9)));
        assert_eq!(of([192, 0, 2, 1]), Some((0, 2)));
        assert_eq!(IpCache::default().lookup([10, 0, 1, 7].into()).map(|(net, _)| net), None);
    }
}
