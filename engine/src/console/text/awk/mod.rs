//! `awk [-F SEPARATOR] [-v NAME=VALUE] PROGRAM FILE…`: patterns, `print`, `printf`, variables, expressions and `if`.
//!
//! Left out, with a message: loops, arrays, functions of the program's own, `getline` and redirections. What is left
//! always ends.

mod expression;
mod parse;
mod value;

use super::regex::{Regex, Syntax};
use super::tool::{Tool, lines};
use parse::{Expression, Pattern, Rule, Statement, Target};
use std::collections::BTreeMap;
use value::Value;

/// Longest string that a program may build, in bytes.
const STRING_MAX: usize = 1 << 20;

enum Flow {
    Next,
    Exit(i32),
    Fail(String),
}

type Run<T> = Result<T, Flow>;

struct Machine<'t, 'a> {
    tool: &'t mut Tool<'a>,
    variables: BTreeMap<String, Value>,
    /// `$0` and what it was split into; the fields are None until one is asked for.
    record: String,
    fields: Option<Vec<String>>,
    separator: String,
}

/// Runs `awk`.
pub(super) fn awk(tool: &mut Tool, words: &[String]) -> i32 {
    let mut options = match tool.options(words, "F:v:f:") {
        Ok(options) => options,
        Err(status) => return status,
    };
    if options.words.is_empty() {
        return tool.usage("no program given");
    }
    let rules = match parse::program(&options.words.remove(0)) {
        Ok(rules) => rules,
        Err(message) => return tool.fail(&format!("cmd. line:1: {message}")),
    };
    let mut variables = BTreeMap::new();
    for (name, value) in [("FS", " "), ("OFS", " "), ("ORS", "\n")] {
        variables.insert(name.to_string(), Value::Text(value.into()));
    }
    if let Some(separator) = options.value('F') {
        let separator = if separator == "t" { "\t".to_string() } else { super::unescape(separator).0 };
        variables.insert("FS".into(), Value::Text(separator));
    }
    for assignment in options.values('v') {
        let (name, value) = assignment.split_once('=').unwrap_or((assignment, ""));
        variables.insert(name.to_string(), Value::Given(super::unescape(value).0));
    }
    let only_begin = rules.iter().all(|rule| matches!(rule.pattern, Pattern::Begin));
    let (text, failed) = if only_begin { (String::new(), false) } else { tool.input(&options.words) };
    let mut machine = Machine { tool, variables, record: String::new(), fields: None, separator: " ".into() };
    let result = machine.program(&rules, &text);
    let status = match result {
        Ok(()) | Err(Flow::Next) => 0,
        Err(Flow::Exit(status)) => status,
        Err(Flow::Fail(message)) => tool.fail(&message),
    };
    status.max(i32::from(failed))
}

