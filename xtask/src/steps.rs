//! Steps with a number, a time and a count, and the summary at the end.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::command::watch;

/// How many checks of a step went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Tally {
    /// A step that is one check.
    pub const PASSED: Tally = Tally { passed: 1, failed: 0, skipped: 0 };
    pub const FAILED: Tally = Tally { passed: 0, failed: 1, skipped: 0 };
    pub const SKIPPED: Tally = Tally { passed: 0, failed: 0, skipped: 1 };
    /// A step that checks nothing, such as a build.
    pub const NOTHING: Tally = Tally { passed: 0, failed: 0, skipped: 0 };

    pub fn of(passed: bool) -> Self {
        if passed { Tally::PASSED } else { Tally::FAILED }
    }

    /// The summary that podhop's own programs print: a line `N passed, N failed`.
    pub fn read(line: &str) -> Option<Self> {
        let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
        Some(Tally { passed: passed.parse().ok()?, failed: failed.parse().ok()?, skipped: 0 })
    }

    /// Runs a program that prints such summaries, and adds them up. One that fails without saying what is a failure.
    pub fn of_program(program: &mut Command) -> Result<Self> {
        let mut tally = Tally::NOTHING;
        let mut summaries = 0;
        let succeeded = watch(program, |line| {
            if let Some(read) = Tally::read(line) {
                tally += read;
                summaries += 1;
            }
        })?;
        if summaries == 0 || (!succeeded && tally.failed == 0) {
            tally += Tally::of(succeeded);
        }
        Ok(tally)
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// What a step runs.
pub type Step = fn() -> Result<Tally>;

struct Done {
    name: String,
    tally: Tally,
    time: Duration,
}

/// The steps of one command, announced as `[3/11] clippy …`.
pub struct Steps {
    count: usize,
    done: Vec<Done>,
}

impl Steps {
    pub fn new(count: usize) -> Self {
        Steps { count, done: Vec::new() }
    }

    /// Runs a step. An error is one failed check; the steps after it still run.
    pub fn run(&mut self, name: &str, step: impl FnOnce() -> Result<Tally>) {
        let label = format!("[{}/{}] {name}", self.done.len() + 1, self.count);
        println!("{label} …");
        let start = Instant::now();
        let tally = step().unwrap_or_else(|error| {
            println!("error: {error:#}");
            Tally::FAILED
        });
        let time = start.elapsed();
        let outcome = match tally {
            Tally { failed: 1.., .. } => "FAILED",
            Tally { passed: 0, skipped: 1.., .. } => "skipped",
            _ => "done",
        };
        println!("{label}: {outcome} in {:.1} s\n", time.as_secs_f64());
        self.done.push(Done { name: name.to_string(), tally, time });
    }

    pub fn failed(&self) -> bool {
        self.done.iter().any(|done| done.tally.failed > 0)
    }

    pub fn total(&self) -> Tally {
        let mut total = Tally::NOTHING;
        for done in &self.done {
            total += done.tally;
        }
        total
    }

    /// One line a step: time, name, counts.
    pub fn print_table(&self) {
        let width = self.done.iter().map(|done| done.name.chars().count()).max().unwrap_or(0);
        for Done { name, tally, time } in &self.done {
            let counts = if *tally == Tally::NOTHING { String::new() } else { tally.to_string() };
            println!("{:>8.1} s  {name:<width$}  {counts}", time.as_secs_f64());
        }
        let time: Duration = self.done.iter().map(|done| done.time).sum();
        println!("{:>8.1} s  in all", time.as_secs_f64());
    }

    /// Whether everything went well; says which step did not.
    pub fn finish(&self) -> bool {
        for done in self.done.iter().filter(|done| done.tally.failed > 0) {
            println!("failed: {}", done.name);
        }
        !self.failed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_read() {
        assert_eq!(Tally::read("812 passed, 3 failed"), Some(Tally { passed: 812, failed: 3, skipped: 0 }));
        assert_eq!(Tally::read("12 clusters agree"), None);
    }

    #[test]
    fn an_error_counts_as_one_failure_and_the_next_step_still_runs() {
        let mut steps = Steps::new(3);
        steps.run("a", || anyhow::bail!("broken"));
        steps.run("b", || Ok(Tally { passed: 4, failed: 0, skipped: 2 }));
        steps.run("c", || Ok(Tally::NOTHING));
        assert_eq!(steps.total().to_string(), "4 passed, 1 failed, 2 skipped");
        assert!(!steps.finish());
    }
}
