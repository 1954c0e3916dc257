//! Random packets as bytes: as long as they say, and right in Wireshark's eyes.

use podhop_engine::cluster::Options;
use podhop_engine::net::{
    AdvertFlags, Arp, ArpOp, Body, Direction, Fragment, Frame, Icmp, IcmpError, IpPacket, MacAddr, Payload, PcapNg,
    Sctp, SctpChunk, Tcp, TcpFlags, Transport, Udp, UdpBody,
};
use podhop_engine::world::{ProbeKind, ProbeSpec, World};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;

/// xorshift64*: enough variety for a test, the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn mac(&mut self) -> MacAddr {
        MacAddr::local(self.next())
    }

    fn ip(&mut self, v6: bool) -> IpAddr {
        let bits = self.next();
        if v6 {
            IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, (bits >> 48) as u16, 0, 0, bits as u16))
        } else {
            IpAddr::V4(Ipv4Addr::new(10, bits as u8, (bits >> 8) as u8, 1 + (bits >> 16) as u8 % 250))
        }
    }

    /// A port that no dissector claims.
    fn port(&mut self) -> u16 {
        61_000 + self.below(4_000) as u16
    }

    fn body(&mut self) -> Body {
        match self.below(4) {
            0 => Body::EMPTY,
            1 => Body::text("podhop was here"),
            _ => Body::Pattern(self.below(1_400) as u32),
        }
    }

    fn discovery(&mut self) -> Icmp {
        let target = std::net::Ipv6Addr::from(0xfd00_u128 << 112 | u128::from(self.next()));
        let mac = (self.below(2) == 0).then_some(MacAddr::local(7));
        let overrides = self.below(2) == 0;
        match self.below(2) {
            0 => Icmp::NeighborSolicit { target, mac: Some(MacAddr::local(7)) },
            _ => Icmp::NeighborAdvert { target, mac, flags: AdvertFlags { router: true, solicited: true, overrides } },
        }
    }

    fn icmp(&mut self, v6: bool) -> Icmp {
        let (id, seq) = (self.next() as u16, self.below(100) as u16);
        match self.below(if v6 { 5 } else { 4 }) {
            4 => self.discovery(),
            0 => Icmp::EchoRequest { id, seq, body: self.body() },
            1 => Icmp::EchoReply { id, seq, body: self.body() },
            _ => {
                let errors = [
                    IcmpError::NetUnreachable,
                    IcmpError::HostUnreachable,
                    IcmpError::ProtocolUnreachable,
                    IcmpError::PortUnreachable,
                    IcmpError::FragmentationNeeded { mtu: 1400 },
                    IcmpError::TtlExceeded,
                    IcmpError::ReassemblyTimeExceeded,
                ];
                let error = errors[self.below(7) as usize];
                // No errors about errors. And no TCP segment that the quote cuts off: Wireshark holds the missing bytes
                // against its checksum, in captures of real kernels too.
                let quoted = loop {
                    let quoted = self.packet(v6, 1);
                    let cut = quoted.quoted_len() < quoted.len();
                    match &quoted.payload {
                        Transport::Icmp(Icmp::Error { .. }) => {}
                        Transport::Tcp(_) if cut => {}
                        _ => break quoted,
                    }
                };
                Icmp::Error { error, quoted: Box::new(quoted) }
            }
        }
    }

    fn tcp(&mut self) -> Tcp {
        let syn = self.below(3) == 0;
        let bits = self.next();
        let flags = TcpFlags { syn, ack: !syn || bits & 1 == 1, fin: !syn && bits & 2 == 2, rst: false, psh: !syn };
        Tcp {
            sport: self.port(),
            dport: self.port(),
            seq: self.next() as u32,
            ack: if flags.ack { self.next() as u32 } else { 0 },
            flags,
            window: 64_240,
            mss: syn.then_some(1410),
            body: if syn { Body::EMPTY } else { self.body() },
        }
    }

    fn udp(&mut self, depth: u32) -> Udp {
        let sport = self.port();
        if depth == 0 && self.below(2) == 0 {
            let body = UdpBody::Vxlan { vni: 1, frame: Box::new(self.frame(1)) };
            return Udp { sport, dport: 8472, body };
        }
        Udp { sport, dport: self.port(), body: UdpBody::Data(self.body()) }
    }

    fn sctp(&mut self) -> Sctp {
        let (tag, tsn) = (self.next() as u32 | 1, self.next() as u32);
        let chunk = match self.below(10) {
            0 => SctpChunk::Init { tag, tsn },
            1 => SctpChunk::InitAck { tag, tsn },
            2 => SctpChunk::CookieEcho,
            3 => SctpChunk::CookieAck,
            4 => SctpChunk::Data { tsn, body: Body::Pattern(1 + self.below(99) as u32) },
            5 => SctpChunk::Sack { tsn },
            6 => SctpChunk::Shutdown { tsn },
            7 => SctpChunk::ShutdownAck,
            8 => SctpChunk::ShutdownComplete,
            _ => SctpChunk::Abort,
        };
        let tag = if matches!(chunk, SctpChunk::Init { .. }) { 0 } else { tag };
        Sctp { sport: self.port(), dport: self.port(), tag, chunk }
    }

    fn packet(&mut self, v6: bool, depth: u32) -> IpPacket {
        let payload = match self.below(4) {
            0 => Transport::Icmp(self.icmp(v6)),
            1 => Transport::Tcp(self.tcp()),
            2 => Transport::Udp(self.udp(depth)),
            _ => Transport::Sctp(self.sctp()),
        };
        IpPacket {
            src: self.ip(v6),
            dst: self.ip(v6),
            ttl: 2 + self.below(253) as u8,
            tos: 0,
            id: self.next() as u16,
            dont_fragment: self.below(2) == 0,
            fragment: None,
            payload,
        }
    }

    /// A frame; `depth` 0 may hold another one in VXLAN.
    fn frame(&mut self, depth: u32) -> Frame {
        let v6 = self.below(4) == 0;
        let payload = if self.below(8) == 0 {
            let (IpAddr::V4(sender_ip), IpAddr::V4(target_ip)) = (self.ip(false), self.ip(false)) else {
                unreachable!()
            };
            let op = if self.below(2) == 0 { ArpOp::Request } else { ArpOp::Reply };
            Payload::Arp(Arp { op, sender_mac: self.mac(), sender_ip, target_mac: self.mac(), target_ip })
        } else {
            Payload::Ip(self.packet(v6, depth))
        };
        Frame { src: self.mac(), dst: self.mac(), payload }
    }
}

