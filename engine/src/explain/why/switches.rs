//! Where a MAC address is: behind which port of a bridge, of a VXLAN device, of the switch between the nodes.

use super::rank::{Miss, common_octets, nearest};
use super::{FORGOTTEN, Lookup, Tried, TriedRow, Why, count};
use crate::net::{ArpOp, Frame, Payload, Transport, UdpBody};
use crate::tables::text::{fdb, link, segment as segment_text};
use crate::tables::{LinkKind, NetnsId, Origin, Segment};
use crate::trace::{CauseTable, DropReason, Step, Verdict};
use std::net::IpAddr;

const ANOTHER_MAC: &str = "another MAC address";

/// A bridge: what it has learned by then, this very frame's sender included.
pub(super) fn bridge(lookup: &Lookup<'_>) -> Option<Why> {
    let (netns, at, mac) = (lookup.netns, lookup.step.at, lookup.frame.dst);
    let (bridge, name) = (lookup.step.link?, lookup.device());
    let sought = format!("the port of {name} that leads to {mac}");
    let flooded = matches!(lookup.step.verdict, Verdict::Flood { .. });
    if mac.is_group() {
        let because = "a broadcast goes to every port: no entry is looked up".to_owned();
        return Some(Why { sought, because, tables: Vec::new() });
    }
    let entry = match lookup.cause() {
        Some(CauseTable::LearnedFdb { port, .. }) => Some(port),
        Some(CauseTable::Link(_)) if !flooded && lookup.step.verdict == Verdict::Pass => {
            let because = format!("{mac} is {name}'s own: the frame is for the node itself");
            return Some(Why { sought, because, tables: Vec::new() });
        }
        _ => None,
    };
    let learned = lookup.learned(at);
    let rows: Vec<fdb::LearnedMac> = learned
        .iter()
        .flat_map(|state| state.fdb(at))
        .filter(|(of, ..)| *of == bridge)
        .map(|(_, mac, port)| fdb::LearnedMac { port, mac })
        .collect();
    let rows_count = rows.len();
    let misses = rows.into_iter().filter(|row| row.mac != mac);
    let misses = misses.map(|row| Miss { rank: (0, common_octets(row.mac, mac)), row }).collect();
    let mut tried = nearest("fdb", rows_count, misses, |row| TriedRow {
        text: fdb::learned_row(netns, &row),
        reason: ANOTHER_MAC.to_owned(),
        origin: Origin::Learned,
    });
    if learned.is_none() {
        tried.note = FORGOTTEN.to_owned();
    }
    let because = match (entry.and_then(|port| netns.link(port)), lookup.step.verdict) {
        (Some(port), Verdict::Drop(DropReason::BridgeNoPort)) => {
            format!("{mac} is behind {}, where the frame came from, and that port has no hairpin", port.name)
        }
        (Some(port), _) => format!("a frame from {mac} has come in by {} before", port.name),
        (None, _) if flooded => format!("no entry for {mac}: the frame goes to every port"),
        (None, _) => return None,
    };
    Some(Why { sought, because, tables: vec![tried] })
}

/// A VXLAN device: permanent entries only.
pub(super) fn vxlan(lookup: &Lookup<'_>) -> Option<Why> {
    let (netns, mac) = (lookup.netns, lookup.frame.dst);
    let (device, name) = (lookup.step.link?, lookup.device());
    let decided = match (lookup.cause(), lookup.step.verdict) {
        (Some(CauseTable::Fdb(row)), _) => Some(row),
        (None, Verdict::Drop(DropReason::VxlanNoRemote)) => None,
        _ => return None,
    };
    let mut rows_count = 0;
    let mut misses = Vec::new();
    for (id, row) in netns.fdb.iter() {
        rows_count += 1;
        if decided != Some(id) {
            misses.push(Miss { rank: (u32::from(row.mac == mac), common_octets(row.mac, mac)), row });
        }
    }
    let tried = nearest("fdb", rows_count, misses, |row| TriedRow {
        text: fdb::row(netns, row),
        reason: match row.mac == mac {
            true if row.link != device => "this MAC address, but of another device".to_owned(),
            true => "this MAC address, too, but the first entry counts".to_owned(),
            false => ANOTHER_MAC.to_owned(),
        },
        origin: row.origin.clone(),
    });
    let because = match decided.and_then(|row| netns.fdb.get(row)) {
        Some(row) => format!("the entry for {mac} names the node {}", row.remote),
        None => {
            let entries = count(rows_count, "entry", "entries");
            format!("none of {entries} has {mac}, and {name} does not flood what it does not know")
        }
    };
    Some(Why { sought: format!("the node behind {mac} on {name}"), because, tables: vec![tried] })
}

