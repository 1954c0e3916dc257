//! The connections that IPVS has made in one namespace, and what its schedulers remember. Models ip_vs_conn.c.

use super::scheduler::{Candidate, Turn};
use crate::net::Protocol;
use crate::tables::ipvs::{Ipvs, IpvsConnection, IpvsState, IpvsStats, VirtualKey, VirtualServer};
use crate::trace::Nanos;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

const SECOND: Nanos = 1_000_000_000;
/// How much longer a template stays that connections still depend on, in seconds.
const CONTROL_WAITS: u32 = 60;
/// Most connections of one namespace.
const ENTRIES_MAX: usize = 262_144;

type End = (IpAddr, u16);

/// The connections of one namespace.
#[derive(Clone, Debug, Default)]
pub struct IpvsTable {
    entries: BTreeMap<u32, Arc<IpvsConnection>>,
    /// By protocol, client and virtual server; templates apart.
    inbound: BTreeMap<(bool, Protocol, End, End), u32>,
    /// By protocol, real server and client: of several the newest counts.
    outbound: BTreeMap<(Protocol, End, End), Vec<u32>>,
    next: u32,
    /// No connection ends before.
    sweep_at: Nanos,
    pub(super) turns: BTreeMap<VirtualKey, Turn>,
    stats: BTreeMap<(VirtualKey, Option<SocketAddr>), IpvsStats>,
}

/// A real server with what it has to do, as `ipvsadm -L` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLoad {
    pub candidate: Candidate,
    /// Templates that lead to it.
    pub persistent: u32,
    /// Its place among those that are programmed; none: it has been taken away, and waits for its connections to end.
    pub place: Option<u32>,
}

impl IpvsTable {
    /// Those that have not expired, in the order of their making.
    pub fn iter(&self, now: Nanos) -> impl Iterator<Item = &Arc<IpvsConnection>> {
        self.entries.values().filter(move |entry| now < self.end_of(entry))
    }

    pub fn get(&self, id: u32) -> Option<&Arc<IpvsConnection>> {
        self.entries.get(&id)
    }

    /// When an entry goes: a template not before the connections that were made by it.
    fn end_of(&self, entry: &IpvsConnection) -> Nanos {
        if !entry.template {
            return entry.expires_at;
        }
        let dependent = self.entries.values().filter(|other| other.control == Some(entry.id));
        let last = dependent.map(|other| other.expires_at).max().unwrap_or(0);
        let wait = Nanos::from(CONTROL_WAITS) * SECOND;
        let late = last.saturating_sub(entry.expires_at).div_ceil(wait);
        entry.expires_at + late * wait
    }

    /// The connection that a client's packet belongs to.
    pub(super) fn inbound(&self, protocol: Protocol, client: End, to: End, now: Nanos) -> Option<&Arc<IpvsConnection>> {
        self.alive(*self.inbound.get(&(false, protocol, client, to))?, now)
    }

    /// The connection that a real server's packet belongs to.
    pub(super) fn outbound(&self, protocol: Protocol, from: End, to: End, now: Nanos) -> Option<&Arc<IpvsConnection>> {
        let found = self.outbound.get(&(protocol, from, to))?;
        found.iter().rev().find_map(|id| self.alive(*id, now))
    }

    /// The template of a client.
    pub(super) fn template(
        &self,
        protocol: Protocol,
        client: IpAddr,
        to: End,
        now: Nanos,
    ) -> Option<&Arc<IpvsConnection>> {
        self.alive(*self.inbound.get(&(true, protocol, (client, 0), to))?, now)
    }

    fn alive(&self, id: u32, now: Nanos) -> Option<&Arc<IpvsConnection>> {
        self.entries.get(&id).filter(|entry| now < self.end_of(entry))
    }

