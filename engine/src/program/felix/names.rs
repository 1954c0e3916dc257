//! Names that Felix gives, and the bits of marks that it uses.

use crate::net::Family;
use sha2::{Digest, Sha224, Sha256};
use std::sync::Arc;

/// What IptablesMarkMask 0xffff0000 gives, one bit after the other.
pub const ACCEPT: u32 = 0x1_0000;
pub const PASS: u32 = 0x2_0000;
pub const DROP: u32 = 0x4_0000;
pub const SCRATCH0: u32 = 0x8_0000;
pub const SCRATCH1: u32 = 0x10_0000;
pub const ALL: u32 = ACCEPT | PASS | SCRATCH0 | SCRATCH1;

/// What is left: with IPVS the number of the endpoint that a packet comes from, of which the lowest means none of Calico's.
pub const ENDPOINT: u32 = 0xffe0_0000;
pub const NO_ENDPOINT: u32 = 0x20_0000;

const CHAIN_LEN_MAX: usize = 28;
const SET_LEN_MAX: usize = 31;
/// RFC 4648's alphabet that is safe in URLs.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Without padding.
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 2);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).for_each(|at| text.push(BASE64[(bits >> (18 - 6 * at) & 63) as usize] as char));
    }
    text
}

/// A chain's name; of one that is too long the beginning of a hash. Models felix/hashutils GetLengthLimitedID.
pub fn chain(prefix: &str, suffix: &str) -> Arc<str> {
    let len = prefix.len() + suffix.len();
    if len < CHAIN_LEN_MAX || len == CHAIN_LEN_MAX && !suffix.starts_with('_') {
        return format!("{prefix}{suffix}").into();
    }
    let hash = base64(&Sha256::digest(suffix));
    format!("{prefix}_{}", &hash[..CHAIN_LEN_MAX - 1 - prefix.len()]).into()
}

/// What tells sets apart: `s:` and a hash. Models libcalico-go/lib/hash MakeUniqueID.
pub fn unique_id(prefix: &str, content: &str) -> String {
    format!("{prefix}:{}", base64(&Sha224::digest(format!("{prefix}:{content}"))))
}

/// `cali40s:…`, cut where ipset's names end. Models felix/ipsets NameForMainIPSet.
pub fn set(family: Family, id: &str) -> Arc<str> {
    let mut name = format!("{}{id}", if family == Family::V4 { "cali40" } else { "cali60" });
    name.truncate(SET_LEN_MAX);
    name.into()
}
