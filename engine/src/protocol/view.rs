//! Conversations, steps, headers, tables and objects as a reader sees them.

use serde::{Deserialize, Serialize};

/// A stretch of a file: 1-based line and column (in characters) of its start and end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextRange {
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowList {
    pub flows: Vec<FlowSummary>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowSummary {
    pub flow: u32,
    /// `ping 10.244.2.2`
    pub title: String,
    /// `pod/default/pod-a`
    pub from: String,
    /// `pod/default/pod-b`, or the address if it is nobody's.
    pub to: String,
    /// `delivered`, `refused`, `unreachable`, `timed out`, `not sent`
    pub end: String,
    pub end_kind: VerdictKind,
    /// Why, in one sentence; empty if delivered.
    pub reason: String,
    pub started_at_ns: u64,
    pub packets_count: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowView {
    pub summary: FlowSummary,
    /// In the order of birth.
    pub packets: Vec<PacketView>,
    pub unrecorded_count: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PacketView {
    pub packet: u32,
    /// The packet it belongs to and how: `answers`, `serves`, `copies`, `retransmits`, `fragments`, `follows`.
    pub parent: Option<(u32, String)>,
    /// `ICMP echo request seq 0`, `ARP who has 10.244.1.1?`, `TCP SYN`
    pub title: String,
    /// `10.244.1.2 → 10.244.2.2`
    pub label: String,
    /// Serves another packet (ARP) and is folded into it by default.
    pub plumbing: bool,
    /// Travels back to the one who started the conversation.
    pub reply: bool,
    pub born_at_ns: u64,
    pub steps: Vec<StepView>,
    /// `delivered`, `dropped`, `rejected`, `split`, `in flight`
    pub disposition: String,
    pub disposition_kind: VerdictKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VerdictKind {
    /// Goes on.
    Pass,
    Wait,
    /// ● arrived
    Delivered,
    /// ✕
    Dropped,
    /// ⊘ told by ICMP
    Rejected,
    /// ◌ told by the destination itself
    Refused,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    pub at_ns: u64,
    /// `node/worker-1`, `pod/default/pod-a`, `gateway`, `segment/0`
    pub place: String,
    /// `eth0`, `cni0` …; empty where no device is concerned.
    pub device: String,
    /// A closed list of words: `send`, `route`, `forward`, `fragment`, `neighbor`, `transmit`, `receive`, `bridge`,
    /// `encapsulate`, `decapsulate`, `switch`, `reassemble`, `deliver`; netfilter's hooks: `prerouting`, `input`,
    /// `output`, `postrouting` (what is filtered in FORWARD is `forward`, too).
    pub stage: String,
    /// `Route`, `Bridge`, `Encapsulate` …
    pub title: String,
    /// One sentence for engineers, one for beginners.
    pub sentence: String,
    pub sentence_beginner: String,
    pub verdict: VerdictKind,
    pub changes: Vec<ChangeView>,
    pub cause: Option<CauseView>,
    /// How rules chose among several backends: `one of 3: 33.3 %; drew 0.215, below 0.333`. Mostly empty.
    pub chance: String,
    /// Whether `RequestBody::Why` tells which rows were tried in this step.
    pub has_why: bool,
    /// The packet after this step, outermost layer first: (`VXLAN`, `172.18.0.3 → 172.18.0.4`),
    /// (`ICMP echo`, `10.244.1.2 → 10.244.2.2`).
    pub envelope: Vec<(String, String)>,
    /// Bytes on the wire after this step.
    pub len: u32,
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleView {
    pub chain: String,
    /// As `iptables -S` prints it.
    pub text: String,
    /// Its place in its chain, from 1, and the rules that the chain has.
    pub number: u32,
    pub count: u32,
    pub origin: OriginView,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeView {
    /// `ttl`, `eth.dst`, `ip.dst`; `+ VXLAN 1` has empty before.
    pub field: String,
    pub before: String,
    pub after: String,
}

/// The row that decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CauseView {
    /// The namespace it belongs to, as `StepView.place`, and the table's name for `RequestBody::Table`: `route`,
    /// `neigh`, `fdb`, `link`, `addr`, `socket`, `segment`, `sysctl`.
    pub place: String,
    pub table: String,
    /// The row in the real tool's text.
    pub text: String,
    /// What to run on a real cluster to see it: `ip route`.
    pub command: String,
    pub origin: OriginView,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OriginView {
    /// `Node worker-2 · spec.podCIDR`, `Flannel default · VNI 1`, `kernel`.
    pub label: String,
    /// Where it stands, if it was written.
    pub at: Option<TextRange>,
    /// The revision whose text `at` is about, if the file has changed since.
    pub as_of_revision: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeadersView {
    /// Outermost first.
    pub layers: Vec<HeaderLayer>,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeaderLayer {
    /// As Wireshark names it: `Ethernet II`, `Internet Protocol Version 4`.
    pub name: String,
    pub fields: Vec<HeaderField>,
    /// Bytes of the frame: start and length.
    pub offset: u32,
    pub len: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeaderField {
    pub name: String,
    pub value: String,
    pub offset: u32,
    pub len: u32,
}

/// The lookup behind a step: why it ended as it did, and the rows that were tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhyView {
    /// What was looked for: `a route to 10.244.2.5`.
    pub sought: String,
    /// One sentence without a full stop: `10.244.2.0/24 is the only route that holds 10.244.2.5`.
    pub because: String,
    /// Of a step that a table of rules was asked in: those that matched, in their order; the last one decided.
    pub path: Vec<RuleView>,
    /// Where it was looked for, the table that decided first.
    pub tables: Vec<TriedView>,
}

/// One table's part in a lookup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedView {
    /// As in `CauseView`.
    pub place: String,
    pub table: String,
    pub command: String,
    /// All its rows at that moment, the one that decided included.
    pub rows_count: u32,
    /// Rows that did not decide, the nearest misses first; only the first few.
    pub rows: Vec<TriedRowView>,
    /// Rows that did not decide beyond those.
    pub left_count: u32,
    /// What is to be said of the table as a whole; often empty.
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedRowView {
    pub text: String,
    /// Why it was not this one: `10.244.2.5 is not in 10.244.1.0/24`.
    pub reason: String,
    pub origin: OriginView,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableView {
    pub place: String,
    pub table: String,
    /// The command that prints it: `ip route`.
    pub command: String,
    /// At most 2,000 of those that nothing is to be said of. Removed ones come last.
    pub rows: Vec<TableRowView>,
    /// Rows beyond those.
    pub left_count: u32,
    /// What is to be said of the table as a whole; often empty.
    pub note: String,
    /// The moment it is shown at, in nanoseconds; nothing: now. Marks then say what the conversation has changed so far,
    /// else what the last change of the cluster has.
    pub at_ns: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableRowView {
    pub text: String,
    pub origin: OriginView,
    pub mark: RowMark,
    /// A changed row's text as it was before.
    pub was: String,
    /// Marked since the packet's last step.
    pub fresh: bool,
    /// The row that decided the step.
    pub decides: bool,
}

/// What has become of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowMark {
    #[default]
    Same,
    Added,
    Changed,
    Removed,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectView {
    /// `pod/pod-a`
    pub title: String,
    pub yaml: String,
    /// Label and value pairs for the head of the view.
    pub facts: Vec<(String, String)>,
    pub events: Vec<String>,
    /// Owner chain, nearest first: `replicaset/web-5d4f…`, `deployment/web`.
    pub owners: Vec<String>,
    /// How its network came to be: the CNI ADD, step by step.
    pub setup: Vec<SetupStep>,
    pub at: Option<TextRange>,
}

/// One step of CNI ADD or DEL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetupStep {
    /// `host-local`, `bridge`, `flannel`, `loopback`, `kubelet`
    pub plugin: String,
    /// `allocate 10.244.1.2`
    pub title: String,
    /// The command that would do it by hand: `ip link add …`.
    pub command: String,
}
