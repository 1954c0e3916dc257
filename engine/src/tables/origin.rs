//! Why a row exists.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// An object's identity: prints as the UUID in `metadata.uid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Uid(pub u128);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            (n >> 96) as u32,
            (n >> 80) as u16,
            (n >> 64) as u16,
            (n >> 48) as u16,
            (n as u64) & 0xffff_ffff_ffff
        )
    }
}

/// The cause of one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Origin {
    /// A field of an object, such as `spec.podCIDR` of a Node. Resolved to a place in the YAML on demand.
    Object { uid: Uid, path: Cow<'static, str> },
    /// A component's default that no object overrides: (`flannel`, `Backend.VNI defaults to 1`).
    Default { component: Cow<'static, str>, reason: Cow<'static, str> },
    /// Made by the kernel from another row: connected and local routes, loopback.
    Kernel,
    /// Learned from a packet.
    Learned,
}

impl Origin {
    pub fn object(uid: Uid, path: &'static str) -> Origin {
        Origin::Object { uid, path: Cow::Borrowed(path) }
    }

    pub fn default(component: &'static str, reason: &'static str) -> Origin {
        Origin::Default { component: Cow::Borrowed(component), reason: Cow::Borrowed(reason) }
    }
}
