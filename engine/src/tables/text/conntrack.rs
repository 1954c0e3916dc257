//! `conntrack -L` of conntrack-tools 1.4.7.

use crate::net::{Family, Protocol};
use crate::tables::netfilter::{Connection, CtProgress, CtProtocol, CtTuple};

/// `tcp      6 86399 ESTABLISHED src=… dst=… sport=… dport=… src=… dst=… sport=… dport=… [ASSURED] mark=0 use=1`; `now` in
/// nanoseconds of virtual time.
pub fn row(entry: &Connection, now: u64) -> String {
    let left = entry.expires_at.saturating_sub(now) / 1_000_000_000;
    format!("{}{left} {}", protocol(entry), rest(entry))
}

/// The same without the seconds that it has left.
pub fn timeless(entry: &Connection) -> String {
    protocol(entry) + &rest(entry)
}

/// `conntrack -L -o extended` begins a row with it.
pub fn family(entry: &Connection) -> &'static str {
    match Family::of(entry.original.src.0) {
        Family::V4 => "ipv4     2 ",
        Family::V6 => "ipv6     10 ",
    }
}

/// The protocol's name: `tcp`, `icmpv6`.
pub fn protocol_name(entry: &Connection) -> (&'static str, u8) {
    match (entry.original.protocol, Family::of(entry.original.src.0)) {
        (CtProtocol::Transport(Protocol::Tcp), _) => ("tcp", 6),
        (CtProtocol::Transport(Protocol::Udp), _) => ("udp", 17),
        (CtProtocol::Transport(Protocol::Sctp), _) => ("sctp", 132),
        (CtProtocol::Generic, _) => ("unknown", 4),
        (_, Family::V4) => ("icmp", 1),
        (_, Family::V6) => ("icmpv6", 58),
    }
}

fn protocol(entry: &Connection) -> String {
    let (name, number) = protocol_name(entry);
    format!("{name:<8} {number} ")
}

fn rest(entry: &Connection) -> String {
    let state = match entry.state {
        CtProgress::Tcp(state) => format!("{} ", state.name()),
        CtProgress::Sctp(state) => format!("{} ", state.name()),
        CtProgress::Udp { .. } | CtProgress::Icmp | CtProgress::Generic => String::new(),
    };
    let unreplied = if entry.seen_reply { "" } else { "[UNREPLIED] " };
    let assured = if entry.assured { "[ASSURED] " } else { "" };
    format!("{state}{}{unreplied}{}{assured}mark=0 use=1", tuple(&entry.original), tuple(&entry.reply))
}

fn tuple(tuple: &CtTuple) -> String {
    let CtTuple { protocol, src, dst } = tuple;
    let ends = format!("src={} dst={} ", src.0, dst.0);
    let echo = |v4: u8, v6: u8| {
        let kind = if src.0.is_ipv4() { v4 } else { v6 };
        format!("type={kind} code=0 id={} ", src.1)
    };
    let rest = match protocol {
        CtProtocol::Transport(_) => format!("sport={} dport={} ", src.1, dst.1),
        CtProtocol::EchoRequest => echo(8, 128),
        CtProtocol::EchoReply => echo(0, 129),
        CtProtocol::Generic => String::new(),
    };
    ends + &rest
}
