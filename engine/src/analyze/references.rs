//! ConfigMaps that Pods name and nobody has made. A container with such a reference does not start on a real cluster;
//! here it does, and this is told.

use super::Findings;
use crate::cluster::{Object, ObjectKey, Provenance};
use crate::manifest::nearest::nearest;
use crate::manifest::{Fix, Node, Value};
use std::sync::Arc;

const KINDS: [&str; 4] = ["Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"];

pub(super) fn check(findings: &mut Findings<'_>) {
    let given = |object: &&Arc<Object>| {
        object.owner.is_none() && !matches!(object.provenance, Provenance::Builtin | Provenance::Controller)
    };
    let pods = std::mem::take(&mut findings.bare);
    let pods = pods.iter().filter_map(|key| findings.revision.objects.get(&ObjectKey::pod(key)));
    let workloads = KINDS.iter().flat_map(|kind| findings.revision.list(kind, None));
    let objects: Vec<Arc<Object>> = pods.chain(workloads).filter(given).cloned().collect();
    for object in objects {
        let spec = if object.key.is("Pod") { "spec" } else { "spec.template.spec" };
        let Some(spec) = exactly(object.written(), spec) else { continue };
        for reference in references(spec) {
            missing(findings, &object, reference);
        }
    }
}

fn exactly<'n>(root: &'n Node, path: &str) -> Option<&'n Node> {
    path.split('.').try_fold(root, |node, part| node.get(part))
}

/// The nodes that name a ConfigMap without which a container does not start.
fn references(spec: &Node) -> Vec<&Node> {
    let mut names = Vec::new();
    let required =
        |reference: &&Node| !matches!(reference.get("optional"), Some(Node { value: Value::Bool(true), .. }));
    for volume in spec.get("volumes").map_or(&[][..], Node::items) {
        names.extend(volume.get("configMap").filter(required).and_then(|map| map.get("name")));
        let sources = volume.get("projected").and_then(|projected| projected.get("sources"));
        for source in sources.map_or(&[][..], Node::items) {
            names.extend(source.get("configMap").filter(required).and_then(|map| map.get("name")));
        }
    }
    let containers = ["initContainers", "containers"].into_iter().filter_map(|field| spec.get(field));
    for container in containers.flat_map(Node::items) {
        for from in container.get("envFrom").map_or(&[][..], Node::items) {
            names.extend(from.get("configMapRef").filter(required).and_then(|map| map.get("name")));
        }
        for variable in container.get("env").map_or(&[][..], Node::items) {
            let from = variable.get("valueFrom").and_then(|from| from.get("configMapKeyRef"));
            names.extend(from.filter(required).and_then(|map| map.get("name")));
        }
    }
    names
}

fn missing(findings: &mut Findings<'_>, object: &Object, reference: &Node) {
    let Some(name) = reference.as_str() else { return };
    let namespace = &object.key.namespace;
    if findings.revision.objects.contains_key(&ObjectKey::new("ConfigMap", namespace, name)) {
        return;
    }
    if findings.is_left("config-map", |_| reference.span) {
        return;
    }
    let known = findings.revision.list("ConfigMap", Some(namespace)).map(|map| map.key.name.clone());
    let known: Vec<Arc<str>> = known.take(200).collect();
    let meant = nearest(name, known.iter().map(|name| &**name));
    let fix = meant.map(|meant| findings.requoted(reference.span, meant));
    let message = format!("there is no ConfigMap {name:?} in namespace {namespace}: the container would not start");
    let hint = meant.map_or_else(|| "podhop runs it all the same".to_owned(), |meant| format!("did you mean {meant}?"));
    if let Some(problem) = findings.warn("config-map", reference.span, message) {
        problem.hint = Some(hint);
        problem.fix = fix.map(|replacement| Fix { span: reference.span, replacement });
    }
}
