//! ICMP and ICMPv6: echo, and errors that quote the packet they are about.

use super::super::headers::Show::{Dec, Hex, Name};
use super::super::headers::Writer;
use super::super::{Body, Icmp, IcmpError};

impl Writer {
    pub(super) fn icmp(&mut self, icmp: &Icmp) {
        self.layer("Internet Control Message Protocol");
        match icmp {
            Icmp::EchoRequest { id, seq, body } => self.echo((8, "Echo (ping) request"), *id, *seq, body),
            Icmp::EchoReply { id, seq, body } => self.echo((0, "Echo (ping) reply"), *id, *seq, body),
            Icmp::Error { error, quoted } => {
                let (kind, code) = error.type_code();
                let (kind_name, code_name) = icmp_names(*error);
                self.u8("Type", kind, Name(kind_name));
                self.u8("Code", code, Name(code_name));
                self.u16("Checksum", 0, Hex);
                self.u16("Unused", 0, Hex);
                match error {
                    IcmpError::FragmentationNeeded { mtu } => self.u16("MTU of next hop", *mtu, Dec),
                    _ => self.u16("Unused", 0, Hex),
                }
                let end = self.bytes.len() + quoted.quoted_len();
                self.ipv4(quoted);
                self.truncate(end);
            }
        }
    }

    pub(super) fn icmpv6(&mut self, icmp: &Icmp) {
        self.layer("Internet Control Message Protocol v6");
        match icmp {
            Icmp::EchoRequest { id, seq, body } => self.echo((128, "Echo (ping) request"), *id, *seq, body),
            Icmp::EchoReply { id, seq, body } => self.echo((129, "Echo (ping) reply"), *id, *seq, body),
            Icmp::Error { error, quoted } => {
                let (kind_name, code_name) = icmp_names(*error);
                // RFC 4443: a protocol that nobody takes is a parameter problem at the Next Header field.
                let (kind, code, rest) = match error {
                    IcmpError::NetUnreachable => (1, 0, 0),
                    IcmpError::HostUnreachable => (1, 3, 0),
                    IcmpError::PortUnreachable => (1, 4, 0),
                    IcmpError::FragmentationNeeded { mtu } => (2, 0, u32::from(*mtu)),
                    IcmpError::TtlExceeded => (3, 0, 0),
                    IcmpError::ReassemblyTimeExceeded => (3, 1, 0),
                    IcmpError::ProtocolUnreachable => (4, 1, 6),
                    IcmpError::AdminProhibited => (1, 1, 0),
                };
                self.u8("Type", kind, Name(kind_name));
                self.u8("Code", code, Name(code_name));
                self.u16("Checksum", 0, Hex);
                self.u32(if kind == 2 { "MTU" } else { "Reserved" }, rest, Dec);
                let end = self.bytes.len() + quoted.quoted_len();
                self.ipv6(quoted);
                self.truncate(end);
            }
        }
    }

    fn echo(&mut self, (kind, name): (u8, &'static str), id: u16, seq: u16, body: &Body) {
        self.u8("Type", kind, Name(name));
        self.u8("Code", 0, Dec);
        self.u16("Checksum", 0, Hex);
        self.u16("Identifier (BE)", id, Dec);
        self.u16("Sequence Number (BE)", seq, Dec);
        self.body(body);
    }
}

/// Names of an ICMP error's type and code.
fn icmp_names(error: IcmpError) -> (&'static str, &'static str) {
    const UNREACHABLE: &str = "Destination unreachable";
    const EXCEEDED: &str = "Time-to-live exceeded";
    match error {
        IcmpError::NetUnreachable => (UNREACHABLE, "Network unreachable"),
        IcmpError::HostUnreachable => (UNREACHABLE, "Host unreachable"),
        IcmpError::ProtocolUnreachable => (UNREACHABLE, "Protocol unreachable"),
        IcmpError::PortUnreachable => (UNREACHABLE, "Port unreachable"),
        IcmpError::AdminProhibited => (UNREACHABLE, "Communication administratively filtered"),
        IcmpError::FragmentationNeeded { .. } => (UNREACHABLE, "Fragmentation needed"),
        IcmpError::TtlExceeded => (EXCEEDED, "Time to live exceeded in transit"),
        IcmpError::ReassemblyTimeExceeded => (EXCEEDED, "Fragment reassembly time exceeded"),
    }
}
