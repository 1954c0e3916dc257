//! One question to one server, as a tool asks: over UDP with repetitions, or over TCP.

use crate::dataplane::{Io, ProcessEvent, SendOptions, SocketEvent, SocketId};
use crate::net::Body;
use crate::net::dns::Message;
use crate::trace::Nanos;
use std::net::IpAddr;

/// What became of a question.
#[derive(Clone, Debug)]
pub enum Heard {
    Answer {
        message: Message,
        /// Its length in bytes.
        len: usize,
        elapsed: Nanos,
        tcp: bool,
    },
    /// One attempt was in vain: `timed out`, `connection refused`, `host unreachable`, `network unreachable`. If `last`,
    /// there is none left.
    Failed { why: &'static str, last: bool },
}

/// A question under way. Timers carry `token` plus the attempt's number.
pub struct Ask {
    query: Message,
    server: (IpAddr, u16),
    tcp: bool,
    timeout: Nanos,
    tries_left: u32,
    token: u32,
    generation: u32,
    sent_at: Nanos,
    socket: Option<SocketId>,
    stream: Vec<u8>,
}

impl Ask {
    /// `token` must be a multiple of 256 below 2³¹.
    pub fn new(query: Message, server: (IpAddr, u16), tcp: bool, (timeout, tries): (Nanos, u32), token: u32) -> Ask {
        let (socket, stream) = (None, Vec::new());
        Ask { query, server, tcp, timeout, tries_left: tries, token, generation: 0, sent_at: 0, socket, stream }
    }

    pub fn server(&self) -> (IpAddr, u16) {
        self.server
    }

    pub fn query(&self) -> &Message {
        &self.query
    }

    pub fn start(&mut self, io: &mut Io<'_, '_>) -> Option<Heard> {
        self.tries_left = self.tries_left.saturating_sub(1);
        self.generation += 1;
        self.sent_at = io.now();
        self.hang_up(io);
        let sent = if self.tcp {
            let options = SendOptions { ttl: None, dont_fragment: true };
            self.socket = io.tcp_connect(self.server, options).ok();
            self.socket.is_some()
        } else {
            self.socket = io.udp_open(None);
            let body = Body::Bytes(self.query.to_bytes().into());
            let sent = self.socket.map(|socket| io.udp_send(socket, self.server, body, SendOptions::default()));
            matches!(sent, Some(Ok(_)))
        };
        if !sent {
            return Some(self.failed("network unreachable"));
        }
        io.timer(self.timeout, self.token + self.generation);
        None
    }

    fn hang_up(&mut self, io: &mut Io<'_, '_>) {
        if let Some(socket) = self.socket.take() {
            io.close(socket);
        }
        self.stream.clear();
    }

    fn failed(&mut self, why: &'static str) -> Heard {
        Heard::Failed { why, last: self.tries_left == 0 }
    }

    /// An event that may be this question's.
    pub fn on(&mut self, io: &mut Io<'_, '_>, event: &ProcessEvent) -> Option<Heard> {
        match event {
            ProcessEvent::Timer(token) if *token == self.token + self.generation && self.socket.is_some() => {
                self.hang_up(io);
                Some(self.failed("timed out"))
            }
            ProcessEvent::Socket(socket, event) if Some(*socket) == self.socket => self.hear(io, *socket, event),
            _ => None,
        }
    }

    fn hear(&mut self, io: &mut Io<'_, '_>, socket: SocketId, event: &SocketEvent) -> Option<Heard> {
        match event {
            SocketEvent::Datagram { body: Body::Bytes(bytes), .. } => self.answer(io, bytes),
            SocketEvent::Connected => {
                let bytes = self.query.to_bytes();
                let framed = [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat();
                io.send(socket, Body::Bytes(framed.into()));
                None
            }
            SocketEvent::Data { body: Body::Bytes(bytes) } => {
                self.stream.extend_from_slice(bytes);
                let len = usize::from(u16::from_be_bytes([*self.stream.first()?, *self.stream.get(1)?]));
                let whole = self.stream.get(2..2 + len)?.to_vec();
                self.answer(io, &whole)
            }
            SocketEvent::Refused | SocketEvent::Reset => {
                self.hang_up(io);
                Some(self.failed("connection refused"))
            }
            SocketEvent::TimedOut => {
                self.hang_up(io);
                Some(self.failed("timed out"))
            }
            SocketEvent::Error { error, .. } => {
                use crate::net::IcmpError::{NetUnreachable, PortUnreachable};
                self.hang_up(io);
                Some(self.failed(match error {
                    PortUnreachable => "connection refused",
                    NetUnreachable => "network unreachable",
                    _ => "host unreachable",
                }))
            }
            _ => None,
        }
    }

    fn answer(&mut self, io: &mut Io<'_, '_>, bytes: &[u8]) -> Option<Heard> {
        let message = Message::parse(bytes).filter(|message| message.id == self.query.id)?;
        self.hang_up(io);
        if message.flags.truncated && !self.tcp {
            self.tcp = true;
            self.tries_left = self.tries_left.max(1);
            return self.start(io);
        }
        let elapsed = io.now() - self.sent_at;
        Some(Heard::Answer { message, len: bytes.len(), elapsed, tcp: self.tcp })
    }
}

/// An identifier that looks random, the same each time.
pub fn draw_id(io: &Io<'_, '_>, turn: u32) -> u16 {
    let n = io.now().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(turn).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (n >> 40) as u16
}
