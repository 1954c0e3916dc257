//! The line that is being typed: places in it, the keys of readline, and completions put in.
//!
//! The browser counts UTF-16 units, the engine bytes.

use podhop_engine::protocol::{LineCandidate, LineCompletion};

/// The text of an input and where its caret is, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    pub caret: usize,
}

impl Line {
    /// `caret` in UTF-16 units.
    pub fn of_input(text: String, caret: u32) -> Line {
        let mut left = caret as usize;
        let mut bytes = text.len();
        for (at, c) in text.char_indices() {
            if left == 0 {
                bytes = at;
                break;
            }
            left = left.saturating_sub(c.len_utf16());
        }
        Line { caret: bytes, text }
    }

    /// The caret in UTF-16 units.
    pub fn caret_units(&self) -> u32 {
        self.text[..self.caret].encode_utf16().count() as u32
    }

    fn replace(&self, from: usize, to: usize, by: &str) -> Line {
        let text = [&self.text[..from], by, &self.text[to..]].concat();
        Line { text, caret: from + by.len() }
    }

    /// Ctrl-A and Ctrl-E move, Ctrl-U, Ctrl-K and Ctrl-W cut. The line afterwards and what was cut; None for other keys.
    pub fn control(&self, key: &str) -> Option<(Line, String)> {
        let (from, to) = match key {
            "a" => return Some((Line { caret: 0, ..self.clone() }, String::new())),
            "e" => return Some((Line { caret: self.text.len(), ..self.clone() }, String::new())),
            "u" => (0, self.caret),
            "k" => (self.caret, self.text.len()),
            "w" => (self.word_start(), self.caret),
            _ => return None,
        };
        Some((self.replace(from, to, ""), self.text[from..to].to_string()))
    }

    pub fn insert(&self, text: &str) -> Line {
        self.replace(self.caret, self.caret, text)
    }

    fn word_start(&self) -> usize {
        let before = self.text[..self.caret].trim_end();
        before.rfind(' ').map_or(0, |at| at + 1)
    }

    /// The line with a candidate put in; a blank follows where the word ends, unless one is there.
    pub fn with(&self, start: usize, candidate: &LineCandidate) -> Line {
        let start = start.min(self.caret);
        let line = self.replace(start, self.caret, &candidate.text);
        match (candidate.ends, line.text[line.caret..].starts_with(' ')) {
            (true, true) => Line { caret: line.caret + 1, ..line },
            (true, false) => line.insert(" "),
            (false, _) => line,
        }
    }

    /// The line with what all candidates begin with, if that is more than there is.
    pub fn with_common(&self, found: &LineCompletion) -> Line {
        let start = (found.start as usize).min(self.caret);
        let common = common(&found.candidates);
        let typed = &self.text[start..self.caret];
        if common.len() > typed.len() { self.replace(start, self.caret, common) } else { self.clone() }
    }
}

/// What all texts begin with.
fn common(candidates: &[LineCandidate]) -> &str {
    let Some((first, rest)) = candidates.split_first() else { return "" };
    let mut end = first.text.len();
    for other in rest {
        let pairs = first.text.char_indices().zip(other.text.chars());
        let same = pairs.take_while(|((_, a), b)| a == b).last().map_or(0, |((at, c), _)| at + c.len_utf8());
        end = end.min(same);
    }
    &first.text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let caret = text.find('|').unwrap_or(text.len());
        Line { text: text.replacen('|', "", 1), caret }
    }

    fn candidate(text: &str, ends: bool) -> LineCandidate {
        LineCandidate { text: text.into(), shown: text.into(), about: String::new(), ends }
    }

    #[test]
    fn the_browser_s_units_and_ours() {
        for (text, units, bytes) in [("aé😀b", 0, 0), ("aé😀b", 2, 3), ("aé😀b", 4, 7), ("aé😀b", 99, 8)] {
            let line = Line::of_input(text.into(), units);
            assert_eq!(line.caret, bytes);
            assert_eq!(line.caret_units(), units.min(5));
        }
    }

    #[test]
    fn keys_of_readline() {
        let cases = [
            ("a", "ab c|d", "|ab cd", ""),
            ("e", "a|b", "ab|", ""),
            ("u", "ab c|d", "|d", "ab c"),
            ("k", "ab c|d", "ab c|", "d"),
            ("w", "get pods  |x", "get |x", "pods  "),
            ("w", "|x", "|x", ""),
        ];
        for (key, before, after, cut) in cases {
            assert_eq!(line(before).control(key), Some((line(after), cut.to_string())), "{key} {before}");
        }
        assert_eq!(line("x").control("z"), None);
        assert_eq!(line("a|b").insert("é"), line("aé|b"));
    }

    #[test]
    fn completions_put_in() {
        let typed = line("kubectl get po| -o wide");
        assert_eq!(typed.with(12, &candidate("pods", true)), line("kubectl get pods | -o wide").with_blank_once());
        assert_eq!(line("cat /e|").with(4, &candidate("/etc/", false)), line("cat /etc/|"));
        let found = |texts: &[&str], start| LineCompletion {
            start,
            candidates: texts.iter().map(|text| candidate(text, true)).collect(),
            left_count: 0,
        };
        assert_eq!(line("exec p").with_common(&found(&["pod-a", "pod-b"], 5)), line("exec pod-"));
        assert_eq!(line("exec pod-").with_common(&found(&["pod-a", "pod-b"], 5)), line("exec pod-"));
        assert_eq!(line("x é").with_common(&found(&["éa", "èb"], 2)), line("x é"));
        assert_eq!(line("x ").with_common(&found(&[], 2)), line("x "));
    }

    impl Line {
        /// The blank that was there already is not doubled.
        fn with_blank_once(self) -> Line {
            Line { text: self.text.replace("  ", " "), caret: self.caret }
        }
    }
}
