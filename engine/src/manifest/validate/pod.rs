//! Pods and Pod templates.

use super::{duplicate, invalid, is_missing, names, network, required, text};
use crate::manifest::{Diagnostics, Node, Value};

pub fn check(root: &Node, diagnostics: &mut Diagnostics) {
    match root.get("spec").filter(|spec| spec.value != Value::Null) {
        Some(spec) => check_spec(spec, diagnostics),
        None => required(root, "spec", diagnostics),
    }
}

/// Models pkg/apis/core/validation ValidatePodSpec, for the fields that are simulated.
pub fn check_spec(spec: &Node, diagnostics: &mut Diagnostics) {
    if !matches!(spec.value, Value::Mapping(_)) {
        return;
    }
    if is_missing(spec, "containers") {
        let added = diagnostics.error("required", spec.span, "Required value: containers");
        added.hint("a Pod runs at least one container");
    }
    let lists = ["initContainers", "containers"];
    let containers = || lists.iter().flat_map(|list| spec.get(list).map_or(&[][..], Node::items));
    let mut seen: Vec<&str> = Vec::new();
    let host_network = spec.get("hostNetwork").is_some_and(|flag| flag.value == Value::Bool(true));
    for container in containers() {
        if !matches!(container.value, Value::Mapping(_)) {
            continue;
        }
        check_container(container, host_network, diagnostics);
        if let Some((name, span)) = text(container, "name") {
            if seen.contains(&name) {
                duplicate(span, name, diagnostics);
            }
            seen.push(name);
        }
    }
    for field in ["hostname", "subdomain"] {
        if let Some((name, span)) = text(spec, field)
            && let Some(why) = names::fault(name, 63, names::is_dns1123_label, names::LABEL)
        {
            invalid(span, name, &why, diagnostics);
        }
    }
    for field in ["nodeName", "serviceAccountName"] {
        if let Some((name, span)) = text(spec, field)
            && let Some(why) = names::fault(name, 253, names::is_dns1123_subdomain, names::SUBDOMAIN)
        {
            invalid(span, name, &why, diagnostics);
        }
    }
    super::labels::check_labels(spec.get("nodeSelector"), diagnostics);
    check_host_ports(containers(), diagnostics);
    check_dns(spec, diagnostics);
    for alias in spec.get("hostAliases").map_or(&[][..], Node::items) {
        if let Some((ip, span)) = text(alias, "ip") {
            network::read_ip(ip, span, diagnostics);
        }
    }
}

fn check_container(container: &Node, host_network: bool, diagnostics: &mut Diagnostics) {
    match text(container, "name") {
        Some((name, span)) => {
            if let Some(why) = names::fault(name, 63, names::is_dns1123_label, names::LABEL) {
                invalid(span, name, &why, diagnostics);
            }
        }
        None if is_missing(container, "name") => required(container, "name", diagnostics),
        None => {}
    }
    if is_missing(container, "image") {
        required(container, "image", diagnostics);
    } else if let Some((image, span)) = text(container, "image")
        && image.trim() != image
    {
        invalid(span, image, "must not have leading or trailing whitespace", diagnostics);
    }
    let mut seen: Vec<&str> = Vec::new();
    for port in container.get("ports").map_or(&[][..], Node::items) {
        if let Some((name, span)) = text(port, "name") {
            if let Some(why) = names::port_name_fault(name) {
                invalid(span, name, why, diagnostics);
            } else if seen.contains(&name) {
                duplicate(span, name, diagnostics);
            }
            seen.push(name);
        }
        if let (true, Some(host_port)) = (host_network, port.get("hostPort"))
            && let (Value::Int(host), Some(Value::Int(inner))) =
                (&host_port.value, port.get("containerPort").map(|port| &port.value))
            && host != inner
            && *host != 0
        {
            let message = format!("Invalid value: {host}: must match `containerPort` when `hostNetwork` is true");
            diagnostics.error("invalid", host_port.span, message);
        }
    }
    for var in container.get("env").map_or(&[][..], Node::items) {
        if is_missing(var, "name") {
            required(var, "name", diagnostics);
        } else if let (Some(_), Some(from)) = (text(var, "value"), var.get("valueFrom"))
            && from.value != Value::Null
        {
            let message = "Invalid value: \"\": may not be specified when `value` is not empty";
            diagnostics.error("invalid", from.span, message).hint("keep either `value` or `valueFrom`");
        }
    }
}

/// Two containers cannot both have the same port of the node.
fn check_host_ports<'n>(containers: impl Iterator<Item = &'n Node>, diagnostics: &mut Diagnostics) {
    let mut seen: Vec<(i64, &str, &str)> = Vec::new();
    for port in containers.flat_map(|container| container.get("ports").map_or(&[][..], Node::items)) {
        let Some(Value::Int(host_port @ 1..)) = port.get("hostPort").map(|port| port.value.clone()) else { continue };
        let protocol = text(port, "protocol").map_or("TCP", |(protocol, _)| protocol);
        let host_ip = text(port, "hostIP").map_or("", |(ip, _)| ip);
        let key = (host_port, protocol, host_ip);
        if seen.contains(&key) {
            let span = port.get("hostPort").map_or(port.span, |port| port.span);
            duplicate(span, &format!("{host_ip}/{host_port}/{protocol}"), diagnostics);
        }
        seen.push(key);
    }
}

fn check_dns(spec: &Node, diagnostics: &mut Diagnostics) {
    let config = spec.get("dnsConfig");
    let servers = config.and_then(|config| config.get("nameservers")).map_or(&[][..], Node::items);
    for server in servers {
        if let Some(ip) = server.as_str() {
            network::read_ip(ip, server.span, diagnostics);
        }
    }
    if let Some(("None", span)) = text(spec, "dnsPolicy")
        && servers.is_empty()
    {
        let message = "Required value: must provide at least one DNS nameserver when `dnsPolicy` is None";
        diagnostics.error("required", span, message).hint("add `dnsConfig.nameservers`");
    }
}
