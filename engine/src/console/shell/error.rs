//! What can be wrong with a script's text, in the words of the shell that is asked.

/// Which shell speaks: its messages differ, the grammar hardly does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// busybox ash (1.37): `sh: nosuch: not found`.
    Ash,
    /// bash (5.2): `bash: nosuch: command not found`.
    Bash,
}

/// A script that cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset in the script, for the caret.
    pub at: usize,
    /// Counted from 1.
    pub line: u32,
    pub problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The text ended within a quote or substitution that this closes.
    Unclosed(&'static str),
    /// A token that cannot stand here; `word` marks one that is an ordinary word.
    Unexpected {
        token: String,
        expecting: &'static str,
        word: bool,
    },
    /// The text ended although this had to come.
    UnexpectedEnd {
        expecting: &'static str,
    },
    BadSubstitution,
    BadLoopVariable(String),
    /// A bound of podhop's: what is over, and the limit.
    Bound(&'static str, usize),
}

impl SyntaxError {
    /// Would more text help? A prompt then asks for another line.
    pub fn is_incomplete(&self) -> bool {
        matches!(self.problem, Problem::Unclosed(_) | Problem::UnexpectedEnd { .. })
    }

    /// The message without the shell's name, e.g. `syntax error: unterminated quoted string`.
    pub fn message(&self, dialect: Dialect) -> String {
        match (&self.problem, dialect) {
            (Problem::Unclosed(close), Dialect::Bash) => {
                format!("unexpected EOF while looking for matching `{close}'")
            }
            (Problem::Unclosed("\"" | "'"), Dialect::Ash) => "syntax error: unterminated quoted string".into(),
            (Problem::Unclosed("`"), Dialect::Ash) => "syntax error: EOF in backquote substitution".into(),
            (Problem::Unclosed("))"), Dialect::Ash) => "syntax error: missing '))'".into(),
            (Problem::Unclosed("}"), Dialect::Ash) => "syntax error: missing '}'".into(),
            (Problem::Unclosed(close), Dialect::Ash) => ash_unexpected("end of file", close),
            (Problem::Unexpected { token, .. }, Dialect::Bash) => {
                format!("syntax error near unexpected token `{token}'")
            }
            (Problem::Unexpected { token, expecting, word }, Dialect::Ash) => match (*word, token.as_str()) {
                (true, _) => ash_unexpected("word", expecting),
                (_, "newline") => ash_unexpected("newline", expecting),
                (_, "<" | ">" | ">>" | "<<") => ash_unexpected("redirection", expecting),
                _ => ash_unexpected(&format!("\"{token}\""), expecting),
            },
            (Problem::UnexpectedEnd { .. }, Dialect::Bash) => "syntax error: unexpected end of file".into(),
            (Problem::UnexpectedEnd { expecting }, Dialect::Ash) => ash_unexpected("end of file", expecting),
            (Problem::BadSubstitution, Dialect::Bash) => "bad substitution".into(),
            (Problem::BadSubstitution, Dialect::Ash) => "syntax error: bad substitution".into(),
            (Problem::BadLoopVariable(name), Dialect::Bash) => format!("`{name}': not a valid identifier"),
            (Problem::BadLoopVariable(_), Dialect::Ash) => "syntax error: bad for loop variable".into(),
            (Problem::Bound(what, limit), _) => format!("{what} (podhop's limit is {limit})"),
        }
    }
}

fn ash_unexpected(what: &str, expecting: &str) -> String {
    let mut message = format!("syntax error: unexpected {what}");
    if !expecting.is_empty() {
        message.push_str(&format!(" (expecting \"{expecting}\")"));
    }
    message
}
