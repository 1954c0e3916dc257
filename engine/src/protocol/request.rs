//! What the page asks and what it gets.

use super::{
    CompareView, FlowList, FlowView, HeadersView, ObjectView, OriginView, Scene, Setting, TableView, TextRange,
    WaysView, WhyView,
};
use crate::assist::{Completions, Hover};
use crate::cluster::Progress;
use serde::{Deserialize, Serialize};

/// One question, numbered by the asker; the reply bears the same number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub id: u32,
    pub body: RequestBody,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RequestBody {
    /// A fresh cluster from these files. Live files are applied in order; the others wait for `kubectl apply -f`.
    Open { files: Vec<OpenFile>, seed: u64 },
    /// The text of a file as it stands after a keystroke. Applied if the file is live and the text valid.
    Edit { file: String, text: String },
    /// `kubectl apply -f`: the file is live from now on. Reply: `Edited`.
    Apply { file: String },
    /// A line typed into the console of this session (0 is the first). Reply: `Console`.
    Run { session: u32, line: String },
    /// What could stand before `cursor` (a byte of `line`) in the console of this session. Reply: `LineCompleted`.
    CompleteLine { session: u32, line: String, cursor: u32 },
    /// Ctrl-C at the prompt of a construct that is not closed yet: it is forgotten. Reply: `Prompt`.
    Interrupt { session: u32 },
    /// The console of this session is not needed any more; one that is asked for again begins anew. Reply: `Done`.
    CloseConsole { session: u32 },
    /// Nodes, Pods and devices to draw.
    Scene,
    /// The conversations so far, newest last.
    Flows,
    /// One conversation, whole.
    Flow { flow: u32 },
    /// The headers of a packet as they are after a step.
    Headers { flow: u32, packet: u32, step: u32 },
    /// One table of one namespace in the real tool's text: `place` as in `StepView.place`.
    Table { place: String, table: String },
    /// One object: kind as manifests write it (`Pod`), namespace empty for cluster-scoped kinds.
    Object { kind: String, namespace: String, name: String },
    /// A conversation as pcapng bytes; one packet of it if given.
    Pcap { flow: u32, packet: Option<u32> },
    /// The scenarios that can be opened.
    Scenarios,
    /// One of them, by its id.
    Scenario { id: String },
    /// The complete field table that unknown-field warnings need, loaded after the first picture.
    Fields { text: String },
    /// What may be written at a place of a text that need not be valid: 1-based line, and column in characters.
    Complete { text: String, line: u32, column: u32 },
    /// What is known about what stands at a place of a text.
    Hover { text: String, line: u32, column: u32 },
    /// Forgets a file; a live one's objects are deleted. Reply: `Edited`.
    Close { file: String },
    /// Gives a file a name that no other has; its objects stay. Reply: `Edited`.
    Rename { file: String, name: String },
    /// Why a step went as it did: the rows that were tried. Reply: `Why`.
    Why { flow: u32, packet: u32, step: u32 },
    /// A table as it was just after a step. Reply: `Table`.
    TableAt { flow: u32, packet: u32, step: u32, place: String, table: String },
    /// What is wrong with the cluster as it stands. Reply: `Problems`.
    Problems,
    /// What is other now than in an earlier revision whose scene was asked for not long ago. Reply: `Difference`.
    Difference { since: u64 },
    /// Makes the cluster of an earlier revision the present one, files included. A text that is not applied stays as it
    /// is. Reply: `Edited`, with a new revision.
    Return { revision: u64 },
    /// The command that made a conversation, run under two settings beside the cluster as it stands; a second one that
    /// names nothing is another CNI plugin. Reply: `Compared`.
    Compare { flow: u32, settings: [Setting; 2] },
    /// The ways of many conversations, at most `WAYS_MAX`, for a picture that shows them all. Reply: `Ways`.
    Ways { flows: Vec<u32> },
    /// Who can open a connection to whom: at `port` of `protocol` (`TCP`, `UDP`, `SCTP`; `ICMP` pings), or, if that is
    /// empty, at the ports that containers declare. `all`: also the cluster's own Pods, the nodes and a client outside.
    /// `since`: an earlier revision to compare with. Reply: `Reach`.
    Reach { protocol: String, port: u16, all: bool, workloads: bool, since: Option<u64> },
    /// The same as a file: `form` is `csv` or `svg`. Reply: `Bytes`.
    ReachFile { protocol: String, port: u16, all: bool, workloads: bool, form: String },
    /// What keeps one from connecting to another, each as in `ReachEnd.place`; protocol and port as in `Reach`. Reply: `WhyBlocked`.
    WhyBlocked { from: String, to: String, protocol: String, port: u16 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenFile {
    pub name: String,
    pub text: String,
    pub live: bool,
}

/// Scenarios under one heading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShelfView {
    pub title: String,
    pub scenarios: Vec<ScenarioView>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioView {
    /// `failures/closed-port`
    pub id: String,
    pub title: String,
    pub summary: String,
}

/// What it takes to try a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScriptView {
    pub title: String,
    /// Not live before a command applies them, but for what the cluster itself is made of.
    pub files: Vec<OpenFile>,
    /// In order.
    pub commands: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub id: u32,
    pub body: ReplyBody,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ReplyBody {
    Opened(Opened),
    Edited(Edited),
    Console(Console),
    Scene(Scene),
    Flows(FlowList),
    Flow(Box<FlowView>),
    Headers(HeadersView),
    Table(TableView),
    Object(ObjectView),
    Bytes(Vec<u8>),
    Scenarios(Vec<ShelfView>),
    Scenario(ScriptView),
    LineCompleted(LineCompletion),
    /// The prompt for the next line.
    Prompt(String),
    Done,
    Completions(Completions),
    Hover(Option<Hover>),
    /// Nothing: no table is asked in that step.
    Why(Option<WhyView>),
    /// All of them take the place of the diagnostics that are `about_cluster`.
    Problems(Vec<DiagnosticView>),
    /// The question made no sense: what, and what would.
    Error(String),
    Difference(Difference),
    Compared(Box<CompareView>),
    /// Not the answer yet: how far it has come.
    Progress(Progress),
    Ways(WaysView),
    Reach(ReachView),
    /// Nothing: the connection comes about.
    WhyBlocked(Option<WhyBlocked>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileView {
    pub name: String,
    pub text: String,
    /// Applied: edits take effect as typed.
    pub live: bool,
    /// Made by the console or by podhop itself; not editable.
    pub read_only: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    pub revision: u64,
    pub files: Vec<FileView>,
    pub diagnostics: Vec<DiagnosticView>,
    pub scene: Scene,
}

/// After an edit: the cluster's revision (unchanged if the text is invalid: the last good cluster stays).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edited {
    pub revision: u64,
    pub applied: bool,
    /// All files, in the answers to `Rename` and `Return`; empty in others, whose asker knows them.
    pub files: Vec<FileView>,
    /// All diagnostics of all files.
    pub diagnostics: Vec<DiagnosticView>,
    /// What changed, in words: `pod/pod-c created`, `deployment.apps/web configured`.
    pub changes: Vec<String>,
    pub scene: Scene,
}

/// Severity is `error`, `warning` or `info`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiagnosticView {
    pub severity: String,
    /// The sort of problem: `unknown-field`, `service-selects-nothing`.
    pub code: String,
    /// Not of the text itself, but of the cluster that was made of it; it may go without an edit of this text.
    pub about_cluster: bool,
    /// Its file is empty if it stands nowhere.
    pub at: TextRange,
    pub message: String,
    pub hint: Option<String>,
    /// Replaces the range by this text.
    pub fix: Option<(TextRange, String)>,
}

/// What a command line printed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Console {
    pub chunks: Vec<Chunk>,
    pub exit_status: i32,
    /// The prompt for the next line: `student@host $`, `/ #` in a Pod's shell.
    pub prompt: String,
    /// Where the next line runs: `host`, `node/worker-1`, `pod/default/pod-a`.
    pub place: String,
    /// Conversations that the line caused, in order.
    pub flows: Vec<u32>,
    pub revision: u64,
    pub diagnostics: Vec<DiagnosticView>,
    /// Files that the line made live, changed or created (a source tab for console-made objects).
    pub files: Vec<FileView>,
    /// The scene, if the revision has changed.
    pub scene: Option<Scene>,
    /// `clear` asks for an empty screen.
    pub clear: bool,
}

/// What could replace `line[start..cursor]` of a line that is being typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineCompletion {
    /// A byte of the line.
    pub start: u32,
    /// At most 200, sorted.
    pub candidates: Vec<LineCandidate>,
    /// How many there are beyond those.
    pub left_count: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineCandidate {
    /// What replaces the range, quoted as it must be.
    pub text: String,
    /// As a list shows it.
    pub shown: String,
    /// What it is, in a few words; may be empty.
    pub about: String,
    /// The word is complete with it: a blank follows.
    pub ends: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    Out,
    Err,
}

/// A stretch of output. Where it reports a packet, `flow`, `packet` and `step` say which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    pub stream: Stream,
    pub text: String,
    pub at: Option<(u32, u32)>,
}

