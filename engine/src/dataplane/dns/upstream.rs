//! Questions to upstreams, one after the other, and what becomes of them. Models plugin/forward and plugin/pkg/proxy.

use super::chain::{Fetched, Key, Need};
use super::serve::{Pending, Question, STREAM_MAX, framed, next_message};
use crate::dataplane::cost;
use crate::dataplane::skb::Timer;
use crate::dataplane::socket::{Kind, Owner, Socket, SocketEvent, SocketId};
use crate::dataplane::udp::SendOptions;
use crate::dataplane::walk::Walk;
use crate::net::dns::Message;
use crate::net::{Body, Transport, Udp, UdpBody};
use crate::tables::dns::{Forward, Plugin, Policy};
use crate::trace::{FlowId, Nanos, Relation};
use std::net::IpAddr;

const SECOND: Nanos = 1_000_000_000;
/// Models plugin/pkg/proxy readTimeout.
const READ_TIMEOUT: Nanos = 2 * SECOND;
/// Models plugin/forward defaultTimeout.
const FORWARD_TIMEOUT: Nanos = 5 * SECOND;

/// One question to the upstreams.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    need: Need,
    servers: Vec<(IpAddr, u16)>,
    /// How many attempts there were.
    tries: usize,
    deadline: Nanos,
    socket: Option<SocketId>,
    tcp: bool,
    port: u16,
    received: Vec<u8>,
    generation: u32,
}

