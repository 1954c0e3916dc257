//! A terminal: shells within shells (`kubectl exec -it … -- sh`, `ssh NODE`), line by line.

use super::complete::{Completion, complete};
use super::environment;
use super::kubectl;
use super::machine::{Context, Effects, Machine, Told};
use super::shell::{self, Chunk, Dialect, Io, Session};
use crate::cluster::PodKey;
use crate::trace::FlowId;
use crate::workload::Shell as Installed;
use crate::world::World;
use std::cell::RefCell;
use std::rc::Rc;

/// Deepest nesting of interactive shells.
const SHELLS_MAX: usize = 16;
/// Longest text that waits for the rest of its construct, in bytes.
const UNFINISHED_MAX: usize = 1 << 20;

struct Shell {
    context: Context,
    session: Session,
    /// Its Pod is deleted when it is left.
    removed: bool,
}

/// The state of one terminal tab.
pub struct Terminal {
    shells: Vec<Shell>,
    /// Lines of a heredoc, loop or quote that is not closed yet.
    unfinished: String,
    /// What its commands in the background have told since the last line.
    background: Rc<RefCell<Told>>,
}

/// What a line did.
#[derive(Clone, Debug)]
pub struct Ran {
    pub chunks: Vec<Chunk>,
    pub status: i32,
    pub flows: Vec<FlowId>,
    pub clear: bool,
}

impl Default for Terminal {
    fn default() -> Terminal {
        let shells = vec![shell_of(Context::Host, Installed::Bash)];
        Terminal { shells, unfinished: String::new(), background: Rc::default() }
    }
}

impl Terminal {
    /// The prompt for the next line.
    pub fn prompt(&self) -> String {
        if !self.unfinished.is_empty() {
            return "> ".to_owned();
        }
        let Some(shell) = self.shells.last() else { return String::new() };
        match &shell.context {
            Context::Host => "student@host $ ".to_owned(),
            Context::Node { name } => format!("root@{name}:{}# ", shell.session.cwd),
            Context::Container { .. } => format!("{} # ", shell.session.cwd),
        }
    }

    /// Where the next line runs: `host`, `node/worker-1`, `pod/default/pod-a`.
    pub fn place(&self) -> String {
        match self.shells.last().map(|shell| &shell.context) {
            None | Some(Context::Host) => "host".to_owned(),
            Some(Context::Node { name }) => format!("node/{name}"),
            Some(Context::Container { pod, .. }) => format!("pod/{}/{}", pod.namespace, pod.name),
        }
    }

    /// Where the next line runs.
    pub fn context(&self) -> Context {
        self.shells.last().map_or(Context::Host, |shell| shell.context.clone())
    }

    /// What would run with this line: those that wait for it, too.
    pub fn script(&self, line: &str) -> String {
        [&self.unfinished, line].concat()
    }

    /// A terminal with a shell of its own in this place, or the host's if that is gone.
    pub fn within(world: &mut World, context: Context) -> Terminal {
        let mut terminal = Terminal::default();
        if context != Context::Host {
            terminal.enter(world, context, false, &mut Io::new(""));
            terminal.leave_dead_shells(world);
        }
        terminal
    }

    /// Runs one line, or keeps it until its construct is complete.
    pub fn run(&mut self, world: &mut World, line: &str) -> Ran {
        self.leave_dead_shells(world);
        self.unfinished.push_str(line);
        self.unfinished.push('\n');
        if shell::needs_more(&self.unfinished) && self.unfinished.len() <= UNFINISHED_MAX {
            return Ran { chunks: Vec::new(), status: 0, flows: Vec::new(), clear: false };
        }
        let script = std::mem::take(&mut self.unfinished);
        self.run_script(world, &script, "")
    }

