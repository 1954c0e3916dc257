//! Help for whoever writes manifests: what may stand at a place of a text that need not be valid, and what is known
//! about what stands there. From the field table, and from the cluster's own names and labels.

mod fields;
mod hover;
mod names;
mod outline;
mod snippets;
mod words;

#[cfg(test)]
mod tests;

pub use hover::hover;

use crate::cluster::Revision;
use crate::manifest::fields::{FieldTable, Sort};
use fields::Scope;
use outline::{Outline, Slot};
use serde::{Deserialize, Serialize};

/// Most completions that are offered at once.
const ITEMS_MAX: usize = 400;

/// What may replace a stretch of a line: 1-based line and columns, in characters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Completions {
    pub line: u32,
    pub column: u32,
    pub end_column: u32,
    /// The likely ones first.
    pub items: Vec<Completion>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    pub label: String,
    /// What is written; may have several lines.
    pub insert: String,
    /// A few words beside the label: `integer, required`, `Node`.
    pub detail: String,
    /// `key`, `value`, `name` (something in the cluster) or `snippet`.
    pub kind: String,
    /// A sentence or two; may be empty.
    pub info: String,
}

/// What is known about a stretch of a line: 1-based line and columns, in characters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hover {
    pub line: u32,
    pub column: u32,
    pub end_column: u32,
    /// The field's path: `spec.containers[].image`.
    pub title: String,
    /// Lines of text.
    pub text: String,
    /// Kind, namespace and name of the object that is named here, or that this line belongs to.
    pub object: Option<(String, String, String)>,
}

/// A text, and what is known beside it.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub text: &'a str,
    /// 1-based; `column` in characters.
    pub line: u32,
    pub column: u32,
    /// Without it only kinds and the cluster's names are known.
    pub table: Option<&'a FieldTable>,
    pub revision: &'a Revision,
}

impl<'a> Question<'a> {
    /// The 0-based line, its text, and the byte of the column.
    fn place(&self) -> (usize, &'a str, usize) {
        let line = self.line.saturating_sub(1) as usize;
        let content = self.text.lines().nth(line).unwrap_or_default();
        let skip = self.column.saturating_sub(1) as usize;
        (line, content, content.char_indices().nth(skip).map_or(content.len(), |(at, _)| at))
    }
}

/// 1-based, in characters.
fn column_of(line: &str, byte: usize) -> u32 {
    line[..outline::floor(line, byte)].chars().count() as u32 + 1
}

/// What may be written at a place.
pub fn complete(question: Question<'_>) -> Completions {
    let (line, content, byte) = question.place();
    let (outline, place) = Outline::around(question.text, line, byte);
    let items = match place.slot {
        Slot::Nothing => Vec::new(),
        Slot::Inside(node) => {
            let writing = Writing { question, outline: &outline, line: content, place };
            writing.inside(node)
        }
        Slot::Value(node) => {
            let writing = Writing { question, outline: &outline, line: content, place };
            writing.value(node)
        }
    };
    let (column, end_column) = (column_of(content, place.from), column_of(content, place.to));
    Completions { line: question.line.max(1), column, end_column, items: without_doubles(items) }
}

fn without_doubles(items: Vec<Completion>) -> Vec<Completion> {
    let mut kept: Vec<Completion> = Vec::new();
    for item in items {
        if kept.len() < ITEMS_MAX && !kept.iter().any(|known| known.label == item.label) {
            kept.push(item);
        }
    }
    kept
}

/// A caret in an outline.
#[derive(Clone, Copy)]
struct Writing<'a> {
    question: Question<'a>,
    outline: &'a Outline<'a>,
    line: &'a str,
    place: outline::Place,
}

