//! Calico's own policies, tiers and sets of networks. Models libcalico-go/lib/validator/v3 of Calico 3.31, whose reasons
//! these messages are.

use super::{invalid, names, text};
use crate::manifest::typed::calico_policy::{PROTOCOLS, expression, port};
use crate::manifest::typed::reader::{choice, field, is_object, unsupported};
use crate::manifest::typed::tiered;
use crate::manifest::{Diagnostics, Node, Span, Value};

const GLOBAL: &str = "global() can only be used in an EntityRule namespaceSelector";
const PORTS: &str = "rules that specify ports must set protocol to TCP or UDP or SCTP";

pub fn check(root: &Node, kind: &str, d: &mut Diagnostics) {
    let Some(spec) = field(root, "spec").filter(|spec| is_object(spec, d)) else { return };
    match kind {
        "NetworkPolicy" | "GlobalNetworkPolicy" => policy(root, spec, kind == "GlobalNetworkPolicy", d),
        "Tier" => tier(root, spec, d),
        _ => {}
    }
}

fn items<'n>(node: &'n Node, name: &str) -> &'n [Node] {
    node.get(name).map_or(&[], Node::items)
}

fn reason<'d>(span: Span, reason: &str, d: &'d mut Diagnostics) -> &'d mut crate::manifest::Diagnostic {
    d.error("invalid", span, format!("Invalid value: {reason}"))
}

fn tier(root: &Node, spec: &Node, d: &mut Diagnostics) {
    choice(spec, "defaultAction", &["Deny", "Pass"], d);
    let Some((name, span)) = root.get("metadata").and_then(|metadata| text(metadata, "name")) else { return };
    if let Some(why) = names::fault(name, 63, names::is_dns1123_label, names::LABEL) {
        invalid(span, name, &why, d).hint("policies' names begin with their tier's and a dot: it has none itself");
    }
    let known = [("default", 1_000_000), ("adminnetworkpolicy", 1_000), ("baselineadminnetworkpolicy", 10_000_000)];
    if let Some((name, order)) = known.into_iter().find(|(own, _)| *own == name) {
        let right = match field(spec, "order").map(|order| &order.value) {
            Some(Value::Int(own)) => *own == order,
            Some(Value::Float(own)) => *own == order as f64,
            _ => false,
        };
        if !right {
            let span = field(spec, "order").map_or(spec.span, |order| order.span);
            reason(span, &format!("{name} tier order must be {order}"), d);
        }
    }
}

fn policy(root: &Node, spec: &Node, global: bool, d: &mut Diagnostics) {
    named(root, spec, d);
    let own: &[&str] = match global {
        true => &["selector", "namespaceSelector", "serviceAccountSelector"],
        false => &["selector", "serviceAccountSelector"],
    };
    own.iter().for_each(|name| no_global(spec, name, d));
    types(spec, d);
    host_endpoints(spec, d);
    for (rules, other) in [("ingress", "destination"), ("egress", "source")] {
        for rule in items(spec, rules).iter().filter(|rule| matches!(rule.value, Value::Mapping(_))) {
            self::rule(rule, d);
            if let Some(services) = field(rule, other).and_then(|entity| field(entity, "services")) {
                let place = if rules == "ingress" { "ingress rule destination" } else { "egress rule source" };
                reason(services.span, &format!("not allowed in {place}"), d);
            }
            for entity in ["source", "destination"].into_iter().filter_map(|side| field(rule, side)) {
                self::entity(entity, global, d);
            }
        }
    }
}

/// A policy of the tier `t` is called `t.x`.
fn named(root: &Node, spec: &Node, d: &mut Diagnostics) {
    let Some((name, span)) = root.get("metadata").and_then(|metadata| text(metadata, "name")) else { return };
    let tier = text(spec, "tier").map_or("default", |(tier, _)| tier);
    let (own, _) = tiered(name);
    if name.matches('.').count() > 1 && !["knp.default.", "ossg."].iter().any(|start| name.starts_with(start)) {
        let why = "name must consist of lower case alphanumeric characters or '-'";
        invalid(span, name, why, d).hint("only a tier's name stands before a dot");
    } else if own != tier {
        let bare = name.split_once('.').map_or(name, |(_, name)| name);
        let right = if tier == "default" { bare.to_owned() } else { format!("{tier}.{bare}") };
        let added = invalid(span, name, &format!("Incorrectly formatted policy name {name}"), d);
        added.hint(format!("policies of the tier {tier} are called {tier}.NAME: {right}")).fix(span, right);
    }
}

