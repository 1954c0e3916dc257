//! Answers the page's questions from one world.

use super::compare::Commands;
use super::difference::Seen;
use super::origin::origin_view;
use super::problems::diagnostic_view;
use super::table::{self, netns_named};
use super::{
    Chunk, Console, DiagnosticView, Edited, FileView, FlowList, HeaderField, HeaderLayer, HeadersView, LineCandidate,
    LineCompletion, ObjectView, OpenFile, Opened, Reply, ReplyBody, Request, RequestBody, Scene, ScriptView, SetupStep,
    ShelfView, Stream, Viewer,
};
use crate::assist;
use crate::cluster::{Applied, File, Object, ObjectKey, Options, Outcome, Progress, Provenance};
use crate::console::shell;
use crate::console::terminal::Terminal;
use crate::explain;
use crate::manifest::emit;
use crate::manifest::fields::FieldTable;
use crate::program;
use crate::reach::Solver;
use crate::tables::Origin;
use crate::trace::{FlowId, PacketId, Trace, pcap};
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most terminals open at a time.
const TERMINALS_MAX: usize = 32;

/// Where a server has the scenarios from that it offers.
#[derive(Clone, Copy, Debug)]
pub struct Library {
    pub shelves: fn() -> Vec<ShelfView>,
    /// By id; `Err` says what is wrong with it.
    pub script: fn(&str) -> Result<ScriptView, String>,
}

/// One world and the terminals into it.
pub struct Server {
    pub(super) world: World,
    terminals: BTreeMap<u32, Terminal>,
    pub(super) commands: Commands,
    fields: Option<Arc<FieldTable>>,
    library: Option<Library>,
    /// Hears how far an answer has come.
    watch: Option<fn(Progress)>,
    /// What the asker has seen the scenes of.
    seen: Seen,
    /// The revision before the last one that changed an object.
    last_change: Option<u64>,
    /// What is known of who can connect to whom.
    pub(super) solver: Solver,
}

impl Default for Server {
    fn default() -> Server {
        Server::new(Options::default())
    }
}

impl Server {
    /// A server over a cluster of defaults.
    pub fn new(options: Options) -> Server {
        Server::over(World::new(options))
    }

    /// A server over a world that is there already.
    pub fn over(world: World) -> Server {
        Server {
            world,
            terminals: BTreeMap::new(),
            commands: Commands::default(),
            fields: None,
            library: None,
            watch: None,
            seen: Seen::default(),
            last_change: None,
            solver: Solver::default(),
        }
    }

    /// The same server, which offers scenarios.
    pub fn offering(self, library: Library) -> Server {
        Server { library: Some(library), ..self }
    }

    /// The same server, which tells how far answers that take long have come.
    pub fn watched(mut self, watch: fn(Progress)) -> Server {
        self.watch = Some(watch);
        self.world.change(|cluster, _| cluster.set_watch(Some(watch)));
        self
    }

    pub fn world(&mut self) -> &mut World {
        &mut self.world
    }

    /// Every question has an answer; one that makes no sense gets `ReplyBody::Error`.
    pub fn handle(&mut self, request: Request) -> Reply {
        let body = self.answer(request.body).unwrap_or_else(ReplyBody::Error);
        Reply { id: request.id, body }
    }

