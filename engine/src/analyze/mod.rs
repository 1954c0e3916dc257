//! What is wrong with the cluster itself, as it stands: Pods that do not run, selectors that find nothing, networks that
//! clash. Each problem has a place in the manifests, words, and a fix where one is evident.
//!
//! All of it is read off a revision, what the controllers made of it included; no packet is sent. The time taken grows
//! with the number of Pods and objects, that of the problems told does not.

mod files;
mod index;
mod network;
mod pods;
mod policies;
mod references;
mod rollouts;
mod services;

#[cfg(test)]
mod tests;

use crate::cluster::{Cluster, Labels, Object, PodKey, Revision};
use crate::manifest::{Diagnostic, Diagnostics, Node, Severity, Span};
use crate::tables::Origin;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Most problems of one sort that are told; the others are counted in a last one.
const OF_A_SORT_MAX: usize = 20;

/// The sorts of problems that are told here, and `not-running`, which is what reading a manifest makes of several of them.
/// What reading a manifest says of any holds only for the moment at which it was read.
pub const CODES: [&str; 37] = [
    "address-outside",
    "config-map",
    "crash-loop",
    "dns-unanswered",
    "flannel-config",
    "flannel-mtu",
    "flannel-network",
    "host-port",
    "kube-proxy-stale",
    "no-node",
    "no-pod-subnet",
    "node-selector",
    "not-in-force",
    "not-running",
    "pod-mtu",
    "pod-rejected",
    "pod-subnet-outside",
    "pod-unschedulable",
    "pod-without-address",
    "policy-label-unknown",
    "policy-no-dns",
    "policy-no-effect",
    "policy-no-tier",
    "policy-peer-selects-nothing",
    "policy-peer-unsupported",
    "policy-peers-apart",
    "policy-port-name",
    "policy-rule-shadowed",
    "policy-rules-ignored",
    "policy-selects-nothing",
    "policy-version",
    "rollout-stuck",
    "service-not-ready",
    "service-selects-nothing",
    "subnets-overlap",
    "target-port-closed",
    "target-port-name",
];

/// The problems of the cluster as it is now, in the order of their places, worst first at one place.
pub fn problems(cluster: &Cluster) -> Vec<Diagnostic> {
    let revision = cluster.revision();
    let mut findings = Findings {
        cluster,
        revision,
        index: OnceCell::new(),
        kept: Vec::new(),
        bare: Vec::new(),
        counts: BTreeMap::new(),
    };
    network::check(&mut findings);
    pods::check(&mut findings);
    rollouts::check(&mut findings);
    services::check(&mut findings);
    policies::check(&mut findings);
    references::check(&mut findings);
    files::check(&mut findings);
    findings.finish()
}

/// All that is wrong: with the texts, and with the cluster that they make. In the order of their places.
pub fn all(cluster: &Cluster) -> Vec<Diagnostic> {
    let of_texts = cluster.files().iter().flat_map(|file| file.diagnostics.iter());
    let mut all: Vec<Diagnostic> = of_texts.filter(|diagnostic| !is_about_cluster(diagnostic)).cloned().collect();
    all.extend(problems(cluster));
    all.sort_by_key(|problem| (problem.span, problem.severity));
    all
}

/// What [`all`] finds, as text: `pods.yaml:3:5: warning: what [sort]`, then a hint and what a fix would put there.
pub fn render(cluster: &Cluster, all: &[Diagnostic]) -> String {
    let (sources, mut text) = (cluster.sources(), String::new());
    for Diagnostic { severity, code, span, message, hint, fix } in all {
        let place = if sources.get(span.source).is_some() { sources.location(*span) + ": " } else { String::new() };
        text += &format!("{place}{}: {message} [{code}]\n", severity.as_str());
        text.extend(hint.iter().map(|hint| format!("  hint: {hint}\n")));
        text.extend(fix.iter().map(|fix| {
            let old = sources.get(fix.span.source).map_or("", |source| source.slice(fix.span));
            format!("  fix: {old} → {}\n", fix.replacement)
        }));
    }
    text
}

