//! Kubernetes' own end-to-end cases, where they lie beside the repository: with Flannel, which enforces no
//! NetworkPolicy, every Pod must reach every other.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::scenarios::podhop;
use crate::command::{output, root};
use crate::steps::Tally;

const CASES: &str = "conformance/k8s_e2e.jsonl";

/// Each case is one check.
pub fn check() -> Result<Tally> {
    let Some(cases) = cases() else {
        println!("skipped: ../shared/{CASES} is not there");
        return Ok(Tally::SKIPPED);
    };
    let asked = std::fs::read_to_string(&cases)?.lines().filter(|line| !line.trim().is_empty()).count();
    let printed = output(Command::new(podhop()?).args(["probe", "--cni", "flannel"]).arg(&cases))?;
    let mut tally = Tally::NOTHING;
    let mut cells = 0;
    for line in printed.lines() {
        match all_connect(line) {
            Ok(count) => {
                cells += count;
                tally += Tally::PASSED;
            }
            Err(error) => {
                println!("{error:#}");
                tally += Tally::FAILED;
            }
        }
    }
    println!("{} of {asked} cases connect everywhere, {cells} cells", tally.passed);
    let answered = usize::try_from(tally.passed + tally.failed).unwrap_or(usize::MAX);
    for _ in answered..asked {
        tally += Tally::FAILED;
    }
    Ok(tally)
}

fn cases() -> Option<PathBuf> {
    let beside = root().parent().unwrap_or(Path::new("/")).join("shared").join(CASES);
    beside.is_file().then_some(beside)
}

/// How many cells a case's matrices have, all of them connecting.
fn all_connect(line: &str) -> Result<usize> {
    let case: Value = serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
    let id = case.get("id").map(Value::to_string).unwrap_or_default();
    if let Some(error) = case.get("error") {
        anyhow::bail!("{id}: {error}");
    }
    let results = case.get("results").and_then(Value::as_array).with_context(|| format!("{id}: no results"))?;
    let mut cells = 0;
    for result in results {
        let rows = result.get("matrix").and_then(Value::as_array).with_context(|| format!("{id}: no matrix"))?;
        for (at, row) in rows.iter().enumerate() {
            let row = row.as_str().unwrap_or_default();
            let good = row.char_indices().all(|(column, cell)| cell == '.' || (cell == '#' && column == at));
            anyhow::ensure!(good && row.len() == rows.len(), "{id}: row {at} is `{row}`");
            cells += row.len();
        }
    }
    anyhow::ensure!(cells > 0, "{id}: empty");
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_matrix_connects_everywhere() {
        assert_eq!(all_connect(r##"{"id":"a","results":[{"matrix":["#.","."]}]}"##).ok(), None);
        assert_eq!(all_connect(r##"{"id":"a","results":[{"matrix":["#.",".#"]}]}"##).unwrap(), 4);
        assert!(all_connect(r##"{"id":"a","results":[{"matrix":["#X",".#"]}]}"##).is_err());
        assert!(all_connect(r##"{"id":"a","results":[{"matrix":[".#",".#"]}]}"##).is_err());
        assert!(all_connect(r#"{"id":"a","error":"Calico is not there yet"}"#).is_err());
        assert!(all_connect(r#"{"id":"a","results":[]}"#).is_err());
    }
}