    /// Runs a whole script with `input` on its standard input, as `sh -c` does.
    pub fn run_script(&mut self, world: &mut World, script: &str, input: &str) -> Ran {
        let mut io = Io::new(input);
        let mut effects = Effects { background: self.background.clone(), ..Effects::default() };
        let mut status = 0;
        let mut left = None;
        if let Some(shell) = self.shells.last_mut() {
            let mut machine = Machine { world, context: shell.context.clone(), effects: &mut effects };
            let outcome = shell::run(script, &mut machine, &mut shell.session, &mut io);
            status = outcome.status;
            if outcome.exited && self.shells.len() > 1 {
                left = self.shells.pop();
            }
        }
        if let Some(Shell { context: Context::Container { pod, .. }, removed, .. }) = left {
            kubectl::left(world, &pod, status, removed, &mut io);
        }
        if let Some(context) = effects.entered.take() {
            self.enter(world, context, effects.removed_when_left, &mut io);
        }
        world.do_due();
        let told = std::mem::take(&mut *self.background.borrow_mut());
        let mut ran = Ran { chunks: io.take_chunks(), status, flows: effects.flows, clear: effects.clear };
        ran.chunks.extend(told.chunks);
        // The last one is looked at first: what the line itself has done.
        ran.flows.splice(0..0, told.flows);
        ran
    }

    /// What could stand before `cursor` (a byte of `line`, which is not run yet).
    pub fn complete(&self, world: &mut World, line: &str, cursor: usize) -> Completion {
        let Some(shell) = self.shells.last() else { return Completion::default() };
        let mut effects = Effects::default();
        let mut machine = Machine { world, context: shell.context.clone(), effects: &mut effects };
        complete(&mut machine, &shell.session, &self.unfinished, line, cursor)
    }

    /// Ctrl-C: the unfinished text is forgotten.
    pub fn interrupt(&mut self) {
        self.unfinished.clear();
    }

    /// The same, and the prompt afterwards.
    pub fn interrupted(&mut self) -> String {
        self.interrupt();
        self.prompt()
    }

    fn enter(&mut self, world: &mut World, context: Context, removed: bool, io: &mut Io) {
        if self.shells.len() >= SHELLS_MAX {
            return io.err(&format!("more than {SHELLS_MAX} shells within each other: leave some with exit\n"));
        }
        let mut effects = Effects::default();
        let machine = Machine { world, context: context.clone(), effects: &mut effects };
        let (installed, hostname) = (machine.toolbox().shell, machine.hostname());
        let mut shell = shell_of(context, installed);
        shell.removed = removed;
        if let Context::Container { pod, container } = &shell.context
            && let Some(pod) = world.revision().pods.get(pod)
        {
            for (name, value) in environment::of(world.revision(), pod, *container, &hostname) {
                shell.session.export(&name, &value);
            }
        }
        self.shells.push(shell);
    }

    /// A Pod that is gone takes its shells with it.
    fn leave_dead_shells(&mut self, world: &World) {
        let alive = |pod: &PodKey| world.revision().pods.get(pod).is_some_and(|record| record.netns.is_some());
        let dead = self.shells.iter().position(|shell| match &shell.context {
            Context::Host => false,
            Context::Node { name } => world.revision().node(name).is_none(),
            Context::Container { pod, .. } => !alive(pod),
        });
        if let Some(first) = dead {
            self.shells.truncate(first);
            self.unfinished.clear();
        }
    }
}

fn shell_of(context: Context, installed: Installed) -> Shell {
    let session = session_of(&context, installed);
    Shell { context, session, removed: false }
}

/// A new shell's state in this place.
pub fn session_of(context: &Context, installed: Installed) -> Session {
    let (name, dialect) = match installed {
        Installed::Bash => ("bash", Dialect::Bash),
        _ => ("sh", Dialect::Ash),
    };
    let (home, cwd) = match context {
        Context::Host => ("/home/student", "/home/student"),
        Context::Node { .. } => ("/root", "/root"),
        Context::Container { .. } => ("/root", "/"),
    };
    let mut session = Session::new(name, dialect, cwd);
    session.export("HOME", home);
    session.export("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    session
}