/// The packet in pieces that fit `mtu`.
fn fragments(frame: &Frame, mtu: usize) -> Vec<Frame> {
    let Some(packet) = frame.ip() else { return Vec::new() };
    let (room, total) = ((mtu - 48) / 8 * 8, packet.payload.len());
    let piece = |offset: usize| {
        let len = room.min(total - offset);
        let fragment = Fragment { offset: offset as u16, len: len as u16, more: offset + len < total };
        let packet = IpPacket { dont_fragment: false, fragment: Some(fragment), ..packet.clone() };
        Frame { payload: Payload::Ip(packet), ..frame.clone() }
    };
    (0..total).step_by(room).map(piece).collect()
}

#[test]
fn bytes_are_as_many_as_the_frame_says_and_every_field_lies_in_its_layer() {
    let mut random = Random(7);
    for _ in 0..3_000 {
        let frame = random.frame(0);
        for frame in fragments(&frame, 600).into_iter().chain([frame]) {
            let bytes = frame.to_bytes();
            assert_eq!(bytes.len(), frame.len(), "{frame:?}");
            let headers = frame.headers();
            assert_eq!(headers.bytes, bytes);
            let mut end = 0;
            for layer in &headers.layers {
                assert_eq!(layer.offset, end, "a gap before {layer:?} in {frame:?}");
                end += layer.len;
                for field in &layer.fields {
                    assert!(field.offset >= layer.offset && field.offset + field.len <= end, "{field:?} of {layer:?}");
                }
            }
            assert_eq!(end, bytes.len());
        }
    }
}

#[test]
fn fragments_make_up_the_whole_payload() {
    let mut random = Random(11);
    for _ in 0..500 {
        let frame = random.frame(0);
        let Some(packet) = frame.ip() else { continue };
        let header = 14 + packet.header_len();
        let pieces = fragments(&frame, 400);
        let fragment_header = if packet.dst.is_ipv6() { 8 } else { 0 };
        let joined: Vec<u8> =
            pieces.iter().flat_map(|piece| piece.to_bytes().split_off(header + fragment_header)).collect();
        assert_eq!(joined, frame.to_bytes().split_off(header));
    }
}

