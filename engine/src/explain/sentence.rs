//! One sentence a step.

use super::packet::{dns_of, error_name, error_name_v6};
use super::rules;
use crate::net::dns::Rcode;
use crate::net::{Frame, Icmp, IcmpError, Transport};
use crate::tables::{App, LinkKind, Netns};
use crate::trace::{CauseTable, Change, DropReason, Stage, Step, Verdict};

/// A step in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// `Route`, `Bridge`, `Encapsulate` …
    pub title: &'static str,
    pub engineer: String,
    pub beginner: String,
}

/// The step's sentence. `frame` is the packet after the step; `netns` the tables it was taken by, if it was in a
/// namespace.
pub fn sentence(step: &Step, frame: &Frame, netns: Option<&Netns>) -> Sentence {
    let title = title(step);
    let (engineer, beginner) = match step.verdict {
        _ if matches!(step.stage, Stage::Ebpf { .. }) => super::ebpf::sentence(step, netns),
        _ if matches!(step.stage, Stage::Netfilter { .. } | Stage::Nftables { .. } | Stage::Conntrack(_)) => {
            rules::sentence(step, frame, netns)
        }
        Verdict::Pass if matches!(step.stage, Stage::Ipvs { .. }) => rules::balanced(step, netns),
        Verdict::Reject(IcmpError::PortUnreachable) if matches!(step.stage, Stage::Ipvs { .. }) => pair(
            "IPVS: no real server will do, Port unreachable (ICMP 3/3)",
            "Nobody stands behind this Service's address: the sender is told so.",
        ),
        Verdict::Drop(reason) => dropped(reason, is_v6(frame)),
        Verdict::Reject(error) => rejected(error, is_v6(frame)),
        Verdict::Wait => waiting(step.stage, is_v6(frame)),
        Verdict::Flood { copies_count, ignored_count } if step.stage != Stage::Fragment => {
            flooded(copies_count, ignored_count)
        }
        _ => passed(step, frame, netns),
    };
    Sentence { title, engineer, beginner }
}

/// Whether it is IPv6 that is sent or asked for.
fn is_v6(frame: &Frame) -> bool {
    frame.ip().is_some_and(|packet| packet.dst.is_ipv6())
}

fn title(step: &Step) -> &'static str {
    match step.stage {
        Stage::Send => "Send",
        Stage::RouteOut | Stage::RouteIn => "Route",
        Stage::Forward => "Forward",
        Stage::Fragment => "Fragment",
        Stage::Neighbor => "Neighbour",
        Stage::Transmit => "Transmit",
        Stage::Receive => "Receive",
        Stage::Bridge => "Bridge",
        Stage::Encapsulate => "Encapsulate",
        Stage::Decapsulate => "Decapsulate",
        Stage::Switch => "Switch",
        Stage::Reassemble => "Reassemble",
        Stage::Deliver => "Deliver",
        Stage::Netfilter { .. } | Stage::Nftables { .. } => "Rules",
        Stage::Conntrack(_) => "Connection",
        Stage::Ipvs { .. } => "Balance",
        Stage::Ebpf { point, .. } => super::ebpf::title(point),
    }
}

fn pair(engineer: impl Into<String>, beginner: impl Into<String>) -> (String, String) {
    (engineer.into(), beginner.into())
}