    fn answer(&mut self, body: RequestBody) -> Result<ReplyBody, String> {
        Ok(match body {
            RequestBody::Open { files, seed } => ReplyBody::Opened(self.open(files, seed)),
            RequestBody::Edit { file, text } => ReplyBody::Edited(self.edit(&file, text.into())),
            RequestBody::Apply { file } => ReplyBody::Edited(self.apply(&file)),
            RequestBody::Run { session, line } => ReplyBody::Console(self.run(session, &line)?),
            RequestBody::CompleteLine { session, line, cursor } => {
                ReplyBody::LineCompleted(self.complete_line(session, &line, cursor))
            }
            RequestBody::Interrupt { session } => {
                let terminal = self.terminals.get_mut(&session);
                ReplyBody::Prompt(terminal.map_or_else(|| Terminal::default().prompt(), Terminal::interrupted))
            }
            RequestBody::CloseConsole { session } => {
                self.terminals.remove(&session);
                ReplyBody::Done
            }
            RequestBody::Scene => ReplyBody::Scene(self.scene()),
            RequestBody::Flows => ReplyBody::Flows(self.flows()),
            RequestBody::Flow { flow } => {
                ReplyBody::Flow(Box::new(self.viewed(flow, |viewer, trace| viewer.flow(trace))?))
            }
            RequestBody::Headers { flow, packet, step } => ReplyBody::Headers(self.headers(flow, packet, step)?),
            RequestBody::Table { place, table } => {
                ReplyBody::Table(table::now(&mut self.world, &place, &table, self.last_change)?)
            }
            RequestBody::TableAt { flow, packet, step, place, table } => {
                ReplyBody::Table(table::at(&mut self.world, (flow, packet, step), &place, &table)?)
            }
            RequestBody::Problems => ReplyBody::Problems(self.problems()),
            RequestBody::Why { flow, packet, step } => ReplyBody::Why(self.why(flow, packet, step)?),
            RequestBody::Object { kind, namespace, name } => ReplyBody::Object(self.object(&kind, &namespace, &name)?),
            RequestBody::Pcap { flow, packet } => ReplyBody::Bytes(pcap(self.trace(flow)?, packet.map(PacketId))),
            RequestBody::Scenarios => {
                ReplyBody::Scenarios(self.library.map_or(Vec::new(), |library| (library.shelves)()))
            }
            RequestBody::Scenario { id } => {
                let library = self.library.ok_or("no scenarios are offered here")?;
                ReplyBody::Scenario((library.script)(&id)?)
            }
            RequestBody::Fields { text } => {
                let table = FieldTable::parse(&text).map_err(|error| format!("the field table is damaged: {error}"))?;
                self.fields = Some(Arc::new(table));
                self.use_fields();
                ReplyBody::Edited(self.edited(&Applied::default()))
            }
            RequestBody::Close { file } => {
                let before = self.world.revision().number;
                let applied = self.world.change(|cluster, now| cluster.close_file(&file, now));
                self.changed(before, &applied);
                ReplyBody::Edited(self.edited(&applied))
            }
            RequestBody::Rename { file, name } => {
                let applied = self.world.change(|cluster, now| cluster.rename_file(&file, &name, now));
                ReplyBody::Edited(Edited { files: views(self.world.cluster().files()), ..self.edited(&applied) })
            }
            RequestBody::Difference { since } => {
                let before = self.world.cluster().revision_at(since);
                let before = before.ok_or_else(|| format!("revision {since} is not kept (any more)"))?;
                ReplyBody::Difference(self.seen.difference(before, self.world.revision()))
            }
            RequestBody::Reach { protocol, port, all, workloads, since } => {
                ReplyBody::Reach(self.reach((&protocol, port), (all, workloads), since)?)
            }
            RequestBody::ReachFile { protocol, port, all, workloads, form } => {
                ReplyBody::Bytes(self.reach_file((&protocol, port), (all, workloads), &form)?)
            }
            RequestBody::WhyBlocked { from, to, protocol, port } => {
                ReplyBody::WhyBlocked(self.why_blocked((&from, &to), (&protocol, port))?)
            }
            RequestBody::Ways { flows } => ReplyBody::Ways(self.ways(&flows)?),
            RequestBody::Compare { flow, settings } => ReplyBody::Compared(Box::new(self.compare(flow, settings)?)),
            RequestBody::Return { revision } => ReplyBody::Edited(self.return_to(revision)?),
            RequestBody::Complete { text, line, column } => {
                ReplyBody::Completions(assist::complete(self.question(&text, line, column)))
            }
            RequestBody::Hover { text, line, column } => {
                ReplyBody::Hover(assist::hover(self.question(&text, line, column)))
            }
        })
    }

