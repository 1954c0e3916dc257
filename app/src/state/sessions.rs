//! Sessions: opened, saved, left, and started again after a trap.

use super::App;
use crate::few::Few;
use crate::flows::recorded::Recorded;
use crate::opening;
use crate::playback::playlist::Playlist;
use crate::session::{Restart, Session};
use crate::shown::Notice;
use crate::terminal::tabs::Terminals;
use crate::workspace::saved::Saved;
use podhop_engine::protocol::*;

impl App {
    /// Starts a worker on a session's files and runs its commands; the page is drawn meanwhile. `first`: nothing has been
    /// opened on this page before.
    pub fn begin(self, saved: Saved, first: bool) {
        if !first {
            self.forget();
        }
        self.kept.set(false);
        self.began.set(saved.clone());
        let Saved { title, seed, files, typed, commands } = saved;
        let own = commands.is_empty() && title == opening::TITLE;
        self.title.set(title);
        let view = |file: &OpenFile| FileView {
            name: file.name.clone(),
            text: file.text.clone(),
            live: file.live,
            read_only: false,
        };
        self.files.set(files.iter().map(view).collect());
        if let Some(file) = files.first() {
            self.active_file.set(file.name.clone());
        }
        let session = Session::open(files, seed, move |why| self.restarted(why));
        self.session.set(Some(session.clone()));
        session.ask_open(move |reply| {
            let ReplyBody::Opened(opened) = reply else { return };
            self.take_opened(opened);
            self.tell_fields();
            let command = || self.scene.peek(|scene| scene.as_ref().and_then(|s| opening::first_command(s)));
            self.run_until_packet(if own { command().into_iter().collect() } else { commands });
            for (name, text) in typed {
                self.replace_text(&name, text);
            }
        });
    }

    /// The session as it is now, for a link or for another day.
    pub fn saved(self) -> Saved {
        let good = self.session.peek(|session| session.as_ref().map(Session::good)).unwrap_or_default();
        let now = self.files.now();
        let text_of = |name: &str| now.iter().find(|file| file.name == name).map(|file| &file.text);
        let typed = good.files.iter().filter_map(|file| {
            let text = text_of(&file.name).filter(|text| **text != file.text)?;
            Some((file.name.clone(), text.clone()))
        });
        let shown = self.flow.peek(|flow| flow.as_ref().map(|flow| flow.summary.flow));
        let line = |all: &Vec<Recorded>| {
            let found = all.iter().find(|recorded| Some(recorded.flow) == shown).filter(|recorded| recorded.at_host);
            found.map(|recorded| recorded.line.clone())
        };
        let line = self.recorded.peek(line);
        Saved {
            title: self.title.now(),
            seed: good.seed,
            typed: typed.collect(),
            files: good.files,
            commands: line.into_iter().collect(),
        }
    }

    /// Everything that belonged to the session before.
    fn forget(self) {
        self.forget_flows();
        self.terminals.set(Terminals::default());
        self.scene.set(None);
        self.object.set(None);
        self.table.set(None);
        self.marked.set(None);
        self.changes.update(Vec::clear);
        self.changed.set(None);
        self.script.update(Vec::clear);
        self.notice.set(None);
    }

    fn forget_flows(self) {
        self.flow.set(None);
        self.set_beside(Vec::clear);
        self.flows.update(Vec::clear);
        self.recorded.update(Vec::clear);
        self.player.load(Playlist::default(), 0.0);
    }

    fn restarted(self, why: Restart) {
        let (opened, notice) = match why {
            Restart::Trapped(opened) => {
                (Some(opened), "The simulator met an error of its own and was started again from the last good files.")
            }
            Restart::Stopped(opened) => {
                (Some(opened), "Stopped. The cluster was started again from the last good files.")
            }
            Restart::Failed(_) => {
                (None, "The simulator does not start with these files. Reload the page to begin anew.")
            }
        };
        self.notice.set(Some(Notice::text(notice)));
        self.spoken.set(notice.to_string());
        let Some(opened) = opened else { return };
        // What was typed since stays in the editor, marked as not applied.
        let typed = self.files.now();
        let mut files = opened.files.clone();
        let mut held = Few::default();
        for file in &mut files {
            if let Some(mine) = typed.iter().find(|mine| mine.name == file.name && mine.text != file.text) {
                file.text.clone_from(&mine.text);
                held.insert(file.name.clone());
            }
        }
        self.take_opened(Opened { files, ..opened });
        self.held.set(held);
        self.tell_fields();
        self.forget_flows();
        self.terminals.update(Terminals::restarted);
    }
}
