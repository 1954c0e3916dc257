//! `jq [-r] [-c] FILTER FILE…`: paths, `[]`, `|`, `,`, literals, `select`, `map`, `length`, `keys`, `not`, comparisons.
//! Other filters are refused with a message.

use super::tool::Tool;
use crate::manifest::{Diagnostics, Node, Sources, Span, Value, embedded};
use std::cmp::Ordering;

const DEPTH_MAX: usize = 30;
/// Filters in one program: a chain of them is as deep as it is long.
const FILTERS_MAX: usize = 300;

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
    let mut parser = Parser { rest: &program, depth: 0, filters_left: FILTERS_MAX };
    let filter = match parser.pipe() {
        Ok(filter) if parser.rest.trim().is_empty() => filter,
        Ok(_) => return compile_error(tool, parser.rest),
        Err(message) => return compile_error(tool, &message),
    };
    let (text, failed) = tool.input(&options.words);
    let mut diagnostics = Diagnostics::default();
    let Some(root) = embedded::parse(&text, Span::default(), &Sources::default(), &mut diagnostics) else {
        tool.io.err("jq: error (at <stdin>:0): the input is not JSON\n");
        return 2;
    };
    let mut budget = 1_000_000;
    match apply(&filter, &root, &mut budget) {
        Ok(values) => {
            for value in values {
                let mut line = String::new();
                match (&value.value, options.has('r')) {
                    (Value::String(text), true) => line.push_str(text),
                    _ => write(&value, if options.has('c') { None } else { Some(0) }, &mut line),
                }
                line.push('\n');
                tool.io.out(&line);
            }
            i32::from(failed)
        }
        Err(message) => {
            tool.io.err(&format!("jq: error (at <stdin>:0): {message}\n"));
            5
        }
    }
}

fn compile_error(tool: &mut Tool, rest: &str) -> i32 {
    tool.io.err(&format!(
        "jq: error: syntax error near '{}' (podhop's jq knows paths, |, comma, select, map, length, keys)\njq: 1 compile error\n",
        rest.trim().chars().take(40).collect::<String>()
    ));
    3
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    filters_left: usize,
}