/// Whether what was said of a text as it was read is a problem of the cluster, which may have gone since.
pub fn is_about_cluster(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity != Severity::Error && CODES.contains(&diagnostic.code)
}

/// The place of what stands nowhere.
const NOWHERE: Span = Span { source: u32::MAX, start: 0, end: 0 };

/// What has been found so far, and where to look things up.
struct Findings<'a> {
    cluster: &'a Cluster,
    revision: &'a Revision,
    /// The Pods by their labels, once somebody has asked.
    index: OnceCell<Rc<index::Index>>,
    kept: Vec<Diagnostic>,
    /// Pods without a controller.
    bare: Vec<PodKey>,
    /// How many of each sort there are, kept or not, and where the first that is not kept stands.
    counts: BTreeMap<&'static str, (usize, Span)>,
}

impl<'a> Findings<'a> {
    /// Adds a warning, which a hint and a fix may follow. None once there are enough of its sort.
    fn warn(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> Option<&mut Diagnostic> {
        self.add(Severity::Warning, code, span, message.into())
    }

    fn add(&mut self, severity: Severity, code: &'static str, span: Span, message: String) -> Option<&mut Diagnostic> {
        debug_assert!(CODES.contains(&code), "{code} is not among the sorts of problems");
        let (count, first_left) = self.counts.entry(code).or_default();
        *count += 1;
        if *count == OF_A_SORT_MAX + 1 {
            *first_left = span;
        }
        if *count > OF_A_SORT_MAX {
            return None;
        }
        self.kept.push(Diagnostic { severity, code, span, message, hint: None, fix: None });
        self.kept.last_mut()
    }

    fn index(&self) -> Rc<index::Index> {
        self.index.get_or_init(|| Rc::new(index::Index::of(self.revision))).clone()
    }

    /// Whether more of a sort would only be counted.
    fn has_enough(&self, code: &str) -> bool {
        self.counts.get(code).is_some_and(|(count, _)| *count >= OF_A_SORT_MAX)
    }

    /// Counts one more problem of a sort of which enough are told; false if there are not. `place` is asked for at most
    /// once.
    fn is_left(&mut self, code: &'static str, place: impl FnOnce(&Self) -> Span) -> bool {
        if !self.has_enough(code) {
            return false;
        }
        let is_first = self.counts.get(code).is_some_and(|(count, _)| *count == OF_A_SORT_MAX);
        let span = if is_first { place(self) } else { NOWHERE };
        self.warn(code, span, String::new()).is_none()
    }

    fn finish(mut self) -> Vec<Diagnostic> {
        for (code, (count, span)) in self.counts {
            if let Some(left) = count.checked_sub(OF_A_SORT_MAX).filter(|left| *left > 0) {
                let message = format!("and {left} more problems of this sort ({code})");
                self.kept.push(Diagnostic { severity: Severity::Info, code, span, message, hint: None, fix: None });
            }
        }
        self.kept.sort_by_key(|problem| (problem.span, problem.severity));
        self.kept
    }

    /// Where an object's field stands, or the deepest on the way to it that does.
    fn span(&self, object: &Object, path: &str) -> Span {
        self.revision.span(object, path)
    }

    /// Where the field that an origin names stands.
    fn origin_span(&self, origin: &Origin) -> Option<Span> {
        let Origin::Object { uid, path } = origin else { return None };
        Some(self.span(self.revision.object_by_uid(*uid)?, path))
    }

    /// Parses a document within a ConfigMap's text; its own problems have been told when it was applied.
    fn embedded(&self, text: &str, span: Span) -> Option<Node> {
        crate::manifest::embedded::parse(text, span, self.cluster.sources(), &mut Diagnostics::default())
    }

    /// A scalar's new text, in the quotes that it has.
    fn requoted(&self, span: Span, value: &str) -> String {
        let source = self.cluster.sources().get(span.source);
        match source.map(|source| source.slice(span)).and_then(|text| text.chars().next()) {
            Some(quote @ ('"' | '\'')) => format!("{quote}{value}{quote}"),
            _ => value.to_owned(),
        }
    }
}

/// `1 Pod`, `3 Pods`
fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// `a=b,c=d`
fn labels_text(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}
