//! Patterns → programs.

use super::{Step, Syntax};

/// Steps of a compiled pattern.
const PROGRAM_MAX: usize = 2000;
const GROUPS_MAX: usize = 10;
const DEPTH_MAX: usize = 30;

/// The steps of a pattern and the number of its groups; None if it is malformed or too large.
pub(super) fn compile(pattern: &str, syntax: Syntax, ignore_case: bool) -> Option<(Vec<Step>, usize)> {
    let chars: Vec<char> =
        if ignore_case { pattern.to_ascii_lowercase() } else { pattern.to_string() }.chars().collect();
    let extended = syntax == Syntax::Extended;
    let mut compiler = Compiler { chars, at: 0, extended, groups: 0, program: vec![Step::Save(0)] };
    if syntax == Syntax::Fixed {
        compiler.program.extend(compiler.chars.iter().map(|c| Step::Char(*c)));
    } else {
        compiler.alternatives(0)?;
        if compiler.at < compiler.chars.len() {
            return None;
        }
    }
    compiler.program.extend([Step::Save(1), Step::Match]);
    (compiler.program.len() <= PROGRAM_MAX).then_some((compiler.program, compiler.groups))
}

struct Compiler {
    chars: Vec<char>,
    at: usize,
    extended: bool,
    groups: usize,
    program: Vec<Step>,
}

impl Compiler {
    /// Is this operator at the cursor? In basic patterns `( ) { } | + ?` carry a backslash, in extended ones they do not.
    fn peek(&self, operator: char) -> bool {
        match self.extended {
            true => self.chars.get(self.at) == Some(&operator),
            false => self.chars.get(self.at) == Some(&'\\') && self.chars.get(self.at + 1) == Some(&operator),
        }
    }

    fn eat(&mut self, operator: char) -> bool {
        let found = self.peek(operator);
        if found {
            self.at += if self.extended { 1 } else { 2 };
        }
        found
    }

    fn alternatives(&mut self, depth: usize) -> Option<()> {
        let mut jumps = Vec::new();
        loop {
            let start = self.program.len();
            self.sequence(depth)?;
            if !self.eat('|') {
                break;
            }
            // split L1, L2; L1: this one; jump to the end; L2: the next one
            let jump = self.program.len() + 1;
            self.insert(start, Step::Split(start + 1, jump + 1));
            self.program.push(Step::Jump(0));
            jumps.push(jump);
            if self.program.len() > PROGRAM_MAX {
                return None;
            }
        }
        for jump in jumps {
            self.program[jump] = Step::Jump(self.program.len());
        }
        Some(())
    }

    fn sequence(&mut self, depth: usize) -> Option<()> {
        let mut first = true;
        while self.at < self.chars.len() && !self.peek('|') && !(depth > 0 && self.peek(')')) {
            self.repeated(depth, first)?;
            first = false;
            if self.program.len() > PROGRAM_MAX {
                return None;
            }
        }
        Some(())
    }

    fn repeated(&mut self, depth: usize, first: bool) -> Option<()> {
        let start = self.program.len();
        self.atom(depth, first)?;
        loop {
            let (low, high) = if self.chars.get(self.at) == Some(&'*') {
                self.at += 1;
                (0, None)
            } else if self.eat('+') {
                (1, None)
            } else if self.eat('?') {
                (0, Some(1))
            } else if self.peek('{') {
                match self.bounds()? {
                    Some(bounds) => bounds,
                    None => return Some(()),
                }
            } else {
                return Some(());
            };
            self.repeat(start, low, high)?;
        }
    }

    /// `{2}`, `{2,}`, `{,3}`, `{2,3}`; an extended `{` that is none of these is an ordinary character.
    fn bounds(&mut self) -> Option<Option<(usize, Option<usize>)>> {
        let before = self.at;
        self.eat('{');
        let number = |compiler: &mut Self| {
            let start = compiler.at;
            while compiler.chars.get(compiler.at).is_some_and(char::is_ascii_digit) {
                compiler.at += 1;
            }
            compiler.chars[start..compiler.at].iter().collect::<String>().parse::<usize>().ok()
        };
        let low = number(self);
        let comma = self.chars.get(self.at) == Some(&',');
        self.at += usize::from(comma);
        let high = if comma { number(self) } else { low };
        if !self.eat('}') || (low.is_none() && !comma) {
            self.at = before;
            return if self.extended { Some(None) } else { None };
        }
        let low = low.unwrap_or(0);
        (low <= 255 && high.is_none_or(|high| (low..=255).contains(&high))).then_some(Some((low, high)))
    }