    fn question<'a>(&'a self, text: &'a str, line: u32, column: u32) -> assist::Question<'a> {
        let (table, revision) = (self.fields.as_deref(), self.world.revision());
        assist::Question { text, line, column, table, revision }
    }

    fn open(&mut self, files: Vec<OpenFile>, seed: u64) -> Opened {
        self.world = World::new(Options { seed, ..Options::default() });
        let watch = self.watch;
        self.world.change(|cluster, _| cluster.set_watch(watch));
        self.seen = Seen::default();
        self.solver = Solver::default();
        self.use_fields();
        self.terminals.clear();
        self.commands.clear();
        self.last_change = None;
        for OpenFile { name, text, live } in files {
            let text: Arc<str> = text.into();
            self.world.change(|cluster, now| cluster.open_text(&name, text, live, now));
        }
        let scene = self.scene();
        Opened {
            revision: scene.revision,
            files: views(self.world.cluster().files()),
            diagnostics: self.diagnostics(),
            scene,
        }
    }

    fn use_fields(&mut self) {
        let fields = self.fields.clone();
        self.world.change(|cluster, now| cluster.set_fields(fields, now));
    }

    fn edit(&mut self, file: &str, text: Arc<str>) -> Edited {
        let before = self.world.revision().number;
        // A file that is there already stays live if it is.
        let applied = self.world.change(|cluster, now| cluster.open_text(file, text, false, now));
        self.changed(before, &applied);
        self.edited(&applied)
    }

    fn apply(&mut self, file: &str) -> Edited {
        let before = self.world.revision().number;
        let applied = self.world.apply_file(file);
        self.changed(before, &applied);
        self.edited(&applied)
    }

    /// Remembers what the cluster was like before its last change.
    fn changed(&mut self, before: u64, applied: &Applied) {
        if applied.committed && applied.objects.iter().any(|(_, outcome)| *outcome != Outcome::Unchanged) {
            self.last_change = Some(before);
        }
    }

    fn return_to(&mut self, revision: u64) -> Result<Edited, String> {
        let before = self.world.revision().number;
        let files: Vec<Arc<File>> = self.world.cluster().files().to_vec();
        if !self.world.change(|cluster, _| cluster.return_to(revision)) {
            return Err(format!("revision {revision} is not kept (any more)"));
        }
        for file in files.iter().filter(|file| !file.read_only) {
            // What has been applied since is not lost, either: it is a file that is not live.
            let is_draft = !file.live || file.diagnostics.errors() > 0;
            if is_draft || self.world.cluster().file(&file.name).is_none() {
                self.world.open_file(&file.name, &file.text, false);
            }
        }
        self.last_change = Some(before);
        let committed = Applied { committed: true, ..Applied::default() };
        Ok(Edited { files: views(self.world.cluster().files()), ..self.edited(&committed) })
    }

    fn edited(&mut self, applied: &Applied) -> Edited {
        Edited {
            revision: self.world.revision().number,
            applied: applied.committed,
            files: Vec::new(),
            diagnostics: self.diagnostics(),
            changes: applied.objects.iter().map(|(key, outcome)| format!("{key} {outcome}")).collect(),
            scene: self.scene(),
        }
    }

