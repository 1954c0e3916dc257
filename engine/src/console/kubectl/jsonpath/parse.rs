//! Template text → steps. Models client-go util/jsonpath parser.go.

use super::{DEPTH_MAX, Step};
use crate::manifest::{Node, Span, Value};

type Parsed<T> = Result<T, String>;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// Parses a template into its actions.
pub(super) fn actions(template: &str, depth: usize) -> Parsed<Vec<Vec<Step>>> {
    if depth > DEPTH_MAX {
        return Err(format!("nested too deeply (podhop's limit is {DEPTH_MAX})"));
    }
    let mut parser = Parser { text: template, at: 0, depth };
    let mut actions = Vec::new();
    while !parser.rest().is_empty() {
        let text = parser.take_until(|c| c == '{');
        if !text.is_empty() {
            actions.push(vec![text_step(text)]);
        }
        if parser.bump().is_some() {
            actions.push(parser.action()?);
        }
    }
    Ok(actions)
}

/// The steps of an expression that stands inside an action.
fn inner(expression: &str, depth: usize) -> Parsed<Vec<Step>> {
    Ok(actions(&format!("{{{expression}}}"), depth + 1)?.into_iter().next().unwrap_or_default())
}

fn node(value: Value) -> Node {
    Node { value, span: Span::default() }
}

