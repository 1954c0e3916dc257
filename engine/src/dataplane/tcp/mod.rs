//! TCP as far as it shows: handshake, data, acknowledgement, FIN, RST, retransmission.
//!
//! Models net/ipv4/tcp_input.c and tcp_timer.c of Linux 6.18 for small exchanges: in-order segments, no windows to
//! fill, no delayed ACKs, no SACK, and TIME_WAIT is left at once.

mod input;

use super::process::{ProcessId, follows};
use super::random;
use super::skb::Timer;
use super::socket::{Kind, Owner, Socket, SocketEvent, SocketId, Tuple};
use super::udp::SendOptions;
use super::walk::{SendError, Walk};
use crate::net::{Body, Tcp, TcpFlags, Transport};
use crate::tables::LinkIndex;
use crate::trace::{FlowId, Nanos, PacketId, PacketRef, Relation};
use std::collections::VecDeque;
use std::net::IpAddr;

const SECOND: Nanos = 1_000_000_000;
/// Seconds between SYNs: `tcp_syn_linear_timeouts` 4, then doubling, `tcp_syn_retries` 6; as measured on Linux 6.18
/// they go out at 1, 2, 3, 4, 5, 7, 11, 19, 35 and 68 s.
const SYN_WAITS: [u64; 11] = [1, 1, 1, 1, 1, 2, 4, 8, 16, 33, 64];
/// `tcp_synack_retries` 5
const SYN_ACK_WAITS: [u64; 6] = [1, 2, 4, 8, 16, 32];
/// `net.ipv4.tcp_fin_timeout`
const FIN_TIMEOUT: Nanos = 60 * SECOND;
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

    /// It has said its FIN, and the kernel does the rest.
    pub fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::FinWait1 | Phase::FinWait2 | Phase::Closing | Phase::LastAck)
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
        let most = dev.and_then(|route| route.mtu).unwrap_or(u32::MAX);
        let dev = dev.map_or(LinkIndex::LO, |route| if local { LinkIndex::LO } else { route.dev });
        let mtu = self.netns.link(dev).map_or(1500, |link| link.mtu).min(most);
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
        to: (IpAddr, u16),
        options: SendOptions,
    ) -> Result<SocketId, SendError> {
        self.tcp_connect_as(Owner::Process(process), flow, to, options)
    }

    pub(super) fn tcp_connect_as(
        &mut self,
        owner: Owner,
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
        let socket = Socket { owner, flow, last: None, kind };
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
            Err(error) if flags.syn && error != SendError::Denied => return Err(error),
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
            Phase::FinWait2 => Some(FIN_TIMEOUT),
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
        if connection.phase == Phase::FinWait2 {
            match socket.owner {
                Owner::Orphan => drop(self.state.sockets.close(id)),
                _ => self.tcp_arm(id),
            }
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
}
