//! Who takes a packet that has arrived: a listening socket, or, for a question after an address, its owner.

use super::rank::{Miss, common_bits, nearest};
use super::{Lookup, Tried, TriedRow, Why, count};
use crate::net::{Protocol, SctpChunk, Transport};
use crate::tables::Listener;
use crate::tables::text::{addr, socket};
use crate::trace::{CauseTable, DropReason, Verdict};
use std::net::{IpAddr, SocketAddr};

/// What was sought, and the row that was found.
pub(super) enum Sought {
    /// The owner of an address, for an ARP request or a neighbour solicitation.
    Owner { ip: IpAddr, row: Option<usize> },
    /// A listening socket.
    Listener { protocol: Protocol, to: SocketAddr, row: Option<usize> },
    /// A connection that stands. There is none, and what arrived opens none, so no listening socket was looked for.
    Connection { protocol: Protocol, from: SocketAddr, to: SocketAddr },
}

pub(super) fn sought(lookup: &Lookup<'_>) -> Option<Sought> {
    if let Some(ip) = lookup.frame.asks_for() {
        let row = match lookup.cause() {
            Some(CauseTable::Address(row)) => Some(row as usize),
            _ => None,
        };
        return Some(Sought::Owner { ip, row });
    }
    let packet = lookup.frame.ip()?;
    let (protocol, opens) = match &packet.payload {
        Transport::Tcp(tcp) => (Protocol::Tcp, tcp.flags.syn && !tcp.flags.ack),
        Transport::Udp(_) => (Protocol::Udp, true),
        Transport::Sctp(sctp) => (Protocol::Sctp, matches!(sctp.chunk, SctpChunk::Init { .. })),
        Transport::Icmp(_) | Transport::Ipip(_) => return None,
    };
    let (sport, dport) = packet.payload.ports()?;
    let (from, to) = (SocketAddr::new(packet.src, sport), SocketAddr::new(packet.dst, dport));
    match (lookup.cause(), lookup.step.verdict) {
        (Some(CauseTable::Listener(row)), _) => {
            let row = Some(row as usize).filter(|row| *row < lookup.netns.listeners.len())?;
            Some(Sought::Listener { protocol, to, row: Some(row) })
        }
        (None, Verdict::Reject(_) | Verdict::Drop(DropReason::NoSocket)) if opens => {
            Some(Sought::Listener { protocol, to, row: None })
        }
        (None, Verdict::Drop(DropReason::NoSocket)) => Some(Sought::Connection { protocol, from, to }),
        // A connection that stands takes it: no listening socket is looked for.
        _ => None,
    }
}

pub(super) fn why(lookup: &Lookup<'_>, sought: Sought) -> Why {
    match sought {
        Sought::Owner { ip, row } => asked(lookup, ip, row),
        Sought::Listener { protocol, to, row } => listening(lookup, protocol, to, row),
        Sought::Connection { protocol, from, to } => connected(lookup, protocol, from, to),
    }
}

fn connected(lookup: &Lookup<'_>, protocol: Protocol, from: SocketAddr, to: SocketAddr) -> Why {
    let opening = if protocol == Protocol::Sctp { "an INIT" } else { "a SYN" };
    let because = format!(
        "no connection in {} has these addresses and ports; only {opening} looks for a listening socket",
        lookup.place()
    );
    let note = format!("not asked: this is not {opening}");
    let rows_count = lookup.netns.listeners.len() as u32;
    let tried = Tried { table: "socket", rows_count, note, ..Tried::default() };
    Why { sought: format!("the {} connection of {to} with {from}", name(protocol)), because, tables: vec![tried] }
}

fn listening(lookup: &Lookup<'_>, protocol: Protocol, to: SocketAddr, decided: Option<usize>) -> Why {
    let (netns, ip, port) = (lookup.netns, to.ip(), to.port());
    let rank = |row: &Listener| (u32::from(row.port == port), u32::from(row.protocol == protocol));
    let misses = netns.listeners.iter().enumerate().filter(|(number, _)| decided != Some(*number));
    let misses = misses.map(|(_, row)| Miss { rank: rank(row), row }).collect();
    let tried = nearest("socket", netns.listeners.len(), misses, |row| TriedRow {
        text: socket::row(row),
        reason: reason(row, protocol, ip, port),
        origin: row.origin.clone(),
    });
    let name = name(protocol);
    let because = match decided.map(|row| &netns.listeners[row]) {
        Some(Listener { ip: Some(_), .. }) => format!("bound to {ip} and {name} port {port}"),
        Some(_) => format!("listens on {name} port {port} of every address"),
        None if netns.listeners.is_empty() => format!("nothing listens in {}", lookup.place()),
        None => {
            let sockets = count(netns.listeners.len(), "socket", "sockets");
            format!("none of {sockets} in {} listens on {name} port {port}", lookup.place())
        }
    };
    Why { sought: format!("a socket for {name} {to}"), because, tables: vec![tried] }
}

fn reason(row: &Listener, protocol: Protocol, ip: IpAddr, port: u16) -> String {
    match (row.port == port, row.protocol == protocol, row.ip) {
        (true, true, Some(own)) if own != ip => format!("bound to {own}, not to {ip}"),
        (true, true, _) => "one bound to the address goes before one for every address".to_owned(),
        (true, false, _) => format!("{}, not {}", name(row.protocol), name(protocol)),
        (false, true, _) => format!("port {}, not {port}", row.port),
        (false, false, _) => format!("{} port {}, not {} port {port}", name(row.protocol), row.port, name(protocol)),
    }
}

fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    }
}

/// An ARP request is answered by the namespace that has the address.
fn asked(lookup: &Lookup<'_>, ip: IpAddr, decided: Option<usize>) -> Why {
    let netns = lookup.netns;
    let misses = netns.addresses.iter().enumerate().filter(|(number, _)| decided != Some(*number));
    let misses = misses.map(|(_, row)| Miss { rank: (0, common_bits(row.net.addr(), ip)), row }).collect();
    let tried = nearest("addr", netns.addresses.len(), misses, |row| TriedRow {
        text: addr::row(netns, row),
        reason: format!("{}, not {ip}", row.net.addr()),
        origin: row.origin.clone(),
    });
    let because = match decided {
        Some(_) => format!("{} has {ip} and answers", lookup.place()),
        None => format!("{} does not have {ip} and keeps quiet", lookup.place()),
    };
    Why { sought: format!("who has {ip}"), because, tables: vec![tried] }
}