    fn run(&mut self, session: u32, line: &str) -> Result<Console, String> {
        if !self.terminals.contains_key(&session) && self.terminals.len() >= TERMINALS_MAX {
            return Err(format!("more than {TERMINALS_MAX} terminals: close one"));
        }
        let before = self.world.revision().number;
        let files = self.world.cluster().files().to_vec();
        let terminal = self.terminals.entry(session).or_default();
        let (context, script) = (terminal.context(), terminal.script(line));
        let ran = terminal.run(&mut self.world, line);
        let flows: Vec<u32> = ran.flows.iter().map(|flow| flow.0).collect();
        self.commands.add(flows.clone(), context, script);
        let (prompt, place) = (terminal.prompt(), terminal.place());
        let revision = self.world.revision().number;
        if revision != before {
            self.last_change = Some(before);
        }
        Ok(Console {
            chunks: ran.chunks.into_iter().map(chunk).collect(),
            exit_status: ran.status,
            prompt,
            place,
            flows,
            revision,
            diagnostics: self.diagnostics(),
            files: views(self.world.cluster().files().iter().filter(|file| !files.iter().any(|old| same(old, file)))),
            scene: (self.seen.number() != Some(revision)).then(|| self.scene()),
            clear: ran.clear,
        })
    }

    fn complete_line(&mut self, session: u32, line: &str, cursor: u32) -> LineCompletion {
        let fresh = Terminal::default();
        let terminal = self.terminals.get(&session).unwrap_or(&fresh);
        let found = terminal.complete(&mut self.world, line, cursor as usize);
        let candidates = found.candidates.into_iter().map(|candidate| LineCandidate {
            text: candidate.text,
            shown: candidate.shown,
            about: candidate.about,
            ends: candidate.ends,
        });
        LineCompletion {
            start: found.start as u32,
            candidates: candidates.collect(),
            left_count: found.left_count as u32,
        }
    }

    fn scene(&mut self) -> Scene {
        self.seen.put(self.world.revision());
        Scene::of(&mut self.world)
    }

    fn diagnostics(&self) -> Vec<DiagnosticView> {
        let cluster = self.world.cluster();
        cluster.files().iter().flat_map(|file| file.diagnostics.iter()).map(|d| diagnostic_view(cluster, d)).collect()
    }

    pub(super) fn trace(&self, flow: u32) -> Result<&Trace, String> {
        let trace = self.world.recorder().get(FlowId(flow));
        trace.ok_or_else(|| format!("conversation {flow} is not kept (any more)"))
    }

    fn flows(&mut self) -> FlowList {
        let ids: Vec<u32> = self.world.recorder().iter().map(|trace| trace.flow.id.0).collect();
        let flows = ids.into_iter().filter_map(|id| self.viewed(id, |viewer, trace| viewer.summary(trace)).ok());
        FlowList { flows: flows.collect() }
    }

    /// Looks at a conversation with everything that its words need.
    pub fn viewed<T>(&mut self, flow: u32, view: impl FnOnce(&Viewer<'_>, &Trace) -> T) -> Result<T, String> {
        let segment = self.world.segment(program::SEGMENT);
        let trace = self.trace(flow)?;
        let resolve = |origin: &Origin| origin_view(self.world.cluster(), origin);
        let viewer = Viewer { revision: self.world.revision(), segment, resolve: &resolve };
        Ok(view(&viewer, trace))
    }

    fn headers(&self, flow: u32, packet: u32, step: u32) -> Result<HeadersView, String> {
        let trace = self.trace(flow)?;
        let packet = trace.packets.get(packet as usize).ok_or_else(|| format!("there is no packet {packet}"))?;
        let headers = packet.frame_after(step).headers();
        let layers = headers.layers.into_iter().map(|layer| HeaderLayer {
            name: layer.name.to_owned(),
            offset: layer.offset as u32,
            len: layer.len as u32,
            fields: layer
                .fields
                .into_iter()
                .map(|field| HeaderField {
                    name: field.name.to_owned(),
                    value: field.value,
                    offset: field.offset as u32,
                    len: field.len as u32,
                })
                .collect(),
        });
        Ok(HeadersView { layers: layers.collect(), bytes: headers.bytes })
    }

    fn object(&mut self, kind: &str, namespace: &str, name: &str) -> Result<ObjectView, String> {
        let cluster = self.world.cluster();
        let revision = cluster.revision();
        let key = ObjectKey::new(kind, namespace, name);
        let object = revision.object(&key).ok_or_else(|| format!("{key} not found"))?;
        let tree = crate::cluster::api_object(revision, &key).ok_or_else(|| format!("{key} not found"))?;
        let origin = Origin::object(object.uid, "metadata.name");
        Ok(ObjectView {
            title: key.to_string(),
            yaml: emit::yaml(&tree),
            facts: facts(object, &self.world),
            events: events(&self.world, &key),
            owners: revision.owners(&key).iter().map(ToString::to_string).collect(),
            setup: setup(&self.world, &key),
            at: origin_view(cluster, &origin).at,
        })
    }

    /// The namespace that a place names.
    pub fn netns_named(&self, place: &str) -> Option<crate::tables::NetnsId> {
        netns_named(&self.world, place)
    }
}

fn views<'f>(files: impl IntoIterator<Item = &'f Arc<File>>) -> Vec<FileView> {
    let view = |file: &Arc<File>| FileView {
        name: file.name.to_string(),
        text: file.text.to_string(),
        live: file.live,
        read_only: file.read_only,
    };
    files.into_iter().map(view).collect()
}

