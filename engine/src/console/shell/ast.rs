//! The tree a script is parsed into. Positions are byte offsets into the script's text.

use std::sync::{Arc, OnceLock};

/// Commands in order, as between `do` and `done`.
pub type List = Vec<AndOr>;

/// Pipelines joined by `&&` and `||`, evaluated from left to right.
#[derive(Clone, Debug, PartialEq)]
pub struct AndOr {
    pub first: Pipeline,
    pub rest: Vec<(Join, Pipeline)>,
    /// Ended by `&`.
    pub background: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    And,
    Or,
}

/// `! a | b | c`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    pub negated: bool,
    pub commands: Vec<Command>,
}

impl Pipeline {
    /// Its command, if it is nothing but one that no redirection belongs to.
    pub fn alone(&self) -> Option<&Command> {
        match &*self.commands {
            [command] if !self.negated && command.redirects.is_empty() => Some(command),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    pub kind: Kind,
    pub redirects: Vec<Redirect>,
    pub line: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Simple {
        assignments: Vec<(String, Word)>,
        words: Vec<Word>,
    },
    /// `{ …; }`
    Group(List),
    /// `( … )`
    Subshell(List),
    /// `if`/`elif` conditions with their bodies, and `else`.
    If {
        arms: Vec<(List, List)>,
        otherwise: List,
    },
    /// `while` (or `until`) with its body.
    Loop {
        until: bool,
        condition: List,
        body: List,
    },
    /// `for name in words`; without `in`, the positional parameters.
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    Case {
        subject: Word,
        arms: Vec<(Vec<Word>, List)>,
    },
    /// `name() body`
    Function {
        name: String,
        body: Arc<Command>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    /// The descriptor that is changed: 0, 1 or 2; `&>` is 1 followed by a copy to 2.
    pub fd: u8,
    pub target: RedirectTarget,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RedirectTarget {
    Read(Word),
    Write {
        path: Word,
        append: bool,
    },
    /// `2>&1`
    Copy(Word),
    /// `<<< word`
    Text(Word),
    /// `<< END`; filled when the lines after the command have been read.
    HereDocument(Arc<OnceLock<Word>>),
}

/// One word before expansion.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word {
    pub parts: Vec<Part>,
}

impl Word {
    /// A word that stands for exactly this text.
    pub fn text(text: String) -> Self {
        Word { parts: vec![Part { quoted: true, kind: PartKind::Text(text) }] }
    }
}

/// A piece of a word. Quoted pieces are neither split into fields nor matched against file names.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub quoted: bool,
    pub kind: PartKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PartKind {
    Text(String),
    /// `$name`, `${name}`, `${name:-word}` …
    Parameter {
        name: String,
        modifier: Option<Box<Modifier>>,
    },
    /// `$(…)` and `` `…` ``
    Command(List),
    /// `$((…))`
    Arithmetic(Word),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Modifier {
    pub kind: ModifierKind,
    /// The colon in `:-`: an empty value counts as unset.
    pub or_empty: bool,
    pub word: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModifierKind {
    /// `${#name}`
    Length,
    /// `-`
    Default,
    /// `=`
    Assign,
    /// `+`
    Alternative,
    /// `?`
    Require,
    /// `#` and `##`
    Prefix { longest: bool },
    /// `%` and `%%`
    Suffix { longest: bool },
}
