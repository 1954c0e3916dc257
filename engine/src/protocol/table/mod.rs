//! One table of one namespace, row by row, in the real tool's text: as it is now, or as it was at a step of a
//! conversation, with what has changed marked.

mod marks;
mod rows;

use super::{OriginView, TableRowView, TableView, origin_view};
use crate::dataplane::NetnsState;
use crate::explain;
use crate::program;
use crate::tables::{Netns, NetnsId};
use crate::trace::{CauseTable, Nanos, Step, Trace};
use crate::world::World;
use marks::{Marked, compare};
use rows::Row;
pub(super) use rows::programmed;
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
        _ => None,
    }
}

/// The table as it is, with what has changed since the revision `before`; or what is wrong with the question.
pub(super) fn now(world: &mut World, place: &str, table: &str, before: Option<u64>) -> Result<TableView, String> {
    let (time, earlier) = (world.now(), before.and_then(|number| world.cluster().revision_at(number)).cloned());
    let (rows, old) = if let Some(number) = place.strip_prefix("segment/") {
        let segment = number.parse().ok().and_then(|number| world.segment(number));
        let segment = segment.ok_or_else(|| format!("there is no segment {number:?}"))?;
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
    if place.starts_with("segment/") {
        // A switch knows its ports from the start.
        let mut view = now(world, place, table, None)?;
        if let Some(step) = step_of(world, flow, packet, number).cloned() {
            let (segment, key) = (world.segment(program::SEGMENT), step.cause.map(|cause| cause.table));
            if let (Some(CauseTable::Segment { port, .. }), Some(_)) = (key, segment)
                && let Some(row) = view.rows.get_mut(port as usize)
            {
                row.decides = true;
            }
            view.at_ns = Some(step.at);
        }
        return Ok(view);
    }
    let step = step_of(world, flow, packet, number).cloned();
    let step = step.ok_or_else(|| format!("there is no step {number} of packet {packet} in conversation {flow}"))?;
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
    // Just before it began: its first packet may have taught something at that very moment.
    let old = rows_at(began.saturating_sub(1)).ok_or_else(|| no_table(table))?;
    let rows = rows_at(step.at).ok_or_else(|| no_table(table))?;
    let recent = rows_at(last).unwrap_or_default();
    let mut marked = compare(old, rows);
    for row in &mut marked {
        row.fresh = row.is_marked() && !recent.iter().any(|recent| recent.text == row.row.text);
    }
    let decides = step.cause.filter(|cause| cause.netns == netns.id).map(|cause| cause.table);
    let decides = decides.and_then(|cause| rows::key_of(&netns, &cause, table));
    Ok(view(world, (place, table), Some(step.at), marked, decides.as_deref()))
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
    TableView { place: place.to_owned(), table: table.to_owned(), command, rows, left_count, at_ns }
}
