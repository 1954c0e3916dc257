//! Names and numbers that a real cluster draws at random, here drawn from the seed: the same input gives the same ones.

use crate::tables::Uid;

/// Kubernetes' alphabet for names it makes up: no vowels, no 0, 1 or 3. Models apimachinery pkg/util/rand.
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// 64 bits that depend on the seed and on `parts`, each part being delimited: FNV-1a with splitmix64's finisher.
pub fn bits(seed: u64, parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ mix(seed);
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    mix(hash)
}

/// splitmix64's finisher: every input bit reaches every output bit.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// A random (version 4) UUID.
pub fn uid(seed: u64, parts: &[&str]) -> Uid {
    let high = bits(seed, parts);
    let n = (u128::from(high) << 64) | u128::from(mix(high ^ 0x7569_6400));
    Uid((n & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62))
}

/// A UUID as text, or `None` if the text is not one.
pub fn parse_uid(text: &str) -> Option<Uid> {
    let dashes = [8, 13, 18, 23];
    let well_formed = text.len() == 36 && dashes.iter().all(|&at| text.as_bytes()[at] == b'-');
    let hex: String = text.chars().filter(|c| *c != '-').collect();
    let valid = well_formed && hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if valid { u128::from_str_radix(&hex, 16).ok().map(Uid) } else { None }
}

/// The suffix that `generateName` adds: five letters. Models `names.SimpleNameGenerator`.
pub fn suffix(bits: u64) -> String {
    let mut rest = bits;
    let mut text = String::with_capacity(5);
    for _ in 0..5 {
        text.push(SAFE[(rest % 27) as usize] as char);
        rest /= 27;
    }
    text
}

/// The text of `pod-template-hash` for a 32-bit hash. Models `rand.SafeEncodeString(fmt.Sprint(hash))`.
pub fn safe_encode(hash: u32) -> String {
    hash.to_string().bytes().map(|digit| SAFE[digit as usize % 27] as char).collect()
}

/// FNV-1a of 32 bits, fed piece by piece.
#[derive(Clone, Copy, Debug)]
pub struct Fnv32(pub u32);

impl Default for Fnv32 {
    fn default() -> Fnv32 {
        Fnv32(0x811c_9dc5)
    }
}

impl Fnv32 {
    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_depend_on_seed_and_every_part() {
        let base = bits(1, &["a", "bc"]);
        assert_eq!(base, bits(1, &["a", "bc"]));
        for other in [bits(2, &["a", "bc"]), bits(1, &["ab", "c"]), bits(1, &["a", "bd"]), bits(1, &["abc"])] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn uids_are_version_4_and_survive_text() {
        let uid = uid(7, &["Pod", "default", "a"]);
        let text = uid.to_string();
        assert_eq!((text.as_bytes()[14], b"89ab".contains(&text.as_bytes()[19])), (b'4', true));
        assert_eq!(parse_uid(&text), Some(uid));
        assert_eq!(parse_uid("4-4"), None);
        assert_eq!(parse_uid(&text.replace('-', "a")), None);
    }

    #[test]
    fn made_up_names_use_the_alphabet_of_kubernetes() {
        assert_eq!(safe_encode(0), "4");
        assert_eq!(safe_encode(1_234_567_890), "56789bcdf4");
        assert!(suffix(bits(3, &["x"])).bytes().all(|byte| SAFE.contains(&byte)));
    }
}
