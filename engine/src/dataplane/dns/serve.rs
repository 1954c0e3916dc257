//! Questions in, answers out: sockets on both sides of the chain.

use super::cache::Refresh;
use super::chain::{Chain, Client, Effects, Fetched, Outcome};
use super::metrics;
use super::upstream::Ask;
use crate::dataplane::apps;
use crate::dataplane::cost;
use crate::dataplane::netfilter::Tracking;
use crate::dataplane::socket::SocketId;
use crate::dataplane::walk::Walk;
use crate::net::dns::{Message, Rcode, Type, UDP_SIZE_MIN};
use crate::net::{Body, Transport, Udp, UdpBody};
use crate::tables::dns::DnsServer;
use crate::tables::{App, DnsPage};
use crate::trace::{CauseTable, PacketRef, Relation};
use std::net::IpAddr;
use std::sync::Arc;

/// Most questions under way at once in one namespace.
const PENDING_MAX: usize = 2_000;
/// Most upstream answers that one question may need.
const FETCHED_MAX: usize = 64;
/// A message's length is 16 bits.
pub(super) const STREAM_MAX: usize = 2 + 0xffff;

/// Where the answer goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Back {
    /// Nobody waits for it.
    Nowhere,
    Udp {
        from: (IpAddr, u16),
        to: (IpAddr, u16),
    },
    Stream(SocketId),
}

/// A question that waits for an upstream.
#[derive(Clone, Debug)]
pub(in crate::dataplane) struct Pending {
    pub(super) question: Question,
    pub(super) fetched: Fetched,
    pub(super) ask: Ask,
}

#[derive(Clone, Debug)]
pub(super) struct Question {
    pub server: Arc<DnsServer>,
    /// The listener's row.
    row: u32,
    pub query: Message,
    pub client: Client,
    back: Back,
    pub track: PacketRef,
    /// Not a client's question, but a cache's.
    refresh: Option<Refresh>,
}

impl Question {
    /// A cache's question about what it has given away for this one.
    pub fn refreshing(&self, refresh: Refresh) -> Question {
        Question { back: Back::Nowhere, refresh: Some(refresh), ..self.clone() }
    }
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
        let client = Client { ip: from.0, port: from.1, local_port: to.1, tcp: false, since: self.now };
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
        let client = Client { ip: from.0, port: from.1, local_port, tcp: true, since: self.now };
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
        let question = Question { server: server.clone(), row, query, client, back, track, refresh: None };
        if question.query.opcode != 0 || question.query.questions.len() != 1 {
            let rcode = if question.query.opcode == 0 { Rcode::FORMERR } else { Rcode::NOTIMP };
            let reply = question.query.reply(rcode);
            return self.dns_send(back, reply, track, None);
        }
        self.dns_work(question, Vec::new());
    }

    /// Lets the chain answer, or ask first.
    pub(super) fn dns_work(&mut self, question: Question, fetched: Fetched) {
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
        let served = match &question.refresh {
            Some(refresh) => chain.refresh(refresh),
            None => chain.serve(&question.query),
        };
        match served {
            Ok(outcome) => {
                let (mut effects, udp_size) = (std::mem::take(&mut chain.effects), chain.udp_size);
                let refresh = effects.refresh.take();
                self.dns_effects(effects);
                self.dns_answer(&question, outcome, udp_size);
                if let Some(refresh) = refresh {
                    self.dns_work(question.refreshing(refresh), Vec::new());
                }
            }
            Err(_) if fetched.is_empty() && self.dns_loops(&question) => {}
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
        effects.hits.iter().for_each(|(key, within)| state.cache.hit(key, now, *within));
        effects.cached.into_iter().for_each(|(key, item)| state.cache.put(key, item));
        effects.counters.into_iter().for_each(|counter| state.count(counter));
        effects.log.into_iter().for_each(|line| state.print(now, line));
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
        if !question.client.tcp && !message.fits(fragments) {
            message.compressed = true;
        }
        let cause = outcome.cause.map(|entry| CauseTable::Dns { listener: question.row, entry });
        self.dns_send(question.back, message, question.track, cause);
    }

    fn dns_send(&mut self, back: Back, message: Message, track: PacketRef, cause: Option<CauseTable>) {
        let bytes = message.to_bytes();
        match back {
            Back::Nowhere => {}
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
}

/// Two bytes of length, then the message (RFC 1035, 4.2.2).
pub(super) fn framed(bytes: &[u8]) -> Body {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let framed: Vec<u8> = len.to_be_bytes().into_iter().chain(bytes.iter().copied()).collect();
    Body::Bytes(framed.into())
}

/// Takes a whole message off a stream.
pub(super) fn next_message(stream: &mut Vec<u8>) -> Option<Vec<u8>> {
    let len = usize::from(u16::from_be_bytes([*stream.first()?, *stream.get(1)?]));
    if stream.len() < len + 2 {
        return None;
    }
    let rest = stream.split_off(len + 2);
    let message = std::mem::replace(stream, rest);
    Some(message[2..].to_vec())
}
