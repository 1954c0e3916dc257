//! What each protocol's tracker makes of a packet. Models nf_conntrack_proto_{tcp,udp,icmp,sctp}.c of Linux 6.18,
//! TCP windows left out.

use crate::net::{IpPacket, SctpChunk, Tcp, Transport};
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
        Transport::Ipip(_) => Some(CtProgress::Generic),
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
        CtProgress::Generic => 600,
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
    protocol != CtProtocol::EchoReply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Body, TcpFlags, Udp, UdpBody};
    use crate::tables::netfilter::CtTuple;

    fn packet(payload: Transport, reply: bool) -> IpPacket {
        let (a, b) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let (src, dst) = if reply { (b, a) } else { (a, b) };
        IpPacket { src, dst, ttl: 64, tos: 0, id: 0, dont_fragment: false, fragment: None, payload }
    }

    fn tcp(flags: &str, reply: bool) -> IpPacket {
        let has = |letter: char| flags.contains(letter);
        let flags = TcpFlags { syn: has('S'), ack: has('A'), fin: has('F'), rst: has('R'), psh: false };
        let (sport, dport) = if reply { (80, 1_000) } else { (1_000, 80) };
        let body = Body::EMPTY;
        packet(Transport::Tcp(Tcp { sport, dport, seq: 0, ack: 0, flags, window: 0, mss: None, body }), reply)
    }

    fn connection(packet: &IpPacket) -> Connection {
        let original = CtTuple::of(packet).unwrap();
        Connection {
            id: 1,
            original,
            reply: original.inverse(),
            state: begin(packet, 0).unwrap(),
            seen_reply: false,
            assured: false,
            snat: false,
            dnat: false,
            snat_done: false,
            dnat_done: false,
            confirmed: true,
            expires_at: 0,
        }
    }

    /// The states after these segments, `<` before those that come back.
    fn states(segments: &str) -> Vec<(TcpState, Effect)> {
        let mut segments = segments.split(' ');
        let first = tcp(segments.next().unwrap(), false);
        let mut entry = connection(&first);
        let mut states = Vec::new();
        for segment in segments {
            let reply = segment.starts_with('<');
            let effect = see(&mut entry, &tcp(segment, reply), reply, 0);
            entry.seen_reply |= reply;
            let CtProgress::Tcp(state) = entry.state else { panic!() };
            states.push((state, effect));
        }
        states
    }

    #[test]
    fn a_connection_s_life() {
        let told: Vec<TcpState> = states("S <SA A <A FA <A <FA A").into_iter().map(|(state, _)| state).collect();
        use TcpState::{CloseWait, Established, FinWait, LastAck, SynRecv, TimeWait};
        assert_eq!(told, [SynRecv, Established, Established, FinWait, CloseWait, LastAck, TimeWait]);
    }

    #[test]
    fn resets_strays_and_second_lives() {
        assert_eq!(states("S <R"), [(TcpState::SynSent, Effect::Kill)], "refused: forgotten at once");
        assert_eq!(states("S <SA A R").last(), Some(&(TcpState::Close, Effect::Part)));
        assert_eq!(states("S <SA A R S").last(), Some(&(TcpState::Close, Effect::Renew)));
        assert_eq!(states("S A"), [(TcpState::SynSent, Effect::Invalid)]);
        assert_eq!(states("S <SA A S").last(), Some(&(TcpState::Established, Effect::Part)), "ignored");
        assert_eq!(begin(&tcp("A", false), 0), Some(CtProgress::Tcp(TcpState::Established)), "picked up in the middle");
        assert_eq!(begin(&tcp("SA", false), 0), None);
        assert_eq!(begin(&tcp("R", false), 0), None);
    }

    #[test]
    fn timeouts_follow_the_sysctls() {
        let set = ConntrackSysctls { tcp_established: 86_400, ..ConntrackSysctls::default() };
        let mut entry = connection(&tcp("S", false));
        assert_eq!(timeout(&entry, 0, &set), 120 * SECOND);
        entry.state = CtProgress::Tcp(TcpState::Established);
        assert_eq!(timeout(&entry, 0, &set), 300 * SECOND, "one-sided");
        entry.seen_reply = true;
        assert_eq!(timeout(&entry, 0, &set), 86_400 * SECOND);
        let datagram = |reply| {
            let (sport, dport) = if reply { (53, 1_000) } else { (1_000, 53) };
            packet(Transport::Udp(Udp { sport, dport, body: UdpBody::Data(Body::EMPTY) }), reply)
        };
        let mut entry = connection(&datagram(false));
        assert_eq!(timeout(&entry, 0, &set), 30 * SECOND);
        see(&mut entry, &datagram(true), true, SECOND);
        entry.seen_reply = true;
        assert_eq!((entry.assured, timeout(&entry, SECOND, &set)), (false, 30 * SECOND), "a question and its answer");
        see(&mut entry, &datagram(false), false, 3 * SECOND);
        assert_eq!((entry.assured, timeout(&entry, 3 * SECOND, &set)), (true, 120 * SECOND));
    }
}
