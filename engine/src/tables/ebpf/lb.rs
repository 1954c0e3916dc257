//! Services by address and port, with the backends that they choose from.

use crate::net::Protocol;
use crate::tables::Origin;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A service's address, port and protocol.
pub type LbKey = (Ipv4Addr, u16, Protocol);

/// One service with its slots.
#[derive(Clone, Debug, PartialEq)]
pub struct LbService {
    /// Its number in `cilium_lb4_reverse_nat`. Services that come and go change it here: nothing but print uses it.
    pub id: u16,
    pub backends: Vec<LbBackend>,
    /// Session affinity, in seconds.
    pub affinity: Option<u32>,
    pub origin: Origin,
}

/// A backend of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct LbBackend {
    pub ip: Ipv4Addr,
    pub port: u16,
    pub origin: Origin,
}

/// The services' map.
#[derive(Clone, Debug, Default)]
pub struct LbMap {
    services: BTreeMap<LbKey, LbService>,
}

impl LbMap {
    /// The first service of a key stays.
    pub fn insert(&mut self, key: LbKey, service: LbService) {
        self.services.entry(key).or_insert(service);
    }

    pub fn get(&self, key: &LbKey) -> Option<&LbService> {
        self.services.get(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&LbKey, &LbService)> {
        self.services.iter()
    }
}