/// A selector that is not of a rule's namespaces.
fn no_global(node: &Node, name: &str, d: &mut Diagnostics) {
    if let Some((text, span)) = text(node, name).filter(|(text, _)| text.contains("global()")) {
        let _ = text;
        reason(span, GLOBAL, d);
    }
    expression(node, name, d);
}

fn types(spec: &Node, d: &mut Diagnostics) {
    let mut seen = Vec::new();
    for word in items(spec, "types") {
        let Some(name) = word.as_str() else { continue };
        if !matches!(name, "Ingress" | "Egress") {
            unsupported(word.span, name, &["Ingress", "Egress"], d);
        } else if seen.contains(&name) {
            reason(word.span, &format!("'{name}' type specified more than once"), d);
        }
        seen.push(name);
    }
}

/// What is about the interfaces of nodes has no effect here.
fn host_endpoints(spec: &Node, d: &mut Diagnostics) {
    let on = |name: &str| field(spec, name).filter(|value| value.value == Value::Bool(true)).map(|value| value.span);
    if let (Some(_), Some(span)) = (on("doNotTrack"), on("preDNAT")) {
        reason(span, "PreDNAT and DoNotTrack cannot both be true, for a given PolicySpec", d);
    }
    let early = on("preDNAT").or(on("doNotTrack"));
    if let Some(span) = early.filter(|_| on("applyOnForward").is_none()) {
        let why = "ApplyOnForward must be true if either PreDNAT or DoNotTrack is true, for a given PolicySpec";
        reason(span, why, d);
    }
    if on("preDNAT").is_some() && !items(spec, "egress").is_empty() {
        let span = field(spec, "egress").map_or(spec.span, |egress| egress.span);
        reason(span, "PreDNAT PolicySpec cannot have any Egress rules", d);
    }
    for name in ["preDNAT", "doNotTrack", "applyOnForward"] {
        if let Some(span) = on(name) {
            let message = format!("{name} is about host endpoints, which are not simulated: it has no effect here");
            let hint = match name {
                "applyOnForward" => "the policy holds for Pods as it would without it",
                _ => "a policy with it says nothing of Pods",
            };
            d.info("not-simulated", span, message).hint(hint);
        }
    }
}

fn number_of(protocol: Option<&Node>) -> Option<i64> {
    match &protocol?.value {
        Value::Int(number) => Some(*number),
        Value::String(text) => {
            let known = PROTOCOLS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
            known.map(|(_, number)| i64::from(*number)).or_else(|| text.parse().ok())
        }
        _ => None,
    }
}

fn protocol(rule: &Node, name: &str, d: &mut Diagnostics) {
    let Some(node) = field(rule, name) else { return };
    match (&node.value, number_of(Some(node))) {
        (_, Some(1..=255)) => {}
        (Value::Int(_), _) => {
            reason(node.span, "protocol number invalid", d).hint("1 to 255");
        }
        (Value::String(_), _) => {
            let names: Vec<&str> = PROTOCOLS.iter().map(|(name, _)| *name).collect();
            reason(node.span, "protocol name invalid", d).hint(format!("one of {}, or a number", names.join(", ")));
        }
        _ => {}
    }
}

