//! What policies select: labels as Kubernetes' policies have them, or Calico's expressions; their text, of which names are
//! made, and whether a Pod or a set of networks fits. Models libcalico-go lib/selector, lib/backend/k8s/conversion and
//! lib/backend/syncersv1/updateprocessors.

use crate::cluster::{Labels, PodRecord};
use crate::manifest::expression::Expression;
use crate::manifest::typed::{LabelSelector, Operator, Requirement};
use std::sync::Arc;

pub const NAMESPACE: &str = "projectcalico.org/namespace";
const ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
pub const SERVICE_ACCOUNT: &str = "projectcalico.org/serviceaccount";
const NAME: &str = "projectcalico.org/name";

#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    Labels(PodsOf),
    Expression(Expression),
}

/// Whether a namespace, or a Pod in it, is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Namespaces {
    Own(Arc<str>),
    All,
    Matching(LabelSelector),
}

/// Pods of namespaces; without `pods` nothing is asked but the namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct PodsOf {
    pub namespaces: Namespaces,
    pub pods: Option<LabelSelector>,
}

/// The labels that a Pod or a set of networks has of others: of its namespace, and a Pod of its ServiceAccount.
#[derive(Clone, Copy)]
pub struct Inherited<'a> {
    pub namespace: &'a Labels,
    pub account: &'a Labels,
}

impl Namespaces {
    /// Of a peer in a policy of the namespace `own`.
    pub fn of_peer(own: &Arc<str>, selector: Option<&LabelSelector>) -> Namespaces {
        match selector {
            None => Namespaces::Own(own.clone()),
            Some(selector) if selector.is_empty() => Namespaces::All,
            Some(selector) => Namespaces::Matching(selector.clone()),
        }
    }

    fn has(&self, name: &str, labels: &Labels) -> bool {
        match self {
            Namespaces::Own(own) => **own == *name,
            Namespaces::All => true,
            Namespaces::Matching(selector) => {
                matches(selector, |key| if key == NAME { Some(name) } else { labels.get(key).map(|value| &**value) })
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Namespaces::Own(name) => equals(NAMESPACE, name),
            Namespaces::All => format!("has({NAMESPACE})"),
            Namespaces::Matching(selector) => joined(terms(selector, "pcns.")),
        }
    }
}

impl Selector {
    /// A rule's.
    pub fn text(&self) -> String {
        match self {
            Selector::Labels(pods) => {
                joined([Some(pods.namespaces.text()), pods.text()].into_iter().flatten().collect())
            }
            Selector::Expression(expression) => expression.text(),
        }
    }

    /// A policy's own, where the namespace comes last.
    pub fn policy_text(&self) -> String {
        match self {
            Selector::Labels(pods) => {
                joined([pods.text(), Some(pods.namespaces.text())].into_iter().flatten().collect())
            }
            Selector::Expression(expression) => expression.text(),
        }
    }

    /// Whether something in this namespace may be meant.
    pub fn in_namespace(&self, name: &str, labels: &Labels) -> bool {
        match self {
            Selector::Labels(pods) => pods.namespaces.has(name, labels),
            Selector::Expression(_) => true,
        }
    }

    /// Whether it selects this Pod of a namespace that may be meant.
    pub fn has_pod(&self, pod: &PodRecord, inherited: Inherited<'_>) -> bool {
        let label = |key: &str| label(pod, inherited, key);
        match self {
            Selector::Labels(PodsOf { pods, .. }) => pods.as_ref().is_none_or(|pods| matches(pods, label)),
            Selector::Expression(expression) => expression.matches(&label),
        }
    }

