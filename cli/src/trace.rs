//! `podhop trace`: one conversation, step by step.

use crate::say;
use crate::{Failure, args, input, usage};
use podhop_engine::protocol::{FlowView, PacketView, Server, StepView, WhyView};
use podhop_engine::tables::NetnsId;
use podhop_engine::trace::{FlowEnd, FlowId, Nanos};
use podhop_engine::world::{ProbeKind, ProbeSpec, World};
use serde::Serialize;
use std::net::IpAddr;

/// How long to wait for an answer: longer than ARP's three seconds.
const TIMEOUT: Nanos = 10_000_000_000;

#[derive(Default)]
struct Wanted {
    from: Option<String>,
    to: Option<String>,
    port: Option<u16>,
    protocol: Option<String>,
    size: Option<u16>,
    ttl: Option<u8>,
    dont_fragment: bool,
    json: bool,
    why: bool,
    pcap: Option<String>,
}

pub fn run(parser: lexopt::Parser) -> Result<(), Failure> {
    let mut wanted = Wanted::default();
    let common = args::parse(parser, |name, value| {
        match name {
            Some("--from") => wanted.from = Some(value()?),
            Some("--to") => wanted.to = Some(value()?),
            Some("--port") => wanted.port = Some(args::number(&value()?, "--port")?),
            Some("--protocol") => wanted.protocol = Some(value()?.to_ascii_uppercase()),
            Some("--size") => wanted.size = Some(args::number(&value()?, "--size")?),
            Some("--ttl") => wanted.ttl = Some(ttl(&value()?)?),
            Some("--df") => wanted.dont_fragment = true,
            Some("--json") => wanted.json = true,
            Some("--why") => wanted.why = true,
            Some("--pcap") => wanted.pcap = Some(value()?),
            Some(other) => return usage(format!("podhop trace has no option {other}")),
            None => return usage(format!("podhop trace takes no argument {:?}", value()?)),
        }
        Ok(())
    })?;
    let kind = kind(&wanted)?;
    let mut server = Server::over(input::open(&common)?);
    let from = wanted.from.as_deref().ok_or_else(|| Failure::Usage("--from NAMESPACE/POD or node/NAME".to_owned()))?;
    let to =
        wanted.to.as_deref().ok_or_else(|| Failure::Usage("--to ADDRESS, NAMESPACE/POD or node/NAME".to_owned()))?;
    let from = netns_of(server.world(), from).map_err(Failure::Usage)?;
    let to = address_of(server.world(), to).map_err(Failure::Usage)?;
    let result = server.world().probe(&ProbeSpec { from, to, kind, timeout: TIMEOUT });
    show(&mut server, result.flow, &wanted)?;
    if result.end == FlowEnd::Delivered { Ok(()) } else { Err(Failure::Status(1)) }
}

fn show(server: &mut Server, flow: FlowId, wanted: &Wanted) -> Result<(), Failure> {
    let view = server.viewed(flow.0, |viewer, trace| viewer.flow(trace)).map_err(Failure::Usage)?;
    if let Some(path) = &wanted.pcap {
        let trace = server.world().recorder().get(flow);
        let bytes = trace.map(|trace| podhop_engine::trace::pcap(trace, None)).unwrap_or_default();
        std::fs::write(path, bytes).map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
    }
    let lookups = if wanted.why { server.all_why(flow.0).map_err(Failure::Usage)? } else { Vec::new() };
    if wanted.json {
        let why = wanted.why.then(|| lookups.into_iter().map(|(packet, step, why)| Lookup { packet, step, why }));
        let whole = Whole { flow: view, why: why.map(Iterator::collect) };
        let json = serde_json::to_string_pretty(&whole).map_err(|error| Failure::Usage(error.to_string()))?;
        say(format_args!("{json}\n"));
    } else {
        say(format_args!("{}", text(&view, &lookups)));
    }
    Ok(())
}

/// The trace as `--json` prints it; with `--why` the lookups follow.
#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    flow: FlowView,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Vec<Lookup>>,
}

#[derive(Serialize)]
struct Lookup {
    packet: u32,
    step: u32,
    #[serde(flatten)]
    why: WhyView,
}

fn kind(wanted: &Wanted) -> Result<ProbeKind, Failure> {
    let (ttl, dont_fragment) = (wanted.ttl, wanted.dont_fragment);
    let protocol = wanted.protocol.as_deref().unwrap_or(if wanted.port.is_some() { "TCP" } else { "ICMP" });
    let port = || wanted.port.ok_or_else(|| Failure::Usage(format!("--protocol {protocol} needs --port N")));
    Ok(match protocol {
        "ICMP" if wanted.port.is_some() => return usage("ICMP has no ports: leave --port or choose TCP, UDP or SCTP"),
        "ICMP" => ProbeKind::Ping { size: wanted.size.unwrap_or(56), dont_fragment, ttl },
        "TCP" => ProbeKind::Tcp { port: port()?, ttl },
        "UDP" => ProbeKind::Udp { port: port()?, size: wanted.size.unwrap_or(16), dont_fragment, ttl },
        "SCTP" => ProbeKind::Sctp { port: port()? },
        other => return usage(format!("unknown protocol {other:?}; one of ICMP, TCP, UDP, SCTP")),
    })
}

