//! Sends the packets, and remembers what they have come to as long as the tables say the same.

use super::classes::{self, Classes};
use super::{End, EndKind, Fate, Matrix, PortSet, Ports, Reached};
use crate::cluster::Revision;
use crate::explain;
use crate::net::Protocol;
use crate::tables::{NetnsId, Origin};
use crate::trace::{FlowEnd, Nanos, PacketTrace, Step, Trace, Verdict};
use crate::world::{ProbeKind, ProbeSpec, TableCache, Trial, trial};
use std::collections::BTreeMap;

/// As `podhop probe` waits.
const TIMEOUT: Nanos = 10_000_000_000;
/// Most answers that are remembered; more begin anew.
const KNOWN_MAX: usize = 1_000_000;
/// Most packets for the ports of one pair. Only rules that draw lots need more.
const SPANS_MAX: usize = 1_024;

/// Ports that are treated alike, both ends inclusive.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: u16,
    last: u16,
    connects: bool,
}

/// Two classes' names, and whether their members are on one node; the protocol, None: ICMP.
type Key = (u64, u64, bool, Option<Protocol>);

/// Why a pair's connection does not come about.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocked {
    /// `explain`'s word for the end of the conversation, and its reason.
    pub word: String,
    pub reason: String,
    /// Where it was decided: `node/worker-1`; empty if no step stopped a packet.
    pub place: String,
    /// True if it was a packet on its way back.
    pub reply: bool,
    /// The row that decided: its table, its text in the real tool's words, the command that shows it, and whence it comes.
    pub row: Option<(String, String, String, Origin)>,
}

/// Answers for the present tables, and those for former ones that still hold.
#[derive(Debug, Default)]
pub struct Solver {
    known: BTreeMap<Key, Vec<Span>>,
    /// Packets sent so far.
    trials_count: u64,
}

/// Ends that are asked about, with the names of their classes.
struct Asked<'a> {
    ends: &'a [End],
    classes: Classes,
}

/// A packet came to a place that classes say nothing of.
struct Elsewhere;

impl Solver {
    /// How many packets it has taken so far.
    pub fn trials_count(&self) -> u64 {
        self.trials_count
    }

    /// The answers for all pairs of these ends.
    pub fn matrix(&mut self, tables: &mut TableCache, ends: Vec<End>, ports: Ports) -> Matrix {
        let classes = classes::of(tables, &ends);
        if let Ok(matrix) = self.with_classes(tables, &ends, classes, ports) {
            return matrix;
        }
        let classes = Classes::alone(ends.len());
        self.with_classes(tables, &ends, classes, ports).unwrap_or_else(|Elsewhere| unreachable!("nothing is shared"))
    }

    fn with_classes(
        &mut self,
        tables: &mut TableCache,
        ends: &[End],
        classes: Classes,
        ports: Ports,
    ) -> Result<Matrix, Elsewhere> {
        self.forget(&classes);
        let (class_of, members) = classes.numbered();
        let asked = Asked { ends, classes };
        let mut cells = Vec::with_capacity(members.len() * members.len());
        for from in &members {
            for to in &members {
                let mut cell = [None; 2];
                for together in [false, true] {
                    let Some((from, to)) = pair(ends, from, to, together) else { continue };
                    cell[usize::from(together)] = Some(self.fate(tables, &asked, (from, to), ports)?);
                }
                cells.push(cell);
            }
        }
        Ok(Matrix { ports, ends: ends.to_vec(), class_of, classes: members, grouped: false, cells })
    }

    /// What only the last tables said is forgotten.
    fn forget(&mut self, classes: &Classes) {
        if self.known.values().map(Vec::len).sum::<usize>() > KNOWN_MAX {
            self.known.clear();
        }
        self.known.retain(|(from, to, ..), _| !classes.is_alone(*from) && !classes.is_alone(*to));
    }

    fn fate(
        &mut self,
        tables: &mut TableCache,
        asked: &Asked<'_>,
        (from, to): (usize, usize),
        ports: Ports,
    ) -> Result<Fate, Elsewhere> {
        let mut fates = Vec::new();
        for (protocol, port) in ports.of(&asked.ends[to]) {
            let span = self.span(tables, asked, (from, to), (protocol, port))?;
            fates.push(if span.connects { Fate::Open } else { Fate::Closed });
        }
        Ok(Fate::of(fates))
    }

    /// What becomes of a port, and of which others.
    fn span(
        &mut self,
        tables: &mut TableCache,
        asked: &Asked<'_>,
        (from, to): (usize, usize),
        (protocol, port): (Option<Protocol>, u16),
    ) -> Result<Span, Elsewhere> {
        let (one, other) = (&asked.ends[from], &asked.ends[to]);
        let names = (asked.classes.name(from), asked.classes.name(to));
        let key = (names.0, names.1, one.node == other.node, protocol);
        let known = self.known.get(&key).into_iter().flatten();
        if let Some(span) = known.into_iter().find(|span| (span.first..=span.last).contains(&port)) {
            return Ok(*span);
        }
        self.trials_count += 1;
        let tried = try_pair(tables, (one, other), protocol, port);
        let shared = !asked.classes.is_alone(names.0) || !asked.classes.is_alone(names.1);
        if shared {
            let own = places(tables.revision(), [one, other]);
            if tried.visited().any(|id| !own.contains(&id)) {
                return Err(Elsewhere);
            }
        }
        let span = Span { first: tried.ports.0, last: tried.ports.1, connects: tried.result.connects() };
        self.known.entry(key).or_default().push(span);
        Ok(span)
    }

