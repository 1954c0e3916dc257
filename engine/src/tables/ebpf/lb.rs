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
    /// The number by which answers are given the service's address back.
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
    /// Keys by the services' numbers.
    by_id: BTreeMap<u16, LbKey>,
}

impl LbMap {
    /// The first service of a key stays.
    pub fn insert(&mut self, key: LbKey, service: LbService) {
        if !self.services.contains_key(&key) {
            self.by_id.insert(service.id, key);
            self.services.insert(key, service);
        }
    }

    pub fn get(&self, key: &LbKey) -> Option<&LbService> {
        self.services.get(key)
    }

    /// The address of the service of this number: a row of `cilium_lb4_reverse_nat`.
    pub fn key_of(&self, id: u16) -> Option<LbKey> {
        self.by_id.get(&id).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&LbKey, &LbService)> {
        self.services.iter()
    }
}
