//! Finding the parts of a body that never ran, and what such a part needs to stand as a function of its own.
//!
//! What follows an operator that did not run, up to the end of the block around it, did not run either: a cold region is
//! the tail of a block. It can become a function if it takes nothing from the stack; the locals it reads become
//! parameters, those it sets for others become results, and the ways out of it are numbered.

use std::collections::BTreeSet;

use wasmparser::{Operator, ValType};

use super::code::Code;
use super::liveness::{Liveness, Locals};
use super::module::Module;

/// A way out of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Past its last operator, to the end of the block around it.
    Fall,
    /// By a branch, to the label of a block around it: 0 is the innermost.
    Label(u32),
    /// Out of the body.
    Return,
}

/// A part of a body that becomes a function: the operators from `begin` up to `end`, where the block around it closes.
#[derive(Debug)]
pub struct Region {
    pub begin: usize,
    pub end: usize,
    pub exits: Vec<Exit>,
    /// What it leaves on the stack when it falls out of its end and that is its only way out, or what it returns.
    pub values: Vec<ValType>,
    /// Locals that it reads, and locals that others read after it has set them. Grouped by type.
    pub params: Vec<u32>,
    pub sets: Vec<u32>,
    /// Its other locals.
    pub own: Vec<u32>,
    /// How many blocks are around it.
    pub around: u32,
    /// A branch to the block around it is the same as falling out of it.
    pub falls_by_label: bool,
}

impl Region {
    pub fn returns_value(&self) -> bool {
        self.exits.contains(&Exit::Return) && !self.values.is_empty()
    }

    /// The exit that a branch to this label takes.
    pub fn exit_at(&self, label: u32) -> Exit {
        match label {
            label if label == self.around => Exit::Return,
            0 if self.falls_by_label => Exit::Fall,
            label => Exit::Label(label),
        }
    }

    /// The label that an exit leads to, seen from where the region stands.
    pub fn depth(&self, exit: Exit) -> u32 {
        match exit {
            Exit::Fall => 0,
            Exit::Label(depth) => depth,
            Exit::Return => self.around,
        }
    }
}

/// A body being looked at.
pub struct Body<'a, 'b> {
    pub module: &'b Module<'a>,
    pub code: &'b Code<'a>,
    pub locals: &'b [ValType],
    pub liveness: &'b Liveness<'a, 'b>,
    pub results: &'b [ValType],
    pub hot: &'b dyn Fn(usize) -> bool,
}

/// Bytes that a call of an outlined region takes besides its locals, as such calls compress well, and what it must save to
/// be worth it.
const CALL_BYTES: u32 = 5;
const SAVED_BYTES_MIN: u32 = 3;

impl Body<'_, '_> {
    /// The regions, in order. They do not overlap.
    pub fn regions(&self) -> Vec<Region> {
        let mut regions = Vec::new();
        self.search(0, self.code.operators.len() - 1, &mut Vec::new(), &mut regions);
        regions
    }

    /// Searches the operators between `at` and `end`, around which `around` have opened, for regions.
    fn search(&self, mut at: usize, end: usize, around: &mut Vec<usize>, regions: &mut Vec<Region>) {
        while at < end {
            if !(self.hot)(at)
                && let Some(region) = self.region(at, end, around)
            {
                if region.1 {
                    regions.push(region.0);
                }
                return;
            }
            at = self.inside(at, around, regions);
        }
    }

