//! `podhop probe`: batch. One case a line in, one line of results out; a case that cannot be run gives its error.

mod dns;

use crate::args::Common;
use crate::trace::{address_of, netns_of};
use crate::{Failure, args, input, said, usage};
use podhop_engine::cluster::{CniName, Options, ProxyMode};
use podhop_engine::explain;
use podhop_engine::manifest::Severity;
use podhop_engine::net::{IcmpError, Protocol};
use podhop_engine::tables::{NetnsId, Place};
use podhop_engine::trace::{FlowEnd, HopPlace, Nanos, Trace};
use podhop_engine::world::{FirstPacket, NodeRules, NodeVerdict, ProbeKind, ProbeResult, ProbeSpec, World};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr};

/// How long a probe waits for an answer.
const TIMEOUT: Nanos = 10_000_000_000;
/// Most Pods of one matrix.
const MATRIX_MAX: usize = 1_000;

pub fn run(parser: lexopt::Parser) -> Result<(), Failure> {
    let mut path = None;
    let common = args::parse(parser, |name, value| match name {
        None if path.is_none() => {
            path = Some(value()?);
            Ok(())
        }
        None => usage("podhop probe takes one file, or - for standard input"),
        Some(other) => usage(format!("podhop probe has no option {other}")),
    })?;
    if !common.paths.is_empty() {
        return usage("podhop probe takes its manifests from the cases: podhop probe FILE, or - for standard input");
    }
    let path = path.unwrap_or_else(|| "-".to_owned());
    let reader: Box<dyn Read> = match path.as_str() {
        "-" => Box::new(std::io::stdin()),
        path => Box::new(std::fs::File::open(path).map_err(|error| Failure::Usage(format!("{path}: {error}")))?),
    };
    let mut failed = false;
    for (number, line) in BufReader::new(reader).lines().enumerate() {
        let line = line.map_err(|error| Failure::Usage(format!("{path}:{}: {error}", number + 1)))?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = match serde_json::from_str::<Value>(&line) {
            Ok(case) => answer(&case, &common),
            Err(error) => json!({"id": null, "error": format!("{path}:{}: {error}", number + 1)}),
        };
        failed |= answer.get("error").is_some();
        let mut out = std::io::stdout().lock();
        said(writeln!(out, "{answer}").and_then(|()| out.flush()));
    }
    if failed { Err(Failure::Status(1)) } else { Ok(()) }
}

/// The line of output for one case.
fn answer(case: &Value, common: &Common) -> Value {
    let id = case.get("id").cloned().unwrap_or(Value::Null);
    match results(case, common) {
        Ok(results) => json!({"id": id, "results": results}),
        Err(error) => json!({"id": id, "error": error}),
    }
}

fn results(case: &Value, common: &Common) -> Result<Vec<Value>, String> {
    let options = options(case, common)?;
    let sctp = options.cni == Some(CniName::Cilium) && asks_by_sctp(case);
    let mut world = input::empty(options);
    let manifests = text(case, "manifests")?;
    let applied = world.open_file("manifests.yaml", manifests, true);
    let first = applied.diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error);
    if let Some(error) = first {
        return Err(error.render(world.cluster().sources()).trim_end().to_owned());
    }
    if sctp && world.revision().network.cni.cilium().is_some_and(|config| !config.sctp_enabled) {
        world.open_file("cilium-config.yaml", CILIUM_SCTP, true);
    }
    let probes = case.get("probes").and_then(Value::as_array).ok_or("the case has no list of probes")?;
    probes
        .iter()
        .enumerate()
        .map(|(i, probe)| one(&mut world, probe).map_err(|error| format!("probe {}: {error}", i + 1)))
        .collect()
}

/// Whoever asks by SCTP has Cilium installed with it: `cilium install --set sctp.enabled=true`.
const CILIUM_SCTP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cilium-config\n  namespace: kube-system\n\
                           data:\n  enable-sctp: \"true\"\n";

fn asks_by_sctp(case: &Value) -> bool {
    let mut probes = case.get("probes").and_then(Value::as_array).into_iter().flatten();
    probes.any(|probe| probe.get("protocol").and_then(Value::as_str) == Some("SCTP"))
}

/// A flag before the case's `cluster` before the manifests.
fn options(case: &Value, common: &Common) -> Result<Options, String> {
    let mut options = common.options.clone();
    let Some(cluster) = case.get("cluster") else { return Ok(options) };
    if let (None, Some(cni)) = (options.cni, cluster.get("cni").and_then(Value::as_str)) {
        let hint = |error: String| format!("{error} (--cni flannel runs the case with Flannel)");
        options.cni = Some(cni.parse::<CniName>().map_err(hint)?);
    }
    if let (None, Some(proxy)) = (options.proxy, cluster.get("proxy").and_then(Value::as_str)) {
        options.proxy = Some(proxy.parse::<ProxyMode>()?);
    }
    Ok(options)
}

