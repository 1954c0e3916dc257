//! One table of one place, in the real tool's text, with the row that decided lit.

pub mod model;
#[cfg(target_arch = "wasm32")]
mod view;
#[cfg(target_arch = "wasm32")]
pub use view::tables;

/// The tables of a namespace: the protocol's name and what they are called here.
pub const TABLES: [(&str, &str); 11] = [
    ("route", "routes"),
    ("neigh", "neighbours"),
    ("fdb", "bridge FDB"),
    ("link", "links"),
    ("addr", "addresses"),
    ("socket", "sockets"),
    ("nat", "nat rules"),
    ("filter", "filter rules"),
    ("mangle", "mangle rules"),
    ("conntrack", "connections"),
    ("sysctl", "sysctls"),
];

/// The tables that a place has.
pub fn tables_of(place: &str) -> &'static [(&'static str, &'static str)] {
    if place.starts_with("segment") { &[("segment", "switch ports")] } else { &TABLES }
}
