//! From a place in an outline to the field of the table.

use super::outline::Outline;
use crate::manifest::fields::{FieldTable, Sort};

/// The object around a node.
pub struct Scope<'a> {
    /// The node that is the object: the document, or an item of a List.
    pub root: usize,
    pub api_version: &'a str,
    pub kind: &'a str,
    table: Option<&'a FieldTable>,
    root_type: Option<usize>,
}

impl<'a> Scope<'a> {
    pub fn of(outline: &'a Outline<'a>, table: Option<&'a FieldTable>, node: usize) -> Scope<'a> {
        let mut root = 0;
        let way = outline.way(node);
        if outline.scalar(0, &["kind"]).ends_with("List")
            && let [items, item, ..] = way[..]
            && outline.nodes[items].name == Some("items")
            && outline.nodes[item].name.is_none()
        {
            root = item;
        }
        let (api_version, kind) = (outline.scalar(root, &["apiVersion"]), outline.scalar(root, &["kind"]));
        let root_type = table.and_then(|table| {
            // A version that is wrong or missing hides nothing.
            let by_kind = || table.kinds().find(|known| known.1 == kind).map(|known| known.0);
            table.kind(api_version, kind).or_else(|| table.kind(by_kind()?, kind))
        });
        Scope { root, api_version, kind, table, root_type }
    }

    /// What a node of the object may hold; None where the table says nothing.
    pub fn sort(&self, outline: &Outline<'_>, node: usize) -> Option<Sort> {
        let mut sort = Sort::Type(self.root_type?);
        for step in self.way(outline, node) {
            sort = self.step(sort, outline.nodes[step].name)?;
        }
        Some(sort)
    }

    fn step(&self, sort: Sort, name: Option<&str>) -> Option<Sort> {
        match (sort, name) {
            (Sort::Type(index), Some(name)) => {
                let field = self.table?.fields(index).iter().find(|field| *field.name == *name)?;
                Some(field.sort.clone())
            }
            (Sort::Map(inner), Some(_)) | (Sort::List(inner), None) => Some(*inner),
            // A dash that is still missing.
            (Sort::List(inner), name) => self.step(*inner, name),
            _ => None,
        }
    }

    /// `spec.containers[].image`
    pub fn path(&self, outline: &Outline<'_>, node: usize) -> String {
        let mut path = String::new();
        for step in self.way(outline, node) {
            match outline.nodes[step].name {
                None => path.push_str("[]"),
                Some(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
            }
        }
        path
    }

    fn way(&self, outline: &Outline<'_>, node: usize) -> Vec<usize> {
        let way = outline.way(node);
        let skip = way.iter().position(|step| *step == self.root).map_or(0, |at| at + 1);
        way[skip..].to_vec()
    }

    /// Whether the field of a node must be there.
    pub fn required(&self, outline: &Outline<'_>, node: usize) -> bool {
        let parent = outline.nodes[node].parent;
        let (Some(Sort::Type(index)), Some(table)) = (self.sort(outline, parent), self.table) else { return false };
        table.fields(index).iter().any(|field| Some(&*field.name) == outline.nodes[node].name && field.required)
    }
}

/// `integer, required`
pub fn sort_words(sort: &Sort, required: bool) -> String {
    let mut words = name_of(sort);
    if required {
        words.push_str(", required");
    }
    words
}

fn name_of(sort: &Sort) -> String {
    match sort {
        Sort::String => "string".to_owned(),
        Sort::Int => "integer".to_owned(),
        Sort::Number => "number".to_owned(),
        Sort::Bool => "true or false".to_owned(),
        Sort::Quantity => "quantity".to_owned(),
        Sort::IntOrString => "integer or string".to_owned(),
        Sort::Time => "time".to_owned(),
        Sort::Any => "anything".to_owned(),
        Sort::Choice(choices) if choices.len() <= 4 => choices.join(" | "),
        Sort::Choice(choices) => format!("one of {} words", choices.len()),
        Sort::List(inner) => match &**inner {
            Sort::Type(_) | Sort::Map(_) => "list of objects".to_owned(),
            inner => format!("list of {}", plural(inner)),
        },
        Sort::Map(inner) => match &**inner {
            Sort::String => "map of strings".to_owned(),
            Sort::Quantity => "map of quantities".to_owned(),
            _ => "map".to_owned(),
        },
        Sort::Type(_) => "object".to_owned(),
    }
}

fn plural(sort: &Sort) -> String {
    match sort {
        Sort::String => "strings".to_owned(),
        Sort::Int => "integers".to_owned(),
        sort => name_of(sort),
    }
}
