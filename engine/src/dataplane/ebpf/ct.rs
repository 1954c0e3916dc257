//! `cilium_ct4_global` and `cilium_ct_any4_global`: the connections that the programs know. Models bpf/lib/conntrack.h.

use crate::net::{Icmp, IpPacket, Protocol, TcpFlags, Transport};
use crate::tables::ebpf::{Ebpf, Identity, LbKey};
use crate::trace::Nanos;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

const SECOND: Nanos = 1_000_000_000;
/// bpf-ct-timeout-regular-tcp, -tcp-syn, -tcp-fin, -any; and those of services.
const TCP: Nanos = 8_000 * SECOND;
const TCP_SYN: Nanos = 60 * SECOND;
const TCP_FIN: Nanos = 10 * SECOND;
const ANY: Nanos = 60 * SECOND;
/// Most entries of a node.
const ENTRIES_MAX: usize = 65_536;
const CLIENTS_MAX: usize = 65_536;

/// Whose entry it is: made as the packet left an endpoint, came to one, or was for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CtKind {
    Out,
    In,
    Service,
}

/// One direction of a connection; an echo's identifier is the requester's port. None: ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CtKey {
    pub kind: CtKind,
    pub protocol: Option<Protocol>,
    pub src: (Ipv4Addr, u16),
    pub dst: (Ipv4Addr, u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CtEntry {
    pub expires_at: Nanos,
    /// The service whose address answers get.
    pub service: Option<LbKey>,
    /// Of a service's entry: the backend.
    pub backend: Option<(Ipv4Addr, u16)>,
    /// Its endpoint speaks with itself by a service's address.
    pub loopback: bool,
    pub source_identity: Identity,
    pub tx_closing: bool,
    pub rx_closing: bool,
    pub seen_non_syn: bool,
}

/// What the programs remember.
#[derive(Clone, Debug, Default)]
pub struct EbpfState {
    entries: BTreeMap<CtKey, CtEntry>,
    /// `cilium_lb_affinity_match`: the backend that a client of a service had last, and when.
    clients: BTreeMap<(LbKey, Ipv4Addr), ((Ipv4Addr, u16), Nanos)>,
}

/// A packet as the map sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CtFlow {
    pub protocol: Option<Protocol>,
    pub src: (Ipv4Addr, u16),
    pub dst: (Ipv4Addr, u16),
    flags: Option<TcpFlags>,
    /// It is an error about this packet, not the packet itself.
    is_error: bool,
}

/// What the map says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtStatus {
    New,
    Established(CtEntry),
    Reply(CtEntry),
    Related,
}

impl CtFlow {
    /// None: a protocol that Cilium does not know; SCTP is one unless it is enabled.
    pub fn of(packet: &IpPacket, sctp_enabled: bool) -> Option<CtFlow> {
        let (IpAddr::V4(src), IpAddr::V4(dst)) = (packet.src, packet.dst) else { return None };
        let flow = |protocol, sport, dport, flags| {
            Some(CtFlow { protocol, src: (src, sport), dst: (dst, dport), flags, is_error: false })
        };
        match &packet.payload {
            Transport::Tcp(tcp) => flow(Some(Protocol::Tcp), tcp.sport, tcp.dport, Some(tcp.flags)),
            Transport::Udp(udp) => flow(Some(Protocol::Udp), udp.sport, udp.dport, None),
            Transport::Sctp(sctp) if sctp_enabled => flow(Some(Protocol::Sctp), sctp.sport, sctp.dport, None),
            Transport::Sctp(_) => None,
            Transport::Icmp(Icmp::EchoRequest { id, .. }) => flow(None, *id, 0, None),
            Transport::Icmp(Icmp::EchoReply { id, .. }) => flow(None, 0, *id, None),
            Transport::Icmp(Icmp::Error { quoted, .. }) => {
                CtFlow::of(quoted, sctp_enabled).map(|quoted| CtFlow { is_error: true, flags: None, ..quoted })
            }
            Transport::Icmp(Icmp::NeighborSolicit { .. } | Icmp::NeighborAdvert { .. }) | Transport::Ipip(_) => None,
        }
    }

    /// What policies see of it.
    pub fn port(&self) -> (Option<Protocol>, u16) {
        if self.is_error { (None, 0) } else { (self.protocol, if self.protocol.is_some() { self.dst.1 } else { 0 }) }
    }

    fn key(&self, kind: CtKind) -> CtKey {
        CtKey { kind, protocol: self.protocol, src: self.src, dst: self.dst }
    }

    fn reversed(&self, kind: CtKind) -> CtKey {
        CtKey { kind, protocol: self.protocol, src: self.dst, dst: self.src }
    }
}

