//! Who takes a packet that has arrived: a listening socket, or, for an ARP request, the owner of the address.

use super::rank::{Miss, common_bits, nearest};
use super::{Lookup, TriedRow, Why, count};
use crate::net::{ArpOp, Payload, Protocol, Transport};
use crate::tables::Listener;
use crate::tables::text::{addr, socket};
use crate::trace::{CauseTable, DropReason, Verdict};
use std::net::{IpAddr, SocketAddr};

pub(super) fn why(lookup: &Lookup<'_>) -> Option<Why> {
    match &lookup.frame.payload {
        Payload::Arp(arp) if arp.op == ArpOp::Request => asked(lookup, IpAddr::V4(arp.target_ip)),
        Payload::Arp(_) => None,
        Payload::Ip(packet) => {
            let protocol = match packet.payload {
                Transport::Tcp(_) => Protocol::Tcp,
                Transport::Udp(_) => Protocol::Udp,
                Transport::Sctp(_) => Protocol::Sctp,
                Transport::Icmp(_) => return None,
            };
            let (_, port) = packet.payload.ports()?;
            listening(lookup, protocol, packet.dst, port)
        }
    }
}

fn listening(lookup: &Lookup<'_>, protocol: Protocol, ip: IpAddr, port: u16) -> Option<Why> {
    let netns = lookup.netns;
    let decided = match (lookup.cause(), lookup.step.verdict) {
        (Some(CauseTable::Listener(row)), _) => Some(row as usize),
        (None, Verdict::Reject(_) | Verdict::Drop(DropReason::NoSocket)) => None,
        // A connection that stands takes it: no listening socket is looked for.
        _ => return None,
    };
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
    Some(Why { sought: format!("a socket for {name} {}", SocketAddr::new(ip, port)), because, tables: vec![tried] })
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
fn asked(lookup: &Lookup<'_>, ip: IpAddr) -> Option<Why> {
    let netns = lookup.netns;
    let decided = match lookup.cause() {
        Some(CauseTable::Address(row)) => Some(row as usize),
        _ => None,
    };
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
    Some(Why { sought: format!("who has {ip}"), because, tables: vec![tried] })
}