    /// Repeats what was compiled since `start`.
    fn repeat(&mut self, start: usize, low: usize, high: Option<usize>) -> Option<()> {
        let once: Vec<Step> = self.program.drain(start..).collect();
        let copies = high.unwrap_or(low + 1);
        if start + copies.saturating_mul(once.len() + 2) > PROGRAM_MAX {
            return None;
        }
        let copy = |program: &mut Vec<Step>| {
            let shift = program.len() as isize - start as isize;
            let moved = |to: &usize| (*to as isize + shift) as usize;
            let steps: Vec<Step> = once
                .iter()
                .map(|step| match step {
                    Step::Jump(to) => Step::Jump(moved(to)),
                    Step::Split(first, second) => Step::Split(moved(first), moved(second)),
                    other => other.clone(),
                })
                .collect();
            program.extend(steps);
        };
        for _ in 0..low {
            copy(&mut self.program);
        }
        match high {
            None => {
                // L: split in, out; in: …; jump L; out:
                let split = self.program.len();
                self.program.push(Step::Jump(0));
                copy(&mut self.program);
                self.program.push(Step::Jump(split));
                self.program[split] = Step::Split(split + 1, self.program.len());
            }
            Some(high) => {
                let mut splits = Vec::new();
                for _ in low..high {
                    splits.push(self.program.len());
                    self.program.push(Step::Jump(0));
                    copy(&mut self.program);
                }
                let end = self.program.len();
                for split in splits {
                    self.program[split] = Step::Split(split + 1, end);
                }
            }
        }
        Some(())
    }

    fn insert(&mut self, at: usize, step: Step) {
        for other in &mut self.program[at..] {
            match other {
                Step::Jump(to) => *to += 1,
                Step::Split(first, second) => {
                    *first += 1;
                    *second += 1;
                }
                _ => {}
            }
        }
        self.program.insert(at, step);
    }

    fn atom(&mut self, depth: usize, first: bool) -> Option<()> {
        if self.eat('(') {
            if depth > DEPTH_MAX {
                return None;
            }
            // Groups past the ninth match, but cannot be referred to.
            self.groups += 1;
            let group = (self.groups < GROUPS_MAX).then_some(self.groups);
            self.program.extend(group.map(|group| Step::Save(2 * group)));
            self.alternatives(depth + 1)?;
            self.program.extend(group.map(|group| Step::Save(2 * group + 1)));
            self.groups = self.groups.min(GROUPS_MAX - 1);
            return self.eat(')').then_some(());
        }
        let c = *self.chars.get(self.at)?;
        self.at += 1;
        let rest = self.chars.len() - self.at;
        let step = match c {
            '.' => Step::Any,
            '[' => self.set()?,
            '^' if self.extended || first => Step::Start,
            '$' if self.extended || rest == 0 || self.peek(')') || self.peek('|') => Step::End,
            // A repetition with nothing to repeat: ordinary in a basic pattern, ignored in an extended one.
            '*' if self.extended && first => return Some(()),
            '+' | '?' if self.extended && first => return None,
            ')' if self.extended && depth == 0 => Step::Char(')'),
            '\\' => {
                let escaped = *self.chars.get(self.at)?;
                self.at += 1;
                match escaped {
                    '<' => Step::WordEdge { begins: true, ends: false },
                    '>' => Step::WordEdge { begins: false, ends: true },
                    'b' => Step::WordEdge { begins: true, ends: true },
                    'B' => Step::NotWordEdge,
                    'w' | 'W' => {
                        Step::Set { negated: escaped == 'W', ranges: vec![('_', '_')], classes: vec!["alnum".into()] }
                    }
                    's' | 'S' => Step::Set { negated: escaped == 'S', ranges: vec![], classes: vec!["space".into()] },
                    'n' => Step::Char('\n'),
                    't' => Step::Char('\t'),
                    '1'..='9' | '(' | ')' | '{' | '}' if !self.extended || escaped.is_ascii_digit() => return None,
                    other => Step::Char(other),
                }
            }
            other => Step::Char(other),
        };
        self.program.push(step);
        Some(())
    }

    /// What follows `[`. A backslash is an ordinary character there.
    fn set(&mut self) -> Option<Step> {
        let negated = self.chars.get(self.at) == Some(&'^');
        self.at += usize::from(negated);
        let start = self.at;
        let (mut ranges, mut classes) = (Vec::new(), Vec::new());
        loop {
            match self.chars[self.at..] {
                [] => return None,
                [']', ..] if self.at > start => {
                    self.at += 1;
                    return Some(Step::Set { negated, ranges, classes });
                }
                ['[', ':', ..] => {
                    let length = self.chars[self.at + 2..].windows(2).position(|pair| pair == [':', ']'])?;
                    classes.push(self.chars[self.at + 2..self.at + 2 + length].iter().collect());
                    self.at += length + 4;
                }
                [low, '-', high, ..] if high != ']' => {
                    ranges.push((low, high));
                    self.at += 3;
                }
                [single, ..] => {
                    ranges.push((single, single));
                    self.at += 1;
                }
            }
        }
    }
}