/// What changed between two revisions beyond what their scenes show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub since: u64,
    /// Namespaces that are in both and whose programmed tables differ; nodes first.
    pub rows: Vec<RowsChanged>,
    /// Namespaces that may differ and were not compared, because there are too many.
    pub places_left_count: u32,
    /// Pods among which all pairs were tried by ping, and those that were too many for that.
    pub pods_count: u32,
    pub pods_left_count: u32,
    /// Pairs that reach each other now and did not, and those that do not any more; the first of both are named.
    pub gained_count: u32,
    pub lost_count: u32,
    pub pairs: Vec<PairChanged>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowsChanged {
    /// As `StepView.place`: `node/worker-1`.
    pub place: String,
    pub added_count: u32,
    pub removed_count: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairChanged {
    /// `pod/default/pod-a`
    pub from: String,
    pub to: String,
    /// Whether the one now gets an answer from the other.
    pub reaches: bool,
}

/// Who can connect to whom. Ends that no table tells apart are of one class, so that the cells are those of classes:
/// `.` connects, `X` does not, `o` in part, a blank where there is no such pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReachView {
    /// `TCP 80`, `the ports that containers declare (TCP 80 where none)`, `ping`.
    pub title: String,
    pub ends: Vec<ReachEnd>,
    /// By end, the number of its class.
    pub class_of: Vec<u32>,
    /// By the class of the row, a sign for each class of columns: between ends on two nodes, and between ends on one.
    /// Workloads have both alike, and their diagonal is about their Pods among themselves.
    pub apart: Vec<String>,
    pub together: Vec<String>,
    /// The first of the pairs that were otherwise in the revision `since`, and how many there are.
    pub changes: Vec<ReachChange>,
    pub changes_count: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReachEnd {
    /// `pod/default/pod-a`, `node/worker-1`, `outside/198.51.100.7`.
    pub place: String,
    /// A namespace, `nodes` or `outside`.
    pub group: String,
    pub name: String,
    /// Where it is; a workload has its own name here.
    pub node: String,
}

/// A pair by the names of its ends, with the signs of its cell before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReachChange {
    pub from: String,
    pub to: String,
    pub was: char,
    pub is: char,
}

/// What keeps a connection from coming about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhyBlocked {
    /// The first that does not come about of those that were asked for: `TCP 80`, `ping`.
    pub asked: String,
    /// `timed out`, and why in a sentence.
    pub word: String,
    pub reason: String,
    /// Where a packet was stopped, as `StepView.place`; empty if none was.
    pub place: String,
    /// It was a packet on its way back.
    pub reply: bool,
    /// The row that decided, as in `CauseView`; empty if it was no row.
    pub table: String,
    pub text: String,
    pub command: String,
    pub origin: OriginView,
}
