//! Runs a scenario from its first line to its last on one cluster.

use super::compare::{agrees, difference};
use super::{Block, Document, Step, probe};
use crate::analyze;
use crate::console::terminal::Terminal;
use crate::manifest::fields::FieldTable;
use crate::protocol::{FlowView, Server};
use crate::world::World;
use std::sync::Arc;

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// 1-based.
    pub line: usize,
    /// What was asked: a command or a probe.
    pub what: String,
    /// What came of it, as text; empty for a probe.
    pub printed: String,
    /// None: as expected. Else what differs.
    pub problem: Option<String>,
}

/// What became of a scenario.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub checks: Vec<Check>,
    /// The text with the output that was printed, where it differed.
    pub updated: String,
}

impl Report {
    pub fn passed(&self) -> usize {
        self.checks.iter().filter(|check| check.problem.is_none()).count()
    }

    pub fn failed(&self) -> usize {
        self.checks.len() - self.passed()
    }
}

/// What a run needs beside the document.
struct Runner<'a> {
    server: Server,
    terminal: Terminal,
    report: Report,
    /// Replacements of expected output: first line, line after the last, new lines.
    edits: Vec<(usize, usize, Vec<String>)>,
    /// Told of every conversation that a command has had.
    flow: &'a mut dyn FnMut(&mut Server, u32),
}

/// Runs a scenario's text. An error is one of the scenario's form: `line: message`.
pub fn run(text: &str, fields: Option<Arc<FieldTable>>) -> Result<Report, String> {
    run_with(text, fields, &mut |_, _| {})
}

/// The same, and every conversation in order, as `podhop trace --json` would print it.
pub fn traced(text: &str) -> Result<(Report, Vec<FlowView>), String> {
    let mut flows = Vec::new();
    let report = run_with(text, None, &mut |server, flow| {
        flows.extend(server.viewed(flow, |viewer, trace| viewer.flow(trace)));
    })?;
    Ok((report, flows))
}

fn run_with(
    text: &str,
    fields: Option<Arc<FieldTable>>,
    flow: &mut dyn FnMut(&mut Server, u32),
) -> Result<Report, String> {
    let document = Document::parse(text)?;
    let mut world = World::new(document.options.clone());
    world.change(|cluster, now| cluster.set_fields(fields, now));
    for block in &document.blocks {
        if let Block::File { name, text, .. } = block
            && world.cluster().file(name).is_none()
        {
            world.open_file(name, text, false);
        }
    }
    let server = Server::over(world);
    let mut runner =
        Runner { server, terminal: Terminal::default(), report: Report::default(), edits: Vec::new(), flow };
    for block in &document.blocks {
        runner.block(block);
    }
    let mut report = runner.report;
    report.updated = updated(text, runner.edits);
    Ok(report)
}

impl Runner<'_> {
    fn block(&mut self, block: &Block) {
        match block {
            // A later fence of the same name is the file's new text from here on.
            Block::File { name, text, .. } => {
                let changed = self.server.world().cluster().file(name).is_some_and(|file| *file.text != **text);
                if changed {
                    self.server.world().edit_file(name, text);
                }
            }
            Block::Console { steps, .. } => steps.iter().for_each(|step| self.step(step)),
            Block::Probe { line, text } => {
                for (i, probe) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                    let problem = probe::run(self.server.world(), probe).err();
                    let (line, what) = (line + 1 + i, probe.trim().to_owned());
                    self.report.checks.push(Check { line, what, printed: String::new(), problem });
                }
            }
            Block::Problems { line, expected, expected_lines } => {
                let cluster = self.server.world().cluster();
                let printed = analyze::render(cluster, &analyze::all(cluster));
                self.compare((*line, "problems"), (expected, *expected_lines), &printed);
            }
            Block::Prose { .. } | Block::Code { .. } => {}
        }
    }

    fn step(&mut self, step: &Step) {
        let mut printed = String::new();
        for line in step.command.split('\n') {
            let ran = self.terminal.run(self.server.world(), line);
            printed.extend(ran.chunks.iter().map(|chunk| chunk.text.as_str()));
            for flow in ran.flows {
                (self.flow)(&mut self.server, flow.0);
            }
        }
        self.compare((step.line, &step.command), (&step.expected, step.expected_lines), &printed);
    }

    /// Holds what was printed against what was expected, and notes both the outcome and, if they differ, the new text.
    fn compare(
        &mut self,
        (line, what): (usize, &str),
        (expected, (first, after)): (&[String], (usize, usize)),
        printed: &str,
    ) {
        let actual: Vec<&str> = printed.lines().collect();
        let fine = agrees(expected, &actual);
        if !fine {
            self.edits.push((first, after, actual.iter().map(|line| line.trim_end().to_owned()).collect()));
        }
        let problem = (!fine).then(|| difference(expected, &actual));
        self.report.checks.push(Check { line, what: what.to_owned(), printed: printed.to_owned(), problem });
    }
}

fn updated(text: &str, edits: Vec<(usize, usize, Vec<String>)>) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (first, after, new) in edits.into_iter().rev() {
        lines.splice(first - 1..after - 1, new);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn steps_say_whether_a_lookup_can_be_told_in_all_scenarios() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the engine is a folder of the repository");
        let (mut asked, mut silent) = (0, 0);
        for folder in ["labs", "tests/cases"] {
            for entry in std::fs::read_dir(root.join(folder)).expect("the folder is there") {
                let path = entry.expect("an entry").path();
                if path.extension().is_none_or(|extension| extension != "md") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).expect("a text");
                let checked = run_with(&text, None, &mut |server, flow| {
                    let view = server.viewed(flow, |viewer, trace| viewer.flow(trace)).expect("a conversation");
                    for packet in &view.packets {
                        for (number, step) in packet.steps.iter().enumerate() {
                            let why = server.why(flow, packet.packet, number as u32).expect("a step");
                            assert_eq!(step.has_why, why.is_some(), "{}: {packet:?} {number}", path.display());
                            *(if step.has_why { &mut asked } else { &mut silent }) += 1;
                        }
                    }
                });
                assert!(checked.is_ok(), "{}: {checked:?}", path.display());
            }
        }
        assert!(asked > 100 && silent > 100, "{asked} and {silent} steps");
    }
}