impl<'a> Writing<'a> {
    /// Keys of a mapping or items of a list, in `node`.
    fn inside(&self, node: usize) -> Vec<Completion> {
        let scope = Scope::of(self.outline, self.question.table, node);
        let path = scope.path(self.outline, node);
        match scope.sort(self.outline, node) {
            None if node == scope.root => self.beginning(&scope),
            None => Vec::new(),
            Some(Sort::Type(index)) => self.keys(&scope, node, index),
            Some(Sort::Map(_)) => self.free_keys(node, &path),
            Some(Sort::List(inner)) => self.items(&scope, node, &inner),
            Some(sort) => self.scalars(&scope, node, &sort),
        }
    }

    /// An object whose kind is not known yet.
    fn beginning(&self, scope: &Scope<'_>) -> Vec<Completion> {
        let present = |name: &str| self.outline.child(scope.root, name).is_some();
        let mut items = Vec::new();
        if scope.root == 0 && self.outline.children(0).all(|(_, child)| self.is_being_written(child)) {
            items = snippets::all();
        }
        let keys = [("apiVersion", false), ("kind", false), ("metadata", true), ("spec", true), ("data", true)];
        let missing = keys.into_iter().filter(|(name, _)| !present(name));
        let table = missing.map(|(name, holds)| self.key(name, if holds { Opens::Mapping } else { Opens::Scalar }));
        // Whoever has begun with a key goes on with keys.
        if items.is_empty() {
            table.collect()
        } else {
            items.extend(table);
            items
        }
    }

    /// The word under the caret is no key that is there already.
    fn is_being_written(&self, node: &outline::Node<'_>) -> bool {
        node.line == self.question.line.saturating_sub(1) as usize && node.column == self.place.from
    }

    fn keys(&self, scope: &Scope<'_>, node: usize, index: usize) -> Vec<Completion> {
        let Some(table) = self.question.table else { return Vec::new() };
        let present =
            |name: &str| self.outline.children(node).any(|(_, c)| c.name == Some(name) && !self.is_being_written(c));
        let fields = table.fields(index).iter().filter(|field| !present(&field.name));
        // What a cluster writes, nobody does.
        let fields = fields.filter(|field| node != scope.root || &*field.name != "status");
        let path = scope.path(self.outline, node);
        let mut items: Vec<(u8, Completion)> = fields
            .map(|field| {
                let mut item = self.key(&field.name, Opens::of(&field.sort));
                item.detail = fields::sort_words(&field.sort, field.required);
                item.info = words::about(&path, &field.name).to_owned();
                let rank = match (field.required, item.info.is_empty()) {
                    (true, _) => 0,
                    (_, false) => 1,
                    _ => 2,
                };
                (if node == scope.root { 0 } else { rank }, item)
            })
            .collect();
        items.sort_by_key(|(rank, _)| *rank);
        let mut items: Vec<Completion> = items.into_iter().map(|(_, item)| item).collect();
        if node == 0 && self.place.from == 0 {
            items.extend(snippets::next());
        }
        items
    }

    /// A key and what follows it: nothing if it is there already.
    fn key(&self, name: &str, opens: Opens) -> Completion {
        let has_colon = self.line[self.place.to..].trim_start_matches(['"', '\'']).starts_with(':');
        let indent = " ".repeat(column_of(self.line, self.place.from) as usize + 1);
        let insert = match opens {
            _ if has_colon => name.to_owned(),
            Opens::Scalar => format!("{name}: "),
            Opens::Mapping if self.place.flow => format!("{name}: {{"),
            Opens::List if self.place.flow => format!("{name}: ["),
            Opens::Mapping => format!("{name}:\n{indent}"),
            Opens::List => format!("{name}:\n{indent}- "),
        };
        Completion { label: name.to_owned(), insert, kind: "key".to_owned(), ..Completion::default() }
    }

    /// Keys that the table does not name: labels and the like.
    fn free_keys(&self, node: usize, path: &str) -> Vec<Completion> {
        let present =
            |name: &str| self.outline.children(node).any(|(_, c)| c.name == Some(name) && !self.is_being_written(c));
        let known = names::keys(&self.question, path).into_iter().filter(|(name, _)| !present(name));
        known.map(|(name, detail)| Completion { detail, ..self.key(&name, Opens::Scalar) }).collect()
    }

