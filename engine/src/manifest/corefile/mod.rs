//! CoreDNS's Corefile: server blocks, directives and their blocks, with the place of every word.
//!
//! Models github.com/coredns/caddy caddyfile/lexer.go and parse.go: quotes, comments, snippets, `import`, `{$VARIABLE}`,
//! and the words in which mistakes are reported. What directives mean is no business of this module.

mod lex;
mod parse;

#[cfg(test)]
mod tests;

use std::sync::Arc;

/// Most words of a Corefile, imports included.
pub const WORDS_MAX: usize = 20_000;
/// Where CoreDNS's Pods have it.
pub const PATH: &str = "/etc/coredns/Corefile";

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: Arc<str>,
    /// The path of the file that was imported, if it stands in one.
    pub file: Option<Arc<str>>,
    /// From 1.
    pub line: u32,
    /// Bytes of the Corefile's text; both 0 in what an imported file brought.
    pub start: u32,
    pub end: u32,
}

/// A line within a directive's block, with the block of its own that it may open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub words: Vec<Word>,
    pub lines: Vec<Line>,
}

/// `.:53 example.org { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub keys: Vec<Word>,
    /// Directives as they stand, name first.
    pub directives: Vec<Line>,
}

/// Why it cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// CoreDNS's own words, with file and line: `/etc/coredns/Corefile:3 - Error during parsing: …`.
    pub message: String,
    /// Bytes of the Corefile's text.
    pub start: u32,
    pub end: u32,
}

/// What a Corefile can refer to.
pub struct Context<'a> {
    /// Is there a plugin of this name?
    pub is_directive: &'a dyn Fn(&str) -> bool,
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The text of another file, by its path relative to the Corefile's folder.
    pub file: &'a dyn Fn(&str) -> Option<Arc<str>>,
}

impl Line {
    /// The directive's or property's name.
    pub fn name(&self) -> &str {
        self.words.first().map_or("", |word| &word.text)
    }

    /// What stands after the name.
    pub fn args(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Caddy's complaint about the number of arguments.
    pub fn arg_error(&self) -> Problem {
        let last = self.words.last();
        let text = last.map_or("", |word| &word.text);
        Problem::at(last, &format!("Wrong argument count or unexpected line ending after '{text}'"))
    }

    pub fn error(&self, message: &str) -> Problem {
        Problem::at(self.words.last(), message)
    }
}

impl Problem {
    /// With file and line, as the Controller's `Errf` has it.
    pub fn at(word: Option<&Word>, message: &str) -> Problem {
        let (line, start, end) = word.map_or((1, 0, 0), |word| (word.line, word.start, word.end));
        Problem { message: format!("{PATH}:{line} - Error during parsing: {message}"), start, end }
    }

    /// Without file and line, as a plain Go error; the place is kept for whoever can show it.
    pub fn plain(word: Option<&Word>, message: impl Into<String>) -> Problem {
        let (start, end) = word.map_or((0, 0), |word| (word.start, word.end));
        Problem { message: message.into(), start, end }
    }
}

/// The server blocks of a Corefile.
pub fn parse(text: &str, context: &Context<'_>) -> Result<Vec<Block>, Problem> {
    parse::blocks(text, context)
}

/// The words of its server blocks by their directives, as Go writes them as JSON: what the plugin `reload` compares.
pub fn json(text: &str, context: &Context<'_>) -> Result<String, Problem> {
    parse::json(text, context)
}
