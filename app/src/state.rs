//! What the page knows, and what can be done to it. Panels read the signals and call the actions.

mod changing;
mod fields;
mod looking;
mod problems;
mod sessions;
mod swarming;
mod together;
mod undo;

use crate::dom::Var;
use crate::few::Few;
use crate::flows::recorded::{Recorded, still_holds};
use crate::flows::swarm::Swarm;
use crate::flows::together::Beside;
use crate::opening;
use crate::past::Past;
use crate::platform;
use crate::playback::player::Player;
use crate::playback::playlist::Playlist;
use crate::session::Session;
pub use crate::shown::{Again, Notice, ObjectAsk, Start, Tab, TableAsk};
use crate::stage::changed::Change;
use crate::terminal::tabs::Terminals;
use crate::workspace::saved::Saved;
use fields::Fields;
use podhop_engine::protocol::*;
use problems::Problems;
use std::rc::Rc;
pub use undo::By;

/// Commands with packets whose clusters are kept.
const RECORDED_MAX: usize = 64;

#[derive(Clone, Copy)]
pub struct App {
    session: Var<Option<Session>>,
    /// What the session began with, and whether it was changed and kept since.
    pub began: Var<Saved>,
    pub kept: Var<bool>,
    /// What the session is called.
    pub title: Var<String>,
    /// Commands of the scenario that are still to be run.
    pub script: Var<Vec<String>>,
    pub scene: Var<Option<Rc<Scene>>>,
    pub files: Var<Vec<FileView>>,
    pub active_file: Var<String>,
    /// Grows when a file's text changes other than by typing.
    pub text_epoch: Var<u32>,
    pub diagnostics: Var<Vec<DiagnosticView>>,
    problems: Var<Problems>,
    /// Live files whose present text is not what the cluster runs.
    pub held: Var<Few<String>>,
    /// What the last edit did, in words.
    pub changes: Var<Vec<String>>,
    /// The same as the stage shows it, until the next act.
    pub changed: Var<Option<Rc<Change>>>,
    /// What can be taken back.
    pub past: Var<Past>,
    pub flows: Var<Vec<FlowSummary>>,
    pub flow: Var<Option<Rc<FlowView>>>,
    /// Conversations that play at the same time.
    pub beside: Var<Vec<Beside>>,
    /// The numbers of those that are being loaded to join them.
    coming: Var<Few<u32>>,
    /// Those that play by the hundred and more, and how many of how many have come.
    pub swarm: Var<Option<Rc<Swarm>>>,
    pub swarming: Var<Option<(usize, usize)>>,
    /// The clusters that conversations were recorded in, the newest last.
    recorded: Var<Vec<Recorded>>,
    /// Packets (indices) whose plumbing is shown.
    pub unfolded: Var<Few<usize>>,
    /// The rows that were tried are shown; whether they have ever been.
    pub why: Var<bool>,
    pub why_asked: Var<bool>,
    pub player: Player,
    pub inspector: Var<Tab>,
    pub dock: Var<Tab>,
    pub pane: Var<Tab>,
    pub object: Var<Option<ObjectAsk>>,
    pub table: Var<Option<TableAsk>>,
    /// The lines that caused the selected step.
    pub marked: Var<Option<TextRange>>,
    /// The line that the editor's caret is on.
    pub caret_line: Var<u32>,
    /// The terminals, each with its log.
    pub terminals: Var<Terminals>,
    /// The entry of a terminal whose output comes with the packets that it reports.
    pub fresh: Var<Option<u32>>,
    /// Grows when the conversation shown is to be compared.
    pub compare_asked: Var<u32>,
    pub notice: Var<Option<Notice>>,
    /// How far a long answer has come; it stands before the notice.
    progress: Var<Option<Notice>>,
    fields: Var<Fields>,
    /// Read out politely.
    pub spoken: Var<String>,
    /// Grows with every change of theme, so that the stage reads its colours again.
    pub theme_epoch: Var<u32>,
}

