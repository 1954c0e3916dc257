//! Where a command runs: on the student's own machine, in a container, or on a node. One dispatcher for all three.

use super::shell::{Background, Chunk, FileError, FileKind, Host, Io, Session, Stream};
use super::{complete, files, kubectl, net, remote, text};
use crate::cluster::PodKey;
use crate::dataplane::{Output, OutputStream, Process};
use crate::tables::{Netns, NetnsId};
use crate::trace::{FlowId, Nanos, PacketRef};
use crate::workload::Toolbox;
use crate::world::{Finished, Limit, World};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// Most commands that one line puts into the background, those that they start counted.
const BACKGROUND_MAX: usize = 64;

/// Whose shell it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Context {
    /// `student@host`: outside the cluster, on the node network's gateway, with kubectl and ssh.
    Host,
    /// A container of a Pod, by its index in `spec.containers`.
    Container { pod: PodKey, container: usize },
    /// root on a node.
    Node { name: Arc<str> },
}

/// What a line caused beside its text.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Conversations, in order.
    pub flows: Vec<FlowId>,
    /// An interactive shell was asked for: the terminal goes on in there.
    pub entered: Option<Context>,
    /// The Pod whose shell was entered is deleted when it is left: `kubectl run --rm`.
    pub removed_when_left: bool,
    pub clear: bool,
    /// The store was changed.
    pub changed: bool,
    /// Live files that the line has emptied and not filled again yet.
    pub truncated: BTreeSet<String>,
    /// Where commands in the background tell what became of them.
    pub background: Rc<RefCell<Told>>,
    /// The next process is all that a command in the background runs.
    pub beside: Option<Beside>,
    /// It goes on.
    pub left: bool,
}

/// A process that goes on while other commands run.
#[derive(Clone, Debug)]
pub struct Beside {
    status: Rc<Cell<Option<i32>>>,
    /// `kubectl exec` says how it has ended.
    pub by_kubectl: bool,
}

impl Beside {
    /// The tools that run long enough to matter, and that print all of what they know themselves.
    pub fn is_for(program: &str) -> bool {
        matches!(program, "ping" | "ping6" | "traceroute" | "traceroute6" | "nc")
    }
}

/// What commands in the background have printed and caused.
#[derive(Debug, Default)]
pub struct Told {
    /// How many were started.
    pub started_count: usize,
    pub chunks: Vec<Chunk>,
    pub flows: Vec<FlowId>,
}

/// One machine: the command line's host.
pub struct Machine<'a> {
    pub world: &'a mut World,
    pub context: Context,
    pub effects: &'a mut Effects,
}

impl Machine<'_> {
    /// The namespace that commands here run in. None: the Pod or node is gone, or has no sandbox.
    pub fn netns_id(&self) -> Option<NetnsId> {
        let revision = self.world.revision();
        match &self.context {
            Context::Host => Some(revision.network.gateway.1),
            Context::Container { pod, .. } => revision.pods.get(pod)?.netns,
            Context::Node { name } => Some(revision.nodes.get(name)?.netns),
        }
    }

    pub fn netns(&mut self) -> Option<Arc<Netns>> {
        self.world.netns(self.netns_id()?)
    }

    /// What `hostname` says here.
    pub fn hostname(&self) -> String {
        match &self.context {
            Context::Host => "host".to_owned(),
            Context::Node { name } => name.to_string(),
            Context::Container { pod, .. } => {
                let record = self.world.revision().pods.get(pod);
                match record.and_then(|record| record.node.clone()).filter(|_| record.is_some_and(|r| r.host_network)) {
                    Some(node) => node.to_string(),
                    None => {
                        // Models kubelet util.go truncatePodHostnameIfNeeded.
                        let name = record.and_then(|r| r.spec.hostname.clone()).unwrap_or_else(|| pod.name.clone());
                        name.get(..63).map_or(&*name, |cut| cut.trim_end_matches(['-', '.'])).to_string()
                    }
                }
            }
        }
    }

    /// What the image (or the node's distribution) has installed.
    pub fn toolbox(&self) -> Toolbox {
        match &self.context {
            Context::Host | Context::Node { .. } => Toolbox::NODE,
            Context::Container { pod, container } => {
                let pod = self.world.revision().pods.get(pod);
                let image = pod.and_then(|pod| pod.spec.containers.get(*container)).map(|c| c.image.clone());
                Toolbox::of(image.as_deref().unwrap_or_default())
            }
        }
    }

    /// Runs a program here to its end and prints what it printed. 126 where nothing can run.
    pub fn run_process(
        &mut self,
        title: (String, Option<IpAddr>),
        process: Box<dyn Process>,
        limit: Limit,
        io: &mut Io,
    ) -> i32 {
        let Some(netns) = self.netns_id() else {
            io.err("the container is not running\n");
            return 126;
        };
        if let Some(beside) = self.effects.beside.take()
            && self.world.has_room_beside()
        {
            self.effects.left = true;
            self.world.run_beside(netns, title, process, limit, told(beside, self.effects.background.clone()));
            return 0;
        }
        let finished = self.world.run(netns, title, process, limit);
        if self.world.recorder().get(finished.flow).is_some_and(|trace| !trace.packets.is_empty()) {
            self.effects.flows.push(finished.flow);
        }
        io.pass_on(&chunks(finished.output));
        finished.status
    }

    /// The same machine with another place to run in: `kubectl exec`, `ssh`.
    pub fn at(&mut self, context: Context) -> Machine<'_> {
        Machine { world: self.world, context, effects: self.effects }
    }
}