/// A datagram for a VXLAN port: which device has its network identifier.
pub(super) fn vxlan_device(lookup: &Lookup<'_>) -> Option<Why> {
    let Transport::Udp(udp) = &lookup.frame.ip()?.payload else { return None };
    let UdpBody::Vxlan { vni, .. } = udp.body else { return None };
    let decided = match lookup.cause() {
        Some(CauseTable::Link(index)) => Some(index),
        _ => None,
    };
    let mut rows_count = 0;
    let mut misses = Vec::new();
    for row in &lookup.netns.links {
        if let LinkKind::Vxlan { vni: own, port, .. } = row.kind {
            rows_count += 1;
            if decided != Some(row.index) {
                misses.push(Miss { rank: (u32::from(port == udp.dport), 0), row: (row, own, port) });
            }
        }
    }
    let tried = nearest("link", rows_count, misses, |(row, own, port)| TriedRow {
        text: link::row(lookup.netns, row),
        reason: match port == udp.dport {
            true => format!("VNI {own}, not {vni}"),
            false => format!("UDP port {port}, not {}", udp.dport),
        },
        origin: row.origin.clone(),
    });
    let because = match decided {
        Some(_) => format!("{} has VNI {vni} and listens on UDP port {}", lookup.device(), udp.dport),
        None => format!("no VXLAN device here has VNI {vni}"),
    };
    Some(Why { sought: format!("a VXLAN device with VNI {vni}"), because, tables: vec![tried] })
}

/// A frame for another card.
pub(super) fn other_host(lookup: &Lookup<'_>) -> Option<Why> {
    let device = lookup.netns.link(lookup.step.link?)?;
    let because = format!("the frame is for {}; {} is {}", lookup.frame.dst, device.name, device.mac);
    Some(Why { sought: format!("whether {} takes the frame", device.name), because, tables: Vec::new() })
}

/// The switch between the nodes: by MAC, or, for an ARP request, by who will answer it.
pub(super) fn segment(segment: &Segment, step: &Step, frame: &Frame, owner: &dyn Fn(NetnsId) -> String) -> Option<Why> {
    let asked = match &frame.payload {
        Payload::Arp(arp) if arp.op == ArpOp::Request && frame.dst.is_group() => Some(IpAddr::V4(arp.target_ip)),
        _ => None,
    };
    let decided = match step.cause.map(|cause| cause.table) {
        Some(CauseTable::Segment { port, .. }) => Some(port as usize),
        _ => None,
    };
    let ports = segment.ports();
    let misses = ports.iter().enumerate().filter(|(number, _)| decided != Some(*number));
    let misses = misses.map(|(_, row)| Miss { rank: (0, common_octets(row.mac, frame.dst)), row }).collect();
    let tried: Tried = nearest("segment", ports.len(), misses, |row| TriedRow {
        text: segment_text::row(segment, row, &owner(row.netns)),
        reason: match asked {
            Some(ip) => format!("does not have {ip}"),
            None => ANOTHER_MAC.to_owned(),
        },
        origin: row.origin.clone(),
    });
    let ports = count(tried.rows_count as usize, "port", "ports");
    let (sought, because) = match (asked, decided) {
        (Some(ip), Some(_)) => (format!("who has {ip}"), format!("all of {ports} hear the question; one has {ip}")),
        (Some(ip), None) => (format!("who has {ip}"), format!("all of {ports} hear the question; none has {ip}")),
        (None, Some(_)) => (format!("the port of {}", frame.dst), format!("the card {} is there", frame.dst)),
        (None, None) if step.verdict == Verdict::Drop(DropReason::SegmentNoPort) => {
            (format!("the port of {}", frame.dst), format!("none of {ports} is {}", frame.dst))
        }
        _ => return None,
    };
    Some(Why { sought, because, tables: vec![tried] })
}
