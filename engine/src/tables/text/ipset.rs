//! `ipset list` and `ipset save` of ipset 7.17.

use crate::net::{Family, Protocol};
use crate::tables::netfilter::{IpSet, SetEntry, SetType};
use ipnet::IpNet;

fn type_name(kind: SetType) -> &'static str {
    match kind {
        SetType::HashIp => "hash:ip",
        SetType::HashNet => "hash:net",
        SetType::HashIpPort => "hash:ip,port",
        SetType::HashIpPortIp => "hash:ip,port,ip",
        SetType::HashIpPortNet => "hash:ip,port,net",
        SetType::BitmapPort => "bitmap:port",
    }
}

fn revision(kind: SetType) -> u32 {
    match kind {
        SetType::HashIp => 6,
        SetType::HashNet | SetType::HashIpPort => 7,
        SetType::HashIpPortIp => 6,
        SetType::HashIpPortNet => 8,
        SetType::BitmapPort => 3,
    }
}

fn header(set: &IpSet) -> String {
    if set.set_type == SetType::BitmapPort {
        return "range 0-65535".to_owned();
    }
    let family = if set.family == Family::V4 { "inet" } else { "inet6" };
    let (elements_max, initval) = (set.elements_max, initval(&set.name));
    format!("family {family} hashsize 1024 maxelem {elements_max} bucketsize 12 initval 0x{initval:08x}")
}

/// The kernel draws it; here it is the same for the same name.
fn initval(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// `10.244.1.2,tcp:80`
pub fn entry(entry: &SetEntry) -> String {
    let net = |net: &IpNet| match net.prefix_len() == net.max_prefix_len() {
        true => net.addr().to_string(),
        false => net.to_string(),
    };
    let mut parts: Vec<String> = entry.net.iter().map(net).collect();
    let bare = entry.net.is_none();
    parts.extend(entry.port.iter().map(|(protocol, port)| match (bare, protocol) {
        (true, _) => port.to_string(),
        (false, Protocol::Tcp) => format!("tcp:{port}"),
        (false, Protocol::Udp) => format!("udp:{port}"),
        (false, Protocol::Sctp) => format!("sctp:{port}"),
    }));
    parts.extend(entry.second.iter().map(net));
    parts.join(",")
}

/// One set, as `ipset list` prints it; `references` rules look into it.
pub fn list(set: &IpSet, references: usize) -> String {
    let (name, kind, count) = (&set.name, type_name(set.set_type), set.entries.len());
    let members: String = set.entries.iter().map(|row| entry(row) + "\n").collect();
    format!(
        "Name: {name}\nType: {kind}\nRevision: {}\nHeader: {}\nSize in memory: {}\nReferences: {references}\n\
         Number of entries: {count}\nMembers:\n{members}",
        revision(set.set_type),
        header(set),
        200 + 56 * count,
    )
}

/// `create KUBE-CLUSTER-IP hash:ip,port family inet …`
pub fn head(set: &IpSet) -> String {
    format!("create {} {} {}", set.name, type_name(set.set_type), header(set))
}

/// One set, as `ipset save` prints it and `ipset restore` reads it.
pub fn save(set: &IpSet) -> String {
    let entries = set.entries.iter().map(|row| format!("add {} {}\n", set.name, entry(row)));
    head(set) + "\n" + &entries.collect::<String>()
}
