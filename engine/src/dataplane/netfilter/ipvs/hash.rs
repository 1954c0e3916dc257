//! The kernel's hash functions that schedulers use.

use std::net::IpAddr;

/// An address as a number; the four words of an IPv6 address folded into one.
pub(super) fn fold(ip: IpAddr) -> u32 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip),
        IpAddr::V6(ip) => {
            let bits = u128::from(ip);
            (bits >> 96) as u32 ^ (bits >> 64) as u32 ^ (bits >> 32) as u32 ^ bits as u32
        }
    }
}

/// Models include/linux/hash.h hash_32.
pub(super) fn hash_32(value: u32, bits: u32) -> u32 {
    const GOLDEN_RATIO: u32 = 0x61c8_8647;
    value.wrapping_mul(GOLDEN_RATIO) >> (32 - bits)
}

/// SipHash-1-3 of one word of 32 bits, as a 64-bit kernel's hsiphash has it, with one key in both halves. Models
/// lib/siphash.c hsiphash_1u32.
pub(super) fn hsiphash(word: u32, key: u64) -> u32 {
    let mut v = [
        0x736f_6d65_7073_6575 ^ key,
        0x646f_7261_6e64_6f6d ^ key,
        0x6c79_6765_6e65_7261 ^ key,
        0x7465_6462_7974_6573 ^ key,
    ];
    let block = 4_u64 << 56 | u64::from(word);
    v[3] ^= block;
    round(&mut v);
    v[0] ^= block;
    v[2] ^= 0xff;
    for _ in 0..3 {
        round(&mut v);
    }
    (v[0] ^ v[1] ^ v[2] ^ v[3]) as u32
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard library's hasher is SipHash-1-3, too, with both keys 0.
    #[test]
    fn hsiphash_is_siphash_1_3() {
        use std::hash::Hasher;
        for word in [0_u32, 1, 0x0a00_0001, u32::MAX] {
            let mut hasher = std::collections::hash_map::DefaultHasher::new();
            hasher.write(&word.to_le_bytes());
            assert_eq!(hsiphash(word, 0), hasher.finish() as u32, "{word}");
        }
    }

    #[test]
    fn hash_32_takes_the_highest_bits() {
        assert_eq!(hash_32(1, 8), 0x61);
        assert_eq!(hash_32(0x0af4_0102, 8), 0x0af4_0102_u32.wrapping_mul(0x61c8_8647) >> 24);
    }
}
