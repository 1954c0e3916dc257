//! Label selectors and field selectors.

use super::{Object, Revision};
use crate::manifest::Span;
use crate::manifest::typed::{LabelSelector, Operator, Requirement};
use std::sync::Arc;

/// Reads a selector as `kubectl get -l` takes it: `app=web,tier!=db,env in (a,b),!old,zone`. Err: the API server's
/// complaint. Models apimachinery `labels.Parse`.
pub fn parse_selector(text: &str) -> Result<LabelSelector, String> {
    let mut parser = Parser { tokens: scan(text), at: 0 };
    let mut selector = LabelSelector::default();
    let starts = |token: Token| token.is_identifier() || token == Token::Symbol("!");
    loop {
        match parser.peek() {
            Token::End => return Ok(selector),
            token if starts(token) => {
                let requirement = parser.requirement().map_err(|e| format!("unable to parse requirement: {e}"))?;
                selector.match_expressions.push(requirement);
            }
            token => return Err(format!("found '{}', expected: !, identifier, or 'end of string'", token.text())),
        }
        match parser.next() {
            Token::End => return Ok(selector),
            Token::Symbol(",") if starts(parser.peek()) => {}
            Token::Symbol(",") => {
                return Err(format!("found '{}', expected: identifier after ','", parser.peek().text()));
            }
            token => return Err(format!("found '{}', expected: ',' or 'end of string'", token.text())),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Symbol(&'t str),
    End,
}

impl<'t> Token<'t> {
    fn text(self) -> &'t str {
        match self {
            Token::Word(text) | Token::Symbol(text) => text,
            Token::End => "",
        }
    }

    fn is_identifier(self) -> bool {
        matches!(self, Token::Word(_))
    }
}

/// Models `labels.Lexer`: blanks and symbols end a word.
fn scan(text: &str) -> Vec<Token<'_>> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let symbol = |c: char| matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<');
    let (mut tokens, mut rest) = (Vec::new(), text.trim_start_matches(blank));
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '=' | '!' if rest[1..].starts_with('=') => 2,
            first if symbol(first) => 1,
            _ => rest.find(|c| blank(c) || symbol(c)).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(len);
        tokens.push(if symbol(first) { Token::Symbol(token) } else { Token::Word(token) });
        rest = after.trim_start_matches(blank);
    }
    tokens
}

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    at: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Token<'t> {
        self.tokens.get(self.at).copied().unwrap_or(Token::End)
    }

    fn next(&mut self) -> Token<'t> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let absent = self.peek() == Token::Symbol("!");
        self.at += usize::from(absent);
        let key = self.identifier()?;
        check_key(key)?;
        let (operator, values) = match self.peek() {
            _ if absent => (Operator::DoesNotExist, Vec::new()),
            Token::End | Token::Symbol(",") => (Operator::Exists, Vec::new()),
            _ => match self.next().text() {
                "in" => (Operator::In, self.values()?),
                "notin" => (Operator::NotIn, self.values()?),
                "=" | "==" => (Operator::In, vec![self.value()?]),
                "!=" => (Operator::NotIn, vec![self.value()?]),
                ">" | "<" => return Err("podhop's selectors do not compare with '>' and '<'".to_owned()),
                found => return Err(format!("found '{found}', expected: in, notin, =, ==, !=, gt, lt")),
            },
        };
        for (index, value) in values.iter().enumerate() {
            if value.len() > 63 {
                return Err(format!(
                    "values[{index}][{key}]: Invalid value: {value:?}: must be no more than 63 characters"
                ));
            }
            if !value.is_empty() && !is_name(value) {
                return Err(format!("values[{index}][{key}]: Invalid value: {value:?}: {BAD_VALUE}"));
            }
        }
        let values = values.into_iter().map(Arc::from).collect();
        Ok(Requirement { key: key.into(), operator, values, span: Span::default() })
    }

    fn identifier(&mut self) -> Result<&'t str, String> {
        match self.next() {
            Token::Word(text) => Ok(text),
            token => Err(format!("found '{}', expected: identifier", token.text())),
        }
    }

    /// Models parseExactValue: nothing is the empty value.
    fn value(&mut self) -> Result<&'t str, String> {
        match self.peek() {
            Token::End | Token::Symbol(",") => Ok(""),
            _ => self.identifier(),
        }
    }

    /// Models parseValues and parseIdentifiersList: nothing between commas is the empty value.
    fn values(&mut self) -> Result<Vec<&'t str>, String> {
        let open = self.next();
        if open != Token::Symbol("(") {
            return Err(format!("found '{}' expected: '('", open.text()));
        }
        if self.peek() == Token::Symbol(")") {
            return Err("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty".to_owned());
        }
        let mut values = Vec::new();
        loop {
            match self.peek() {
                Token::Word(text) => {
                    values.push(text);
                    self.at += 1;
                }
                Token::Symbol("," | ")") => values.push(""),
                token if values.is_empty() => {
                    return Err(format!("found '{}', expected: ',', ')' or identifier", token.text()));
                }
                token => return Err(format!("found '{}', expected: ',', or identifier", token.text())),
            }
            match self.next() {
                Token::Symbol(")") => return Ok(values),
                Token::Symbol(",") => {}
                token => return Err(format!("found '{}', expected: ',' or ')'", token.text())),
            }
        }
    }
}

