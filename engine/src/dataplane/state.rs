//! What packets teach a namespace: neighbours, bridge FDB, sockets, path MTUs. Changed only by the walk; every change
//! of a printable table is journaled.

use super::apps::Request;
use super::dns::DnsState;
use super::ebpf::EbpfState;
use super::fragment::Reassembly;
use super::netfilter::{Connections, IpvsTable, Memory};
use super::skb::Skb;
use super::socket::Sockets;
use crate::net::MacAddr;
use crate::tables::ipvs::IpvsConnection;
use crate::tables::netfilter::Connection;
use crate::tables::text::neigh::NeighborState;
use crate::tables::{LinkIndex, Netns, NetnsId};
use crate::trace::Nanos;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

const SECOND: Nanos = 1_000_000_000;
/// `base_reachable_time_ms`; the kernel draws from half to one and a half of it, podhop takes the middle.
const REACHABLE: Nanos = 30 * SECOND;
/// `delay_first_probe_time`
pub(super) const DELAY: Nanos = 5 * SECOND;
/// The bridge's `ageing_time`.
const FDB_AGEING: Nanos = 300 * SECOND;
/// `mtu_expires`
const PMTU_EXPIRES: Nanos = 600 * SECOND;
/// `gc_thresh3`: most neighbour entries of one namespace.
const NEIGHBORS_MAX: usize = 1_024;
const FDB_MAX: usize = 4_096;
const PMTU_MAX: usize = 1_024;
const REQUESTS_MAX: usize = 1_000;

/// Neighbour states as `ip neigh` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nud {
    Incomplete,
    Reachable,
    Stale,
    Delay,
    Probe,
    Failed,
}

impl From<Nud> for NeighborState {
    fn from(nud: Nud) -> NeighborState {
        match nud {
            Nud::Incomplete => NeighborState::Incomplete,
            Nud::Reachable => NeighborState::Reachable,
            Nud::Stale => NeighborState::Stale,
            Nud::Delay => NeighborState::Delay,
            Nud::Probe => NeighborState::Probe,
            Nud::Failed => NeighborState::Failed,
        }
    }
}

/// A learned neighbour (or one being looked for).
#[derive(Clone, Debug)]
pub struct Neighbor {
    pub mac: Option<MacAddr>,
    state: Nud,
    /// When `state` was entered.
    pub since: Nanos,
    /// IPv6: it has said that it routes.
    pub router: bool,
    pub(super) probes_count: u8,
    /// Packets that wait for the answer.
    pub(super) queue: Vec<(Skb, bool)>,
}

impl Neighbor {
    /// Requests sent without an answer so far.
    pub fn probes_count(&self) -> u8 {
        self.probes_count
    }

    /// Whether packets wait for its answer.
    pub fn is_awaited(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The state at `now`: reachable entries turn stale by themselves.
    pub fn state(&self, now: Nanos) -> Nud {
        match self.state {
            Nud::Reachable if now >= self.since + REACHABLE => Nud::Stale,
            Nud::Delay if now >= self.since + DELAY => Nud::Probe,
            state => state,
        }
    }
}

/// A learned row of a printable table.
#[derive(Clone, Debug, PartialEq)]
pub enum Learned {
    Neighbor { link: LinkIndex, ip: IpAddr, mac: Option<MacAddr>, state: Nud, router: bool },
    Fdb { bridge: LinkIndex, mac: MacAddr, port: LinkIndex },
    Connection(Arc<Connection>),
    Balanced(Arc<IpvsConnection>),
}

impl Learned {
    /// Whether two rows are about the same thing: an address on a device, a MAC address on a bridge.
    pub fn is_about_the_same(&self, other: &Learned) -> bool {
        match (self, other) {
            (Learned::Neighbor { link, ip, .. }, Learned::Neighbor { link: other_link, ip: other_ip, .. }) => {
                (link, ip) == (other_link, other_ip)
            }
            (Learned::Fdb { bridge, mac, .. }, Learned::Fdb { bridge: other_bridge, mac: other_mac, .. }) => {
                (bridge, mac) == (other_bridge, other_mac)
            }
            (Learned::Connection(own), Learned::Connection(other)) => own.id == other.id,
            (Learned::Balanced(own), Learned::Balanced(other)) => own.id == other.id,
            _ => false,
        }
    }
}

/// One change of runtime state: undo it by putting `before` back.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeChange {
    pub before: Option<Learned>,
    pub after: Option<Learned>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    pub at: Nanos,
    pub netns: NetnsId,
    pub change: RuntimeChange,
}

/// One namespace's runtime state.
#[derive(Clone, Debug, Default)]
pub struct NetnsState {
    neighbors: BTreeMap<(LinkIndex, IpAddr), Neighbor>,
    fdb: BTreeMap<(LinkIndex, MacAddr), (LinkIndex, Nanos)>,
    pmtu: BTreeMap<IpAddr, (u16, Nanos)>,
    pub(super) sockets: Sockets,
    pub(super) dns: DnsState,
    pub connections: Connections,
    /// What IPVS has given to real servers.
    pub ipvs: IpvsTable,
    /// What Cilium's programs remember.
    pub ebpf: EbpfState,
    /// What rules have counted and noted.
    pub memory: Memory,
    pub(super) reassembly: BTreeMap<(IpAddr, IpAddr, u16), Reassembly>,
    next_ip_id: u16,
    requests: VecDeque<Request>,
}

