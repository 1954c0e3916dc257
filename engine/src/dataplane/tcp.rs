//! TCP as far as it shows: handshake, data, acknowledgement, FIN, RST, retransmission.
//!
//! Models net/ipv4/tcp_input.c and tcp_timer.c of Linux 6.18 for small exchanges: in-order segments, no windows to
//! fill, no delayed ACKs, no SACK, and TIME_WAIT is left at once.

use super::apps::{self, Answer};
use super::process::{ProcessId, follows};
use super::random;
use super::skb::{Skb, Timer};
use super::socket::{Kind, Owner, Socket, SocketEvent, SocketId, Tuple};
use super::udp::{SendOptions, listener};
use super::walk::{SendError, Walk};
use crate::net::{Body, IpPacket, Protocol, Tcp, TcpFlags, Transport};
use crate::tables::LinkIndex;
use crate::trace::{CauseTable, Disposition, DropReason, FlowId, Nanos, PacketId, PacketRef, Relation, Stage, Verdict};
use std::collections::VecDeque;
use std::net::IpAddr;

const SECOND: Nanos = 1_000_000_000;
/// Seconds between SYNs: `tcp_syn_linear_timeouts` 4, then doubling, `tcp_syn_retries` 6; as measured on Linux 6.18
/// they go out at 1, 2, 3, 4, 5, 7, 11, 19, 35 and 68 s.
const SYN_WAITS: [u64; 11] = [1, 1, 1, 1, 1, 2, 4, 8, 16, 33, 64];
/// `tcp_synack_retries` 5
const SYN_ACK_WAITS: [u64; 6] = [1, 2, 4, 8, 16, 32];
/// `TCP_RTO_MIN`, doubled every time.
const RTO: Nanos = 200_000_000;
/// `tcp_retries2`
const RETRIES_MAX: u32 = 15;
/// Most bytes that one call sends.
const SEND_MAX: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    Closing,
    CloseWait,
    LastAck,
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub tuple: Tuple,
    phase: Phase,
    send_next: u32,
    receive_next: u32,
    mss: u16,
    options: SendOptions,
    /// Sent and not acknowledged, oldest first, with the packet that carried it.
    unacked: VecDeque<(Tcp, PacketId)>,
    retries_count: u32,
    /// Tells a timer that has been overtaken.
    generation: u32,
}

impl Connection {
    pub fn is_opening(&self) -> bool {
        matches!(self.phase, Phase::SynSent | Phase::SynReceived)
    }

    fn segment(&self, flags: TcpFlags, body: Body) -> Tcp {
        let (_, sport, _, dport) = self.tuple;
        let mss = flags.syn.then_some(self.mss);
        let ack = if flags.ack { self.receive_next } else { 0 };
        Tcp { sport, dport, seq: self.send_next, ack, flags, window: 64_240, mss, body }
    }
}

const ACK: TcpFlags = TcpFlags { syn: false, ack: true, fin: false, rst: false, psh: false };

/// The sequence numbers that a segment uses up.
fn span(tcp: &Tcp) -> u32 {
    tcp.body.len() as u32 + u32::from(tcp.flags.syn) + u32::from(tcp.flags.fin)
}

/// `a` is before or at `b` in sequence space.
fn before_or_at(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) < 1 << 31
}

