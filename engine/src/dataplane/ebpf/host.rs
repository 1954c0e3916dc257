//! `cil_from_host` at `cilium_host`, and `cil_from_overlay` at the tunnel. Models bpf/bpf_host.c handle_ipv4_cont,
//! resolve_srcid_ipv4 and bpf_overlay.c handle_ipv4.

use super::super::skb::Skb;
use super::super::walk::Walk;
use super::{At, MAGIC_HOST, MAGIC_IDENTITY, MAGIC_MASK, ends};
use crate::net::MacAddr;
use crate::tables::LinkIndex;
use crate::tables::ebpf::{Identity, Program, TcHook};
use crate::trace::{CauseTable, Change, Changes, DropReason, EbpfPoint};
use std::net::Ipv4Addr;

impl Walk<'_> {
    /// What the node's kernel sends to Pods: from its own processes, or forwarded.
    pub(super) fn cil_from_host(&mut self, at: At<'_>, skb: Skb) -> Option<Skb> {
        self.enter(at, TcHook::Egress, &skb);
        let (src, dst) = ends(&skb)?;
        let source = self.source_identity(at, skb.mark, src);
        if let Some(row) = at.ebpf.endpoint(dst) {
            let Some(target) = &row.pod else { return Some(skb) };
            self.local_delivery(at, (dst, target), source, skb);
            return None;
        }
        let Some((net, row)) = at.ebpf.lookup(dst) else { return Some(skb) };
        if let Some(remote) = at.ebpf.tunnel(row) {
            self.encap_and_redirect(at, source, remote, net, skb);
        } else if row.identity == Identity::WORLD {
            self.refuse(at, EbpfPoint::ToEndpoint, skb, DropReason::Unroutable, Some(CauseTable::IpCache(net)));
        } else {
            return Some(skb);
        }
        None
    }

    /// Who has sent it: by its mark, else by its address. What has the host's address by masquerading is not the host's.
    fn source_identity(&self, at: At<'_>, mark: u32, src: Ipv4Addr) -> Identity {
        match mark & MAGIC_MASK {
            MAGIC_HOST => return Identity::HOST,
            MAGIC_IDENTITY => return Identity(mark >> 16),
            _ => {}
        }
        let known = at.ebpf.lookup(src).map(|(_, row)| row.identity);
        known.filter(|identity| *identity != Identity::HOST).unwrap_or(Identity::WORLD)
    }

    /// What comes out of the tunnel; its number is the sender's identity.
    pub(in super::super) fn cil_from_overlay(&mut self, link: LinkIndex, vni: u32, skb: Skb) {
        let Some(ebpf) = self.netns.ebpf.clone() else {
            return self.receive_network(link, skb);
        };
        let at = At { ebpf: &ebpf, program: Program::FromOverlay, link };
        self.enter(at, TcHook::Ingress, &skb);
        let Some((src, dst)) = ends(&skb) else {
            return self.refuse(at, EbpfPoint::Enter, skb, DropReason::UnsupportedL3Protocol, None);
        };
        let mut source = Identity(vni);
        if source == Identity::REMOTE_NODE {
            source = ebpf.lookup(src).map_or(source, |(_, row)| row.identity);
        }
        match ebpf.endpoint(dst).and_then(|row| row.pod.as_ref()) {
            Some(target) => self.local_delivery(at, (dst, target), source, skb),
            // What is for nobody here is for the host.
            None => self.host_delivery(at, dst, skb),
        }
    }

    /// Into `cilium_net`, out of `cilium_host`.
    fn host_delivery(&mut self, at: At<'_>, dst: Ipv4Addr, mut skb: Skb) {
        let cause = at.ebpf.endpoint(dst).map(|_| CauseTable::EbpfEndpoint(dst));
        let Some(ttl) = skb.ip().map(|packet| packet.ttl) else { return };
        if ttl <= 1 {
            return self.refuse(at, EbpfPoint::ToHost, skb, DropReason::BpfTtlExceeded, cause);
        }
        let mac = |link| self.netns.link(link).map_or(MacAddr::ZERO, |device| device.mac);
        let (src, dst) = (mac(at.ebpf.peer), mac(at.ebpf.host));
        let mut changes = Changes::One(Change::Ttl { from: ttl, to: ttl - 1 });
        changes.push(Change::Ethernet { src, dst });
        self.rewrite_all(&mut skb, at.stage(EbpfPoint::ToHost), Some(at.link), cause, changes);
        self.transmit(at.ebpf.peer, skb);
    }
}
