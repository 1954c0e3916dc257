//! Text → commands. Models the grammar of POSIX XCU 2.10 with the extensions that busybox ash and bash share.
//!
//! A script is parsed one complete command at a time (`Parser::next_command`), as real shells do, so that what stands
//! before a syntax error still runs.

use std::sync::Arc;

use super::ast::*;
use super::error::{Problem, SyntaxError};
use super::redirect::{Pending, copy_out_to_err};

/// Longest script, in bytes.
pub const SCRIPT_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of quotes, substitutions and compound commands.
pub const NESTING_MAX: usize = 40;

pub(super) type Parsed<T> = Result<T, SyntaxError>;

/// Words that end a list where a command could begin.
pub(super) const CLOSERS: [&str; 8] = ["then", "do", "done", "fi", "elif", "else", "esac", "}"];

/// Reads a script's commands one after the other.
pub struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) depth: usize,
    /// Here-documents announced on this line; their bodies begin on the next one.
    pub(super) pending: Vec<Pending>,
    /// A here-document was ended by the end of the text.
    pub(super) open_here_document: bool,
    /// A position up to which lines were counted, and the line there.
    counted: (usize, u32),
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str) -> Self {
        Parser::within(text, 0)
    }

    /// A parser for text found at a depth of nesting.
    pub(super) fn within(text: &'a str, depth: usize) -> Self {
        Parser { text, at: 0, depth, pending: Vec::new(), open_here_document: false, counted: (0, 1) }
    }

    /// The commands up to the next newline outside of any construct, or None at the end of the text.
    pub fn next_command(&mut self) -> Parsed<Option<List>> {
        if self.text.len() > SCRIPT_BYTES_MAX {
            return Err(self.error(Problem::Bound("script is too long", SCRIPT_BYTES_MAX)));
        }
        self.skip_newlines()?;
        if self.at >= self.text.len() {
            return Ok(None);
        }
        let list = self.list(true)?;
        if !self.newline()? && self.at < self.text.len() {
            return Err(self.unexpected(""));
        }
        Ok(Some(list))
    }

    /// All of the remaining commands.
    pub fn every_command(&mut self) -> Parsed<List> {
        let mut all = List::new();
        while let Some(list) = self.next_command()? {
            all.extend(list);
        }
        Ok(all)
    }

    /// The commands of `$(…)`, with the closing parenthesis.
    pub(super) fn substitution(&mut self) -> Parsed<List> {
        let list = self.list(false)?;
        if self.eat(")") {
            return Ok(list);
        }
        Err(if self.peek().is_none() { self.error(Problem::Unclosed(")")) } else { self.unexpected(")") })
    }

    pub(super) fn error(&mut self, problem: Problem) -> SyntaxError {
        SyntaxError { at: self.at, line: self.line(), problem }
    }

    pub(super) fn line(&mut self) -> u32 {
        let passed = &self.text.as_bytes()[self.counted.0..self.at];
        let line = self.counted.1 + passed.iter().filter(|byte| **byte == b'\n').count() as u32;
        self.counted = (self.at, line);
        line
    }

    /// The token at the cursor should not be there.
    pub(super) fn unexpected(&mut self, expecting: &'static str) -> SyntaxError {
        let Some(next) = self.peek() else { return self.error(Problem::UnexpectedEnd { expecting }) };
        let operators = ["&&", "||", ";;", "<<", ">>", ";", "&", "|", "(", ")", "<", ">"];
        let (token, word) = if next == '\n' {
            ("newline".to_string(), false)
        } else if let Some(operator) = operators.iter().find(|operator| self.rest().starts_with(**operator)) {
            (operator.to_string(), false)
        } else {
            let end = self.rest().find(is_meta).unwrap_or(self.rest().len());
            let token = &self.rest()[..end];
            (token.to_string(), !CLOSERS.contains(&token))
        };
        self.error(Problem::Unexpected { token, expecting, word })
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub(super) fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= NESTING_MAX {
            return Err(self.error(Problem::Bound("nested too deeply", NESTING_MAX)));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Blanks, line continuations and a comment; not the newline.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            if self.eat("\\\n") || self.eat(" ") || self.eat("\t") || self.eat("\r") {
                continue;
            }
            if self.peek() == Some('#') {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            }
            return;
        }
    }

    pub(super) fn skip_newlines(&mut self) -> Parsed<()> {
        self.skip_blanks();
        while self.newline()? {
            self.skip_blanks();
        }
        Ok(())
    }

    /// Takes a newline and the here-documents that follow it.
    fn newline(&mut self) -> Parsed<bool> {
        if !self.eat("\n") {
            self.open_here_document |= self.at >= self.text.len() && !self.pending.is_empty();
            return Ok(false);
        }
        for pending in std::mem::take(&mut self.pending) {
            let body = self.here_document(&pending)?;
            let _ = pending.body.set(body);
        }
        Ok(true)
    }

    /// Commands until a closer, `)`, `;;` or the end; with `one_line`, also until a newline.
    pub(super) fn list(&mut self, one_line: bool) -> Parsed<List> {
        let mut list = List::new();
        loop {
            if one_line {
                self.skip_blanks();
            } else {
                self.skip_newlines()?;
            }
            match self.peek() {
                None | Some(')' | '\n') => return Ok(list),
                Some(';') if self.rest().starts_with(";;") => return Ok(list),
                _ if self.reserved().is_some_and(|word| CLOSERS.contains(&word)) => return Ok(list),
                _ => {}
            }
            let mut and_or = self.and_or()?;
            self.skip_blanks();
            let ended = if self.rest().starts_with(";;") {
                true
            } else if self.rest().starts_with('&') && !self.rest().starts_with("&&") {
                self.at += 1;
                and_or.background = true;
                true
            } else {
                self.eat(";") || (!one_line && self.peek() == Some('\n'))
            };
            list.push(and_or);
            if !ended {
                match self.peek() {
                    None | Some('\n' | ')') => return Ok(list),
                    _ => return Err(self.unexpected("")),
                }
            }
        }
    }

    fn and_or(&mut self) -> Parsed<AndOr> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.skip_blanks();
            let join = if self.eat("&&") {
                Join::And
            } else if self.eat("||") {
                Join::Or
            } else {
                return Ok(AndOr { first, rest, background: false });
            };
            self.skip_newlines()?;
            rest.push((join, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Parsed<Pipeline> {
        let mut negated = false;
        while self.keyword("!") {
            negated = !negated;
            self.skip_blanks();
        }
        let mut commands = vec![self.command()?];
        loop {
            self.skip_blanks();
            if self.rest().starts_with("||") || !self.eat("|") {
                return Ok(Pipeline { negated, commands });
            }
            if self.eat("&")
                && let Some(last) = commands.last_mut()
            {
                last.redirects.push(copy_out_to_err());
            }
            self.skip_newlines()?;
            commands.push(self.command()?);
        }
    }

    /// The unquoted word at the cursor, if it consists of plain letters (a reserved word is one of these).
    pub(super) fn reserved(&self) -> Option<&'a str> {
        let rest = self.rest();
        let end = rest.find(is_meta).unwrap_or(rest.len());
        let word = &rest[..end];
        (!word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'{' | b'}' | b'!')))
            .then_some(word)
    }

    pub(super) fn keyword(&mut self, word: &str) -> bool {
        let found = self.reserved() == Some(word);
        if found {
            self.at += word.len();
        }
        found
    }

    pub(super) fn expect(&mut self, word: &'static str) -> Parsed<()> {
        self.skip_newlines()?;
        let found = if word == ")" { self.eat(word) } else { self.keyword(word) };
        if found { Ok(()) } else { Err(self.unexpected(word)) }
    }

    /// A list that must not be empty, inside a construct.
    pub(super) fn body(&mut self) -> Parsed<List> {
        let list = self.list(false)?;
        if list.is_empty() { Err(self.unexpected("")) } else { Ok(list) }
    }

    pub(super) fn command(&mut self) -> Parsed<Command> {
        let line = self.line();
        let kind = if self.peek() == Some('(') {
            self.at += 1;
            let list = self.deeper(Self::body)?;
            self.expect(")")?;
            Some(Kind::Subshell(list))
        } else {
            self.deeper(Self::compound)?
        };
        let Some(kind) = kind else { return self.simple(line) };
        let mut redirects = Vec::new();
        loop {
            self.skip_blanks();
            if !self.redirect(&mut redirects)? {
                return Ok(Command { kind, redirects, line });
            }
        }
    }

    fn simple(&mut self, line: u32) -> Parsed<Command> {
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.skip_blanks();
            if self.redirect(&mut redirects)? {
                continue;
            }
            if words.is_empty()
                && let Some(name) = self.assignment_name()
            {
                self.at += name.len() + 1;
                assignments.push((name.to_string(), self.word()?.unwrap_or_default()));
                continue;
            }
            let start = self.at;
            let Some(word) = self.word()? else { break };
            if words.is_empty() && assignments.is_empty() && redirects.is_empty() {
                let name = &self.text[start..self.at];
                self.skip_blanks();
                if is_name(name) && self.eat("(") {
                    return self.function(name, line);
                }
            }
            words.push(word);
        }
        if words.is_empty() && assignments.is_empty() && redirects.is_empty() {
            return Err(self.unexpected(""));
        }
        Ok(Command { kind: Kind::Simple { assignments, words }, redirects, line })
    }

    fn function(&mut self, name: &str, line: u32) -> Parsed<Command> {
        self.skip_blanks();
        if !self.eat(")") {
            return Err(self.unexpected(")"));
        }
        self.skip_newlines()?;
        let body = self.deeper(Self::command)?;
        let kind = Kind::Function { name: name.to_string(), body: Arc::new(body) };
        Ok(Command { kind, redirects: Vec::new(), line })
    }

    fn assignment_name(&self) -> Option<&'a str> {
        let rest = self.rest();
        let end = rest.bytes().take_while(|byte| is_name_byte(*byte)).count();
        (rest[end..].starts_with('=') && is_name(&rest[..end])).then_some(&rest[..end])
    }
}

/// Does this character end an unquoted word?
pub(super) fn is_meta(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')')
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A variable's or function's name.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.as_bytes()[0].is_ascii_digit() && text.bytes().all(is_name_byte)
}
