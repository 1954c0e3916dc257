//! Selectors that find nothing: what keeps them from it, and what was meant.

use super::{Alike, Findings, View, labels_text};
use crate::analyze::index::missed;
use crate::cluster::Labels;
use crate::manifest::nearest::nearest;
use crate::manifest::typed::LabelSelector;
use crate::manifest::{Fix, Node, Span};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most names or labels that are listed in a sentence.
const LISTED_MAX: usize = 4;

/// What to say of a selector that finds nothing.
pub struct Mend {
    /// The label that is wrong, if it is one.
    span: Option<Span>,
    pub hint: String,
    pub fix: Option<Fix>,
}

impl Mend {
    /// Adds the problem at the wrong label, or at `span`.
    pub fn tell(self, findings: &mut Findings<'_>, code: &'static str, span: Span, message: String) {
        if let Some(problem) = findings.warn(code, self.span.unwrap_or(span), message) {
            problem.hint(self.hint);
            problem.fix = self.fix;
        }
    }
}

/// Why no Pod of some namespaces is selected: `none in namespace default has app=web`.
pub fn nothing(namespaces: &[&Arc<str>], pods: &LabelSelector) -> String {
    let mut names: Vec<&str> = namespaces.iter().take(LISTED_MAX).map(|name| &***name).collect();
    if namespaces.len() > LISTED_MAX {
        names.push("…");
    }
    let place = if namespaces.len() == 1 { "namespace" } else { "namespaces" };
    match pods.is_empty() {
        true => format!("there is none in {place} {}", names.join(", ")),
        false => format!("none in {place} {} {}", names.join(", "), wanted(pods)),
    }
}

/// What is asked of a Pod or namespace: `has app=web`.
pub fn wanted(selector: &LabelSelector) -> String {
    match selector.match_expressions.is_empty() {
        true => format!("has {}", labels_text(&selector.match_labels)),
        false => "fits its conditions".to_owned(),
    }
}

/// What was meant by the `podSelector` of `parent`, which finds nothing in these namespaces.
pub fn mend_pods(
    findings: &Findings<'_>,
    view: &View,
    (parent, selector): (Option<&Node>, &LabelSelector),
    namespaces: &[&Arc<str>],
) -> Mend {
    let pods = namespaces.iter().flat_map(|namespace| view.index.all(namespace));
    let known: Vec<&Labels> = pods.map(|alike: &Alike| &*alike.labels).collect();
    let node = parent.and_then(|parent| parent.get("podSelector"));
    mend(findings, (node, selector), &known, "Pod")
}

/// What was meant by a selector of namespaces, which finds nothing.
pub fn mend_namespaces(
    findings: &Findings<'_>,
    view: &View,
    (node, selector): (Option<&Node>, &LabelSelector),
) -> Mend {
    let known: Vec<&Labels> = view.namespaces.iter().map(|(_, labels)| labels).collect();
    mend(findings, (node, selector), &known, "namespace")
}

fn mend(
    findings: &Findings<'_>,
    (node, selector): (Option<&Node>, &LabelSelector),
    known: &[&Labels],
    what: &str,
) -> Mend {
    if known.is_empty() {
        return Mend { span: None, hint: format!("no {what} is there at all"), fix: None };
    }
    let Some(miss) = missed(&selector.match_labels, known) else {
        let hint = format!("each of its conditions may hold for some {what}, but for none do all of them");
        return Mend { span: None, hint, fix: None };
    };
    let labels = node.and_then(|node| node.get("matchLabels")).map_or(&[][..], Node::entries);
    let entry = labels.iter().find(|(key, _)| key.name == *miss.key);
    let put = |span: Option<Span>, text: &str| Some(Fix { span: span?, replacement: findings.requoted(span?, text) });
    let (key_span, value_span) = (entry.map(|(key, _)| key.span), entry.map(|(_, value)| value.span));
    let (key, value) = (miss.key, miss.value);
    if let Some(near) = nearest(value, miss.values.iter().copied()) {
        return Mend { span: value_span, hint: format!("did you mean {key}={near}?"), fix: put(value_span, near) };
    }
    if !miss.values.is_empty() {
        let pairs: Vec<String> = miss.values.iter().take(LISTED_MAX).map(|value| format!("{key}={value}")).collect();
        let more = if miss.values.len() > LISTED_MAX { ", …" } else { "" };
        return Mend { span: value_span, hint: format!("there is {}{more}", pairs.join(", ")), fix: None };
    }
    // The value under another key.
    let pairs = known.iter().flat_map(|labels| labels.iter());
    let keys: BTreeSet<&str> = pairs.filter(|(_, found)| *found == value).map(|(key, _)| &**key).collect();
    if let Some(near) = nearest(key, keys.iter().copied()).or(keys.first().copied()) {
        return Mend { span: key_span, hint: format!("there is {near}={value}"), fix: put(key_span, near) };
    }
    Mend { span: key_span, hint: format!("no {what} there has a label {key}"), fix: None }
}
