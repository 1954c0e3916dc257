//! Kubernetes' own validation, in its words.
//!
//! Models k8s.io/kubernetes 1.34 pkg/apis/*/validation and apimachinery pkg/util/validation for the fields the engine acts
//! upon. A message leaves out the field's path, because its span shows it; [`api_cause`] puts the path back, as `kubectl`
//! prints it.

mod calico;
mod cluster;
mod cluster_policy;
mod kinds;
mod labels;
mod meta;
mod names;
pub(super) mod network;
mod network_policy;
mod node;
mod pod;
mod service;
mod workload;

#[cfg(test)]
mod tests;

pub use kinds::known_kind;
pub use names::{is_dns1035_label, is_dns1123_label, is_dns1123_subdomain, is_label_value, is_qualified_name};
pub use network::parse_ip;

use super::{Diagnostic, Diagnostics, Node, Span, Value, typed::TypeMeta};

/// Checks one object: its kind, its metadata, and what its kind demands. Objects of kinds that are not simulated are
/// checked as far as all objects are alike.
pub fn validate(root: &Node, diagnostics: &mut Diagnostics) {
    if !kinds::check(root, diagnostics) {
        return;
    }
    let Some(type_meta) = TypeMeta::project(root) else { return };
    match (type_meta.group(), &*type_meta.kind) {
        ("kind.x-k8s.io", "Cluster") => cluster::kind_cluster(root, diagnostics),
        ("kubeadm.k8s.io", "ClusterConfiguration") => cluster::kubeadm(root, diagnostics),
        // Configuration of components, not objects of the API: they have no metadata.
        ("kubeadm.k8s.io", _) => {}
        (group, _) if group.ends_with(".config.k8s.io") || group.ends_with(".x-k8s.io") => {}
        (group, kind) => {
            meta::check(root, group, kind, diagnostics);
            match (group, kind) {
                ("", "Pod") => pod::check(root, diagnostics),
                ("", "Service") => service::check(root, diagnostics),
                ("", "Node") => node::check(root, diagnostics),
                ("networking.k8s.io", "NetworkPolicy") => network_policy::check(root, diagnostics),
                (
                    "policy.networking.k8s.io",
                    "ClusterNetworkPolicy" | "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy",
                ) => cluster_policy::check(root, kind, diagnostics),
                ("projectcalico.org" | "crd.projectcalico.org", _) => calico::check(root, kind, diagnostics),
                ("apps", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet") => {
                    workload::check(root, kind, diagnostics);
                }
                _ => {}
            }
        }
    }
}

/// A diagnostic as the API server lists it: `spec.containers[0].image: Required value`.
pub fn api_cause(root: &Node, diagnostic: &Diagnostic) -> String {
    let path = path_at(root, diagnostic.span);
    match diagnostic.message.strip_prefix("Required value: ") {
        Some(missing) if !missing.contains(' ') => {
            let dot = if path.is_empty() { "" } else { "." };
            format!("{path}{dot}{missing}: Required value")
        }
        _ => format!("{path}: {}", diagnostic.message),
    }
}

/// The field path of the innermost key or value that covers `span`: `spec.containers[0].image`; empty for the root.
pub fn path_at(root: &Node, span: Span) -> String {
    let covers = |outer: Span| outer.source == span.source && outer.start <= span.start && span.end <= outer.end;
    let (mut node, mut path) = (root, String::new());
    loop {
        if let Some((index, item)) = node.items().iter().enumerate().find(|(_, item)| covers(item.span)) {
            path.push_str(&format!("[{index}]"));
            node = item;
        } else if let Some((key, value)) =
            node.entries().iter().find(|(key, value)| covers(key.span) || covers(value.span))
        {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&key.name);
            node = value;
        } else {
            return path;
        }
    }
}

/// `Required value` for a field that is missing from `parent`.
fn required(parent: &Node, field: &str, diagnostics: &mut Diagnostics) {
    diagnostics.error("required", parent.span, format!("Required value: {field}"));
}

fn invalid<'d>(span: Span, found: &str, why: &str, diagnostics: &'d mut Diagnostics) -> &'d mut Diagnostic {
    diagnostics.error("invalid", span, format!("Invalid value: \"{found}\": {why}"))
}

fn out_of_range(span: Span, port: i64, diagnostics: &mut Diagnostics) {
    diagnostics.error("range", span, format!("Invalid value: {port}: must be between 1 and 65535, inclusive"));
}

/// The number of a port, or the name that a container gives one.
fn check_port(port: &Node, diagnostics: &mut Diagnostics) {
    match &port.value {
        Value::Int(number) if !(1..=65535).contains(number) => out_of_range(port.span, *number, diagnostics),
        Value::String(name) => {
            if let Some(why) = names::port_name_fault(name) {
                let added = invalid(port.span, name, why, diagnostics);
                if name.parse::<u16>().is_ok() {
                    added.hint("remove the quotes: in quotes it is the name of a port").fix(port.span, &**name);
                }
            }
        }
        _ => {}
    }
}

fn duplicate(span: Span, found: &str, diagnostics: &mut Diagnostics) {
    diagnostics.error("duplicate", span, format!("Duplicate value: \"{found}\""));
}

/// The text of a field that is there and not empty.
fn text<'n>(node: &'n Node, field: &str) -> Option<(&'n str, Span)> {
    let value = node.get(field)?;
    value.as_str().filter(|text| !text.is_empty()).map(|text| (text, value.span))
}

/// Whether a field is absent, null, or an empty text or list.
fn is_missing(node: &Node, field: &str) -> bool {
    match node.get(field).map(|value| &value.value) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Sequence(items)) => items.is_empty(),
        _ => false,
    }
}