/// What a process has printed.
fn chunks(output: Vec<Output>) -> Vec<Chunk> {
    let chunk = |Output { stream, text, about, .. }| {
        let about = about.map(|packet: PacketRef| (packet.flow.0, packet.packet.0));
        let stream = match stream {
            OutputStream::Out => Stream::Out,
            OutputStream::Err => Stream::Err,
        };
        Chunk { stream, text, about }
    };
    output.into_iter().map(chunk).collect()
}

/// What is done when a process has ended that nobody has waited for.
fn told(beside: Beside, background: Rc<RefCell<Told>>) -> Box<dyn FnOnce(Finished, bool)> {
    Box::new(move |finished, has_sent| {
        let mut told = background.borrow_mut();
        told.flows.extend(has_sent.then_some(finished.flow));
        told.chunks.extend(chunks(finished.output));
        if beside.by_kubectl && finished.status != 0 {
            let text = format!("command terminated with exit code {}\n", finished.status);
            told.chunks.push(Chunk { stream: Stream::Err, text, about: None });
        }
        beside.status.set(Some(finished.status));
    })
}

impl Host for Machine<'_> {
    fn run(&mut self, argv: &[String], session: &mut Session, io: &mut Io) -> Option<i32> {
        let name = argv.first()?.as_str();
        let name = name.rsplit('/').next().unwrap_or(name);
        match name {
            "kubectl" | "k" if self.context == Context::Host => Some(kubectl::run(self, argv, session, io)),
            "clear" if net::has(self, name) => {
                self.effects.clear = true;
                Some(0)
            }
            _ if !net::has(self, name) => None,
            _ => {
                let ran = net::run(self, argv, session, io)
                    .or_else(|| remote::run(self, argv, session, io))
                    .or_else(|| text::run(argv, self, session, io));
                Some(ran.unwrap_or_else(|| net::not_simulated(name, io)))
            }
        }
    }

    fn later(&mut self, sleeps: &[Vec<String>], commands: Background, io: &mut Io) -> Option<u64> {
        let mut after: Nanos = 0;
        for argv in sleeps {
            match net::slept(self, argv) {
                Ok(duration) => after = after.saturating_add(duration),
                Err(message) => io.err(&message),
            }
        }
        let (context, background) = (self.context.clone(), self.effects.background.clone());
        background.borrow_mut().started_count += 1;
        let job = move |world: &mut World| {
            let mut effects = Effects { background: background.clone(), ..Effects::default() };
            let mut io = Io::in_background();
            let status = commands.status();
            effects.beside = commands
                .is_one_of(&|name| name == "kubectl" || Beside::is_for(name))
                .then(|| Beside { status: status.clone(), by_kubectl: false });
            let code = commands.run(&mut Machine { world, context, effects: &mut effects }, &mut io);
            // What goes on beside has no status yet.
            if !effects.left {
                status.set(Some(code));
            }
            let mut told = background.borrow_mut();
            told.chunks.extend(io.take_chunks());
            told.flows.extend(effects.flows);
        };
        let few = self.effects.background.borrow().started_count <= BACKGROUND_MAX;
        if few { self.world.later(after, Box::new(job)) } else { None }
    }

    fn wait(&mut self, is_done: &dyn Fn() -> bool, io: &mut Io) {
        self.world.wait(is_done);
        let chunks = std::mem::take(&mut self.effects.background.borrow_mut().chunks);
        io.pass_on(&chunks);
    }

    fn help(&mut self, io: &mut Io) -> Option<i32> {
        Some(complete::help::print(self, io))
    }

    fn read_file(&mut self, path: &str) -> Result<String, FileError> {
        files::read(self, path)
    }

    fn write_file(&mut self, path: &str, text: &str, append: bool) -> Result<(), FileError> {
        files::write(self, path, text, append)
    }

    fn find(&mut self, name: &str) -> Option<String> {
        files::find(self, name)
    }

    fn stat(&mut self, path: &str) -> Option<FileKind> {
        files::stat(self, path)
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, FileError> {
        files::list(self, path)
    }
}
