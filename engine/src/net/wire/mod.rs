//! Packets as bytes: what a capture would hold.
//!
//! Supported: Ethernet II, ARP for IPv4, IPv4 without options, IPv6 with a fragment header, ICMP and ICMPv6 (echo and
//! errors), TCP with the MSS option, UDP, VXLAN, SCTP with one chunk, IPv4 in IPv4. Left out: IP options, VLAN tags, every other TCP
//! option.

mod icmp;
mod transport;

use super::checksum::{crc32c, internet, pseudo_header};
use super::dns::Message;
use super::headers::Show;
use super::headers::Show::{Bits, Count, Dec, Hex, HexName, Ip, Mac, Name};
use super::headers::{Headers, Writer};
use super::{Arp, ArpOp, Body, Frame, IpPacket, Payload, Transport, Udp, UdpBody};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl Frame {
    /// The frame's bytes, without preamble and FCS: [`Frame::len`] of them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.frame(self);
        writer.bytes
    }

    /// The frame's bytes and the fields in them.
    pub fn headers(&self) -> Headers {
        let mut writer = Writer::with_map();
        writer.frame(self);
        writer.finish()
    }
}

/// A length for a 16-bit field; what is too long for its field is written as the largest value.
fn len16(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

/// An address in its packet's family. Packets of mixed families do not occur.
fn octets4(ip: IpAddr) -> [u8; 4] {
    match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED.octets(),
    }
}

fn octets6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => Ipv6Addr::octets(&ip),
    }
}

impl Writer {
    fn frame(&mut self, frame: &Frame) {
        self.layer("Ethernet II");
        self.put("Destination", &frame.dst.0, Mac);
        self.put("Source", &frame.src.0, Mac);
        match &frame.payload {
            Payload::Arp(arp) => {
                self.u16("Type", 0x0806, HexName("ARP"));
                self.arp(arp);
            }
            Payload::Ip(packet) if packet.dst.is_ipv4() => {
                self.u16("Type", 0x0800, HexName("IPv4"));
                self.ipv4(packet);
            }
            Payload::Ip(packet) => {
                self.u16("Type", 0x86dd, HexName("IPv6"));
                self.ipv6(packet);
            }
        }
    }

    fn arp(&mut self, arp: &Arp) {
        self.layer("Address Resolution Protocol");
        self.u16("Hardware type", 1, Name("Ethernet"));
        self.u16("Protocol type", 0x0800, HexName("IPv4"));
        self.u8("Hardware size", 6, Dec);
        self.u8("Protocol size", 4, Dec);
        match arp.op {
            ArpOp::Request => self.u16("Opcode", 1, Name("request")),
            ArpOp::Reply => self.u16("Opcode", 2, Name("reply")),
        }
        self.put("Sender MAC address", &arp.sender_mac.0, Mac);
        self.put("Sender IP address", &arp.sender_ip.octets(), Ip);
        self.put("Target MAC address", &arp.target_mac.0, Mac);
        self.put("Target IP address", &arp.target_ip.octets(), Ip);
    }

    fn ipv4(&mut self, packet: &IpPacket) {
        let start = self.bytes.len();
        self.layer("Internet Protocol Version 4");
        self.u8("Version", 0x45, Bits { shift: 4, mask: 0xf, unit: 1 });
        self.also("Header Length", 1, Bits { shift: 0, mask: 0xf, unit: 4 });
        self.u8("Differentiated Services Field", packet.tos, Hex);
        self.u16("Total Length", len16(packet.len()), Dec);
        self.u16("Identification", packet.id, Hex);
        let (offset, more) = packet.fragment.map_or((0, false), |f| (f.offset / 8, f.more));
        let flags = u16::from(packet.dont_fragment) << 14 | u16::from(more) << 13 | offset;
        let flag_names = match (packet.dont_fragment, more) {
            (true, _) => "Don't fragment",
            (false, true) => "More fragments",
            (false, false) => "none",
        };
        self.u16("Flags", flags, HexName(flag_names));
        self.also("Fragment Offset", 2, Bits { shift: 0, mask: 0x1fff, unit: 8 });
        self.u8("Time to Live", packet.ttl, Dec);
        let (protocol, name) = protocol_number(packet);
        self.u8("Protocol", protocol, Name(name));
        self.u16("Header Checksum", 0, Hex);
        self.put("Source Address", &octets4(packet.src), Ip);
        self.put("Destination Address", &octets4(packet.dst), Ip);
        let checksum = internet(0, &self.bytes[start..]);
        self.patch(start + 10, &checksum.to_be_bytes());
        self.ip_payload(packet);
    }

