//! One table of one namespace, row by row, in the real tool's text: as it is now, or as it was at a step of a
//! conversation, with what has changed marked.

mod ebpf;
mod marks;
mod rows;

#[cfg(test)]
mod tests;

use super::{OriginView, TableRowView, TableView, origin_view};
use crate::dataplane::NetnsState;
use crate::explain;
use crate::program;
use crate::tables::{Netns, NetnsId, Segment};
use crate::trace::{CauseTable, Nanos, Step, Trace};
use crate::world::World;
use marks::{Marked, compare};
use rows::Row;
pub(super) use rows::{programmed, programmed_own, programmed_shared};
use std::sync::Arc;

/// Most rows of which nothing is to be said that one view shows.
const ROWS_MAX: usize = 2_000;

/// The namespace that a place names: `node/worker-1`, `pod/default/pod-a`, `gateway`.
pub fn netns_named(world: &World, place: &str) -> Option<NetnsId> {
    named_in(world.revision(), place)
}

fn named_in(revision: &crate::cluster::Revision, place: &str) -> Option<NetnsId> {
    match place.split('/').collect::<Vec<_>>()[..] {
        ["node", name] => Some(revision.node(name)?.netns),
        ["pod", namespace, name] => revision.pod(namespace, name)?.netns,
        ["gateway"] => Some(revision.network.gateway.1),
        ["internet"] => Some(revision.network.internet),
        _ => None,
    }
}

/// The table as it is, with what has changed since the revision `before`; or what is wrong with the question.
pub(super) fn now(world: &mut World, place: &str, table: &str, before: Option<u64>) -> Result<TableView, String> {
    let (time, earlier) = (world.now(), before.and_then(|number| world.cluster().revision_at(number)).cloned());
    let (rows, old) = if place.starts_with("segment/") {
        let segment = segment_named(world, place)?;
        let old = earlier.map(|earlier| rows::of_segment(&program::segment(&earlier), &earlier));
        (rows::of_segment(&segment, world.revision()), old)
    } else {
        let id = netns_named(world, place).ok_or_else(|| format!("{place:?} has no network namespace"))?;
        let netns = world.netns(id).ok_or_else(|| format!("{place:?} is gone"))?;
        let state = world.state(id);
        let old = earlier.and_then(|earlier| {
            let id = named_in(&earlier, place)?;
            let netns = program::netns(&earlier, id, &mut program::Shared::default())?;
            // What packets taught is no edit's doing.
            rows::of_netns(&netns, state, time, table)
        });
        (rows::of_netns(&netns, state, time, table).ok_or_else(|| no_table(table))?, old)
    };
    let marked = match old {
        Some(old) => compare(old, rows),
        None => rows.into_iter().map(Marked::same).collect(),
    };
    Ok(view(world, (place, table), None, marked, None))
}

fn no_table(table: &str) -> String {
    format!("there is no table {table:?}")
}

