//! The lookup behind a step, for a reader.

use super::{RuleView, Server, TriedRowView, TriedView, Viewer, WhyView, origin_view};
use crate::explain::{self, Known, Question, Tried};
use crate::program;
use crate::tables::Origin;
use crate::trace::Trace;

impl Server {
    /// Why a step went as it did, with the rows that were tried; nothing if no table is asked in that step. `Err`: there
    /// is no such conversation (any more).
    pub fn why(&mut self, flow: u32, packet: u32, step: u32) -> Result<Option<WhyView>, String> {
        let segment = self.world.segment(program::SEGMENT);
        let trace = self.trace(flow)?;
        let packet = trace.packets.get(packet as usize).ok_or_else(|| format!("there is no packet {packet}"))?;
        let hop = packet.hop_of(step).ok_or_else(|| format!("there is no step {step}"))?;
        let resolve = |origin: &Origin| origin_view(self.world.cluster(), origin);
        let viewer = Viewer { revision: self.world.revision(), segment: segment.clone(), resolve: &resolve };
        let known = Known {
            owner: &|id| viewer.netns_name(Some(trace), id),
            learned: &|id, at| self.world.state_at(id, at),
            seed: self.world.revision().seed,
        };
        let why = explain::why(Question { trace, packet, step, segment: segment.as_ref() }, &known);
        let place = viewer.place(trace, hop.place);
        let number = step as usize;
        let path = packet.steps.get(number).filter(|step| step.ruled.is_some()).and_then(|step| {
            let before =
                number.checked_sub(1).map_or_else(|| (*packet.birth).clone(), |at| packet.frame_after(at as u32));
            let netns = viewer.netns_of(trace, hop.place, step)?;
            Some(explain::rule_path(step, before.ip()?, netns, self.world.revision().seed))
        });
        let rule = |rule: explain::PathRule| RuleView {
            chain: rule.chain,
            text: rule.text,
            number: rule.number,
            count: rule.count,
            origin: resolve(&rule.origin),
        };
        Ok(why.map(|why| WhyView {
            sought: why.sought,
            because: why.because,
            path: path.into_iter().flatten().map(rule).collect(),
            tables: why.tables.into_iter().map(|tried| tried_view(tried, &place, &resolve)).collect(),
        }))
    }

    /// Every step of a conversation that a table is asked in: packet, step and lookup.
    pub fn all_why(&mut self, flow: u32) -> Result<Vec<(u32, u32, WhyView)>, String> {
        let steps = |trace: &Trace| -> Vec<(u32, u32)> {
            let packets = trace.packets.iter();
            packets.flat_map(|packet| (0..packet.steps.len() as u32).map(|step| (packet.id.0, step))).collect()
        };
        let mut all = Vec::new();
        for (packet, step) in steps(self.trace(flow)?) {
            all.extend(self.why(flow, packet, step)?.map(|why| (packet, step, why)));
        }
        Ok(all)
    }
}

fn tried_view(tried: Tried, place: &str, resolve: &dyn Fn(&Origin) -> super::OriginView) -> TriedView {
    let row =
        |row: explain::TriedRow| TriedRowView { text: row.text, reason: row.reason, origin: resolve(&row.origin) };
    TriedView {
        place: place.to_owned(),
        table: tried.table.to_owned(),
        command: explain::command_of(tried.table).to_owned(),
        rows_count: tried.rows_count,
        rows: tried.rows.into_iter().map(row).collect(),
        left_count: tried.left_count,
        note: tried.note,
    }
}
