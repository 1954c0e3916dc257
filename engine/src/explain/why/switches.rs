//! Where a MAC address is: behind which port of a bridge, of a VXLAN device, of the switch between the nodes.

use super::rank::{Miss, common_octets, nearest};
use super::{FORGOTTEN, Known, Lookup, Tried, TriedRow, Why, count};
use crate::net::{Frame, MacAddr, Transport, UdpBody};
use crate::tables::text::{fdb, link, segment as segment_text};
use crate::tables::{Link, LinkIndex, LinkKind, NetnsId, Origin, RowId, Segment};
use crate::trace::{CauseTable, DropReason, Step, Verdict};
use std::net::IpAddr;

const ANOTHER_MAC: &str = "another MAC address";

/// How a bridge finds the way of a frame.
pub(super) enum Way {
    /// To every port, as all broadcasts go.
    Broadcast,
    /// To the node itself.
    Own,
    /// An entry names the port.
    Entry(LinkIndex),
    /// No entry has the address.
    Unknown,
}

pub(super) fn way(lookup: &Lookup<'_>) -> Option<Way> {
    let (netns, bridge, mac) = (lookup.netns, lookup.step.link?, lookup.frame.dst);
    let own = || netns.link(bridge).is_some_and(|link| link.mac == mac) || netns.ports_of(bridge).any(|p| p.mac == mac);
    match (lookup.cause(), lookup.step.verdict) {
        (_, Verdict::Flood { .. } | Verdict::Pass) if mac.is_group() => Some(Way::Broadcast),
        (Some(CauseTable::LearnedFdb { port, .. }), _) => Some(Way::Entry(port)),
        (Some(CauseTable::Link(_)), Verdict::Pass) if own() => Some(Way::Own),
        (_, Verdict::Flood { .. }) => Some(Way::Unknown),
        // A copy of what was flooded, an MTU that decided, a bridge that is gone.
        _ => None,
    }
}

/// A bridge: what it has learned by then, this very frame's sender included.
pub(super) fn bridge(lookup: &Lookup<'_>, way: &Way, known: &Known<'_>) -> Why {
    let (netns, at, mac) = (lookup.netns, lookup.step.at, lookup.frame.dst);
    let name = lookup.device();
    let sought = format!("the port of {name} that leads to {mac}");
    let because = match way {
        Way::Broadcast if mac != MacAddr::BROADCAST => {
            "a multicast goes to every port: no entry is looked up".to_owned()
        }
        Way::Broadcast => "a broadcast goes to every port: no entry is looked up".to_owned(),
        Way::Own => format!("{mac} is {name}'s own: the frame is for the node itself"),
        Way::Entry(port) => {
            let port = netns.link(*port).map_or("a port that is gone", |link| &*link.name);
            match lookup.step.verdict {
                Verdict::Drop(DropReason::BridgeNoPort) => {
                    format!("{mac} is behind {port}, where the frame came from, and that port has no hairpin")
                }
                _ => format!("a frame from {mac} has come in by {port} before"),
            }
        }
        Way::Unknown => format!("no entry for {mac}: the frame goes to every port"),
    };
    if matches!(way, Way::Broadcast | Way::Own) {
        return Why { sought, because, tables: Vec::new() };
    }
    let bridge = lookup.step.link;
    let learned = (known.learned)(netns.id, at);
    let rows: Vec<fdb::LearnedMac> = learned
        .iter()
        .flat_map(|state| state.fdb(at))
        .filter(|(of, ..)| Some(*of) == bridge)
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
    Why { sought, because, tables: vec![tried] }
}

/// The entry of a VXLAN device that names the other end; `None`: there is none.
pub(super) struct Remote(Option<RowId>);

pub(super) fn remote(lookup: &Lookup<'_>) -> Option<Remote> {
    match (lookup.cause(), lookup.step.verdict) {
        (Some(CauseTable::Fdb(row)), _) => Some(Remote(Some(row))),
        (None, Verdict::Drop(DropReason::VxlanNoRemote)) => Some(Remote(None)),
        _ => None,
    }
}

/// A VXLAN device: permanent entries only.
pub(super) fn vxlan(lookup: &Lookup<'_>, Remote(decided): Remote) -> Why {
    let (netns, mac) = (lookup.netns, lookup.frame.dst);
    let (device, name) = (lookup.step.link, lookup.device());
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
            true if Some(row.link) != device => "this MAC address, but of another device".to_owned(),
            true => "this MAC address, too, but the first entry counts".to_owned(),
            false => ANOTHER_MAC.to_owned(),
        },
        origin: row.origin.clone(),
    });
    let because = match (decided.and_then(|row| netns.fdb.get(row)), lookup.step.verdict) {
        (Some(row), Verdict::Drop(DropReason::NoRoute)) => {
            format!("the entry for {mac} names {0}, but the way to {0} leads through {name} itself", row.remote)
        }
        (Some(row), _) => format!("the entry for {mac} names the node {}", row.remote),
        (None, _) => {
            let entries = count(rows_count, "entry", "entries");
            format!("none of {entries} has {mac}, and {name} does not flood what it does not know")
        }
    };
    Why { sought: format!("the node behind {mac} on {name}"), because, tables: vec![tried] }
}

