//! What a packet does to the state of an IPVS connection. Models ip_vs_proto_{tcp,udp,sctp}.c of Linux 6.18 as
//! masquerading has it: both directions are seen, and clients begin.

use crate::net::{IpPacket, SctpChunk, Tcp, Transport};
use crate::tables::ipvs::{IpvsConnection, IpvsSctp, IpvsState, IpvsTcp, IpvsTimeouts};

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the client.
    In,
    /// From the real server.
    Out,
}

/// The state of a connection before its first packet is seen.
pub(super) fn begin(packet: &IpPacket) -> IpvsState {
    match packet.payload {
        Transport::Tcp(_) => IpvsState::Tcp(IpvsTcp::None),
        Transport::Sctp(_) => IpvsState::Sctp(IpvsSctp::None),
        Transport::Udp(_) | Transport::Icmp(_) | Transport::Ipip(_) => IpvsState::Udp,
    }
}

/// Whether a packet begins a connection anew (is_new_conn).
pub(super) fn begins(packet: &IpPacket) -> bool {
    match &packet.payload {
        Transport::Tcp(tcp) => tcp.flags.syn,
        Transport::Sctp(sctp) => matches!(sctp.chunk, SctpChunk::Init { .. }),
        _ => false,
    }
}

/// Whether a connection is over, so that its addresses may begin another (is_new_conn_expected, conn_reuse_mode 1).
pub(super) fn is_over(entry: &IpvsConnection) -> bool {
    let over =
        matches!(entry.state, IpvsState::Tcp(IpvsTcp::TimeWait | IpvsTcp::Close) | IpvsState::Sctp(IpvsSctp::Closed));
    over && entry.control.is_none()
}

/// Lets a connection see a packet: its next state, and how long it then waits.
pub(super) fn see(entry: &mut IpvsConnection, packet: &IpPacket, way: Way, timeouts: IpvsTimeouts) {
    entry.state = match (&packet.payload, entry.state) {
        (Transport::Tcp(tcp), IpvsState::Tcp(state)) => IpvsState::Tcp(tcp_next(tcp, state, way)),
        (Transport::Sctp(sctp), IpvsState::Sctp(state)) => IpvsState::Sctp(sctp_next(&sctp.chunk, state, way)),
        (_, state) => state,
    };
    entry.timeout = timeout(entry.state, timeouts);
}

fn timeout(state: IpvsState, set: IpvsTimeouts) -> u32 {
    match state {
        IpvsState::Tcp(state) => match state {
            IpvsTcp::Established => set.tcp,
            IpvsTcp::FinWait => set.tcp_fin,
            IpvsTcp::SynSent | IpvsTcp::TimeWait => 120,
            IpvsTcp::SynRecv | IpvsTcp::CloseWait => 60,
            IpvsTcp::LastAck => 30,
            IpvsTcp::Close => 10,
            IpvsTcp::None => 2,
        },
        IpvsState::Udp | IpvsState::None | IpvsState::Assured => set.udp,
        IpvsState::Sctp(state) => match state {
            IpvsSctp::None => 2,
            IpvsSctp::Init1 | IpvsSctp::Rejected => 4,
            IpvsSctp::Established => 900,
            _ => 61,
        },
    }
}

/// What tcp_states looks at of a segment.
#[derive(Clone, Copy)]
enum Sign {
    Rst,
    Syn,
    Fin,
    Ack,
}

/// tcp_states. What is neither of SYN, FIN, RST and ACK closes.
fn tcp_next(tcp: &Tcp, state: IpvsTcp, way: Way) -> IpvsTcp {
    use IpvsTcp::{Close, CloseWait, Established, FinWait, LastAck, None, SynRecv, SynSent, TimeWait};
    let flags = tcp.flags;
    let signs = [(flags.rst, Sign::Rst), (flags.syn, Sign::Syn), (flags.fin, Sign::Fin), (flags.ack, Sign::Ack)];
    let Some((_, sign)) = signs.into_iter().find(|(has, _)| *has) else { return Close };
    match (sign, way, state) {
        (Sign::Rst, Way::In, SynRecv | LastAck) | (Sign::Rst, Way::Out, SynSent | TimeWait) => state,
        (Sign::Rst, ..) => Close,
        (Sign::Syn, _, Established) | (Sign::Syn, Way::In, SynSent) => Established,
        (Sign::Syn, Way::In, _) | (Sign::Syn, Way::Out, SynRecv) => SynRecv,
        (Sign::Syn, Way::Out, _) => SynSent,
        (Sign::Fin, Way::In, Established) => CloseWait,
        (Sign::Fin, Way::In, FinWait) | (Sign::Fin, Way::Out, None | CloseWait) => TimeWait,
        (Sign::Fin, Way::In, None) => Close,
        (Sign::Fin, Way::Out, Established) => FinWait,
        (Sign::Fin, _, SynRecv) => TimeWait,
        (Sign::Ack, _, None | SynRecv) => Established,
        (Sign::Ack, Way::In, LastAck) => Close,
        (Sign::Fin | Sign::Ack, _, state) => state,
    }
}

