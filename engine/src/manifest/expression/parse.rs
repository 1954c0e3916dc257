//! From text to expressions.

use super::{Comparison, Expression};
use std::ops::Range;
use std::sync::Arc;

/// Deepest nesting of parentheses.
const DEPTH_MAX: usize = 64;
/// MaxLabelLength
const LABEL_LEN_MAX: usize = 512;

/// What is wrong with a selector, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// Bytes of the text.
    pub at: Range<usize>,
    pub message: String,
    pub hint: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'t> {
    Open,
    Close,
    OpenSet,
    CloseSet,
    Comma,
    Not,
    And,
    Or,
    All,
    Global,
    Has(&'t str),
    Label(&'t str),
    /// `==`, `in`, `starts with` …
    Operator(&'static str),
    Text(&'t str),
    End,
}

struct Tokens<'t> {
    text: &'t str,
    at: usize,
    after_label: bool,
}

struct Parser<'t> {
    tokens: Vec<(Token<'t>, Range<usize>)>,
    next: usize,
}

type Found<T> = Result<T, ExpressionError>;

pub fn parse(text: &str) -> Found<Expression> {
    let mut tokens = Tokens { text, at: 0, after_label: false };
    let mut found = Vec::new();
    loop {
        let token = tokens.token()?;
        let is_end = token.0 == Token::End;
        found.push(token);
        if is_end {
            break;
        }
    }
    let mut parser = Parser { tokens: found, next: 0 };
    if matches!(parser.peek(), Token::End) {
        return Ok(Expression::All);
    }
    let expression = parser.alternatives(0)?;
    match parser.peek() {
        Token::End => Ok(expression),
        _ => Err(parser.error("unexpected content at end of selector", "join conditions with && or ||")),
    }
}

fn fault<T>(at: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> Found<T> {
    Err(ExpressionError { at, message: message.into(), hint: hint.into() })
}

fn is_label_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-')
}

impl<'t> Tokens<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn token(&mut self) -> Found<(Token<'t>, Range<usize>)> {
        self.skip_blanks();
        let start = self.at;
        let after_label = std::mem::take(&mut self.after_label);
        let token = match self.rest().as_bytes().first().copied() {
            None => Token::End,
            Some(quote @ (b'"' | b'\'')) => self.string(char::from(quote))?,
            Some(b'=' | b'&' | b'|' | b'!' | b'(' | b')' | b'{' | b'}' | b',') => self.sign()?,
            Some(_) if after_label => self.operator()?,
            Some(_) => self.word()?,
        };
        self.after_label = matches!(token, Token::Label(_));
        Ok((token, start..self.at))
    }

    fn string(&mut self, quote: char) -> Found<Token<'t>> {
        let start = self.at;
        let inner = &self.rest()[1..];
        let Some(len) = inner.find(quote) else {
            return fault(start..self.text.len(), "unterminated string", format!("close it with {quote}"));
        };
        self.at += len + 2;
        Ok(Token::Text(&inner[..len]))
    }

    fn sign(&mut self) -> Found<Token<'t>> {
        const SIGNS: [(&str, Token<'static>); 10] = [
            ("==", Token::Operator("==")),
            ("!=", Token::Operator("!=")),
            ("&&", Token::And),
            ("||", Token::Or),
            ("!", Token::Not),
            ("(", Token::Open),
            (")", Token::Close),
            ("{", Token::OpenSet),
            ("}", Token::CloseSet),
            (",", Token::Comma),
        ];
        for (sign, token) in SIGNS {
            if self.eat(sign) {
                return Ok(token);
            }
        }
        let half = &self.rest()[..1];
        fault(self.at..self.at + 1, format!("expected {half}{half}"), format!("write {half}{half}"))
    }

    /// What may follow a label.
    fn operator(&mut self) -> Found<Token<'t>> {
        const OPERATORS: [(&[&str], &str); 5] = [
            (&["contains"], "contains"),
            (&["starts", "with"], "starts with"),
            (&["ends", "with"], "ends with"),
            (&["not", "in"], "not in"),
            (&["in"], "in"),
        ];
        let start = self.at;
        for (words, operator) in OPERATORS {
            self.at = start;
            let all = words.iter().all(|word| {
                self.skip_blanks();
                self.eat(word)
            });
            if all && !self.rest().bytes().next().is_some_and(is_label_char) {
                return Ok(Token::Operator(operator));
            }
        }
        self.at = start;
        let label = self.text[..start].trim_end_matches([' ', '\t']);
        let label = label.rsplit(|c: char| !c.is_ascii() || !is_label_char(c as u8)).next().unwrap_or("");
        let hint = "one of ==, !=, in, not in, contains, starts with, ends with";
        fault(
            start..self.text.len().min(start + self.word_len().max(1)),
            format!("expected operator after label {label:?}"),
            hint,
        )
    }

    /// How many bytes the word here has; of what is no word, those of one character.
    fn word_len(&self) -> usize {
        let rest = self.rest();
        match rest.bytes().take_while(|byte| is_label_char(*byte)).count() {
            0 => rest.chars().next().map_or(0, char::len_utf8),
            len => len,
        }
    }

    fn word(&mut self) -> Found<Token<'t>> {
        let start = self.at;
        if self.eat("has(") {
            self.skip_blanks();
            let label = self.label()?;
            return self.closed("has(").map(|()| Token::Has(label));
        }
        for (start, token) in [("all(", Token::All), ("global(", Token::Global)] {
            if self.eat(start) {
                return self.closed(start).map(|()| token);
            }
        }
        self.at = start;
        self.label().map(Token::Label)
    }

    fn closed(&mut self, after: &str) -> Found<()> {
        self.skip_blanks();
        if self.eat(")") {
            return Ok(());
        }
        let end = self.text.len().min(self.at + self.word_len().max(1));
        fault(self.at..end, format!("no closing ')' after {after}"), "close the parenthesis")
    }

    fn label(&mut self) -> Found<&'t str> {
        let rest = self.rest();
        let len = rest.bytes().take_while(|byte| is_label_char(*byte)).count();
        if len == 0 {
            let hint = "a label's name has letters, digits, '-', '_', '.' and '/'";
            return fault(self.at..self.at + self.word_len(), "expected identifier", hint);
        }
        let label = &rest[..len];
        if len > LABEL_LEN_MAX {
            let hint = format!("a label's name has at most {LABEL_LEN_MAX} characters here");
            return fault(self.at..self.at + len, format!("label too long: {label}"), hint);
        }
        self.at += len;
        Ok(label)
    }
}

