//! To an endpoint of this node, or through the tunnel to another. Models bpf/lib/local_delivery.h, bpf_lxc.c ipv4_policy and
//! lib/encap.h.

use super::super::cost;
use super::super::ip::{route, source_for};
use super::super::random;
use super::super::skb::Skb;
use super::super::walk::Walk;
use super::ct::{CtEntry, CtKind, CtStatus};
use super::{At, MAGIC_OVERLAY};
use crate::tables::ebpf::{Direction, EndpointInfo, Identity, Program, TcHook};
use crate::trace::{CauseTable, Change, Changes, DropReason, EbpfPoint, Stage, Verdict};
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv4Addr};

impl Walk<'_> {
    /// The packet for a Pod of this node: its addresses, its policy, then its veth.
    pub(super) fn local_delivery(
        &mut self,
        at: At<'_>,
        (ip, info): (Ipv4Addr, &EndpointInfo),
        source: Identity,
        mut skb: Skb,
    ) {
        let cause = Some(CauseTable::EbpfEndpoint(ip));
        let Some(ttl) = skb.ip().map(|packet| packet.ttl) else { return };
        if ttl <= 1 {
            return self.refuse(at, EbpfPoint::ToEndpoint, skb, DropReason::BpfTtlExceeded, cause);
        }
        let mut changes = Changes::One(Change::Ttl { from: ttl, to: ttl - 1 });
        changes.push(Change::Ethernet { src: info.node_mac, dst: info.mac });
        self.rewrite_all(&mut skb, at.stage(EbpfPoint::ToEndpoint), Some(info.link), cause, changes);
        let target = At { link: info.link, ..at };
        if let Some(skb) = self.ingress(target, info, source, skb) {
            self.transmit(info.link, skb);
        }
    }

    /// What the endpoint's own program says of a packet that comes to it.
    fn ingress(&mut self, at: At<'_>, info: &EndpointInfo, source: Identity, mut skb: Skb) -> Option<Skb> {
        let Some(flow) = at.flow(&skb) else {
            self.refuse(at, EbpfPoint::Conntrack, skb, DropReason::UnknownL4Protocol, None);
            return None;
        };
        let now = self.now;
        let status = self.state.ebpf.lookup(&flow, CtKind::In, now);
        match status {
            CtStatus::Reply(entry) => {
                self.step(&skb, at.stage(EbpfPoint::Conntrack), Some(at.link), Verdict::Pass, None);
                self.reverse(at, &entry, &mut skb);
                return Some(skb);
            }
            CtStatus::Related => {
                self.step(&skb, at.stage(EbpfPoint::Conntrack), Some(at.link), Verdict::Pass, None);
                return Some(skb);
            }
            CtStatus::New | CtStatus::Established(_) => {}
        }
        // Whoever speaks with himself asks nobody.
        let loopback = flow.src.0 == at.ebpf.loopback;
        let skb = if loopback { skb } else { self.policy(at, info, Direction::Ingress, source, &flow, skb)? };
        match status {
            CtStatus::New => {
                let entry = CtEntry { loopback, ..CtEntry::new(source) };
                self.remember(at, &flow, CtKind::In, entry, skb)
            }
            _ => Some(skb),
        }
    }

    /// Into a datagram to another node, whose number is the sender's identity.
    pub(super) fn encap_and_redirect(
        &mut self,
        at: At<'_>,
        identity: Identity,
        remote: IpAddr,
        net: Ipv4Net,
        mut skb: Skb,
    ) {
        let cause = Some(CauseTable::IpCache(net));
        let overlay = at.ebpf.overlay;
        self.step(&skb, at.stage(EbpfPoint::ToOverlay), Some(overlay), Verdict::Pass, cause);
        // The host is one of many to others.
        let identity = if identity == Identity::HOST { Identity::REMOTE_NODE } else { identity };
        let out = At { program: Program::ToOverlay, link: overlay, ..at };
        self.enter(out, TcHook::Egress, &skb);
        self.set_mark(out, EbpfPoint::ToOverlay, &mut skb, (identity.0 & 0xffff) << 16 | MAGIC_OVERLAY);
        self.spend(cost::TUNNEL);
        let netns = self.netns.clone();
        let source = route(&netns, remote).and_then(|routed| source_for(&netns, routed.route, remote));
        let device = Some(CauseTable::Link(overlay));
        let Some(src) = source else {
            return self.drop(skb, Stage::Encapsulate, Some(overlay), DropReason::NoRoute, device);
        };
        let (low, high) = netns.sysctls.port_range;
        let bits = skb.ip().map_or(0, |packet| {
            let (sport, dport) = packet.payload.ports().unwrap_or_default();
            random::flow_bits(self.seed, packet.src, packet.dst, sport, dport)
        });
        let change = Change::Encapsulate {
            src,
            dst: remote,
            sport: low + (bits % u64::from(high - low)) as u16,
            dport: at.ebpf.tunnel_port,
            vni: identity.0 & 0xff_ffff,
            ttl: netns.sysctls.default_ttl,
            id: self.state.next_ip_id(),
        };
        self.rewrite(&mut skb, Stage::Encapsulate, Some(overlay), device, change);
        skb.forget_connection();
        self.tunnel_output(skb);
    }
}