/// Whether a file is as it was, as far as its view tells.
fn same(old: &File, new: &File) -> bool {
    (&old.name, old.live) == (&new.name, new.live) && (Arc::ptr_eq(&old.text, &new.text) || old.text == new.text)
}

fn chunk(chunk: shell::Chunk) -> Chunk {
    let stream = match chunk.stream {
        shell::Stream::Out => Stream::Out,
        shell::Stream::Err => Stream::Err,
    };
    Chunk { stream, text: chunk.text, at: chunk.about }
}

fn joined(items: impl Iterator<Item = impl ToString>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

fn facts(object: &Object, world: &World) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut add = |label: &str, value: String| {
        if !value.is_empty() {
            facts.push((label.to_owned(), value));
        }
    };
    add("Namespace", object.key.namespace.to_string());
    let revision = world.revision();
    if let Some(pod) = object.key.as_pod().and_then(|key| revision.pods.get(&key)) {
        add("Node", pod.node.as_ref().map_or_else(String::new, ToString::to_string));
        add("IP", joined(pod.ips()));
        add("Status", format!("{:?}", pod.phase));
        add("Why", pod.reason.to_string());
    }
    if let Some(node) = object.key.is("Node").then(|| revision.node(&object.key.name)).flatten() {
        add("Status", if node.ready { "Ready" } else { "NotReady" }.to_owned());
        add("InternalIP", joined(node.ips()));
        add("PodCIDR", joined(node.pod_cidrs()));
        add("Pods", format!("{} of {}", node.pods_count(), node.pods_max));
    }
    for (label, value) in super::services::facts(object, revision) {
        add(label, value);
    }
    let from = match &object.provenance {
        Provenance::File { file } | Provenance::Console { file } => file.to_string(),
        Provenance::Builtin => "part of every cluster".to_owned(),
        Provenance::Controller => "made by a controller".to_owned(),
    };
    add("From", from);
    facts
}

/// A Pod's events; those of other kinds are not kept.
fn events(world: &World, key: &ObjectKey) -> Vec<String> {
    let pod = key.as_pod().and_then(|key| world.revision().pods.get(&key));
    pod.map_or_else(Vec::new, |pod| explain::pod_events(pod))
}

fn setup(world: &World, key: &ObjectKey) -> Vec<SetupStep> {
    let revision = world.revision();
    let Some(pod) = key.as_pod().and_then(|key| revision.pods.get(&key)) else { return Vec::new() };
    let steps = program::cni::add::add(revision, pod);
    steps
        .into_iter()
        .map(|step| SetupStep { plugin: step.plugin.to_string(), title: step.title, command: step.command })
        .collect()
}