    pub(super) fn next_id(&mut self) -> u32 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < ENTRIES_MAX
    }

    /// Puts an entry there as it is: a new one, a change of one, or one that the journal remembers.
    pub(in crate::dataplane) fn put(&mut self, entry: Arc<IpvsConnection>) {
        let IpvsConnection { id, protocol, client, virtual_server, server, template, expires_at, .. } = *entry;
        self.sweep_at = if self.entries.is_empty() { expires_at } else { self.sweep_at.min(expires_at) };
        self.inbound.insert((template, protocol, client, virtual_server), id);
        if !template {
            let ids = self.outbound.entry((protocol, server, client)).or_default();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        self.entries.insert(id, entry);
    }

    pub(in crate::dataplane) fn remove(&mut self, id: u32) -> Option<Arc<IpvsConnection>> {
        let entry = self.entries.remove(&id)?;
        let key = (entry.template, entry.protocol, entry.client, entry.virtual_server);
        if self.inbound.get(&key) == Some(&id) {
            self.inbound.remove(&key);
        }
        let key = (entry.protocol, entry.server, entry.client);
        if let Some(ids) = self.outbound.get_mut(&key) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.outbound.remove(&key);
            }
        }
        Some(entry)
    }

    /// Takes out those that have expired.
    pub(super) fn sweep(&mut self, now: Nanos) -> Vec<Arc<IpvsConnection>> {
        if self.entries.is_empty() || now < self.sweep_at {
            return Vec::new();
        }
        let over: Vec<u32> =
            self.entries.values().filter(|entry| self.end_of(entry) <= now).map(|entry| entry.id).collect();
        let gone: Vec<_> = over.into_iter().filter_map(|id| self.remove(id)).collect();
        self.sweep_at = self.entries.values().map(|entry| self.end_of(entry)).min().unwrap_or(Nanos::MAX);
        gone
    }

    /// The real servers of a virtual one in the order of the kernel's list, with those that kube-proxy has taken away
    /// and that TCP connections still lead to: they get weight 0 and stay until those end. Models
    /// pkg/proxy/ipvs/graceful_termination.go, which looks once a minute.
    pub fn servers(&self, service: &VirtualServer, now: Nanos) -> Vec<ServerLoad> {
        let key = service.key();
        let own: Vec<&Arc<IpvsConnection>> = self.iter(now).filter(|entry| entry.key() == key).collect();
        let load = |address: SocketAddr, weight: u32, place: Option<u32>| {
            let of = own.iter().filter(|entry| SocketAddr::from(entry.server) == address);
            let (mut active, mut inactive, mut persistent) = (0, 0, 0);
            for entry in of {
                match (entry.template, entry.state.is_active()) {
                    (true, _) => persistent += 1,
                    (false, true) => active += 1,
                    (false, false) => inactive += 1,
                }
            }
            let candidate = Candidate { address, weight, last_weight: weight.max(1), active, inactive };
            ServerLoad { candidate, persistent, place }
        };
        let programmed = (0..).zip(&service.servers);
        let mut servers: Vec<ServerLoad> =
            programmed.map(|(place, server)| load(server.address, server.weight, Some(place))).collect();
        if service.protocol == Protocol::Tcp {
            let of = own.iter().filter(|entry| !entry.template).map(|entry| SocketAddr::from(entry.server));
            let left: BTreeSet<SocketAddr> = of.filter(|address| service.find(*address).is_none()).collect();
            servers.extend(left.into_iter().rev().map(|address| load(address, 0, None)));
        }
        servers
    }

    /// What has passed a virtual server, or one of its real ones.
    pub fn stats(&self, key: VirtualKey, server: Option<SocketAddr>) -> IpvsStats {
        self.stats.get(&(key, server)).copied().unwrap_or_default()
    }

    /// Virtual servers that are gone take along what they have counted, and what their schedulers remembered; real ones
    /// what they have counted, once no connection leads to them.
    pub fn forget_services(&mut self, ipvs: Option<&Ipvs>) {
        let find = |key: &VirtualKey| ipvs.and_then(|ipvs| ipvs.find(*key)).map(|(_, service)| service);
        self.turns.retain(|key, _| find(key).is_some());
        let used: BTreeSet<(VirtualKey, SocketAddr)> =
            self.entries.values().map(|entry| (entry.key(), entry.server.into())).collect();
        self.stats.retain(|(key, server), _| {
            let is_there =
                |service: &VirtualServer, server| service.find(server).is_some() || used.contains(&(*key, server));
            find(key).is_some_and(|service| server.is_none_or(|server| is_there(service, server)))
        });
    }

    pub(super) fn count(&mut self, entry: &IpvsConnection, change: impl Fn(&mut IpvsStats)) {
        for server in [None, Some(SocketAddr::from(entry.server))] {
            change(self.stats.entry((entry.key(), server)).or_default());
        }
    }

    /// A template by which a connection has been answered is worth keeping (ip_vs_control_assure_ct). Before and after, if
    /// that changes it.
    pub(super) fn assure(&mut self, control: u32) -> Option<(Arc<IpvsConnection>, Arc<IpvsConnection>)> {
        let before = self.entries.get(&control).filter(|entry| entry.state == IpvsState::None)?.clone();
        let after = Arc::new(IpvsConnection { state: IpvsState::Assured, ..(*before).clone() });
        self.entries.insert(control, after.clone());
        Some((before, after))
    }

    /// Replaces an entry by its new state; the one before, if it prints differently now.
    pub(super) fn update(&mut self, entry: Arc<IpvsConnection>) -> Option<Arc<IpvsConnection>> {
        self.sweep_at = self.sweep_at.min(entry.expires_at);
        let before = self.entries.insert(entry.id, entry.clone())?;
        (!before.looks_like(&entry)).then_some(before)
    }
}