impl App {
    pub fn new() -> App {
        let player = Player::new();
        App {
            session: Var::new(None),
            began: Var::new(Saved::default()),
            kept: Var::new(false),
            title: Var::new(opening::TITLE.to_string()),
            script: Var::new(Vec::new()),
            scene: Var::new(None),
            files: Var::new(Vec::new()),
            active_file: Var::new(opening::FILE.to_string()),
            text_epoch: Var::new(0),
            diagnostics: Var::new(Vec::new()),
            problems: Var::new(Problems::default()),
            held: Var::new(Few::default()),
            changes: Var::new(Vec::new()),
            changed: Var::new(None),
            past: Var::new(Past::default()),
            flows: Var::new(Vec::new()),
            flow: Var::new(None),
            beside: Var::new(Vec::new()),
            coming: Var::new(Few::default()),
            swarm: Var::new(None),
            swarming: Var::new(None),
            recorded: Var::new(Vec::new()),
            unfolded: Var::new(Few::default()),
            why: Var::new(false),
            why_asked: Var::new(false),
            player,
            inspector: Var::new(Tab::Journey),
            dock: Var::new(Tab::Terminal),
            pane: Var::new(Tab::Stage),
            object: Var::new(None),
            table: Var::new(None),
            marked: Var::new(None),
            caret_line: Var::new(0),
            terminals: Var::new(Terminals::default()),
            fresh: Var::new(None),
            compare_asked: Var::new(0),
            notice: Var::new(None),
            progress: Var::new(None),
            fields: Var::new(Fields::Unasked),
            spoken: Var::new(String::new()),
            theme_epoch: Var::new(0),
        }
    }

    pub fn ask(self, body: RequestBody, answer: impl FnOnce(ReplyBody) + 'static) {
        self.session.peek(|session| {
            if let Some(session) = session {
                session.ask(body, answer);
            }
        });
    }

    fn take_opened(self, opened: Opened) {
        self.files.set(opened.files);
        self.text_epoch.update(|epoch| *epoch += 1);
        self.problems.set(Problems::default());
        self.take_diagnostics(opened.diagnostics);
        self.held.update(Few::clear);
        self.take_scene(opened.scene);
    }

    fn take_scene(self, scene: Scene) {
        platform::set_root_data("podhopRevision", &scene.revision.to_string());
        self.scene.set(Some(Rc::new(scene)));
    }

    /// The revision of the cluster that is shown.
    fn revision(self) -> Option<u64> {
        self.scene.peek(|scene| scene.as_ref().map(|scene| scene.revision))
    }

    pub fn stop(self) {
        self.session.peek(|session| {
            if let Some(session) = session.as_ref().filter(|session| session.is_busy()) {
                session.stop();
            }
        });
    }

    // Files

    /// The user has typed.
    pub fn edit(self, name: &str, text: String) {
        self.files.update(|files| {
            if let Some(file) = files.iter_mut().find(|file| file.name == name) {
                file.text.clone_from(&text);
            }
        });
        let file = name.to_string();
        let answer: Rc<dyn Fn(ReplyBody)> = Rc::new(move |reply| {
            let ReplyBody::Edited(edited) = reply else { return };
            self.load_fields();
            let live = self.files.peek(|files| files.iter().any(|f| f.name == file && f.live));
            self.held.update(|held| held.put(file.clone(), !edited.applied && live));
            self.take_edited(edited, By::Typing(&file));
        });
        self.session.peek(|session| {
            if let Some(session) = session {
                session.edit(name, &text, answer);
            }
        });
    }

    /// The cluster as it is after files have changed.
    pub fn take_edited(self, edited: Edited, by: By<'_>) {
        if let By::Typing(file) = by {
            self.outrun(|name| name == file);
        }
        self.take_diagnostics(edited.diagnostics);
        if edited.applied {
            if let Some(before) = self.revision().filter(|_| !edited.changes.is_empty()) {
                self.remember(by, &edited.changes, before);
            }
            self.cluster_changed();
            self.changes.set(edited.changes);
            self.take_change(edited.scene);
            self.refresh();
        }
    }

    /// Asks about files, after what was typed into them.
    pub fn ask_settled(self, body: RequestBody, answer: impl FnOnce(ReplyBody) + 'static) {
        self.session.peek(|session| session.as_ref().map(Session::flush));
        self.ask(body, answer);
    }

    /// Replaces a file's text, as a fix does.
    pub fn replace_text(self, name: &str, text: String) {
        self.edit(name, text);
        self.text_epoch.update(|epoch| *epoch += 1);
    }

    // Conversations

    /// Runs a line at the host, in a terminal that is there.
    pub fn run(self, line: String) {
        match self.terminals.update(Terminals::to_host) {
            Ok(()) => self.run_then(line, false, |_| ()),
            Err(why) => self.notice.set(Some(Notice::text(&why))),
        }
    }