fn passed(step: &Step, frame: &Frame, netns: Option<&Netns>) -> (String, String) {
    let device = netns.zip(step.link).and_then(|(netns, link)| netns.link(link));
    let name = device.map_or("", |link| &*link.name);
    match step.stage {
        Stage::Send if of_the_kernel(frame) => {
            pair(format!("{} bytes, made by the kernel", ip_len(frame)), "The kernel makes this packet by itself.")
        }
        Stage::Send if step.cause.is_some_and(|cause| matches!(cause.table, CauseTable::Dns { .. })) => {
            answered(step, frame, netns)
        }
        Stage::Send => {
            pair(format!("{} bytes leave the socket", ip_len(frame)), "A program hands its data to the kernel.")
        }
        Stage::RouteOut | Stage::RouteIn => routed(step, netns),
        Stage::Forward => pair(
            ttl(step, is_v6(frame)),
            "Not for this machine: it passes the packet on and counts down its time to live.",
        ),
        Stage::Fragment => pair(
            format!("cut to fit {name}, mtu {}", device.map_or(0, |link| link.mtu)),
            "The packet is too large for the next link and goes on in pieces.",
        ),
        Stage::Neighbor => pair(
            format!("to {} by {name}", frame.dst),
            "The hardware address of the next stop is known, so the packet can go there.",
        ),
        Stage::Transmit => match device.map(|link| &link.kind) {
            Some(LinkKind::Veth { .. }) => pair(
                format!("into {name}, out of its peer"),
                "Into one end of a virtual cable; it comes out at the other.",
            ),
            Some(LinkKind::Nic { .. }) => {
                pair(format!("on the wire, {} bytes", frame.len()), "Out of the node's network card, onto the wire.")
            }
            Some(LinkKind::Loopback) => pair("stays in this namespace", "To itself: the packet never leaves."),
            _ => pair(format!("to device {name}"), "Handed to the next device."),
        },
        Stage::Receive => pair(format!("from {name}"), "The packet comes in."),
        Stage::Bridge => bridged(step, netns),
        Stage::Encapsulate => {
            pair(encapsulated(step), "The whole packet is put into another one, addressed to the other node.")
        }
        Stage::Decapsulate => pair(
            format!("what was inside comes out at {name}"),
            "The outer packet has done its work: the original comes out unchanged.",
        ),
        Stage::Switch => {
            pair("to the port that has this MAC", "The switch between the nodes knows where this card is.")
        }
        Stage::Reassemble => pair("all fragments are there", "The pieces are put together again."),
        Stage::Deliver => delivered(step),
        Stage::Ebpf { .. } => super::ebpf::sentence(step, netns),
        Stage::Netfilter { .. } | Stage::Nftables { .. } | Stage::Conntrack(_) | Stage::Ipvs { .. } => {
            rules::sentence(step, frame, netns)
        }
    }
}

/// Bytes of the packet itself, without the Ethernet header.
/// What no program has sent: ARP, neighbour discovery, echo replies, ICMP errors.
fn of_the_kernel(frame: &Frame) -> bool {
    let icmp = frame.ip().map(|ip| &ip.payload);
    icmp.is_none_or(
        |payload| matches!(payload, Transport::Icmp(message) if !matches!(message, Icmp::EchoRequest { .. })),
    )
}

/// A DNS server's answer, by the plugin and row that decided it.
fn answered(step: &Step, frame: &Frame, netns: Option<&Netns>) -> (String, String) {
    let Some(CauseTable::Dns { listener, entry }) = step.cause.map(|cause| cause.table) else { return pair("", "") };
    let app = netns.and_then(|netns| netns.listeners.get(listener as usize)).map(|listener| &listener.app);
    let Some(App::Dns(server)) = app else { return pair("an answer", "The name server answers.") };
    let plugin = server.plugin_name(entry);
    let row = server.entry(entry).map_or_else(String::new, |(text, _)| text);
    let message = frame.ip().and_then(|ip| dns_of(&ip.payload));
    let (rcode, count) = message.map_or((Rcode::NOERROR, 0), |message| (message.rcode, message.answers.len()));
    let beginner = match (rcode, count) {
        (Rcode::NXDOMAIN, _) => "The name server knows that there is no such name.".to_owned(),
        (Rcode::NOERROR, 0) => "The name is there, but has nothing of the kind that was asked for.".to_owned(),
        (Rcode::NOERROR, _) => "The name server has found the name, and says what it stands for.".to_owned(),
        (Rcode::SERVFAIL, _) => "The name server could not find out.".to_owned(),
        _ => "The name server does not answer this.".to_owned(),
    };
    let records = if count == 1 { "1 record".to_owned() } else { format!("{count} records") };
    pair(format!("{rcode}, {records}, by the plugin {plugin}: {row}"), beginner)
}

fn ip_len(frame: &Frame) -> usize {
    frame.len() - Frame::HEADER_LEN
}

