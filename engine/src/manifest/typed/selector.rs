//! Label selectors.

use std::{collections::BTreeMap, sync::Arc};

use super::reader;
use crate::manifest::{Diagnostics, Node, Span};

/// How a requirement compares. `Gt` and `Lt` are for nodes only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
}

/// One of `matchExpressions`.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    pub key: Arc<str>,
    pub operator: Operator,
    pub values: Vec<Arc<str>>,
    pub span: Span,
}

impl Requirement {
    /// Models k8s.io/apimachinery pkg/labels Requirement.Matches.
    pub fn matches(&self, labels: &BTreeMap<Arc<str>, Arc<str>>) -> bool {
        let value = labels.get(&self.key);
        let listed = || value.is_some_and(|value| self.values.contains(value));
        let compared = |holds: fn(&i64, &i64) -> bool| {
            let bound = self.values.first().and_then(|bound| bound.parse().ok());
            let number = value.and_then(|value| value.parse().ok());
            number.zip(bound).is_some_and(|(number, bound)| holds(&number, &bound))
        };
        match self.operator {
            Operator::In => listed(),
            Operator::NotIn => !listed(),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => compared(i64::gt),
            Operator::Lt => compared(i64::lt),
        }
    }

    pub(super) fn project_all(node: &Node, name: &str, words: &[&str], d: &mut Diagnostics) -> Vec<Requirement> {
        const OPERATORS: [Operator; 6] =
            [Operator::In, Operator::NotIn, Operator::Exists, Operator::DoesNotExist, Operator::Gt, Operator::Lt];
        let mut requirements = Vec::new();
        for expression in reader::objects(node, name, d) {
            let key = reader::text(expression, "key", d).unwrap_or_default();
            let values = reader::texts(expression, "values", d);
            if reader::field(expression, "operator").is_none() {
                d.error("required", expression.span, "Required value: operator")
                    .hint(format!("one of {}", words.join(", ")));
            }
            if let Some(index) = reader::choice(expression, "operator", words, d) {
                requirements.push(Requirement { key, operator: OPERATORS[index], values, span: expression.span });
            }
        }
        requirements
    }
}

/// `matchLabels` and `matchExpressions`. An empty selector matches everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelSelector {
    pub match_labels: BTreeMap<Arc<str>, Arc<str>>,
    pub match_expressions: Vec<Requirement>,
    pub span: Span,
}

impl LabelSelector {
    /// The selector in field `name`, or `None` if there is none.
    pub fn project(node: &Node, name: &str, d: &mut Diagnostics) -> Option<LabelSelector> {
        let selector = reader::object(node, name, d)?;
        let words = ["In", "NotIn", "Exists", "DoesNotExist"];
        Some(LabelSelector {
            match_labels: reader::text_map(selector, "matchLabels", d),
            match_expressions: Requirement::project_all(selector, "matchExpressions", &words, d),
            span: selector.span,
        })
    }

    pub fn matches(&self, labels: &BTreeMap<Arc<str>, Arc<str>>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|requirement| requirement.matches(labels))
    }

    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}
