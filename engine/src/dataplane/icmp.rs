//! ICMP: echo, and the errors that tell a sender what became of its packet.
//!
//! Models net/ipv4/icmp.c; rate limits are left out.

use super::skb::Skb;
use super::socket::SocketEvent;
use super::walk::Walk;
use crate::net::{Icmp, IcmpError, IpPacket, Transport};
use crate::tables::{LinkIndex, RouteKind};
use crate::trace::{DropReason, Relation, Stage};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) fn unspecified_like(ip: IpAddr) -> IpAddr {
    if ip.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) }
}

impl Walk<'_> {
    /// A packet of this namespace with everything at its default.
    pub(super) fn packet(&self, src: IpAddr, dst: IpAddr, payload: Transport) -> IpPacket {
        let ttl = self.netns.sysctls.default_ttl;
        IpPacket { src, dst, ttl, tos: 0, id: 0, dont_fragment: false, fragment: None, payload }
    }

    /// Whether an ICMP error may be sent about this packet: not about errors, later fragments, group destinations.
    pub(super) fn may_answer(skb: &Skb) -> bool {
        let Some(packet) = skb.ip() else { return false };
        let error = matches!(packet.payload, Transport::Icmp(Icmp::Error { .. }));
        let later = packet.fragment.is_some_and(|f| f.offset > 0);
        !error && !later && !packet.dst.is_multicast() && !skb.frame.dst.is_group() && !packet.src.is_unspecified()
    }

    /// Tells the packet's sender. The source is the address the packet was for, if that is ours; else it follows the
    /// route back (`icmp_errors_use_inbound_ifaddr` 0). netfilter takes it for a part of the packet's connection.
    pub(super) fn icmp_error(&mut self, about: &Skb, error: IcmpError) {
        if !Walk::may_answer(about) {
            return;
        }
        let Some(packet) = about.ip() else { return };
        // Without a way back no answer is made at all (icmp_route_lookup).
        if super::ip::route(&self.netns, packet.src).is_none() {
            return;
        }
        let src = if self.netns.is_local(packet.dst) { packet.dst } else { unspecified_like(packet.dst) };
        let payload = Transport::Icmp(Icmp::Error { error, quoted: Box::new(packet.clone()) });
        let answer = self.packet(src, packet.src, payload);
        let parent = Some((about.track.packet, Relation::Answers));
        // Whether the answer can be sent is its own story, told in its own record.
        let _ = self.send_attached(answer, about.track.flow, parent, about.tracking.attached());
    }

    pub(super) fn icmp_receive(&mut self, link: LinkIndex, skb: Skb) {
        let Some(IpPacket { src, dst, ttl, payload: Transport::Icmp(message), .. }) = skb.ip() else { return };
        let (src, dst, ttl) = (*src, *dst, *ttl);
        match message {
            Icmp::EchoRequest { id, seq, body } => {
                let reply = Icmp::EchoReply { id: *id, seq: *seq, body: body.clone() };
                let cause = self.address_row(dst);
                self.accept(&skb, Some(link), cause);
                let packet = self.packet(dst, src, Transport::Icmp(reply));
                let _ = self.send(packet, skb.track.flow, Some((skb.track.packet, Relation::Answers)));
            }
            Icmp::EchoReply { id, seq, body } => {
                let event = SocketEvent::EchoReply { from: src, seq: *seq, ttl, len: body.len() as u32 };
                match self.state.sockets.ping_socket(*id) {
                    Some(socket) => {
                        self.accept(&skb, Some(link), None);
                        self.notify(socket, event, skb.track);
                    }
                    None => self.drop(skb, Stage::Deliver, Some(link), DropReason::Unsolicited, None),
                }
            }
            Icmp::Error { error, quoted } => {
                let (error, quoted) = (*error, quoted.clone());
                self.icmp_error_receive(link, error, &quoted, src, skb);
            }
        }
    }

    /// An error about something that was sent from here, one hopes.
    fn icmp_error_receive(&mut self, link: LinkIndex, error: IcmpError, quoted: &IpPacket, from: IpAddr, skb: Skb) {
        if let IcmpError::FragmentationNeeded { mtu } = error {
            let remote = super::ip::route(&self.netns, quoted.dst).is_some_and(|r| r.route.kind != RouteKind::Local);
            if remote {
                self.state.learn_pmtu(quoted.dst, mtu, self.now);
            }
        }
        match self.state.sockets.sender_of(quoted) {
            Some(socket) => {
                self.accept(&skb, Some(link), None);
                self.socket_error(socket, error, from, quoted, skb.track);
            }
            None => self.drop(skb, Stage::Deliver, Some(link), DropReason::Unsolicited, None),
        }
    }
}
