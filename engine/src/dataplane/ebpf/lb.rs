//! Services in the programs: a backend for the service's address as a packet leaves an endpoint, the service's address for
//! the answer. Models bpf/lib/lb.h lb4_local and lb4_rev_nat with `bpf-lb-algorithm: random`.

use super::super::random;
use super::super::skb::Skb;
use super::super::walk::Walk;
use super::At;
use super::ct::{CtEntry, CtFlow, CtKind};
use crate::tables::ebpf::{Identity, LbKey, LbService};
use crate::trace::{CauseTable, Change, Changes, EbpfPoint};
use std::net::{IpAddr, Ipv4Addr};

/// What a service has made of a packet: what the connection's entry has to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Balanced {
    pub service: Option<LbKey>,
    pub loopback: bool,
}

impl Walk<'_> {
    /// None: nobody is behind the service, and the sender was told.
    pub(super) fn balance(&mut self, at: At<'_>, mut skb: Skb, source: Identity) -> Option<(Skb, Balanced)> {
        let flow = at.flow(&skb);
        let Some((flow, protocol)) = flow.and_then(|flow| Some((flow, flow.port().0?))) else {
            return Some((skb, Balanced::default()));
        };
        let key = (flow.dst.0, flow.dst.1, protocol);
        let Some(service) = at.ebpf.service(&key) else { return Some((skb, Balanced::default())) };
        let Some(place) = self.choose((key, service), &flow, source) else {
            self.no_service(at, CauseTable::Service { key, backend: None }, skb);
            return None;
        };
        let backend = &service.backends[place];
        let to = (backend.ip, backend.port);
        let loopback = backend.ip == flow.src.0;
        let mut changes = Changes::None;
        let ip = |(ip, port): (Ipv4Addr, u16)| (IpAddr::V4(ip), port);
        if loopback {
            changes.push(Change::Source { from: ip(flow.src), to: ip((at.ebpf.loopback, flow.src.1)) });
        }
        if to != flow.dst {
            changes.push(Change::Destination { from: ip(flow.dst), to: ip(to) });
        }
        let cause = CauseTable::Service { key, backend: u16::try_from(place).ok() };
        self.rewrite_all(&mut skb, at.stage(EbpfPoint::Service), Some(at.link), Some(cause), changes);
        Some((skb, Balanced { service: Some(key), loopback }))
    }

    /// The backend that the connection has, that the client has, or any one.
    fn choose(&mut self, (key, service): (LbKey, &LbService), flow: &CtFlow, source: Identity) -> Option<usize> {
        let place = |backend: (Ipv4Addr, u16)| service.backends.iter().position(|own| (own.ip, own.port) == backend);
        let (now, client) = (self.now, flow.src.0);
        if let Some(place) = self.state.ebpf.backend(flow, now).and_then(place) {
            return Some(place);
        }
        let known = service.affinity.and_then(|timeout| self.state.ebpf.client(key, client, timeout, now));
        let count = service.backends.len() as u64;
        let drawn = |walk: &Walk<'_>| {
            let (src, dst) = (IpAddr::V4(flow.src.0), IpAddr::V4(flow.dst.0));
            let bits = random::flow_bits(walk.seed ^ 0x6c62, src, dst, flow.src.1, flow.dst.1);
            (count > 0).then(|| (bits % count.max(1)) as usize)
        };
        let chosen = known.and_then(place).or_else(|| drawn(self))?;
        let backend = (service.backends[chosen].ip, service.backends[chosen].port);
        if service.affinity.is_some() {
            self.state.ebpf.note_client(key, client, backend, now);
        }
        let entry = CtEntry { service: Some(key), backend: Some(backend), ..CtEntry::new(source) };
        self.state.ebpf.create(flow, CtKind::Service, entry, now);
        Some(chosen)
    }

    /// Gives an answer the address of the service that was asked.
    pub(super) fn reverse(&mut self, at: At<'_>, entry: &CtEntry, skb: &mut Skb) {
        // A service that is gone translates nothing back.
        let key = entry.service.filter(|key| at.ebpf.service(key).is_some());
        let flow = at.flow(skb);
        let (Some(key), Some(flow)) = (key, flow) else { return };
        let ip = |(ip, port): (Ipv4Addr, u16)| (IpAddr::V4(ip), port);
        let mut changes = Changes::None;
        if flow.src != (key.0, key.1) {
            changes.push(Change::Source { from: ip(flow.src), to: ip((key.0, key.1)) });
        }
        if entry.loopback {
            changes.push(Change::Destination { from: ip(flow.dst), to: ip((flow.src.0, flow.dst.1)) });
        }
        if changes.is_empty() {
            return;
        }
        let cause = CauseTable::Service { key, backend: None };
        self.rewrite_all(skb, at.stage(EbpfPoint::ReverseNat), Some(at.link), Some(cause), changes);
    }
}
