//! What each protocol's tracker makes of a packet. Models nf_conntrack_proto_{tcp,udp,icmp,sctp}.c of Linux 6.18,
//! TCP windows left out.

use crate::net::{IpPacket, Protocol, SctpChunk, Tcp, Transport};
use crate::tables::ConntrackSysctls;
use crate::tables::netfilter::{Connection, CtProgress, CtProtocol, SctpState, TcpState};
use crate::trace::Nanos;

const SECOND: Nanos = 1_000_000_000;

/// What a packet does to a connection that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It belongs to it.
    Part,
    /// It makes no sense there: INVALID.
    Invalid,
    /// The connection is over, and this packet is still part of it.
    Kill,
    /// The connection is over, and this packet begins another.
    Renew,
}

/// A new connection's first state; None: no connection begins like this.
pub(super) fn begin(packet: &IpPacket, now: Nanos) -> Option<CtProgress> {
    match &packet.payload {
        Transport::Tcp(tcp) => match tcp_next(tcp, TcpState::None, false) {
            Next::State(state) => Some(CtProgress::Tcp(state)),
            Next::Ignore | Next::Invalid => None,
        },
        Transport::Udp(_) => Some(CtProgress::Udp { stream_from: now + 2 * SECOND }),
        Transport::Sctp(sctp) => match sctp.chunk {
            SctpChunk::Init { .. } => Some(CtProgress::Sctp(SctpState::CookieWait)),
            _ => None,
        },
        Transport::Icmp(_) => Some(CtProgress::Icmp),
    }
}

/// Lets a connection see one of its packets.
pub(super) fn see(entry: &mut Connection, packet: &IpPacket, reply: bool, now: Nanos) -> Effect {
    match (&packet.payload, entry.state) {
        (Transport::Tcp(tcp), CtProgress::Tcp(state)) => see_tcp(entry, tcp, state, reply),
        (Transport::Sctp(sctp), CtProgress::Sctp(state)) => match sctp_next(&sctp.chunk, state, reply) {
            Some(next) => {
                entry.assured |= state == SctpState::CookieEchoed && next == SctpState::Established;
                entry.state = CtProgress::Sctp(next);
                Effect::Part
            }
            None => Effect::Invalid,
        },
        (_, CtProgress::Udp { stream_from }) => {
            entry.assured |= entry.seen_reply && now > stream_from;
            Effect::Part
        }
        _ => Effect::Part,
    }
}

/// How long a connection is kept from now on, if nothing more comes.
pub(super) fn timeout(entry: &Connection, now: Nanos, set: &ConntrackSysctls) -> Nanos {
    let seconds = match entry.state {
        CtProgress::Tcp(state) => match state {
            TcpState::Established if !entry.seen_reply => 300,
            TcpState::Established => set.tcp_established,
            TcpState::CloseWait => set.tcp_close_wait,
            TcpState::SynRecv => 60,
            TcpState::LastAck => 30,
            TcpState::Close | TcpState::None => 10,
            TcpState::SynSent | TcpState::FinWait | TcpState::TimeWait | TcpState::SynSent2 => 120,
        },
        CtProgress::Sctp(state) => match state {
            SctpState::Closed => 10,
            SctpState::Established => 210,
            _ => 3,
        },
        CtProgress::Udp { stream_from } if entry.seen_reply && now > stream_from => set.udp_stream,
        CtProgress::Udp { .. } => set.udp,
        CtProgress::Icmp => set.icmp,
    };
    Nanos::from(seconds) * SECOND
}

enum Next {
    State(TcpState),
    /// Let through; says nothing.
    Ignore,
    Invalid,
}

fn see_tcp(entry: &mut Connection, tcp: &Tcp, state: TcpState, reply: bool) -> Effect {
    let next = match tcp_next(tcp, state, reply) {
        Next::Invalid => return Effect::Invalid,
        Next::Ignore => return Effect::Part,
        Next::State(next) => next,
    };
    if next == TcpState::SynSent && matches!(state, TcpState::TimeWait | TcpState::Close) {
        return Effect::Renew;
    }
    if tcp.flags.rst && reply && !entry.seen_reply {
        return Effect::Kill;
    }
    entry.assured |= next == TcpState::Established && matches!(state, TcpState::SynRecv | TcpState::Established);
    entry.state = CtProgress::Tcp(next);
    Effect::Part
}

