//! Fuzzing with cargo-fuzz and the nightly toolchain: every input that a user can give.

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::command::{cargo, command, output, quiet, root, run as run_command, watch};

const FOLDER: &str = "tests/fuzz";
const SECONDS: u64 = 60;

/// Fuzzes each target for the given time, and prints how many inputs were tried.
pub fn run(args: &mut Args) -> Result<bool> {
    let seconds = args.number("--seconds")?.unwrap_or(SECONDS);
    let wanted = args.rest();
    if quiet("rustup", &["run", "nightly", "rustc", "--version"]).is_none() {
        bail!("fuzzing takes the nightly toolchain: `rustup toolchain install nightly`");
    }
    if quiet("cargo", &["fuzz", "--version"]).is_none() {
        println!("installing cargo-fuzz");
        run_command(&mut cargo("install cargo-fuzz --locked"))?;
    }
    let targets = output(&mut command("cargo", ["+nightly", "fuzz", "list", "--fuzz-dir", FOLDER]))?;
    let targets: Vec<&str> =
        targets.lines().filter(|target| wanted.is_empty() || wanted.iter().any(|name| name == target)).collect();
    if targets.is_empty() {
        bail!("no fuzz target named {}", wanted.join(", "));
    }
    let mut results = Vec::new();
    for target in targets {
        println!("fuzzing {target} for {seconds} s");
        results.push(fuzz(target, seconds)?);
    }
    println!("{:>12} {:>10}  target", "inputs", "per second");
    for result in &results {
        let outcome = if result.passed { "" } else { "  FAILED" };
        println!("{:>12} {:>10}  {}{outcome}", result.inputs, result.inputs / seconds.max(1), result.target);
    }
    Ok(results.iter().all(|result| result.passed))
}

struct Fuzzed {
    target: String,
    inputs: u64,
    passed: bool,
}

fn fuzz(target: &str, seconds: u64) -> Result<Fuzzed> {
    let [corpus, seeds] = ["corpus", "seeds"].map(|kind| format!("{FOLDER}/{kind}/{target}"));
    // What earlier runs found interesting comes first, and what this one finds goes there.
    std::fs::create_dir_all(&corpus)?;
    let mut fuzz = command("cargo", ["+nightly", "fuzz", "run", "--fuzz-dir", FOLDER, target, &corpus]);
    if root().join(&seeds).is_dir() {
        fuzz.arg(&seeds);
    }
    fuzz.arg("--");
    // Nothing may grow without bound: 2 GB and 10 s an input are far beyond what any should take.
    fuzz.args(["-print_final_stats=1", "-rss_limit_mb=2048", "-timeout=10", "-max_len=65536"]);
    fuzz.arg(format!("-max_total_time={seconds}"));
    // libFuzzer reports on standard error.
    let mut shell = command("sh", ["-c", "exec \"$@\" 2>&1", "sh"]);
    shell.arg(fuzz.get_program()).args(fuzz.get_args());
    let mut inputs = 0;
    let passed = watch(&mut shell, |line| {
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            inputs = count.trim().parse().unwrap_or(0);
        }
    })
    .with_context(|| format!("fuzzing {target}"))?;
    Ok(Fuzzed { target: target.to_string(), inputs, passed })
}