    /// Whether it selects a set of networks; `namespace` is empty if that is in none.
    pub fn has_networks(&self, labels: &Labels, namespace: &str, inherited: Inherited<'_>) -> bool {
        let own = |key: &str| match key {
            NAMESPACE => (!namespace.is_empty()).then_some(namespace),
            _ => labels.get(key).map(|value| &**value).or_else(|| of_namespace(namespace, inherited.namespace, key)),
        };
        match self {
            // Pods bear an orchestrator's label, which is asked for wherever Pods are.
            Selector::Labels(PodsOf { pods: Some(_), .. }) => false,
            Selector::Labels(PodsOf { namespaces, .. }) => {
                !namespace.is_empty() && namespaces.has(namespace, inherited.namespace)
            }
            Selector::Expression(expression) => expression.matches(&own),
        }
    }
}

impl PodsOf {
    fn text(&self) -> Option<String> {
        let orchestrator = std::iter::once(equals(ORCHESTRATOR, "k8s"));
        self.pods.as_ref().map(|pods| joined(orchestrator.chain(terms(pods, "")).collect()))
    }
}

fn of_namespace<'a>(name: &'a str, labels: &'a Labels, key: &str) -> Option<&'a str> {
    let key = key.strip_prefix("pcns.").filter(|_| !name.is_empty())?;
    if key == NAME { Some(name) } else { labels.get(key).map(|value| &**value) }
}

/// A Pod's label, or one that Calico gives it: its own, then those that come from its namespace and its ServiceAccount.
fn label<'a>(pod: &'a PodRecord, inherited: Inherited<'a>, key: &str) -> Option<&'a str> {
    match key {
        NAMESPACE => return Some(&pod.key.namespace),
        ORCHESTRATOR => return Some("k8s"),
        SERVICE_ACCOUNT => return Some(account(pod)),
        _ => {}
    }
    let own = pod.labels.get(key).map(|value| &**value);
    own.or_else(|| match key.strip_prefix("pcsa.") {
        Some(NAME) => Some(account(pod)),
        Some(key) => inherited.account.get(key).map(|value| &**value),
        None => of_namespace(&pod.key.namespace, inherited.namespace, key),
    })
}

/// The ServiceAccount of a Pod.
pub fn account(pod: &PodRecord) -> &str {
    pod.spec.service_account_name.as_deref().unwrap_or("default")
}

/// Whether a selector of labels holds.
pub fn matches<'a>(selector: &LabelSelector, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    let holds = |requirement: &Requirement| {
        let value = label(&requirement.key);
        let listed = || value.is_some_and(|value| requirement.values.iter().any(|own| **own == *value));
        match requirement.operator {
            Operator::In => listed(),
            Operator::NotIn => !listed(),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            // The API server takes them for nodes only.
            Operator::Gt | Operator::Lt => false,
        }
    };
    selector.match_labels.iter().all(|(key, value)| label(key) == Some(&**value))
        && selector.match_expressions.iter().all(holds)
}

/// Calico's text of a selector of labels.
pub fn labels_text(selector: &LabelSelector) -> String {
    joined(terms(selector, ""))
}

fn terms(selector: &LabelSelector, prefix: &str) -> Vec<String> {
    let labels = selector.match_labels.iter().map(|(key, value)| equals(&format!("{prefix}{key}"), value));
    let listed = |requirement: &Requirement, word: &str| {
        let mut values: Vec<&str> = requirement.values.iter().map(|value| &**value).collect();
        values.sort_unstable();
        values.dedup();
        let values: Vec<String> = values.into_iter().map(|value| format!("\"{value}\"")).collect();
        format!("{prefix}{} {word} {{{}}}", requirement.key, values.join(", "))
    };
    let expressions = selector.match_expressions.iter().map(|requirement| match requirement.operator {
        Operator::NotIn => listed(requirement, "not in"),
        Operator::Exists => format!("has({prefix}{})", requirement.key),
        Operator::DoesNotExist => format!("!has({prefix}{})", requirement.key),
        Operator::In | Operator::Gt | Operator::Lt => listed(requirement, "in"),
    });
    labels.chain(expressions).collect()
}

fn equals(key: &str, value: &str) -> String {
    format!("{key} == \"{value}\"")
}

fn joined(terms: Vec<String>) -> String {
    match terms.as_slice() {
        [one] => one.clone(),
        all => format!("({})", all.join(" && ")),
    }
}
