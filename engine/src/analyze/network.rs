//! Networks that do not fit together: subnets that overlap or do not contain each other, MTUs that are too large.

use super::{Findings, NOWHERE};
use crate::cluster::{FlannelBackend, Object, ObjectKey, Provenance, Typed};
use crate::manifest::typed::ConfigMap;
use crate::manifest::{Node, Span, Value};
use ipnet::IpNet;
use std::sync::Arc;

const CONFIG: &str = "kube-flannel-cfg";

pub(super) fn check(findings: &mut Findings<'_>) {
    overlaps(findings);
    subnets(findings);
    match config(findings) {
        Some((object, config)) if object.provenance != Provenance::Builtin => {
            net_conf(findings, &config);
            cni_conf(findings, &config);
        }
        Some(_) => {}
        None => no_config(findings),
    }
}

/// Two ranges with addresses in common.
fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// The first of some ranges that overlaps none of the networks that stay.
fn free<'r>(ranges: &[&'r str], stay: &[IpNet]) -> Option<&'r str> {
    let is_free = |range: &&&str| {
        let range = range.parse::<IpNet>();
        range.is_ok_and(|range| stay.iter().all(|net| !overlap(&range, net)))
    };
    ranges.iter().find(is_free).copied()
}

/// Ranges to choose from, those that kubeadm and Flannel have by themselves first.
const FOR_PODS: [&str; 5] = ["10.244.0.0/16", "10.64.0.0/16", "172.30.0.0/16", "192.168.0.0/16", "100.64.0.0/16"];
const FOR_SERVICES: [&str; 5] = ["10.96.0.0/12", "10.112.0.0/16", "172.29.0.0/16", "192.168.0.0/16", "100.65.0.0/16"];
const FOR_MANY_PODS: [&str; 5] = ["10.128.0.0/11", "10.0.0.0/11", "172.16.0.0/12", "100.64.0.0/10", "10.0.0.0/8"];

fn overlaps(findings: &mut Findings<'_>) {
    let network = findings.revision.network.clone();
    let (pods, services, nodes) = (&network.pod_network, &network.service_network, &network.node_network);
    // Where the nodes' own network comes from: the first that was given its address.
    let of_nodes = || {
        let given = findings.revision.nodes.values().find(|node| node.ip_given);
        given.and_then(|node| findings.origin_span(&node.ip_origin))
    };
    let place = |origin| findings.origin_span(origin).or_else(of_nodes);
    let found = [
        ("Pod", pods, "Pods will get addresses of nodes", free(&FOR_PODS, &[services.0, nodes.0])),
        ("Service", services, "Services would have addresses of nodes", free(&FOR_SERVICES, &[pods.0, nodes.0])),
    ];
    let found = found.map(|(what, (net, origin), why, free)| {
        let hint = free.map_or_else(|| why.to_owned(), |free| format!("{why}: take {free}"));
        let message = format!("the {what} subnet {net} and the nodes' network {} overlap", nodes.0);
        overlap(net, &nodes.0).then(|| (place(origin).unwrap_or(NOWHERE), message, hint))
    });
    for (span, message, hint) in found.into_iter().flatten() {
        if let Some(problem) = findings.warn("subnets-overlap", span, message) {
            problem.hint(hint);
        }
    }
}

