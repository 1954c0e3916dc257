//! ICMP and ICMPv6: echo, and errors that quote the packet they are about.

use super::super::headers::Show::{Bits, Dec, Hex, Ip, Mac, Name};
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
            Icmp::NeighborSolicit { .. } | Icmp::NeighborAdvert { .. } => self.discovery(icmp),
        }
    }

    pub(super) fn icmpv6(&mut self, icmp: &Icmp) {
        self.layer("Internet Control Message Protocol v6");
        match icmp {
            Icmp::EchoRequest { id, seq, body } => self.echo((128, "Echo (ping) request"), *id, *seq, body),
            Icmp::EchoReply { id, seq, body } => self.echo((129, "Echo (ping) reply"), *id, *seq, body),
            Icmp::Error { error, quoted } => {
                let (kind_name, code_name) = icmpv6_names(*error);
                let (kind, code) = error.type_code_v6();
                let rest = match error {
                    IcmpError::FragmentationNeeded { mtu } => u32::from(*mtu),
                    // The problem is at the Next Header field.
                    IcmpError::ProtocolUnreachable => 6,
                    _ => 0,
                };
                self.u8("Type", kind, Name(kind_name));
                self.u8("Code", code, Name(code_name));
                self.u16("Checksum", 0, Hex);
                self.u32(if kind == 2 { "MTU" } else { "Reserved" }, rest, Dec);
                let end = self.bytes.len() + quoted.quoted_len();
                self.ipv6(quoted);
                self.truncate(end);
            }
            Icmp::NeighborSolicit { .. } | Icmp::NeighborAdvert { .. } => self.discovery(icmp),
        }
    }

    /// RFC 4861, 4.3 and 4.4; the option is the link-layer address.
    fn discovery(&mut self, icmp: &Icmp) {
        let (target, mac, option) = match icmp {
            Icmp::NeighborSolicit { target, mac } => {
                self.u8("Type", 135, Name("Neighbor Solicitation"));
                self.u8("Code", 0, Dec);
                self.u16("Checksum", 0, Hex);
                self.u32("Reserved", 0, Hex);
                (target, mac, (1, "Source link-layer address"))
            }
            Icmp::NeighborAdvert { target, mac, flags } => {
                self.u8("Type", 136, Name("Neighbor Advertisement"));
                self.u8("Code", 0, Dec);
                self.u16("Checksum", 0, Hex);
                let bits = u32::from(flags.router) << 31 | u32::from(flags.solicited) << 30;
                self.u32("Flags", bits | u32::from(flags.overrides) << 29, Hex);
                self.also("Router", 4, Bits { shift: 31, mask: 1, unit: 1 });
                self.also("Solicited", 4, Bits { shift: 30, mask: 1, unit: 1 });
                self.also("Override", 4, Bits { shift: 29, mask: 1, unit: 1 });
                (target, mac, (2, "Target link-layer address"))
            }
            _ => return,
        };
        self.put("Target Address", &target.octets(), Ip);
        if let Some(mac) = mac {
            self.u8("Option Type", option.0, Name(option.1));
            self.u8("Option Length", 1, Bits { shift: 0, mask: 0xff, unit: 8 });
            self.put("Link-layer address", &mac.0, Mac);
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

/// Names of an ICMPv6 error's type and code.
fn icmpv6_names(error: IcmpError) -> (&'static str, &'static str) {
    const UNREACHABLE: &str = "Destination Unreachable";
    const EXCEEDED: &str = "Time Exceeded";
    match error {
        IcmpError::NetUnreachable => (UNREACHABLE, "no route to destination"),
        IcmpError::HostUnreachable => (UNREACHABLE, "Address unreachable"),
        IcmpError::PortUnreachable => (UNREACHABLE, "Port unreachable"),
        IcmpError::AdminProhibited => (UNREACHABLE, "Administratively prohibited"),
        IcmpError::FragmentationNeeded { .. } => ("Packet Too Big", "0"),
        IcmpError::TtlExceeded => (EXCEEDED, "hop limit exceeded in transit"),
        IcmpError::ReassemblyTimeExceeded => (EXCEEDED, "fragment reassembly time exceeded"),
        IcmpError::ProtocolUnreachable => ("Parameter Problem", "unrecognized Next Header type encountered"),
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
