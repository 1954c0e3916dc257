//! The checksums of the protocols that packets carry.

use std::net::IpAddr;

/// The Internet checksum (RFC 1071) of `bytes`, continuing from `sum` (see [`pseudo_header`]).
pub fn internet(sum: u32, bytes: &[u8]) -> u16 {
    let mut sum = u64::from(sum);
    for pair in bytes.chunks(2) {
        sum += u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u64::from(*low));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The partial sum of what TCP, UDP and ICMPv6 cover beside their own bytes: addresses, protocol and length.
pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, len: usize) -> u32 {
    let mut sum = u32::from(protocol) + (len >> 16) as u32 + (len & 0xffff) as u32;
    for ip in [src, dst] {
        match ip {
            IpAddr::V4(ip) => sum += (u32::from(ip) >> 16) + (u32::from(ip) & 0xffff),
            IpAddr::V6(ip) => sum += ip.segments().iter().map(|part| u32::from(*part)).sum::<u32>(),
        }
    }
    sum
}

/// CRC32c (Castagnoli), as SCTP uses it; written to the wire least significant byte first (RFC 9260, appendix A).
pub fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_real_header() {
        // An IPv4 header from RFC 1071's family of examples: the checksum field left zero.
        let header = [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        assert_eq!(internet(0, &header), 0xb861);
    }

    #[test]
    fn crc32c_of_the_standard_vector() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