impl<'t> Parser<'t> {
    fn peek(&self) -> &Token<'t> {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn take(&mut self) -> Token<'t> {
        let token = self.peek().clone();
        self.next += usize::from(token != Token::End);
        token
    }

    fn error(&self, message: impl Into<String>, hint: impl Into<String>) -> ExpressionError {
        let at = self.tokens.get(self.next).map_or(0..0, |(_, at)| at.clone());
        ExpressionError { at, message: message.into(), hint: hint.into() }
    }

    fn alternatives(&mut self, depth: usize) -> Found<Expression> {
        let mut parts = vec![self.conjunction(depth)?];
        while *self.peek() == Token::Or {
            self.take();
            parts.push(self.conjunction(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) })
    }

    fn conjunction(&mut self, depth: usize) -> Found<Expression> {
        let mut parts = vec![self.operation(depth)?];
        while *self.peek() == Token::And {
            self.take();
            parts.push(self.operation(depth)?);
        }
        Ok(Expression::all_of(parts))
    }

    fn operation(&mut self, depth: usize) -> Found<Expression> {
        let mut negated = false;
        while *self.peek() == Token::Not {
            self.take();
            negated = !negated;
        }
        let expression = match self.peek().clone() {
            Token::All => self.leaf(Expression::All),
            Token::Global => self.leaf(Expression::Global),
            Token::Has(label) => self.leaf(Expression::Has(label.into())),
            Token::Label(label) => {
                self.take();
                Expression::Compared(label.into(), self.comparison(label)?)
            }
            Token::Open if depth >= DEPTH_MAX => {
                let hint = format!("at most {DEPTH_MAX} parentheses may stand within each other here");
                return Err(self.error("the selector is nested too deeply", hint));
            }
            Token::Open => {
                self.take();
                let inner = self.alternatives(depth + 1)?;
                self.wanted(&Token::Close, "expected )", "close the parenthesis")?;
                inner
            }
            Token::End => {
                let hint = "a condition must follow, such as has(app)";
                return Err(self.error("unexpected end of string looking for op", hint));
            }
            _ => return Err(self.error("unexpected token", "a condition begins with a label, has(, all(), ! or (")),
        };
        Ok(if negated { expression.negated() } else { expression })
    }

    fn leaf(&mut self, expression: Expression) -> Expression {
        self.take();
        expression
    }

    fn wanted(&mut self, token: &Token<'_>, message: &str, hint: &str) -> Found<()> {
        if self.peek() == token {
            self.take();
            return Ok(());
        }
        Err(self.error(message, hint))
    }

    fn comparison(&mut self, label: &str) -> Found<Comparison> {
        let Token::Operator(operator) = *self.peek() else {
            let hint = format!("such as {label} == 'value', or has({label})");
            return Err(self.error(format!("expected operator after label {label:?}"), hint));
        };
        self.take();
        if matches!(operator, "in" | "not in") {
            let values = self.set()?;
            return Ok(if operator == "in" { Comparison::In(values) } else { Comparison::NotIn(values) });
        }
        let Token::Text(value) = *self.peek() else {
            return Err(self.error("expected string", "put the value in quotes"));
        };
        self.take();
        let value: Arc<str> = value.into();
        Ok(match operator {
            "==" => Comparison::Equals(value),
            "!=" => Comparison::Differs(value),
            "contains" => Comparison::Contains(value),
            "starts with" => Comparison::StartsWith(value),
            _ => Comparison::EndsWith(value),
        })
    }

    /// `{'a', 'b'}`
    fn set(&mut self) -> Found<Vec<Arc<str>>> {
        self.wanted(&Token::OpenSet, "expected set literal", "such as {'a', 'b'}")?;
        let mut values: Vec<Arc<str>> = Vec::new();
        while let Token::Text(value) = *self.peek() {
            self.take();
            values.push(value.into());
            if *self.peek() != Token::Comma {
                break;
            }
            self.take();
        }
        self.wanted(&Token::CloseSet, "expected }", "values stand in quotes, with commas between them")?;
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }
}
