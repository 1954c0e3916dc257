//! Trees → text, as `kubectl -o yaml` and `-o json` print them.

mod json;
mod number;
mod yaml;

#[cfg(test)]
mod tests;

pub use json::{json, json_compact};
pub use yaml::yaml;

use super::{Key, Node};
use std::cmp::Ordering;

/// A mapping's entries in the order of their keys, as `order` compares them. A merge sort of our own: go-yaml's order of
/// keys has cycles (`a2` < `a10` < `a1b` < `a2`), which the standard library's sort may answer with a panic.
fn sorted(node: &Node, order: fn(&str, &str) -> Ordering) -> Vec<&(Key, Node)> {
    let mut entries: Vec<&(Key, Node)> = node.entries().iter().collect();
    let mut merged = Vec::with_capacity(entries.len());
    let mut width = 1;
    while width < entries.len() {
        for pair in entries.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let ([l, left_rest @ ..], [r, right_rest @ ..]) = (left, right) {
                if order(&r.0.name, &l.0.name) == Ordering::Less {
                    merged.push(*r);
                    right = right_rest;
                } else {
                    merged.push(*l);
                    left = left_rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut entries, &mut merged);
        merged.clear();
        width *= 2;
    }
    entries
}