impl Walk<'_> {
    /// The settings of the `forward` that a need comes from.
    pub(super) fn dns_ask(&mut self, question: Question, fetched: Fetched, need: Need) {
        let Key { block, at, .. } = need.key;
        let Some(Plugin::Forward(forward)) = question.server.directive(block, at).map(|d| &d.plugin) else { return };
        let servers = self.dns_upstreams(forward, &question);
        let tcp = need.force_tcp;
        let deadline = self.now + FORWARD_TIMEOUT;
        let (socket, received) = (None, Vec::new());
        let ask = Ask { need, servers, tries: 0, deadline, socket, tcp, port: 0, received, generation: 0 };
        let id = self.state.dns.next;
        self.state.dns.next += 1;
        self.state.dns.pending.insert(id, Pending { question, fetched, ask });
        self.dns_try(id);
    }

    /// The upstreams in the order in which they are tried.
    fn dns_upstreams(&mut self, forward: &Forward, question: &Question) -> Vec<(IpAddr, u16)> {
        let mut servers = forward.to.clone();
        let turn = match forward.policy {
            Policy::Sequential => 0,
            Policy::RoundRobin => {
                self.state.dns.turn = self.state.dns.turn.wrapping_add(1);
                u64::from(self.state.dns.turn - 1)
            }
            Policy::Random => {
                let client = question.client;
                let seed = self.seed ^ u64::from(question.query.id);
                crate::dataplane::random::flow_bits(seed, client.ip, client.ip, client.port, client.local_port)
            }
        };
        let len = servers.len().max(1) as u64;
        servers.rotate_left((turn % len) as usize);
        servers
    }

    /// Asks the next upstream.
    fn dns_try(&mut self, id: u32) {
        let Some(pending) = self.state.dns.pending.get_mut(&id) else { return };
        let ask = &mut pending.ask;
        let Some(server) = ask.servers.get(ask.tries % ask.servers.len().max(1)).copied() else { return };
        ask.tries += 1;
        ask.generation += 1;
        let (generation, tcp, flow) = (ask.generation, ask.tcp, pending.question.track.flow);
        let parent = pending.question.track.packet;
        let query = ask.need.query.clone();
        self.set_timer(READ_TIMEOUT, Timer::Dns { pending: id, generation });
        let (socket, port) = match tcp {
            false => self.dns_ask_udp(id, flow, parent, server, &query),
            true => self.dns_ask_tcp(id, flow, server),
        };
        if let Some(pending) = self.state.dns.pending.get_mut(&id) {
            (pending.ask.socket, pending.ask.port) = (socket, port);
        }
        if socket.is_none() {
            self.dns_failed(id, "connect: network is unreachable");
        }
    }

    fn dns_ask_udp(
        &mut self,
        id: u32,
        flow: FlowId,
        parent: crate::trace::PacketId,
        server: (IpAddr, u16),
        query: &Message,
    ) -> (Option<SocketId>, u16) {
        let port = self.ephemeral_port();
        let socket = Socket { owner: Owner::Dns(id), flow, last: None, kind: Kind::Udp { port, peer: Some(server) } };
        let Some(socket) = self.state.sockets.open(socket) else { return (None, port) };
        let body = UdpBody::Data(Body::Bytes(query.to_bytes().into()));
        let payload = Transport::Udp(Udp { sport: port, dport: server.1, body });
        let packet = SendOptions::default().packet(self, server.0, payload);
        match self.send(packet, flow, Some((parent, Relation::Serves))) {
            Ok(sent) => {
                self.sent(socket, sent.packet);
                (Some(socket), port)
            }
            Err(_) => {
                self.state.sockets.close(socket);
                (None, port)
            }
        }
    }

    fn dns_ask_tcp(&mut self, id: u32, flow: FlowId, server: (IpAddr, u16)) -> (Option<SocketId>, u16) {
        let options = SendOptions { ttl: None, dont_fragment: true };
        match self.tcp_connect_as(Owner::Dns(id), flow, server, options) {
            Ok(socket) => (Some(socket), 0),
            Err(_) => (None, 0),
        }
    }

    /// Something happened on a socket towards an upstream.
    pub(in crate::dataplane) fn dns_heard(&mut self, id: u32, socket: SocketId, event: SocketEvent) {
        let Some(pending) = self.state.dns.pending.get_mut(&id).filter(|p| p.ask.socket == Some(socket)) else {
            return;
        };
        match event {
            SocketEvent::Datagram { body: Body::Bytes(bytes), .. } => self.dns_reply(id, &bytes),
            SocketEvent::Connected => {
                let bytes = pending.ask.need.query.to_bytes();
                self.tcp_send(socket, framed(&bytes));
            }
            SocketEvent::Data { body: Body::Bytes(bytes) } => {
                let received = &mut pending.ask.received;
                received.extend_from_slice(&bytes);
                if received.len() > STREAM_MAX {
                    received.clear();
                }
                if let Some(message) = next_message(received) {
                    self.dns_reply(id, &message);
                }
            }
            SocketEvent::Error { error, .. } => {
                self.dns_failed(
                    id,
                    if error == crate::net::IcmpError::PortUnreachable {
                        "connection refused"
                    } else {
                        "no route to host"
                    },
                );
            }
            SocketEvent::Refused | SocketEvent::Reset => self.dns_failed(id, "connection refused"),
            SocketEvent::PeerClosed | SocketEvent::TimedOut => self.dns_failed(id, "EOF"),
            _ => {}
        }
    }

    fn dns_reply(&mut self, id: u32, bytes: &[u8]) {
        let Some(message) = Message::parse(bytes) else { return };
        let Some(pending) = self.state.dns.pending.get_mut(&id) else { return };
        let ask = &mut pending.ask;
        if message.id != ask.need.query.id || !message.flags.response {
            return;
        }
        if message.flags.truncated && ask.need.prefer_udp && !ask.tcp {
            ask.tcp = true;
            ask.tries -= 1;
            self.dns_hang_up(id);
            return self.dns_try(id);
        }
        self.dns_hang_up(id);
        let Some(mut pending) = self.state.dns.pending.remove(&id) else { return };
        pending.fetched.push((pending.ask.need.key, Ok(message)));
        self.spend(cost::DNS);
        self.dns_work(pending.question, pending.fetched);
    }

    fn dns_hang_up(&mut self, id: u32) {
        let socket = self.state.dns.pending.get_mut(&id).and_then(|pending| pending.ask.socket.take());
        if let Some(socket) = socket {
            self.stream_close(socket);
        }
    }

    pub(in crate::dataplane) fn dns_timer(&mut self, id: u32, generation: u32) {
        let current = self.state.dns.pending.get(&id).is_some_and(|pending| pending.ask.generation == generation);
        if current {
            self.dns_failed(id, "i/o timeout");
        }
    }

    /// An attempt has failed: the next upstream, or the error.
    fn dns_failed(&mut self, id: u32, what: &str) {
        self.dns_hang_up(id);
        let now = self.now;
        let Some(pending) = self.state.dns.pending.get_mut(&id) else { return };
        let again =
            now < pending.ask.deadline && (what == "i/o timeout" || pending.ask.tries < pending.ask.servers.len());
        if again {
            return self.dns_try(id);
        }
        let Some(mut pending) = self.state.dns.pending.remove(&id) else { return };
        let ask = &pending.ask;
        let server = ask.servers.get(ask.tries.saturating_sub(1) % ask.servers.len().max(1));
        let protocol = if ask.tcp { "tcp" } else { "udp" };
        let own = self.netns.addresses.iter().map(|a| a.net.addr()).find(|ip| !ip.is_loopback());
        let from = own.map_or_else(String::new, |ip| std::net::SocketAddr::new(ip, ask.port).to_string());
        let to = server.map_or_else(String::new, |(ip, port)| std::net::SocketAddr::new(*ip, *port).to_string());
        let what = if what == "connection refused" && !ask.tcp { "read: connection refused" } else { what };
        let error = format!("read {protocol} {from}->{to}: {what}");
        pending.fetched.push((pending.ask.need.key, Err(error)));
        self.dns_work(pending.question, pending.fetched);
    }
}
