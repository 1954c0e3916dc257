//! Nodes.

use super::{is_missing, names, network, required, text};
use crate::manifest::{Diagnostics, Node};

/// Models pkg/apis/core/validation ValidateNode.
pub fn check(root: &Node, diagnostics: &mut Diagnostics) {
    let spec = root.get("spec");
    let cidrs = spec.and_then(|spec| spec.get("podCIDRs")).map_or(&[][..], Node::items);
    let mut families = Vec::new();
    for cidr in cidrs {
        if let Some(net) = cidr.as_str().and_then(|text| network::read_cidr(text, cidr.span, diagnostics)) {
            let is_ipv4 = net.addr().is_ipv4();
            if families.contains(&is_ipv4) {
                let message = "Invalid value: specify no more than one CIDR for each IP family";
                diagnostics.error("invalid", cidr.span, message);
            }
            families.push(is_ipv4);
        }
    }
    if let Some((text, span)) = spec.and_then(|spec| text(spec, "podCIDR")) {
        network::read_cidr(text, span, diagnostics);
        if let Some(first) = cidrs.first().and_then(Node::as_str)
            && first != text
        {
            let message = format!("Invalid value: \"{text}\": must be the first of podCIDRs, {first}");
            diagnostics.error("invalid", span, message);
        }
    }
    for taint in spec.and_then(|spec| spec.get("taints")).map_or(&[][..], Node::items) {
        if is_missing(taint, "key") {
            required(taint, "key", diagnostics);
        } else if let Some((key, span)) = text(taint, "key")
            && let Some(why) = names::qualified_name_fault(key)
        {
            super::invalid(span, key, &why, diagnostics);
        }
    }
    let addresses = root.get("status").and_then(|status| status.get("addresses")).map_or(&[][..], Node::items);
    for address in addresses {
        if let (Some(("InternalIP" | "ExternalIP", _)), Some((ip, span))) =
            (text(address, "type"), text(address, "address"))
        {
            network::read_ip(ip, span, diagnostics);
        }
    }
}
