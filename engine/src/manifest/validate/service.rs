//! Services.

use super::{check_port, duplicate, invalid, is_missing, labels, names, network, required, text};
use crate::manifest::{Diagnostics, Node, Value};

/// Models pkg/apis/core/validation ValidateService.
pub fn check(root: &Node, diagnostics: &mut Diagnostics) {
    let Some(spec) = root.get("spec").filter(|spec| matches!(spec.value, Value::Mapping(_))) else {
        if is_missing(root, "spec") {
            required(root, "spec", diagnostics);
        }
        return;
    };
    let service_type = text(spec, "type").map_or("ClusterIP", |(service_type, _)| service_type);
    let headless = text(spec, "clusterIP").is_some_and(|(ip, _)| ip == "None");
    labels::check_labels(spec.get("selector"), diagnostics);
    if service_type == "ExternalName" {
        match text(spec, "externalName") {
            None => required(spec, "externalName", diagnostics),
            Some((name, span)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                if let Some(why) = names::fault(name, 253, names::is_dns1123_subdomain, names::SUBDOMAIN) {
                    invalid(span, name, &why, diagnostics);
                }
            }
        }
    } else if is_missing(spec, "ports") && !headless {
        required(spec, "ports", diagnostics);
    }
    check_ports(spec, service_type, diagnostics);
    check_addresses(spec, service_type, diagnostics);
}

fn check_ports(spec: &Node, service_type: &str, diagnostics: &mut Diagnostics) {
    let ports = spec.get("ports").map_or(&[][..], Node::items);
    let (mut seen_names, mut seen_ports) = (Vec::new(), Vec::new());
    for port in ports {
        match text(port, "name") {
            None if ports.len() > 1 && is_missing(port, "name") => {
                let added = diagnostics.error("required", port.span, "Required value: name");
                added.hint("every port needs a name when there are several");
            }
            Some((name, span)) => {
                if let Some(why) = names::fault(name, 63, names::is_dns1123_label, names::LABEL) {
                    invalid(span, name, &why, diagnostics);
                }
                if seen_names.contains(&name) {
                    duplicate(span, name, diagnostics);
                }
                seen_names.push(name);
            }
            None => {}
        }
        let protocol = text(port, "protocol").map_or("TCP", |(protocol, _)| protocol);
        if let Some(Value::Int(number)) = port.get("port").map(|port| &port.value) {
            if seen_ports.contains(&(*number, protocol)) {
                let span = port.get("port").map_or(port.span, |port| port.span);
                duplicate(span, &format!("{number}/{protocol}"), diagnostics);
            }
            seen_ports.push((*number, protocol));
        }
        if let Some(target) = port.get("targetPort") {
            check_port(target, diagnostics);
        }
        if let Some(node_port) = port.get("nodePort") {
            check_node_port(node_port, service_type, diagnostics);
        }
    }
}

fn check_node_port(node_port: &Node, service_type: &str, diagnostics: &mut Diagnostics) {
    let Value::Int(number @ 1..) = node_port.value else { return };
    if !matches!(service_type, "NodePort" | "LoadBalancer") {
        let message = format!("Forbidden: may not be used when `type` is '{service_type}'");
        diagnostics.error("forbidden", node_port.span, message).hint("set `type: NodePort`, or remove it");
    } else if !(30_000..=32_767).contains(&number) {
        let why = "provided port is not in the valid range. The range of valid ports is 30000-32767";
        diagnostics.warning("range", node_port.span, format!("Invalid value: {number}: {why}"));
    }
}

fn check_addresses(spec: &Node, service_type: &str, diagnostics: &mut Diagnostics) {
    if let Some((ip, span)) = text(spec, "clusterIP")
        && ip != "None"
    {
        network::read_ip(ip, span, diagnostics);
    }
    if service_type == "LoadBalancer" && text(spec, "clusterIP").is_some_and(|(ip, _)| ip == "None") {
        let span = text(spec, "clusterIP").map_or(spec.span, |(_, span)| span);
        invalid(span, "None", "may not be set to 'None' for LoadBalancer services", diagnostics);
    }
    for ip in spec.get("externalIPs").map_or(&[][..], Node::items) {
        if let Some(text) = ip.as_str() {
            network::read_ip(text, ip.span, diagnostics);
        }
    }
    for range in spec.get("loadBalancerSourceRanges").map_or(&[][..], Node::items) {
        if let Some(text) = range.as_str() {
            network::read_cidr(text.trim(), range.span, diagnostics);
        }
    }
}
