//! What is offered below the line that is being typed: completions, or earlier lines that hold what was typed.

use super::history::History;
use super::line::Line;
use podhop_engine::protocol::LineCompletion;

/// Most earlier lines that are offered.
const LINES_MAX: usize = 50;

#[derive(Clone, Debug, Default, PartialEq)]
pub enum Offers {
    #[default]
    None,
    /// Ways to go on from `line`.
    Completion { line: Line, found: LineCompletion, selected: usize },
    /// Earlier lines, the newest first; `before` is what stood in the input.
    Search { before: String, lines: Vec<String>, selected: usize },
}

impl Offers {
    /// Earlier lines that hold `query`.
    pub fn search(before: String, history: &History, query: &str) -> Offers {
        let mut lines = history.holding(query);
        lines.truncate(LINES_MAX);
        Offers::Search { before, lines, selected: 0 }
    }

    pub fn is_open(&self) -> bool {
        *self != Offers::None
    }

    pub fn is_search(&self) -> bool {
        matches!(self, Offers::Search { .. })
    }

    /// Each row's text and what is said about it.
    pub fn rows(&self) -> Vec<(&str, &str)> {
        match self {
            Offers::None => Vec::new(),
            Offers::Completion { found, .. } => {
                found.candidates.iter().map(|candidate| (candidate.shown.as_str(), candidate.about.as_str())).collect()
            }
            Offers::Search { lines, .. } => lines.iter().map(|line| (line.as_str(), "")).collect(),
        }
    }

    pub fn selected(&self) -> usize {
        match self {
            Offers::None => 0,
            Offers::Completion { selected, .. } | Offers::Search { selected, .. } => *selected,
        }
    }

    /// Selects another row; past the ends it goes on at the other one.
    pub fn step(&mut self, by: isize) {
        let count = self.rows().len();
        if let Offers::Completion { selected, .. } | Offers::Search { selected, .. } = self
            && count > 0
        {
            *selected = (*selected as isize + by).rem_euclid(count as isize) as usize;
        }
    }

    /// The line with the selected row put in.
    pub fn accepted(&self) -> Option<Line> {
        match self {
            Offers::None => None,
            Offers::Completion { line, found, selected } => {
                found.candidates.get(*selected).map(|candidate| line.with(found.start as usize, candidate))
            }
            Offers::Search { lines, selected, .. } => {
                lines.get(*selected).map(|text| Line { text: text.clone(), caret: text.len() })
            }
        }
    }

    /// How many there are, in words; empty if nothing is offered.
    pub fn summary(&self) -> String {
        let counted = |count: usize, one: &str, many: &str| match count {
            1 => ["1 ", one].concat(),
            count => [&count.to_string(), " ", many].concat(),
        };
        match self {
            Offers::None => String::new(),
            Offers::Completion { found, .. } => {
                let text = counted(found.candidates.len(), "completion", "completions");
                match found.left_count {
                    0 => text,
                    more => [&text, ", ", &more.to_string(), " more are not listed"].concat(),
                }
            }
            Offers::Search { lines, .. } if lines.is_empty() => "no earlier command has this".to_string(),
            Offers::Search { lines, .. } => counted(lines.len(), "earlier command", "earlier commands"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use podhop_engine::protocol::LineCandidate;

    fn completion() -> Offers {
        let candidate =
            |text: &str| LineCandidate { text: text.into(), shown: text.into(), about: "x".into(), ends: true };
        let found =
            LineCompletion { start: 5, candidates: vec![candidate("pod-a"), candidate("pod-b")], left_count: 3 };
        Offers::Completion { line: Line { text: "exec pod-".into(), caret: 9 }, found, selected: 0 }
    }

    #[test]
    fn rows_go_round() {
        let mut offers = completion();
        assert_eq!(offers.rows(), [("pod-a", "x"), ("pod-b", "x")]);
        offers.step(-1);
        assert_eq!(offers.selected(), 1);
        assert_eq!(offers.accepted().map(|line| line.text), Some("exec pod-b ".into()));
        offers.step(1);
        assert_eq!(offers.selected(), 0);
        assert_eq!(offers.summary(), "2 completions, 3 more are not listed");
        let mut none = Offers::None;
        none.step(1);
        assert_eq!((none.accepted(), none.is_open()), (None, false));
    }

    #[test]
    fn earlier_lines() {
        let mut history = History::default();
        ["ping a", "get pods", "ping b"].iter().for_each(|line| history.push(line));
        let mut offers = Offers::search("dra".into(), &history, "ping");
        assert_eq!(offers.summary(), "2 earlier commands");
        offers.step(1);
        assert_eq!(offers.accepted(), Some(Line { text: "ping a".into(), caret: 6 }));
        let mut nothing = Offers::search(String::new(), &history, "zzz");
        nothing.step(1);
        assert_eq!((nothing.accepted(), nothing.summary().as_str()), (None, "no earlier command has this"));
    }
}
