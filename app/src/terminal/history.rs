//! Earlier command lines, as a shell recalls them.

#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    lines: Vec<String>,
    /// Steps back from the newest; 0 is the line being typed.
    back: usize,
    draft: String,
}

const LINES_MAX: usize = 500;

impl History {
    pub fn push(&mut self, line: &str) {
        self.back = 0;
        self.draft.clear();
        if !line.trim().is_empty() && self.lines.last().is_none_or(|last| last != line) {
            self.lines.push(line.to_string());
            let spare = self.lines.len().saturating_sub(LINES_MAX);
            self.lines.drain(..spare);
        }
    }

    /// The line before; `now` is what stands in the input.
    pub fn older(&mut self, now: &str) -> Option<String> {
        if self.back >= self.lines.len() {
            return None;
        }
        if self.back == 0 {
            self.draft = now.to_string();
        }
        self.back += 1;
        self.lines.get(self.lines.len() - self.back).cloned()
    }

    /// The line after; at the end, what was being typed.
    pub fn newer(&mut self) -> Option<String> {
        self.back = self.back.checked_sub(1)?;
        match self.back {
            0 => Some(std::mem::take(&mut self.draft)),
            back => self.lines.get(self.lines.len() - back).cloned(),
        }
    }

    /// The lines that hold `part`, the newest first, each once.
    pub fn holding(&self, part: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for line in self.lines.iter().rev().filter(|line| line.contains(part)) {
            if !found.contains(line) {
                found.push(line.clone());
            }
        }
        found
    }

    /// All lines as one text, each on a line of its own.
    pub fn to_text(&self) -> String {
        let written = |line: &String| line.replace('\\', "\\\\").replace('\n', "\\n");
        self.lines.iter().map(written).collect::<Vec<_>>().join("\n")
    }

    /// What `to_text` wrote.
    pub fn of_text(text: &str) -> History {
        let mut history = History::default();
        for written in text.lines() {
            let mut line = String::new();
            let mut chars = written.chars();
            while let Some(c) = chars.next() {
                line.push(match c {
                    '\\' if chars.clone().next() == Some('n') => {
                        chars.next();
                        '\n'
                    }
                    '\\' => chars.next().unwrap_or('\\'),
                    c => c,
                });
            }
            history.push(&line);
        }
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_and_down_walk_through_lines_and_back_to_the_draft() {
        let mut history = History::default();
        assert_eq!(history.older("x"), None);
        for line in ["one", "two", "two", "  "] {
            history.push(line);
        }
        assert_eq!(history.older("dra"), Some("two".into()));
        assert_eq!(history.older("two"), Some("one".into()));
        assert_eq!(history.older("one"), None);
        assert_eq!(history.newer(), Some("two".into()));
        assert_eq!(history.newer(), Some("dra".into()));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn searched_from_the_newest() {
        let mut history = History::default();
        ["ping a", "get pods", "ping b", "get nodes", "ping a"].iter().for_each(|line| history.push(line));
        assert_eq!(history.holding("ping"), ["ping a", "ping b"]);
        assert_eq!(history.holding("nothing"), Vec::<String>::new());
        assert_eq!(history.holding("").len(), 4);
    }

    #[test]
    fn kept_as_text() {
        let mut history = History::default();
        ["printf 'a\\nb'", "for p in a b; do\necho $p\ndone", "c:\\\\n"].iter().for_each(|line| history.push(line));
        assert_eq!(History::of_text(&history.to_text()), history);
        assert_eq!(History::of_text(""), History::default());
    }
}
