//! What a living Pod cannot change.

use super::typed::same;
use crate::manifest::{Key, Node, Value};
use std::collections::BTreeSet;

/// The API server's words when a Pod's update goes too far. Models pkg/apis/core/validation ValidatePodUpdate.
pub(super) const POD_IMMUTABLE: &str = "spec: Forbidden: pod updates may not change fields other than \
`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` \
(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` \
(allow it to be set to 1 if it was previously negative)";

/// The path of the first field that differs and that a living Pod cannot change.
pub(super) fn changed_pod_field(old: &Node, new: &Node) -> Option<String> {
    let given_ip = |tree: &Node| {
        tree.get("status").and_then(|status| status.get("podIP")).and_then(Node::as_str).map(str::to_owned)
    };
    if given_ip(old) != given_ip(new) {
        return Some("status.podIP".to_owned());
    }
    let entries = |tree: &Node| tree.get("spec").map_or(Vec::new(), |spec| spec.entries().to_vec());
    let (old, new) = (entries(old), entries(new));
    let names: BTreeSet<&str> = old.iter().chain(&new).map(|(key, _)| &*key.name).collect();
    let find = |entries: &[(Key, Node)], name: &str| {
        entries.iter().find(|(key, _)| &*key.name == name).map(|(_, value)| value.clone())
    };
    names.into_iter().find_map(|name| {
        let allowed = match (name, find(&old, name), find(&new, name)) {
            ("tolerations" | "activeDeadlineSeconds" | "terminationGracePeriodSeconds", _, _) => true,
            ("containers" | "initContainers", Some(a), Some(b)) => {
                let pairs = a.items().iter().zip(b.items());
                a.items().len() == b.items().len() && pairs.into_iter().all(|(a, b)| same_but_image(a, b))
            }
            (_, Some(a), Some(b)) => same(&a, &b),
            _ => false,
        };
        (!allowed).then(|| format!("spec.{name}"))
    })
}

fn same_but_image(a: &Node, b: &Node) -> bool {
    let rest = |node: &Node| {
        let mut node = node.clone();
        if let Value::Mapping(entries) = &mut node.value {
            entries.retain(|(key, _)| &*key.name != "image");
        }
        node
    };
    same(&rest(a), &rest(b))
}