#[test]
fn headers_are_named_and_read_as_wireshark_does() {
    let inner = IpPacket {
        src: "10.244.1.2".parse().unwrap(),
        dst: "10.244.2.2".parse().unwrap(),
        ttl: 63,
        tos: 0,
        id: 7,
        dont_fragment: true,
        fragment: None,
        payload: Transport::Icmp(Icmp::EchoRequest { id: 1, seq: 0, body: Body::Pattern(56) }),
    };
    let (a, b) = (MacAddr::local(1), MacAddr::local(2));
    let inner = Frame { src: a, dst: b, payload: Payload::Ip(inner) };
    let outer = IpPacket {
        src: "172.18.0.3".parse().unwrap(),
        dst: "172.18.0.4".parse().unwrap(),
        ttl: 64,
        tos: 0,
        id: 8,
        dont_fragment: false,
        fragment: None,
        payload: Transport::Udp(Udp {
            sport: 50_000,
            dport: 8472,
            body: UdpBody::Vxlan { vni: 1, frame: Box::new(inner) },
        }),
    };
    let headers = Frame { src: a, dst: b, payload: Payload::Ip(outer) }.headers();
    let names: Vec<_> = headers.layers.iter().map(|layer| layer.name).collect();
    assert_eq!(
        names,
        [
            "Ethernet II",
            "Internet Protocol Version 4",
            "User Datagram Protocol",
            "Virtual eXtensible Local Area Network",
            "Ethernet II",
            "Internet Protocol Version 4",
            "Internet Control Message Protocol",
            "Data",
        ]
    );
    let value = |layer: usize, name: &str| {
        let field = headers.layers[layer].fields.iter().find(|field| field.name == name);
        field.map(|field| (field.value.as_str(), field.offset, field.len))
    };
    assert_eq!(value(1, "Total Length"), Some(("134", 16, 2)));
    assert_eq!(value(1, "Protocol"), Some(("UDP (17)", 23, 1)));
    assert_eq!(value(2, "Checksum"), Some(("0x0000", 40, 2)));
    assert_eq!(value(3, "VXLAN Network Identifier (VNI)"), Some(("1", 46, 3)));
    assert_eq!(value(5, "Flags"), Some(("Don't fragment (0x4000)", 70, 2)));
    assert_eq!(value(5, "Destination Address"), Some(("10.244.2.2", 80, 4)));
    assert_eq!(value(6, "Type"), Some(("Echo (ping) request (8)", 84, 1)));
}

#[test]
fn neighbour_discovery_has_its_own_headers() {
    let target = "fd00:10:244:1::1".parse().unwrap();
    let group = podhop_engine::net::solicited_node(target);
    assert_eq!(group.to_string(), "ff02::1:ff00:1");
    let mac = MacAddr([0x8e, 0, 0, 0, 0, 1]);
    assert_eq!(mac.link_local().to_string(), "fe80::8c00:ff:fe00:1");
    let packet = |src: &str, dst: std::net::IpAddr, message: Icmp| IpPacket {
        src: src.parse().unwrap(),
        dst,
        ttl: 255,
        tos: 0,
        id: 0,
        dont_fragment: false,
        fragment: None,
        payload: Transport::Icmp(message),
    };
    let solicit = packet("fd00:10:244:1::2", group.into(), Icmp::NeighborSolicit { target, mac: Some(mac) });
    let frame = Frame { src: mac, dst: MacAddr::of_group(group), payload: Payload::Ip(solicit) };
    assert_eq!(frame.dst.to_string(), "33:33:ff:00:00:01");
    // Put together by hand from RFC 8200 and RFC 4861.
    let expected = "3333ff0000018e000000000186dd6000000000203afffd000010024400010000000000000002ff0200000000\
                    000000000001ff0000018700eced00000000fd00001002440001000000000000000101018e0000000001";
    let hex: String = frame.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
    assert_eq!((frame.asks_for(), frame.is_discovery()), (Some(target.into()), true));
    let flags = AdvertFlags { router: true, solicited: true, overrides: true };
    let advert = Icmp::NeighborAdvert { target, mac: Some(mac), flags };
    let advert = packet("fd00:10:244:1::1", "fd00:10:244:1::2".parse().unwrap(), advert);
    let headers = Frame { src: mac, dst: mac, payload: Payload::Ip(advert) }.headers();
    let layer = headers.layers.last().unwrap();
    let value = |name: &str| layer.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str());
    assert_eq!(layer.name, "Internet Control Message Protocol v6");
    assert_eq!(value("Type"), Some("Neighbor Advertisement (136)"));
    assert_eq!((value("Router"), value("Solicited"), value("Override")), (Some("1"), Some("1"), Some("1")));
    assert_eq!(value("Target Address"), Some("fd00:10:244:1::1"));
    assert_eq!(value("Option Type"), Some("Target link-layer address (2)"));
    assert_eq!(value("Link-layer address"), Some("8e:00:00:00:00:01"));
}

