//! SCTP as far as it shows: the four-way start, data, shutdown, ABORT (RFC 9260), one chunk a packet.

use super::apps;
use super::process::{ProcessId, follows};
use super::random;
use super::skb::{Skb, Timer};
use super::socket::{Kind, Owner, Socket, SocketEvent, SocketId, Tuple};
use super::udp::{SendOptions, listener};
use super::walk::{SendError, Walk};
use crate::net::{Body, IpPacket, Protocol, Sctp, SctpChunk, Transport};
use crate::tables::LinkIndex;
use crate::trace::{CauseTable, Disposition, DropReason, FlowId, Nanos, PacketId, PacketRef, Relation, Stage, Verdict};
use std::net::IpAddr;

/// `rto_initial` 3 s, doubled up to `rto_max` 60 s.
const RTO_INITIAL: Nanos = 3_000_000_000;
const RTO_MAX: Nanos = 60_000_000_000;
/// `max_init_retransmits`, `association_max_retrans` is 10.
const RETRIES_MAX: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    CookieWait,
    CookieEchoed,
    Established,
    ShutdownSent,
    ShutdownAckSent,
}

/// One end of an association.
#[derive(Clone, Debug)]
pub(super) struct Association {
    pub tuple: Tuple,
    phase: Phase,
    /// The tag that the peer expects, and ours.
    peer_tag: u32,
    tag: u32,
    next_tsn: u32,
    peer_tsn: u32,
    /// The chunk that must be answered, and the packet that carried it.
    pending: Option<(SctpChunk, PacketId)>,
    retries_count: u32,
    generation: u32,
}

impl Association {
    pub fn is_opening(&self) -> bool {
        matches!(self.phase, Phase::CookieWait | Phase::CookieEchoed)
    }
}

