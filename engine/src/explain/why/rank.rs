//! The nearest misses first, and not too many of them.

use super::{ROWS_MAX, Tried, TriedRow};
use crate::net::MacAddr;
use std::net::IpAddr;

/// A row that did not decide, before it is put into words: only few are.
pub(super) struct Miss<R> {
    /// Greater is nearer.
    pub rank: (u32, u32),
    pub row: R,
}

/// The nearest misses of a table of `rows_count` rows, those of one rank in the table's own order. `tell` puts a row
/// into words.
pub(super) fn nearest<R>(
    table: &'static str,
    rows_count: usize,
    mut misses: Vec<Miss<R>>,
    tell: impl Fn(R) -> TriedRow,
) -> Tried {
    misses.sort_by_key(|miss| std::cmp::Reverse(miss.rank));
    let left_count = misses.len().saturating_sub(ROWS_MAX) as u32;
    let rows = misses.into_iter().take(ROWS_MAX).map(|miss| tell(miss.row)).collect();
    Tried { table, rows_count: rows_count as u32, rows, left_count, note: String::new() }
}

/// How many leading bits two addresses have in common; none if they are of different families.
pub(super) fn common_bits(a: IpAddr, b: IpAddr) -> u32 {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u32::from(a) ^ u32::from(b)).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a) ^ u128::from(b)).leading_zeros(),
        _ => 0,
    }
}

/// How many leading octets two MAC addresses have in common.
pub(super) fn common_octets(a: MacAddr, b: MacAddr) -> u32 {
    a.0.iter().zip(b.0).take_while(|(a, b)| **a == *b).count() as u32
}
