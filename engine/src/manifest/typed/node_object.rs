//! Nodes. `NodeObject`, because a `Node` is a node of the tree here.

use std::sync::Arc;

use ipnet::IpNet;

use super::{ObjectMeta, reader};
use crate::manifest::{Diagnostics, Node, Span, Value};

#[derive(Clone, Debug, PartialEq)]
pub struct NodeObject {
    pub meta: ObjectMeta,
    /// `spec.podCIDRs`, or `spec.podCIDR` alone, and where each stands.
    pub pod_cidrs: Vec<(IpNet, Span)>,
    pub taints: Vec<Taint>,
    pub unschedulable: bool,
    pub addresses: Vec<NodeAddress>,
    pub allocatable_pods: Option<u32>,
    pub capacity_pods: Option<u32>,
    /// Whether the condition `Ready` says true or false.
    pub ready: Option<bool>,
    pub span: Span,
}

/// One of `status.addresses`.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeAddress {
    /// `InternalIP`, `ExternalIP`, `Hostname` …
    pub address_type: Arc<str>,
    pub address: Arc<str>,
    pub span: Span,
}

/// One of `spec.taints`.
#[derive(Clone, Debug, PartialEq)]
pub struct Taint {
    pub key: Arc<str>,
    pub value: Arc<str>,
    pub effect: TaintEffect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaintEffect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

impl TaintEffect {
    pub fn name(self) -> &'static str {
        match self {
            TaintEffect::NoSchedule => "NoSchedule",
            TaintEffect::PreferNoSchedule => "PreferNoSchedule",
            TaintEffect::NoExecute => "NoExecute",
        }
    }

    /// The `effect` of a taint or a toleration; `None` if it has none.
    pub(super) fn project(node: &Node, d: &mut Diagnostics) -> Option<TaintEffect> {
        // `effect: ""` is how an exported toleration says "every effect".
        if reader::field(node, "effect").and_then(Node::as_str) == Some("") {
            return None;
        }
        Some(match reader::choice(node, "effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"], d)? {
            0 => TaintEffect::NoSchedule,
            1 => TaintEffect::PreferNoSchedule,
            _ => TaintEffect::NoExecute,
        })
    }
}

impl NodeObject {
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<NodeObject> {
        let d = diagnostics;
        if !reader::is_object(root, d) {
            return None;
        }
        let spec = reader::object(root, "spec", d);
        let status = reader::object(root, "status", d);
        let pods = |name: &str, d: &mut Diagnostics| {
            let resources = status.and_then(|status| reader::object(status, name, d))?;
            quantity(resources, "pods", d)
        };
        Some(NodeObject {
            meta: ObjectMeta::project(root, d),
            pod_cidrs: spec.map_or_else(Vec::new, |spec| pod_cidrs(spec, d)),
            taints: spec.map_or_else(Vec::new, |spec| taints(spec, d)),
            unschedulable: spec.and_then(|spec| reader::boolean(spec, "unschedulable", d)).unwrap_or(false),
            addresses: status.map_or_else(Vec::new, |status| addresses(status, d)),
            allocatable_pods: pods("allocatable", d),
            capacity_pods: pods("capacity", d),
            ready: status.and_then(|status| ready(status, d)),
            span: root.span,
        })
    }
}

fn pod_cidrs(spec: &Node, d: &mut Diagnostics) -> Vec<(IpNet, Span)> {
    let mut found = Vec::new();
    let mut nodes: Vec<&Node> = reader::items(spec, "podCIDRs", d).iter().collect();
    if nodes.is_empty() {
        nodes.extend(reader::field(spec, "podCIDR"));
    }
    for node in nodes {
        if let Some(text) = reader::string(node, d).filter(|text| !text.is_empty())
            && let Some(net) = reader::subnet(&text, node.span, d)
        {
            found.push((net, node.span));
        }
    }
    found
}

fn taints(spec: &Node, d: &mut Diagnostics) -> Vec<Taint> {
    let mut taints = Vec::new();
    for node in reader::objects(spec, "taints", d) {
        let key = reader::text(node, "key", d).unwrap_or_default();
        let value = reader::text(node, "value", d).unwrap_or_default();
        match TaintEffect::project(node, d) {
            Some(effect) => taints.push(Taint { key, value, effect }),
            None => {
                let added = d.error("required", node.span, "Required value: effect");
                added.hint("one of NoSchedule, PreferNoSchedule, NoExecute");
            }
        }
    }
    taints
}

fn addresses(status: &Node, d: &mut Diagnostics) -> Vec<NodeAddress> {
    let nodes = reader::objects(status, "addresses", d);
    let project = |node: &Node| {
        Some(NodeAddress {
            address_type: reader::text(node, "type", d)?,
            address: reader::text(node, "address", d)?,
            span: reader::span_of(node, "address"),
        })
    };
    nodes.into_iter().filter_map(project).collect()
}

fn ready(status: &Node, d: &mut Diagnostics) -> Option<bool> {
    let conditions = reader::objects(status, "conditions", d);
    let condition = conditions.into_iter().find(|node| node.get("type").and_then(Node::as_str) == Some("Ready"))?;
    reader::text(condition, "status", d).map(|status| &*status == "True")
}

/// A whole number, plain or in quotes, as `kubectl` prints quantities.
fn quantity(node: &Node, name: &str, d: &mut Diagnostics) -> Option<u32> {
    match &reader::field(node, name)?.value {
        Value::String(text) => {
            let parsed = text.parse().ok();
            if parsed.is_none() {
                let message = format!("Invalid value: \"{text}\": expected a whole number");
                d.error("quantity", reader::span_of(node, name), message);
            }
            parsed
        }
        _ => reader::count(node, name, d),
    }
}
