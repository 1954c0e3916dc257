//! TCP, UDP with VXLAN in it, SCTP. Checksums are filled in by the caller, once the bytes are there.

use super::super::dns::PORT;
use super::super::headers::Show::{Bits, Dec, Hex, HexName, Name, TcpFlags as Flags};
use super::super::headers::Writer;
use super::super::{Sctp, SctpChunk, Tcp, Udp, UdpBody};
use super::len16;

impl Writer {
    pub(super) fn tcp(&mut self, tcp: &Tcp) {
        self.layer("Transmission Control Protocol");
        self.u16("Source Port", tcp.sport, Dec);
        self.u16("Destination Port", tcp.dport, Dec);
        self.u32("Sequence Number (raw)", tcp.seq, Dec);
        self.u32("Acknowledgment Number (raw)", tcp.ack, Dec);
        let words = if tcp.mss.is_some() { 6 } else { 5 };
        let f = tcp.flags;
        let bits = [f.fin, f.syn, f.rst, f.psh, f.ack];
        let flags = bits.iter().enumerate().map(|(bit, set)| u16::from(*set) << bit).sum::<u16>();
        self.u16("Header Length", words << 12 | flags, Bits { shift: 12, mask: 0xf, unit: 4 });
        self.also("Flags", 2, Flags);
        self.u16("Window", tcp.window, Dec);
        self.u16("Checksum", 0, Hex);
        self.u16("Urgent Pointer", 0, Dec);
        if let Some(mss) = tcp.mss {
            self.bytes.extend([2, 4]);
            self.u16("MSS Value", mss, Dec);
        }
        let dns = [tcp.sport, tcp.dport].contains(&PORT) && self.dns(&tcp.body, true);
        if !dns {
            self.body(&tcp.body);
        }
    }

    pub(super) fn udp(&mut self, udp: &Udp) {
        self.layer("User Datagram Protocol");
        self.u16("Source Port", udp.sport, Dec);
        self.u16("Destination Port", udp.dport, Dec);
        self.u16("Length", len16(8 + udp.body.len()), Dec);
        self.u16("Checksum", 0, Hex);
        match &udp.body {
            UdpBody::Data(body) => {
                let dns = [udp.sport, udp.dport].contains(&PORT) && self.dns(body, false);
                if !dns {
                    self.body(body);
                }
            }
            UdpBody::Vxlan { vni, frame } => {
                self.layer("Virtual eXtensible Local Area Network");
                self.u16("Flags", 0x0800, HexName("VXLAN Network ID (VNI)"));
                self.u16("Group Policy ID", 0, Dec);
                self.put("VXLAN Network Identifier (VNI)", &vni.to_be_bytes()[1..], Dec);
                self.u8("Reserved", 0, Dec);
                self.frame(frame);
            }
        }
    }

    pub(super) fn sctp(&mut self, sctp: &Sctp) {
        self.layer("Stream Control Transmission Protocol");
        self.u16("Source port", sctp.sport, Dec);
        self.u16("Destination port", sctp.dport, Dec);
        self.u32("Verification tag", sctp.tag, Hex);
        self.u32("Checksum", 0, Hex);
        let (name, len) = sctp.chunk.name_len();
        let (kind, flags) = chunk_type(&sctp.chunk);
        self.u8("Chunk type", kind, Name(name));
        self.u8("Chunk flags", flags, Hex);
        self.u16("Chunk length", len16(len), Dec);
        match &sctp.chunk {
            SctpChunk::Init { tag, tsn } => self.sctp_init(*tag, *tsn),
            SctpChunk::InitAck { tag, tsn } => {
                self.sctp_init(*tag, *tsn);
                self.u16("Parameter type", 7, HexName("State cookie"));
                self.u16("Parameter length", 12, Dec);
                self.put("State cookie", &cookie(*tag, sctp.dport, sctp.sport), Hex);
            }
            SctpChunk::CookieEcho => self.put("Cookie", &cookie(sctp.tag, sctp.sport, sctp.dport), Hex),
            SctpChunk::Data { tsn, body } => {
                self.u32("Transmission sequence number (absolute)", *tsn, Dec);
                self.u16("Stream identifier", 0, Hex);
                self.u16("Stream sequence number", 0, Dec);
                self.u32("Payload protocol identifier", 0, Dec);
                self.body(body);
                let padding = len.next_multiple_of(4) - len;
                self.bytes.extend_from_slice(&[0; 3][..padding]);
            }
            SctpChunk::Sack { tsn } => {
                self.u32("Cumulative TSN ACK (absolute)", *tsn, Dec);
                self.u32("Advertised receiver window credit (a_rwnd)", SCTP_WINDOW, Dec);
                self.u16("Number of gap acknowledgement blocks", 0, Dec);
                self.u16("Number of duplicated TSNs", 0, Dec);
            }
            SctpChunk::Shutdown { tsn } => self.u32("Cumulative TSN ACK (absolute)", *tsn, Dec),
            SctpChunk::CookieAck | SctpChunk::ShutdownAck | SctpChunk::ShutdownComplete | SctpChunk::Abort => {}
        }
    }

    fn sctp_init(&mut self, tag: u32, tsn: u32) {
        self.u32("Initiate tag", tag, Hex);
        self.u32("Advertised receiver window credit (a_rwnd)", SCTP_WINDOW, Dec);
        self.u16("Number of outbound streams", 10, Dec);
        self.u16("Number of inbound streams", u16::MAX, Dec);
        self.u32("Initial TSN", tsn, Dec);
    }
}

/// What Linux advertises with its default receive buffer (half of `net.core.rmem_default`).
const SCTP_WINDOW: u32 = 106_496;

/// An opaque cookie: names the association by the server's tag and both ports, so that it is the same in the chunk
/// that hands it out and the one that brings it back.
fn cookie(server_tag: u32, client_port: u16, server_port: u16) -> [u8; 8] {
    let ports = u32::from(client_port) << 16 | u32::from(server_port);
    (u64::from(server_tag) << 32 | u64::from(ports)).to_be_bytes()
}

/// A chunk's type and flags (RFC 9260, 3.2). Data is one whole message: beginning and end.
fn chunk_type(chunk: &SctpChunk) -> (u8, u8) {
    match chunk {
        SctpChunk::Data { .. } => (0, 3),
        SctpChunk::Init { .. } => (1, 0),
        SctpChunk::InitAck { .. } => (2, 0),
        SctpChunk::Sack { .. } => (3, 0),
        SctpChunk::Abort => (6, 0),
        SctpChunk::Shutdown { .. } => (7, 0),
        SctpChunk::ShutdownAck => (8, 0),
        SctpChunk::CookieEcho => (10, 0),
        SctpChunk::CookieAck => (11, 0),
        SctpChunk::ShutdownComplete => (14, 0),
    }
}