/// The table as it was just after a step, with what has changed since the conversation began.
pub(super) fn at(
    world: &mut World,
    (flow, packet, number): (u32, u32, u32),
    place: &str,
    table: &str,
) -> Result<TableView, String> {
    let step = step_of(world, flow, packet, number).cloned();
    let step = step.ok_or_else(|| format!("there is no step {number} of packet {packet} in conversation {flow}"))?;
    if place.starts_with("segment/") {
        return switch_at(world, &step, place, table);
    }
    let trace = trace_of(world, flow).ok_or_else(|| format!("conversation {flow} is not kept (any more)"))?;
    let (began, kept) = (trace.flow.started_at, kept_tables(trace, place));
    let last = number.checked_sub(1).and_then(|before| step_of(world, flow, packet, before));
    let last = last.map_or(began, |step| step.at);
    let netns = match kept.or_else(|| netns_named(world, place).and_then(|id| world.netns(id))) {
        Some(netns) => netns,
        None => return Err(format!("{place:?} has no network namespace")),
    };
    let rows_at = |at: Nanos| {
        let state: Option<NetnsState> = world.state_at(netns.id, at);
        rows::of_netns(&netns, state.as_ref(), at, table)
    };
    let rows = rows_at(step.at).ok_or_else(|| no_table(table))?;
    let learns = matches!(table, "neigh" | "fdb" | "conntrack" | "ipvs" | "ipvs-conn");
    // Just before it began: its first packet may have taught something at that very moment.
    let before = began.saturating_sub(1);
    let is_remembered = !learns || world.state_at(netns.id, before).is_some();
    let marked = match rows_at(before).filter(|_| is_remembered) {
        Some(old) => {
            let recent = rows_at(last).unwrap_or_default();
            let mut marked = compare(old, rows);
            for row in &mut marked {
                row.fresh = row.is_marked() && !recent.iter().any(|recent| recent.text == row.row.text);
            }
            marked
        }
        // Nobody knows what is new.
        None => rows.into_iter().map(Marked::same).collect(),
    };
    let note = match (is_remembered, world.state_at(netns.id, step.at)) {
        (true, _) => "",
        (false, Some(_)) => "what had been learned when the conversation began is not remembered any more",
        (false, None) => explain::FORGOTTEN,
    };
    let decides = step.cause.filter(|cause| cause.netns == netns.id).map(|cause| cause.table);
    let decides = decides.and_then(|cause| rows::key_of(&netns, &cause, table));
    let view = view(world, (place, table), Some(step.at), marked, decides.as_deref());
    Ok(TableView { note: note.to_owned(), ..view })
}

/// A switch's ports, which it knows from the start: those of now, as no conversation keeps them.
fn switch_at(world: &mut World, step: &Step, place: &str, table: &str) -> Result<TableView, String> {
    let segment = segment_named(world, place)?;
    let key = step.cause.and_then(|cause| match cause.table {
        CauseTable::Segment { port, .. } => Some(rows::port_key(segment.port_of(cause.netns, port)?.1)),
        _ => None,
    });
    let rows = rows::of_segment(&segment, world.revision());
    let marked = rows.into_iter().map(Marked::same).collect();
    Ok(view(world, (place, table), Some(step.at), marked, key.as_deref()))
}

fn segment_named(world: &mut World, place: &str) -> Result<Arc<Segment>, String> {
    let number = place.strip_prefix("segment/").unwrap_or_default();
    let segment = number.parse().ok().and_then(|number| world.segment(number));
    segment.ok_or_else(|| format!("there is no segment {number:?}"))
}

fn trace_of(world: &World, flow: u32) -> Option<&Trace> {
    world.recorder().get(crate::trace::FlowId(flow))
}

fn step_of(world: &World, flow: u32, packet: u32, step: u32) -> Option<&Step> {
    trace_of(world, flow)?.packets.get(packet as usize)?.steps.get(step as usize)
}

/// The newest tables of a place that a conversation has met.
fn kept_tables(trace: &Trace, place: &str) -> Option<Arc<Netns>> {
    let mut kept = trace.tables.values().rev();
    kept.find(|tables| explain::place_name(&tables.place) == place).cloned()
}

/// The rows to show: all that something is to be said of, and of the others the first.
fn view(
    world: &World,
    (place, table): (&str, &str),
    at_ns: Option<u64>,
    marked: Vec<Marked>,
    decides: Option<&str>,
) -> TableView {
    let (mut rows, mut left_count, mut plain_count) = (Vec::new(), 0, 0);
    let mut decided = false;
    for Marked { row: Row { key, text, origin }, mark, was, fresh } in marked {
        // Of equal prefixes the first counts.
        let decides = !decided && decides == Some(&*key) && mark != super::RowMark::Removed;
        decided |= decides;
        let plain = mark == super::RowMark::Same && !decides;
        plain_count += usize::from(plain);
        if plain_count > ROWS_MAX && plain || rows.len() >= 2 * ROWS_MAX {
            left_count += 1;
            continue;
        }
        let origin: OriginView = origin_view(world.cluster(), &origin);
        rows.push(TableRowView { text, origin, mark, was, fresh, decides });
    }
    let command = explain::command_of(table).to_owned();
    TableView {
        place: place.to_owned(),
        table: table.to_owned(),
        command,
        rows,
        left_count,
        note: String::new(),
        at_ns,
    }
}
