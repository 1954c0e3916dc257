//! What a packet is called.

use crate::net::dns::{self, Message, Rcode};
use crate::net::{
    Arp, ArpOp, Body, Frame, Icmp, IcmpError, IpPacket, Payload, Sctp, Tcp, TcpFlags, Transport, Udp, UdpBody,
};

/// One layer of an envelope: what it is, and from whom to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub name: String,
    pub ends: String,
}

/// The innermost packet's name: `ICMP echo request seq 0`, `ARP who has 10.244.1.1?`, `TCP SYN`.
pub fn title(frame: &Frame) -> String {
    match &frame.payload {
        Payload::Arp(arp) => arp_title(arp),
        Payload::Ip(packet) => match frame.inner() {
            Some(inner) => title(inner),
            None if packet.dst.is_ipv6() && packet.fragment.is_none() => match &packet.payload {
                Transport::Icmp(Icmp::Error { error, .. }) => format!("ICMPv6 {}", error_name_v6(*error)),
                payload => transport_title(payload).replacen("ICMP ", "ICMPv6 ", 1),
            },
            None => {
                let whole = transport_title(&packet.payload);
                match packet.fragment {
                    Some(part) => format!("{whole} · fragment at byte {}", part.offset),
                    None => whole,
                }
            }
        },
    }
}

fn arp_title(arp: &Arp) -> String {
    match arp.op {
        ArpOp::Request => format!("ARP who has {}?", arp.target_ip),
        ArpOp::Reply => format!("ARP {} is at {}", arp.sender_ip, arp.sender_mac),
    }
}

fn transport_title(transport: &Transport) -> String {
    match transport {
        Transport::Icmp(Icmp::EchoRequest { seq, .. }) => format!("ICMP echo request seq {seq}"),
        Transport::Icmp(Icmp::EchoReply { seq, .. }) => format!("ICMP echo reply seq {seq}"),
        Transport::Icmp(Icmp::Error { error, .. }) => format!("ICMP {}", error_name(*error)),
        Transport::Icmp(Icmp::NeighborSolicit { target, .. }) => format!("ND who has {target}?"),
        Transport::Icmp(Icmp::NeighborAdvert { target, mac: Some(mac), .. }) => format!("ND {target} is at {mac}"),
        Transport::Icmp(Icmp::NeighborAdvert { target, mac: None, .. }) => format!("ND {target} is still there"),
        Transport::Tcp(tcp) => dns_of(transport).map_or_else(|| tcp_title(tcp), |message| dns_title(&message)),
        Transport::Udp(Udp { body, .. }) => match dns_of(transport) {
            Some(message) => dns_title(&message),
            None => format!("UDP {} bytes", body.len()),
        },
        Transport::Sctp(Sctp { chunk, .. }) => format!("SCTP {}", chunk.name_len().0),
        Transport::Ipip(_) => "IP in IP".to_owned(),
    }
}

/// The DNS message that a packet carries whole: to or from port 53.
pub fn dns_of(transport: &Transport) -> Option<Message> {
    let (sport, dport) = transport.ports()?;
    if sport != dns::PORT && dport != dns::PORT {
        return None;
    }
    match transport {
        Transport::Udp(Udp { body: UdpBody::Data(Body::Bytes(bytes)), .. }) => Message::parse(bytes),
        Transport::Tcp(Tcp { body: Body::Bytes(bytes), .. }) => Message::parse(bytes.get(2..)?),
        _ => None,
    }
}

/// `DNS A? web.default.svc.cluster.local`, `DNS NXDOMAIN web…`, `DNS A 10.96.0.50 (1 more)`.
fn dns_title(message: &Message) -> String {
    let question = message.question();
    let name = question.map_or("", |question| question.name.trim_end_matches('.'));
    let kind = question.map_or_else(String::new, |question| question.kind.to_string());
    if !message.flags.response {
        return format!("DNS {kind}? {name}");
    }
    if message.rcode != Rcode::NOERROR {
        return format!("DNS {} {name}", message.rcode);
    }
    let wanted = message.answers.iter().find(|record| question.is_some_and(|q| q.kind == record.kind()));
    let Some(first) = wanted.or(message.answers.first()) else { return format!("DNS no {kind} {name}") };
    let more = match message.answers.len() {
        1 => String::new(),
        n => format!(" ({} more)", n - 1),
    };
    format!("DNS {} {}{more}", first.kind(), first.data)
}

