//! Deployment, ReplicaSet, DaemonSet and StatefulSet.

use std::sync::Arc;

use super::{IntOrString, LabelSelector, ObjectMeta, PodSpec, reader};
use crate::manifest::{Diagnostics, Node, Span};

/// `spec.template`: the Pods a workload makes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodTemplate {
    pub meta: ObjectMeta,
    pub spec: PodSpec,
    pub span: Span,
}

/// How many Pods, and where that is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replicas {
    /// 1 unless said otherwise.
    pub count: u32,
    pub span: Span,
}

/// How a Deployment replaces its Pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// Numbers or percentages; 25% each unless said otherwise.
    RollingUpdate {
        max_surge: IntOrString,
        max_unavailable: IntOrString,
    },
    Recreate,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub meta: ObjectMeta,
    pub replicas: Replicas,
    pub selector: LabelSelector,
    pub template: PodTemplate,
    pub strategy: Strategy,
    pub revision_history_limit: u32,
    pub paused: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaSet {
    pub meta: ObjectMeta,
    pub replicas: Replicas,
    pub selector: LabelSelector,
    pub template: PodTemplate,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DaemonSet {
    pub meta: ObjectMeta,
    pub selector: LabelSelector,
    pub template: PodTemplate,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StatefulSet {
    pub meta: ObjectMeta,
    pub replicas: Replicas,
    pub selector: LabelSelector,
    pub template: PodTemplate,
    pub service_name: Arc<str>,
    /// `podManagementPolicy: Parallel`, rather than one after the other.
    pub parallel: bool,
    /// `ordinals.start`
    pub first_ordinal: u32,
    /// Pods from this ordinal on follow the template; `None` with `OnDelete`.
    pub partition: Option<u32>,
}

impl PodTemplate {
    /// The `template` of a workload's `spec`.
    pub fn project(spec: &Node, diagnostics: &mut Diagnostics) -> PodTemplate {
        let Some(node) = reader::object(spec, "template", diagnostics) else {
            return PodTemplate { span: spec.span, ..PodTemplate::default() };
        };
        PodTemplate {
            meta: ObjectMeta::project(node, diagnostics),
            spec: PodSpec::project(node, diagnostics),
            span: node.span,
        }
    }
}

impl Replicas {
    fn project(spec: &Node, diagnostics: &mut Diagnostics) -> Replicas {
        let count = reader::count(spec, "replicas", diagnostics).unwrap_or(1);
        Replicas { count, span: reader::span_of(spec, "replicas") }
    }
}

impl Strategy {
    fn project(spec: &Node, d: &mut Diagnostics) -> Strategy {
        let node = reader::object(spec, "strategy", d);
        let kind = node.and_then(|node| reader::choice(node, "type", &["RollingUpdate", "Recreate"], d));
        if kind == Some(1) {
            return Strategy::Recreate;
        }
        let rolling = node.and_then(|node| reader::object(node, "rollingUpdate", d));
        let mut amount = |name| {
            let given = rolling.and_then(|rolling| reader::int_or_string(rolling, name, d));
            given.unwrap_or_else(|| IntOrString::String("25%".into()))
        };
        Strategy::RollingUpdate { max_surge: amount("maxSurge"), max_unavailable: amount("maxUnavailable") }
    }
}

/// The `spec` of a workload; the object itself if there is none, so that what is missing is reported somewhere.
fn spec_of<'n>(root: &'n Node, diagnostics: &mut Diagnostics) -> Option<&'n Node> {
    if !reader::is_object(root, diagnostics) {
        return None;
    }
    Some(reader::object(root, "spec", diagnostics).unwrap_or(root))
}

fn selector(spec: &Node, d: &mut Diagnostics) -> LabelSelector {
    let none = || LabelSelector { span: spec.span, ..LabelSelector::default() };
    LabelSelector::project(spec, "selector", d).unwrap_or_else(none)
}

impl Deployment {
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<Deployment> {
        let d = diagnostics;
        let spec = spec_of(root, d)?;
        Some(Deployment {
            meta: ObjectMeta::project(root, d),
            replicas: Replicas::project(spec, d),
            selector: selector(spec, d),
            template: PodTemplate::project(spec, d),
            strategy: Strategy::project(spec, d),
            revision_history_limit: reader::count(spec, "revisionHistoryLimit", d).unwrap_or(10),
            paused: reader::boolean(spec, "paused", d).unwrap_or(false),
        })
    }
}

impl ReplicaSet {
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<ReplicaSet> {
        let d = diagnostics;
        let spec = spec_of(root, d)?;
        Some(ReplicaSet {
            meta: ObjectMeta::project(root, d),
            replicas: Replicas::project(spec, d),
            selector: selector(spec, d),
            template: PodTemplate::project(spec, d),
        })
    }
}

impl DaemonSet {
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<DaemonSet> {
        let d = diagnostics;
        let spec = spec_of(root, d)?;
        Some(DaemonSet {
            meta: ObjectMeta::project(root, d),
            selector: selector(spec, d),
            template: PodTemplate::project(spec, d),
        })
    }
}

impl StatefulSet {
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<StatefulSet> {
        let d = diagnostics;
        let spec = spec_of(root, d)?;
        let ordinals = reader::object(spec, "ordinals", d);
        Some(StatefulSet {
            meta: ObjectMeta::project(root, d),
            replicas: Replicas::project(spec, d),
            selector: selector(spec, d),
            template: PodTemplate::project(spec, d),
            service_name: reader::text(spec, "serviceName", d).unwrap_or_default(),
            parallel: reader::choice(spec, "podManagementPolicy", &["OrderedReady", "Parallel"], d) == Some(1),
            partition: partition(spec, d),
            first_ordinal: ordinals.and_then(|ordinals| reader::count(ordinals, "start", d)).unwrap_or(0),
        })
    }
}

/// `updateStrategy`: `None` with `OnDelete`, else `rollingUpdate.partition`.
fn partition(spec: &Node, d: &mut Diagnostics) -> Option<u32> {
    let strategy = reader::object(spec, "updateStrategy", d);
    let Some(strategy) = strategy else { return Some(0) };
    if reader::choice(strategy, "type", &["RollingUpdate", "OnDelete"], d) == Some(1) {
        return None;
    }
    let rolling = reader::object(strategy, "rollingUpdate", d);
    Some(rolling.and_then(|rolling| reader::count(rolling, "partition", d)).unwrap_or(0))
}
