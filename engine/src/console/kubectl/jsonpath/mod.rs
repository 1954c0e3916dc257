//! kubectl's JSONPath templates: text with `{…}` actions. Models k8s.io/client-go util/jsonpath (1.34), with
//! `allowMissingKeys` as `kubectl get` sets it.

mod parse;
#[cfg(test)]
mod tests;

use super::go;
use crate::manifest::{Node, Value};

/// Ranges, filters and unions may stand within each other this deep.
const DEPTH_MAX: usize = 16;
/// Values that one template may visit.
const VISITS_MAX: usize = 4_000_000;

/// A parsed template: actions one after the other, plain text being one, too.
#[derive(Clone, Debug)]
pub struct JsonPath {
    actions: Vec<Vec<Step>>,
}

#[derive(Clone, Debug)]
enum Step {
    /// Text: printed once, whatever was found so far.
    Text(Node),
    /// A number or truth value, once for each value found so far.
    Literal(Node),
    Field(String),
    /// Start, end and step; `derived` is true for a plain index.
    Array {
        params: [Option<i64>; 3],
        derived: bool,
    },
    /// Without an operator: does the left side exist?
    Filter {
        left: Vec<Step>,
        right: Vec<Step>,
        operator: String,
    },
    Union(Vec<Vec<Step>>),
    Wildcard,
    Recursive,
    /// `range` or `end`.
    Identifier(String),
}

impl JsonPath {
    /// Parses a template; errors are client-go's, without the template.
    pub fn parse(template: &str) -> Result<JsonPath, String> {
        Ok(JsonPath { actions: parse::actions(template, 0)? })
    }

    /// The text that the template makes of a value.
    pub fn execute(&self, data: &Node) -> Result<String, String> {
        let mut text = String::new();
        for results in self.find(data)? {
            for (index, node) in results.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                text.push_str(&go::plain(node));
            }
        }
        Ok(text)
    }

    /// What each action found.
    pub fn find<'a>(&'a self, data: &'a Node) -> Result<Vec<Vec<&'a Node>>, String> {
        let mut run = Run { actions: &self.actions, found: Vec::new(), visits_left: VISITS_MAX };
        run.block(vec![data], 0, 0, true)?;
        Ok(run.found)
    }
}

struct Run<'a> {
    actions: &'a [Vec<Step>],
    found: Vec<Vec<&'a Node>>,
    visits_left: usize,
}

type Found<'a> = Result<Vec<&'a Node>, String>;

impl<'a> Run<'a> {
    /// Runs actions from `at` to the end of the block they are in; returns the index of its `end`.
    fn block(&mut self, current: Vec<&'a Node>, at: usize, ranges: usize, prints: bool) -> Result<usize, String> {
        if ranges > DEPTH_MAX {
            return Err(format!("ranges are nested too deeply (podhop's limit is {DEPTH_MAX})"));
        }
        let actions = self.actions;
        let mut at = at;
        while at < actions.len() {
            let steps = actions[at].as_slice();
            match steps.first() {
                Some(Step::Identifier(name)) if name == "end" => {
                    return if ranges > 0 { Ok(at) } else { Err("not in range, nothing to end".into()) };
                }
                Some(Step::Identifier(name)) if name == "range" => {
                    let values = self.list(current.clone(), &steps[1..])?;
                    let mut end = None;
                    for value in &values {
                        end = Some(self.block(vec![*value], at + 1, ranges + 1, prints)?);
                    }
                    // Without values the block is passed over.
                    at = match end {
                        Some(end) => end,
                        None => self.block(Vec::new(), at + 1, ranges + 1, false)?,
                    };
                }
                _ => {
                    let results = self.list(current.clone(), steps)?;
                    if prints {
                        self.found.push(results);
                    }
                }
            }
            at += 1;
        }
        Ok(at)
    }

