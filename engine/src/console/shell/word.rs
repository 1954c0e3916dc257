//! Words: quotes, parameters, command substitution and arithmetic (POSIX XCU 2.2, 2.3, 2.6).

use super::ast::*;
use super::error::Problem;
use super::parse::{NESTING_MAX, Parsed, Parser, is_meta, is_name_byte};

impl Parser<'_> {
    /// The word at the cursor; None where an operator, blank, newline or the end stands.
    pub(super) fn word(&mut self) -> Parsed<Option<Word>> {
        let start = self.at;
        let mut parts = Vec::new();
        while let Some(next) = self.peek() {
            if is_meta(next) {
                break;
            }
            self.part(&mut parts, false)?;
        }
        Ok((self.at > start).then_some(Word { parts }))
    }

    /// Takes one piece outside of double quotes. Inside `${…}` blanks and operators are ordinary: `braced`.
    fn part(&mut self, parts: &mut Vec<Part>, braced: bool) -> Parsed<()> {
        let Some(next) = self.bump() else { return Ok(()) };
        match next {
            '\\' => match self.bump() {
                Some('\n') => {}
                Some(escaped) => push_text(parts, true, escaped.encode_utf8(&mut [0; 4])),
                None => push_text(parts, true, "\\"),
            },
            '\'' => {
                let text = self.until('\'', "'")?;
                push_text(parts, true, text);
            }
            '"' => {
                let quoted = self.deeper(|parser| parser.quoted_parts(Some("\"")))?;
                // An empty pair of quotes still makes a word.
                push_text(parts, true, "");
                parts.extend(quoted);
            }
            '$' if self.peek() == Some('\'') => {
                self.at += 1;
                let text = self.ansi_quoted()?;
                push_text(parts, true, &text);
            }
            '$' => self.dollar(parts, false)?,
            '`' => self.backquote(parts, false)?,
            first => {
                let start = self.at - first.len_utf8();
                let special =
                    |c: char| matches!(c, '\\' | '\'' | '"' | '$' | '`') || if braced { c == '}' } else { is_meta(c) };
                self.at += self.rest().find(special).unwrap_or(self.rest().len());
                push_text(parts, false, &self.text[start..self.at]);
            }
        }
        Ok(())
    }

    fn until(&mut self, close: char, name: &'static str) -> Parsed<&str> {
        let Some(length) = self.rest().find(close) else { return Err(self.error(Problem::Unclosed(name))) };
        let start = self.at;
        self.at += length + close.len_utf8();
        Ok(&self.text[start..start + length])
    }

    /// `$'…'`: backslash escapes are interpreted.
    fn ansi_quoted(&mut self) -> Parsed<String> {
        let mut raw = String::new();
        loop {
            match self.bump() {
                None => return Err(self.error(Problem::Unclosed("'"))),
                Some('\'') => return Ok(super::super::text::unescape(&raw).0),
                Some('\\') if self.eat("'") => raw.push('\''),
                Some('\\') => {
                    raw.push('\\');
                    raw.extend(self.bump());
                }
                Some(other) => raw.push(other),
            }
        }
    }

    /// Pieces as inside double quotes, up to and including `close`; without one, to the end of the text.
    pub(super) fn quoted_parts(&mut self, close: Option<&'static str>) -> Parsed<Vec<Part>> {
        let mut parts = Vec::new();
        let mut parentheses = 0u32;
        loop {
            if let Some(close) = close
                && parentheses == 0
                && self.eat(close)
            {
                return Ok(parts);
            }
            let Some(next) = self.bump() else {
                return match close {
                    Some(close) => Err(self.error(Problem::Unclosed(close))),
                    None => Ok(parts),
                };
            };
            match next {
                '\\' => match self.peek() {
                    Some('\n') => self.at += 1,
                    Some(escaped @ ('$' | '`' | '\\')) => {
                        self.at += 1;
                        push_text(&mut parts, true, escaped.encode_utf8(&mut [0; 4]));
                    }
                    Some('"') if close.is_some() => {
                        self.at += 1;
                        push_text(&mut parts, true, "\"");
                    }
                    Some('}') if close == Some("}") => {
                        self.at += 1;
                        push_text(&mut parts, true, "}");
                    }
                    _ => push_text(&mut parts, true, "\\"),
                },
                // Quotes within `"${name:-"…"}"` are only removed.
                '"' if close == Some("}") => {}
                '$' => self.dollar(&mut parts, true)?,
                '`' => self.backquote(&mut parts, true)?,
                other => {
                    match other {
                        '(' if close == Some("))") => parentheses += 1,
                        ')' if close == Some("))") => parentheses = parentheses.saturating_sub(1),
                        _ => {}
                    }
                    push_text(&mut parts, true, other.encode_utf8(&mut [0; 4]));
                }
            }
        }
    }

    /// What follows a `$`.
    fn dollar(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Parsed<()> {
        let kind = if self.eat("((") {
            PartKind::Arithmetic(Word { parts: self.deeper(|parser| parser.quoted_parts(Some("))")))? })
        } else if self.eat("(") {
            PartKind::Command(self.deeper(Self::substitution)?)
        } else if self.eat("{") {
            self.deeper(|parser| parser.braces(quoted))?
        } else {
            let name = self.parameter_name(false);
            if name.is_empty() {
                push_text(parts, quoted, "$");
                return Ok(());
            }
            PartKind::Parameter { name, modifier: None }
        };
        parts.push(Part { quoted, kind });
        Ok(())
    }

    /// A name, a digit (in braces: a number) or one of `?#@*$!-`; empty if there is none.
    fn parameter_name(&mut self, braced: bool) -> String {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let length = match bytes.first() {
            Some(b'?' | b'#' | b'@' | b'*' | b'$' | b'!' | b'-') => 1,
            Some(b'0'..=b'9') if braced => bytes.iter().take_while(|byte| byte.is_ascii_digit()).count(),
            Some(b'0'..=b'9') => 1,
            _ => bytes.iter().take_while(|byte| is_name_byte(**byte)).count(),
        };
        self.at += length;
        rest[..length].to_string()
    }

    /// The inside of `${…}`, with its closing brace.
    fn braces(&mut self, quoted: bool) -> Parsed<PartKind> {
        if self.rest().starts_with('#') && !self.rest().starts_with("#}") {
            self.at += 1;
            let name = self.parameter_name(true);
            let modifier = Modifier { kind: ModifierKind::Length, or_empty: false, word: Word::default() };
            return match self.eat("}") && !name.is_empty() {
                true => Ok(PartKind::Parameter { name, modifier: Some(Box::new(modifier)) }),
                false => Err(self.error(Problem::BadSubstitution)),
            };
        }
        let name = self.parameter_name(true);
        if name.is_empty() {
            return Err(self.error(Problem::BadSubstitution));
        }
        if self.eat("}") {
            return Ok(PartKind::Parameter { name, modifier: None });
        }
        let or_empty = self.eat(":");
        let kind = match self.bump() {
            Some('-') => ModifierKind::Default,
            Some('=') => ModifierKind::Assign,
            Some('+') => ModifierKind::Alternative,
            Some('?') => ModifierKind::Require,
            Some('#') if !or_empty => ModifierKind::Prefix { longest: self.eat("#") },
            Some('%') if !or_empty => ModifierKind::Suffix { longest: self.eat("%") },
            None => return Err(self.error(Problem::Unclosed("}"))),
            _ => return Err(self.error(Problem::BadSubstitution)),
        };
        let pattern = matches!(kind, ModifierKind::Prefix { .. } | ModifierKind::Suffix { .. });
        let parts = if quoted && !pattern { self.quoted_parts(Some("}"))? } else { self.braced_parts()? };
        let modifier = Modifier { kind, or_empty, word: Word { parts } };
        Ok(PartKind::Parameter { name, modifier: Some(Box::new(modifier)) })
    }

    fn braced_parts(&mut self) -> Parsed<Vec<Part>> {
        let mut parts = Vec::new();
        loop {
            match self.peek() {
                None => return Err(self.error(Problem::Unclosed("}"))),
                Some('}') => {
                    self.at += 1;
                    return Ok(parts);
                }
                _ => self.part(&mut parts, true)?,
            }
        }
    }

    fn backquote(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Parsed<()> {
        let (start, line) = (self.at, self.line());
        let mut script = String::new();
        loop {
            match self.bump() {
                None => return Err(self.error(Problem::Unclosed("`"))),
                Some('`') => break,
                Some('\\') => match self.bump() {
                    Some(escaped @ ('`' | '\\' | '$')) => script.push(escaped),
                    Some('"') if quoted => script.push('"'),
                    Some(other) => script.extend(['\\', other]),
                    None => script.push('\\'),
                },
                Some(other) => script.push(other),
            }
        }
        if self.depth >= NESTING_MAX {
            return Err(self.error(Problem::Bound("nested too deeply", NESTING_MAX)));
        }
        let mut inner = Parser::within(&script, self.depth + 1);
        let list = inner.every_command().map_err(|error| super::SyntaxError { at: start, line, ..error })?;
        parts.push(Part { quoted, kind: PartKind::Command(list) });
        Ok(())
    }
}

/// Appends text, joining it to a piece of the same kind.
fn push_text(parts: &mut Vec<Part>, quoted: bool, text: &str) {
    match parts.last_mut() {
        Some(Part { quoted: before, kind: PartKind::Text(last) }) if *before == quoted => last.push_str(text),
        _ => parts.push(Part { quoted, kind: PartKind::Text(text.to_string()) }),
    }
}