/// sctp_states.
fn sctp_next(chunk: &SctpChunk, state: IpvsSctp, way: Way) -> IpvsSctp {
    use IpvsSctp::{
        Closed, CookieReplied, CookieSent, Established, Init, Init1, None, Rejected, ShutdownAckSent, ShutdownReceived,
        ShutdownSent,
    };
    match (way, chunk, state) {
        (_, SctpChunk::Data { .. } | SctpChunk::Sack { .. }, None) => Established,
        (Way::In, SctpChunk::Init { .. }, None) => Init1,
        (Way::In, SctpChunk::Init { .. }, Init1 | Rejected | Closed) => Init,
        (Way::Out, SctpChunk::InitAck { .. }, None | Init1 | Init) => CookieSent,
        (Way::In, SctpChunk::CookieEcho, None | CookieSent) => CookieReplied,
        (Way::In, SctpChunk::CookieEcho, Init1) => Init,
        (Way::In, SctpChunk::CookieAck, None) => Established,
        (Way::Out, SctpChunk::CookieAck, None | Init1 | Init | CookieSent | CookieReplied) => Established,
        (Way::In, SctpChunk::Shutdown { .. }, None | Established) => ShutdownReceived,
        (
            Way::Out,
            SctpChunk::Shutdown { .. },
            None | Init1 | Init | CookieSent | CookieReplied | Established | ShutdownSent,
        ) => ShutdownSent,
        (Way::In, SctpChunk::ShutdownAck, None | ShutdownSent | ShutdownAckSent) => Closed,
        (Way::In, SctpChunk::ShutdownAck, Init1) => Init,
        (
            Way::Out,
            SctpChunk::ShutdownAck,
            None | Init1 | Init | CookieSent | CookieReplied | ShutdownSent | ShutdownReceived | ShutdownAckSent,
        ) => ShutdownAckSent,
        (Way::In, SctpChunk::ShutdownComplete, None | Init1 | Init | ShutdownAckSent) => Closed,
        (Way::Out, SctpChunk::ShutdownComplete, None) => Closed,
        (Way::Out, SctpChunk::Abort, Init1) => Rejected,
        (_, SctpChunk::Abort, _) => Closed,
        (_, _, state) => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Body, TcpFlags};

    /// The states after these segments, `<` before those of the server.
    fn states(segments: &str) -> Vec<IpvsTcp> {
        let mut state = IpvsTcp::None;
        let next = |segment: &str| {
            let has = |letter: char| segment.contains(letter);
            let flags = TcpFlags { syn: has('S'), ack: has('A'), fin: has('F'), rst: has('R'), psh: false };
            let (window, mss, body) = (0, None, Body::EMPTY);
            let tcp = Tcp { sport: 1, dport: 2, seq: 0, ack: 0, flags, window, mss, body };
            state = tcp_next(&tcp, state, if has('<') { Way::Out } else { Way::In });
            state
        };
        segments.split(' ').map(next).collect()
    }

    #[test]
    fn a_connection_s_life() {
        use IpvsTcp::{Close, CloseWait, Established, FinWait, SynRecv, TimeWait};
        let by_client = [SynRecv, SynRecv, Established, CloseWait, CloseWait, TimeWait, TimeWait];
        assert_eq!(states("S <SA A FA <A <FA A"), by_client);
        let by_server = [SynRecv, SynRecv, Established, FinWait, FinWait, TimeWait, TimeWait];
        assert_eq!(states("S <SA A <FA A FA <A"), by_server);
        assert_eq!(states("S <RA"), [SynRecv, Close]);
        assert_eq!(states("S <SA A R"), [SynRecv, SynRecv, Established, Close]);
    }
}
