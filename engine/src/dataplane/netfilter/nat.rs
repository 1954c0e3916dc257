//! Which addresses and ports NAT gives a connection. Models net/netfilter/nf_nat_core.c get_unique_tuple.

use super::connections::Connections;
use crate::dataplane::random;
use crate::tables::netfilter::{Connection, CtProtocol, CtTuple};
use crate::trace::Nanos;
use std::net::IpAddr;

/// Which end of a packet is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manip {
    Source,
    Destination,
}

/// What a rule wants an end to be; one without a port leaves the port as it is, if it can.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub ip: IpAddr,
    pub port: Option<u16>,
    pub random_fully: bool,
}

/// Most ports that are tried (NF_NAT_MAX_ATTEMPTS).
const ATTEMPTS_MAX: u32 = 128;

/// Whether NAT has decided about this end.
pub(super) fn is_decided(entry: &Connection, manip: Manip) -> bool {
    match manip {
        Manip::Source => entry.snat_done,
        Manip::Destination => entry.dnat_done,
    }
}

/// Whether packets of this direction are rewritten at this end.
pub(super) fn is_translated(entry: &Connection, manip: Manip, reply: bool) -> bool {
    match (manip, reply) {
        (Manip::Source, false) | (Manip::Destination, true) => entry.snat,
        (Manip::Destination, false) | (Manip::Source, true) => entry.dnat,
    }
}

impl Connections {
    /// Decides about one end of a connection for good. `range` None: no rule wants anything, and only a clash makes a
    /// change.
    pub(super) fn set_up(&self, entry: &mut Connection, manip: Manip, range: Option<Wanted>, seed: u64, now: Nanos) {
        let current = entry.reply.inverse();
        let own = match manip {
            Manip::Source => current.src.0,
            Manip::Destination => current.dst.0,
        };
        let range = range.unwrap_or(Wanted { ip: own, port: None, random_fully: false });
        let new = unique(current, range, manip, self, seed, now);
        let changed = new != current;
        if changed {
            entry.reply = new.inverse();
        }
        match manip {
            Manip::Source => {
                entry.snat |= changed;
                entry.snat_done = true;
            }
            Manip::Destination => {
                entry.dnat |= changed;
                entry.dnat_done = true;
            }
        }
    }
}

/// The original direction's packets as they will leave.
fn unique(current: CtTuple, range: Wanted, manip: Manip, table: &Connections, seed: u64, now: Nanos) -> CtTuple {
    // Answers to it would be another connection's.
    let used = |tuple: &CtTuple| table.find(&tuple.inverse(), now).is_some();
    if manip == Manip::Source && !range.random_fully {
        if current.src.0 == range.ip && range.port.is_none_or(|port| port == current.src.1) {
            if !used(&current) {
                return current;
            }
        } else if range.port.is_none() {
            // find_appropriate_src: the same socket keeps the port that another connection of it was given.
            let same = table.from(&current, now).into_iter().map(|entry| entry.reply.dst).find(|src| src.0 == range.ip);
            let tuple = same.map(|src| CtTuple { src, ..current });
            if let Some(tuple) = tuple.filter(|tuple| !used(tuple)) {
                return tuple;
            }
        }
    }
    let mut tuple = current;
    let end = match manip {
        Manip::Source => &mut tuple.src,
        Manip::Destination => &mut tuple.dst,
    };
    end.0 = range.ip;
    if let Some(port) = range.port {
        end.1 = port;
        return same_echo(tuple, manip);
    }
    if !range.random_fully && !used(&tuple) {
        return tuple;
    }
    if manip == Manip::Destination {
        return tuple;
    }
    other_port(tuple, seed, used)
}

/// nf_nat_l4proto_unique_tuple: from a random start on.
fn other_port(tuple: CtTuple, seed: u64, used: impl Fn(&CtTuple) -> bool) -> CtTuple {
    let (first, count) = match (tuple.protocol, tuple.src.1) {
        (CtProtocol::EchoRequest | CtProtocol::EchoReply, _) => (0, 65_536),
        (_, 0..512) => (1, 511),
        (_, 512..1024) => (600, 424),
        _ => (1_024, 64_512),
    };
    let ((src, sport), (dst, dport)) = (tuple.src, tuple.dst);
    let start = (random::flow_bits(seed ^ 0x6e61_7400, src, dst, sport, dport) % u64::from(count)) as u32;
    let mut last = tuple;
    for attempt in 0..ATTEMPTS_MAX.min(count) {
        let port = first + (start + attempt) % count;
        last = same_echo(CtTuple { src: (src, port as u16), ..tuple }, Manip::Source);
        if !used(&last) {
            break;
        }
    }
    last
}

