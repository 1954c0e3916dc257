//! Label selectors and field selectors.

use super::{Object, Revision};
use crate::manifest::Span;
use crate::manifest::typed::{LabelSelector, Operator, Requirement};
use std::sync::Arc;

/// Reads a selector as `kubectl get -l` takes it: `app=web,tier!=db,env in (a,b),!old,zone`. Err: the API server's
/// complaint. Models apimachinery `labels.Parse`.
pub fn parse_selector(text: &str) -> Result<LabelSelector, String> {
    let mut selector = LabelSelector::default();
    for part in split_outside_parentheses(text) {
        let requirement =
            parse_requirement(part.trim()).ok_or_else(|| format!("unable to parse requirement: {part}"))?;
        selector.match_expressions.push(requirement);
    }
    Ok(selector)
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0i32);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn parse_requirement(text: &str) -> Option<Requirement> {
    let make = |key: &str, operator, values: Vec<Arc<str>>| {
        let key = key.trim();
        let valid = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        valid.then(|| Requirement { key: key.into(), operator, values, span: Span::default() })
    };
    if let Some((key, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let (key, operator) = key.trim().rsplit_once(char::is_whitespace)?;
        let values = values.split(',').map(|value| value.trim().into()).collect();
        return match operator {
            "in" => make(key, Operator::In, values),
            "notin" => make(key, Operator::NotIn, values),
            _ => None,
        };
    }
    if let Some((key, value)) = text.split_once("!=") {
        return make(key, Operator::NotIn, vec![value.trim().into()]);
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return make(key, Operator::In, vec![value.trim().into()]);
    }
    match text.strip_prefix('!') {
        Some(key) => make(key, Operator::DoesNotExist, Vec::new()),
        None => make(text, Operator::Exists, Vec::new()),
    }
}

/// A field selector: `metadata.name=web,spec.nodeName!=worker-1`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldSelector {
    /// (field, equal, value)
    terms: Vec<(String, bool, String)>,
}

impl FieldSelector {
    /// Err: the API server's complaint about a field that `kind` cannot be selected by.
    pub fn parse(text: &str, kind: &str) -> Result<FieldSelector, String> {
        let mut terms = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let unequal = part.split_once("!=").map(|(field, value)| (field, false, value));
            let equal = || part.split_once("==").or_else(|| part.split_once('=')).map(|(f, v)| (f, true, v));
            let Some((field, equal, value)) = unequal.or_else(equal) else {
                return Err(format!("invalid selector: '{part}'; can't understand '{part}'"));
            };
            let known = match field {
                "metadata.name" | "metadata.namespace" => true,
                "spec.nodeName" | "status.phase" | "status.podIP" | "spec.restartPolicy" => kind == "Pod",
                _ => false,
            };
            if !known {
                return Err(format!("field label not supported: {field}"));
            }
            terms.push((field.to_owned(), equal, value.to_owned()));
        }
        Ok(FieldSelector { terms })
    }

    pub fn matches(&self, object: &Object, revision: &Revision) -> bool {
        let pod = object.key.as_pod().and_then(|key| revision.pods.get(&key));
        self.terms.iter().all(|(field, equal, wanted)| {
            let ip = pod.and_then(|pod| pod.ip.as_ref()).map(|(ip, _)| ip.to_string());
            let value: &str = match field.as_str() {
                "metadata.name" => &object.key.name,
                "metadata.namespace" => &object.key.namespace,
                "spec.nodeName" => pod.and_then(|pod| pod.node.as_deref()).unwrap_or(""),
                "status.podIP" => ip.as_deref().unwrap_or(""),
                "spec.restartPolicy" => "Always",
                _ => pod.map_or("", |pod| pod.phase_name()),
            };
            (value == wanted) == *equal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Labels;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect()
    }

    #[test]
    fn selectors_select_as_kubectl_does() {
        let web = labels(&[("app", "web"), ("env", "prod")]);
        let cases = [
            ("app=web", true),
            ("app==web,env!=dev", true),
            ("env in (dev, prod)", true),
            ("env notin (dev,prod)", false),
            ("tier notin (db)", true),
            ("!tier,app", true),
            ("tier", false),
            ("", true),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_selector(text).map(|selector| selector.matches(&web)), Ok(expected), "{text}");
        }
        assert!(parse_selector("a b").is_err());
        assert!(parse_selector("x near (y)").is_err());
    }

    #[test]
    fn only_some_fields_can_be_selected_by() {
        assert!(FieldSelector::parse("spec.nodeName=worker-1,status.phase!=Running", "Pod").is_ok());
        assert_eq!(
            FieldSelector::parse("spec.nodeName=x", "Service"),
            Err("field label not supported: spec.nodeName".to_owned())
        );
    }
}