    /// Items of a list: after a dash, or between brackets, what an item may be; else dash and all.
    fn items(&self, scope: &Scope<'_>, node: usize, inner: &Sort) -> Vec<Completion> {
        if self.place.flow {
            return self.scalars(scope, node, inner);
        }
        let items = match (inner, self.question.table) {
            (Sort::Type(index), Some(_)) => self.keys(scope, node, *index),
            (Sort::Map(_), _) => Vec::new(),
            (sort, _) => self.scalars(scope, node, sort),
        };
        // One deeper, behind the dash.
        let dashed = |item: Completion| Completion {
            label: format!("- {}", item.label),
            insert: format!("- {}", item.insert.replace('\n', "\n  ")),
            ..item
        };
        items.into_iter().map(dashed).collect()
    }

    fn value(&self, node: usize) -> Vec<Completion> {
        let scope = Scope::of(self.outline, self.question.table, node);
        match scope.sort(self.outline, node) {
            Some(sort @ (Sort::Type(_) | Sort::Map(_) | Sort::List(_))) => self.bracketed(&sort),
            Some(sort) => self.scalars(&scope, node, &sort),
            None => self.scalars(&scope, node, &Sort::Any),
        }
    }

    /// A short list on the line of its key.
    fn bracketed(&self, sort: &Sort) -> Vec<Completion> {
        let Sort::List(inner) = sort else { return Vec::new() };
        let Sort::Choice(choices) = &**inner else { return Vec::new() };
        choices.iter().map(|choice| self.scalar(&format!("[{choice}]"), "one of several", "value")).collect()
    }

    /// The values that a scalar of this sort may have at this node.
    fn scalars(&self, scope: &Scope<'_>, node: usize, sort: &Sort) -> Vec<Completion> {
        let path = scope.path(self.outline, node);
        let mut items: Vec<Completion> = Vec::new();
        if path == "kind" || path == "apiVersion" {
            let known = names::kinds(self.question.table, scope, path == "kind");
            return known.into_iter().map(|(name, detail)| self.scalar(&name, &detail, "value")).collect();
        }
        match sort {
            Sort::Choice(choices) => items.extend(choices.iter().map(|choice| self.scalar(choice, "", "value"))),
            Sort::Bool => items.extend(["true", "false"].map(|word| self.scalar(word, "", "value"))),
            _ => {}
        }
        let strings = matches!(sort, Sort::String | Sort::Any);
        let known = names::values(&self.question, self.outline, scope, node).into_iter().map(|(name, detail)| {
            let item = self.scalar(&name, &detail, "name");
            let bare = self.line[..self.place.from].ends_with(['"', '\'']);
            let quoted = strings && !bare && names::needs_quotes(&name);
            Completion {
                insert: if quoted { item.insert.replace(&name, &format!("\"{name}\"")) } else { item.insert },
                ..item
            }
        });
        items.extend(known);
        items
    }

    fn scalar(&self, value: &str, detail: &str, kind: &str) -> Completion {
        let before = &self.line[..self.place.from];
        // Right behind a colon, which takes a space.
        let space = if before.ends_with(':') { " " } else { "" };
        let insert = [space, value].concat();
        Completion {
            label: value.to_owned(),
            insert,
            detail: detail.to_owned(),
            kind: kind.to_owned(),
            info: String::new(),
        }
    }
}

/// What a key is followed by.
#[derive(Clone, Copy)]
enum Opens {
    Scalar,
    Mapping,
    List,
}

impl Opens {
    fn of(sort: &Sort) -> Opens {
        match sort {
            Sort::Type(_) | Sort::Map(_) => Opens::Mapping,
            Sort::List(_) => Opens::List,
            _ => Opens::Scalar,
        }
    }
}
