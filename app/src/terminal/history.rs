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
}
