//! HTTP clients: `curl` 8.14 and `wget` (busybox 1.37's and GNU's 1.21). Left out: TLS, proxies, HTTP/2, uploads of files.

mod curl;
mod fetch;
#[cfg(test)]
mod tests;
mod url;
mod wget;

pub use curl::{SPEC as CURL, run as curl};
pub use wget::{run as wget, spec as wget_options};