    fn list(&mut self, input: Vec<&'a Node>, steps: &'a [Step]) -> Found<'a> {
        let mut current = input;
        for step in steps {
            self.visits_left = self.visits_left.saturating_sub(1 + current.len());
            if self.visits_left == 0 {
                return Err(format!("the template visits more than {VISITS_MAX} values (podhop's limit)"));
            }
            current = self.step(current, step)?;
        }
        Ok(current)
    }

    fn step(&mut self, input: Vec<&'a Node>, step: &'a Step) -> Found<'a> {
        let mut results = Vec::new();
        match step {
            Step::Text(text) => results.push(text),
            Step::Literal(literal) => results.resize(input.len(), literal),
            Step::Field(name) => results.extend(input.iter().filter_map(|node| node.get(name))),
            Step::Wildcard => input.iter().for_each(|node| results.extend(children(node))),
            Step::Recursive => input.iter().for_each(|node| recurse(node, &mut results)),
            Step::Array { params, derived } => {
                for node in input {
                    slice(node, params, *derived, &mut results)?;
                }
            }
            Step::Union(lists) => {
                for list in lists {
                    results.extend(self.list(input.clone(), list)?);
                }
            }
            Step::Filter { left, right, operator } => {
                for node in input {
                    if !matches!(node.value, Value::Sequence(_)) {
                        return Err(format!("{} is not array or slice and cannot be filtered", go::value(node)));
                    }
                    for item in node.items() {
                        if self.passes(item, left, right, operator)? {
                            results.push(item);
                        }
                    }
                }
            }
            Step::Identifier(name) => return Err(format!("unrecognized identifier {name}")),
        }
        Ok(results)
    }

    fn passes(&mut self, item: &'a Node, left: &'a [Step], right: &'a [Step], operator: &str) -> Result<bool, String> {
        let lefts = self.list(vec![item], left);
        if operator.is_empty() {
            return Ok(lefts.is_ok_and(|lefts| !lefts.is_empty()));
        }
        let lefts = lefts?;
        let rights = self.list(vec![item], right)?;
        match (lefts.as_slice(), rights.as_slice()) {
            ([], _) | (_, []) => Ok(false),
            ([left], [right]) => compare(left, operator, right),
            _ => Err("can only compare one element at a time".into()),
        }
    }
}

fn children(node: &Node) -> impl Iterator<Item = &Node> {
    node.items().iter().chain(node.entries().iter().map(|(_, value)| value))
}

/// All values within, from the top, that hold values themselves.
fn recurse<'a>(node: &'a Node, results: &mut Vec<&'a Node>) {
    if children(node).next().is_some() || node.as_str().is_some_and(|text| !text.is_empty()) {
        results.push(node);
        children(node).for_each(|child| recurse(child, results));
    }
}

fn slice<'a>(
    node: &'a Node,
    params: &[Option<i64>; 3],
    derived: bool,
    results: &mut Vec<&'a Node>,
) -> Result<(), String> {
    let items = match &node.value {
        Value::Null => return Ok(()),
        Value::Sequence(items) => items,
        _ => return Err(format!("{} is not array or slice", go::type_name(node))),
    };
    let length = items.len() as i64;
    let mut start = params[0].unwrap_or(0);
    let mut end = params[1].unwrap_or(length);
    if start < 0 {
        start += length;
    }
    if end < 0 || (end == 0 && derived) {
        end += length;
    }
    if start == end {
        return Ok(());
    }
    let outside = |index| Err(format!("array index out of bounds: index {index}, length {length}"));
    if start >= length || start < 0 {
        return outside(start);
    }
    if end > length || end < 0 {
        return outside(end - 1);
    }
    if start > end {
        return Err(format!("starting index {start} is greater than ending index {end}"));
    }
    let step = params[2].unwrap_or(1);
    if step <= 0 {
        return Err("step must be > 0".into());
    }
    results.extend(items[start as usize..end as usize].iter().step_by(step as usize));
    Ok(())
}

/// Models client-go third_party/forked/golang/template funcs.go: only values of one kind can be compared.
fn compare(left: &Node, operator: &str, right: &Node) -> Result<bool, String> {
    use std::cmp::Ordering::*;
    let ordering = match (&left.value, &right.value) {
        (Value::Bool(left), Value::Bool(right)) if matches!(operator, "==" | "!=") => left.cmp(right),
        (Value::Bool(_), Value::Bool(_)) => return Err("invalid type for comparison".into()),
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Float(left), Value::Float(right)) => left.total_cmp(right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Null | Value::Sequence(_) | Value::Mapping(_), _)
        | (_, Value::Null | Value::Sequence(_) | Value::Mapping(_)) => return Err("invalid type for comparison".into()),
        _ => return Err("incompatible types for comparison".into()),
    };
    Ok(match operator {
        "<" => ordering == Less,
        ">" => ordering == Greater,
        "<=" => ordering != Greater,
        ">=" => ordering != Less,
        "==" => ordering == Equal,
        "!=" => ordering != Equal,
        _ => return Err(format!("unrecognized filter operator {operator}")),
    })
}
