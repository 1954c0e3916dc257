//! Why a step went as it did, and why not otherwise: what was looked up, the row that decided, and the rows that were
//! tried and did not match, each with its reason.
//!
//! Nothing of this is recorded while a packet walks. A step's lookup is made again, on demand, over the tables that its
//! trace keeps and over what its namespace had learned at that moment; over the switch between the nodes as it is now.

mod ipvs;
mod neighbors;
mod nft;
mod rank;
mod routes;
mod rules;
mod sockets;
mod switches;

#[cfg(test)]
mod tests;

use super::place_name;
use crate::dataplane::NetnsState;
use crate::net::Frame;
use crate::tables::{Link, Netns, NetnsId, Origin, Segment};
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
    /// The table's name in the protocol: `route`, `route-local`, `neigh`, `fdb`, `link`, `addr`, `socket`, `segment`,
    /// or a table of rules'.
    pub table: &'static str,
    /// All its rows at that moment, the one that decided included.
    pub rows_count: u32,
    /// Rows that did not decide, the nearest misses first, at most `ROWS_MAX`.
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

/// One step of a conversation.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub trace: &'a Trace,
    pub packet: &'a PacketTrace,
    /// Its number within the packet.
    pub step: u32,
    /// The network between the nodes, as it is now: traces keep none.
    pub segment: Option<&'a Arc<Segment>>,
}

/// What a step's lookup needs to be made again, beyond its trace.
pub struct Known<'a> {
    /// The words for a namespace: `node/worker-1`.
    pub owner: &'a dyn Fn(NetnsId) -> String,
    /// What a namespace had learned just after a moment; `None`: longer ago than is remembered.
    pub learned: &'a dyn Fn(NetnsId, Nanos) -> Option<NetnsState>,
    /// The world's seed, from which rules draw.
    pub seed: u64,
}

/// A step within a namespace whose tables are known.
struct Lookup<'a> {
    question: Question<'a>,
    step: &'a Step,
    /// The packet before the step.
    frame: &'a Frame,
    netns: &'a Netns,
}

/// What was looked up in a step, and how that ended.
enum Asked<'a> {
    Route(Lookup<'a>, routes::Decided),
    Neighbor(Lookup<'a>, neighbors::Next),
    Bridge(Lookup<'a>, switches::Way),
    Remote(Lookup<'a>, switches::Remote),
    Tunnel(Lookup<'a>, switches::Tunnel),
    Socket(Lookup<'a>, sockets::Sought),
    Rules(Lookup<'a>, rules::Table<'a>),
    Nftables(Lookup<'a>, nft::Base<'a>),
    Balance(Lookup<'a>, ipvs::Choice<'a>),
    OtherHost(Lookup<'a>, &'a Link),
    Port(switches::Port<'a>),
}

/// Whether a step is the outcome of a lookup: exactly if [`why`] has an answer. `frame` is the packet before the step.
pub fn asks(question: Question<'_>, frame: &Frame) -> bool {
    asked(question, frame).is_some()
}

/// The lookup behind a step; `None` if the step is not the outcome of one, such as a frame passing a cable.
pub fn why(question: Question<'_>, known: &Known<'_>) -> Option<Why> {
    let frame = match question.step.checked_sub(1) {
        Some(before) => question.packet.frame_after(before),
        None => Frame::clone(&question.packet.birth),
    };
    Some(match asked(question, &frame)? {
        Asked::Route(lookup, decided) => routes::why(&lookup, decided),
        Asked::Neighbor(lookup, next) => neighbors::why(&lookup, next, known),
        Asked::Bridge(lookup, way) => switches::bridge(&lookup, &way, known),
        Asked::Remote(lookup, remote) => switches::vxlan(&lookup, remote),
        Asked::Tunnel(lookup, tunnel) => switches::vxlan_device(&lookup, tunnel),
        Asked::Rules(lookup, table) => rules::why(&lookup, &table, known),
        Asked::Nftables(lookup, base) => nft::why(&lookup, &base, known),
        Asked::Balance(lookup, choice) => ipvs::why(&lookup, &choice, known),
        Asked::Socket(lookup, sought) => sockets::why(&lookup, sought),
        Asked::OtherHost(lookup, device) => switches::other_host(&lookup, device),
        Asked::Port(port) => switches::segment(&port, known.owner),
    })
}

fn asked<'a>(question: Question<'a>, frame: &'a Frame) -> Option<Asked<'a>> {
    let step = question.packet.steps.get(question.step as usize)?;
    let netns = match question.packet.hop_of(question.step)?.place {
        HopPlace::Segment(_) => return switches::port(question.segment?, step, frame).map(Asked::Port),
        HopPlace::Netns(id) => id,
    };
    let version = step.cause.filter(|cause| cause.netns == netns).map(|cause| cause.version);
    let kept = version.and_then(|version| question.trace.tables.get(&(netns, version)));
    let newest = || question.trace.tables.range((netns, 0)..=(netns, u32::MAX)).next_back().map(|(_, tables)| tables);
    let lookup = Lookup { question, step, frame, netns: kept.or_else(newest)? };
    Some(match step.stage {
        Stage::RouteOut | Stage::RouteIn => routes::decided(&lookup).map(|decided| Asked::Route(lookup, decided))?,
        Stage::Neighbor => neighbors::next(&lookup).map(|next| Asked::Neighbor(lookup, next))?,
        Stage::Bridge => switches::way(&lookup).map(|way| Asked::Bridge(lookup, way))?,
        Stage::Encapsulate => switches::remote(&lookup).map(|remote| Asked::Remote(lookup, remote))?,
        Stage::Decapsulate => switches::tunnel(&lookup).map(|tunnel| Asked::Tunnel(lookup, tunnel))?,
        Stage::Netfilter { hook, table } => {
            rules::table(&lookup, hook, table).map(|table| Asked::Rules(lookup, table))?
        }
        Stage::Nftables { .. } => nft::base(&lookup).map(|base| Asked::Nftables(lookup, base))?,
        Stage::Ipvs { .. } => ipvs::choice(&lookup).map(|choice| Asked::Balance(lookup, choice))?,
        Stage::Deliver => sockets::sought(&lookup).map(|sought| Asked::Socket(lookup, sought))?,
        Stage::Receive if step.verdict == Verdict::Drop(DropReason::OtherHost) => {
            let device = lookup.netns.link(step.link?)?;
            Asked::OtherHost(lookup, device)
        }
        _ => return None,
    })
}

impl Lookup<'_> {
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
pub const FORGOTTEN: &str = "what had been learned by then is not remembered any more";

/// `1 row`, `4 routes`
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
