//! Completion of command lines: what could stand where the cursor is, from the tables that the commands' own parsers
//! use and from the cluster as it is.
//!
//! `lex` finds the command and the word, `commands` knows names of programs, `kubectl`, `calicoctl` and `tools` the words
//! of each, `objects` what the cluster has.

mod calicoctl;
mod commands;
pub mod help;
mod kubectl;
mod lex;
mod objects;
#[cfg(test)]
mod tests;
mod tools;

use super::machine::Machine;
use super::net;
use super::shell::Session;
use lex::{Spot, Word};

/// Most candidates of one answer.
pub const CANDIDATES_MAX: usize = 200;
/// Longest line that is looked at, in bytes.
const LINE_MAX: usize = 16 << 10;

/// What could replace `line[start..cursor]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// A byte of the line.
    pub start: usize,
    /// Sorted, no two the same.
    pub candidates: Vec<Candidate>,
    /// How many were left out over `CANDIDATES_MAX`.
    pub left_count: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What replaces the range, quoted as it must be.
    pub text: String,
    /// As a list shows it.
    pub shown: String,
    /// What it is, in a few words; may be empty.
    pub about: String,
    /// The word is complete with it: a blank follows.
    pub ends: bool,
}

/// A possible value, not quoted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    value: String,
    about: String,
    ends: bool,
}

impl Item {
    fn new(value: impl Into<String>, about: impl Into<String>) -> Item {
        Item { value: value.into(), about: about.into(), ends: true }
    }

    /// Something that the word goes on after.
    fn open(value: impl Into<String>, about: impl Into<String>) -> Item {
        Item { ends: false, ..Item::new(value, about) }
    }
}

/// Possible values of what stands from a character of the word to the cursor.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    offset: usize,
    items: Vec<Item>,
    /// The items are paths: only their last part is shown.
    paths: bool,
}

impl Found {
    fn of(items: Vec<Item>) -> Found {
        Found { offset: 0, items, paths: false }
    }

    fn at(offset: usize, items: Vec<Item>) -> Found {
        Found { offset, items, paths: false }
    }
}

/// Completes the word before `cursor` (a byte of `line`; one within a character counts as before it). `before` are the
/// lines of the same construct that were typed already.
pub fn complete(machine: &mut Machine<'_>, session: &Session, before: &str, line: &str, cursor: usize) -> Completion {
    let mut cursor = cursor.min(line.len());
    while !line.is_char_boundary(cursor) {
        cursor -= 1;
    }
    if before.len() + cursor > LINE_MAX {
        return Completion::default();
    }
    let text = [before, &line[..cursor]].concat();
    let Some(parsed) = lex::split(&text) else { return Completion::default() };
    let word = &parsed.word;
    if let Some((start, braces)) = word.variable {
        return variables(session, &text, start, braces, before.len());
    }
    let found = match parsed.spot {
        Spot::Nothing => return Completion::default(),
        Spot::File => {
            let offset = word.text.find('=').filter(|_| is_assignment(&word.text)).map_or(0, |at| at + 1);
            objects::files(machine, session, word, offset, false)
        }
        Spot::Command => commands::at(machine, session, word, true),
        Spot::Argument => argument(machine, session, &parsed.words, word),
    };
    answer(word, found, before.len())
}

fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.contains('/'))
}

/// What may follow these words of a command.
fn argument(machine: &mut Machine<'_>, session: &Session, words: &[String], word: &Word) -> Found {
    let Some(name) = words.first().and_then(|name| name.rsplit('/').next()) else { return Found::default() };
    match name {
        "kubectl" | "k" if machine.context == super::machine::Context::Host => {
            kubectl::argument(machine, session, &words[1..], word)
        }
        "calicoctl" if net::has(machine, name) => calicoctl::argument(machine, &words[1..], word),
        name => tools::argument(machine, session, name, &words[1..], word),
    }
}

/// Another command's words, as after `kubectl exec POD --`.
fn nested(machine: &mut Machine<'_>, session: &Session, words: &[String], word: &Word) -> Found {
    if words.is_empty() { commands::at(machine, session, word, false) } else { argument(machine, session, words, word) }
}

fn answer(word: &Word, found: Found, skipped: usize) -> Completion {
    let typed = word.from(found.offset);
    let Some((start, write)) = word.writer(found.offset) else { return Completion::default() };
    let Some(start) = start.checked_sub(skipped) else { return Completion::default() };
    let mut items: Vec<Item> = found.items.into_iter().filter(|item| item.value.starts_with(typed)).collect();
    items.sort_by(|a, b| a.value.cmp(&b.value));
    items.dedup_by(|a, b| a.value == b.value);
    let left_count = items.len().saturating_sub(CANDIDATES_MAX);
    items.truncate(CANDIDATES_MAX);
    let candidates = items.into_iter().map(|item| Candidate {
        text: write(&item.value, item.ends),
        shown: if found.paths { last_part(&item.value) } else { item.value },
        about: item.about,
        ends: item.ends,
    });
    Completion { start, candidates: candidates.collect(), left_count }
}

/// `/etc/` of `/etc/`, `hosts` of `/etc/hosts`.
fn last_part(path: &str) -> String {
    let end = path.strip_suffix('/').unwrap_or(path);
    path[end.rfind('/').map_or(0, |at| at + 1)..].to_owned()
}

fn variables(session: &Session, text: &str, start: usize, braces: bool, skipped: usize) -> Completion {
    let typed = &text[start..];
    let Some(start) = start.checked_sub(skipped) else { return Completion::default() };
    let fitting = session.variables.iter().filter(|(name, _)| name.starts_with(typed));
    let candidates = fitting.take(CANDIDATES_MAX).map(|(name, variable)| Candidate {
        text: if braces { format!("{name}}}") } else { name.clone() },
        shown: name.clone(),
        about: variable.value.chars().take(60).collect(),
        ends: false,
    });
    Completion { start, candidates: candidates.collect(), left_count: 0 }
}