/// tcp_conntracks: the state after a segment.
fn tcp_next(tcp: &Tcp, state: TcpState, reply: bool) -> Next {
    use TcpState::{Close, CloseWait, Established, FinWait, LastAck, None, SynRecv, SynSent, SynSent2, TimeWait};
    let flags = tcp.flags;
    if flags.rst {
        return if state == None { Next::Invalid } else { Next::State(Close) };
    }
    if flags.syn && flags.ack {
        return match (reply, state) {
            (false, SynRecv | SynSent2) | (true, SynSent | SynSent2) => Next::State(SynRecv),
            (false, _) | (true, None) => Next::Invalid,
            (true, _) => Next::Ignore,
        };
    }
    if flags.syn {
        return match (reply, state) {
            (false, None | SynSent | TimeWait | Close) | (true, TimeWait) => Next::State(SynSent),
            (false, SynSent2) | (true, SynSent | SynSent2) => Next::State(SynSent2),
            (false, _) => Next::Ignore,
            (true, _) => Next::Invalid,
        };
    }
    if flags.fin {
        return match state {
            SynRecv | Established => Next::State(FinWait),
            FinWait | CloseWait | LastAck => Next::State(LastAck),
            TimeWait => Next::State(TimeWait),
            Close => Next::State(Close),
            None | SynSent | SynSent2 => Next::Invalid,
        };
    }
    if !flags.ack {
        return Next::Invalid;
    }
    match (reply, state) {
        (false, None | SynRecv) | (_, Established) => Next::State(Established),
        (true, SynRecv) => Next::State(SynRecv),
        (true, SynSent | SynSent2) => Next::Ignore,
        (_, FinWait | CloseWait) => Next::State(CloseWait),
        (_, LastAck | TimeWait) => Next::State(TimeWait),
        (_, Close) => Next::State(Close),
        (true, None) | (false, SynSent | SynSent2) => Next::Invalid,
    }
}

/// sctp_conntracks: the state after a chunk. None: it makes no sense there.
fn sctp_next(chunk: &SctpChunk, state: SctpState, reply: bool) -> Option<SctpState> {
    use SctpState::{Closed, CookieEchoed, CookieWait, Established, ShutdownAckSent, ShutdownReceived, ShutdownSent};
    Some(match (chunk, reply) {
        (SctpChunk::Init { .. }, false) if matches!(state, Closed | CookieWait) => CookieWait,
        (SctpChunk::Init { .. }, _) => state,
        (SctpChunk::InitAck { .. }, true) if state == CookieWait => CookieWait,
        (SctpChunk::InitAck { .. }, true) => state,
        (SctpChunk::InitAck { .. }, false) => Closed,
        (SctpChunk::CookieEcho, false) if state == CookieWait => CookieEchoed,
        (SctpChunk::CookieAck, true) if state == CookieEchoed => Established,
        (SctpChunk::Shutdown { .. }, false) if state == Established => ShutdownSent,
        (SctpChunk::Shutdown { .. }, true) if state == Established => ShutdownReceived,
        (SctpChunk::ShutdownAck, _) if matches!(state, ShutdownSent | ShutdownReceived) => ShutdownAckSent,
        (SctpChunk::ShutdownComplete, _) if state == ShutdownAckSent => Closed,
        (SctpChunk::Abort, _) => Closed,
        _ => state,
    })
}

/// Whether a first packet of this protocol may open a connection at all: an echo reply answers one.
pub(super) fn opens(protocol: CtProtocol) -> bool {
    matches!(protocol, CtProtocol::Transport(Protocol::Tcp | Protocol::Udp | Protocol::Sctp) | CtProtocol::EchoRequest)
}
