//! `probe` fences: who reaches whom.

use crate::cluster::PodPhase;
use crate::net::IcmpError;
use crate::tables::NetnsId;
use crate::trace::FlowEnd;
use crate::world::{ProbeKind, ProbeSpec, World};
use std::net::IpAddr;

const TIMEOUT: u64 = 10_000_000_000;

/// Runs one line, `FROM -> TO[:PORT[/PROTOCOL]] = allowed | blocked | refused`. FROM and TO are `pod`, `namespace/pod`
/// or `node/name`, TO may be an address. Without a port it is a ping. Refused:
/// the destination says so, or a rule on the way. Says what is, if that is not what should be.
pub(super) fn run(world: &mut World, line: &str) -> Result<(), String> {
    let form = || format!("{line:?} is not of the form FROM -> TO:PORT = allowed | blocked | refused");
    let (ends, wanted) = line.rsplit_once('=').ok_or_else(form)?;
    let (from, to) = ends.split_once("->").ok_or_else(form)?;
    let (to, kind) = target(to.trim())?;
    let from = netns(world, from.trim())?;
    let to = address(world, to)?;
    let result = world.probe(&ProbeSpec { from, to, kind, timeout: TIMEOUT });
    let is = match result.end {
        FlowEnd::Delivered => "allowed",
        FlowEnd::Refused | FlowEnd::Unreachable { error: IcmpError::PortUnreachable, .. } => "refused",
        _ => "blocked",
    };
    match wanted.trim() {
        wanted @ ("allowed" | "blocked" | "refused") if wanted == is => Ok(()),
        "allowed" | "blocked" | "refused" => Err(format!("{} = {is}", ends.trim())),
        other => Err(format!("unknown outcome {other:?}; one of allowed, blocked, refused")),
    }
}

fn target(to: &str) -> Result<(&str, ProbeKind), String> {
    let Some((host, port)) = to.rsplit_once(':') else {
        return Ok((to, ProbeKind::Ping { size: 56, dont_fragment: false, ttl: None }));
    };
    let (port, protocol) = port.split_once('/').unwrap_or((port, "TCP"));
    let port: u16 = port.parse().map_err(|_| format!("{port:?} is no port"))?;
    let kind = match protocol {
        "TCP" => ProbeKind::Tcp { port, ttl: None },
        "UDP" => ProbeKind::Udp { port, size: 16, dont_fragment: false, ttl: None },
        "SCTP" => ProbeKind::Sctp { port },
        other => return Err(format!("unknown protocol {other:?}; one of TCP, UDP, SCTP")),
    };
    Ok((host, kind))
}

fn netns(world: &World, name: &str) -> Result<NetnsId, String> {
    if let Some(node) = name.strip_prefix("node/") {
        return world.revision().node(node).map(|node| node.netns).ok_or_else(|| format!("there is no node {node:?}"));
    }
    let (namespace, pod) = name.split_once('/').unwrap_or(("default", name));
    let record = world.revision().pod(namespace, pod).ok_or_else(|| format!("there is no Pod {name:?}"))?;
    match record.phase {
        PodPhase::Pending => Err(format!("{name} is Pending: {}", record.reason)),
        _ => record.netns.ok_or_else(|| format!("{name} has no network: {}", record.reason)),
    }
}

fn address(world: &World, name: &str) -> Result<IpAddr, String> {
    if let Ok(ip) = name.parse() {
        return Ok(ip);
    }
    if let Some(node) = name.strip_prefix("node/") {
        return world.revision().node(node).map(|node| node.ip).ok_or_else(|| format!("there is no node {node:?}"));
    }
    let (namespace, pod) = name.split_once('/').unwrap_or(("default", name));
    let record = world.revision().pod(namespace, pod).ok_or_else(|| format!("there is no Pod {name:?}"))?;
    record.ip.as_ref().map(|(ip, _)| *ip).ok_or_else(|| format!("{name} has no address: {}", record.reason))
}
