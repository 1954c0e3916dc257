//! What CoreDNS's helpers read from words: zones, ports, numbers, durations.

use super::normal;
use crate::manifest::corefile::{Problem, Word};
use crate::net::dns::name;
use std::net::IpAddr;
use std::sync::Arc;

/// Most zones that one CIDR stands for.
const ZONES_MAX: usize = 256;

/// A zone's text without its port, and the port. Models plugin/normalize.go SplitHostPort.
pub(super) fn zone_and_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let (mut zone, mut port) = (text, None);
    if let Some((before, after)) = text.rsplit_once(':') {
        if after.is_empty() {
            return Err(format!("expecting data after last colon: {text:?}"));
        }
        // An IPv6 network's last group is no port: it ends in its prefix length.
        if after.bytes().all(|byte| byte.is_ascii_digit()) {
            port = Some(after.parse().map_err(|_| format!("invalid port {after:?}"))?);
            zone = before;
        }
    }
    if !zone.contains('/') && !name::is_valid(zone) {
        return Err(format!("zone is not a valid domain name: {zone}"));
    }
    Ok((zone, port))
}

/// The zones that a word names: itself, or a network's reverse zones. Models plugin/normalize.go NormalizeExact.
pub(super) fn zones(text: &str) -> Vec<Arc<str>> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let Ok((zone, _)) = zone_and_port(text) else { return Vec::new() };
    let zone = if zone.is_empty() { "." } else { zone };
    match zone.parse::<ipnet::IpNet>() {
        Ok(net) => reverse_zones(net),
        Err(_) => vec![normal(zone)],
    }
}

/// A network as zones on the next boundary of a label.
fn reverse_zones(net: ipnet::IpNet) -> Vec<Arc<str>> {
    let step = if net.addr().is_ipv4() { 8 } else { 4 };
    let len = net.prefix_len().next_multiple_of(step);
    let Ok(subnets) = net.subnets(len) else { return Vec::new() };
    subnets.take(ZONES_MAX).map(|subnet| reverse_zone(subnet.network(), len / step)).collect()
}

fn reverse_zone(ip: IpAddr, labels: u8) -> Arc<str> {
    let whole = name::of_address(ip);
    let all = name::labels(&whole);
    let host = all.len() - 2 - usize::from(labels);
    name::join(&all[host..])
}

/// An integer as Go's `strconv.Atoi` reads it.
pub(super) fn integer(word: &Word) -> Result<i64, Problem> {
    let error = || Problem::plain(Some(word), format!("strconv.Atoi: parsing {:?}: invalid syntax", &*word.text));
    word.text.parse::<i64>().map_err(|_| error())
}

/// A duration as Go's `time.ParseDuration` reads it, in nanoseconds.
pub(super) fn duration(word: &Word) -> Result<i64, Problem> {
    let error = |what: &str| Problem::plain(Some(word), format!("time: {what} duration {:?}", &*word.text));
    let (negative, mut rest) = match word.text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, word.text.strip_prefix('+').unwrap_or(&word.text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| error("invalid"))?;
        rest = &rest[digits..];
        let len = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..len] {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            "" => return Err(error("missing unit in")),
            _ => return Err(error("unknown unit in")),
        };
        total += number * unit;
        rest = &rest[len..];
    }
    if word.text.is_empty() {
        return Err(error("invalid"));
    }
    let nanos = total.min(i64::MAX as f64) as i64;
    Ok(if negative { -nanos } else { nanos })
}