    fn ipv6(&mut self, packet: &IpPacket) {
        self.layer("Internet Protocol Version 6");
        self.u32("Version", 6 << 28 | u32::from(packet.tos) << 20, Bits { shift: 28, mask: 0xf, unit: 1 });
        self.also("Traffic Class", 4, Bits { shift: 20, mask: 0xff, unit: 1 });
        self.also("Flow Label", 4, Bits { shift: 0, mask: 0xffff, unit: 1 });
        self.u16("Payload Length", len16(packet.len() - 40), Dec);
        let (protocol, name) = protocol_number(packet);
        match packet.fragment {
            Some(_) => self.u8("Next Header", 44, Name("Fragment Header for IPv6")),
            None => self.u8("Next Header", protocol, Name(name)),
        }
        self.u8("Hop Limit", packet.ttl, Dec);
        self.put("Source Address", &octets6(packet.src), Ip);
        self.put("Destination Address", &octets6(packet.dst), Ip);
        if let Some(fragment) = packet.fragment {
            self.layer("Fragment Header for IPv6");
            self.u8("Next header", protocol, Name(name));
            self.u8("Reserved octet", 0, Hex);
            self.u16(
                "Offset",
                fragment.offset & !7 | u16::from(fragment.more),
                Bits { shift: 3, mask: 0x1fff, unit: 8 },
            );
            self.also("More Fragments", 2, Bits { shift: 0, mask: 1, unit: 1 });
            self.u32("Identification", u32::from(packet.id), Hex);
        }
        self.ip_payload(packet);
    }

    /// The payload, or the stretch of it that this fragment carries.
    fn ip_payload(&mut self, packet: &IpPacket) {
        let Some(fragment) = packet.fragment else { return self.transport(packet) };
        let mut whole = Writer::default();
        whole.transport(packet);
        let start = (fragment.offset as usize).min(whole.bytes.len());
        let mut stretch = whole.bytes.split_off(start);
        stretch.resize(fragment.len as usize, 0);
        self.layer("Data");
        self.put("Data", &stretch, Count);
    }

    fn transport(&mut self, packet: &IpPacket) {
        let start = self.bytes.len();
        match &packet.payload {
            Transport::Icmp(icmp) if packet.dst.is_ipv4() => self.icmp(icmp),
            Transport::Icmp(icmp) => self.icmpv6(icmp),
            Transport::Tcp(tcp) => self.tcp(tcp),
            Transport::Udp(udp) => self.udp(udp),
            Transport::Sctp(sctp) => self.sctp(sctp),
            Transport::Ipip(inner) => return inner.ip().into_iter().for_each(|inner| self.ipv4(inner)),
        }
        let bytes = &self.bytes[start..];
        let pseudo = pseudo_header(packet.src, packet.dst, protocol_number(packet).0, bytes.len());
        match &packet.payload {
            Transport::Icmp(_) => {
                let sum = if packet.dst.is_ipv4() { 0 } else { pseudo };
                let checksum = internet(sum, bytes);
                self.patch(start + 2, &checksum.to_be_bytes());
            }
            Transport::Tcp(_) => {
                let checksum = internet(pseudo, bytes);
                self.patch(start + 16, &checksum.to_be_bytes());
            }
            // The kernel's VXLAN sends no UDP checksum over IPv4 (RFC 7348, drivers/net/vxlan vxlan_nl2flags).
            Transport::Udp(Udp { body: UdpBody::Vxlan { .. }, .. }) if packet.dst.is_ipv4() => {}
            Transport::Udp(_) => {
                // Zero would mean "none"; its other form in one's complement stands for it.
                let checksum = match internet(pseudo, bytes) {
                    0 => 0xffff,
                    checksum => checksum,
                };
                self.patch(start + 6, &checksum.to_be_bytes());
            }
            Transport::Sctp(_) => {
                let checksum = crc32c(bytes);
                self.patch(start + 8, &checksum.to_le_bytes());
            }
            Transport::Ipip(_) => {}
        }
    }

    /// A DNS message, if it is one: `framed` by its length over TCP.
    fn dns(&mut self, body: &Body, framed: bool) -> bool {
        let (Body::Bytes(bytes), start) = (body, if framed { 2 } else { 0 }) else { return false };
        let Some((message, marks)) = bytes.get(start..).and_then(Message::parse_marked) else { return false };
        self.layer(match message.flags.response {
            false => "Domain Name System (query)",
            true => "Domain Name System (response)",
        });
        if framed {
            self.put("Length", &bytes[..2], Dec);
        }
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&bytes[start..]);
        marks.into_iter().for_each(|mark| self.mark(mark.name, base + mark.offset, mark.len, Show::Said(mark.value)));
        true
    }

    fn body(&mut self, body: &Body) {
        if body.is_empty() {
            return;
        }
        self.layer("Data");
        match body {
            Body::Pattern(len) => {
                self.bytes.extend((0..*len).map(|i| i as u8));
                self.also("Data", *len as usize, Count);
            }
            Body::Bytes(bytes) => self.put("Data", bytes, Count),
        }
    }
}

/// The protocol number in the IP header, and Wireshark's name for it.
fn protocol_number(packet: &IpPacket) -> (u8, &'static str) {
    match &packet.payload {
        Transport::Icmp(_) if packet.dst.is_ipv4() => (1, "ICMP"),
        Transport::Icmp(_) => (58, "ICMPv6"),
        Transport::Tcp(_) => (6, "TCP"),
        Transport::Udp(_) => (17, "UDP"),
        Transport::Sctp(_) => (132, "SCTP"),
        Transport::Ipip(_) => (4, "IPIP"),
    }
}
