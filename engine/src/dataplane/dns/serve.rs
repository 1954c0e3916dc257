//! Questions in, answers out: sockets on both sides of the chain.

use super::chain::{Chain, Client, Effects, Fetched, Key, Need, Outcome};
use super::metrics;
use crate::dataplane::apps;
use crate::dataplane::cost;
use crate::dataplane::netfilter::Tracking;
use crate::dataplane::skb::Timer;
use crate::dataplane::socket::{Kind, Owner, Socket, SocketEvent, SocketId};
use crate::dataplane::udp::SendOptions;
use crate::dataplane::walk::Walk;
use crate::net::dns::{Message, Rcode, Type, UDP_SIZE_MIN};
use crate::net::{Body, Transport, Udp, UdpBody};
use crate::tables::dns::{DnsServer, Forward, Plugin, Policy};
use crate::tables::{App, DnsPage};
use crate::trace::{CauseTable, FlowId, Nanos, PacketRef, Relation};
use std::net::IpAddr;
use std::sync::Arc;

const SECOND: Nanos = 1_000_000_000;
/// Models plugin/pkg/proxy readTimeout.
const READ_TIMEOUT: Nanos = 2 * SECOND;
/// Models plugin/forward defaultTimeout.
const FORWARD_TIMEOUT: Nanos = 5 * SECOND;
/// Most questions under way at once in one namespace.
const PENDING_MAX: usize = 2_000;
/// Most upstream answers that one question may need.
const FETCHED_MAX: usize = 64;
/// A message's length is 16 bits.
const STREAM_MAX: usize = 2 + 0xffff;

/// Where the answer goes.
#[derive(Clone, Copy, Debug)]
enum Back {
    Udp { from: (IpAddr, u16), to: (IpAddr, u16) },
    Stream(SocketId),
}

/// A question that waits for an upstream.
#[derive(Clone, Debug)]
pub(in crate::dataplane) struct Pending {
    question: Question,
    fetched: Fetched,
    ask: Ask,
}

#[derive(Clone, Debug)]
struct Question {
    server: Arc<DnsServer>,
    /// The listener's row.
    row: u32,
    query: Message,
    client: Client,
    back: Back,
    track: PacketRef,
}

/// One question to the upstreams.
#[derive(Clone, Debug)]
struct Ask {
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
    /// A datagram for a DNS server. `from` is the client.
    pub(in crate::dataplane) fn dns_datagram(
        &mut self,
        server: &Arc<DnsServer>,
        row: u32,
        body: &Body,
        from: (IpAddr, u16),
        to: (IpAddr, u16),
        track: PacketRef,
    ) {
        let Body::Bytes(bytes) = body else { return };
        let client = Client { ip: from.0, port: from.1, local_port: to.1, tcp: false };
        self.dns_question(server, row, bytes, client, Back::Udp { from: to, to: from }, track);
    }

    /// Data on a connection to a DNS server or one of CoreDNS's pages.
    pub(in crate::dataplane) fn dns_stream(
        &mut self,
        id: SocketId,
        app: &App,
        body: &Body,
        (from, local_port): ((IpAddr, u16), u16),
        track: PacketRef,
    ) {
        let server = match app {
            App::Dns(server) => server.clone(),
            App::DnsPages(page) => return self.dns_page(id, *page, body),
            _ => return,
        };
        let Body::Bytes(bytes) = body else { return };
        let netns = self.netns.clone();
        let is_own = |app: &App| matches!(app, App::Dns(own) if Arc::ptr_eq(own, &server));
        let row = netns.listeners.iter().position(|listener| is_own(&listener.app)).unwrap_or(0) as u32;
        let stream = self.state.dns.streams.entry(id).or_default();
        stream.extend_from_slice(bytes);
        if stream.len() > STREAM_MAX {
            self.state.dns.streams.remove(&id);
            return self.tcp_close(id);
        }
        let client = Client { ip: from.0, port: from.1, local_port, tcp: true };
        while let Some(message) = self.state.dns.streams.get_mut(&id).and_then(next_message) {
            self.dns_question(&server, row, &message, client, Back::Stream(id), track);
        }
    }

    /// A connection to a DNS server is over.
    pub(in crate::dataplane) fn dns_stream_end(&mut self, id: SocketId) {
        self.state.dns.streams.remove(&id);
    }

    fn dns_page(&mut self, id: SocketId, page: DnsPage, body: &Body) {
        let state = &self.state.dns;
        let answer = apps::page(body, |path| metrics::page(state, page, path));
        if let Some(body) = answer.send {
            self.tcp_send(id, body);
        }
        if answer.close {
            self.tcp_close(id);
        }
    }

