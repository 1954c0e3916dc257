//! Which locals a stretch of code still needs: the usual backward analysis over a body's stretches.

use wasmparser::Operator;

use super::code::Code;

/// A set of locals.
#[derive(Clone, PartialEq)]
pub struct Locals(Vec<u64>);

impl Locals {
    pub fn none(count: usize) -> Locals {
        Locals(vec![0; count.div_ceil(64)])
    }

    pub fn has(&self, local: u32) -> bool {
        self.0[local as usize / 64] >> (local % 64) & 1 == 1
    }

    pub fn add(&mut self, local: u32) {
        self.0[local as usize / 64] |= 1 << (local % 64);
    }

    fn remove(&mut self, local: u32) {
        self.0[local as usize / 64] &= !(1 << (local % 64));
    }

    pub fn add_all(&mut self, others: &Locals) {
        for (mine, other) in self.0.iter_mut().zip(&others.0) {
            *mine |= other;
        }
    }
}

/// What a body needs where.
pub struct Liveness<'a, 'b> {
    code: &'b Code<'a>,
    /// The locals that are needed where each stretch begins.
    begins: Vec<Locals>,
    successors: Vec<Vec<u32>>,
    locals_count: usize,
}

impl<'a, 'b> Liveness<'a, 'b> {
    pub fn of(code: &'b Code<'a>, locals_count: usize) -> Liveness<'a, 'b> {
        let begins = vec![Locals::none(locals_count); code.stretches_count as usize];
        let mut liveness = Liveness { code, begins, successors: successors(code), locals_count };
        let firsts: Vec<usize> =
            (0..code.operators.len()).filter(|at| *at == 0 || code.stretch[*at] != code.stretch[*at - 1]).collect();
        let mut changed = true;
        while changed {
            changed = false;
            for at in firsts.iter().rev() {
                let needed = liveness.before(*at);
                let stretch = code.stretch[*at] as usize;
                if needed != liveness.begins[stretch] {
                    liveness.begins[stretch] = needed;
                    changed = true;
                }
            }
        }
        liveness
    }

    /// The locals that are needed before an operator.
    pub fn before(&self, at: usize) -> Locals {
        let mut needed = Locals::none(self.locals_count);
        let Some(stretch) = self.code.stretch.get(at) else { return needed };
        for next in &self.successors[*stretch as usize] {
            needed.add_all(&self.begins[*next as usize]);
        }
        let rest = self.code.stretch[at..].iter().take_while(|other| *other == stretch).count();
        for operator in self.code.operators[at..at + rest].iter().rev() {
            match operator {
                Operator::LocalGet { local_index } => needed.add(*local_index),
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => needed.remove(*local_index),
                _ => {}
            }
        }
        needed
    }
}

/// The stretches that may run after each; the one behind the last operator is left out.
fn successors(code: &Code<'_>) -> Vec<Vec<u32>> {
    let mut all: Vec<Vec<u32>> = vec![Vec::new(); code.stretches_count as usize];
    let mut labels: Vec<usize> = Vec::new();
    for (at, operator) in code.operators.iter().enumerate() {
        // Where a label leads; that of the body itself leads out.
        let label = |depth: u32| labels.len().checked_sub(1 + depth as usize).map(|index| code.leads_to(labels[index]));
        let targets: Vec<Option<usize>> = match operator {
            Operator::If { .. } => {
                let closing = code.closing[at];
                vec![Some(at + 1), Some(closing + 1)]
            }
            Operator::Else => vec![Some(code.closing[at] + 1)],
            Operator::Loop { .. } | Operator::End => vec![Some(at + 1)],
            Operator::Br { relative_depth } => vec![label(*relative_depth)],
            Operator::BrIf { relative_depth } => vec![label(*relative_depth), Some(at + 1)],
            Operator::BrTable { targets } => {
                let depths = targets.targets().flatten().chain([targets.default()]);
                depths.map(label).collect()
            }
            _ => Vec::new(),
        };
        let reached = targets.into_iter().flatten().filter_map(|target| code.stretch.get(target));
        all[code.stretch[at] as usize].extend(reached);
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => labels.push(at),
            Operator::End => {
                labels.pop();
            }
            _ => {}
        }
    }
    all
}