/// What Wireshark must not find.
const BAD: &str = "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 \
               || sctp.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 \
               || _ws.short || _ws.expert.severity == error";

/// Runs tshark over a file and returns what it prints for packets matching `filter`.
fn tshark(file: &std::path::Path, filter: &str) -> Option<String> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-Y", filter, "-d", "udp.port==8472,vxlan", "-t", "r"]);
    for protocol in ["ip", "tcp", "udp"] {
        command.args(["-o", &format!("{protocol}.check_checksum:TRUE")]);
    }
    command.args(["-o", "sctp.checksum:TRUE", "-o", "ip.defragment:TRUE"]);
    let output = command.output().ok()?;
    assert!(output.status.success(), "tshark failed: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn tshark_finds_nothing_malformed_and_no_wrong_checksum() {
    let mut random = Random(3);
    let mut pcap = PcapNg::new();
    let eth0 = pcap.interface("eth0", "node/worker-1");
    let mut frames = Vec::new();
    for i in 0..2_000 {
        let frame = random.frame(0);
        match i % 5 {
            0 => frames.extend(fragments(&frame, 400)),
            _ => frames.push(frame),
        }
    }
    for (i, frame) in frames.iter().enumerate() {
        pcap.packet(eth0, Direction::Outbound, 1_000 * i as u64, &frame.to_bytes(), "a comment");
    }
    let file = std::env::temp_dir().join(format!("podhop-wire-{}.pcapng", std::process::id()));
    std::fs::write(&file, pcap.finish()).unwrap();
    let Some(bad) = tshark(&file, BAD) else {
        println!("skipped: tshark is not installed");
        return;
    };
    assert_eq!(bad, "");
    let vxlan = frames.iter().filter(|frame| frame.inner().is_some_and(|_| frame.ip().unwrap().fragment.is_none()));
    let decoded = tshark(&file, "vxlan.vni == 1 && !icmp.type in {3,11} && !icmpv6.type in {1,2,3,4}").unwrap();
    assert!(decoded.lines().count() >= vxlan.count() / 3, "VXLAN is decoded:\n{decoded}");
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_capture_of_a_conversation_across_nodes_shows_the_tunnel() {
    let pod = |name: &str, node: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n\
             spec: {{nodeName: {node}, containers: [{{name: c, image: nginx}}]}}\n---\n"
        )
    };
    let mut world = World::new(Options::default());
    world.open_file("pods.yaml", &(pod("a", "worker-1") + &pod("b", "worker-2")), true);
    let netns = world.revision().pod("default", "a").and_then(|pod| pod.netns).unwrap();
    let to = world.revision().pod("default", "b").and_then(|pod| pod.ip.clone()).unwrap().0;
    let kinds = [
        ProbeKind::Ping { size: 56, dont_fragment: true, ttl: None },
        ProbeKind::Tcp { port: 80, ttl: None },
        ProbeKind::Udp { port: 9, size: 40, dont_fragment: false, ttl: None },
        ProbeKind::Ping { size: 56, dont_fragment: true, ttl: Some(1) },
        ProbeKind::Ping { size: 4_000, dont_fragment: false, ttl: None },
    ];
    for kind in kinds {
        let flow = world.probe(&ProbeSpec { from: netns, to, kind, timeout: 5_000_000_000 }).flow;
        let capture = podhop_engine::trace::pcap(world.recorder().get(flow).unwrap(), None);
        let file = std::env::temp_dir().join(format!("podhop-flow-{}.pcapng", std::process::id()));
        std::fs::write(&file, capture).unwrap();
        let (bad, wrapped) = (tshark(&file, BAD), tshark(&file, "vxlan.vni == 1"));
        std::fs::remove_file(&file).unwrap();
        let (Some(bad), Some(wrapped)) = (bad, wrapped) else {
            println!("skipped: tshark is not installed");
            return;
        };
        assert_eq!(bad, "", "{kind:?}");
        let dies_before = matches!(kind, ProbeKind::Ping { ttl: Some(1), .. });
        assert_eq!(wrapped.is_empty(), dies_before, "{kind:?}: {wrapped}");
    }
}
