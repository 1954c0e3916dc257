//! NetworkPolicies.

use super::{check_port, invalid, is_missing, labels, network, out_of_range, required, text};
use crate::manifest::typed::reader::{field, is_object};
use crate::manifest::{Diagnostics, Node, Value, emit};

/// Models pkg/apis/networking/validation ValidateNetworkPolicySpec. Nothing is required: a policy that says nothing keeps
/// all Pods of its namespace from being reached.
pub fn check(root: &Node, diagnostics: &mut Diagnostics) {
    let Some(spec) = field(root, "spec").filter(|spec| is_object(spec, diagnostics)) else { return };
    labels::check_selector(spec, "podSelector", diagnostics);
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in items(spec, rules) {
            items(rule, "ports").iter().for_each(|port| check_ports(port, diagnostics));
            items(rule, peers).iter().for_each(|peer| check_peer(peer, diagnostics));
        }
    }
    check_types(spec, diagnostics);
}

fn items<'n>(node: &'n Node, name: &str) -> &'n [Node] {
    node.get(name).map_or(&[], Node::items)
}

/// Models ValidateNetworkPolicyPort.
fn check_ports(port: &Node, diagnostics: &mut Diagnostics) {
    let first = field(port, "port");
    if let Some(first) = first {
        check_port(first, diagnostics);
    }
    let Some((last, Value::Int(number))) = field(port, "endPort").map(|last| (last, &last.value)) else { return };
    let (why, hint) = match first.map(|first| &first.value) {
        None => ("may not be specified when `port` is not specified", "say in `port` where the range begins"),
        Some(Value::Int(first)) if number < first => ("must be greater than or equal to `port`", ""),
        Some(Value::Int(_)) if *number > 65535 => return out_of_range(last.span, *number, diagnostics),
        Some(Value::Int(_)) => return,
        Some(_) => ("may not be specified when `port` is non-numeric", "a range begins with a number"),
    };
    let added = diagnostics.error("invalid", last.span, format!("Invalid value: {number}: {why}"));
    if !hint.is_empty() {
        added.hint(hint);
    }
}

/// Models ValidateNetworkPolicyPeer.
fn check_peer(peer: &Node, diagnostics: &mut Diagnostics) {
    if !matches!(peer.value, Value::Mapping(_)) {
        return;
    }
    let selectors = ["podSelector", "namespaceSelector"];
    for selector in selectors {
        labels::check_selector(peer, selector, diagnostics);
    }
    let selects = selectors.iter().any(|selector| field(peer, selector).is_some());
    let Some(block) = field(peer, "ipBlock") else {
        if !selects {
            let added = diagnostics.error("required", peer.span, "Required value: must specify a peer");
            added.hint("`podSelector: {}` is every Pod of the namespace, `namespaceSelector: {}` every Pod of all");
        }
        return;
    };
    check_block(block, diagnostics);
    if selects {
        let message = "Forbidden: may not specify both ipBlock and another peer";
        let added = diagnostics.error("forbidden", peer.span, message);
        added.hint("make two peers of them, each with a `- ` of its own");
    }
}

/// Models ValidateIPBlock.
fn check_block(block: &Node, diagnostics: &mut Diagnostics) {
    if is_missing(block, "cidr") {
        return required(block, "cidr", diagnostics);
    }
    let Some(cidr) = text(block, "cidr").and_then(|(text, span)| network::read_cidr(text, span, diagnostics)) else {
        return;
    };
    for node in items(block, "except") {
        let Some(text) = node.as_str() else { continue };
        let Some(except) = network::read_cidr(text, node.span, diagnostics) else { continue };
        if !cidr.contains(&except) || cidr == except {
            let added = invalid(node.span, text, "must be a strict subset of `cidr`", diagnostics);
            added.hint(format!("only a part of {cidr} can be left out of it"));
        }
    }
}

fn check_types(spec: &Node, diagnostics: &mut Diagnostics) {
    let Some(types) = spec.get("policyTypes") else { return };
    if types.items().len() > 2 {
        let message =
            format!("Invalid value: {}: may not specify more than two policyTypes", emit::json_compact(types));
        diagnostics.error("invalid", types.span, message);
        return;
    }
    for word in types.items() {
        if let Some(name) = word.as_str().filter(|name| !matches!(*name, "Ingress" | "Egress")) {
            crate::manifest::typed::reader::unsupported(word.span, name, &["Ingress", "Egress"], diagnostics);
        }
    }
}