fn one(world: &mut World, probe: &Value) -> Result<Value, String> {
    match text(probe, "kind")? {
        "matrix" => matrix(world, probe),
        "flow" => flow(world, probe),
        "dns" => dns::run(world, probe),
        kind @ "http" => Err(format!("probes of kind {kind} are not simulated yet")),
        kind => Err(format!("unknown kind of probe {kind:?}; one of matrix, flow, dns")),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value.get(key).and_then(Value::as_str).ok_or_else(|| format!("{key} is missing or not a string"))
}

fn port(value: &Value) -> Result<u16, String> {
    let port = value.get("port").and_then(Value::as_u64).ok_or("port is missing or not a number")?;
    u16::try_from(port).ok().filter(|port| *port > 0).ok_or_else(|| format!("port {port} is not between 1 and 65535"))
}

fn kind(probe: &Value, port: u16) -> Result<ProbeKind, String> {
    Ok(match protocol(probe)? {
        Protocol::Tcp => ProbeKind::Tcp { port, ttl: None },
        Protocol::Udp => ProbeKind::Udp { port, size: 16, dont_fragment: false, ttl: None },
        Protocol::Sctp => ProbeKind::Sctp { port },
    })
}

fn matrix(world: &mut World, probe: &Value) -> Result<Value, String> {
    let pods = probe.get("pods").and_then(Value::as_array).ok_or("pods is missing or not a list")?;
    if pods.len() > MATRIX_MAX {
        return Err(format!("a matrix of {} Pods is too large: at most {MATRIX_MAX}", pods.len()));
    }
    let kind = kind(probe, port(probe)?)?;
    let mut ends = Vec::with_capacity(pods.len());
    for pod in pods {
        let name = pod.as_str().ok_or("pods holds something that is not a string")?;
        ends.push((netns_of(world, name)?, address_of(world, name)?));
    }
    let mut rows = Vec::with_capacity(ends.len());
    for (i, (from, _)) in ends.iter().enumerate() {
        let mut row = String::with_capacity(ends.len());
        for (j, (_, to)) in ends.iter().enumerate() {
            let connects = i != j && world.probe(&spec(*from, *to, kind)).connects();
            row.push(if i == j {
                '#'
            } else if connects {
                '.'
            } else {
                'X'
            });
        }
        rows.push(row);
    }
    Ok(json!({"matrix": rows}))
}

fn spec(from: NetnsId, to: IpAddr, kind: ProbeKind) -> ProbeSpec {
    ProbeSpec { from, to, kind, timeout: TIMEOUT }
}

fn flow(world: &mut World, probe: &Value) -> Result<Value, String> {
    let from = probe.get("from").ok_or("from is missing")?;
    let to = probe.get("to").ok_or("to is missing")?;
    let (address, port) = (to_address(world, from, to)?, port(to)?);
    if from.get("ip").is_some() {
        return entering(world, from, (address, port), protocol(probe)?);
    }
    let netns = from_netns(world, from)?;
    let rules = node_rules(world, netns, (address, port), protocol(probe)?);
    let result = world.probe(&spec(netns, address, kind(probe, port)?));
    let path = world.recorder().get(result.flow).map(nodes_passed).unwrap_or_default();
    let untouched = rules.as_ref().is_some_and(|rules| rules.verdict == NodeVerdict::Untouched);
    let verdict = match verdict(&result) {
        // No rule speaks of the address, and nobody serves there.
        "unreachable" | "dropped" | "refused" if untouched && from.get("node").is_some() => "untouched",
        verdict => verdict,
    };
    Ok(json!({
        "verdict": verdict,
        "connects": result.connects(),
        "dnat": rules.as_ref().map(backends).unwrap_or_default(),
        "masquerade": rules.is_some_and(|rules| rules.masquerade),
        "path": path,
        "reason": explain::ending(result.end).1,
    }))
}

/// A packet from an address that need not exist, as it enters at a node.
fn entering(world: &mut World, from: &Value, to: (IpAddr, u16), protocol: Protocol) -> Result<Value, String> {
    let ip: IpAddr = text(from, "ip")?.parse().map_err(|_| "from.ip is no address")?;
    let node = text(from, "node")?;
    let netns = netns_of(world, &format!("node/{node}"))?;
    let first = FirstPacket { node: netns, from: Some(ip), to: to.into(), protocol };
    let rules = world.node_rules(first).ok_or_else(|| format!("there is no node {node:?}"))?;
    let (verdict, connects) = match rules.verdict {
        NodeVerdict::Translated => ("delivered", true),
        NodeVerdict::Rejected => ("rejected", false),
        NodeVerdict::Dropped => ("dropped", false),
        NodeVerdict::Accepted => ("accepted", true),
        NodeVerdict::Untouched => ("untouched", false),
    };
    let reason = match rules.verdict {
        NodeVerdict::Translated => "a Service's rules send it to a backend",
        NodeVerdict::Rejected => "a rule rejects it",
        NodeVerdict::Dropped => "a rule drops it",
        NodeVerdict::Accepted => "a rule accepts it for the node itself",
        NodeVerdict::Untouched => "no Service's rule matches",
    };
    Ok(json!({
        "verdict": verdict,
        "connects": connects,
        "dnat": backends(&rules),
        "masquerade": rules.masquerade,
        "path": [node],
        "reason": reason,
    }))
}

/// What the rules of the sender's node may do with its first packet.
fn node_rules(world: &mut World, from: NetnsId, to: (IpAddr, u16), protocol: Protocol) -> Option<NodeRules> {
    let revision = world.revision();
    let (node, from) = match revision.pod_of_netns(from) {
        Some(pod) => (revision.node(pod.node.as_ref()?)?.netns, pod.ips().find(|ip| ip.is_ipv4() == to.0.is_ipv4())),
        None => (from, None),
    };
    world.node_rules(FirstPacket { node, from, to: to.into(), protocol })
}

fn backends(rules: &NodeRules) -> Vec<String> {
    rules.backends.iter().map(SocketAddr::to_string).collect()
}

fn protocol(probe: &Value) -> Result<Protocol, String> {
    Ok(match probe.get("protocol").and_then(Value::as_str).unwrap_or("TCP") {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        "SCTP" => Protocol::Sctp,
        other => return Err(format!("unknown protocol {other:?}; one of TCP, UDP, SCTP")),
    })
}

fn from_netns(world: &World, from: &Value) -> Result<NetnsId, String> {
    if let Some(pod) = from.get("pod").and_then(Value::as_str) {
        return netns_of(world, pod);
    }
    if let Some(node) = from.get("node").and_then(Value::as_str) {
        return netns_of(world, &format!("node/{node}"));
    }
    if let Some(workload) = from.get("workload").and_then(Value::as_str) {
        return netns_of(world, &pod_of(world, workload)?);
    }
    Err("from names no pod, workload or node".to_owned())
}

fn to_address(world: &mut World, from: &Value, to: &Value) -> Result<IpAddr, String> {
    if let Some(ip) = to.get("ip").and_then(Value::as_str) {
        return ip.parse().map_err(|_| format!("{ip:?} is no address"));
    }
    if let Some(pod) = to.get("pod").and_then(Value::as_str) {
        return address_of(world, pod);
    }
    if let Some(workload) = to.get("workload").and_then(Value::as_str) {
        return address_of(world, &pod_of(world, workload)?);
    }
    if let Some(host) = to.get("host").and_then(Value::as_str) {
        return match host.parse() {
            Ok(ip) => Ok(ip),
            Err(_) => dns::address(world, from, host),
        };
    }
    Err("to names no ip, pod or workload".to_owned())
}

/// Any one Pod of `ns/name[Kind]`, as `ns/pod`.
fn pod_of(world: &World, workload: &str) -> Result<String, String> {
    let malformed = || format!("workload {workload:?} is not of the form NAMESPACE/NAME[KIND]");
    let (path, kind) = workload.strip_suffix(']').and_then(|w| w.split_once('[')).ok_or_else(malformed)?;
    let (namespace, name) = path.split_once('/').ok_or_else(malformed)?;
    if kind == "Pod" {
        return Ok(path.to_owned());
    }
    let revision = world.revision();
    let found = revision.pods.values().find(|pod| {
        *pod.key.namespace == *namespace
            && (revision.owners(&pod.object_key()).iter().any(|owner| owner.is(kind) && *owner.name == *name)
                || pod.owner.as_ref().is_some_and(|owner| owner.key.is(kind) && *owner.key.name == *name))
    });
    found.map(|pod| pod.key.to_string()).ok_or_else(|| format!("no Pod belongs to {workload}"))
}

fn verdict(result: &ProbeResult) -> &'static str {
    match result.end {
        FlowEnd::Delivered => "delivered",
        FlowEnd::Refused => "refused",
        FlowEnd::Unreachable { error: IcmpError::PortUnreachable, .. } => "rejected",
        FlowEnd::Unreachable { .. } | FlowEnd::LocalError(_) => "unreachable",
        FlowEnd::TimedOut => "dropped",
    }
}

/// The nodes that the first packet passed, in order.
fn nodes_passed(trace: &Trace) -> Vec<String> {
    let Some(first) = trace.packets.first() else { return Vec::new() };
    let mut names: Vec<String> = Vec::new();
    for hop in &first.hops {
        let HopPlace::Netns(id) = hop.place else { continue };
        let netns = trace.tables.iter().find(|((netns, _), _)| *netns == id).map(|(_, netns)| netns);
        if let Some(Place::Node(name)) = netns.map(|netns| &netns.place)
            && names.last().is_none_or(|last| **last != **name)
        {
            names.push(name.to_string());
        }
    }
    names
}