impl Walk<'_> {
    pub(super) fn sctp_connect(
        &mut self,
        process: ProcessId,
        flow: FlowId,
        (dst, dport): (IpAddr, u16),
    ) -> Result<SocketId, SendError> {
        let netns = self.netns.clone();
        let src = super::ip::route(&netns, dst).and_then(|r| super::ip::source_for(&netns, r.route, dst));
        let tuple = (src.unwrap_or(super::icmp::unspecified_like(dst)), self.ephemeral_port(), dst, dport);
        let association = self.association(tuple, Phase::CookieWait, 0, 0);
        let init = SctpChunk::Init { tag: association.tag, tsn: association.next_tsn };
        let kind = Kind::Sctp(Box::new(association));
        let socket = Socket { owner: Owner::Process(process), flow, last: None, kind };
        let id = self.state.sockets.open(socket).ok_or(SendError::Invalid)?;
        self.sctp_push(id, init, true).map(|()| id).inspect_err(|_| {
            self.state.sockets.close(id);
        })
    }

    fn association(&self, tuple: Tuple, phase: Phase, peer_tag: u32, peer_tsn: u32) -> Association {
        let (src, sport, dst, dport) = tuple;
        let bits = random::flow_bits(self.seed ^ 0x5c79, src, dst, sport, dport);
        Association {
            tuple,
            phase,
            peer_tag,
            tag: (bits >> 32) as u32 | 1,
            next_tsn: bits as u32,
            peer_tsn,
            pending: None,
            retries_count: 0,
            generation: 0,
        }
    }

    fn sctp_association(&mut self, id: SocketId) -> Option<&mut Association> {
        match &mut self.state.sockets.get_mut(id)?.kind {
            Kind::Sctp(association) => Some(association),
            _ => None,
        }
    }

    /// Sends a chunk; one that must be answered is repeated until it is.
    fn sctp_push(&mut self, id: SocketId, chunk: SctpChunk, needs_answer: bool) -> Result<(), SendError> {
        let Some(socket) = self.state.sockets.get_mut(id) else { return Ok(()) };
        let (flow, parent) = (socket.flow, follows(socket));
        let Kind::Sctp(association) = &socket.kind else { return Ok(()) };
        let (tuple, tag) = (association.tuple, association.peer_tag);
        let opening = matches!(chunk, SctpChunk::Init { .. });
        let packet = match self.sctp_packet(tuple, tag, chunk.clone(), flow, parent) {
            Ok(sent) => sent.packet,
            Err(error) if opening && error != SendError::Denied => return Err(error),
            Err(_) => PacketId(u32::MAX),
        };
        self.sent(id, packet);
        if needs_answer {
            if let Some(association) = self.sctp_association(id) {
                association.pending = Some((chunk, packet));
                association.retries_count = 0;
            }
            self.sctp_arm(id);
        }
        Ok(())
    }

    fn sctp_packet(
        &mut self,
        (src, sport, dst, dport): Tuple,
        tag: u32,
        chunk: SctpChunk,
        flow: FlowId,
        parent: Option<(PacketId, Relation)>,
    ) -> Result<PacketRef, SendError> {
        let mut packet = SendOptions::default().packet(self, dst, Transport::Sctp(Sctp { sport, dport, tag, chunk }));
        packet.src = src;
        packet.dont_fragment = true;
        self.send(packet, flow, parent)
    }

    fn sctp_arm(&mut self, id: SocketId) {
        let Some(association) = self.sctp_association(id) else { return };
        association.generation += 1;
        let wait = (RTO_INITIAL << association.retries_count.min(8)).min(RTO_MAX);
        let generation = association.generation;
        self.set_timer(wait, Timer::Retransmit { socket: id, generation });
    }

    pub(super) fn sctp_timer(&mut self, id: SocketId, generation: u32) {
        let Some(socket) = self.state.sockets.get_mut(id) else { return };
        let flow = socket.flow;
        let Kind::Sctp(association) = &mut socket.kind else { return };
        if association.generation != generation {
            return;
        }
        let Some((chunk, packet)) = association.pending.clone() else { return };
        association.retries_count += 1;
        if association.retries_count > RETRIES_MAX {
            self.notify(id, SocketEvent::TimedOut, PacketRef { flow, packet });
            self.state.sockets.close(id);
            return;
        }
        let (tuple, tag) = (association.tuple, association.peer_tag);
        let _ = self.sctp_packet(tuple, tag, chunk, flow, Some((packet, Relation::Retransmits)));
        self.sctp_arm(id);
    }

    pub(super) fn sctp_send(&mut self, id: SocketId, body: Body) -> bool {
        let Some(association) = self.sctp_association(id) else { return false };
        if association.phase != Phase::Established {
            return false;
        }
        let tsn = association.next_tsn;
        association.next_tsn = tsn.wrapping_add(1);
        self.sctp_push(id, SctpChunk::Data { tsn, body }, true).is_ok()
    }

    pub(super) fn sctp_close(&mut self, id: SocketId) {
        let Some(association) = self.sctp_association(id) else { return };
        if association.phase == Phase::Established {
            association.phase = Phase::ShutdownSent;
            let tsn = association.peer_tsn;
            let _ = self.sctp_push(id, SctpChunk::Shutdown { tsn }, true);
        } else if association.is_opening() {
            self.state.sockets.close(id);
        }
    }

    pub(super) fn sctp_receive(&mut self, link: LinkIndex, skb: Skb) {
        let Some(IpPacket { src, dst, payload: Transport::Sctp(sctp), .. }) = skb.ip() else { return };
        let (src, dst, sctp) = (*src, *dst, sctp.clone());
        let tuple = (dst, sctp.dport, src, sctp.sport);
        if let Some(id) = self.state.sockets.connection(Protocol::Sctp, tuple) {
            self.accept(&skb, Some(link), None);
            return self.sctp_chunk(id, sctp.chunk, skb.track);
        }
        if let SctpChunk::Init { tag, tsn } = sctp.chunk {
            let netns = self.netns.clone();
            if let Some(row) = listener(&netns, Protocol::Sctp, dst, sctp.dport) {
                self.accept(&skb, Some(link), Some(CauseTable::Listener(row)));
                let owner = Owner::App(netns.listeners[row as usize].app.clone());
                return self.sctp_open_passive(tuple, (tag, tsn), owner, skb.track);
            }
            if let Some(listening) = self.state.sockets.listening(Protocol::Sctp, sctp.dport) {
                self.accept(&skb, Some(link), None);
                let owner = self.state.sockets.get_mut(listening).map(|socket| socket.owner.clone());
                return owner.into_iter().for_each(|owner| self.sctp_open_passive(tuple, (tag, tsn), owner, skb.track));
            }
        }
        self.step(&skb, Stage::Deliver, Some(link), Verdict::Drop(DropReason::NoSocket), None);
        self.recorder.finish(skb.track, Disposition::Dropped(DropReason::NoSocket));
        if !matches!(sctp.chunk, SctpChunk::Abort | SctpChunk::ShutdownComplete) {
            let tag = if let SctpChunk::Init { tag, .. } = sctp.chunk { tag } else { sctp.tag };
            let parent = Some((skb.track.packet, Relation::Answers));
            let _ = self.sctp_packet(tuple, tag, SctpChunk::Abort, skb.track.flow, parent);
        }
    }

    fn sctp_open_passive(&mut self, tuple: Tuple, (tag, tsn): (u32, u32), owner: Owner, track: PacketRef) {
        let association = self.association(tuple, Phase::CookieWait, tag, tsn);
        let answer = SctpChunk::InitAck { tag: association.tag, tsn: association.next_tsn };
        let kind = Kind::Sctp(Box::new(association));
        let socket = Socket { owner, flow: track.flow, last: Some(track.packet), kind };
        if let Some(id) = self.state.sockets.open(socket) {
            let _ = self.sctp_push(id, answer, false);
        }
    }

    fn sctp_chunk(&mut self, id: SocketId, chunk: SctpChunk, track: PacketRef) {
        if let Some(socket) = self.state.sockets.get_mut(id) {
            socket.last = Some(track.packet);
        }
        let Some(association) = self.sctp_association(id) else { return };
        match chunk {
            SctpChunk::InitAck { tag, tsn } if association.phase == Phase::CookieWait => {
                association.peer_tag = tag;
                association.peer_tsn = tsn;
                association.phase = Phase::CookieEchoed;
                let _ = self.sctp_push(id, SctpChunk::CookieEcho, true);
            }
            SctpChunk::CookieEcho => {
                association.phase = Phase::Established;
                let (_, _, from, port) = association.tuple;
                let _ = self.sctp_push(id, SctpChunk::CookieAck, false);
                match self.sctp_app(id) {
                    Some(app) => self.sctp_answer(id, apps::connected(&app)),
                    None => self.notify(id, SocketEvent::Accepted { socket: id, from, port }, track),
                }
            }
            SctpChunk::CookieAck if association.phase == Phase::CookieEchoed => {
                association.phase = Phase::Established;
                association.pending = None;
                self.notify(id, SocketEvent::Connected, track);
            }
            SctpChunk::Data { tsn, body } => {
                association.peer_tsn = tsn;
                let (_, _, from, port) = association.tuple;
                let _ = self.sctp_push(id, SctpChunk::Sack { tsn }, false);
                match self.sctp_app(id) {
                    Some(app) => self.sctp_answer(id, apps::data(&app, &body, (from, port))),
                    None => self.notify(id, SocketEvent::Data { body }, track),
                }
            }
            SctpChunk::Sack { .. } => association.pending = None,
            SctpChunk::Shutdown { .. } => {
                association.phase = Phase::ShutdownAckSent;
                let _ = self.sctp_push(id, SctpChunk::ShutdownAck, true);
                self.notify(id, SocketEvent::PeerClosed, track);
            }
            SctpChunk::ShutdownAck => {
                let _ = self.sctp_push(id, SctpChunk::ShutdownComplete, false);
                self.notify(id, SocketEvent::PeerClosed, track);
                self.state.sockets.close(id);
            }
            SctpChunk::ShutdownComplete => {
                self.state.sockets.close(id);
            }
            SctpChunk::Abort => {
                let refused = association.is_opening();
                self.notify(id, if refused { SocketEvent::Refused } else { SocketEvent::Reset }, track);
                self.state.sockets.close(id);
            }
            SctpChunk::Init { .. } | SctpChunk::InitAck { .. } | SctpChunk::CookieAck => {}
        }
    }

    fn sctp_app(&mut self, id: SocketId) -> Option<crate::tables::App> {
        match &self.state.sockets.get_mut(id)?.owner {
            Owner::App(app) => Some(app.clone()),
            Owner::Process(_) | Owner::Dns(_) | Owner::Orphan => None,
        }
    }

    fn sctp_answer(&mut self, id: SocketId, answer: apps::Answer) {
        if let Some(body) = answer.send {
            self.sctp_send(id, body);
        }
        if answer.close {
            self.sctp_close(id);
        }
    }
}
