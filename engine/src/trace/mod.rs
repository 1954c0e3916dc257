//! The record of a conversation: which packet was where, what was decided, and the row that decided it.
//!
//! The walk changes packets only through [`Change::apply`], so replaying a packet's changes from its birth gives the
//! packet at any step. Steps are data; sentences come from `explain`.

mod change;
mod model;
mod recorder;

mod capture;

pub use capture::pcap;
pub use change::{Change, Changes};
pub use model::{
    CauseTable, CtStates, Disposition, DropReason, EbpfPoint, Flow, FlowEnd, FlowId, Hop, HopPlace, PacketId,
    PacketTrace, Relation, RowRef, RuleRef, Ruled, Stage, Step, Trace, Verdict,
};
pub use recorder::{Birth, PacketRef, Recorder};

/// Virtual time in nanoseconds since the cluster's start.
pub type Nanos = u64;