fn text_step(text: &str) -> Step {
    Step::Text(node(Value::String(text.into())))
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn take_until(&mut self, stop: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(stop).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// The steps of an action, with its closing brace.
    fn action(&mut self) -> Parsed<Vec<Step>> {
        let mut steps: Vec<Step> = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with("[?(") {
                self.at += 3;
                steps.push(self.filter()?);
                continue;
            }
            if rest.starts_with("..") {
                if matches!(steps.last(), Some(Step::Recursive)) {
                    return Err("invalid multiple recursive descent".into());
                }
                self.at += 2;
                steps.push(Step::Recursive);
                if self.rest().starts_with(|c: char| c == '_' || c.is_ascii_alphanumeric()) {
                    steps.push(self.field());
                }
                continue;
            }
            match self.bump() {
                None | Some('\r' | '\n') => return Err("unclosed action".into()),
                Some('}') => return Ok(steps),
                Some(' ' | '@' | '$') => {}
                Some('[') => self.array(&mut steps)?,
                Some(quote @ ('"' | '\'')) => steps.push(self.quoted(quote)?),
                Some('.') => steps.push(self.field()),
                Some('+' | '-' | '0'..='9') => {
                    self.at -= 1;
                    steps.push(self.number()?);
                }
                Some(c) if c == '_' || c.is_ascii_alphanumeric() => {
                    self.at -= c.len_utf8();
                    let name = self.take_until(is_terminator);
                    steps.push(match name {
                        "true" | "false" => Step::Literal(node(Value::Bool(name == "true"))),
                        _ => Step::Identifier(name.to_string()),
                    });
                }
                Some(c) => return Err(format!("unrecognized character in action: U+{:04X} '{c}'", c as u32)),
            }
        }
    }

    fn number(&mut self) -> Parsed<Step> {
        let sign = usize::from(self.rest().starts_with(['+', '-']));
        let start = self.at;
        self.at += sign;
        self.take_until(|c| c != '.' && !c.is_ascii_digit());
        let text = &self.text[start..self.at];
        let value = match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(value), _) => Value::Int(value),
            (_, Ok(value)) => Value::Float(value),
            _ => return Err(format!("cannot parse number {text}")),
        };
        Ok(Step::Literal(node(value)))
    }

    /// A field's name up to the next terminator without a backslash.
    fn field(&mut self) -> Step {
        let start = self.at;
        loop {
            match self.bump() {
                None => break,
                Some('\\') => _ = self.bump(),
                Some(c) if is_terminator(c) => {
                    self.at -= c.len_utf8();
                    break;
                }
                Some(_) => {}
            }
        }
        match &self.text[start..self.at] {
            "*" => Step::Wildcard,
            name => Step::Field(name.replace('\\', "")),
        }
    }

    /// What follows `[`: a wildcard, key, index, slice or union.
    fn array(&mut self, steps: &mut Vec<Step>) -> Parsed<()> {
        let text = self.take_until(|c| matches!(c, ']' | '\n'));
        if self.bump() != Some(']') {
            return Err("unterminated array".into());
        }
        let text = if text == "*" { ":" } else { text };
        if text.contains(',') {
            let members = text.split(',').map(|member| inner(&format!("[{}]", member.trim_matches(' ')), self.depth));
            steps.push(Step::Union(members.collect::<Parsed<_>>()?));
            return Ok(());
        }
        let key = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).filter(|key| !key.contains('\''));
        if let Some(key) = key {
            steps.extend(inner(&format!(".{key}"), self.depth)?);
            return Ok(());
        }
        let invalid = || Err(format!("invalid array index {text}"));
        let mut params = [None; 3];
        let mut count = 0;
        for (index, number) in text.split(':').enumerate() {
            let digits = number.strip_prefix('-').unwrap_or(number);
            if index > 2 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return invalid();
            }
            count = index + 1;
            if !number.is_empty() {
                let value = number.parse::<i32>().map_err(|_| format!("array index {number} is not a number"))?;
                params[index] = Some(i64::from(value));
            }
        }
        let derived = count == 1;
        if derived {
            params[1] = Some(params[0].unwrap_or(0) + 1);
        }
        steps.push(Step::Array { params, derived });
        Ok(())
    }

    /// What follows `[?(`.
    fn filter(&mut self) -> Parsed<Step> {
        let start = self.at;
        let mut quote: Option<char> = None;
        let mut closed = false;
        loop {
            let before = self.text[..self.at].chars().next_back();
            match self.bump() {
                None | Some('\n') => return Err("unterminated filter".into()),
                Some(c @ ('"' | '\'')) => match quote {
                    None => quote = Some(c),
                    Some(open) => closed |= open == c && before != Some('\\'),
                },
                Some(')') if quote.is_some() == closed => break,
                Some(_) => {}
            }
        }
        let text = &self.text[start..self.at - 1];
        if self.bump() != Some(']') {
            return Err("unclosed array expect ]".into());
        }
        let is_operator = |c: char| matches!(c, '!' | '<' | '>' | '=');
        let from = text.find(is_operator).filter(|at| *at > 0);
        let split = from.and_then(|from| {
            let run = text[from..].find(|c| !is_operator(c)).unwrap_or(text.len() - from);
            // Something has to be left for the right side, if only an operator's last character.
            let to = if from + run == text.len() { from + run - 1 } else { from + run };
            (to > from).then_some((from, to))
        });
        Ok(match split {
            None => Step::Filter { left: inner(text, self.depth)?, right: Vec::new(), operator: String::new() },
            Some((from, to)) => Step::Filter {
                left: inner(&text[..from], self.depth)?,
                right: inner(&text[to..], self.depth)?,
                operator: text[from..to].to_string(),
            },
        })
    }

    /// The text behind an opening quote, escapes interpreted as in Go.
    fn quoted(&mut self, quote: char) -> Parsed<Step> {
        let start = self.at;
        let mut before = quote;
        loop {
            match self.bump() {
                None | Some('\n') => return Err("unterminated quoted string".into()),
                Some(c) if c == quote && before != '\\' => break,
                Some(c) => before = c,
            }
        }
        let raw = &self.text[start..self.at - 1];
        match unquote(raw, quote) {
            Some(text) => Ok(text_step(&text)),
            None => Err(format!("unquote string {quote}{raw}{quote} error invalid syntax")),
        }
    }
}

fn unquote(raw: &str, quote: char) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let letter = rest[at + 1..].chars().next()?;
        rest = &rest[at + 1 + letter.len_utf8()..];
        let digits = match letter {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '0'..='7' => 3,
            _ => 0,
        };
        if digits > 0 {
            let octal = letter.is_ascii_digit();
            let code = if octal { format!("{letter}{}", rest.get(..2)?) } else { rest.get(..digits)?.to_string() };
            text.push(char::from_u32(u32::from_str_radix(&code, if octal { 8 } else { 16 }).ok()?)?);
            rest = &rest[if octal { 2 } else { digits }..];
            continue;
        }
        text.push(match letter {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '\\' => '\\',
            _ if letter == quote => quote,
            _ => return None,
        });
    }
    text.push_str(rest);
    Some(text)
}

fn is_terminator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}