type Parsed = Result<Filter, String>;

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn count(&mut self) -> Result<(), String> {
        self.filters_left = self.filters_left.checked_sub(1).ok_or("too long")?;
        Ok(())
    }

    fn word(&mut self) -> String {
        let length = self.rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let word = self.rest[..length].to_string();
        self.rest = &self.rest[length..];
        word
    }

    fn pipe(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.rest.to_string());
        }
        let mut left = self.comma()?;
        while self.eat("|") {
            self.count()?;
            left = Filter::Pipe(Box::new(left), Box::new(self.comma()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn comma(&mut self) -> Parsed {
        let mut left = self.either()?;
        while self.eat(",") {
            self.count()?;
            left = Filter::Comma(Box::new(left), Box::new(self.either()?));
        }
        Ok(left)
    }

    fn either(&mut self) -> Parsed {
        let mut left = self.comparison()?;
        loop {
            self.count()?;
            if self.eat("and ") {
                left = Filter::And(Box::new(left), Box::new(self.comparison()?));
            } else if self.eat("or ") {
                left = Filter::Or(Box::new(left), Box::new(self.comparison()?));
            } else {
                return Ok(left);
            }
        }
    }

    fn comparison(&mut self) -> Parsed {
        let left = self.term()?;
        for operator in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.eat(operator) {
                return Ok(Filter::Compare(Box::new(left), operator, Box::new(self.term()?)));
            }
        }
        Ok(left)
    }

    fn term(&mut self) -> Parsed {
        self.rest = self.rest.trim_start();
        let mut filter = match self.rest.chars().next() {
            Some('.') => {
                self.rest = &self.rest[1..];
                let name = self.word();
                match name.is_empty() {
                    false => Filter::Field(Box::new(Filter::Identity), name),
                    true if self.rest.starts_with('"') => Filter::Field(Box::new(Filter::Identity), self.string()?),
                    true => Filter::Identity,
                }
            }
            Some('(') => {
                self.rest = &self.rest[1..];
                let inner = self.pipe()?;
                if !self.eat(")") {
                    return Err(self.rest.to_string());
                }
                inner
            }
            Some('"') => Filter::Constant(node(Value::String(self.string()?.into()))),
            Some(c) if c.is_ascii_digit() || c == '-' => Filter::Constant(node(Value::Int(self.number()?))),
            _ => match self.word().as_str() {
                "" => return Err(self.rest.to_string()),
                "true" => Filter::Constant(node(Value::Bool(true))),
                "false" => Filter::Constant(node(Value::Bool(false))),
                "null" => Filter::Constant(node(Value::Null)),
                name @ ("length" | "keys" | "not" | "empty" | "type" | "tostring") => {
                    Filter::Call(name.to_string(), None)
                }
                name @ ("select" | "map") if self.eat("(") => {
                    let inner = self.pipe()?;
                    if !self.eat(")") {
                        return Err(self.rest.to_string());
                    }
                    Filter::Call(name.to_string(), Some(Box::new(inner)))
                }
                name => return Err(format!("{name}{}", self.rest)),
            },
        };
        loop {
            self.count()?;
            if self.rest.starts_with('?') {
                self.rest = &self.rest[1..];
                filter = Filter::Try(Box::new(filter));
            } else if self.rest.starts_with('[') || self.rest.starts_with(".[") {
                self.rest = &self.rest[self.rest.find('[').unwrap_or(0) + 1..];
                filter = self.bracket(filter)?;
            } else if self.rest.starts_with('.') {
                self.rest = &self.rest[1..];
                let name = if self.rest.starts_with('"') { self.string()? } else { self.word() };
                if name.is_empty() {
                    return Err(self.rest.to_string());
                }
                filter = Filter::Field(Box::new(filter), name);
            } else {
                return Ok(filter);
            }
        }
    }

    fn bracket(&mut self, of: Filter) -> Parsed {
        let of = Box::new(of);
        if self.eat("]") {
            return Ok(Filter::Each(of));
        }
        let filter = if self.rest.starts_with('"') {
            Filter::Field(of, self.string()?)
        } else {
            let from = if self.rest.starts_with(':') { None } else { Some(self.number()?) };
            match (self.eat(":"), from) {
                (true, from) => {
                    let to = if self.rest.starts_with(']') { None } else { Some(self.number()?) };
                    Filter::Slice(of, from, to)
                }
                (false, Some(index)) => Filter::Index(of, index),
                (false, None) => return Err(self.rest.to_string()),
            }
        };
        if self.eat("]") { Ok(filter) } else { Err(self.rest.to_string()) }
    }

    fn number(&mut self) -> Result<i64, String> {
        let length =
            self.rest.bytes().enumerate().take_while(|(at, b)| b.is_ascii_digit() || (*at == 0 && *b == b'-')).count();
        let number = self.rest[..length].parse().map_err(|_| self.rest.to_string())?;
        self.rest = &self.rest[length..];
        Ok(number)
    }

    fn string(&mut self) -> Result<String, String> {
        let inside = &self.rest[1..];
        let mut escaped = false;
        let end = inside.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let end = end.filter(|end| !inside[..*end].contains("\\(")).ok_or_else(|| self.rest.to_string())?;
        let text = super::unescape(&inside[..end].replace("\\\"", "\"").replace("\\/", "/")).0;
        self.rest = &inside[end + 1..];
        Ok(text)
    }
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
                write(input, None, &mut text);
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
        write(value, None, &mut text);
        text
    };
    match (&left.value, &right.value) {
        (Value::String(left), Value::String(right)) => left.cmp(right),
        _ if rank(left) != rank(right) => rank(left).cmp(&rank(right)),
        _ if rank(left) == 3 => number(left).total_cmp(&number(right)),
        _ => text(left).cmp(&text(right)),
    }
}

/// JSON as jq prints it: two blanks a level, keys in their own order.
fn write(value: &Node, level: Option<usize>, text: &mut String) {
    let (open, close, count) = match &value.value {
        Value::Sequence(items) => ('[', ']', items.len()),
        Value::Mapping(entries) => ('{', '}', entries.len()),
        Value::String(string) => return quote(string, text),
        _ => return text.push_str(&crate::manifest::emit::json_compact(value)),
    };
    let inner = level.map(|level| level + 1);
    let new_line = |level: Option<usize>, text: &mut String| {
        if let Some(level) = level {
            text.push('\n');
            text.extend(std::iter::repeat_n("  ", level));
        }
    };
    text.push(open);
    for index in 0..count {
        if index > 0 {
            text.push(',');
        }
        new_line(inner, text);
        if let Some((key, value)) = value.entries().get(index) {
            quote(&key.name, text);
            text.push_str(if level.is_some() { ": " } else { ":" });
            write(value, inner, text);
        } else if let Some(item) = value.item(index) {
            write(item, inner, text);
        }
    }
    if count > 0 {
        new_line(level, text);
    }
    text.push(close);
}

fn quote(string: &str, text: &mut String) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            '\0'..='\x1f' | '\x7f' => text.push_str(&format!("\\u{:04x}", c as u32)),
            _ => text.push(c),
        }
    }
    text.push('"');
}
