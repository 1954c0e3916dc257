//! Addresses and subnets as Kubernetes reads them: leniently, with a warning. Models apimachinery
//! pkg/util/validation/ip.go.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::manifest::{Diagnostics, Span};

const IP: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const CIDR: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/// An address; IPv4 numbers may have leading zeros, which count as decimal.
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| without_leading_zeros(text)?.parse().ok())
}

fn without_leading_zeros(text: &str) -> Option<String> {
    if text.contains(':') || text.len() > 32 {
        return None;
    }
    let strip = |part: &str| match part.trim_start_matches('0') {
        "" if !part.is_empty() => "0".to_owned(),
        rest => rest.to_owned(),
    };
    Some(text.split('.').map(strip).collect::<Vec<_>>().join("."))
}

/// The address that stands at `span`; an error if it is none, a warning if it is written in a way that Kubernetes will
/// refuse one day.
pub fn read_ip(text: &str, span: Span, diagnostics: &mut Diagnostics) -> Option<IpAddr> {
    let ip = parse_ip(text);
    match ip {
        None => {
            let added = diagnostics.error("ip", span, format!("Invalid value: \"{text}\": {IP}"));
            if text.contains('/') {
                added.hint("an address without a prefix length is expected");
            }
        }
        Some(ip) if !text.contains(':') && text.parse::<IpAddr>().is_err() => {
            nonstandard(text, &ip.to_string(), span, diagnostics)
        }
        Some(_) => {}
    }
    ip
}

/// The subnet that stands at `span`, cut to its prefix.
pub fn read_cidr(text: &str, span: Span, diagnostics: &mut Diagnostics) -> Option<IpNet> {
    let parsed = text.split_once('/').and_then(|(ip, prefix)| {
        let length = if prefix.len() <= 3 && prefix.bytes().all(|b| b.is_ascii_digit()) {
            prefix.parse().ok()?
        } else {
            return None;
        };
        Some((ip, IpNet::new(parse_ip(ip)?, length).ok()?))
    });
    let Some((ip, net)) = parsed else {
        let added = diagnostics.error("cidr", span, format!("Invalid value: \"{text}\": {CIDR}"));
        if parse_ip(text).is_some() {
            added.hint("add a prefix length such as /16");
        }
        return None;
    };
    if ip.parse::<IpAddr>().is_err() {
        nonstandard(text, &net.to_string(), span, diagnostics);
    } else if net.addr() != net.network() {
        let cut = net.trunc().to_string();
        let message = format!(
            "CIDR value \"{text}\" is ambiguous in this context (should be \"{cut}\" or \"{ip}/{}\"?)",
            net.max_prefix_len()
        );
        diagnostics.warning("cidr", span, message).hint(format!("write {cut}, which is what is used"));
    }
    Some(net.trunc())
}

fn nonstandard(text: &str, standard: &str, span: Span, diagnostics: &mut Diagnostics) {
    let message = format!(
        "non-standard IP address \"{text}\" will be considered invalid in a future Kubernetes release: use \"{standard}\""
    );
    diagnostics.warning("ip", span, message).hint("leading zeros are read as decimal here and as octal elsewhere");
}

/// Whether one subnet holds an address of the other.
pub fn overlap(left: &IpNet, right: &IpNet) -> bool {
    left.contains(right) || right.contains(left)
}