    /// Runs lines one after the other, up to the first that sends a packet, and plays that.
    fn run_until_packet(self, mut lines: Vec<String>) {
        if lines.is_empty() {
            return;
        }
        let line = lines.remove(0);
        self.run_then(line, true, move |sent| match sent {
            true => self.script.set(lines),
            false => self.run_until_packet(lines),
        });
    }

    /// Runs the next command of the scenario.
    pub fn run_next(self) {
        let next = self.script.update(|script| (!script.is_empty()).then(|| script.remove(0)));
        if let Some(line) = next {
            self.run_here(line);
        }
    }

    /// Runs a line in the terminal in front, wherever that is.
    pub fn run_here(self, line: String) {
        self.run_then(line, false, |_| ());
    }

    /// Runs a line; `then` is told whether it sent packets.
    fn run_then(self, line: String, first: bool, then: impl FnOnce(bool) + 'static) {
        self.changed.set(None);
        let before = self.files.now();
        let at_host = self.terminals.peek(|terminals| terminals.front().is_at_host());
        let (session, entry) = self.terminals.update(|terminals| terminals.begin(&line));
        self.ask(RequestBody::Run { session, line: line.clone() }, move |reply| match reply {
            ReplyBody::Console(mut console) => {
                let sent = !console.flows.is_empty();
                self.fresh.put((sent && !platform::reduced_motion()).then_some(entry));
                self.terminals.update(|terminals| terminals.finish(session, entry, &mut console));
                self.take_console((line, at_host), console, before, first);
                then(sent);
            }
            ReplyBody::Error(text) => self.terminals.update(|terminals| terminals.fail(session, entry, &text)),
            _ => {}
        });
    }

    /// `line`: what was typed, and whether at the host.
    fn take_console(self, line: (String, bool), console: Console, before: Vec<FileView>, first: bool) {
        self.take_diagnostics(console.diagnostics);
        self.take_files(console.files, &before);
        if let Some(scene) = console.scene {
            if let Some(before) = self.revision() {
                self.remember(By::Line(&line.0), &[], before);
            }
            self.ask_problems();
            self.take_change(scene);
        }
        if let Some(scene) = self.scene.now() {
            let ((line, at_host), flows) = (line, Rc::new(console.flows.clone()));
            let made = (!flows.is_empty()).then_some(Recorded { flows, line, at_host, scene });
            self.recorded.update(|recorded| {
                recorded.extend(made);
                recorded.drain(..recorded.len().saturating_sub(RECORDED_MAX));
            });
        }
        if let Some(flow) = console.flows.last() {
            self.show_flow(*flow, if first { Start::Autoplay } else { Start::Play });
        }
        self.ask_flows();
    }

    /// Files as they are after a command. What one has typed meanwhile, or what is not applied, is not overwritten.
    fn take_files(self, files: Vec<FileView>, before: &[FileView]) {
        let held = self.held.now();
        let mut rewritten = false;
        self.files.update(|known| {
            for file in files {
                let Some(mine) = known.iter_mut().find(|mine| mine.name == file.name) else {
                    // One that was there before has been deleted meanwhile.
                    if before.iter().all(|old| old.name != file.name) {
                        known.push(file);
                    }
                    continue;
                };
                let untouched = before.iter().any(|old| old.name == mine.name && old.text == mine.text);
                (mine.live, mine.read_only) = (file.live, file.read_only);
                if untouched && mine.text != file.text && !held.contains(&mine.name) {
                    mine.text = file.text;
                    rewritten = true;
                }
            }
        });
        if rewritten {
            self.text_epoch.update(|epoch| *epoch += 1);
        }
    }

    pub fn ask_flows(self) {
        self.ask(RequestBody::Flows, move |reply| {
            if let ReplyBody::Flows(list) = reply {
                self.flows.set(list.flows);
            }
        });
    }

    /// The command that made the conversation on the stage, if the cluster has changed under it since.
    pub fn outdated(self) -> Option<Again> {
        self.outdated_of(&*self.flow.get()?)
    }

    pub fn outdated_of(self, flow: &FlowView) -> Option<Again> {
        let scene = self.scene.get()?;
        let number = flow.summary.flow;
        let recorded = self.recorded.with(|all| all.iter().find(|recorded| recorded.has(number)).cloned())?;
        (!still_holds(flow, &recorded.scene, &scene)).then_some(Again(recorded.at_host.then_some(recorded.line)))
    }

