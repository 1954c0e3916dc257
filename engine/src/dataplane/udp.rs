//! UDP: to a socket, to a VXLAN device, or back as port unreachable.

use super::apps;
use super::process::ProcessId;
use super::skb::Skb;
use super::socket::{Kind, Owner, Socket, SocketEvent, SocketId};
use super::walk::{SendError, Walk};
use crate::net::{Body, IcmpError, IpPacket, Protocol, Transport, Udp, UdpBody};
use crate::tables::{App, LinkIndex, Netns};
use crate::trace::{CauseTable, FlowId, PacketId, PacketRef, Relation, Stage};
use std::net::IpAddr;

/// The programmed listener for a destination: one bound to the address before the wildcard.
pub(super) fn listener(netns: &Netns, protocol: Protocol, ip: IpAddr, port: u16) -> Option<u32> {
    let fits = |exact: bool| {
        netns.listeners.iter().position(|l| {
            l.protocol == protocol && l.port == port && if exact { l.ip == Some(ip) } else { l.ip.is_none() }
        })
    };
    fits(true).or_else(|| fits(false)).map(|row| row as u32)
}

impl Walk<'_> {
    pub(super) fn udp_receive(&mut self, link: LinkIndex, skb: Skb) {
        let Some(skb) = self.vxlan_receive(skb) else { return };
        let Some(IpPacket { src, dst, payload: Transport::Udp(Udp { sport, dport, body }), .. }) = skb.ip() else {
            return;
        };
        let (src, dst, sport, dport) = (*src, *dst, *sport, *dport);
        let body = match body {
            UdpBody::Data(body) => body.clone(),
            UdpBody::Vxlan { .. } => Body::EMPTY,
        };
        let netns = self.netns.clone();
        if let Some(socket) = self.state.sockets.udp_socket(dport, (src, sport)) {
            self.accept(&skb, Some(link), None);
            return self.notify(socket, SocketEvent::Datagram { from: src, port: sport, body }, skb.track);
        }
        let Some(row) = listener(&netns, Protocol::Udp, dst, dport) else {
            return self.reject(skb, Stage::Deliver, Some(link), IcmpError::PortUnreachable, None);
        };
        self.accept(&skb, Some(link), Some(CauseTable::Listener(row)));
        let app = &netns.listeners[row as usize].app;
        if let App::Dns(server) = app {
            return self.dns_datagram(server, row, &body, (src, sport), (dst, dport), skb.track);
        }
        if let Some(answer) = apps::datagram(app, &body, (src, sport)) {
            let payload = Transport::Udp(Udp { sport: dport, dport: sport, body: UdpBody::Data(answer) });
            let packet = self.packet(dst, src, payload);
            let _ = self.send(packet, skb.track.flow, Some((skb.track.packet, Relation::Answers)));
        }
    }

    pub(super) fn udp_open(&mut self, process: ProcessId, flow: FlowId, port: Option<u16>) -> Option<SocketId> {
        let port = port.unwrap_or_else(|| self.ephemeral_port());
        let kind = Kind::Udp { port, peer: None };
        self.state.sockets.open(Socket { owner: Owner::Process(process), flow, last: None, kind })
    }

    /// The next ephemeral port, from a start that belongs to this namespace and seed.
    pub(super) fn ephemeral_port(&mut self) -> u16 {
        let start = super::random::mix(self.seed ^ u64::from(self.netns.id.0));
        self.state.sockets.ephemeral_port(self.netns.sysctls.port_range, start)
    }

    pub(super) fn udp_send(
        &mut self,
        id: SocketId,
        to: (IpAddr, u16),
        body: Body,
        options: SendOptions,
    ) -> Result<PacketRef, SendError> {
        let Some(Socket { kind: Kind::Udp { port, .. }, flow, last, .. }) = self.state.sockets.get_mut(id) else {
            return Err(SendError::Invalid);
        };
        let (flow, parent) = (*flow, last.map(|last| (last, Relation::Follows)));
        let payload = Transport::Udp(Udp { sport: *port, dport: to.1, body: UdpBody::Data(body) });
        let sent = self.send(options.packet(self, to.0, payload), flow, parent)?;
        self.sent(id, sent.packet);
        Ok(sent)
    }

    pub(super) fn sent(&mut self, id: SocketId, packet: PacketId) {
        if let Some(socket) = self.state.sockets.get_mut(id) {
            socket.last = Some(packet);
        }
    }
}

/// What a program may set on a socket: `IP_TTL`, and whether packets may be fragmented (`IP_MTU_DISCOVER`).
#[derive(Clone, Copy, Debug, Default)]
pub struct SendOptions {
    /// `None` is the namespace's default.
    pub ttl: Option<u8>,
    pub dont_fragment: bool,
}

impl SendOptions {
    pub(super) fn packet(self, walk: &Walk<'_>, dst: IpAddr, payload: Transport) -> IpPacket {
        let mut packet = walk.packet(super::icmp::unspecified_like(dst), dst, payload);
        packet.ttl = self.ttl.unwrap_or(packet.ttl);
        packet.dont_fragment = self.dont_fragment;
        packet
    }
}