fn rule(rule: &Node, d: &mut Diagnostics) {
    if field(rule, "action").is_none() {
        super::required(rule, "action", d);
    }
    for name in ["protocol", "notProtocol"] {
        protocol(rule, name, d);
    }
    let own = number_of(field(rule, "protocol"));
    for entity in ["source", "destination"].into_iter().filter_map(|side| field(rule, side)) {
        for ports in ["ports", "notPorts"].into_iter().filter_map(|name| field(entity, name)) {
            if !ports.items().is_empty() && !matches!(own, Some(6 | 17 | 132)) {
                reason(ports.span, PORTS, d).hint("add `protocol: TCP` to the rule");
            }
            ports.items().iter().for_each(|item| drop(port(item, d)));
        }
    }
    for icmp in ["icmp", "notICMP"].into_iter().filter_map(|name| field(rule, name)) {
        if field(icmp, "code").is_some() && field(icmp, "type").is_none() {
            reason(icmp.span, "ICMP code specified without an ICMP type", d);
        }
    }
    if let Some(icmp) = field(rule, "icmp").filter(|_| !matches!(own, Some(1 | 58))) {
        let why = "rules that specify ICMP fields must set protocol to ICMP or ICMPv6";
        reason(icmp.span, why, d).hint("add `protocol: ICMP` to the rule");
    }
    versions(rule, own, d);
    if let Some(http) = field(rule, "http") {
        let message = "http is application layer policy, which is not simulated: the rule holds for every request";
        d.warning("not-simulated", http.span, message)
            .hint("Calico enforces it with Envoy beside the Pods, not with Felix");
    }
}

fn versions(rule: &Node, protocol: Option<i64>, d: &mut Diagnostics) {
    let version = field(rule, "ipVersion");
    let number = version.and_then(|version| match version.value {
        Value::Int(number) => Some((number, version.span)),
        _ => None,
    });
    if let Some((_, span)) = number.filter(|(number, _)| !matches!(number, 4 | 6)) {
        reason(span, "ipVersion must be 4 or 6", d);
    }
    match (protocol, number) {
        (Some(1), Some((6, span))) => drop(reason(span, "must set ipversion to '4' with protocol icmp", d)),
        (Some(58), Some((4, span))) => drop(reason(span, "must set ipversion to '6' with protocol icmpv6", d)),
        _ => {}
    }
    let mut seen: Option<bool> = None;
    for (side, name) in [("source", "nets"), ("source", "notNets"), ("destination", "nets"), ("destination", "notNets")]
    {
        for net in field(rule, side).map_or(&[][..], |entity| items(entity, name)) {
            let Some(text) = net.as_str() else { continue };
            let is_v6 = text.contains(':');
            if name == "notNets" && matches!(text, "0.0.0.0/0" | "::/0") {
                reason(net.span, "catch-all CIDR in negation creates logical contradiction (matches no traffic)", d);
            }
            if *seen.get_or_insert(is_v6) != is_v6 {
                reason(net.span, "rule contains both IPv4 and IPv6 CIDRs", d).hint("make two rules of it");
            }
            if number.is_some_and(|(number, _)| number != if is_v6 { 6 } else { 4 }) {
                reason(net.span, "rule IP version doesn't match CIDR version", d);
            }
        }
    }
}

fn entity(entity: &Node, global: bool, d: &mut Diagnostics) {
    no_global(entity, "selector", d);
    no_global(entity, "notSelector", d);
    if let Some((found, span)) = text(entity, "namespaceSelector") {
        if found.contains("global(") && found.trim() != "global()" {
            reason(span, "global() cannot be combined with other selectors", d);
        }
        expression(entity, "namespaceSelector", d);
    }
    if let Some(accounts) = field(entity, "serviceAccounts") {
        no_global(accounts, "selector", d);
    }
    let Some(services) = field(entity, "services") else { return };
    if text(services, "name").is_none() {
        reason(services.span, "must specify a service name", d);
    }
    if global && text(services, "namespace").is_none() {
        reason(services.span, "must specify a namespace", d);
    }
    for (fields, words) in [
        (&["namespaceSelector"][..], "NamespaceSelector"),
        (&["selector", "notSelector"], "Selector/NotSelector"),
        (&["serviceAccounts"], "ServiceAccounts"),
        (&["nets", "notNets"], "Nets/NotNets"),
        (&["ports", "notPorts"], "ports"),
    ] {
        if fields.iter().any(|name| field(entity, name).is_some()) {
            let why = format!("cannot specify {words} and Services on the same rule");
            reason(services.span, &why, d);
        }
    }
}
