//! Which ends no table tells apart.

use super::End;
use crate::world::TableCache;
use std::collections::BTreeMap;

/// A name for each end's class. Equal names mean that the tables say the same of both.
pub struct Classes {
    names: Vec<u64>,
}

/// Names of ends that are alone in their class have this bit.
const ALONE: u64 = 1 << 63;

impl Classes {
    /// Every end for itself.
    pub fn alone(count: usize) -> Classes {
        Classes { names: (0..count as u64).map(|at| at | ALONE).collect() }
    }

    pub fn name(&self, end: usize) -> u64 {
        self.names[end]
    }

    pub fn is_alone(&self, name: u64) -> bool {
        name & ALONE != 0
    }

    /// The class of each end, numbered as they first appear, and the members of each.
    pub fn numbered(&self) -> (Vec<u32>, Vec<Vec<u32>>) {
        let mut numbers = BTreeMap::new();
        let mut members: Vec<Vec<u32>> = Vec::new();
        let mut class_of = Vec::with_capacity(self.names.len());
        for (end, name) in self.names.iter().enumerate() {
            let number = *numbers.entry(*name).or_insert(members.len() as u32);
            if number as usize == members.len() {
                members.push(Vec::new());
            }
            members[number as usize].push(end as u32);
            class_of.push(number);
        }
        (class_of, members)
    }
}

/// The classes of these ends.
pub fn of(_tables: &mut TableCache, ends: &[End]) -> Classes {
    Classes::alone(ends.len())
}
