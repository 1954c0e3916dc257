//! Why a step went as it did, and why not otherwise: what was looked up, the row that decided, and the rows that were
//! tried and did not match, each with its reason.
//!
//! Nothing of this is recorded while a packet walks. A step's lookup is made again, on demand, over the tables that its
//! trace keeps and over what its namespace had learned at that moment.

mod neighbors;
mod rank;
mod routes;
mod sockets;
mod switches;

#[cfg(test)]
mod tests;

use super::place_name;
use crate::dataplane::NetnsState;
use crate::net::Frame;
use crate::tables::{Netns, NetnsId, Origin, Segment};
use crate::trace::{CauseTable, DropReason, HopPlace, Nanos, PacketTrace, Stage, Step, Trace, Verdict};
use std::sync::Arc;

/// Most rows of one table that are told; the others are counted.
pub const ROWS_MAX: usize = 8;

/// The lookup that a step stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// What was looked for: `a route to 10.244.2.5`.
    pub sought: String,
    /// Why it ended as it did, in one sentence without a full stop.
    pub because: String,
    /// Where it was looked for, the table that decided first.
    pub tables: Vec<Tried>,
}

/// One table's part in a lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// The table's name in the protocol: `route`, `route-local`, `neigh`, `fdb`, `link`, `addr`, `socket`, `segment`.
    pub table: &'static str,
    /// All its rows at that moment, the one that decided included.
    pub rows_count: u32,
    /// Rows that did not decide, the nearest misses first, at most [`ROWS_MAX`].
    pub rows: Vec<TriedRow>,
    /// Rows that did not decide beyond those.
    pub left_count: u32,
    /// What is to be said of the table as a whole; often empty.
    pub note: String,
}

/// A row that was tried and did not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedRow {
    /// As the real tool prints it.
    pub text: String,
    /// Why it was not this one: `10.244.2.5 is not in 10.244.1.0/24`.
    pub reason: String,
    pub origin: Origin,
}

/// One step of a conversation, with what its lookup needs to be made again.
pub struct Question<'a> {
    pub trace: &'a Trace,
    pub packet: &'a PacketTrace,
    /// Its number within the packet.
    pub step: u32,
    /// The network between the nodes.
    pub segment: Option<&'a Arc<Segment>>,
    /// The words for a namespace: `node/worker-1`.
    pub owner: &'a dyn Fn(NetnsId) -> String,
    /// What a namespace had learned just after a moment; `None`: longer ago than is remembered.
    pub learned: &'a dyn Fn(NetnsId, Nanos) -> Option<NetnsState>,
}

/// A step within a namespace whose tables are known.
struct Lookup<'a> {
    question: &'a Question<'a>,
    step: &'a Step,
    /// The packet before the step.
    frame: Frame,
    netns: &'a Netns,
}

/// The lookup behind a step; `None` if the step is not the outcome of one, such as a frame passing a cable.
pub fn why(question: &Question<'_>) -> Option<Why> {
    let step = question.packet.steps.get(question.step as usize)?;
    let frame = match question.step.checked_sub(1) {
        Some(before) => question.packet.frame_after(before),
        None => Frame::clone(&question.packet.birth),
    };
    let netns = match question.packet.hop_of(question.step)?.place {
        HopPlace::Segment(_) => return switches::segment(question.segment?, step, &frame, question.owner),
        HopPlace::Netns(id) => id,
    };
    let version = step.cause.filter(|cause| cause.netns == netns).map(|cause| cause.version);
    let kept = version.and_then(|version| question.trace.tables.get(&(netns, version)));
    let newest = || question.trace.tables.range((netns, 0)..=(netns, u32::MAX)).next_back().map(|(_, tables)| tables);
    let lookup = Lookup { question, step, frame, netns: kept.or_else(newest)? };
    match step.stage {
        Stage::RouteOut | Stage::RouteIn => routes::why(&lookup),
        Stage::Neighbor => neighbors::why(&lookup),
        Stage::Bridge => switches::bridge(&lookup),
        Stage::Encapsulate => switches::vxlan(&lookup),
        Stage::Decapsulate => switches::vxlan_device(&lookup),
        Stage::Deliver => sockets::why(&lookup),
        Stage::Receive if step.verdict == Verdict::Drop(DropReason::OtherHost) => switches::other_host(&lookup),
        _ => None,
    }
}

impl Lookup<'_> {
    /// What the namespace had learned just after this moment.
    fn learned(&self, at: Nanos) -> Option<NetnsState> {
        (self.question.learned)(self.netns.id, at)
    }

    fn cause(&self) -> Option<CauseTable> {
        self.step.cause.map(|cause| cause.table)
    }

    /// The name of the step's device, or nothing.
    fn device(&self) -> &str {
        self.step.link.and_then(|link| self.netns.link(link)).map_or("", |link| &*link.name)
    }

    /// `pod/default/pod-a`
    fn place(&self) -> String {
        place_name(&self.netns.place)
    }
}

/// What is said where the journal does not reach back far enough.
const FORGOTTEN: &str = "what had been learned by then is not remembered any more";

/// `1 row`, `4 routes`
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
