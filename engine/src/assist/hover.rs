//! What is known about what stands at a place.

use super::fields::{Scope, sort_words};
use super::outline::{Node, Outline, Slot};
use super::{Hover, Question, column_of, names, words};
use crate::cluster::{Kind, Revision};
use crate::manifest::fields::Sort;

/// What the caret or the pointer is on, and the object that is meant there. None outside every object.
pub fn hover(question: Question<'_>) -> Option<Hover> {
    let (line, content, byte) = question.place();
    let (outline, place) = Outline::around(question.text, line, byte);
    let on_line = outline.nodes.iter().enumerate().skip(1).filter(|(_, node)| node.line == line);
    let due = match place.slot {
        Slot::Value(node) if outline.nodes[node].line == line => Some((node, false)),
        _ => None,
    };
    let Some((node, in_value)) = on_line.clone().find_map(|(at, node)| Some((at, hit(node, byte)?))).or(due) else {
        // Nothing is under the caret: the object that the line belongs to.
        let nearest = outline.nodes.iter().rposition(|node| node.line <= line)?;
        let scope = Scope::of(&outline, question.table, nearest);
        let object = Some(own_object(&outline, &scope)?);
        return Some(Hover {
            line: question.line,
            column: question.column,
            end_column: question.column,
            object,
            ..Hover::default()
        });
    };
    let scope = Scope::of(&outline, question.table, node);
    let at = &outline.nodes[node];
    let start = if in_value { at.value_at } else { at.column };
    let length = if in_value { at.value.len() } else { at.name.unwrap_or_default().len() };
    let path = names::names_on_way(&outline, node);
    let named = names::reference(&path).filter(|_| in_value && !at.value.is_empty());
    Some(Hover {
        line: question.line,
        column: column_of(content, start),
        end_column: column_of(content, start + length),
        title: scope.path(&outline, node),
        text: text(&question, &outline, &scope, node),
        object: match named {
            Some(kind) => Some(referred(&outline, &scope, kind, at.value)),
            None => own_object(&outline, &scope),
        },
    })
}

/// Whether a byte of the line is on the node's value (true) or on its name (false).
fn hit(node: &Node<'_>, byte: usize) -> Option<bool> {
    let within = |start: usize, text: &str| !text.is_empty() && (start..=start + text.len()).contains(&byte);
    if within(node.value_at, node.value) {
        return Some(true);
    }
    within(node.column, node.name?).then_some(false)
}

fn text(question: &Question<'_>, outline: &Outline<'_>, scope: &Scope<'_>, node: usize) -> String {
    let at = &outline.nodes[node];
    let mut lines: Vec<String> = Vec::new();
    if let Some(sort) = scope.sort(outline, node) {
        let of = [scope.kind, scope.api_version].join(" ");
        lines.push(format!("{} · {}", sort_words(&sort, scope.required(outline, node)), of.trim_end()));
        if let Sort::Choice(choices) = &sort
            && choices.len() > 4
            && choices.len() <= 20
        {
            lines.push(format!("One of {}", choices.join(", ")));
        }
    }
    if let Some(name) = at.name {
        lines.push(words::about(&scope.path(outline, at.parent), name).to_owned());
    }
    lines.push(fact(question.revision, outline, scope, node));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// What the cluster knows about a value.
fn fact(revision: &Revision, outline: &Outline<'_>, scope: &Scope<'_>, node: usize) -> String {
    let at = &outline.nodes[node];
    let path = names::names_on_way(outline, node);
    if at.value.is_empty() {
        return String::new();
    }
    if let Some(kind) = names::reference(&path) {
        let (kind, namespace, name) = referred(outline, scope, kind, at.value);
        let there = revision.list(&kind, Some(&namespace)).any(|object| *object.key.name == *name);
        return match revision.node(&name).filter(|_| kind == "Node") {
            Some(node) => {
                let state = if node.ready { "ready" } else { "not ready" };
                format!("Node {name}: {}, {} Pods, {state}", node.ip, node.pods_count())
            }
            None if there => format!("{kind} {name} exists"),
            None => format!("There is no {kind} {name}"),
        };
    }
    match path[..] {
        [.., "matchLabels", key] if path.contains(&"namespaceSelector") => {
            names::namespaces_with(revision, (key, at.value))
        }
        [.., "matchLabels" | "selector" | "labels", key] => {
            // Beside a namespaceSelector a peer's podSelector looks elsewhere.
            let way = outline.way(node);
            let beside =
                way.iter().rev().nth(3).is_some_and(|peer| outline.child(*peer, "namespaceSelector").is_some());
            let namespace = (!beside).then(|| names::namespace(outline, scope));
            names::pods_with(revision, namespace, (key, at.value))
        }
        _ => String::new(),
    }
}

/// Kind, namespace and name of an object that is named in a text.
fn referred(outline: &Outline<'_>, scope: &Scope<'_>, kind: &str, name: &str) -> (String, String, String) {
    let namespaced = Kind::named(kind).is_none_or(|kind| kind.namespaced);
    let namespace = if namespaced { names::namespace(outline, scope) } else { "" };
    (kind.to_owned(), namespace.to_owned(), name.to_owned())
}

/// The object that is being written, if it has a kind and a name.
fn own_object(outline: &Outline<'_>, scope: &Scope<'_>) -> Option<(String, String, String)> {
    let name = outline.scalar(scope.root, &["metadata", "name"]);
    if scope.kind.is_empty() || name.is_empty() {
        return None;
    }
    let group = scope.api_version.split_once('/').map_or("", |(group, _)| group);
    let namespace = if Kind::guess(scope.kind, group).namespaced { names::namespace(outline, scope) } else { "" };
    Some((scope.kind.to_owned(), namespace.to_owned(), name.to_owned()))
}
