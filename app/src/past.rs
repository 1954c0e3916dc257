//! What was changed so far, and the way back and forth.

/// Most changes that can be taken back. The engine keeps more revisions than that.
const STEPS_MAX: usize = 100;
/// Keystrokes in one file that follow each other as quickly as this are one change.
const TOGETHER_MS: f64 = 4_000.0;

/// A change of the cluster.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    /// The revision on its other side.
    revision: u64,
    words: String,
    /// The file that was typed into, and when last.
    typed: Option<(String, f64)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    done: Vec<Step>,
    undone: Vec<Step>,
    /// A turn is under way: until it is settled nobody knows from which revision the next would start.
    turning: bool,
}

impl Past {
    /// A change has come: `before` is the revision before it, `words` say what it was.
    pub fn push(&mut self, before: u64, words: String, typed: Option<(String, f64)>) {
        self.undone.clear();
        if let (Some((file, at_ms)), Some(last)) = (&typed, self.done.last_mut())
            && let Some((last_file, last_ms)) = &mut last.typed
            && last_file == file
            && at_ms - *last_ms < TOGETHER_MS
        {
            (*last_ms, last.words) = (*at_ms, words);
            return;
        }
        if self.done.len() == STEPS_MAX {
            self.done.remove(0);
        }
        self.done.push(Step { revision: before, words, typed });
    }

    /// What the next undo takes back, and what the next redo brings again.
    pub fn words(&self) -> (Option<&str>, Option<&str>) {
        (self.done.last().map(|step| &*step.words), self.undone.last().map(|step| &*step.words))
    }

    /// The revision to return to from the revision `now`, and what is undone by that.
    pub fn undo(&mut self, now: u64) -> Option<(u64, String)> {
        turn(&mut self.turning, &mut self.done, &mut self.undone, now)
    }

    /// The same forth again.
    pub fn redo(&mut self, now: u64) -> Option<(u64, String)> {
        turn(&mut self.turning, &mut self.undone, &mut self.done, now)
    }

    /// The last undo or redo is over. If its revision was not `kept`, no earlier one is, either.
    pub fn settle(&mut self, kept: bool) {
        match kept {
            true => self.turning = false,
            false => *self = Past::default(),
        }
    }
}

fn turn(turning: &mut bool, from: &mut Vec<Step>, to: &mut Vec<Step>, now: u64) -> Option<(u64, String)> {
    if *turning {
        return None;
    }
    let Step { revision, words, .. } = from.pop()?;
    to.push(Step { revision: now, words: words.clone(), typed: None });
    *turning = true;
    Some((revision, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(at_ms: f64) -> Option<(String, f64)> {
        Some(("a.yaml".to_string(), at_ms))
    }

    /// Turns, and is told that it went well.
    fn turned(past: &mut Past, turn: fn(&mut Past, u64) -> Option<(u64, String)>, now: u64) -> Option<(u64, String)> {
        let turned = turn(past, now);
        past.settle(true);
        turned
    }

    #[test]
    fn back_and_forth() {
        let mut past = Past::default();
        past.push(1, "one".into(), None);
        past.push(2, "two".into(), None);
        assert_eq!(past.words(), (Some("two"), None));
        assert_eq!(turned(&mut past, Past::undo, 3), Some((2, "two".into())));
        assert_eq!(turned(&mut past, Past::undo, 4), Some((1, "one".into())));
        assert_eq!(turned(&mut past, Past::undo, 5), None);
        assert_eq!(past.words(), (None, Some("one")));
        assert_eq!(turned(&mut past, Past::redo, 5), Some((4, "one".into())));
        assert_eq!(turned(&mut past, Past::redo, 6), Some((3, "two".into())));
        assert_eq!(turned(&mut past, Past::redo, 7), None);
        assert_eq!(turned(&mut past, Past::undo, 7), Some((6, "two".into())));
    }

    #[test]
    fn one_turn_at_a_time_and_none_beyond_what_is_kept() {
        let mut past = Past::default();
        past.push(1, "one".into(), None);
        past.push(2, "two".into(), None);
        assert!(past.undo(3).is_some());
        assert_eq!((past.undo(3), past.redo(3)), (None, None), "the first is under way");
        past.settle(false);
        assert_eq!(past, Past::default());
    }

    #[test]
    fn a_new_change_ends_what_was_undone() {
        let mut past = Past::default();
        past.push(1, "one".into(), None);
        turned(&mut past, Past::undo, 2);
        past.push(3, "other".into(), None);
        assert_eq!(past.words(), (Some("other"), None));
    }

    #[test]
    fn what_is_typed_in_one_go_is_one_change() {
        let mut past = Past::default();
        past.push(1, "p".into(), typed(0.0));
        past.push(2, "po".into(), typed(1_000.0));
        past.push(3, "pod".into(), typed(4_500.0));
        assert_eq!(turned(&mut past, Past::undo, 4), Some((1, "pod".into())));
        past.push(1, "p".into(), typed(10_000.0));
        past.push(2, "a command".into(), None);
        past.push(3, "po".into(), typed(10_500.0));
        assert_eq!(past.undo(4), Some((3, "po".into())));
    }

    #[test]
    fn it_is_bounded() {
        let mut past = Past::default();
        for revision in 0..1_000 {
            past.push(revision, String::new(), None);
        }
        assert_eq!(past.done.len(), STEPS_MAX);
    }
}