/// The namespace of `node/NAME`, `NAMESPACE/POD`, `pod/NAMESPACE/POD` or `POD` in `default`.
pub fn netns_of(world: &World, name: &str) -> Result<NetnsId, String> {
    let revision = world.revision();
    let (namespace, pod) = match name.split('/').collect::<Vec<_>>()[..] {
        ["node", node] => {
            let record = revision.node(node).ok_or_else(|| format!("node {node:?} not found"))?;
            return Ok(record.netns);
        }
        ["pod", namespace, pod] | [namespace, pod] => (namespace, pod),
        [pod] => ("default", pod),
        _ => return Err(format!("{name:?} names no Pod or node: write NAMESPACE/POD or node/NAME")),
    };
    let record = revision.pod(namespace, pod).ok_or_else(|| format!("pod \"{namespace}/{pod}\" not found"))?;
    record
        .netns
        .ok_or_else(|| format!("pod \"{namespace}/{pod}\" has no network yet: {} {}", phase(record), record.reason))
}

fn phase(record: &podhop_engine::cluster::PodRecord) -> String {
    format!("{:?}", record.phase)
}

/// An address, or the address of a Pod or node.
pub fn address_of(world: &World, name: &str) -> Result<IpAddr, String> {
    if let Ok(ip) = name.parse() {
        return Ok(ip);
    }
    let revision = world.revision();
    let (namespace, pod) = match name.split('/').collect::<Vec<_>>()[..] {
        ["node", node] => return revision.node(node).map(|n| n.ip).ok_or_else(|| format!("node {node:?} not found")),
        ["pod", namespace, pod] | [namespace, pod] => (namespace, pod),
        [pod] => ("default", pod),
        _ => return Err(format!("{name:?} is no address, Pod or node")),
    };
    if let Some(node) = (namespace == "default").then(|| revision.node(pod)).flatten()
        && revision.pod(namespace, pod).is_none()
    {
        return Ok(node.ip);
    }
    let record = revision.pod(namespace, pod).ok_or_else(|| format!("pod \"{namespace}/{pod}\" not found"))?;
    let ip = record.ip.as_ref().map(|(ip, _)| *ip);
    ip.ok_or_else(|| format!("pod \"{namespace}/{pod}\" has no address yet: {} {}", phase(record), record.reason))
}

/// The conversation for a terminal: packets, places, steps, rows and their YAML; with `--why` the rows that were tried.
fn text(view: &FlowView, lookups: &[(u32, u32, WhyView)]) -> String {
    let mut text =
        format!("{}: {} → {}, {}\n", view.summary.title, view.summary.from, view.summary.to, view.summary.end);
    if !view.summary.reason.is_empty() {
        text += &format!("  {}\n", view.summary.reason);
    }
    for packet in &view.packets {
        text += &packet_text(packet, lookups);
    }
    if view.unrecorded_count > 0 {
        text += &format!("\n… and {} packets more\n", view.unrecorded_count);
    }
    text
}

fn packet_text(packet: &PacketView, lookups: &[(u32, u32, WhyView)]) -> String {
    let parent = packet.parent.as_ref().map_or_else(String::new, |(id, relation)| format!(", {relation} packet {id}"));
    let mut text =
        format!("\npacket {} {}  {}  ({}{parent})\n", packet.packet, packet.title, packet.label, packet.disposition);
    let mut place = "";
    for (number, step) in packet.steps.iter().enumerate() {
        if step.place != place {
            place = &step.place;
            text += &format!("  {place}\n");
        }
        text += &step_text(step);
        let at = lookups.binary_search_by_key(&(packet.packet, number as u32), |(packet, step, _)| (*packet, *step));
        text += &at.map_or_else(|_| String::new(), |at| why_text(&lookups[at].2));
    }
    text
}

/// Why the step went as it did, and the rows that were tried, each with what kept it from deciding.
fn why_text(why: &WhyView) -> String {
    let mut text = format!("{:22}why: {}\n", "", why.because);
    for tried in &why.tables {
        for row in &tried.rows {
            text += &format!("{:22}not {}: {}\n{:26}{}\n", "", tried.table, row.text, "", row.reason);
        }
        if !tried.note.is_empty() {
            text += &format!("{:22}{}: {}\n", "", tried.table, tried.note);
        } else if tried.left_count > 0 {
            text += &format!("{:22}… and {} more of {}\n", "", tried.left_count, tried.command);
        }
    }
    text
}

fn step_text(step: &StepView) -> String {
    let micros = format!("{}.{:03}", step.at_ns / 1_000, step.at_ns % 1_000);
    let mut text = format!("    {micros:>12} µs  {:<12} {:<16} {}\n", step.title, step.device, step.sentence);
    if let Some(cause) = &step.cause {
        let at =
            cause.origin.at.as_ref().map_or_else(String::new, |at| format!("  {}:{}:{}", at.file, at.line, at.column));
        text += &format!("{:22}{}: {}\n{:22}from {}{at}\n", "", cause.table, cause.text, "", cause.origin.label);
    }
    text
}

/// A packet with TTL 0 is not sent by any socket.
fn ttl(text: &str) -> Result<u8, Failure> {
    match args::number(text, "--ttl")? {
        0 => usage("--ttl 0: a number from 1 to 255 is expected"),
        ttl => Ok(ttl),
    }
}
