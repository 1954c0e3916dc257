//! The session with the worker.

use super::good::Good;
use crate::platform::{Worker, soon};
use gloo::timers::callback::Timeout;
use podhop_engine::protocol::{OpenFile, Opened, Progress, Reply, ReplyBody, Request, RequestBody};
use std::cell::RefCell;
use std::rc::Rc;

/// Keystrokes are gathered for this long before they are sent.
const GATHER_MS: u32 = 4;
/// New workers that may fail one after the other before the session gives up.
const FAILURES_MAX: u32 = 2;

/// Why there is a new worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Restart {
    /// The engine trapped; the session was opened again with the last good files.
    Trapped(Opened),
    /// The user stopped it; opened again likewise.
    Stopped(Opened),
    /// It cannot be started again.
    Failed(String),
}

type Answer = Box<dyn FnOnce(ReplyBody)>;
type EditAnswer = Rc<dyn Fn(ReplyBody)>;

struct Pending {
    id: u32,
    asked: RequestBody,
    answer: Answer,
}

#[derive(Default)]
struct Inner {
    worker: Option<Worker>,
    next_id: u32,
    pending: Vec<Pending>,
    good: Good,
    failures: u32,
    on_restart: Option<Rc<dyn Fn(Restart)>>,
    on_progress: Option<Rc<dyn Fn(Option<Progress>)>>,
    /// Progress has been told, and not its end.
    progressing: bool,
    /// The newest text that waits to be sent, with what to do with the answer.
    edit: Option<(String, String, EditAnswer)>,
    gather: Option<Timeout>,
    editing: bool,
}

/// Cheap to clone; all clones are the same session.
#[derive(Clone, Default)]
pub struct Session(Rc<RefCell<Inner>>);

impl Session {
    /// Starts the worker and opens a cluster from `files`.
    pub fn open(files: Vec<OpenFile>, seed: u64, on_restart: impl Fn(Restart) + 'static) -> Session {
        let session = Session::default();
        {
            let mut inner = session.0.borrow_mut();
            inner.good = Good { files, seed };
            inner.on_restart = Some(Rc::new(on_restart));
        }
        session.start_worker();
        session
    }

    fn start_worker(&self) {
        let (to, failed) = (self.clone(), self.clone());
        let worker = Worker::start(move |bytes| to.received(&bytes), move |text| failed.trapped(text));
        self.0.borrow_mut().worker = Some(worker);
    }

    /// The question that opens the cluster; its answer is `Opened`.
    pub fn ask_open(&self, answer: impl FnOnce(ReplyBody) + 'static) {
        let request = self.0.borrow().good.request();
        self.ask(request, answer);
    }

    /// The last state that is known to be good.
    pub fn good(&self) -> Good {
        self.0.borrow().good.clone()
    }

    pub fn ask(&self, body: RequestBody, answer: impl FnOnce(ReplyBody) + 'static) {
        self.send(body, Box::new(answer));
    }

    fn send(&self, body: RequestBody, answer: Answer) {
        let mut inner = self.0.borrow_mut();
        let id = inner.next_id;
        inner.next_id += 1;
        let request = Request { id, body };
        match (postcard::to_allocvec(&request), &inner.worker) {
            (Ok(bytes), Some(worker)) => {
                worker.send(&bytes);
                inner.pending.push(Pending { id, asked: request.body, answer });
            }
            // Later, as every answer comes: whoever asks may not be ready for it yet.
            _ => soon(move || answer(ReplyBody::Error("The simulator does not run.".to_string()))),
        }
    }

    /// Whom to tell how far an answer has come, and at last (None) that it is there.
    pub fn on_progress(&self, tell: impl Fn(Option<Progress>) + 'static) {
        self.0.borrow_mut().on_progress = Some(Rc::new(tell));
    }

    fn progress(&self, progress: Option<Progress>) {
        let tell = {
            let mut inner = self.0.borrow_mut();
            let was = std::mem::replace(&mut inner.progressing, progress.is_some());
            inner.on_progress.clone().filter(|_| was || progress.is_some())
        };
        if let Some(tell) = tell {
            tell(progress);
        }
    }