    /// The conversations that a line has made, the last time it ran.
    pub fn flows_of(self, line: &str) -> Rc<Vec<u32>> {
        let made = |all: &Vec<Recorded>| all.iter().rfind(|one| one.line == line).map(|one| one.flows.clone());
        self.recorded.with(made).unwrap_or_default()
    }

    /// The cluster that a conversation was recorded in.
    pub fn scene_of(self, flow: u32) -> Option<Rc<Scene>> {
        self.recorded.with(|all| all.iter().find(|one| one.has(flow)).map(|one| one.scene.clone()))
    }

    /// Loads a conversation and makes it the one on the stage.
    pub fn show_flow(self, flow: u32, start: Start) {
        let shown = self.flow.peek(|shown| shown.as_ref().map(|shown| shown.summary.flow));
        if shown == Some(flow) {
            return self.start(start);
        }
        if self.follow_beside(flow) {
            return self.follow();
        }
        if self.swarm.peek(|swarm| swarm.as_ref().is_some_and(|swarm| swarm.contains(flow))) {
            return self.follow_of_swarm(flow);
        }
        self.ask(RequestBody::Flow { flow }, move |reply| {
            let ReplyBody::Flow(view) = reply else { return };
            self.only_followed();
            self.put_flow(Rc::from(view), 0.0);
            self.start(start);
        });
    }

    fn start(self, start: Start) {
        match start {
            Start::Autoplay | Start::Play => self.player.autoplay(),
            Start::Packet(packet) => self.play_packet(packet),
        }
    }

    /// Plays one packet (by its number in the conversation).
    pub fn play_packet(self, packet: u32) {
        let index = self.flow.peek(|flow| {
            let flow = flow.as_ref()?;
            let index = flow.packets.iter().position(|p| p.packet == packet)?;
            Some(crate::playback::playlist::served(flow, index))
        });
        let Some(index) = index else { return };
        let part = self.player.list.peek(|list| {
            let mut beats = list.beats.iter().enumerate().filter(|(_, beat)| beat.packet == index);
            let first = beats.next()?;
            Some((first.1.start_ms, list.rest_ms(beats.next_back().unwrap_or(first).0)))
        });
        if let Some((from, until)) = part {
            self.player.play_part(from, until);
        }
    }

    /// Shows or folds the plumbing of a packet; the present step stays the present one.
    pub fn unfold(self, packet: usize) {
        let now = self.player.beat.now();
        self.unfolded.update(|unfolded| unfolded.turn(packet));
        let Some(flow) = self.flow.now() else { return };
        let list = self.unfolded.peek(|unfolded| Playlist::new(&flow, unfolded));
        let rest = now.and_then(|(packet, step)| list.find(packet, step)).map_or(0.0, |beat| list.rest_ms(beat));
        self.player.load(list, rest);
    }

    /// Moves the packet to a step, and lights what caused it.
    pub fn select(self, packet: usize, step: usize) {
        if let Some(beat) = self.player.list.peek(|list| list.find(packet, step)) {
            self.player.show(beat);
            self.follow();
        }
    }

    /// Shows the rows that were tried in a step, or no longer.
    pub fn ask_why(self, packet: usize, step: usize) {
        let shown = self.why.now() && self.player.beat.now() == Some((packet, step));
        self.select(packet, step);
        self.why_asked.set(true);
        self.why.set(!shown);
    }

    /// A discrete move by `by` steps; the extremes of `isize` are both ends.
    pub fn step(self, by: isize) {
        match by {
            isize::MIN => self.player.show(0),
            isize::MAX => self.player.show_end(),
            by => self.player.step(by),
        }
        self.follow();
    }

    /// After a discrete move: speak the step, and light its row and its line.
    pub fn follow(self) {
        let Some((packet, step)) = self.player.beat.now() else { return };
        let Some(flow) = self.flow.now() else { return };
        let Some(view) = flow.packets.get(packet).and_then(|packet| packet.steps.get(step)) else { return };
        self.spoken.set([&view.title, ", ", &view.place, ". ", &view.sentence].concat());
        self.marked.set(view.cause.as_ref().and_then(|cause| cause.origin.at.clone()));
        if let Some(cause) = &view.cause {
            let (place, table, lit) = (cause.place.clone(), cause.table.clone(), cause.text.clone());
            self.table.set(Some(TableAsk { place, table, lit }));
        }
    }

    /// After the cluster has changed: what is shown of it is asked for again.
    fn refresh(self) {
        self.table.update(|_| ());
        self.object.update(|_| ());
    }
}

impl Default for App {
    fn default() -> App {
        App::new()
    }
}