impl Machine<'_, '_> {
    fn program(&mut self, rules: &[Rule], text: &str) -> Run<()> {
        for rule in rules.iter().filter(|rule| matches!(rule.pattern, Pattern::Begin)) {
            self.block(&rule.body)?;
        }
        let mut active = vec![false; rules.len()];
        let mut ended = Ok(());
        'records: for (number, line) in lines(text).enumerate() {
            if !self.tool.io.spend(line.len() + 32) {
                return Err(Flow::Exit(2));
            }
            self.separator = self.variable("FS").text();
            self.set_record(line);
            self.variables.insert("NR".into(), Value::Number((number + 1) as f64));
            for (index, rule) in rules.iter().enumerate() {
                let result = self.rule(rule, &mut active[index]);
                match result {
                    Ok(()) => {}
                    Err(Flow::Next) => continue 'records,
                    Err(Flow::Exit(status)) => {
                        ended = Err(Flow::Exit(status));
                        break 'records;
                    }
                    Err(fail) => return Err(fail),
                }
            }
        }
        for rule in rules.iter().filter(|rule| matches!(rule.pattern, Pattern::End)) {
            self.block(&rule.body)?;
        }
        ended
    }

    fn rule(&mut self, rule: &Rule, active: &mut bool) -> Run<()> {
        let selected = match &rule.pattern {
            Pattern::Begin | Pattern::End => false,
            Pattern::Always => true,
            Pattern::When(condition) => self.evaluate(condition)?.is_true(),
            Pattern::Range(from, to) => {
                let begins = *active || self.evaluate(from)?.is_true();
                *active = begins && !self.evaluate(to)?.is_true();
                begins
            }
        };
        if selected { self.block(&rule.body) } else { Ok(()) }
    }

    fn block(&mut self, statements: &[Statement]) -> Run<()> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Statement) -> Run<()> {
        match statement {
            Statement::Print(expressions) => {
                let mut line = String::new();
                if expressions.is_empty() {
                    line.push_str(&self.record);
                }
                let separator = self.variable("OFS").text();
                for (index, expression) in expressions.iter().enumerate() {
                    if index > 0 {
                        line.push_str(&separator);
                    }
                    line.push_str(&self.evaluate(expression)?.text());
                }
                line.push_str(&self.variable("ORS").text());
                self.tool.io.out(&line);
            }
            Statement::Printf(expressions) => {
                let words: Vec<String> =
                    expressions.iter().map(|expression| Ok(self.evaluate(expression)?.text())).collect::<Run<_>>()?;
                super::print::printf(&words, self.tool.session, self.tool.io);
            }
            Statement::Expression(expression) => _ = self.evaluate(expression)?,
            Statement::If(condition, then, otherwise) => {
                let branch = if self.evaluate(condition)?.is_true() { then } else { otherwise };
                self.block(branch)?;
            }
            Statement::Next => return Err(Flow::Next),
            Statement::Exit(status) => {
                let status = status.as_ref().map_or(Ok(0.0), |status| Ok(self.evaluate(status)?.number()))?;
                return Err(Flow::Exit(status as i32 & 255));
            }
        }
        if self.tool.io.is_stopped() { Err(Flow::Exit(2)) } else { Ok(()) }
    }

    fn set_record(&mut self, text: &str) {
        self.record = text.to_string();
        self.fields = None;
    }

    /// The record's fields; splits it when first asked.
    fn fields(&mut self) -> &mut Vec<String> {
        let (record, separator) = (&self.record, &self.separator);
        self.fields.get_or_insert_with(|| split(record, separator))
    }

    fn variable(&mut self, name: &str) -> Value {
        if name == "NF" {
            return Value::Number(self.fields().len() as f64);
        }
        let value = if name == "FNR" { self.variables.get("NR") } else { self.variables.get(name) };
        value.cloned().unwrap_or(Value::Given(String::new()))
    }

    fn field(&mut self, index: f64) -> Run<Value> {
        if index < 0.0 {
            return Err(Flow::Fail("Access to negative field".into()));
        }
        Ok(Value::Given(match index as usize {
            0 => self.record.clone(),
            index => self.fields().get(index - 1).cloned().unwrap_or_default(),
        }))
    }

    fn assign(&mut self, target: &Target, value: Value) -> Run<()> {
        match target {
            Target::Variable(name) => _ = self.variables.insert(name.clone(), value),
            Target::Field(index) => {
                let index = self.evaluate(index)?.number();
                if index < 1.0 {
                    self.set_record(&value.text());
                    return Ok(());
                }
                let index = index.min(1000.0) as usize;
                let fields = self.fields();
                if fields.len() < index {
                    fields.resize(index, String::new());
                }
                fields[index - 1] = value.text();
                let separator = self.variable("OFS").text();
                self.record = self.fields().join(&separator);
            }
        }
        Ok(())
    }

    fn read(&mut self, target: &Target) -> Run<Value> {
        match target {
            Target::Variable(name) => Ok(self.variable(name)),
            Target::Field(index) => {
                let index = self.evaluate(index)?.number();
                self.field(index)
            }
        }
    }

    fn evaluate(&mut self, expression: &Expression) -> Run<Value> {
        if !self.tool.io.spend(4) {
            return Err(Flow::Exit(2));
        }
        Ok(match expression {
            Expression::Constant(value) => value.clone(),
            Expression::Regex(regex) => Value::truth(regex.is_match(&self.record)),
            Expression::Read(target) => self.read(target)?,
            Expression::Assign(target, operator, value) => {
                let mut value = self.evaluate(value)?;
                if *operator != '=' {
                    value = value::arithmetic(*operator, self.read(target)?.number(), value.number())
                        .map_err(Flow::Fail)?;
                }
                self.assign(target, value.clone())?;
                value
            }
            Expression::Step { target, by, before } => {
                let old = self.read(target)?.number();
                self.assign(target, Value::Number(old + by))?;
                Value::Number(if *before { old + by } else { old })
            }
            Expression::Not(value) => Value::truth(!self.evaluate(value)?.is_true()),
            Expression::Negative(value) => Value::Number(-self.evaluate(value)?.number()),
            Expression::And(left, right) => {
                Value::truth(self.evaluate(left)?.is_true() && self.evaluate(right)?.is_true())
            }
            Expression::Or(left, right) => {
                Value::truth(self.evaluate(left)?.is_true() || self.evaluate(right)?.is_true())
            }
            Expression::Compare(left, operator, right) => {
                let order = self.evaluate(left)?.compare(&self.evaluate(right)?);
                Value::truth(value::holds(operator, order))
            }
            Expression::Arithmetic(left, operator, right) => {
                let (left, right) = (self.evaluate(left)?.number(), self.evaluate(right)?.number());
                value::arithmetic(*operator, left, right).map_err(Flow::Fail)?
            }
            Expression::Matches(text, pattern, negated) => {
                let text = self.evaluate(text)?.text();
                let found = self.regex(pattern)?.is_match(&text);
                Value::truth(found != *negated)
            }
            Expression::Join(left, right) => {
                let mut text = self.evaluate(left)?.text();
                text.push_str(&self.evaluate(right)?.text());
                if text.len() > STRING_MAX || !self.tool.io.spend(text.len()) {
                    return Err(Flow::Fail("string is over 1 MiB (podhop's limit)".into()));
                }
                Value::Text(text)
            }
            Expression::Choose(condition, first, second) => {
                let branch = if self.evaluate(condition)?.is_true() { first } else { second };
                self.evaluate(branch)?
            }
            Expression::Call(name, arguments) => self.call(name, arguments)?,
        })
    }

    fn regex(&mut self, expression: &Expression) -> Run<Regex> {
        if let Expression::Regex(regex) = expression {
            return Ok(regex.clone());
        }
        let text = self.evaluate(expression)?.text();
        Regex::new(&text, Syntax::Extended, false).ok_or_else(|| Flow::Fail(format!("bad regex '{text}'")))
    }

    fn call(&mut self, name: &str, arguments: &[Expression]) -> Run<Value> {
        if matches!(name, "sub" | "gsub") {
            return self.replace(name == "gsub", arguments);
        }
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.evaluate(argument)?);
        }
        let text = |index: usize| values.get(index).map(Value::text).unwrap_or_default();
        let number = |index: usize| values.get(index).map_or(0.0, Value::number);
        Ok(match name {
            "length" if values.is_empty() => Value::Number(self.record.chars().count() as f64),
            "length" => Value::Number(text(0).chars().count() as f64),
            "tolower" => Value::Text(text(0).to_lowercase()),
            "toupper" => Value::Text(text(0).to_uppercase()),
            "int" => Value::Number(number(0).trunc()),
            "index" => {
                let (text, part) = (text(0), text(1));
                Value::Number(text.find(&part).map_or(0, |at| text[..at].chars().count() + 1) as f64)
            }
            "substr" => {
                // Characters from round(m) and before round(m) + round(n).
                let from = number(1).round();
                let to = if values.len() > 2 { from + number(2).round() } else { f64::INFINITY };
                let inside = |(index, _): &(usize, char)| (*index as f64 + 1.0) >= from && (*index as f64 + 1.0) < to;
                Value::Text(text(0).chars().enumerate().filter(inside).map(|(_, c)| c).collect())
            }
            _ => return Err(Flow::Fail(format!("podhop's awk does not know the function {name}"))),
        })
    }

    /// `sub(/re/, "text" [, target])`, `gsub`: returns the number of replacements.
    fn replace(&mut self, global: bool, arguments: &[Expression]) -> Run<Value> {
        let whole = Target::Field(Box::new(Expression::Constant(Value::Number(0.0))));
        let (pattern, text, target) = match arguments {
            [pattern, text] => (pattern, text, &whole),
            [pattern, text, Expression::Read(target)] => (pattern, text, target),
            _ => return Err(Flow::Fail("sub and gsub take a pattern, a text and a variable or field".into())),
        };
        let (regex, text, value) = (self.regex(pattern)?, self.evaluate(text)?.text(), self.read(target)?.text());
        let (mut result, mut at, mut copied, mut count) = (String::new(), 0, 0, 0.0);
        while let Some((start, end)) = regex.find_at(&value, at).and_then(|found| found[0]) {
            result.push_str(&value[copied..start]);
            result.push_str(&text.replace("\\&", "\0").replace('&', &value[start..end]).replace('\0', "&"));
            (copied, count) = (end, count + 1.0);
            at = if end > start { end } else { end + value[end..].chars().next().map_or(1, char::len_utf8) };
            if !global || at > value.len() || !self.tool.io.spend(value.len() / 4 + text.len()) {
                break;
            }
        }
        result.push_str(&value[copied..]);
        if count > 0.0 {
            self.assign(target, Value::Text(result))?;
        }
        Ok(Value::Number(count))
    }
}

/// A record's fields: at blanks, at one character, or at matches of a pattern.
fn split(record: &str, separator: &str) -> Vec<String> {
    let mut chars = separator.chars();
    let owned = |part: &str| part.to_string();
    match (chars.next(), chars.next()) {
        _ if record.is_empty() => Vec::new(),
        (None | Some(' '), None) => record.split_ascii_whitespace().map(owned).collect(),
        (Some(c), None) => record.split(c).map(owned).collect(),
        _ => {
            let Some(regex) = Regex::new(separator, Syntax::Extended, false) else { return vec![record.to_string()] };
            let (mut fields, mut at, mut from) = (Vec::new(), 0, 0);
            while let Some((start, end)) = regex.find_at(record, from).and_then(|found| found[0]) {
                if end > start {
                    fields.push(record[at..start].to_string());
                    at = end;
                }
                from = if end > start { end } else { end + record[end..].chars().next().map_or(1, char::len_utf8) };
                if from > record.len() {
                    break;
                }
            }
            fields.push(record[at..].to_string());
            fields
        }
    }
}
