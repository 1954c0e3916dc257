//! Starts the agent for one cluster and reads what the kernel said.

use crate::job::{Job, Line};
use crate::outcome::Outcome;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// The kernel's answers, by probe.
pub struct Answers {
    pub outcomes: Vec<Option<Outcome>>,
    /// Listeners that the simulation has and the kernel would not open, by index, and why.
    pub not_opened: Vec<(usize, String)>,
}

/// Builds the job's cluster in namespaces of its own and probes it there. The namespaces live as long as the agent,
/// and the agent no longer than this thread.
pub fn ask(job: &Job) -> Result<Answers, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let mut agent = Command::new(program)
        .arg("agent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("starting the agent: {error}"))?;
    let text = serde_json::to_vec(job).map_err(|error| format!("the job: {error}"))?;
    let mut stdin = agent.stdin.take().ok_or("the agent has no input")?;
    stdin.write_all(&text).map_err(|error| format!("the agent's input: {error}"))?;
    drop(stdin);
    let stdout = agent.stdout.take().ok_or("the agent has no output")?;
    let answers = read(job, BufReader::new(stdout));
    let status = agent.wait().map_err(|error| format!("the agent: {error}"))?;
    if status.success() { answers } else { Err(format!("the agent ended with {status}")) }
}

fn read(job: &Job, lines: impl BufRead) -> Result<Answers, String> {
    let mut answers = Answers { outcomes: vec![None; job.probes.len()], not_opened: Vec::new() };
    for line in lines.lines() {
        let line = line.map_err(|error| format!("the agent's output: {error}"))?;
        match serde_json::from_str(&line).map_err(|error| format!("the agent said {line:?}: {error}"))? {
            Line::Answer { probe, outcome } => answers.outcomes[probe] = Some(outcome),
            Line::NotOpened { listener, error } => answers.not_opened.push((listener, error)),
            Line::Failed(error) => return Err(error),
            Line::Done { .. } => return Ok(answers),
        }
    }
    Err("the agent ended early".to_owned())
}
