//! Calico's selectors, as NetworkPolicies come to them: their text, of which names are made, and what they select. Models
//! libcalico-go lib/selector, lib/backend/k8s/conversion and lib/backend/syncersv1/updateprocessors.

use crate::cluster::{Labels, PodRecord};
use crate::manifest::typed::{LabelSelector, Operator, Requirement};
use std::sync::Arc;

const NAMESPACE: &str = "projectcalico.org/namespace";
const ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
const SERVICE_ACCOUNT: &str = "projectcalico.org/serviceaccount";
const NAME: &str = "projectcalico.org/name";

/// Whether a namespace, or a Pod in it, is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Namespaces {
    Own(Arc<str>),
    All,
    Matching(LabelSelector),
}

/// Pods of namespaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    pub namespaces: Namespaces,
    pub pods: LabelSelector,
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

    pub fn has(&self, name: &str, labels: &Labels) -> bool {
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
        joined(vec![self.namespaces.text(), self.pods_text()])
    }

    /// A policy's own, where the namespace comes last.
    pub fn policy_text(&self) -> String {
        joined(vec![self.pods_text(), self.namespaces.text()])
    }

    fn pods_text(&self) -> String {
        let orchestrator = std::iter::once(equals(ORCHESTRATOR, "k8s"));
        joined(orchestrator.chain(terms(&self.pods, "")).collect())
    }

    /// Whether it selects this Pod of a namespace that it selects.
    pub fn has_pod(&self, pod: &PodRecord, namespace: &Labels) -> bool {
        matches(&self.pods, |key| label(pod, namespace, key))
    }
}

/// A Pod's label, or one that Calico gives it: its own, then those that come from its namespace and its ServiceAccount.
fn label<'a>(pod: &'a PodRecord, namespace: &'a Labels, key: &str) -> Option<&'a str> {
    let account = || pod.spec.service_account_name.as_deref().unwrap_or("default");
    match key {
        NAMESPACE => return Some(&pod.key.namespace),
        ORCHESTRATOR => return Some("k8s"),
        SERVICE_ACCOUNT => return Some(account()),
        _ => {}
    }
    let own = pod.labels.get(key).map(|value| &**value);
    own.or_else(|| match (key.strip_prefix("pcns."), key.strip_prefix("pcsa.")) {
        (Some(NAME), _) => Some(&pod.key.namespace),
        (Some(key), _) => namespace.get(key).map(|value| &**value),
        (_, Some(NAME)) => Some(account()),
        _ => None,
    })
}

fn matches<'a>(selector: &LabelSelector, label: impl Fn(&str) -> Option<&'a str>) -> bool {
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
