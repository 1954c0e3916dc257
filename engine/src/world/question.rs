//! One question asked of a DNS server by packet: by UDP with room for large answers, by TCP where one is cut off.

use super::World;
use super::runtime::Limit;
use crate::dataplane::{Io, Process, ProcessEvent, SendOptions, SocketEvent, SocketId};
use crate::net::Body;
use crate::net::dns::{self, Message, Question};
use crate::tables::NetnsId;
use crate::trace::{FlowEnd, Nanos};
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

/// As `dig` waits, thrice.
const TIMEOUT: Nanos = 15_000_000_000;
const UDP_SIZE: u16 = 4096;

struct Asker {
    server: IpAddr,
    query: Message,
    stream: Vec<u8>,
    answer: Rc<RefCell<Option<Message>>>,
}

impl Asker {
    fn done(&self, io: &mut Io<'_, '_>, answer: Option<Message>) {
        io.conclude(if answer.is_some() { FlowEnd::Delivered } else { FlowEnd::TimedOut });
        *self.answer.borrow_mut() = answer;
        io.exit(0);
    }

    fn hear(&mut self, io: &mut Io<'_, '_>, socket: SocketId, event: SocketEvent) {
        match event {
            SocketEvent::Datagram { body: Body::Bytes(bytes), .. } => {
                let Some(message) = Message::parse(&bytes).filter(|message| message.id == self.query.id) else {
                    return;
                };
                io.close(socket);
                if !message.flags.truncated {
                    return self.done(io, Some(message));
                }
                let options = SendOptions { ttl: None, dont_fragment: true };
                if io.tcp_connect((self.server, dns::PORT), options).is_err() {
                    self.done(io, Some(message));
                }
            }
            SocketEvent::Connected => {
                let bytes = self.query.to_bytes();
                let framed = [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat();
                io.send(socket, Body::Bytes(framed.into()));
            }
            SocketEvent::Data { body: Body::Bytes(bytes) } => {
                self.stream.extend_from_slice(&bytes);
                let len = self.stream.get(..2).map_or(0, |len| usize::from(u16::from_be_bytes([len[0], len[1]])));
                if let Some(message) = self.stream.get(2..2 + len).filter(|_| len > 0).and_then(Message::parse) {
                    io.close(socket);
                    self.done(io, Some(message));
                }
            }
            SocketEvent::Error { .. } | SocketEvent::Refused | SocketEvent::Reset | SocketEvent::TimedOut => {
                self.done(io, None);
            }
            _ => {}
        }
    }
}

impl Process for Asker {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        match event {
            ProcessEvent::Start => {
                io.timer(TIMEOUT, 0);
                let body = Body::Bytes(self.query.to_bytes().into());
                let socket = io.udp_open(None);
                let to = (self.server, dns::PORT);
                let sent = socket.map(|socket| io.udp_send(socket, to, body, SendOptions::default()));
                if !matches!(sent, Some(Ok(_))) {
                    self.done(io, None);
                }
            }
            ProcessEvent::Socket(socket, event) => self.hear(io, socket, event),
            ProcessEvent::Timer(_) | ProcessEvent::Interrupt => self.done(io, None),
        }
    }
}

impl World {
    /// Asks a server from a namespace; `None` if no answer comes.
    pub fn ask(&mut self, from: NetnsId, server: IpAddr, question: Question) -> Option<Message> {
        self.ask_for(from, server, question, Limit { duration: 2 * TIMEOUT })
    }

    /// The same with less patience.
    pub(super) fn ask_for(
        &mut self,
        from: NetnsId,
        server: IpAddr,
        question: Question,
        limit: Limit,
    ) -> Option<Message> {
        let answer = Rc::new(RefCell::new(None));
        let title = format!("dns {} {}", question.kind, question.name);
        let query = Message::query(0x5044, question).with_edns(UDP_SIZE, Vec::new());
        let asker = Asker { server, query, stream: Vec::new(), answer: answer.clone() };
        self.run(from, (title, Some(server)), Box::new(asker), limit);
        answer.take()
    }
}
