//! The table's text and its form in memory.

use std::collections::BTreeMap;

/// Fields by type, and the type of each kind's objects.
#[derive(Clone, Debug)]
pub struct FieldTable {
    /// (apiVersion, kind, index of its type)
    kinds: Vec<(Box<str>, Box<str>, usize)>,
    pub(super) types: Vec<Vec<Field>>,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: Box<str>,
    pub required: bool,
    pub sort: Sort,
}

/// What a field may hold.
#[derive(Clone, Debug)]
pub enum Sort {
    String,
    Int,
    Number,
    Bool,
    Quantity,
    IntOrString,
    Time,
    Any,
    /// One of these texts.
    Choice(Vec<Box<str>>),
    List(Box<Sort>),
    Map(Box<Sort>),
    /// An object of a type, by index.
    Type(usize),
}

impl FieldTable {
    /// Reads a table's text; its first lines say what it looks like. The error names the line.
    pub fn parse(text: &str) -> Result<FieldTable, String> {
        let lines = || text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let is_type = |line: &str| !line.starts_with(' ') && !line.starts_with("kind ");
        let names = lines().map(|(_, line)| line).filter(|line| is_type(line));
        let indices: BTreeMap<&str, usize> = names.enumerate().map(|(index, name)| (name, index)).collect();
        let mut table = FieldTable { kinds: Vec::new(), types: Vec::new() };
        for (number, line) in lines() {
            let wrong = || format!("line {}: cannot read `{line}`", number + 1);
            if let Some(kind) = line.strip_prefix("kind ") {
                let mut words = kind.split(' ');
                let (Some(version), Some(kind), Some(name)) = (words.next(), words.next(), words.next()) else {
                    return Err(wrong());
                };
                let index = *indices.get(name).ok_or_else(wrong)?;
                table.kinds.push((version.into(), kind.into(), index));
            } else if let Some(field) = line.strip_prefix(' ') {
                let (name, sort) = field.split_once(' ').ok_or_else(wrong)?;
                let field = Field {
                    name: name.trim_end_matches('!').into(),
                    required: name.ends_with('!'),
                    sort: sort_of(sort, &indices).ok_or_else(wrong)?,
                };
                table.types.last_mut().ok_or_else(wrong)?.push(field);
            } else {
                table.types.push(Vec::new());
            }
        }
        if indices.len() != table.types.len() {
            return Err("a type is described twice".to_owned());
        }
        Ok(table)
    }

    /// apiVersion and kind of all kinds, in the table's order.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &str)> {
        self.kinds.iter().map(|known| (&*known.0, &*known.1))
    }

    /// The index of the type of a kind's objects.
    pub fn kind(&self, api_version: &str, kind: &str) -> Option<usize> {
        self.kinds.iter().find(|known| *known.0 == *api_version && *known.1 == *kind).map(|known| known.2)
    }

    /// The fields of a type.
    pub fn fields(&self, index: usize) -> &[Field] {
        self.types.get(index).map_or(&[], Vec::as_slice)
    }

    /// The path from an object of type `from` to the nearest field called `name`, without the field itself: where it
    /// belongs.
    pub(super) fn home_of(&self, name: &str, from: usize) -> Option<String> {
        const STEPS_MAX: usize = 400;
        let mut queue = vec![(from, String::new())];
        let mut at = 0;
        while let Some((index, path)) = queue.get(at).cloned() {
            at += 1;
            // What is required comes first: `containers` before `initContainers`. `status` is written by the cluster:
            // nobody means a field there.
            let fields = || self.fields(index).iter().filter(|field| &*field.name != "status");
            for field in fields().filter(|field| field.required).chain(fields().filter(|field| !field.required)) {
                if &*field.name == name {
                    return Some(path);
                }
                let (target, suffix) = match &field.sort {
                    Sort::Type(target) => (*target, ""),
                    Sort::List(inner) => match **inner {
                        Sort::Type(target) => (target, "[]"),
                        _ => continue,
                    },
                    _ => continue,
                };
                if queue.len() < STEPS_MAX && !queue.iter().any(|(seen, _)| *seen == target) {
                    let dot = if path.is_empty() { "" } else { "." };
                    queue.push((target, format!("{path}{dot}{}{suffix}", field.name)));
                }
            }
        }
        None
    }
}

fn sort_of(text: &str, indices: &BTreeMap<&str, usize>) -> Option<Sort> {
    if let Some(inner) = text.strip_prefix("[]") {
        return Some(Sort::List(Box::new(sort_of(inner, indices)?)));
    }
    if let Some(inner) = text.strip_prefix("{}") {
        return Some(Sort::Map(Box::new(sort_of(inner, indices)?)));
    }
    if let Some(choices) = text.strip_prefix('=') {
        return Some(Sort::Choice(choices.split('|').map(Box::from).collect()));
    }
    Some(match text {
        "string" => Sort::String,
        "int" => Sort::Int,
        "number" => Sort::Number,
        "bool" => Sort::Bool,
        "quantity" => Sort::Quantity,
        "intstr" => Sort::IntOrString,
        "time" => Sort::Time,
        "any" => Sort::Any,
        name => Sort::Type(*indices.get(name)?),
    })
}