    fn received(&self, bytes: &[u8]) {
        let Ok(reply) = postcard::from_bytes::<Reply>(bytes) else { return };
        if let ReplyBody::Progress(progress) = reply.body {
            return self.progress(Some(progress));
        }
        self.progress(None);
        let pending = {
            let mut inner = self.0.borrow_mut();
            let Some(at) = inner.pending.iter().position(|pending| pending.id == reply.id) else { return };
            let pending = inner.pending.remove(at);
            inner.failures = 0;
            inner.good.learn(&pending.asked, &reply.body);
            pending
        };
        (pending.answer)(reply.body);
    }

    /// The text of a file has changed. Sends the newest text when the last one has been answered, so that a slow
    /// cluster is never more than one text behind.
    pub fn edit(&self, file: &str, text: &str, answer: EditAnswer) {
        let session = self.clone();
        let mut inner = self.0.borrow_mut();
        if inner.edit.as_ref().is_some_and(|(waiting, ..)| waiting != file) {
            // Another file's text must not be lost.
            drop(inner);
            self.flush();
            inner = self.0.borrow_mut();
        }
        inner.edit = Some((file.to_string(), text.to_string(), answer));
        if !inner.editing && inner.gather.is_none() {
            inner.gather = Some(Timeout::new(GATHER_MS, move || session.flush()));
        }
    }

    /// Sends the text that waits, so that what is asked next comes after it.
    pub fn flush(&self) {
        let (file, text, answer) = {
            let mut inner = self.0.borrow_mut();
            inner.gather = None;
            let Some(edit) = inner.edit.take() else { return };
            inner.editing = true;
            edit
        };
        let session = self.clone();
        self.ask(RequestBody::Edit { file, text }, move |reply| {
            session.0.borrow_mut().editing = false;
            answer(reply);
            session.flush();
        });
    }

    /// Stops whatever the engine is doing.
    pub fn stop(&self) {
        self.restart(Restart::Stopped);
    }

    /// True while an answer is awaited.
    pub fn is_busy(&self) -> bool {
        !self.0.borrow().pending.is_empty()
    }

    fn trapped(&self, text: String) {
        let give_up = {
            let mut inner = self.0.borrow_mut();
            inner.failures += 1;
            inner.failures > FAILURES_MAX
        };
        if give_up {
            let lost = self.lose();
            self.tell(Restart::Failed(text.clone()));
            fail(lost, &text);
        } else {
            self.restart(Restart::Trapped);
        }
    }

    fn restart(&self, why: fn(Opened) -> Restart) {
        let lost = self.lose();
        self.start_worker();
        let session = self.clone();
        self.ask_open(move |reply| match reply {
            ReplyBody::Opened(opened) => session.tell(why(opened)),
            ReplyBody::Error(text) => session.tell(Restart::Failed(text)),
            _ => {}
        });
        fail(lost, "stopped");
    }

    /// Ends the worker, which would live on otherwise: what listens to it holds the session. Whoever still waits is told.
    pub fn end(&self) {
        self.0.borrow_mut().on_restart = None;
        fail(self.lose(), "stopped");
    }

    /// Drops the worker, and gives what it has not answered. To open a cluster is no question of anybody's.
    fn lose(&self) -> Vec<Pending> {
        let mut inner = self.0.borrow_mut();
        (inner.worker, inner.progressing) = (None, false);
        (inner.edit, inner.gather, inner.editing) = (None, None, false);
        let mut lost = std::mem::take(&mut inner.pending);
        lost.retain(|pending| !matches!(pending.asked, RequestBody::Open { .. }));
        lost
    }

    fn tell(&self, what: Restart) {
        let on_restart = self.0.borrow().on_restart.clone();
        if let Some(on_restart) = on_restart {
            on_restart(what);
        }
    }
}

fn fail(lost: Vec<Pending>, why: &str) {
    for pending in lost {
        (pending.answer)(ReplyBody::Error(why.to_string()));
    }
}