    /// Searches what opens at `at`; gives what follows it.
    fn inside(&self, at: usize, around: &mut Vec<usize>, regions: &mut Vec<Region>) -> usize {
        if !matches!(self.code.operators[at], Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. }) {
            return at + 1;
        }
        around.push(at);
        let closing = self.code.closing[at];
        self.search(at + 1, closing, around, regions);
        let end = self.code.end_of(at);
        if end != closing {
            self.search(closing + 1, end, around, regions);
        }
        around.pop();
        end + 1
    }

    /// The region from `begin` to `end`, and whether it is worth a call; nothing if it cannot stand alone.
    fn region(&self, begin: usize, end: usize, around: &[usize]) -> Option<(Region, bool)> {
        let container = around.last().copied();
        let container_results = match container.map(|opening| &self.code.operators[opening]) {
            None => self.results.to_vec(),
            Some(Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty }) => {
                self.module.results(*blockty)
            }
            Some(_) => return None,
        };
        let left = self.stack_left(begin, end)?;
        if left.is_some_and(|count| count != container_results.len()) {
            return None;
        }
        let mut exits = self.branches(begin, end, around)?;
        if left.is_some() {
            exits.insert(if container.is_none() { Exit::Return } else { Exit::Fall });
        }
        let falls_by_label =
            !matches!(container.map(|at| &self.code.operators[at]), None | Some(Operator::Loop { .. }));
        if falls_by_label && exits.remove(&Exit::Label(0)) {
            exits.insert(Exit::Fall);
            if !container_results.is_empty() {
                return None;
            }
        }
        let values = if exits.contains(&Exit::Return) {
            self.results.to_vec()
        } else if exits.contains(&Exit::Fall) {
            container_results.clone()
        } else {
            Vec::new()
        };
        let fall_carries = exits.contains(&Exit::Fall) && !container_results.is_empty();
        if values.len() > 1 || (fall_carries && exits.len() > 1) {
            return None;
        }
        let (params, sets, own) = self.locals(begin, end, around, &exits);
        let cost = 2 * (params.len() + sets.len()) as u32 + CALL_BYTES + 3 * exits.len() as u32;
        let bytes: u32 = self.code.bytes[begin..end].iter().sum();
        let (exits, around) = (exits.into_iter().collect(), around.len() as u32);
        let region = Region { begin, end, exits, values, params, sets, own, around, falls_by_label };
        Some((region, bytes >= cost + SAVED_BYTES_MIN))
    }

    /// How many values are on the stack at the region's end beyond those at its begin (`Some(None)`: its end is not
    /// reached); `None` if it takes values that were there before.
    fn stack_left(&self, begin: usize, end: usize) -> Option<Option<usize>> {
        let mut height: usize = 0;
        let mut at = begin;
        while at < end {
            let operator = &self.code.operators[at];
            match operator {
                Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                    let takes = usize::from(matches!(operator, Operator::If { .. }));
                    height = height.checked_sub(takes)? + self.module.results(*blockty).len();
                    at = self.code.end_of(at) + 1;
                    continue;
                }
                Operator::Br { .. } | Operator::Unreachable | Operator::Return | Operator::BrTable { .. } => {
                    let takes = match operator {
                        Operator::BrTable { .. } => 1,
                        Operator::Return => self.results.len(),
                        _ => 0,
                    };
                    height.checked_sub(takes)?;
                    // Nothing that could run follows.
                    return (at + 1 == end).then_some(None);
                }
                Operator::BrIf { .. } => height = height.checked_sub(1)?,
                _ => {
                    let (takes, gives) = operator.operator_arity(self.module)?;
                    height = height.checked_sub(takes as usize)? + gives as usize;
                }
            }
            at += 1;
        }
        Some(Some(height))
    }

    /// The ways out by branches and returns; `None` if a branch carries a value.
    fn branches(&self, begin: usize, end: usize, around: &[usize]) -> Option<BTreeSet<Exit>> {
        let mut exits = BTreeSet::new();
        let mut depth = 0;
        for operator in &self.code.operators[begin..end] {
            let depths: Vec<u32> = match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    depth += 1;
                    continue;
                }
                Operator::End => {
                    depth -= 1;
                    continue;
                }
                Operator::Return => {
                    exits.insert(Exit::Return);
                    continue;
                }
                Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => vec![*relative_depth],
                Operator::BrTable { targets } => targets.targets().flatten().chain([targets.default()]).collect(),
                _ => continue,
            };
            for out in depths.into_iter().filter_map(|to| to.checked_sub(depth)) {
                let Some(opening) = around.len().checked_sub(1 + out as usize) else {
                    if !self.results.is_empty() {
                        return None;
                    }
                    exits.insert(Exit::Return);
                    continue;
                };
                if let Operator::Block { blockty } | Operator::If { blockty } = &self.code.operators[around[opening]]
                    && !self.module.results(*blockty).is_empty()
                {
                    return None;
                }
                exits.insert(Exit::Label(out));
            }
        }
        Some(exits)
    }

    /// The locals that go in, those that come out, and the others that the region names.
    fn locals(
        &self,
        begin: usize,
        end: usize,
        around: &[usize],
        exits: &BTreeSet<Exit>,
    ) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
        let mut named = BTreeSet::new();
        let mut set = BTreeSet::new();
        for operator in &self.code.operators[begin..end] {
            match operator {
                Operator::LocalGet { local_index } => {
                    named.insert(*local_index);
                }
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    named.insert(*local_index);
                    set.insert(*local_index);
                }
                _ => {}
            }
        }
        let mut after = Locals::none(self.locals.len());
        for exit in exits {
            let target = match exit {
                Exit::Return => continue,
                Exit::Fall => around.last().map(|opening| self.code.end_of(*opening) + 1),
                Exit::Label(out) => Some(self.code.leads_to(around[around.len() - 1 - *out as usize])),
            };
            if let Some(target) = target {
                after.add_all(&self.liveness.before(target));
            }
        }
        let before = self.liveness.before(begin);
        let by_type = |locals: BTreeSet<u32>| {
            let mut locals: Vec<u32> = locals.into_iter().collect();
            locals.sort_by_key(|local| type_order(self.locals[*local as usize]));
            locals
        };
        let sets: BTreeSet<u32> = set.into_iter().filter(|local| after.has(*local)).collect();
        let params: BTreeSet<u32> = named.iter().copied().filter(|local| before.has(*local)).collect();
        let own = named.difference(&params).copied().collect();
        (by_type(params), by_type(sets), by_type(own))
    }
}

fn type_order(value: ValType) -> u8 {
    match value {
        ValType::I32 => 0,
        ValType::I64 => 1,
        ValType::F32 => 2,
        ValType::F64 => 3,
        ValType::V128 => 4,
        ValType::Ref(_) => 5,
    }
}
