//! Ethernet addresses.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv6Addr;

/// A 48-bit Ethernet address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    pub const BROADCAST: MacAddr = MacAddr([0xff; 6]);
    pub const ZERO: MacAddr = MacAddr([0; 6]);

    /// True for broadcast and multicast: the frame concerns more than one receiver.
    pub fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// A locally administered unicast address from 48 random-looking bits, as the kernel's `eth_random_addr` makes it.
    pub fn local(bits: u64) -> MacAddr {
        let b = bits.to_be_bytes();
        MacAddr([(b[2] & 0xfe) | 0x02, b[3], b[4], b[5], b[6], b[7]])
    }

    /// Where frames to an IPv6 group go: `33:33` and the group's last four bytes (RFC 2464).
    pub fn of_group(group: Ipv6Addr) -> MacAddr {
        let [.., a, b, c, d] = group.octets();
        MacAddr([0x33, 0x33, a, b, c, d])
    }

    /// The link-local address that the kernel gives a device with this MAC: `fe80::` and its EUI-64 (RFC 4291).
    pub fn link_local(self) -> Ipv6Addr {
        let [a, b, c, d, e, f] = self.0;
        let pair = |high: u8, low: u8| u16::from_be_bytes([high, low]);
        Ipv6Addr::new(0xfe80, 0, 0, 0, pair(a ^ 0x02, b), pair(c, 0xff), pair(0xfe, d), pair(e, f))
    }
}

/// The group that every owner of an address listens to, so that it can be asked for: `ff02::1:ff` and its last 24 bits.
pub fn solicited_node(ip: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = ip.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]))
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for MacAddr {
    type Err = ();

    fn from_str(text: &str) -> Result<MacAddr, ()> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().ok_or(())?;
            *byte = if part.len() == 2 { u8::from_str_radix(part, 16).map_err(|_| ())? } else { return Err(()) };
        }
        if parts.next().is_some() { Err(()) } else { Ok(MacAddr(bytes)) }
    }
}