/// An echo has one identifier, not two ports.
fn same_echo(mut tuple: CtTuple, manip: Manip) -> CtTuple {
    if matches!(tuple.protocol, CtProtocol::EchoRequest | CtProtocol::EchoReply) {
        match manip {
            Manip::Source => tuple.dst.1 = tuple.src.1,
            Manip::Destination => tuple.src.1 = tuple.dst.1,
        }
    }
    tuple
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataplane::netfilter::connections::Confirmed;
    use crate::net::Protocol;
    use crate::tables::netfilter::CtProgress;

    fn entry(id: u32, src: (&str, u16), dst: (&str, u16)) -> Connection {
        let protocol = CtProtocol::Transport(Protocol::Udp);
        let end = |(ip, port): (&str, u16)| (ip.parse().unwrap(), port);
        let original = CtTuple { protocol, src: end(src), dst: end(dst) };
        Connection {
            id,
            original,
            reply: original.inverse(),
            state: CtProgress::Udp { stream_from: 0 },
            seen_reply: false,
            assured: false,
            snat: false,
            dnat: false,
            snat_done: false,
            dnat_done: false,
            confirmed: false,
            expires_at: 1_000,
        }
    }

    fn masqueraded(table: &mut Connections, id: u32, src: (&str, u16), dst: (&str, u16)) -> u16 {
        let range = Wanted { ip: "192.0.2.1".parse().unwrap(), port: None, random_fully: false };
        let mut entry = entry(id, src, dst);
        table.set_up(&mut entry, Manip::Source, Some(range), 7, 0);
        let port = entry.reply.dst.1;
        assert_eq!((entry.snat, entry.snat_done, entry.dnat), (true, true, false));
        assert!(matches!(table.confirm(entry, 0), Confirmed::New(..)));
        port
    }

    #[test]
    fn ports_are_kept_where_they_are_free() {
        let mut table = Connections::default();
        let server = ("198.51.100.1", 53);
        assert_eq!(masqueraded(&mut table, 1, ("10.0.0.1", 5_000), server), 5_000);
        let other = masqueraded(&mut table, 2, ("10.0.0.2", 5_000), server);
        assert!(other >= 1_024 && other != 5_000, "{other}");
        // To another server the port is free, and the socket that has a port there keeps it.
        assert_eq!(masqueraded(&mut table, 3, ("10.0.0.3", 5_000), ("198.51.100.2", 53)), 5_000);
        assert_eq!(masqueraded(&mut table, 4, ("10.0.0.2", 5_000), ("198.51.100.3", 53)), other);
    }

    #[test]
    fn a_clash_without_any_rule_gives_another_port() {
        let mut table = Connections::default();
        masqueraded(&mut table, 1, ("10.0.0.1", 5_000), ("198.51.100.1", 53));
        let mut own = entry(2, ("192.0.2.1", 5_000), ("198.51.100.1", 53));
        table.set_up(&mut own, Manip::Source, None, 7, 0);
        assert!(own.snat && own.reply.dst.1 != 5_000);
        let mut free = entry(3, ("192.0.2.1", 5_001), ("198.51.100.1", 53));
        table.set_up(&mut free, Manip::Source, None, 7, 0);
        assert!(!free.snat && free.snat_done);
    }

    #[test]
    fn the_same_tuples_are_one_connection_or_clash() {
        let mut table = Connections::default();
        let ends = (("10.0.0.1", 1), ("10.0.0.2", 2));
        assert!(matches!(table.confirm(entry(1, ends.0, ends.1), 0), Confirmed::New(..)));
        assert!(matches!(table.confirm(entry(2, ends.0, ends.1), 0), Confirmed::Known(known) if known.id == 1));
        let mut other = entry(3, ends.0, ends.1);
        other.reply.dst.1 = 9;
        assert!(matches!(table.confirm(other, 0), Confirmed::Clash));
        // What has expired is in nobody's way.
        assert!(matches!(table.confirm(entry(4, ends.0, ends.1), 2_000), Confirmed::New(_, gone) if gone[0].id == 1));
    }
}