fn routed(step: &Step, netns: Option<&Netns>) -> (String, String) {
    let route = netns.zip(step.cause).and_then(|(netns, cause)| match cause.table {
        CauseTable::RouteLocal(row) => Some((true, netns.local.rows.get(row)?)),
        CauseTable::RouteMain(row) => Some((false, netns.main.rows.get(row)?)),
        _ => None,
    });
    let Some((local, route)) = route else { return pair("", "") };
    if local {
        return pair("for an address of this namespace", "The address is this one's own: the packet has arrived.");
    }
    let dev = netns.and_then(|netns| netns.link(route.dev)).map_or("", |link| &*link.name);
    match route.via {
        Some(via) => pair(
            format!("next hop {via} dev {dev}"),
            format!("The routing table says: to get there, hand it to {via} through {dev}."),
        ),
        None => pair(
            format!("on link, dev {dev}"),
            format!("The routing table says: the destination is directly reachable through {dev}."),
        ),
    }
}

fn ttl(step: &Step, v6: bool) -> String {
    match step.changes.first() {
        Some(Change::Ttl { from, to }) => format!("{} {from} → {to}", if v6 { "hop limit" } else { "ttl" }),
        _ => String::new(),
    }
}

fn bridged(step: &Step, netns: Option<&Netns>) -> (String, String) {
    match step.cause.map(|cause| cause.table) {
        Some(CauseTable::LearnedFdb { port, .. }) => {
            let port = netns.and_then(|netns| netns.link(port)).map_or("", |link| &*link.name);
            pair(format!("to port {port}"), format!("The bridge remembers that this address is behind {port}."))
        }
        _ => pair("to the bridge itself: routed", "Addressed to the bridge itself: the node will route it."),
    }
}

fn encapsulated(step: &Step) -> String {
    match step.changes.first() {
        Some(Change::Encapsulate { src, dst, dport, vni, .. }) => {
            format!("+ VXLAN {vni} + UDP {dport} + {src} → {dst}")
        }
        Some(Change::EncapsulateIp { src, dst, .. }) => format!("+ IP {src} → {dst}"),
        _ => String::new(),
    }
}

fn delivered(step: &Step) -> (String, String) {
    match step.cause.map(|cause| cause.table) {
        Some(CauseTable::Listener(_)) => pair("to a listening socket", "A program listens on this port and takes it."),
        Some(CauseTable::Address(_)) => pair("to the kernel, which answers", "The kernel itself answers this."),
        _ => pair("taken", "Arrived: whoever waited for this has it now."),
    }
}

fn waiting(stage: Stage, v6: bool) -> (String, String) {
    match stage {
        Stage::Reassemble => pair("waits for the other fragments", "One piece is here; the others are awaited."),
        _ => pair(
            if v6 {
                "waits for the next hop's MAC (neighbour discovery)"
            } else {
                "waits for the next hop's MAC (ARP)"
            },
            "Nobody knows the hardware address of the next stop yet: the packet waits while someone asks.",
        ),
    }
}

fn flooded(copies_count: u32, ignored_count: u32) -> (String, String) {
    let ignored = match ignored_count {
        0 => String::new(),
        1 => ", 1 ignores it".to_owned(),
        n => format!(", {n} ignore it"),
    };
    match copies_count {
        0 => pair(format!("to all ports{ignored}"), "Everyone hears it, and it concerns nobody."),
        1 => pair(format!("to all ports: 1 takes it{ignored}"), "Everyone hears it; the one it concerns will answer."),
        n => pair(format!("to all ports: {n} take it{ignored}"), "Everyone hears it, and several are concerned."),
    }
}

