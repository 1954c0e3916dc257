//! What an edit or a command changed, for the stage to show.

use super::App;
use crate::platform;
use crate::stage::changed::{self, Change};
use podhop_engine::protocol::{ReplyBody, RequestBody, Scene};
use std::rc::Rc;

/// Edits that follow each other as quickly as this are one change: one types.
const TOGETHER_MS: f64 = 4_000.0;
/// Rows and pairs are counted when no edit has come for so long.
const COUNTED_AFTER_MS: u32 = 700;

impl App {
    /// Another cluster in the place of the present one, which it came from.
    pub(super) fn take_change(self, scene: Scene) {
        let before = self.scene.now();
        self.take_scene(scene);
        let (Some(before), Some(now)) = (before, self.scene.now()) else { return };
        if !changed::same(&before, &now) {
            self.compare(before, &now);
        }
    }

    fn compare(self, before: Rc<Scene>, now: &Scene) {
        let at_ms = platform::now_ms();
        let last = self.changed.now().filter(|last| at_ms - last.at_ms < TOGETHER_MS);
        let before = last.map_or(before, |last| last.before.clone());
        let entries = changed::entries(&before, now);
        let since = before.revision;
        self.changed.set(Some(Rc::new(Change { before, entries, difference: None, at_ms })));
        platform::after_ms(COUNTED_AFTER_MS, move || {
            if self.is_last(at_ms) {
                self.ask(RequestBody::Difference { since }, move |reply| self.counted(at_ms, reply));
            }
        });
    }

    fn is_last(self, at_ms: f64) -> bool {
        self.changed.peek(|change| change.as_ref().is_some_and(|change| change.at_ms == at_ms))
    }

    fn counted(self, at_ms: f64, reply: ReplyBody) {
        let Some(change) = self.changed.now().filter(|_| self.is_last(at_ms)) else { return };
        let difference = match reply {
            ReplyBody::Difference(difference) => Some(difference),
            _ => None,
        };
        let change = Change { difference, ..(*change).clone() };
        // Read out once, when all is counted, rather than with every keystroke.
        if !change.is_empty() {
            self.spoken.set(change.sentence());
        }
        self.changed.set((!change.is_empty()).then(|| Rc::new(change)));
    }
}
