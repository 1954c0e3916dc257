//! `cil_from_container`: what leaves a Pod. Models bpf/bpf_lxc.c handle_ipv4_from_lxc.

use super::super::skb::Skb;
use super::super::walk::Walk;
use super::ct::{CtEntry, CtFlow, CtKind, CtStatus};
use super::{At, MAGIC_IDENTITY, ends};
use crate::net::Payload;
use crate::tables::ebpf::{Direction, EndpointInfo, Identity, PolicyKey, TcHook};
use crate::trace::{CauseTable, Change, DropReason, EbpfPoint, Verdict};

impl Walk<'_> {
    /// None: the packet is on its way, or has come to its end.
    pub(super) fn cil_from_container(&mut self, at: At<'_>, skb: Skb) -> Option<Skb> {
        let (own, info) = at.ebpf.endpoint_at(at.link)?;
        self.enter(at, TcHook::Ingress, &skb);
        if let Payload::Arp(arp) = &skb.frame.payload {
            let arp = *arp;
            if arp.op == crate::net::ArpOp::Request && arp.target_ip == at.ebpf.router_ip {
                self.arp_responder(at, arp, skb);
                return None;
            }
            return Some(skb);
        }
        let Some((src, _)) = ends(&skb) else {
            self.refuse(at, EbpfPoint::Enter, skb, DropReason::UnsupportedL3Protocol, None);
            return None;
        };
        if src != own {
            self.refuse(at, EbpfPoint::Enter, skb, DropReason::InvalidSourceIp, Some(CauseTable::EbpfEndpoint(own)));
            return None;
        }
        let (skb, balanced) = self.balance(at, skb, info.identity)?;
        let Some(flow) = at.flow(&skb) else {
            self.refuse(at, EbpfPoint::Conntrack, skb, DropReason::UnknownL4Protocol, None);
            return None;
        };
        let (skb, status) = self.egress(at, info, &flow, balanced, skb)?;
        let answered = match status {
            CtStatus::Reply(entry) => entry.loopback,
            _ => false,
        };
        // An answer to oneself is addressed to an address that nobody has.
        let to = if answered { flow.src.0 } else { flow.dst.0 };
        if let Some(row) = at.ebpf.endpoint(to) {
            return match &row.pod {
                Some(target) => {
                    self.local_delivery(at, (to, target), info.identity, skb);
                    None
                }
                None => self.pass_to_stack(at, info, CauseTable::EbpfEndpoint(to), skb),
            };
        }
        let (net, row) = at.ebpf.lookup(to)?;
        match at.ebpf.tunnel(row) {
            Some(remote) => {
                self.encap_and_redirect(at, info.identity, remote, net, skb);
                None
            }
            None => self.pass_to_stack(at, info, CauseTable::IpCache(net), skb),
        }
    }

    /// The connection, and what the endpoint's policy says of a packet that is no answer.
    fn egress(
        &mut self,
        at: At<'_>,
        info: &EndpointInfo,
        flow: &CtFlow,
        balanced: super::lb::Balanced,
        skb: Skb,
    ) -> Option<(Skb, CtStatus)> {
        let now = self.now;
        let status = self.state.ebpf.lookup(flow, CtKind::Out, now);
        if matches!(status, CtStatus::Reply(_) | CtStatus::Related) {
            self.step(&skb, at.stage(EbpfPoint::Conntrack), Some(at.link), Verdict::Pass, None);
            return Some((skb, status));
        }
        let identity = at.ebpf.lookup(ends(&skb)?.1).map_or(Identity::WORLD, |(_, row)| row.identity);
        let skb = if balanced.loopback { skb } else { self.policy(at, info, Direction::Egress, identity, flow, skb)? };
        let stale = matches!(status, CtStatus::Established(entry) if entry.service != balanced.service);
        if status == CtStatus::New || stale {
            let (service, loopback) = (balanced.service, balanced.loopback);
            let entry = CtEntry { service, loopback, ..CtEntry::new(info.identity) };
            return self.remember(at, flow, CtKind::Out, entry, skb).map(|skb| (skb, status));
        }
        Some((skb, status))
    }

    /// Makes a connection's entry; None: there is no room.
    pub(super) fn remember(
        &mut self,
        at: At<'_>,
        flow: &CtFlow,
        kind: CtKind,
        entry: CtEntry,
        skb: Skb,
    ) -> Option<Skb> {
        let now = self.now;
        if self.state.ebpf.create(flow, kind, entry, now) {
            return Some(skb);
        }
        self.refuse(at, EbpfPoint::Conntrack, skb, DropReason::CtMapFull, None);
        None
    }

    /// Asks an endpoint's policy map; None: it is not allowed.
    pub(super) fn policy(
        &mut self,
        at: At<'_>,
        info: &EndpointInfo,
        direction: Direction,
        peer: Identity,
        flow: &CtFlow,
        skb: Skb,
    ) -> Option<Skb> {
        let point = if direction == Direction::Egress { EbpfPoint::PolicyEgress } else { EbpfPoint::PolicyIngress };
        let (protocol, port) = flow.port();
        match info.policy.allows(direction, peer, protocol, port) {
            Some((key, _)) => {
                let cause = CauseTable::PolicyMap { endpoint: info.id, key };
                self.step(&skb, at.stage(point), Some(at.link), Verdict::Pass, Some(cause));
                Some(skb)
            }
            None => {
                // The row that would have allowed just this.
                let port_len = if protocol.is_some() { 16 } else { 0 };
                let key = PolicyKey { direction, identity: peer, protocol, port, port_len };
                let cause = CauseTable::PolicyMap { endpoint: info.id, key };
                self.refuse(at, point, skb, DropReason::PolicyDenied, Some(cause));
                None
            }
        }
    }

    /// The kernel goes on with the packet, one hop older and marked with who sent it.
    fn pass_to_stack(&mut self, at: At<'_>, info: &EndpointInfo, cause: CauseTable, mut skb: Skb) -> Option<Skb> {
        let ttl = skb.ip()?.ttl;
        if ttl <= 1 {
            self.refuse(at, EbpfPoint::ToStack, skb, DropReason::BpfTtlExceeded, Some(cause));
            return None;
        }
        let change = Change::Ttl { from: ttl, to: ttl - 1 };
        self.rewrite(&mut skb, at.stage(EbpfPoint::ToStack), Some(at.link), Some(cause), change);
        self.set_mark(at, EbpfPoint::ToStack, &mut skb, (info.identity.0 & 0xffff) << 16 | MAGIC_IDENTITY);
        Some(skb)
    }
}