/// Nodes without a Pod subnet, or with one outside the Pod network.
fn subnets(findings: &mut Findings<'_>) {
    let network = &findings.revision.network;
    let pods = network.pod_network.0;
    let larger: Vec<&str> = FOR_MANY_PODS
        .into_iter()
        .filter(|range| range.parse::<IpNet>().is_ok_and(|range| range.prefix_len() < pods.prefix_len()))
        .collect();
    let larger = free(&larger, &[network.service_network.0, network.node_network.0]);
    let larger = larger.map_or_else(String::new, |range| format!(", such as {range}"));
    let mut found: Vec<(&'static str, Span, String, String)> = Vec::new();
    for node in findings.revision.nodes.values() {
        let of_family = |net: &IpNet| {
            let same = network.pod_networks().find(|(pods, _)| pods.addr().is_ipv4() == net.addr().is_ipv4());
            same.map_or(pods, |(pods, _)| *pods)
        };
        let outside = node.subnets().find(|(net, _)| node.pod_cidr_given && !of_family(net).contains(*net));
        match (&node.pod_cidr, outside) {
            (None, _) => {
                let message =
                    format!("node {:?} gets no Pod subnet: {pods} has none left (CIDRNotAvailable)", &*node.name);
                let object = findings.revision.objects.get(&ObjectKey::node(&node.name));
                let span = object.map_or(NOWHERE, |object| findings.span(object, "metadata.name"));
                found.push(("no-pod-subnet", span, message, format!("take a larger Pod subnet{larger}")));
            }
            (_, Some((net, origin))) => {
                let pods = of_family(net);
                let message = format!("the Pod subnet {net} is not part of the Pod network {pods}");
                let span = findings.origin_span(origin).unwrap_or(NOWHERE);
                let hint = "flanneld on this node would exit: net-conf.json's Network does not contain its subnet; podhop goes on";
                found.push(("pod-subnet-outside", span, message, hint.to_owned()));
            }
            _ => {}
        }
    }
    for (code, span, message, hint) in found {
        if let Some(problem) = findings.warn(code, span, message) {
            problem.hint(hint);
        }
    }
}

fn config(findings: &Findings<'_>) -> Option<(Arc<Object>, Arc<ConfigMap>)> {
    ["kube-flannel", "kube-system"].into_iter().find_map(|namespace| {
        let object = findings.revision.objects.get(&ObjectKey::new("ConfigMap", namespace, CONFIG))?;
        match &object.typed {
            Typed::ConfigMap(config) => Some((object.clone(), config.clone())),
            _ => None,
        }
    })
}

fn no_config(findings: &mut Findings<'_>) {
    if findings.revision.network.cni.flannel().is_none() {
        return;
    }
    let message = format!("there is no ConfigMap {CONFIG}: flanneld would not start, and no Pod would get an address");
    if let Some(problem) = findings.warn("flannel-config", NOWHERE, message) {
        problem.hint("podhop goes on with Flannel's defaults; apply Flannel's manifest to have it again");
    }
}

fn net_conf(findings: &mut Findings<'_>, config: &ConfigMap) {
    let Some((text, span)) = config.data.get("net-conf.json") else { return };
    let Some(root) = findings.embedded(text, *span) else { return };
    let network = findings.revision.network.clone();
    for (pods, _) in network.pod_networks() {
        let field = if pods.addr().is_ipv4() { "Network" } else { "IPv6Network" };
        let Some(declared) = root.get(field) else { continue };
        let Some(net) = declared.as_str().and_then(|text| text.parse::<IpNet>().ok()) else { continue };
        if net.trunc().contains(pods) {
            continue;
        }
        let span = declared.span;
        let fix = findings.requoted(span, &pods.to_string());
        let message = format!("Flannel's {field} {net} does not contain the Pod subnet {pods}: flanneld would exit");
        if let Some(problem) = findings.warn("flannel-network", span, message) {
            let hint = format!("write \"{field}\": \"{pods}\" in net-conf.json; podhop goes on with {pods}");
            problem.hint(hint).fix(span, fix);
        }
    }
    if let Some(mtu) = root.get("Backend").and_then(|backend| backend.get("MTU"))
        && number(mtu).is_some_and(|mtu| mtu > i64::from(network.node_mtu))
    {
        let (span, most) = (mtu.span, network.node_mtu);
        let message = format!("Backend.MTU is larger than the nodes' cards take, {most} bytes");
        if let Some(problem) = findings.warn("flannel-mtu", span, message) {
            let hint = format!("VXLAN takes 50 bytes of them: flannel.1 gets {}", most.saturating_sub(50));
            problem.hint(hint).fix(span, most.to_string());
        }
    }
}

fn cni_conf(findings: &mut Findings<'_>, config: &ConfigMap) {
    let Some((text, span)) = config.data.get("cni-conf.json") else { return };
    let Some(root) = findings.embedded(text, *span) else { return };
    let Some(flannel) = findings.revision.network.cni.flannel() else { return };
    let most = flannel.mtu.0;
    if flannel.backend == FlannelBackend::HostGw {
        return;
    }
    let plugins = root.get("plugins").map_or(&[][..], Node::items);
    let plugin = plugins.iter().find(|plugin| plugin.get("type").and_then(Node::as_str) == Some("flannel"));
    let mtu = plugin.and_then(|plugin| plugin.get("delegate")).and_then(|delegate| delegate.get("mtu"));
    let Some((mtu, bytes)) = mtu.and_then(|mtu| Some((mtu, number(mtu)?))) else { return };
    if bytes <= i64::from(most) {
        return;
    }
    let message = format!("Pods send packets of {bytes} bytes, and flannel.1 carries {most}");
    if let Some(problem) = findings.warn("pod-mtu", mtu.span, message) {
        problem.hint("larger packets to other nodes are cut or refused").fix(mtu.span, most.to_string());
    }
}

fn number(node: &Node) -> Option<i64> {
    match node.value {
        Value::Int(number) => Some(number),
        _ => None,
    }
}
