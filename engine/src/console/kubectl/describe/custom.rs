//! Custom resources. Models genericDescriber of k8s.io/kubectl pkg/describe, and Go's text/tabwriter with padding 2.

use crate::console::kubectl::printers::{field, find};
use crate::manifest::{Key, Node, Value};

/// What is told before the rest.
const TOLD: [&str; 4] = ["annotations", "labels", "name", "namespace"];

/// Lines with what stands before and after a tab; the second of a line without one is None.
type Line = (String, Option<String>);

pub fn describe(api: &Node) -> String {
    let mut lines: Vec<Line> = Vec::new();
    let mut put = |name: &str, value: String| lines.push((format!("{name}:"), Some(value)));
    put("Name", field(api, "metadata.name"));
    put("Namespace", field(api, "metadata.namespace"));
    map(&mut lines, "Labels", find(api, "metadata.labels"), "=");
    map(&mut lines, "Annotations", find(api, "metadata.annotations"), ": ");
    content(&mut lines, 0, api, false);
    lines.push(("Events:".to_owned(), Some("<none>".to_owned())));
    aligned(&lines)
}

/// One a line, without what `kubectl apply` has noted.
fn map(lines: &mut Vec<Line>, name: &str, node: Option<&Node>, between: &str) {
    let entries = node.map_or(&[][..], Node::entries);
    let shown = entries.iter().filter(|(key, _)| &*key.name != crate::cluster::api::LAST_APPLIED);
    let texts: Vec<String> =
        shown.map(|(key, value)| format!("{}{between}{}", key.name, value.as_str().unwrap_or(""))).collect();
    let first = texts.first().cloned().unwrap_or_else(|| "<none>".to_owned());
    lines.push((format!("{name}:"), Some(first)));
    lines.extend(texts.into_iter().skip(1).map(|text| (String::new(), Some(text))));
}

/// Models printUnstructuredContent.
fn content(lines: &mut Vec<Line>, level: usize, node: &Node, in_metadata: bool) {
    let mut entries: Vec<&(Key, Node)> = node.entries().iter().collect();
    entries.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let indent = "  ".repeat(level);
    for (key, value) in entries {
        if in_metadata && TOLD.contains(&&*key.name) {
            continue;
        }
        let label = format!("{indent}{}:", label(&key.name));
        match &value.value {
            Value::Mapping(_) => {
                lines.push((label, None));
                content(lines, level + 1, value, level == 0 && &*key.name == "metadata");
            }
            Value::Sequence(items) => {
                lines.push((label, None));
                for item in items {
                    match &item.value {
                        Value::Mapping(_) => content(lines, level + 1, item, false),
                        _ => lines.push((format!("{indent}  {}", scalar(item)), None)),
                    }
                }
            }
            _ => lines.push((label, Some(scalar(value)))),
        }
    }
}

fn scalar(node: &Node) -> String {
    match &node.value {
        Value::String(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => "<nil>".to_owned(),
    }
}

/// `matchLabels` is `Match Labels`. Models smartLabelFor.
fn label(field: &str) -> String {
    if field.chars().any(|c| !c.is_alphabetic() && c != '-') {
        return field.to_owned();
    }
    words(field).iter().map(|word| titled(word)).collect::<Vec<String>>().join(" ")
}

fn titled(word: &str) -> String {
    let upper = word.to_uppercase();
    if ["API", "URL", "UID", "OSB", "GUID"].contains(&upper.as_str()) {
        return upper;
    }
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Models github.com/fatih/camelcase: of several capitals the last belongs to what follows.
fn words(text: &str) -> Vec<String> {
    let class = |c: char| match c {
        c if c.is_lowercase() => 1,
        c if c.is_uppercase() => 2,
        _ => 3,
    };
    let mut runs: Vec<Vec<char>> = Vec::new();
    for c in text.chars() {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| class(*last) == class(c)) => run.push(c),
            _ => runs.push(vec![c]),
        }
    }
    for at in 1..runs.len() {
        let capitals = runs[at - 1].first().is_some_and(|c| c.is_uppercase());
        if capitals && runs[at].first().is_some_and(|c| c.is_lowercase()) {
            let last = runs[at - 1].pop();
            runs[at].splice(0..0, last);
        }
    }
    runs.into_iter().filter(|run| !run.is_empty()).map(|run| run.into_iter().collect()).collect()
}

/// Lines that follow each other with a tab have their second cells below each other.
fn aligned(lines: &[Line]) -> String {
    let mut text = String::new();
    for run in lines.chunk_by(|a, b| a.1.is_some() == b.1.is_some()) {
        let width = run.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0) + 2;
        for (label, value) in run {
            match value {
                Some(value) => text += &format!("{label:width$}{value}\n"),
                None => text += &format!("{label}\n"),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_words_of_fields() {
        let of = ["matchLabels", "uid", "apiVersion", "kubernetes.io/name", "notICMP", "ipVersion"].map(label);
        assert_eq!(of, ["Match Labels", "UID", "API Version", "kubernetes.io/name", "Not ICMP", "Ip Version"]);
    }

    #[test]
    fn values_that_follow_each_other_stand_below_each_other() {
        let line = |label: &str, value: Option<&str>| (label.to_owned(), value.map(str::to_owned));
        let lines = [line("A:", Some("1")), line("Long:", Some("2")), line("C:", None), line("D:", Some("3"))];
        assert_eq!(aligned(&lines), "A:     1\nLong:  2\nC:\nD:  3\n");
    }
}
