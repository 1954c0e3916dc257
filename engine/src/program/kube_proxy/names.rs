//! The names of kube-proxy's chains: a prefix and sixteen letters of a hash.

use sha2::{Digest, Sha256};
use std::sync::Arc;

/// RFC 4648's alphabet.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// `KUBE-SVC-` and the first 16 letters of base32(sha256(parts)). Models iptables/proxier.go portProtoHash and
/// servicePortEndpointChainName.
pub fn chain(prefix: &str, parts: &[&str]) -> Arc<str> {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part.as_bytes()));
    let digest = hash.finalize();
    let mut name = String::with_capacity(prefix.len() + 16);
    name.push_str(prefix);
    // Sixteen letters of five bits are ten bytes.
    for bytes in digest[..10].chunks_exact(5) {
        let bits = bytes.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        (0..8).for_each(|at| name.push(BASE32[(bits >> (35 - 5 * at) & 31) as usize] as char));
    }
    name.into()
}

/// The longest name, its longest prefix taken off: knftables allows 256 bytes.
const HASHED_LEN_MAX: usize = 256 - 16;

/// A name with eight letters of its hash before it, cut where it is too long. Models nftables/proxier.go hashAndTruncate.
pub fn hashed(name: &str) -> Arc<str> {
    let hash = chain("", &[name]);
    let full = format!("{}-{name}", &hash[..8]);
    if full.len() <= HASHED_LEN_MAX {
        return full.into();
    }
    format!("{}...", &full[..HASHED_LEN_MAX - 3]).into()
}