fn tcp_title(tcp: &Tcp) -> String {
    let TcpFlags { syn, ack, fin, rst, .. } = tcp.flags;
    let name = match (syn, fin, rst) {
        (true, _, _) => {
            if ack {
                "SYN-ACK"
            } else {
                "SYN"
            }
        }
        (_, true, _) => "FIN",
        (_, _, true) => "RST",
        _ if tcp.body.is_empty() => "ACK",
        _ => return format!("TCP data {} bytes", tcp.body.len()),
    };
    format!("TCP {name}")
}

/// The words of RFC 792 and 1812 as people know them.
pub fn error_name(error: IcmpError) -> String {
    match error {
        IcmpError::NetUnreachable => "network unreachable".to_owned(),
        IcmpError::HostUnreachable => "host unreachable".to_owned(),
        IcmpError::ProtocolUnreachable => "protocol unreachable".to_owned(),
        IcmpError::AdminProhibited => "administratively prohibited".to_owned(),
        IcmpError::PortUnreachable => "port unreachable".to_owned(),
        IcmpError::FragmentationNeeded { mtu } => format!("fragmentation needed, mtu {mtu}"),
        IcmpError::TtlExceeded => "time to live exceeded".to_owned(),
        IcmpError::ReassemblyTimeExceeded => "fragment reassembly time exceeded".to_owned(),
    }
}

/// The words of RFC 4443.
pub fn error_name_v6(error: IcmpError) -> String {
    match error {
        IcmpError::NetUnreachable => "no route".to_owned(),
        IcmpError::HostUnreachable => "address unreachable".to_owned(),
        IcmpError::FragmentationNeeded { mtu } => format!("packet too big, mtu {mtu}"),
        IcmpError::TtlExceeded => "hop limit exceeded".to_owned(),
        error => error_name(error),
    }
}

/// The innermost packet's ends: `10.244.1.2 → 10.244.2.2`, with ports where there are some.
pub fn label(frame: &Frame) -> String {
    match (&frame.payload, frame.inner()) {
        (_, Some(inner)) => label(inner),
        (Payload::Arp(arp), None) => format!("{} → {}", arp.sender_ip, arp.target_ip),
        (Payload::Ip(packet), None) => ends(packet),
    }
}

fn ends(packet: &IpPacket) -> String {
    match packet.payload.ports() {
        Some((sport, dport)) => {
            let end = |ip, port| std::net::SocketAddr::new(ip, port);
            format!("{} → {}", end(packet.src, sport), end(packet.dst, dport))
        }
        None => format!("{} → {}", packet.src, packet.dst),
    }
}

/// Layer by layer, outermost first.
pub fn envelope(frame: &Frame) -> Vec<Envelope> {
    let mut layers = Vec::new();
    let mut next = Some(frame);
    while let Some(frame) = next {
        next = frame.inner();
        layers.push(match &frame.payload {
            Payload::Ip(packet) => match &packet.payload {
                Transport::Udp(Udp { body: UdpBody::Vxlan { vni, .. }, .. }) => {
                    let part = if packet.fragment.is_some() { " fragment" } else { "" };
                    Envelope { name: format!("VXLAN {vni}{part}"), ends: format!("{} → {}", packet.src, packet.dst) }
                }
                payload => Envelope { name: short_name(payload).to_owned(), ends: ends(packet) },
            },
            Payload::Arp(arp) => {
                let name = if arp.op == ArpOp::Request { "ARP who-has" } else { "ARP is-at" };
                Envelope { name: name.to_owned(), ends: format!("{} → {}", arp.sender_ip, arp.target_ip) }
            }
        });
    }
    layers
}

fn short_name(transport: &Transport) -> &'static str {
    match transport {
        Transport::Icmp(Icmp::EchoRequest { .. }) => "ICMP echo",
        Transport::Icmp(Icmp::EchoReply { .. }) => "ICMP reply",
        Transport::Icmp(Icmp::Error { .. }) => "ICMP error",
        Transport::Icmp(Icmp::NeighborSolicit { .. } | Icmp::NeighborAdvert { .. }) => "ND",
        Transport::Tcp(tcp) if tcp.flags.syn && tcp.flags.ack => "TCP SYN-ACK",
        Transport::Tcp(tcp) if tcp.flags.syn => "TCP SYN",
        Transport::Tcp(tcp) if tcp.flags.fin => "TCP FIN",
        Transport::Tcp(tcp) if tcp.flags.rst => "TCP RST",
        Transport::Tcp(tcp) if tcp.body.is_empty() => "TCP ACK",
        Transport::Tcp(_) => "TCP data",
        Transport::Udp(_) => "UDP",
        Transport::Sctp(_) => "SCTP",
        Transport::Ipip(_) => "IPIP",
    }
}
