//! Which route, and why none of the others: the longest prefix that holds the destination, table `local` before `main`.

use super::rank::{Miss, common_bits, nearest};
use super::{Lookup, Tried, TriedRow, Why, count};
use crate::tables::text::route;
use crate::tables::{Netns, Route, RouteTable, RowId};
use crate::trace::{CauseTable, DropReason, Verdict};
use std::net::IpAddr;

/// The row of one of the two tables that decided.
#[derive(Clone, Copy)]
enum DecidedRow {
    Local(RowId),
    Main(RowId),
    No,
}

/// The destination that a route was looked for, and which decided.
pub(super) struct Decided {
    dst: IpAddr,
    row: DecidedRow,
}

pub(super) fn decided(lookup: &Lookup<'_>) -> Option<Decided> {
    let dst = lookup.frame.ip()?.dst;
    let row = match (lookup.cause(), lookup.step.verdict) {
        (Some(CauseTable::RouteLocal(row)), _) => DecidedRow::Local(row),
        (Some(CauseTable::RouteMain(row)), _) => DecidedRow::Main(row),
        (None, Verdict::Drop(DropReason::NoRoute) | Verdict::Reject(_)) => DecidedRow::No,
        // A sysctl, an MTU or a martian address decided, not a route.
        _ => return None,
    };
    Some(Decided { dst, row })
}

pub(super) fn why(lookup: &Lookup<'_>, Decided { dst, row: decided }: Decided) -> Why {
    let netns = lookup.netns;
    let (local, main) = match decided {
        DecidedRow::Local(row) => (local_hit(netns, dst, row), not_asked(&netns.main)),
        DecidedRow::Main(row) => (local_misses(netns, dst), tried(netns, &netns.main, "route", dst, Some(row))),
        DecidedRow::No => (local_misses(netns, dst), tried(netns, &netns.main, "route", dst, None)),
    };
    let because = because(netns, dst, decided);
    let tables = if matches!(decided, DecidedRow::Local(_)) { vec![local, main] } else { vec![main, local] };
    Why { sought: format!("a route to {dst}"), because, tables }
}

fn because(netns: &Netns, dst: IpAddr, decided: DecidedRow) -> String {
    let matching = |table: &RouteTable| table.rows.iter().filter(|(_, route)| route.dst.contains(&dst)).count();
    match decided {
        DecidedRow::Local(row) => match netns.local.rows.get(row) {
            Some(row) if row.dst.prefix_len() < row.dst.max_prefix_len() => format!("{dst} is in {}", row.dst),
            _ => format!("{dst} is this namespace's own: table local is asked first"),
        },
        DecidedRow::Main(row) => {
            let prefix = netns.main.rows.get(row).map(|row| row.dst);
            let shown = prefix.map_or_else(String::new, route::prefix);
            match (matching(&netns.main), prefix.map(|prefix| prefix.prefix_len())) {
                (1, Some(0)) => format!("no other route holds {dst}: the default route is left"),
                (1, _) => format!("{shown} is the only route that holds {dst}"),
                (more, _) => format!("{shown} is the longest prefix of {more} that hold {dst}"),
            }
        }
        DecidedRow::No => {
            let routes = count(netns.main.rows.iter().count(), "route", "routes");
            let default = netns.main.rows.iter().any(|(_, route)| route.dst.prefix_len() == 0);
            let default = if default { "" } else { ", and there is no default route" };
            format!("none of {routes} holds {dst}{default}")
        }
    }
}

/// Table `main` where `local` had the answer.
fn not_asked(main: &RouteTable) -> Tried {
    let note = "not asked: table local has decided".to_owned();
    let rows_count = main.rows.iter().count() as u32;
    Tried { table: "route", rows_count, note, ..Tried::default() }
}

/// Table `local` where it had no answer: it is asked first, and its rows are much alike.
fn local_misses(netns: &Netns, dst: IpAddr) -> Tried {
    let mut tried = tried(netns, &netns.local, "route-local", dst, None);
    let rows = count(tried.rows_count as usize, "row", "rows");
    tried.note = format!("asked first: none of its {rows} is for {dst}");
    // One of them is enough to see that.
    shorten(&mut tried, 1);
    tried
}

/// Table `local` with the row that had the answer.
fn local_hit(netns: &Netns, dst: IpAddr, row: RowId) -> Tried {
    let mut tried = tried(netns, &netns.local, "route-local", dst, Some(row));
    shorten(&mut tried, 3);
    tried
}

fn shorten(tried: &mut Tried, rows_max: usize) {
    tried.left_count += tried.rows.len().saturating_sub(rows_max) as u32;
    tried.rows.truncate(rows_max);
}

fn tried(netns: &Netns, table: &RouteTable, name: &'static str, dst: IpAddr, decided: Option<RowId>) -> Tried {
    let winner = decided.and_then(|row| table.rows.get(row));
    let mut rows_count = 0;
    let mut misses = Vec::new();
    for (id, row) in table.rows.iter() {
        rows_count += 1;
        if decided != Some(id) {
            misses.push(Miss { rank: rank(row, dst), row });
        }
    }
    nearest(name, rows_count, misses, |row| TriedRow {
        text: route::row(netns, row),
        reason: reason(row, dst, winner),
        origin: row.origin.clone(),
    })
}

/// Those that match first, the longest first; then those that are alike for the most bits.
fn rank(row: &Route, dst: IpAddr) -> (u32, u32) {
    match row.dst.contains(&dst) {
        true => (1, u32::from(row.dst.prefix_len())),
        false => (0, common_bits(row.dst.network(), dst)),
    }
}

fn reason(row: &Route, dst: IpAddr, winner: Option<&Route>) -> String {
    let (len, shown) = (row.dst.prefix_len(), route::prefix(row.dst));
    if !row.dst.contains(&dst) {
        return match len == row.dst.max_prefix_len() {
            true => format!("{dst} is not {shown}"),
            false => format!("{dst} is not in {shown}"),
        };
    }
    match winner.map(|winner| winner.dst.prefix_len()) {
        Some(longer) if longer > len && len == 0 => format!("matches everything, but /{longer} is longer"),
        Some(longer) if longer > len => format!("matches, but /{longer} is longer than /{len}"),
        _ => format!("matches, too, but the first row of {shown} counts"),
    }
}