const BAD_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                         must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
                         regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const BAD_KEY: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                       alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
                       '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    text.bytes().all(inner) && ends(text.as_bytes().first()) && ends(text.as_bytes().last())
}

fn check_key(key: &str) -> Result<(), String> {
    let name = key.split_once('/').map_or(key, |(_, name)| name);
    if is_name(name) { Ok(()) } else { Err(format!("key: Invalid value: {key:?}: {BAD_KEY}")) }
}

/// A field selector: `metadata.name=web,spec.nodeName!=worker-1`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldSelector {
    /// (field, equal, value)
    terms: Vec<(String, bool, String)>,
}

impl FieldSelector {
    /// Err: the API server's complaint about a field that `kind` cannot be selected by.
    pub fn parse(text: &str, kind: &str) -> Result<FieldSelector, String> {
        let mut terms = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let unequal = part.split_once("!=").map(|(field, value)| (field, false, value));
            let equal = || part.split_once("==").or_else(|| part.split_once('=')).map(|(f, v)| (f, true, v));
            let Some((field, equal, value)) = unequal.or_else(equal) else {
                return Err(format!("invalid selector: '{part}'; can't understand '{part}'"));
            };
            let known = match field {
                "metadata.name" | "metadata.namespace" => true,
                "spec.nodeName" | "spec.hostNetwork" | "status.phase" | "status.podIP" | "spec.restartPolicy" => {
                    kind == "Pod"
                }
                _ => false,
            };
            if !known {
                return Err(format!("field label not supported: {field}"));
            }
            terms.push((field.to_owned(), equal, value.to_owned()));
        }
        Ok(FieldSelector { terms })
    }

    pub fn matches(&self, object: &Object, revision: &Revision) -> bool {
        let pod = object.key.as_pod().and_then(|key| revision.pods.get(&key));
        self.terms.iter().all(|(field, equal, wanted)| {
            let ip = pod.and_then(|pod| pod.ip.as_ref()).map(|(ip, _)| ip.to_string());
            let value: &str = match field.as_str() {
                "metadata.name" => &object.key.name,
                "metadata.namespace" => &object.key.namespace,
                "spec.nodeName" => pod.and_then(|pod| pod.node.as_deref()).unwrap_or(""),
                "status.podIP" => ip.as_deref().unwrap_or(""),
                "spec.restartPolicy" => "Always",
                "spec.hostNetwork" if pod.is_some_and(|pod| pod.host_network) => "true",
                "spec.hostNetwork" => "false",
                _ => pod.map_or("", |pod| pod.phase_name()),
            };
            (value == wanted) == *equal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Labels;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect()
    }

    #[test]
    fn selectors_select_as_kubectl_does() {
        let web = labels(&[("app", "web"), ("env", "prod")]);
        let cases = [
            ("app=web", true),
            ("app==web,env!=dev", true),
            ("env in (dev, prod)", true),
            ("env notin (dev,prod)", false),
            ("tier notin (db)", true),
            ("!tier,app", true),
            ("tier", false),
            ("", true),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_selector(text).map(|selector| selector.matches(&web)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_bad_selector_is_refused_in_the_api_servers_words() {
        let cases = [
            ("app=a b", "found 'b', expected: ',' or 'end of string'"),
            ("=x", "found '=', expected: !, identifier, or 'end of string'"),
            ("app=web,", "found '', expected: identifier after ','"),
            ("!=x", "found '!=', expected: !, identifier, or 'end of string'"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("x near (y)", "unable to parse requirement: found 'near', expected: in, notin, =, ==, !=, gt, lt"),
            ("x in y", "unable to parse requirement: found 'y' expected: '('"),
            ("x in (a b)", "unable to parse requirement: found 'b', expected: ',' or ')'"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            ("a==(", "unable to parse requirement: found '(', expected: identifier"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_selector(text).err().as_deref(), Some(expected), "{text}");
        }
        let key = parse_selector("-a=b").err().unwrap_or_default();
        assert!(key.starts_with("unable to parse requirement: key: Invalid value: \"-a\": name part must"), "{key}");
        assert!(parse_selector("in in (in,)").is_ok_and(|selector| selector.matches(&labels(&[("in", "")]))));
    }

    #[test]
    fn only_some_fields_can_be_selected_by() {
        assert!(FieldSelector::parse("spec.nodeName=worker-1,status.phase!=Running", "Pod").is_ok());
        assert_eq!(
            FieldSelector::parse("spec.nodeName=x", "Service"),
            Err("field label not supported: spec.nodeName".to_owned())
        );
    }
}
