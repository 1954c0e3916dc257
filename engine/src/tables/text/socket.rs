//! Listening sockets, as `ss -lntup` lists them (iproute2 misc/ss.c), with fixed column widths.

use crate::tables::{Listener, Netns};
use std::fmt::Write;
use std::net::IpAddr;

/// `tcp    LISTEN  0.0.0.0:80            0.0.0.0:*          users:(("nginx"))` without the padding.
pub fn row(listener: &Listener) -> String {
    let mut text = String::new();
    let (local, peer) = ends(listener);
    let (netid, state) = kind(listener);
    let _ = write!(text, "{netid} {state} 0 {} {local} {peer} users:((\"{}\"))", backlog(listener), listener.process);
    text
}

/// `ss -lntup`.
pub fn all(netns: &Netns) -> String {
    let mut text = String::from("Netid State  Recv-Q Send-Q     Local Address:Port     Peer Address:Port Process\n");
    for listener in &netns.listeners {
        let (local, peer) = ends(listener);
        let (netid, state) = kind(listener);
        let _ = writeln!(
            text,
            "{netid:<5} {state:<6} {:<6} {:<6} {local:>22} {peer:>21} users:((\"{}\"))",
            0,
            backlog(listener),
            listener.process
        );
    }
    text
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

fn ends(listener: &Listener) -> (String, &'static str) {
    let port = listener.port;
    match listener.ip {
        None => (format!("*:{port}"), "*:*"),
        Some(IpAddr::V4(ip)) => (format!("{ip}:{port}"), "0.0.0.0:*"),
        Some(IpAddr::V6(ip)) => (format!("[{ip}]:{port}"), "[::]:*"),
    }
}