    fn dns_question(
        &mut self,
        server: &Arc<DnsServer>,
        row: u32,
        bytes: &[u8],
        client: Client,
        back: Back,
        track: PacketRef,
    ) {
        self.spend(cost::DNS);
        let Some(query) = Message::parse(bytes) else {
            // What has a header and no sense gets FORMERR.
            if let Some(id) = bytes.get(..2).filter(|_| bytes.len() >= 12) {
                let id = u16::from_be_bytes([id[0], id[1]]);
                let mut reply = Message::query(id, crate::net::dns::Question::new(".", Type::A)).reply(Rcode::FORMERR);
                reply.questions.clear();
                self.dns_send(back, reply, track, None);
            }
            return;
        };
        if query.flags.response {
            return;
        }
        let question = Question { server: server.clone(), row, query, client, back, track };
        if question.query.opcode != 0 || question.query.questions.len() != 1 {
            let rcode = if question.query.opcode == 0 { Rcode::FORMERR } else { Rcode::NOTIMP };
            let reply = question.query.reply(rcode);
            return self.dns_send(back, reply, track, None);
        }
        self.dns_work(question, Vec::new());
    }

    /// Lets the chain answer, or ask first.
    fn dns_work(&mut self, question: Question, fetched: Fetched) {
        let server = question.server.clone();
        let mut chain = Chain {
            server: &server,
            store: &self.state.dns.cache,
            fetched: &fetched,
            client: question.client,
            now: self.now,
            seed: self.seed,
            effects: Effects::default(),
            udp_size: question.query.udp_size(),
            depth: 0,
            lookups: 0,
        };
        match chain.serve(&question.query) {
            Ok(outcome) => {
                let (effects, udp_size) = (std::mem::take(&mut chain.effects), chain.udp_size);
                self.dns_effects(effects);
                self.dns_answer(&question, outcome, udp_size);
            }
            Err(need) if fetched.len() < FETCHED_MAX && self.state.dns.pending.len() < PENDING_MAX => {
                self.dns_ask(question, fetched, *need);
            }
            Err(_) => {
                let reply = question.query.reply(Rcode::SERVFAIL);
                self.dns_send(question.back, reply, question.track, None);
            }
        }
    }

    fn dns_effects(&mut self, effects: Effects) {
        let now = self.now;
        let state = &mut self.state.dns;
        effects.cached.into_iter().for_each(|(key, item)| state.cache.put(key, item));
        effects.counters.into_iter().for_each(|counter| state.count(counter));
        effects.log.into_iter().chain(effects.fatal).for_each(|line| state.print(now, line));
    }

    /// Writes the answer. Models request.go Scrub and SizeAndDo.
    fn dns_answer(&mut self, question: &Question, outcome: Outcome, udp_size: u16) {
        let mut message = outcome.message.unwrap_or_else(|| question.query.reply(outcome.rcode));
        if let Some(opt) = question.query.opt().filter(|_| message.opt().is_none()) {
            let mut opt = opt.clone();
            opt.ttl &= 0x8000;
            if let crate::net::dns::Data::Opt(options) = &mut opt.data {
                options.retain(|(code, _)| matches!(code, 3 | 9..=12));
            }
            message.additional.push(opt);
        }
        let size = if question.client.tcp { 0xffff } else { usize::from(udp_size.max(UDP_SIZE_MIN)) };
        message.truncate(size);
        // The last ditch attempt to avoid fragmentation.
        let fragments = if question.client.ip.is_ipv4() { 1480 } else { 1220 };
        if !question.client.tcp && message.len() > fragments {
            message.compressed = true;
        }
        let cause = outcome.cause.map(|entry| CauseTable::Dns { listener: question.row, entry });
        self.dns_send(question.back, message, question.track, cause);
    }

    fn dns_send(&mut self, back: Back, message: Message, track: PacketRef, cause: Option<CauseTable>) {
        let bytes = message.to_bytes();
        match back {
            Back::Udp { from, to } => {
                let body = UdpBody::Data(Body::Bytes(bytes.into()));
                let payload = Transport::Udp(Udp { sport: from.1, dport: to.1, body });
                let packet = self.packet(from.0, to.0, payload);
                let parent = Some((track.packet, Relation::Answers));
                let _ = self.send_because(packet, track.flow, parent, (cause, Tracking::Unseen));
            }
            Back::Stream(id) => {
                self.tcp_send(id, framed(&bytes));
            }
        }
    }

    /// The settings of the `forward` that a need comes from.
    fn dns_ask(&mut self, question: Question, fetched: Fetched, need: Need) {
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

/// Two bytes of length, then the message (RFC 1035, 4.2.2).
fn framed(bytes: &[u8]) -> Body {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let framed: Vec<u8> = len.to_be_bytes().into_iter().chain(bytes.iter().copied()).collect();
    Body::Bytes(framed.into())
}

/// Takes a whole message off a stream.
fn next_message(stream: &mut Vec<u8>) -> Option<Vec<u8>> {
    let len = usize::from(u16::from_be_bytes([*stream.first()?, *stream.get(1)?]));
    if stream.len() < len + 2 {
        return None;
    }
    let rest = stream.split_off(len + 2);
    let message = std::mem::replace(stream, rest);
    Some(message[2..].to_vec())
}