impl EbpfState {
    /// Forgets the connections of endpoints that are gone: another one may get their address. Models pkg/endpoint
    /// scrubIPsInConntrackTable.
    pub fn forget_endpoints(&mut self, maps: Option<&Ebpf>) {
        let Some(maps) = maps else { return };
        let is_here = |ip: Ipv4Addr| ip == maps.loopback || maps.endpoint(ip).is_some();
        self.entries.retain(|key, _| match key.kind {
            CtKind::Out | CtKind::Service => is_here(key.src.0),
            CtKind::In => is_here(key.dst.0),
        });
        self.clients.retain(|(_, client), _| is_here(*client));
    }

    /// Entries that have not expired, by key.
    pub fn entries(&self, now: Nanos) -> impl Iterator<Item = (&CtKey, &CtEntry)> {
        self.entries.iter().filter(move |(_, entry)| now < entry.expires_at)
    }

    /// Models ct_lookup4: first whether it answers what went the other way, then whether it goes on with what went this way.
    /// `own` is the kind of entry that this way makes.
    pub fn lookup(&mut self, flow: &CtFlow, own: CtKind, now: Nanos) -> CtStatus {
        let other = if own == CtKind::Out { CtKind::In } else { CtKind::Out };
        if flow.is_error {
            // It quotes what the one who hears of it has sent, or has answered.
            let known = [flow.key(other), flow.reversed(own)].into_iter().any(|key| self.find(&key, now).is_some());
            return if known { CtStatus::Related } else { CtStatus::New };
        }
        if let Some(entry) = self.touch(&flow.reversed(other), flow, true, now) {
            return CtStatus::Reply(entry);
        }
        self.touch(&flow.key(own), flow, false, now).map_or(CtStatus::New, CtStatus::Established)
    }

    fn find(&self, key: &CtKey, now: Nanos) -> Option<&CtEntry> {
        self.entries.get(key).filter(|entry| now < entry.expires_at)
    }

    /// Models ct_update_timeout and what __ct_lookup does with the flags of TCP.
    fn touch(&mut self, key: &CtKey, flow: &CtFlow, reply: bool, now: Nanos) -> Option<CtEntry> {
        let entry = self.entries.get_mut(key).filter(|entry| now < entry.expires_at)?;
        if let Some(flags) = flow.flags {
            if flags.syn && !flags.ack && (entry.tx_closing || entry.rx_closing) {
                // Reopened.
                return None;
            }
            entry.seen_non_syn |= !flags.syn;
            if flags.fin || flags.rst {
                let closing = if reply { &mut entry.rx_closing } else { &mut entry.tx_closing };
                *closing = true;
                entry.rx_closing |= flags.rst;
                entry.tx_closing |= flags.rst;
            }
        }
        entry.expires_at = now + lifetime(key.protocol, entry);
        Some(*entry)
    }

    /// Models ct_create4. False: the map is full.
    pub fn create(&mut self, flow: &CtFlow, kind: CtKind, mut entry: CtEntry, now: Nanos) -> bool {
        if flow.is_error {
            return true;
        }
        let key = flow.key(kind);
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(&key) {
            self.entries.retain(|_, entry| now < entry.expires_at);
            if self.entries.len() >= ENTRIES_MAX {
                return false;
            }
        }
        entry.seen_non_syn = flow.flags.is_some_and(|flags| !flags.syn);
        entry.expires_at = now + lifetime(flow.protocol, &entry);
        self.entries.insert(key, entry);
        true
    }

    /// The backend that a service's connection has been given.
    pub fn backend(&mut self, flow: &CtFlow, now: Nanos) -> Option<(Ipv4Addr, u16)> {
        self.touch(&flow.key(CtKind::Service), flow, false, now)?.backend
    }

    /// The backend that a client had within so many seconds.
    pub fn client(&self, service: LbKey, client: Ipv4Addr, timeout: u32, now: Nanos) -> Option<(Ipv4Addr, u16)> {
        let (backend, at) = self.clients.get(&(service, client))?;
        (now < at + Nanos::from(timeout) * SECOND).then_some(*backend)
    }

    pub fn note_client(&mut self, service: LbKey, client: Ipv4Addr, backend: (Ipv4Addr, u16), now: Nanos) {
        if self.clients.len() < CLIENTS_MAX || self.clients.contains_key(&(service, client)) {
            self.clients.insert((service, client), (backend, now));
        }
    }
}

impl CtEntry {
    pub fn new(source_identity: Identity) -> CtEntry {
        CtEntry {
            expires_at: 0,
            service: None,
            backend: None,
            loopback: false,
            source_identity,
            tx_closing: false,
            rx_closing: false,
            seen_non_syn: false,
        }
    }
}

fn lifetime(protocol: Option<Protocol>, entry: &CtEntry) -> Nanos {
    match protocol {
        Some(Protocol::Tcp) if entry.tx_closing && entry.rx_closing => TCP_FIN,
        Some(Protocol::Tcp) if entry.seen_non_syn => TCP,
        Some(Protocol::Tcp) => TCP_SYN,
        _ => ANY,
    }
}