impl NetnsState {
    /// What the DNS servers here remember.
    pub fn dns(&self) -> &DnsState {
        &self.dns
    }

    pub fn dns_mut(&mut self) -> &mut DnsState {
        &mut self.dns
    }

    /// The requests that web servers here have answered, the oldest first.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter()
    }

    pub(super) fn note_request(&mut self, request: Request) {
        if self.requests.len() >= REQUESTS_MAX {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    /// Learned neighbours in order of device and address.
    pub fn neighbors(&self) -> impl Iterator<Item = (LinkIndex, IpAddr, &Neighbor)> {
        self.neighbors.iter().map(|((link, ip), neighbor)| (*link, *ip, neighbor))
    }

    pub fn neighbor(&self, link: LinkIndex, ip: IpAddr) -> Option<&Neighbor> {
        self.neighbors.get(&(link, ip))
    }

    pub(super) fn neighbor_mut(&mut self, link: LinkIndex, ip: IpAddr) -> Option<&mut Neighbor> {
        self.neighbors.get_mut(&(link, ip))
    }

    /// Learned FDB entries of bridges: (bridge, MAC, port), those that have not aged out.
    pub fn fdb(&self, now: Nanos) -> impl Iterator<Item = (LinkIndex, MacAddr, LinkIndex)> {
        let live = move |seen: Nanos| now < seen + FDB_AGEING;
        self.fdb
            .iter()
            .filter(move |(_, (_, seen))| live(*seen))
            .map(|((bridge, mac), (port, _))| (*bridge, *mac, *port))
    }

    pub(super) fn fdb_port(&self, bridge: LinkIndex, mac: MacAddr, now: Nanos) -> Option<LinkIndex> {
        let (port, seen) = self.fdb.get(&(bridge, mac))?;
        (now < seen + FDB_AGEING).then_some(*port)
    }

    /// The bridge saw `mac` behind `port`. The change, if the table prints differently now.
    pub(super) fn learn_fdb(
        &mut self,
        bridge: LinkIndex,
        mac: MacAddr,
        port: LinkIndex,
        now: Nanos,
    ) -> Option<RuntimeChange> {
        let before = self.fdb.get(&(bridge, mac)).filter(|(_, seen)| now < seen + FDB_AGEING).map(|(port, _)| *port);
        if before.is_none() && self.fdb.len() >= FDB_MAX {
            self.fdb.retain(|_, (_, seen)| now < *seen + FDB_AGEING);
            if self.fdb.len() >= FDB_MAX {
                return None;
            }
        }
        self.fdb.insert((bridge, mac), (port, now));
        let row = |port| Learned::Fdb { bridge, mac, port };
        (before != Some(port)).then(|| RuntimeChange { before: before.map(row), after: Some(row(port)) })
    }

    /// Puts a neighbour into a state (creating it), keeping its queue.
    pub(super) fn set_neighbor(
        &mut self,
        link: LinkIndex,
        ip: IpAddr,
        mac: Option<MacAddr>,
        state: Nud,
        now: Nanos,
    ) -> RuntimeChange {
        if self.neighbors.len() >= NEIGHBORS_MAX && !self.neighbors.contains_key(&(link, ip)) {
            let oldest = self.neighbors.iter().filter(|(_, n)| n.queue.is_empty()).min_by_key(|(_, n)| n.since);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                self.neighbors.remove(&key);
            }
        }
        let router = self.neighbors.get(&(link, ip)).is_some_and(|n| n.router);
        let row = |mac, state| Learned::Neighbor { link, ip, mac, state, router };
        let before = self.neighbors.get(&(link, ip)).map(|n| row(n.mac, n.state(now)));
        let entry = self.neighbors.entry((link, ip)).or_insert(Neighbor {
            mac: None,
            state: Nud::Incomplete,
            since: now,
            router: false,
            probes_count: 0,
            queue: Vec::new(),
        });
        entry.mac = mac;
        entry.state = state;
        entry.since = now;
        if matches!(state, Nud::Reachable | Nud::Stale | Nud::Failed) {
            entry.probes_count = 0;
        }
        RuntimeChange { before, after: Some(row(mac, state)) }
    }

    /// What a neighbour's advertisement says of itself.
    pub(super) fn set_router(&mut self, link: LinkIndex, ip: IpAddr, router: bool) {
        if let Some(neighbor) = self.neighbors.get_mut(&(link, ip)) {
            neighbor.router = router;
        }
    }

    /// Forgets neighbours, as `ip neigh flush` does; those that packets wait for stay.
    pub fn forget_neighbors(
        &mut self,
        which: &mut dyn FnMut(LinkIndex, IpAddr, &Neighbor) -> bool,
        now: Nanos,
    ) -> Vec<RuntimeChange> {
        let mut changes = Vec::new();
        self.neighbors.retain(|(link, ip), neighbor| {
            let waiting = neighbor.queue.iter().any(|(_, waits)| *waits);
            let goes = !waiting && which(*link, *ip, neighbor);
            if goes {
                let (mac, state, router) = (neighbor.mac, neighbor.state(now), neighbor.router);
                let row = Learned::Neighbor { link: *link, ip: *ip, mac, state, router };
                changes.push(RuntimeChange { before: Some(row), after: None });
            }
            !goes
        });
        changes
    }

    /// Forgets connections by their numbers, as `conntrack -D` does.
    pub fn forget_connections(&mut self, ids: &[u32]) -> Vec<RuntimeChange> {
        let gone = ids.iter().filter_map(|id| self.connections.remove(*id));
        gone.map(|entry| RuntimeChange { before: Some(Learned::Connection(entry)), after: None }).collect()
    }

    /// Forgets what was learned by devices that are gone or have lost their carrier: neighbours, and what a bridge knew
    /// of a port. Models net/core/neighbour.c neigh_carrier_down and net/bridge/br_fdb.c br_fdb_delete_by_port.
    pub fn forget_devices(&mut self, netns: &Netns, now: Nanos) -> Vec<RuntimeChange> {
        let dark = |link: LinkIndex| netns.link(link).is_none_or(|link| !netns.has_carrier(link));
        let mut changes = self.forget_neighbors(&mut |link, _, _| dark(link), now);
        self.fdb.retain(|(bridge, mac), (port, seen)| {
            let goes = netns.link(*port).is_none();
            if goes && now < *seen + FDB_AGEING {
                let row = Learned::Fdb { bridge: *bridge, mac: *mac, port: *port };
                changes.push(RuntimeChange { before: Some(row), after: None });
            }
            !goes
        });
        changes
    }

    /// Every printable row, as it is at `now`.
    pub fn all_learned(&self, now: Nanos) -> Vec<Learned> {
        let neighbors = self.neighbors().map(|(link, ip, n)| {
            let (mac, state, router) = (n.mac, n.state(now), n.router);
            Learned::Neighbor { link, ip, mac, state, router }
        });
        let fdb = self.fdb(now).map(|(bridge, mac, port)| Learned::Fdb { bridge, mac, port });
        let connections = self.connections.iter(now).map(|entry| Learned::Connection(entry.clone()));
        let balanced = self.ipvs.iter(now).map(|entry| Learned::Balanced(entry.clone()));
        neighbors.chain(fdb).chain(connections).chain(balanced).collect()
    }

    /// Puts a journaled row back, as it was before the change.
    pub fn undo(&mut self, change: &RuntimeChange, at: Nanos) {
        self.replace(change.after.as_ref(), change.before.as_ref(), at);
    }

    /// Puts a journaled row as the change at `at` left it.
    pub fn redo(&mut self, change: &RuntimeChange, at: Nanos) {
        self.replace(change.before.as_ref(), change.after.as_ref(), at);
    }

    fn replace(&mut self, old: Option<&Learned>, new: Option<&Learned>, at: Nanos) {
        match old {
            Some(Learned::Neighbor { link, ip, .. }) => {
                self.neighbors.remove(&(*link, *ip));
            }
            Some(Learned::Fdb { bridge, mac, .. }) => {
                self.fdb.remove(&(*bridge, *mac));
            }
            Some(Learned::Connection(entry)) => {
                self.connections.remove(entry.id);
            }
            Some(Learned::Balanced(entry)) => {
                self.ipvs.remove(entry.id);
            }
            None => {}
        }
        match new {
            Some(Learned::Neighbor { link, ip, mac, state, router }) => {
                self.set_neighbor(*link, *ip, *mac, *state, at);
                self.set_router(*link, *ip, *router);
            }
            Some(Learned::Fdb { bridge, mac, port }) => {
                self.fdb.insert((*bridge, *mac), (*port, at));
            }
            Some(Learned::Connection(entry)) => self.connections.put(entry.clone()),
            Some(Learned::Balanced(entry)) => self.ipvs.put(entry.clone()),
            None => {}
        }
    }

    /// The path MTU learned for a destination, in bytes.
    pub fn pmtu(&self, dst: IpAddr, now: Nanos) -> Option<u16> {
        self.pmtu.get(&dst).filter(|(_, at)| now < at + PMTU_EXPIRES).map(|(mtu, _)| *mtu)
    }

    pub(super) fn learn_pmtu(&mut self, dst: IpAddr, mtu: u16, now: Nanos) {
        // RFC 1191's smallest MTU, as net.ipv4.route.min_pmtu has it; RFC 8200's, which every link of IPv6 carries.
        let mtu = mtu.max(if dst.is_ipv4() { 552 } else { 1280 });
        if self.pmtu.len() < PMTU_MAX || self.pmtu.contains_key(&dst) {
            self.pmtu.insert(dst, (mtu, now));
        }
    }

    pub(super) fn next_ip_id(&mut self) -> u16 {
        self.next_ip_id = self.next_ip_id.wrapping_add(1);
        self.next_ip_id
    }
}
