//! A function's body as a list of operators, with what both the rehearsal and the outlining need to know of each.

use anyhow::Result;
use wasmparser::{FunctionBody, Operator};

/// A body. Operators are grouped into stretches that run as a whole: whoever enters one at its first operator leaves it
/// after its last.
pub struct Code<'a> {
    pub operators: Vec<Operator<'a>>,
    /// Encoded bytes of each operator.
    pub bytes: Vec<u32>,
    /// The stretch that each operator belongs to, counted from 0 in this body.
    pub stretch: Vec<u32>,
    pub stretches_count: u32,
    /// For an opening operator the closing one, for `if` with an `else` the `else`, for `else` its `end`.
    pub closing: Vec<usize>,
}

/// True if what follows the operator may run without it, or not after it.
fn ends_stretch(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::If { .. }
            | Operator::Else
            | Operator::Loop { .. }
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Unreachable
    )
}

impl<'a> Code<'a> {
    pub fn read(body: &FunctionBody<'a>) -> Result<Code<'a>> {
        let mut code = Code {
            operators: Vec::new(),
            bytes: Vec::new(),
            stretch: Vec::new(),
            stretches_count: 0,
            closing: Vec::new(),
        };
        let mut reader = body.get_operators_reader()?;
        let mut open: Vec<usize> = Vec::new();
        while !reader.eof() {
            let begin = reader.original_position();
            let operator = reader.read()?;
            code.bytes.push((reader.original_position() - begin) as u32);
            let at = code.operators.len();
            code.closing.push(at);
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => open.push(at),
                Operator::Else | Operator::End => {
                    if let Some(opening) = open.pop() {
                        code.closing[opening] = at;
                    }
                    if matches!(operator, Operator::Else) {
                        open.push(at);
                    }
                }
                _ => {}
            }
            code.stretch.push(code.stretches_count);
            if ends_stretch(&operator) {
                code.stretches_count += 1;
            }
            code.operators.push(operator);
        }
        // A body ends with `end`, so the last stretch is closed.
        Ok(code)
    }

    /// The `end` of whatever `at` opens.
    pub fn end_of(&self, at: usize) -> usize {
        let closing = self.closing[at];
        if matches!(self.operators[closing], Operator::Else) { self.closing[closing] } else { closing }
    }

    /// Where a branch to the label of what opens at `at` leads.
    pub fn leads_to(&self, at: usize) -> usize {
        if matches!(self.operators[at], Operator::Loop { .. }) { at + 1 } else { self.end_of(at) + 1 }
    }
}
