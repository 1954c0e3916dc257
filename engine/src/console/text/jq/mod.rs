//! `jq [-r] [-c] FILTER FILE…`: paths, `[]`, `|`, `,`, literals, `select`, `map`, `length`, `keys`, `not`, comparisons.
//! Other filters are refused with a message.

mod input;
mod output;
mod parse;

use super::tool::{Options, Tool};
use crate::manifest::{Node, Span, Value};
use std::cmp::Ordering;

/// Values that one run may make.
const VALUES_MAX: usize = 1_000_000;

#[derive(Debug)]
enum Filter {
    Identity,
    Constant(Node),
    Field(Box<Filter>, String),
    Index(Box<Filter>, i64),
    Slice(Box<Filter>, Option<i64>, Option<i64>),
    Each(Box<Filter>),
    /// `f?`: errors give nothing.
    Try(Box<Filter>),
    Pipe(Box<Filter>, Box<Filter>),
    Comma(Box<Filter>, Box<Filter>),
    Compare(Box<Filter>, &'static str, Box<Filter>),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Call(String, Option<Box<Filter>>),
}

/// Runs `jq`.
pub(super) fn jq(tool: &mut Tool, words: &[String]) -> i32 {
    let mut options = match tool.options(words, "rcM") {
        Ok(options) => options,
        Err(status) => return status,
    };
    let program = if options.words.is_empty() { ".".to_string() } else { options.words.remove(0) };
    let mut parser = parse::Parser::new(&program);
    let filter = match parser.pipe() {
        Ok(filter) if parser.rest.trim().is_empty() => filter,
        Ok(_) => return compile_error(tool, parser.rest),
        Err(message) => return compile_error(tool, &message),
    };
    let (text, failed) = tool.input(&options.words);
    let mut budget = VALUES_MAX;
    let mut input = input::Input::new(&text);
    while let Some(root) = input.next_value() {
        let root = match root {
            Ok(root) => root,
            Err(message) => {
                tool.io.err(&format!("jq: error (at <stdin>:0): {message}\n"));
                return 2;
            }
        };
        match apply(&filter, &root, &mut budget) {
            Ok(values) => print(tool, &values, &options),
            Err(message) => {
                tool.io.err(&format!("jq: error (at <stdin>:0): {message}\n"));
                return 5;
            }
        }
    }
    i32::from(failed)
}

fn print(tool: &mut Tool, values: &[Node], options: &Options) {
    for value in values {
        let mut line = String::new();
        match (&value.value, options.has('r')) {
            (Value::String(text), true) => line.push_str(text),
            _ => output::write(value, if options.has('c') { None } else { Some(0) }, &mut line),
        }
        line.push('\n');
        tool.io.out(&line);
    }
}

fn compile_error(tool: &mut Tool, rest: &str) -> i32 {
    tool.io.err(&format!(
        "jq: error: syntax error near '{}' (podhop's jq knows paths, |, comma, select, map, length, keys)\njq: 1 compile error\n",
        rest.trim().chars().take(40).collect::<String>()
    ));
    3
}

fn node(value: Value) -> Node {
    Node { value, span: Span::default() }
}

type Found = Result<Vec<Node>, String>;

fn apply(filter: &Filter, input: &Node, budget: &mut usize) -> Found {
    *budget = budget.checked_sub(1).ok_or("more than 1,000,000 values (podhop's limit)")?;
    let each = |filter: &Filter, budget: &mut usize, then: &mut dyn FnMut(&Node) -> Found| -> Found {
        let mut found = Vec::new();
        for value in apply(filter, input, budget)? {
            found.extend(then(&value)?);
        }
        Ok(found)
    };
    match filter {
        Filter::Identity => Ok(vec![input.clone()]),
        Filter::Constant(value) => Ok(vec![value.clone()]),
        Filter::Field(of, name) => each(of, budget, &mut |value| match &value.value {
            Value::Mapping(_) | Value::Null => Ok(vec![value.get(name).cloned().unwrap_or(node(Value::Null))]),
            _ => Err(format!("Cannot index {} with \"{name}\"", kind(value))),
        }),
        Filter::Index(of, index) => each(of, budget, &mut |value| match &value.value {
            Value::Sequence(_) | Value::Null => {
                let length = value.items().len() as i64;
                let at = if *index < 0 { index + length } else { *index };
                let item = usize::try_from(at).ok().and_then(|at| value.item(at));
                Ok(vec![item.cloned().unwrap_or(node(Value::Null))])
            }
            _ => Err(format!("Cannot index {} with number", kind(value))),
        }),
        Filter::Slice(of, from, to) => each(of, budget, &mut |value| {
            let items = value.items();
            let length = items.len() as i64;
            let at = |index: &Option<i64>, default: i64| {
                let index = index.unwrap_or(default);
                (if index < 0 { index + length } else { index }).clamp(0, length) as usize
            };
            let (from, to) = (at(from, 0), at(to, length));
            Ok(vec![node(Value::Sequence(items.get(from..to).unwrap_or(&[]).to_vec()))])
        }),
        Filter::Each(of) => each(of, budget, &mut |value| match &value.value {
            Value::Sequence(items) => Ok(items.clone()),
            Value::Mapping(entries) => Ok(entries.iter().map(|(_, value)| value.clone()).collect()),
            _ => Err(format!("Cannot iterate over {}", kind(value))),
        }),
        Filter::Try(inner) => Ok(apply(inner, input, budget).unwrap_or_default()),
        Filter::Pipe(first, second) => {
            let values = apply(first, input, budget)?;
            let mut found = Vec::new();
            for value in values {
                found.extend(apply(second, &value, budget)?);
            }
            Ok(found)
        }
        Filter::Comma(first, second) => {
            let mut found = apply(first, input, budget)?;
            found.extend(apply(second, input, budget)?);
            Ok(found)
        }
        Filter::Compare(left, operator, right) => {
            let mut found = Vec::new();
            for right in apply(right, input, budget)? {
                for left in apply(left, input, budget)? {
                    let order = compare(&left, &right);
                    found.push(node(Value::Bool(match *operator {
                        "==" => order == Ordering::Equal,
                        "!=" => order != Ordering::Equal,
                        "<" => order == Ordering::Less,
                        "<=" => order != Ordering::Greater,
                        ">" => order == Ordering::Greater,
                        _ => order != Ordering::Less,
                    })));
                }
            }
            Ok(found)
        }
        Filter::And(left, right) | Filter::Or(left, right) => {
            let decides = matches!(filter, Filter::Or(..));
            let mut found = Vec::new();
            for left in apply(left, input, budget)? {
                if is_true(&left) == decides {
                    found.push(node(Value::Bool(decides)));
                } else {
                    found.extend(apply(right, input, budget)?.iter().map(|right| node(Value::Bool(is_true(right)))));
                }
            }
            Ok(found)
        }
        Filter::Call(name, argument) => call(name, argument.as_deref(), input, budget),
    }
}

fn call(name: &str, argument: Option<&Filter>, input: &Node, budget: &mut usize) -> Found {
    let value = match (name, argument) {
        ("select", Some(condition)) => {
            let conditions = apply(condition, input, budget)?;
            return Ok(conditions.iter().filter(|condition| is_true(condition)).map(|_| input.clone()).collect());
        }
        ("map", Some(inner)) => {
            let mut items = Vec::new();
            for item in apply(&Filter::Each(Box::new(Filter::Identity)), input, budget)? {
                items.extend(apply(inner, &item, budget)?);
            }
            Value::Sequence(items)
        }
        ("empty", _) => return Ok(Vec::new()),
        ("not", _) => Value::Bool(!is_true(input)),
        ("type", _) => Value::String(kind(input).into()),
        ("tostring", _) => match &input.value {
            Value::String(text) => Value::String(text.clone()),
            _ => {
                let mut text = String::new();
                output::write(input, None, &mut text);
                Value::String(text.into())
            }
        },
        ("keys", _) => match &input.value {
            Value::Mapping(entries) => {
                let mut names: Vec<_> = entries.iter().map(|(key, _)| key.name.clone()).collect();
                names.sort();
                Value::Sequence(names.into_iter().map(|name| node(Value::String(name))).collect())
            }
            Value::Sequence(items) => {
                Value::Sequence((0..items.len()).map(|index| node(Value::Int(index as i64))).collect())
            }
            _ => return Err(format!("{} has no keys", kind(input))),
        },
        _ => match &input.value {
            Value::Null => Value::Int(0),
            Value::String(text) => Value::Int(text.chars().count() as i64),
            Value::Sequence(items) => Value::Int(items.len() as i64),
            Value::Mapping(entries) => Value::Int(entries.len() as i64),
            Value::Int(number) => Value::Int(number.saturating_abs()),
            Value::Float(number) => Value::Float(number.abs()),
            Value::Bool(_) => return Err("boolean has no length".into()),
        },
    };
    Ok(vec![node(value)])
}

fn is_true(value: &Node) -> bool {
    !matches!(value.value, Value::Null | Value::Bool(false))
}

fn kind(value: &Node) -> &'static str {
    match value.value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Int(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::Sequence(_) => "array",
        Value::Mapping(_) => "object",
    }
}

/// jq's order: null, false, true, numbers, strings, arrays, objects. Structures compare as their JSON.
fn compare(left: &Node, right: &Node) -> Ordering {
    let rank = |value: &Node| match value.value {
        Value::Null => 0,
        Value::Bool(value) => 1 + i32::from(value),
        Value::Int(_) | Value::Float(_) => 3,
        Value::String(_) => 4,
        Value::Sequence(_) => 5,
        Value::Mapping(_) => 6,
    };
    let number = |value: &Node| match value.value {
        Value::Int(number) => number as f64,
        Value::Float(number) => number,
        _ => 0.0,
    };
    let text = |value: &Node| {
        let mut text = String::new();
        output::write(value, None, &mut text);
        text
    };
    match (&left.value, &right.value) {
        (Value::String(left), Value::String(right)) => left.cmp(right),
        _ if rank(left) != rank(right) => rank(left).cmp(&rank(right)),
        _ if rank(left) == 3 => number(left).total_cmp(&number(right)),
        _ => text(left).cmp(&text(right)),
    }
}
