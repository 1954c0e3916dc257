//! Changes of the cluster taken back, and brought again.

use super::App;
use crate::past::Past;
use crate::platform;
use crate::shown::Notice;
use podhop_engine::protocol::{Edited, ReplyBody, RequestBody};

/// Longest name of a change.
const WORDS_MAX: usize = 60;

/// What has changed the cluster.
#[derive(Clone, Copy)]
pub enum By<'a> {
    /// Typing into this file.
    Typing(&'a str),
    /// Anything else that files tell.
    Files,
    /// A line in the terminal.
    Line(&'a str),
}

impl App {
    /// Remembers a change, so that it can be taken back. `changes`: as in `Edited`.
    pub(super) fn remember(self, by: By<'_>, changes: &[String], before: u64) {
        let words = match (by, changes) {
            (By::Line(line), _) => shortened(line),
            (_, [one]) => one.clone(),
            (_, all) => [&all.len().to_string(), " changes"].concat(),
        };
        let typed = match by {
            By::Typing(file) => Some((file.to_string(), platform::now_ms())),
            _ => None,
        };
        self.past.update(|past| past.push(before, words, typed));
    }

    pub fn undo(self) {
        self.turn(Past::undo, "Undone: ");
    }

    pub fn redo(self) {
        self.turn(Past::redo, "Done again: ");
    }

    fn turn(self, turn: fn(&mut Past, u64) -> Option<(u64, String)>, said: &'static str) {
        let Some(now) = self.revision() else { return };
        let Some((revision, words)) = self.past.update(|past| turn(past, now)) else { return };
        self.ask_settled(RequestBody::Return { revision }, move |reply| {
            self.past.update(|past| past.settle(matches!(reply, ReplyBody::Edited(_))));
            match reply {
                ReplyBody::Edited(edited) => {
                    self.spoken.set([said, &words].concat());
                    self.take_returned(edited);
                }
                ReplyBody::Error(why) => {
                    self.notice.set(Some(Notice::text(&["This cannot be undone: ", &why].concat())));
                }
                _ => {}
            }
        });
    }

    fn take_returned(self, edited: Edited) {
        self.outrun(|_| true);
        self.take_diagnostics(edited.diagnostics);
        let held = |name: &str| {
            self.diagnostics.peek(|all| all.iter().any(|one| one.severity == "error" && one.at.file == name))
        };
        self.held.update(|known| {
            for file in &edited.files {
                known.put(file.name.clone(), file.live && held(&file.name));
            }
        });
        if !self.active_file.peek(|active| edited.files.iter().any(|file| file.name == *active)) {
            self.active_file.set(edited.files.first().map(|file| file.name.clone()).unwrap_or_default());
        }
        self.files.set(edited.files);
        self.text_epoch.update(|epoch| *epoch += 1);
        self.cluster_changed();
        self.changes.update(Vec::clear);
        self.take_change(edited.scene);
        self.refresh();
    }
}

fn shortened(line: &str) -> String {
    let first = line.trim().lines().next().unwrap_or_default();
    match first.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => [&first[..end], "…"].concat(),
        None => first.to_string(),
    }
}
