//! `grep [-ivcnlLHhoqswxEF] [-A|-B|-C N] [-m N] [-e PATTERN] PATTERN FILE…`; 0 found, 1 not found, 2 trouble.

use super::regex::{Regex, Syntax, is_word};
use super::tool::{Tool, lines};

struct Search {
    patterns: Vec<Regex>,
    invert: bool,
    /// `-w` and `-x`: what must stand around a match.
    words: bool,
    whole: bool,
}

impl Search {
    /// The first match at or after `from` that the flags allow.
    fn find(&self, line: &str, from: usize) -> Option<(usize, usize)> {
        let mut best: Option<(usize, usize)> = None;
        for pattern in &self.patterns {
            let mut at = from;
            while let Some((start, end)) = pattern.find_at(line, at).and_then(|found| found[0]) {
                let before = line[..start].chars().next_back().is_some_and(is_word);
                let after = line[end..].chars().next().is_some_and(is_word);
                let fits = if self.whole { (start, end) == (0, line.len()) } else { !self.words || !(before || after) };
                if fits {
                    if best.is_none_or(|(first, last)| start < first || (start == first && end > last)) {
                        best = Some((start, end));
                    }
                    break;
                }
                let Some(c) = line[start..].chars().next() else { break };
                at = start + c.len_utf8();
            }
        }
        best
    }

    fn selects(&self, line: &str) -> bool {
        self.find(line, 0).is_some() != self.invert
    }
}

/// Runs `grep`.
pub(super) fn grep(tool: &mut Tool, words: &[String]) -> i32 {
    let mut options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let mut texts: Vec<String> = options.values('e').map(str::to_string).collect();
    if texts.is_empty() {
        if options.words.is_empty() {
            return tool.usage("no pattern given");
        }
        texts.push(options.words.remove(0));
    }
    let syntax = match () {
        _ if options.has('F') || tool.name == "fgrep" => Syntax::Fixed,
        _ if options.has('E') || tool.name == "egrep" => Syntax::Extended,
        _ => Syntax::Basic,
    };
    let mut patterns = Vec::new();
    for text in texts.iter().flat_map(|text| text.split('\n')) {
        match Regex::new(text, syntax, options.has('i')) {
            Some(pattern) => patterns.push(pattern),
            None => return tool.fail(&format!("bad regex '{text}'")),
        }
    }
    let search = Search { patterns, invert: options.has('v'), words: options.has('w'), whole: options.has('x') };
    let mut numbers = [0, 0, usize::MAX];
    for (slot, letters) in [(0, "BC"), (1, "AC"), (2, "m")] {
        if let Some(value) = letters.chars().filter_map(|letter| options.value(letter)).next() {
            match tool.number(value) {
                Ok(number) => numbers[slot] = number,
                Err(_) => return 2,
            }
        }
    }
    let (inputs, failed) = tool.inputs(&options.words);
    let named = (options.words.len() > 1 || options.has('H')) && !options.has('h');
    let mut found = false;
    for (file, text) in &inputs {
        let prefix = if named { format!("{file}:") } else { String::new() };
        let count = one_file(tool, &search, &options, numbers, text, &prefix);
        found |= count > 0;
        if options.has('l') && count > 0 || options.has('L') && count == 0 {
            tool.io.out(&format!("{file}\n"));
        } else if options.has('c') && !options.has('q') && !options.has('l') && !options.has('L') {
            tool.io.out(&format!("{prefix}{count}\n"));
        }
    }
    match (found, failed) {
        (true, false) => 0,
        (true, true) if options.has('q') => 0,
        (_, true) => 2,
        (false, false) => 1,
    }
}

/// Prints a file's selected lines with their surroundings; returns how many were selected.
fn one_file(
    tool: &mut Tool,
    search: &Search,
    options: &super::tool::Options,
    [before, after, most]: [usize; 3],
    text: &str,
    prefix: &str,
) -> usize {
    let silent = ['q', 'c', 'l', 'L'].iter().any(|letter| options.has(*letter));
    let all: Vec<&str> = lines(text).collect();
    let (mut count, mut printed, mut until) = (0, 0, 0);
    for (index, line) in all.iter().enumerate() {
        if !tool.io.spend(search.patterns.iter().map(|pattern| pattern.cost(line)).sum()) {
            return count;
        }
        let selected = count < most && search.selects(line);
        count += usize::from(selected);
        if silent {
            continue;
        }
        let place = |at: usize, mark: char| {
            let prefix = prefix.strip_suffix(':').map_or(String::new(), |file| format!("{file}{mark}"));
            if options.has('n') { format!("{prefix}{}{mark}", at + 1) } else { prefix }
        };
        if selected && options.has('o') {
            let mut at = 0;
            while let Some((start, end)) = search.find(line, at).filter(|_| !search.invert) {
                if end > start {
                    tool.io.out(&format!("{}{}\n", place(index, ':'), &line[start..end]));
                }
                let step = line[end..].chars().next().map_or(1, char::len_utf8);
                at = if end > start { end } else { end + step };
                if at > line.len() || !tool.io.spend(line.len() / 16) {
                    break;
                }
            }
        } else if selected {
            let first = index.saturating_sub(before).max(printed);
            if printed > 0 && first > printed && (before > 0 || after > 0) {
                tool.io.out("--\n");
            }
            for (at, line) in all.iter().enumerate().take(index).skip(first) {
                tool.io.out(&format!("{}{line}\n", place(at, '-')));
            }
            tool.io.out(&format!("{}{line}\n", place(index, ':')));
            printed = index + 1;
            until = index.saturating_add(after);
        } else if printed > 0 && index <= until && !options.has('o') {
            tool.io.out(&format!("{}{line}\n", place(index, '-')));
            printed = index + 1;
        }
    }
    count
}
