//! Tools that ask name servers: `dig`, `host`, `nslookup` (BIND 9.18's and busybox 1.37's), `getent`.

mod ask;
mod dig;
mod getent;
mod host;
mod nslookup;
#[cfg(test)]
mod tests;

pub use dig::run as dig;
pub use getent::run as getent;
pub use host::run as host;
pub use nslookup::run as nslookup;

use super::options::Spec;
use crate::console::machine::Machine;

/// The options of `host`.
pub const HOST: Spec = Spec::short("46aCdilrsTUvVwc:N:R:t:W:m:p:");
/// The options of `getent`.
pub const GETENT: Spec = Spec::short("is:");

/// The options that dig has with one dash; it also takes `+words` and `@SERVER`.
pub const DIG: Spec = Spec::short("46hmruvb:c:f:k:p:q:t:x:y:");

/// busybox's nslookup is another program than BIND's.
pub fn nslookup_options(_: &Machine<'_>) -> Spec {
    Spec::short("")
}
