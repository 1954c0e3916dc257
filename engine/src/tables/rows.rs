//! A table's rows: a node's own, then those that are equal on every node and kept once.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A row's number in one version of a table. Shared rows have the top bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowId(pub u32);

const SHARED: u32 = 1 << 31;

/// Rows that can be found by a sorted key.
pub trait Keyed {
    type Key: Ord + Copy;
    fn key(&self) -> Self::Key;
}

/// Rows that many nodes have in common, sorted by key. `owner` of a row is the node that the row is about: that node
/// itself leaves the row out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SharedRows<T> {
    rows: Vec<T>,
    owners: Vec<u32>,
}

impl<T: Keyed> SharedRows<T> {
    /// From (owner, row) pairs in any order.
    pub fn new(mut pairs: Vec<(u32, T)>) -> SharedRows<T> {
        pairs.sort_by_key(|(owner, row)| (row.key(), *owner));
        let (owners, rows) = pairs.into_iter().unzip();
        SharedRows { rows, owners }
    }

    /// All rows with their owners, by key.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.owners.iter().copied().zip(&self.rows)
    }

    /// Positions of the rows with this key.
    fn range(&self, key: T::Key) -> std::ops::Range<usize> {
        let start = self.rows.partition_point(|row| row.key() < key);
        let end = start + self.rows[start..].partition_point(|row| row.key() == key);
        start..end
    }
}

/// One node's view: its own rows and the shared ones less those about itself.
#[derive(Clone, Debug)]
pub struct Rows<T> {
    own: Vec<T>,
    shared: Option<(Arc<SharedRows<T>>, u32)>,
}

impl<T> Default for Rows<T> {
    fn default() -> Rows<T> {
        Rows { own: Vec::new(), shared: None }
    }
}

impl<T> From<Vec<T>> for Rows<T> {
    fn from(own: Vec<T>) -> Rows<T> {
        Rows { own, shared: None }
    }
}

impl<T> Rows<T> {
    /// `own` rows first, then those of `shared` that are not about `owner`.
    pub fn with_shared(own: Vec<T>, shared: Arc<SharedRows<T>>, owner: u32) -> Rows<T> {
        Rows { own, shared: Some((shared, owner)) }
    }

    pub fn own(&self) -> &[T] {
        &self.own
    }

    /// The shared rows, and the owner whose rows this table leaves out.
    pub fn shared(&self) -> Option<(&Arc<SharedRows<T>>, u32)> {
        self.shared.as_ref().map(|(shared, owner)| (shared, *owner))
    }

    /// For faults and mutations: every row becomes this table's own.
    pub fn make_own(&mut self) -> &mut Vec<T>
    where
        T: Clone,
    {
        let all = self.iter().map(|(_, row)| row.clone()).collect();
        self.shared = None;
        self.own = all;
        &mut self.own
    }

    pub fn get(&self, id: RowId) -> Option<&T> {
        if id.0 & SHARED == 0 {
            self.own.get(id.0 as usize)
        } else {
            self.shared.as_ref()?.0.rows.get((id.0 & !SHARED) as usize)
        }
    }

    /// All rows with their numbers, own rows first.
    pub fn iter(&self) -> impl Iterator<Item = (RowId, &T)> {
        let own = self.own.iter().enumerate().map(|(i, row)| (RowId(i as u32), row));
        let shared = self.shared.iter().flat_map(|(shared, owner)| {
            shared
                .rows
                .iter()
                .enumerate()
                .filter(move |(i, _)| shared.owners[*i] != *owner)
                .map(|(i, row)| (RowId(i as u32 | SHARED), row))
        });
        own.chain(shared)
    }

    /// The first row with this key, own rows first.
    pub fn find(&self, key: T::Key) -> Option<(RowId, &T)>
    where
        T: Keyed,
    {
        if let Some(i) = self.own.iter().position(|row| row.key() == key) {
            return Some((RowId(i as u32), &self.own[i]));
        }
        let (shared, owner) = self.shared.as_ref()?;
        let at = shared.range(key).find(|i| shared.owners[*i] != *owner)?;
        Some((RowId(at as u32 | SHARED), &shared.rows[at]))
    }

    /// The different values of the first part of the shared rows' keys, in order. Takes time by their number, not by
    /// that of the rows.
    pub fn shared_groups<K: PartialOrd + Copy>(&self, part: impl Fn(T::Key) -> K) -> Vec<K>
    where
        T: Keyed,
    {
        let Some((shared, _)) = &self.shared else { return Vec::new() };
        let mut groups = Vec::new();
        let mut rest = &shared.rows[..];
        while let Some(first) = rest.first() {
            let group = part(first.key());
            groups.push(group);
            rest = &rest[rest.partition_point(|row| part(row.key()) <= group)..];
        }
        groups
    }

    /// Every row with this key among the shared ones, own rows left to the caller.
    pub fn find_shared(&self, key: T::Key) -> Option<(RowId, &T)>
    where
        T: Keyed,
    {
        let (shared, owner) = self.shared.as_ref()?;
        let at = shared.range(key).find(|i| shared.owners[*i] != *owner)?;
        Some((RowId(at as u32 | SHARED), &shared.rows[at]))
    }
}