/// A network identifier and a UDP port, and the device that has both.
pub(super) struct Tunnel {
    vni: u32,
    port: u16,
    decided: Option<LinkIndex>,
}

pub(super) fn tunnel(lookup: &Lookup<'_>) -> Option<Tunnel> {
    let Transport::Udp(udp) = &lookup.frame.ip()?.payload else { return None };
    let UdpBody::Vxlan { vni, .. } = udp.body else { return None };
    let decided = match lookup.cause() {
        Some(CauseTable::Link(index)) => Some(index),
        _ => None,
    };
    Some(Tunnel { vni, port: udp.dport, decided })
}

/// A datagram for a VXLAN port: which device has its network identifier.
pub(super) fn vxlan_device(lookup: &Lookup<'_>, Tunnel { vni, port: dport, decided }: Tunnel) -> Why {
    let mut rows_count = 0;
    let mut misses = Vec::new();
    for row in &lookup.netns.links {
        if let LinkKind::Vxlan { vni: own, port, .. } = row.kind {
            rows_count += 1;
            if decided != Some(row.index) {
                misses.push(Miss { rank: (u32::from(port == dport), 0), row: (row, own, port) });
            }
        }
    }
    let tried = nearest("link", rows_count, misses, |(row, own, port)| TriedRow {
        text: link::row(lookup.netns, row),
        reason: match port == dport {
            true => format!("VNI {own}, not {vni}"),
            false => format!("UDP port {port}, not {dport}"),
        },
        origin: row.origin.clone(),
    });
    let because = match decided {
        Some(_) => format!("{} has VNI {vni} and listens on UDP port {dport}", lookup.device()),
        None => format!("no VXLAN device here has VNI {vni}"),
    };
    Why { sought: format!("a VXLAN device with VNI {vni}"), because, tables: vec![tried] }
}

/// A frame for another card.
pub(super) fn other_host(lookup: &Lookup<'_>, device: &Link) -> Why {
    let because = format!("the frame is for {}; {} is {}", lookup.frame.dst, device.name, device.mac);
    Why { sought: format!("whether {} takes the frame", device.name), because, tables: Vec::new() }
}

/// What the switch between the nodes was asked: whose address that is, or where a card is plugged in.
pub(super) struct Port<'a> {
    segment: &'a Segment,
    dst: MacAddr,
    /// The address that an ARP request is about.
    asked: Option<IpAddr>,
    /// Whose port it was.
    taker: Option<NetnsId>,
}

pub(super) fn port<'a>(segment: &'a Segment, step: &Step, frame: &Frame) -> Option<Port<'a>> {
    let asked = frame.asks_for().filter(|_| frame.dst.is_group());
    let taker = step.cause.filter(|cause| matches!(cause.table, CauseTable::Segment { .. })).map(|cause| cause.netns);
    let tried = asked.is_some() && matches!(step.verdict, Verdict::Flood { .. });
    let tried = tried || taker.is_some() || step.verdict == Verdict::Drop(DropReason::SegmentNoPort);
    tried.then_some(Port { segment, dst: frame.dst, asked, taker })
}

/// The switch between the nodes: by MAC, or, for an ARP request, by who will answer it. Its ports are those of now; the
/// one that was taken is known by its namespace.
pub(super) fn segment(port: &Port<'_>, owner: &dyn Fn(NetnsId) -> String) -> Why {
    let Port { segment, dst, asked, taker } = *port;
    let decided = taker.and_then(|netns| segment.port_of(netns, 0)).map(|(number, _)| number as usize);
    let ports = segment.ports();
    let misses = ports.iter().enumerate().filter(|(number, _)| decided != Some(*number));
    let misses = misses.map(|(_, row)| Miss { rank: (0, common_octets(row.mac, dst)), row }).collect();
    let tried: Tried = nearest("segment", ports.len(), misses, |row| TriedRow {
        text: segment_text::row(segment, row, &owner(row.netns)),
        reason: match asked {
            Some(ip) if row.answers.contains(&ip) => format!("has {ip}, too"),
            Some(ip) => format!("does not have {ip}"),
            None if row.mac == dst => "this MAC address, but plugged in later".to_owned(),
            None => ANOTHER_MAC.to_owned(),
        },
        origin: row.origin.clone(),
    });
    let ports = count(tried.rows_count as usize, "port", "ports");
    let is_gone = taker.is_some() && decided.is_none();
    let sought = asked.map_or_else(|| format!("the port of {dst}"), |ip| format!("who has {ip}"));
    let because = match (asked, taker) {
        (Some(ip), Some(_)) if is_gone => format!("all ports hear the question; the one that had {ip} is gone now"),
        (Some(ip), Some(_)) => format!("all of {ports} hear the question; one has {ip}"),
        (Some(ip), None) => format!("all of {ports} hear the question; none has {ip}"),
        (None, Some(_)) if is_gone => format!("the card {dst} was there, and is gone now"),
        (None, Some(_)) => format!("the card {dst} is there"),
        (None, None) => format!("none of {ports} is {dst}"),
    };
    Why { sought, because, tables: vec![tried] }
}
