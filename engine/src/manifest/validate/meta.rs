//! `metadata`.

use super::{invalid, labels, names, required, text};
use crate::manifest::{Diagnostics, Node, Value};

/// Checks the metadata of an object of the API. Models apimachinery pkg/api/validation/objectmeta.go.
pub fn check(root: &Node, group: &str, kind: &str, diagnostics: &mut Diagnostics) {
    let Some(meta) = root.get("metadata").filter(|meta| meta.value != Value::Null) else {
        let at = root.entries().first().map_or(root.span, |(key, _)| key.span);
        let added = diagnostics.error("required", at, "Required value: metadata");
        added.hint("add `metadata:` with a `name:` below it");
        return;
    };
    if !crate::manifest::typed::reader::is_object(meta, diagnostics) {
        return;
    }
    check_name(meta, group, kind, diagnostics);
    check_namespace(meta, group, kind, diagnostics);
    labels::check_labels(meta.get("labels"), diagnostics);
    labels::check_annotations(meta.get("annotations"), diagnostics);
    for owner in meta.get("ownerReferences").map_or(&[][..], Node::items) {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if super::is_missing(owner, field) {
                required(owner, field, diagnostics);
            }
        }
    }
}

fn check_name(meta: &Node, group: &str, kind: &str, diagnostics: &mut Diagnostics) {
    let Some((name, span)) = text(meta, "name") else {
        if let Some((prefix, span)) = text(meta, "generateName") {
            // What is appended is alphanumeric, so a last hyphen is fine.
            let probe = format!("{}x", prefix.trim_end_matches('-'));
            if let Some(why) = names::fault(&probe, 253, names::is_dns1123_subdomain, names::SUBDOMAIN) {
                invalid(span, prefix, &why, diagnostics);
            }
        } else if meta.get("name").is_none_or(|name| matches!(name.value, Value::Null | Value::String(_))) {
            let message = "Required value: name or generateName is required";
            diagnostics.error("required", meta.span, message).hint("add `name:`");
        }
        return;
    };
    let fault = match (group, kind) {
        ("", "Namespace") | ("apps", "StatefulSet") => names::fault(name, 63, names::is_dns1123_label, names::LABEL),
        ("", "Service") => names::fault(name, 63, names::is_dns1035_label, names::LABEL_1035),
        // RBAC's names may hold anything that fits in a path.
        ("rbac.authorization.k8s.io", _) => None,
        _ => names::fault(name, 253, names::is_dns1123_subdomain, names::SUBDOMAIN),
    };
    if let Some(why) = fault {
        let added = invalid(span, name, &why, diagnostics);
        let proposal: String = name.to_ascii_lowercase().replace(['_', ' '], "-");
        if proposal != name && names::is_dns1035_label(&proposal) {
            added.hint(format!("did you mean \"{proposal}\"?")).fix(span, proposal);
        }
    }
}

fn check_namespace(meta: &Node, group: &str, kind: &str, diagnostics: &mut Diagnostics) {
    let Some((namespace, span)) = text(meta, "namespace") else { return };
    if group.is_empty() && matches!(kind, "Node" | "Namespace" | "PersistentVolume") {
        let added = diagnostics.error("forbidden", span, "Forbidden: not allowed on this type");
        added.hint(format!("a {kind} belongs to no namespace"));
    } else if let Some(why) = names::fault(namespace, 63, names::is_dns1123_label, names::LABEL) {
        invalid(span, namespace, &why, diagnostics);
    }
}
