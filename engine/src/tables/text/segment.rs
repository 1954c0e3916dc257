//! The node network's switch, as `bridge fdb` would list it on the machine that holds the nodes.

use crate::tables::{Port, Segment};

/// `02:42:ac:12:00:03 dev worker-1 master kind`; `owner` names the namespace behind the port.
pub fn row(segment: &Segment, port: &Port, owner: &str) -> String {
    format!("{} dev {owner} master {}", port.mac, segment.name)
}
