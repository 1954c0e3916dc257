//! Deployment, ReplicaSet, DaemonSet and StatefulSet.

use super::{is_missing, labels, pod, required, text};
use crate::manifest::{Diagnostics, Node, Span, Value, emit, typed::ObjectMeta, typed::reader};

/// Models pkg/apis/apps/validation.
pub fn check(root: &Node, kind: &str, diagnostics: &mut Diagnostics) {
    let Some(spec) = root.get("spec").filter(|spec| spec.value != Value::Null) else {
        return required(root, "spec", diagnostics);
    };
    if !reader::is_object(spec, diagnostics) {
        return;
    }
    let selector = labels::check_selector(spec, "selector", diagnostics);
    let Some(template) = spec.get("template").filter(|template| template.value != Value::Null) else {
        return required(spec, "template", diagnostics);
    };
    match &selector {
        None if is_missing(spec, "selector") => {
            let added = diagnostics.error("required", spec.span, "Required value: selector");
            added.hint("add `selector.matchLabels` with the labels of the template");
        }
        Some(selector) if selector.is_empty() => {
            let message = format!("Invalid value: {{}}: empty selector is invalid for {}", kind_words(kind));
            diagnostics.error("invalid", selector.span, message);
        }
        Some(selector) => {
            let meta = ObjectMeta::project(template, diagnostics);
            if !selector.matches(&meta.labels) {
                mismatch(spec, template, diagnostics);
            }
        }
        None => {}
    }
    labels::check_labels(template.get("metadata").and_then(|meta| meta.get("labels")), diagnostics);
    pod::check(template, diagnostics);
    let pod_spec = template.get("spec");
    if let Some((policy @ ("OnFailure" | "Never"), span)) = pod_spec.and_then(|spec| text(spec, "restartPolicy")) {
        reader::unsupported(span, policy, &["Always"], diagnostics);
    }
    if kind == "DaemonSet"
        && let Some((key, _)) = spec.entries().iter().find(|(key, _)| &*key.name == "replicas")
    {
        let message = "strict decoding error: unknown field \"spec.replicas\"";
        diagnostics.warning("unknown-field", key.span, message).hint("a DaemonSet runs one Pod on each node");
    }
}

fn kind_words(kind: &str) -> &'static str {
    match kind {
        "Deployment" => "deployment",
        "DaemonSet" => "daemonset",
        "StatefulSet" => "statefulset",
        _ => "replicaset",
    }
}

/// Points at the template's labels and says which of them the selector misses.
fn mismatch(spec: &Node, template: &Node, diagnostics: &mut Diagnostics) {
    let labels = template.get("metadata").and_then(|meta| meta.get("labels"));
    let found = labels.map_or_else(|| "null".to_owned(), emit::json_compact);
    let span = labels.map_or(Span { end: template.span.start, ..template.span }, |labels| labels.span);
    let message = format!("Invalid value: {found}: `selector` does not match template `labels`");
    let wanted = spec.get("selector").and_then(|selector| selector.get("matchLabels")).map_or(&[][..], Node::entries);
    let wrong = wanted.iter().find(|(key, value)| {
        labels.and_then(|labels| labels.get(&key.name)).is_none_or(|label| label.value != value.value)
    });
    let added = diagnostics.error("selector", span, message);
    if let Some((key, value)) = wrong {
        let value = value.as_str().unwrap_or("…");
        added.hint(format!("the selector wants {}={value}", key.name));
        // The template's label takes the selector's value, as it is written there.
        if let Some(label) = labels.and_then(|labels| labels.get(&key.name)) {
            added.fix(label.span, value);
        }
    }
}