impl Walk<'_> {
    /// The MSS that a connection by this route announces: the device's MTU less both headers.
    fn mss_towards(&self, dst: IpAddr) -> u16 {
        let dev = super::ip::route(&self.netns, dst).map(|r| r.route);
        let local = dev.is_some_and(|route| route.kind == crate::tables::RouteKind::Local);
        let dev = dev.map_or(LinkIndex::LO, |route| if local { LinkIndex::LO } else { route.dev });
        let mtu = self.netns.link(dev).map_or(1500, |link| link.mtu);
        let headers = if dst.is_ipv4() { 40 } else { 60 };
        mtu.saturating_sub(headers).clamp(536, 65_495) as u16
    }

    fn initial_sequence(&self, (src, sport, dst, dport): Tuple) -> u32 {
        random::flow_bits(self.seed ^ 0x5eed, src, dst, sport, dport) as u32
    }

    pub(super) fn tcp_connect(
        &mut self,
        process: ProcessId,
        flow: FlowId,
        (dst, dport): (IpAddr, u16),
        options: SendOptions,
    ) -> Result<SocketId, SendError> {
        let netns = self.netns.clone();
        let src = super::ip::route(&netns, dst).and_then(|r| super::ip::source_for(&netns, r.route, dst));
        let src = src.unwrap_or(super::icmp::unspecified_like(dst));
        let tuple = (src, self.ephemeral_port(), dst, dport);
        let connection = self.connection(tuple, Phase::SynSent, 0, options);
        let kind = Kind::Tcp(Box::new(connection));
        let socket = Socket { owner: Owner::Process(process), flow, last: None, kind };
        let id = self.state.sockets.open(socket).ok_or(SendError::Invalid)?;
        let sent = self.tcp_push(id, TcpFlags { syn: true, ..TcpFlags::default() }, Body::EMPTY);
        sent.map(|()| id).inspect_err(|_| {
            self.state.sockets.close(id);
        })
    }

    fn connection(&self, tuple: Tuple, phase: Phase, receive_next: u32, options: SendOptions) -> Connection {
        Connection {
            tuple,
            phase,
            send_next: self.initial_sequence(tuple),
            receive_next,
            mss: self.mss_towards(tuple.2),
            options,
            unacked: VecDeque::new(),
            retries_count: 0,
            generation: 0,
        }
    }

    /// Sends a segment that uses sequence numbers (it will be repeated until acknowledged) or a bare ACK.
    fn tcp_push(&mut self, id: SocketId, flags: TcpFlags, body: Body) -> Result<(), SendError> {
        let Some(socket) = self.state.sockets.get_mut(id) else { return Ok(()) };
        let (flow, parent) = (socket.flow, follows(socket));
        let Kind::Tcp(connection) = &mut socket.kind else { return Ok(()) };
        let segment = connection.segment(flags, body);
        connection.send_next = connection.send_next.wrapping_add(span(&segment));
        let (src, dst, options) = (connection.tuple.0, connection.tuple.2, connection.options);
        let first_unacked = connection.unacked.is_empty();
        let sent = self.tcp_packet(src, dst, options, segment.clone(), flow, parent);
        let packet = match sent {
            Ok(sent) => sent.packet,
            Err(error) if flags.syn => return Err(error),
            // Like any lost segment: the timer sends it again.
            Err(_) => PacketId(u32::MAX),
        };
        self.sent(id, packet);
        if span(&segment) > 0 {
            if let Some(connection) = self.tcp_connection(id) {
                connection.unacked.push_back((segment, packet));
            }
            if first_unacked {
                self.tcp_arm(id);
            }
        }
        Ok(())
    }

    fn tcp_packet(
        &mut self,
        src: IpAddr,
        dst: IpAddr,
        options: SendOptions,
        segment: Tcp,
        flow: FlowId,
        parent: Option<(PacketId, Relation)>,
    ) -> Result<PacketRef, SendError> {
        let mut packet = options.packet(self, dst, Transport::Tcp(segment));
        packet.src = src;
        packet.dont_fragment = true;
        self.send(packet, flow, parent)
    }

    fn tcp_connection(&mut self, id: SocketId) -> Option<&mut Connection> {
        match &mut self.state.sockets.get_mut(id)?.kind {
            Kind::Tcp(connection) => Some(connection),
            _ => None,
        }
    }

    /// Sets the timer for the oldest unacknowledged segment.
    fn tcp_arm(&mut self, id: SocketId) {
        let Some(connection) = self.tcp_connection(id) else { return };
        connection.generation += 1;
        let tries = connection.retries_count as usize;
        let wait = match connection.phase {
            Phase::SynSent => SYN_WAITS.get(tries).map(|s| s * SECOND),
            Phase::SynReceived => SYN_ACK_WAITS.get(tries).map(|s| s * SECOND),
            _ => Some(RTO << tries.min(9)),
        };
        let generation = connection.generation;
        if let Some(wait) = wait {
            self.set_timer(wait, Timer::Retransmit { socket: id, generation });
        }
    }

    pub(super) fn retransmit_timer(&mut self, id: SocketId, generation: u32) {
        let Some(socket) = self.state.sockets.get_mut(id) else { return };
        let flow = socket.flow;
        let Kind::Tcp(connection) = &mut socket.kind else { return self.sctp_timer(id, generation) };
        if connection.generation != generation {
            return;
        }
        let Some((segment, packet)) = connection.unacked.front().cloned() else { return };
        connection.retries_count += 1;
        let tries = connection.retries_count;
        let over = match connection.phase {
            Phase::SynSent => tries as usize >= SYN_WAITS.len(),
            Phase::SynReceived => tries as usize >= SYN_ACK_WAITS.len(),
            _ => tries > RETRIES_MAX,
        };
        if over {
            let track = PacketRef { flow, packet };
            self.notify(id, SocketEvent::TimedOut, track);
            self.state.sockets.close(id);
            return;
        }
        let (src, dst, options) = (connection.tuple.0, connection.tuple.2, connection.options);
        let _ = self.tcp_packet(src, dst, options, segment, flow, Some((packet, Relation::Retransmits)));
        self.tcp_arm(id);
    }

    pub(super) fn tcp_send(&mut self, id: SocketId, body: Body) -> bool {
        let Some(connection) = self.tcp_connection(id) else { return false };
        if !matches!(connection.phase, Phase::Established | Phase::CloseWait) || body.len() > SEND_MAX {
            return false;
        }
        let mss = usize::from(connection.mss.max(1));
        for (start, last) in (0..body.len()).step_by(mss).map(|start| (start, start + mss >= body.len())) {
            let piece = match &body {
                Body::Pattern(len) => Body::Pattern((*len as usize - start).min(mss) as u32),
                Body::Bytes(bytes) => Body::Bytes(bytes[start..bytes.len().min(start + mss)].into()),
            };
            let _ = self.tcp_push(id, TcpFlags { psh: last, ..ACK }, piece);
        }
        true
    }

    pub(super) fn tcp_close(&mut self, id: SocketId) {
        let Some(connection) = self.tcp_connection(id) else { return };
        connection.phase = match connection.phase {
            Phase::Established => Phase::FinWait1,
            Phase::CloseWait => Phase::LastAck,
            Phase::SynSent | Phase::SynReceived => {
                self.state.sockets.close(id);
                return;
            }
            _ => return,
        };
        let _ = self.tcp_push(id, TcpFlags { fin: true, ..ACK }, Body::EMPTY);
    }

    pub(super) fn tcp_receive(&mut self, link: LinkIndex, skb: Skb) {
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
            Phase::FinWait1 => connection.phase = Phase::FinWait2,
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
            Owner::Process(_) => None,
        });
        if len > 0 {
            match &app {
                Some(app) => {
                    let answer = apps::data(app, &tcp.body, (from, port));
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
