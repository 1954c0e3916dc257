//! Listening sockets, as `ss -lntup` lists them (iproute2 misc/ss.c) when its output is not a terminal. Process numbers
//! and descriptors are left out.

use crate::tables::{Listener, Netns};
use std::net::IpAddr;

/// `tcp LISTEN 0 4096 0.0.0.0:80 0.0.0.0:* users:(("nginx"))`: the columns with one space between them.
pub fn row(listener: &Listener) -> String {
    let [netid, state, received, backlog, local, port, peer, peer_port, users] = columns(listener);
    format!("{netid} {state} {received} {backlog} {local}{port} {peer}{peer_port}{users}")
}

/// `ss -lntup`: each column as wide as its widest cell.
pub fn all(netns: &Netns) -> String {
    let head = ["Netid", "State", "Recv-Q", "Send-Q", "Local Address:", "Port", "Peer Address:", "Port", "Process"];
    let mut rows = vec![head.map(String::from)];
    rows.extend(netns.listeners.iter().map(columns));
    let mut widths = [0; 9];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        for (i, cell) in row.iter().enumerate() {
            let gap = widths[i] - cell.len();
            // Addresses end where their ports begin; the last column follows the peer's port without a space.
            let (space, right) = (!matches!(i, 0 | 5 | 7 | 8), matches!(i, 4 | 6));
            text.extend(std::iter::repeat_n(' ', usize::from(space) + if right { gap } else { 0 }));
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', if right { 0 } else { gap }));
        }
        text.push('\n');
    }
    text
}

fn columns(listener: &Listener) -> [String; 9] {
    let (netid, state) = kind(listener);
    let (local, peer) = match listener.ip {
        None => (String::from("*:"), "*:"),
        Some(IpAddr::V4(ip)) => (format!("{ip}:"), "0.0.0.0:"),
        Some(IpAddr::V6(ip)) => (format!("[{ip}]:"), "[::]:"),
    };
    let users = format!(" users:((\"{}\"))", listener.process);
    let (port, backlog) = (listener.port.to_string(), backlog(listener).to_string());
    [netid.into(), state.into(), "0".into(), backlog, local, port, peer.into(), "*".into(), users]
}

fn kind(listener: &Listener) -> (&'static str, &'static str) {
    match listener.protocol {
        crate::net::Protocol::Tcp => ("tcp", "LISTEN"),
        crate::net::Protocol::Udp => ("udp", "UNCONN"),
        crate::net::Protocol::Sctp => ("sctp", "LISTEN"),
    }
}

fn backlog(listener: &Listener) -> u32 {
    if listener.protocol == crate::net::Protocol::Udp { 0 } else { 4096 }
}
