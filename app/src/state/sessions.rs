//! Sessions: opened, saved, left, and started again after a trap.

use super::App;
use crate::few::Few;
use crate::flows::recorded::Recorded;
use crate::opening;
use crate::past::Past;
use crate::playback::playlist::Playlist;
use crate::session::{Restart, Session};
use crate::shown::Notice;
use crate::terminal::tabs::Terminals;
use crate::text::thousands;
use crate::workspace::saved::Saved;
use crate::workspace::scenarios;
use podhop_engine::protocol::*;
use std::rc::Rc;

impl App {
    /// Starts a worker on a session's files and runs its commands; the page is drawn meanwhile. `first`: nothing has been
    /// opened on this page before.
    pub fn begin(self, saved: Saved, first: bool) {
        if !first {
            if let Some(before) = self.session.now() {
                before.end();
            }
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
        session.on_progress(move |progress| self.take_progress(progress));
        self.session.set(Some(session.clone()));
        session.ask_open(move |reply| {
            let ReplyBody::Opened(opened) = reply else { return };
            self.take_opened(opened);
            self.tell_fields();
            if !own {
                self.ask_problems();
            }
            let command = || self.scene.peek(|scene| scene.as_ref().and_then(|s| opening::first_command(s)));
            self.run_until_packet(if own { command().into_iter().collect() } else { commands });
            for (name, text) in typed {
                self.replace_text(&name, text);
            }
        });
    }

    /// Says how far a long answer has come, until it is there.
    fn take_progress(self, progress: Option<Progress>) {
        let stop: Rc<dyn Fn()> = Rc::new(move || self.stop());
        let notice = |text: String| Notice { text, action: Some(("Stop".into(), stop)) };
        self.progress.set(progress.map(|progress| notice(words(progress))));
    }

    /// What is to be told now.
    pub fn shown_notice(self) -> Option<Notice> {
        self.progress.get().or_else(|| self.notice.get())
    }

    /// The user has seen it.
    pub fn dismiss_notice(self) {
        let told = if self.progress.now().is_some() { self.progress } else { self.notice };
        told.set(None);
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
        let line = self.shown_line();
        Saved {
            title: self.title.now(),
            seed: good.seed,
            typed: typed.collect(),
            files: good.files,
            commands: line.into_iter().collect(),
        }
    }

    /// The command that made the conversation on the stage, if it was typed at the host.
    fn shown_line(self) -> Option<String> {
        let shown = self.flow.peek(|flow| flow.as_ref().map(|flow| flow.summary.flow));
        let line = |all: &Vec<Recorded>| {
            let found = all.iter().find(|one| shown.is_some_and(|shown| one.has(shown))).filter(|one| one.at_host);
            found.map(|recorded| recorded.line.clone())
        };
        self.recorded.peek(line)
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
        self.past.set(Past::default());
        self.script.update(Vec::clear);
        self.notice.set(None);
        self.progress.set(None);
    }

    fn forget_flows(self) {
        self.flow.set(None);
        self.only_followed();
        self.flows.update(Vec::clear);
        self.recorded.update(Vec::clear);
        self.player.load(Playlist::default(), 0.0);
    }

    fn restarted(self, why: Restart) {
        let again = self.shown_line();
        let (opened, notice) = match why {
            Restart::Trapped(opened) => (
                Some(opened),
                "The simulator met an error of its own and was started again from the last good files.".to_string(),
            ),
            Restart::Stopped(opened) => {
                (Some(opened), "Stopped. The cluster was started again from the last good files.".to_string())
            }
            Restart::Failed(why) => (None, failed(&why)),
        };
        self.spoken.set(notice.clone());
        let action: Option<(String, Rc<dyn Fn()>)> = match (&opened, again) {
            (Some(_), Some(line)) => Some(("Run the command again".into(), Rc::new(move || self.run(line.clone())))),
            (Some(_), None) => None,
            (None, _) => Some(("Start anew".into(), Rc::new(move || scenarios::put_aside(self, Saved::opening())))),
        };
        self.notice.set(Some(Notice { text: notice, action }));
        if let Some(opened) = opened {
            self.reopened(opened);
        }
    }

    /// Takes over what a new worker has opened.
    fn reopened(self, opened: Opened) {
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
        // A file that was still being read is not among them.
        if !self.active_file.peek(|active| files.iter().any(|file| file.name == *active)) {
            self.active_file.set(files.first().map(|file| file.name.clone()).unwrap_or_default());
        }
        self.take_opened(Opened { files, ..opened });
        self.held.set(held);
        self.tell_fields();
        self.ask_problems();
        self.past.set(Past::default());
        self.forget_flows();
        self.terminals.update(Terminals::restarted);
    }
}

/// `Reading: 12,000 objects, 31 % …`
fn words(progress: Progress) -> String {
    match progress {
        Progress::Reading { objects_count, bytes, bytes_all } => {
            let share = (bytes * 100).checked_div(bytes_all).unwrap_or(0);
            ["Reading: ", &thousands(objects_count), " objects, ", &share.to_string(), " % …"].concat()
        }
        Progress::Applying { objects_count, objects_all } => {
            ["Applying: ", &thousands(objects_count), " of ", &thousands(objects_all), " objects …"].concat()
        }
    }
}

/// What to say when no worker starts any more; the browser does not always tell why.
fn failed(why: &str) -> String {
    let why = if why.is_empty() { "it says nothing more" } else { why };
    ["The simulator does not start: ", why, ". Your files stay in the editor."].concat()
}
