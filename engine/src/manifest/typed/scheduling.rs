//! The parts of a Pod that say where it may run.

use std::sync::Arc;

use super::{LabelSelector, Requirement, TaintEffect, reader, selector::Operator};
use crate::manifest::{Diagnostics, Node, Span};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TolerationOperator {
    Equal,
    Exists,
}

/// One of `spec.tolerations`.
#[derive(Clone, Debug, PartialEq)]
pub struct Toleration {
    /// Empty: with `Exists`, every key.
    pub key: Arc<str>,
    pub operator: TolerationOperator,
    pub value: Arc<str>,
    /// `None`: every effect.
    pub effect: Option<TaintEffect>,
    pub seconds: Option<i64>,
}

impl Toleration {
    /// Models k8s.io/api core/v1 toleration.go ToleratesTaint.
    pub fn tolerates(&self, taint: &super::Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && (self.key.is_empty() || self.key == taint.key)
            && match self.operator {
                TolerationOperator::Exists => true,
                TolerationOperator::Equal => self.value == taint.value,
            }
    }

    pub(super) fn project_all(spec: &Node, d: &mut Diagnostics) -> Vec<Toleration> {
        let mut tolerations = Vec::new();
        for node in reader::objects(spec, "tolerations", d) {
            tolerations.push(Toleration {
                key: reader::text(node, "key", d).unwrap_or_default(),
                operator: match reader::choice(node, "operator", &["Equal", "Exists"], d) {
                    Some(1) => TolerationOperator::Exists,
                    _ => TolerationOperator::Equal,
                },
                value: reader::text(node, "value", d).unwrap_or_default(),
                effect: TaintEffect::project(node, d),
                seconds: reader::int(node, "tolerationSeconds", d),
            });
        }
        tolerations
    }
}

/// One of the terms of a required node affinity; a node must match one term, and all of the term's requirements.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSelectorTerm {
    pub match_expressions: Vec<Requirement>,
    /// Requirements on `metadata.name`.
    pub match_fields: Vec<Requirement>,
}

impl NodeSelectorTerm {
    /// `spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`; `None` if there is none.
    pub(super) fn project_all(spec: &Node, d: &mut Diagnostics) -> Option<Vec<NodeSelectorTerm>> {
        let affinity = reader::object(spec, "affinity", d)?;
        let node_affinity = reader::object(affinity, "nodeAffinity", d)?;
        let required = reader::object(node_affinity, "requiredDuringSchedulingIgnoredDuringExecution", d)?;
        let words = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
        let terms = reader::objects(required, "nodeSelectorTerms", d);
        let project = |term: &Node| NodeSelectorTerm {
            match_expressions: Requirement::project_all(term, "matchExpressions", &words, d),
            match_fields: Requirement::project_all(term, "matchFields", &words[..2], d),
        };
        Some(terms.into_iter().map(project).collect())
    }

    /// Models k8s.io/component-helpers scheduling/corev1/nodeaffinity: a term without requirements matches nothing.
    pub fn matches(&self, node: &super::ObjectMeta) -> bool {
        let field = |requirement: &Requirement| {
            let named = &*requirement.key == "metadata.name" && requirement.values.contains(&node.name);
            named == (requirement.operator == Operator::In)
        };
        !(self.match_expressions.is_empty() && self.match_fields.is_empty())
            && self.match_expressions.iter().all(|requirement| requirement.matches(&node.labels))
            && self.match_fields.iter().all(field)
    }
}

/// One required term of `podAffinity` or `podAntiAffinity`.
#[derive(Clone, Debug, PartialEq)]
pub struct PodAffinityTerm {
    /// `None` selects no Pods.
    pub label_selector: Option<LabelSelector>,
    /// Empty: the Pod's own namespace.
    pub namespaces: Vec<Arc<str>>,
    pub topology_key: Arc<str>,
}

impl PodAffinityTerm {
    /// The required terms of `spec.affinity.NAME`.
    pub(super) fn project_all(spec: &Node, name: &str, d: &mut Diagnostics) -> Vec<PodAffinityTerm> {
        let affinity = reader::object(spec, "affinity", d).and_then(|affinity| reader::object(affinity, name, d));
        let Some(affinity) = affinity else { return Vec::new() };
        let terms = reader::objects(affinity, "requiredDuringSchedulingIgnoredDuringExecution", d);
        let project = |term: &Node| PodAffinityTerm {
            label_selector: LabelSelector::project(term, "labelSelector", d),
            namespaces: reader::texts(term, "namespaces", d),
            topology_key: reader::text(term, "topologyKey", d).unwrap_or_default(),
        };
        terms.into_iter().map(project).collect()
    }
}

/// One of `spec.topologySpreadConstraints`.
#[derive(Clone, Debug, PartialEq)]
pub struct TopologySpreadConstraint {
    pub max_skew: u32,
    pub topology_key: Arc<str>,
    /// `whenUnsatisfiable: DoNotSchedule`, rather than `ScheduleAnyway`.
    pub hard: bool,
    pub label_selector: Option<LabelSelector>,
    pub span: Span,
}

impl TopologySpreadConstraint {
    pub(super) fn project_all(spec: &Node, d: &mut Diagnostics) -> Vec<TopologySpreadConstraint> {
        let constraints = reader::objects(spec, "topologySpreadConstraints", d);
        let project = |node: &Node| TopologySpreadConstraint {
            max_skew: reader::count(node, "maxSkew", d).unwrap_or(1),
            topology_key: reader::text(node, "topologyKey", d).unwrap_or_default(),
            hard: reader::choice(node, "whenUnsatisfiable", &["DoNotSchedule", "ScheduleAnyway"], d) != Some(1),
            label_selector: LabelSelector::project(node, "labelSelector", d),
            span: node.span,
        };
        constraints.into_iter().map(project).collect()
    }
}