    /// The ports by which one end can open connections to another.
    pub fn ports(&mut self, tables: &mut TableCache, (from, to): (&End, &End), protocol: Protocol) -> Reached {
        let ends = [from.clone(), to.clone()];
        let classes = Classes::alone(ends.len());
        self.forget(&classes);
        let asked = Asked { ends: &ends, classes };
        self.swept(tables, &asked, (0, 1), protocol).unwrap_or_else(|Elsewhere| unreachable!("nothing is shared"))
    }

    fn swept(
        &mut self,
        tables: &mut TableCache,
        asked: &Asked<'_>,
        pair: (usize, usize),
        protocol: Protocol,
    ) -> Result<Reached, Elsewhere> {
        let (mut ports, mut next) = (PortSet::default(), Some(1));
        for _ in 0..SPANS_MAX {
            let Some(port) = next else { break };
            let span = self.span(tables, asked, pair, (Some(protocol), port))?;
            if span.connects {
                ports.push(port, span.last);
            }
            next = span.last.checked_add(1);
        }
        Ok(Reached { protocol, ports, cut: next })
    }

    /// The ports of all pairs of these ends, told pair by pair, in the order of `protocols`.
    pub fn ranges(
        &mut self,
        tables: &mut TableCache,
        ends: &[End],
        protocols: &[Protocol],
        told: &mut dyn FnMut(&End, &End, &[Reached]),
    ) {
        let mut classes = classes::of(tables, ends);
        self.forget(&classes);
        // What has been told stays told: one packet that comes elsewhere, and the rest is asked pair by pair.
        for from in 0..ends.len() {
            for to in (0..ends.len()).filter(|to| *to != from) {
                let mut sets = Vec::new();
                while sets.len() < protocols.len() {
                    let protocol = protocols[sets.len()];
                    let asked = Asked { ends, classes };
                    let swept = self.swept(tables, &asked, (from, to), protocol);
                    classes = asked.classes;
                    match swept {
                        Ok(reached) => sets.push(reached),
                        Err(Elsewhere) => classes = Classes::alone(ends.len()),
                    }
                }
                told(&ends[from], &ends[to], &sets);
            }
        }
    }

    /// What keeps a connection from coming about; None: it does.
    pub fn blocked(
        &self,
        tables: &mut TableCache,
        (from, to): (&End, &End),
        (protocol, port): (Option<Protocol>, u16),
    ) -> Option<Blocked> {
        let tried = try_pair(tables, (from, to), protocol, port);
        if tried.result.connects() {
            return None;
        }
        let revision = tables.revision();
        Some(tried.trace().map_or_else(|| Blocked::of(tried.result.end), |trace| told(revision, trace, &tried)))
    }
}

impl Blocked {
    fn of(end: FlowEnd) -> Blocked {
        let (word, reason) = explain::ending(end);
        Blocked { word: word.to_owned(), reason, place: String::new(), reply: false, row: None }
    }
}

/// The step that stopped the first packet that came to nothing.
fn told(revision: &Revision, trace: &Trace, tried: &Trial) -> Blocked {
    let stops = |step: &Step| matches!(step.verdict, Verdict::Drop(_) | Verdict::Reject(_));
    let stopped = |packet: &PacketTrace| packet.steps.last().filter(|step| stops(step)).cloned();
    let mut packets = trace.packets.iter().filter(|packet| !packet.birth.is_discovery());
    let found = packets.find_map(|packet| Some((packet, stopped(packet)?)));
    let mut blocked = Blocked::of(tried.result.end);
    let Some((packet, step)) = found else { return blocked };
    let name = |id: NetnsId| {
        crate::program::place(revision, id)
            .map_or_else(|| format!("netns/{}", id.0), |place| explain::place_name(&place))
    };
    blocked.place = packet.hops.last().map_or_else(String::new, |hop| match hop.place {
        crate::trace::HopPlace::Netns(id) => name(id),
        crate::trace::HopPlace::Segment(number) => format!("segment/{number}"),
    });
    let first = trace.packets.iter().find_map(|packet| packet.birth.ip()).map(|ip| ip.dst);
    blocked.reply = packet.birth.ip().map(|ip| ip.dst) != first;
    let cause = step.cause.and_then(|row| explain::row_text(trace, &row, None, &name));
    blocked.row = cause.map(|cause| (cause.table.to_owned(), cause.text, cause.command.to_owned(), cause.origin));
    blocked
}

fn try_pair(tables: &mut TableCache, (from, to): (&End, &End), protocol: Option<Protocol>, port: u16) -> Trial {
    let kind = ProbeKind::plain(protocol, port);
    trial(tables, &ProbeSpec { from: from.netns, to: to.ip, kind, timeout: TIMEOUT })
}

/// The namespaces that packets between these ends come to if they go straight.
fn places(revision: &Revision, ends: [&End; 2]) -> Vec<NetnsId> {
    let nodes = ends.iter().filter_map(|end| revision.node(&end.node)).map(|node| node.netns);
    let beyond = ends.iter().filter(|end| end.kind == EndKind::Outside).map(|_| revision.network.gateway.1);
    nodes.chain(beyond).chain(ends.iter().map(|end| end.netns)).collect()
}

/// Two different members of two classes, on one node or on two.
fn pair(ends: &[End], from: &[u32], to: &[u32], together: bool) -> Option<(usize, usize)> {
    let fits = |a: u32, b: u32| a != b && (ends[a as usize].node == ends[b as usize].node) == together;
    let found = from.iter().find_map(|a| Some((*a, *to.iter().find(|b| fits(*a, **b))?)));
    found.map(|(a, b)| (a as usize, b as usize))
}
