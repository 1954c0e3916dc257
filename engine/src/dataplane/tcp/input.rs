//! What comes in: segments for a connection, for a listener, or for nobody.

use super::{ACK, Phase, before_or_at, span};
use crate::dataplane::apps::{self, Answer};
use crate::dataplane::skb::Skb;
use crate::dataplane::socket::{Kind, Owner, Socket, SocketEvent, SocketId, Tuple};
use crate::dataplane::udp::{SendOptions, listener};
use crate::dataplane::walk::Walk;
use crate::net::{Body, IpPacket, Protocol, Tcp, TcpFlags, Transport};
use crate::tables::{App, LinkIndex};
use crate::trace::{CauseTable, Disposition, DropReason, PacketRef, Relation, Stage, Verdict};

impl Walk<'_> {
    pub(in crate::dataplane) fn tcp_receive(&mut self, link: LinkIndex, skb: Skb) {
        let Some(IpPacket { src, dst, payload: Transport::Tcp(tcp), .. }) = skb.ip() else { return };
        let (src, dst, tcp) = (*src, *dst, tcp.clone());
        let tuple = (dst, tcp.dport, src, tcp.sport);
        if let Some(id) = self.state.sockets.connection(Protocol::Tcp, tuple) {
            self.accept(&skb, Some(link), None);
            return self.tcp_segment(id, tcp, skb.track);
        }
        if tcp.flags.syn && !tcp.flags.ack {
            let netns = self.netns.clone();
            if let Some(listening) = self.state.sockets.listening(Protocol::Tcp, tcp.dport) {
                self.accept(&skb, Some(link), None);
                let owner = self.state.sockets.get_mut(listening).map(|socket| socket.owner.clone());
                return owner.into_iter().for_each(|owner| self.tcp_open_passive(tuple, &tcp, owner, skb.track));
            }
            if let Some(row) = listener(&netns, Protocol::Tcp, dst, tcp.dport) {
                self.accept(&skb, Some(link), Some(CauseTable::Listener(row)));
                let owner = Owner::App(netns.listeners[row as usize].app.clone());
                return self.tcp_open_passive(tuple, &tcp, owner, skb.track);
            }
        }
        let reset = !tcp.flags.rst;
        self.step(&skb, Stage::Deliver, Some(link), Verdict::Drop(DropReason::NoSocket), None);
        self.recorder.finish(skb.track, Disposition::Dropped(DropReason::NoSocket));
        if reset {
            self.tcp_reset(tuple, &tcp, skb.track);
        }
    }

    /// RST: nobody has this connection (tcp_v4_send_reset).
    fn tcp_reset(&mut self, (src, sport, dst, dport): Tuple, about: &Tcp, track: PacketRef) {
        let flags = TcpFlags { rst: true, ack: !about.flags.ack, ..TcpFlags::default() };
        let (seq, ack) = if about.flags.ack { (about.ack, 0) } else { (0, about.seq.wrapping_add(span(about))) };
        let segment = Tcp { sport, dport, seq, ack, flags, window: 0, mss: None, body: Body::EMPTY };
        let parent = Some((track.packet, Relation::Answers));
        let _ = self.tcp_packet(src, dst, SendOptions::default(), segment, track.flow, parent);
    }

    fn tcp_open_passive(&mut self, tuple: Tuple, syn: &Tcp, owner: Owner, track: PacketRef) {
        let mut connection =
            self.connection(tuple, Phase::SynReceived, syn.seq.wrapping_add(1), SendOptions::default());
        connection.mss = connection.mss.min(syn.mss.unwrap_or(536));
        let kind = Kind::Tcp(Box::new(connection));
        let socket = Socket { owner, flow: track.flow, last: Some(track.packet), kind };
        if let Some(id) = self.state.sockets.open(socket) {
            let _ = self.tcp_push(id, TcpFlags { syn: true, ..ACK }, Body::EMPTY);
        }
    }

    /// A segment of a connection that stands or is being opened.
    fn tcp_segment(&mut self, id: SocketId, tcp: Tcp, track: PacketRef) {
        if let Some(socket) = self.state.sockets.get_mut(id) {
            socket.last = Some(track.packet);
        }
        let Some(connection) = self.tcp_connection(id) else { return };
        if tcp.flags.rst {
            let refused = connection.phase == Phase::SynSent;
            self.notify(id, if refused { SocketEvent::Refused } else { SocketEvent::Reset }, track);
            self.state.sockets.close(id);
            return;
        }
        match connection.phase {
            Phase::SynSent => {
                if !(tcp.flags.syn && tcp.flags.ack && tcp.ack == connection.send_next) {
                    return;
                }
                connection.receive_next = tcp.seq.wrapping_add(1);
                connection.mss = connection.mss.min(tcp.mss.unwrap_or(536));
                connection.phase = Phase::Established;
                self.tcp_acknowledged(id, tcp.ack);
                let _ = self.tcp_push(id, ACK, Body::EMPTY);
                self.notify(id, SocketEvent::Connected, track);
            }
            Phase::SynReceived if tcp.flags.syn => {
                // Our SYN-ACK was lost; its own timer repeats it.
            }
            _ => {
                let was_opening = connection.phase == Phase::SynReceived;
                if tcp.flags.ack {
                    self.tcp_acknowledged(id, tcp.ack);
                }
                if was_opening {
                    self.tcp_opened(id, track);
                }
                self.tcp_data(id, tcp, track);
            }
        }
    }

    fn tcp_opened(&mut self, id: SocketId, track: PacketRef) {
        let Some(connection) = self.tcp_connection(id) else { return };
        if !connection.unacked.is_empty() {
            return;
        }
        connection.phase = Phase::Established;
        let (_, _, from, port) = connection.tuple;
        let Some(socket) = self.state.sockets.get_mut(id) else { return };
        if let Owner::App(app) = &socket.owner {
            let answer = apps::connected(app);
            return self.tcp_answer(id, answer);
        }
        self.notify(id, SocketEvent::Accepted { socket: id, from, port }, track);
    }

    fn tcp_answer(&mut self, id: SocketId, answer: Answer) {
        if let Some(body) = answer.send {
            self.tcp_send(id, body);
        }
        if answer.close {
            self.tcp_close(id);
        }
    }

    /// Takes acknowledged segments off the queue; a closing connection may be done by it.
    fn tcp_acknowledged(&mut self, id: SocketId, ack: u32) {
        let Some(connection) = self.tcp_connection(id) else { return };
        let before = connection.unacked.len();
        while connection.unacked.front().is_some_and(|(s, _)| before_or_at(s.seq.wrapping_add(span(s)), ack)) {
            connection.unacked.pop_front();
        }
        if connection.unacked.len() == before {
            return;
        }
        connection.retries_count = 0;
        connection.generation += 1;
        if !connection.unacked.is_empty() {
            return self.tcp_arm(id);
        }
        match connection.phase {
            Phase::FinWait1 => {
                connection.phase = Phase::FinWait2;
                self.tcp_arm(id);
            }
            Phase::Closing | Phase::LastAck => {
                self.state.sockets.close(id);
            }
            _ => {}
        }
    }

    fn tcp_data(&mut self, id: SocketId, tcp: Tcp, track: PacketRef) {
        let len = tcp.body.len() as u32;
        if len == 0 && !tcp.flags.fin {
            return;
        }
        let Some(connection) = self.tcp_connection(id) else { return };
        if tcp.seq != connection.receive_next {
            // Seen before, or something before it is missing: say what is expected.
            let _ = self.tcp_push(id, ACK, Body::EMPTY);
            return;
        }
        connection.receive_next = tcp.seq.wrapping_add(len).wrapping_add(u32::from(tcp.flags.fin));
        let (_, _, from, port) = connection.tuple;
        let _ = self.tcp_push(id, ACK, Body::EMPTY);
        let app = self.state.sockets.get_mut(id).and_then(|socket| match &socket.owner {
            Owner::App(app) => Some(app.clone()),
            Owner::Process(_) | Owner::Dns(_) | Owner::Orphan => None,
        });
        if len > 0 {
            match &app {
                Some(app @ (App::Dns(_) | App::DnsPages(_))) => {
                    self.dns_stream(id, app, &tcp.body, ((from, port), tcp.dport), track);
                }
                Some(app) => {
                    let mut answer = apps::data(app, &tcp.body, (from, port));
                    if let Some(heard) = answer.heard.take() {
                        self.state.note_request(heard.by(self.now, tcp.dport, from));
                    }
                    self.tcp_answer(id, answer);
                }
                None => self.notify(id, SocketEvent::Data { body: tcp.body }, track),
            }
        }
        if tcp.flags.fin {
            self.tcp_fin(id, app.is_some(), track);
        }
    }

    fn tcp_fin(&mut self, id: SocketId, is_app: bool, track: PacketRef) {
        let Some(connection) = self.tcp_connection(id) else { return };
        match connection.phase {
            Phase::Established => {
                connection.phase = Phase::CloseWait;
                if is_app {
                    self.dns_stream_end(id);
                    self.tcp_close(id);
                } else {
                    self.notify(id, SocketEvent::PeerClosed, track);
                }
            }
            Phase::FinWait1 => connection.phase = Phase::Closing,
            Phase::FinWait2 => {
                self.notify(id, SocketEvent::PeerClosed, track);
                self.state.sockets.close(id);
            }
            _ => {}
        }
    }
}
