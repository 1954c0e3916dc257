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
    /// All attempts were in vain.
    Failed,
}

/// What became of one attempt; in vain: why.
type Attempt = Result<Heard, &'static str>;

/// A question under way. Timers carry `token` plus the attempt's number.
pub struct Ask {
    query: Message,
    server: (IpAddr, u16),
    tcp: bool,
    timeout: Nanos,
    tries_left: u32,
    aloud: bool,
    token: u32,
    generation: u32,
    sent_at: Nanos,
    socket: Option<SocketId>,
    stream: Vec<u8>,
}

impl Ask {
    /// `token` must be a multiple of 256 below 2³¹.
    pub fn new(query: Message, server: (IpAddr, u16), tcp: bool, (timeout, tries): (Nanos, u32), token: u32) -> Ask {
        let (aloud, generation, sent_at, socket, stream) = (false, 0, 0, None, Vec::new());
        Ask { query, server, tcp, timeout, tries_left: tries, aloud, token, generation, sent_at, socket, stream }
    }

    /// As BIND's tools ask: they complain of each attempt that was in vain.
    pub fn aloud(self) -> Ask {
        Ask { aloud: true, ..self }
    }

    pub fn server(&self) -> (IpAddr, u16) {
        self.server
    }

    pub fn query(&self) -> &Message {
        &self.query
    }

    pub fn start(&mut self, io: &mut Io<'_, '_>) -> Option<Heard> {
        let attempt = self.attempt(io);
        self.settled(io, attempt)
    }

    /// An event that may be this question's.
    pub fn on(&mut self, io: &mut Io<'_, '_>, event: &ProcessEvent) -> Option<Heard> {
        let attempt = match event {
            ProcessEvent::Timer(token) if *token == self.token + self.generation && self.socket.is_some() => {
                self.failed(io, "timed out")
            }
            ProcessEvent::Socket(socket, event) if Some(*socket) == self.socket => self.hear(io, *socket, event),
            _ => None,
        };
        self.settled(io, attempt)
    }

    /// An attempt in vain is followed by the next, as long as there is one.
    fn settled(&mut self, io: &mut Io<'_, '_>, mut attempt: Option<Attempt>) -> Option<Heard> {
        loop {
            let why = match attempt? {
                Ok(heard) => return Some(heard),
                Err(why) => why,
            };
            if self.aloud {
                let (ip, port) = self.server;
                io.print(format!(";; communications error to {ip}#{port}: {why}\n"));
            }
            if self.tries_left == 0 {
                return Some(Heard::Failed);
            }
            attempt = self.attempt(io);
        }
    }

    fn attempt(&mut self, io: &mut Io<'_, '_>) -> Option<Attempt> {
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
            return self.failed(io, "network unreachable");
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

    fn failed(&mut self, io: &mut Io<'_, '_>, why: &'static str) -> Option<Attempt> {
        self.hang_up(io);
        Some(Err(why))
    }

    fn hear(&mut self, io: &mut Io<'_, '_>, socket: SocketId, event: &SocketEvent) -> Option<Attempt> {
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
            SocketEvent::Refused | SocketEvent::Reset => self.failed(io, "connection refused"),
            SocketEvent::TimedOut => self.failed(io, "timed out"),
            SocketEvent::Error { error, .. } => {
                use crate::net::IcmpError::{NetUnreachable, PortUnreachable};
                let why = match error {
                    PortUnreachable => "connection refused",
                    NetUnreachable => "network unreachable",
                    _ => "host unreachable",
                };
                self.failed(io, why)
            }
            _ => None,
        }
    }

    fn answer(&mut self, io: &mut Io<'_, '_>, bytes: &[u8]) -> Option<Attempt> {
        let message = Message::parse(bytes).filter(|message| message.id == self.query.id)?;
        self.hang_up(io);
        if message.flags.truncated && !self.tcp {
            self.tcp = true;
            self.tries_left = self.tries_left.max(1);
            return self.attempt(io);
        }
        let elapsed = io.now() - self.sent_at;
        Some(Ok(Heard::Answer { message, len: bytes.len(), elapsed, tcp: self.tcp }))
    }
}

/// An identifier that looks random, the same each time.
pub fn draw_id(io: &Io<'_, '_>, turn: u32) -> u16 {
    let n = io.now().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(turn).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (n >> 40) as u16
}