fn rejected(error: IcmpError, v6: bool) -> (String, String) {
    let beginner = match error {
        IcmpError::PortUnreachable => "Nothing listens on this port: the sender is told so.",
        IcmpError::TtlExceeded => "The packet has passed too many routers: it ends here, and the sender is told so.",
        IcmpError::HostUnreachable => "Nobody answered when asked for this address: the sender is told so.",
        IcmpError::FragmentationNeeded { .. } if v6 => {
            "Too large for the next link, and only the sender may cut it: it is told the size that fits."
        }
        IcmpError::FragmentationNeeded { .. } => {
            "Too large for the next link, and cutting it is forbidden: the sender is told the size that fits."
        }
        IcmpError::ReassemblyTimeExceeded => "Some pieces never came: the sender is told so.",
        IcmpError::AdminProhibited => "This is forbidden here: the sender is told so.",
        IcmpError::NetUnreachable | IcmpError::ProtocolUnreachable => {
            "No way to go on from here: the sender is told so."
        }
    };
    let (name, (kind, code)) = if v6 { ("ICMPv6", error.type_code_v6()) } else { ("ICMP", error.type_code()) };
    let words = if v6 { error_name_v6(error) } else { error_name(error) };
    pair(format!("{words} ({name} {kind}/{code})"), beginner)
}

fn dropped(reason: DropReason, v6: bool) -> (String, String) {
    let (engineer, beginner) = match reason {
        DropReason::OtherHost => ("the destination MAC is not this device's", "This is addressed to another card."),
        DropReason::NeighFailed if v6 => (
            "no neighbour advertisement, and no ICMPv6 about this kind of packet",
            "Nobody answered when asked for this address.",
        ),
        DropReason::NeighFailed => {
            ("no ARP answer, and no ICMP about this kind of packet", "Nobody answered when asked for this address.")
        }
        DropReason::QdiscDrop => ("the queueing discipline loses it", "This device loses packets on purpose."),
        DropReason::NeighQueueFull => ("too many packets wait for this neighbour", "Too many packets were waiting."),
        DropReason::NoRoute => ("no route to the destination", "The routing table has no way to this address."),
        DropReason::Blackhole => ("the route throws it away", "The routing table says to throw this away."),
        DropReason::ForwardingOff if v6 => {
            ("net.ipv6.conf.all.forwarding is off", "This machine does not pass on packets of others.")
        }
        DropReason::ForwardingOff => ("net.ipv4.ip_forward is off", "This machine does not pass on packets of others."),
        DropReason::InvalidAddress => ("martian source or destination", "An address like this cannot come from there."),
        DropReason::TooBig => ("larger than the device's MTU", "Too large for this device."),
        DropReason::TtlExpired => ("time to live used up", "The packet has passed too many routers."),
        DropReason::NoSocket => {
            ("no socket: answered with a reset", "Nothing listens on this port: the sender is refused.")
        }
        DropReason::Unsolicited => ("nobody waits for this", "Nobody here asked for this."),
        DropReason::VxlanNoRemote => {
            ("no forwarding entry for this MAC", "The tunnel does not know which node has this address.")
        }
        DropReason::VxlanVniNotFound => ("no device with this VNI", "No tunnel here belongs to this number."),
        DropReason::BridgeNoPort => {
            ("would leave by the port it came in", "The bridge does not send a frame back where it came from.")
        }
        DropReason::DeviceDown => ("the device is down", "The device is switched off."),
        DropReason::NoCarrier => {
            ("the bridge has no carrier: no Pod is left", "The Pods' bridge is there, and no Pod is plugged into it.")
        }
        DropReason::SegmentNoPort => ("no port has this MAC", "No card on this network has this address."),
        DropReason::ReassemblyTimeout => ("not all fragments came in time", "Some pieces never came."),
        DropReason::Bound => {
            ("the simulation's bound was reached", "This went round and round, and podhop stopped it.")
        }
        DropReason::Gone => ("the namespace or device is gone", "The Pod is gone."),
        DropReason::PolicyDenied
        | DropReason::InvalidSourceIp
        | DropReason::UnknownL4Protocol
        | DropReason::UnsupportedL3Protocol
        | DropReason::Unroutable
        | DropReason::BpfTtlExceeded
        | DropReason::CtMapFull => ("dropped by Cilium", "Cilium throws this away."),
        DropReason::Netfilter => ("dropped by netfilter", "A rule says to throw this away."),
    };
    pair(format!("{engineer} ({})", reason.name()), beginner)
}
