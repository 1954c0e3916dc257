//! Labels, annotations and selectors.

use super::{invalid, is_missing, names};
use crate::manifest::{Diagnostics, Node, Span, typed::LabelSelector};

/// Keys and values of `labels`, or of a selector's `matchLabels`.
pub fn check_labels(map: Option<&Node>, diagnostics: &mut Diagnostics) {
    for (key, value) in map.map_or(&[][..], Node::entries) {
        if let Some(why) = names::qualified_name_fault(&key.name) {
            invalid(key.span, &key.name, &why, diagnostics);
        }
        if let Some(text) = value.as_str() {
            check_value(text, value.span, diagnostics);
        }
    }
}

fn check_value(text: &str, span: Span, diagnostics: &mut Diagnostics) {
    if let Some(why) = names::fault(text, 63, names::is_label_value, names::LABEL_VALUE) {
        invalid(span, text, &why, diagnostics);
    }
}

/// Keys of `annotations`, which may have capitals in their prefix, and their size.
pub fn check_annotations(map: Option<&Node>, diagnostics: &mut Diagnostics) {
    const BYTES_MAX: usize = 256 << 10;
    let mut bytes = 0;
    for (key, value) in map.map_or(&[][..], Node::entries) {
        if let Some(why) = names::qualified_name_fault(&key.name.to_ascii_lowercase()) {
            invalid(key.span, &key.name, &why, diagnostics);
        }
        bytes += key.name.len() + value.as_str().map_or(0, str::len);
    }
    if let Some(map) = map
        && bytes > BYTES_MAX
    {
        diagnostics.error("too-long", map.span, format!("Too long: may not be more than {BYTES_MAX} bytes"));
    }
}

/// A `LabelSelector` in field `field`. Models apimachinery apis/meta/v1/validation ValidateLabelSelector.
pub fn check_selector(parent: &Node, field: &str, diagnostics: &mut Diagnostics) -> Option<LabelSelector> {
    let node = parent.get(field)?;
    check_labels(node.get("matchLabels"), diagnostics);
    for expression in node.get("matchExpressions").map_or(&[][..], Node::items) {
        let values = expression.get("values");
        let count = values.map_or(0, |values| values.items().len());
        match (expression.get("operator").and_then(Node::as_str), count) {
            (Some("In" | "NotIn"), 0) => {
                let message = "Required value: must be specified when `operator` is 'In' or 'NotIn'";
                diagnostics.error("required", expression.span, message).hint("add `values: [...]`");
            }
            (Some("Exists" | "DoesNotExist"), 1..) => {
                let message = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                let span = values.map_or(expression.span, |values| values.span);
                diagnostics.error("forbidden", span, message).hint("remove `values`");
            }
            _ => {}
        }
        for value in values.map_or(&[][..], Node::items) {
            if let Some(text) = value.as_str() {
                check_value(text, value.span, diagnostics);
            }
        }
        let missing = is_missing(expression, "key").then_some(("", expression.span));
        if let Some((key, span)) = missing.or_else(|| super::text(expression, "key"))
            && let Some(why) = names::qualified_name_fault(key)
        {
            invalid(span, key, &why, diagnostics);
        }
    }
    LabelSelector::project(parent, field, diagnostics)
}
