//! The table of tracked connections. Models net/netfilter/nf_conntrack_core.c without zones.

use crate::dataplane::random;
use crate::net::Protocol;
use crate::tables::netfilter::{Connection, CtProtocol, CtTuple};
use crate::trace::Nanos;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Which way a packet goes within its connection.
pub(super) type IsReply = bool;

/// A tuple behind a hash that tells it from others: half of its source, so that those of one source stand together, and half
/// of its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key(u64, CtTuple);

impl Ord for Key {
    /// In line: it is asked for dozens of times for each packet, and the hash alone says it mostly.
    #[inline(always)]
    fn cmp(&self, other: &Key) -> Ordering {
        match self.0.cmp(&other.0) {
            Ordering::Equal => self.1.cmp(&other.1),
            unequal => unequal,
        }
    }
}

impl PartialOrd for Key {
    #[inline(always)]
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Key {
    fn new(tuple: CtTuple) -> Key {
        Key(hash(tuple.src) & !LOW | hash(tuple.dst) & LOW, tuple)
    }

    /// Not above the key of any tuple from this source.
    fn least(src: (IpAddr, u16)) -> Key {
        let nowhere = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Key(hash(src) & !LOW, CtTuple { protocol: CtProtocol::Transport(Protocol::Tcp), src: nowhere, dst: nowhere })
    }
}

const LOW: u64 = u32::MAX as u64;

fn hash((ip, port): (IpAddr, u16)) -> u64 {
    let ip = match ip {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => (ip.to_bits() ^ ip.to_bits() >> 64) as u64,
    };
    random::mix(ip ^ u64::from(port) << 40)
}

/// The connections of one namespace.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    entries: BTreeMap<u32, Arc<Connection>>,
    tuples: BTreeMap<Key, (u32, IsReply)>,
    next: u32,
    /// Look for expired ones when there are this many.
    sweep_at: usize,
}

/// What became of a connection that wanted into the table.
pub(super) enum Confirmed {
    New(Arc<Connection>, Vec<Arc<Connection>>),
    /// Another packet of the same connection came first.
    Known(Arc<Connection>),
    /// Its tuples belong to another connection.
    Clash,
}

impl Connections {
    /// Those that have not expired, in the order of their making.
    pub fn iter(&self, now: Nanos) -> impl Iterator<Item = &Arc<Connection>> {
        self.entries.values().filter(move |entry| now < entry.expires_at)
    }

    pub fn get(&self, id: u32) -> Option<&Arc<Connection>> {
        self.entries.get(&id)
    }

    pub(super) fn next_id(&mut self) -> u32 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    pub(super) fn find(&self, tuple: &CtTuple, now: Nanos) -> Option<(&Arc<Connection>, IsReply)> {
        let (id, reply) = self.tuples.get(&Key::new(*tuple))?;
        let entry = self.entries.get(id).filter(|entry| now < entry.expires_at)?;
        Some((entry, *reply))
    }

    /// Connections of this protocol from this source address and port, as they were before NAT, by their destinations.
    pub(super) fn from(&self, tuple: &CtTuple, now: Nanos) -> Vec<&Arc<Connection>> {
        let first = Key::least(tuple.src);
        let alike = self.tuples.range(first..).take_while(|(key, _)| key.0 & !LOW == first.0);
        let same =
            alike.filter(|(Key(_, own), (_, reply))| !reply && own.protocol == tuple.protocol && own.src == tuple.src);
        let live = same.filter_map(|(_, (id, _))| self.entries.get(id)).filter(|entry| now < entry.expires_at);
        let mut found: Vec<&Arc<Connection>> = live.collect();
        found.sort_by_key(|entry| entry.original);
        found
    }

    /// Makes room for one more, if there are `max`: expired ones go, then the unassured one that would expire first.
    /// False: there is none. What goes is added to `gone`.
    pub(super) fn make_room(&mut self, max: usize, now: Nanos, gone: &mut Vec<Arc<Connection>>) -> bool {
        if self.entries.len() < max {
            return true;
        }
        self.sweep(now, gone);
        if self.entries.len() < max {
            return true;
        }
        let weakest = self.entries.values().filter(|entry| !entry.assured).min_by_key(|entry| entry.expires_at);
        let Some(id) = weakest.map(|entry| entry.id) else { return false };
        gone.extend(self.remove(id));
        true
    }

    fn sweep(&mut self, now: Nanos, gone: &mut Vec<Arc<Connection>>) {
        let old: Vec<u32> = self.entries.values().filter(|e| e.expires_at <= now).map(|e| e.id).collect();
        gone.extend(old.into_iter().filter_map(|id| self.remove(id)));
    }

    /// Puts a connection into the table.
    pub(super) fn confirm(&mut self, mut entry: Connection, now: Nanos) -> Confirmed {
        for (tuple, reply) in [(entry.original, false), (entry.reply, true)] {
            match self.find(&tuple, now).map(|(other, at)| (other.clone(), at)) {
                Some((other, at)) if other.original == entry.original && other.reply == entry.reply && at == reply => {
                    return Confirmed::Known(other);
                }
                Some(_) => return Confirmed::Clash,
                None => {}
            }
        }
        let mut gone = Vec::new();
        for tuple in [entry.original, entry.reply] {
            if let Some((id, _)) = self.tuples.get(&Key::new(tuple)) {
                let id = *id;
                gone.extend(self.remove(id));
            }
        }
        if self.entries.len() >= self.sweep_at.max(64) {
            self.sweep(now, &mut gone);
            self.sweep_at = self.entries.len() * 2;
        }
        entry.confirmed = true;
        let entry = Arc::new(entry);
        self.put(entry.clone());
        Confirmed::New(entry, gone)
    }

    /// Puts a connection there as it is: a change of one that is there, or one that the journal remembers.
    pub(in crate::dataplane) fn put(&mut self, entry: Arc<Connection>) {
        self.tuples.insert(Key::new(entry.original), (entry.id, false));
        self.tuples.insert(Key::new(entry.reply), (entry.id, true));
        self.entries.insert(entry.id, entry);
    }

    pub(in crate::dataplane) fn remove(&mut self, id: u32) -> Option<Arc<Connection>> {
        let entry = self.entries.remove(&id)?;
        for tuple in [entry.original, entry.reply] {
            let key = Key::new(tuple);
            if self.tuples.get(&key).is_some_and(|(own, _)| *own == id) {
                self.tuples.remove(&key);
            }
        }
        Some(entry)
    }

    /// Replaces a connection by its new state. True if it prints differently, its timeout left aside.
    pub(super) fn update(&mut self, entry: Arc<Connection>) -> bool {
        let before = self.entries.insert(entry.id, entry.clone());
        before.is_none_or(|before| !before.looks_like(&entry))
    }
}
