//! POSIX regular expressions, basic and extended, matched in time proportional to pattern × text.
//!
//! A pattern becomes a small program that all its threads walk at once (Thompson's construction as Pike runs it), so
//! no pattern backtracks. The leftmost match is found, and of those the longest. Left out: back-references within
//! patterns and equivalence classes.

mod compile;

use crate::console::shell::glob;

#[derive(Clone, Debug)]
enum Step {
    Char(char),
    Any,
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
        classes: Vec<String>,
    },
    Start,
    End,
    /// `\b`, `\<`, `\>`: whether a word must begin or end here.
    WordEdge {
        begins: bool,
        ends: bool,
    },
    NotWordEdge,
    Save(usize),
    Jump(usize),
    Split(usize, usize),
    Match,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Regex {
    program: Vec<Step>,
    ignore_case: bool,
    groups: usize,
}

/// Byte ranges of a match and of its groups.
pub(super) type Match = Vec<Option<(usize, usize)>>;

/// How a pattern is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Syntax {
    Basic,
    Extended,
    Fixed,
}

impl Regex {
    /// None if the pattern is malformed or too large.
    pub fn new(pattern: &str, syntax: Syntax, ignore_case: bool) -> Option<Regex> {
        let (program, groups) = compile::compile(pattern, syntax, ignore_case)?;
        Some(Regex { program, ignore_case, groups })
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.find_at(text, 0).is_some()
    }

    /// What matching a text of this length costs, for the count of a line's work.
    pub fn cost(&self, text: &str) -> usize {
        text.len().saturating_mul(self.program.len()) / 64
    }

    /// The leftmost longest match that begins at or after `from`.
    pub fn find_at(&self, text: &str, from: usize) -> Option<Match> {
        let slots = 2 * (self.groups + 1);
        let mut threads = Threads::new(self.program.len());
        let mut next = Threads::new(self.program.len());
        let mut best: Option<Vec<usize>> = None;
        let mut before = text[..from].chars().next_back();
        let mut at = from;
        loop {
            let current = text[at..].chars().next();
            if best.is_none() {
                self.add(
                    &mut threads,
                    0,
                    &vec![usize::MAX; slots],
                    Place { at, before, next: current, length: text.len() },
                );
            }
            if threads.list.is_empty() && best.is_some() {
                break;
            }
            let after = at + current.map_or(0, char::len_utf8);
            let place = Place { at: after, before: current, next: text[after..].chars().next(), length: text.len() };
            next.clear();
            for (pc, saved) in std::mem::take(&mut threads.list) {
                if matches!(self.program[pc], Step::Match) {
                    // Threads are in order of preference; a longer match from the same start replaces a shorter one.
                    let better = best
                        .as_ref()
                        .is_none_or(|best| saved[0] < best[0] || (saved[0] == best[0] && saved[1] > best[1]));
                    if better {
                        best = Some(saved);
                    }
                } else if let Some(c) = current
                    && self.accepts(pc, c)
                    && best.as_ref().is_none_or(|best| saved[0] <= best[0])
                {
                    self.add(&mut next, pc + 1, &saved, place);
                }
            }
            if current.is_none() {
                break;
            }
            std::mem::swap(&mut threads, &mut next);
            (before, at) = (current, after);
        }
        let saved = best?;
        Some(saved.chunks(2).map(|pair| (pair[1] != usize::MAX).then_some((pair[0], pair[1]))).collect())
    }

    fn accepts(&self, pc: usize, c: char) -> bool {
        let lower = if self.ignore_case { c.to_ascii_lowercase() } else { c };
        match &self.program[pc] {
            Step::Char(wanted) => *wanted == lower,
            Step::Any => true,
            Step::Set { negated, ranges, classes } => {
                let inside = ranges.iter().any(|(low, high)| *low <= lower && lower <= *high);
                let classed =
                    classes.iter().any(|name| glob::class(name, c) || (self.ignore_case && glob::class(name, lower)));
                (inside || classed) != *negated
            }
            _ => false,
        }
    }

    /// Follows the steps that take no character.
    fn add(&self, threads: &mut Threads, pc: usize, saved: &[usize], place: Place) {
        let mut todo = vec![(pc, saved.to_vec())];
        while let Some((pc, mut saved)) = todo.pop() {
            if std::mem::replace(&mut threads.seen[pc], true) {
                continue;
            }
            match &self.program[pc] {
                Step::Jump(to) => todo.push((*to, saved)),
                Step::Split(first, second) => {
                    todo.push((*second, saved.clone()));
                    todo.push((*first, saved));
                }
                Step::Save(slot) => {
                    saved[*slot] = place.at;
                    todo.push((pc + 1, saved));
                }
                Step::Start if place.at == 0 => todo.push((pc + 1, saved)),
                Step::End if place.at == place.length => todo.push((pc + 1, saved)),
                Step::WordEdge { begins, ends } if place.is_edge(*begins, *ends) => todo.push((pc + 1, saved)),
                Step::NotWordEdge if !place.is_edge(true, true) => todo.push((pc + 1, saved)),
                Step::Start | Step::End | Step::WordEdge { .. } | Step::NotWordEdge => {}
                _ => threads.list.push((pc, saved)),
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Place {
    at: usize,
    before: Option<char>,
    next: Option<char>,
    length: usize,
}

impl Place {
    fn is_edge(self, begins: bool, ends: bool) -> bool {
        let (before, next) = (self.before.is_some_and(is_word), self.next.is_some_and(is_word));
        (begins && !before && next) || (ends && before && !next)
    }
}

pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

struct Threads {
    list: Vec<(usize, Vec<usize>)>,
    seen: Vec<bool>,
}

impl Threads {
    fn new(size: usize) -> Self {
        Threads { list: Vec::new(), seen: vec![false; size] }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.seen.fill(false);
    }
}
