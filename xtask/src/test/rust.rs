//! What cargo checks: formatting, lints, documentation, tests.

use anyhow::Result;

use crate::command::{cargo, run, watch};
use crate::steps::Tally;

pub fn fmt() -> Result<Tally> {
    run(&mut cargo("fmt --all --check"))?;
    Ok(Tally::PASSED)
}

pub fn clippy() -> Result<Tally> {
    run(&mut cargo("clippy --quiet --locked --workspace --all-targets -- -D warnings"))?;
    Ok(Tally::PASSED)
}

/// The page's own code exists only for wasm.
pub fn clippy_wasm() -> Result<Tally> {
    run(&mut cargo("clippy --quiet --locked --package podhop-app --target wasm32-unknown-unknown -- -D warnings"))?;
    Ok(Tally::PASSED)
}

/// Links between items must lead somewhere.
pub fn docs() -> Result<Tally> {
    let mut doc = cargo("doc --quiet --locked --workspace --no-deps --document-private-items");
    run(doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))?;
    Ok(Tally::PASSED)
}

/// Unit, scenario and documentation tests; each test is one check.
pub fn tests() -> Result<Tally> {
    let mut tally = Tally::NOTHING;
    let passed = watch(&mut cargo("test --quiet --locked --workspace --no-fail-fast"), |line| {
        tally += result_line(line).unwrap_or(Tally::NOTHING);
    })?;
    if !passed && tally.failed == 0 {
        // It did not compile, or a test program died.
        tally += Tally::FAILED;
    }
    Ok(tally)
}

/// `test result: ok. 12 passed; 0 failed; 1 ignored; …`
fn result_line(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        let entry = counts.split("; ").find_map(|entry| entry.strip_suffix(what));
        entry.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
    };
    Some(Tally { passed: count("passed"), failed: count("failed"), skipped: count("ignored") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_cargo_tests_result_line() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(result_line(line), Some(Tally { passed: 12, failed: 3, skipped: 1 }));
        assert_eq!(result_line("running 3 tests"), None);
    }
}
