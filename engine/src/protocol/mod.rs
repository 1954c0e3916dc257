//! The façade: requests and replies of plain serialisable data. The page speaks nothing else; the same protocol runs
//! in process in tests and at the command line.

mod compare;
mod difference;
mod origin;
mod problems;
mod reach;
mod request;
mod scene;
mod server;
mod services;
mod stage;
mod table;
mod trace;
mod view;
mod ways;
mod why;

pub use crate::assist::{Completion, Completions, Hover};
pub use crate::cluster::Progress;
pub use compare::{CNIS, CompareView, ComparedStep, PROXY_MODES, PacketHead, PacketPair, Setting, SideView, StepPair};
pub use origin::origin_view;
pub use request::{
    Chunk, Console, DiagnosticView, Difference, Edited, FileView, LineCandidate, LineCompletion, OpenFile, Opened,
    PairChanged, ReachChange, ReachEnd, ReachView, Reply, ReplyBody, Request, RequestBody, RowsChanged, ScenarioView,
    ScriptView, ShelfView, Stream, WhyBlocked,
};
pub use scene::{
    ContainerView, DeviceView, EndpointView, NodeView, PodPhase, PodView, ProxyState, Scene, ServicePortView,
    ServiceView, ToolsView,
};
pub use server::{Library, Server};
pub use trace::Viewer;
pub use view::{
    CauseView, ChangeView, FlowList, FlowSummary, FlowView, HeaderField, HeaderLayer, HeadersView, ObjectView,
    OriginView, PacketView, RowMark, RuleView, SetupStep, StepView, TableRowView, TableView, TextRange, TriedRowView,
    TriedView, VerdictKind, WhyView,
};
pub use ways::{FlowWays, PacketWay, StopView, WAYS_MAX, WaysView};
