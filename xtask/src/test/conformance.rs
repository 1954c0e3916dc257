//! Policies as others test them, where the cases lie beside the repository: Kubernetes' own end-to-end cases, cyclonus'
//! generated ones, and those of ClusterNetworkPolicy. With Calico and Cilium every cell of every matrix must be right (those
//! of ClusterNetworkPolicy with Calico, as Cilium has none of them); with Flannel, which enforces nothing, every Pod must
//! reach every other.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::dns::probe;
use super::scenarios::podhop;
use crate::command::{output, root};
use crate::steps::Tally;

const E2E: &str = "conformance/k8s_e2e.jsonl";
const CYCLONUS: &str = "conformance/cyclonus.jsonl";
const CLUSTER_POLICIES: &str = "conformance/cluster_network_policy.jsonl";
/// CNI plugins that enforce NetworkPolicies.
const ENFORCING: [&str; 2] = ["calico", "cilium"];

/// Each case with each CNI plugin is one check.
pub fn check() -> Result<Tally> {
    let mut tally = Tally::NOTHING;
    for suite in [E2E, CYCLONUS, CLUSTER_POLICIES] {
        let Some(cases) = beside(suite) else {
            println!("skipped: ../shared/{suite} is not there");
            tally += Tally::SKIPPED;
            continue;
        };
        for cni in ENFORCING.into_iter().filter(|cni| suite != CLUSTER_POLICIES || *cni == "calico") {
            tally += enforced(&cases, suite, cni)?;
        }
        if suite != CYCLONUS {
            tally += ignored(&cases, suite)?;
        }
    }
    Ok(tally)
}

/// Every cell must be as the case expects it.
fn enforced(cases: &Path, suite: &str, cni: &str) -> Result<Tally> {
    let text = std::fs::read_to_string(cases)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut cases: Vec<Value> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    cases.retain(|case| {
        let only = case.get("only_cni").and_then(Value::as_array);
        only.is_none_or(|only| only.iter().any(|name| name == cni))
    });
    cases.iter_mut().for_each(|case| case["cluster"]["cni"] = json!(cni));
    let printed = probe(&cases)?;
    let mut answers = printed.lines().map(serde_json::from_str::<Value>);
    let (mut tally, mut cells) = (Tally::NOTHING, 0);
    for case in &cases {
        let answer = answers.next().transpose()?.unwrap_or_default();
        let wrong = wrong_cells(case, &answer, &mut cells);
        tally += Tally::of(wrong.is_empty());
        wrong.iter().take(3).for_each(|cell| println!("{} with {cni}: {cell}", case["id"]));
    }
    println!("{suite}: {} of {} cases right with {cni}, {cells} cells", tally.passed, cases.len());
    Ok(tally)
}

/// The cells that are not as expected, of those that count.
fn wrong_cells(case: &Value, answer: &Value, cells: &mut usize) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, asked) in case["probes"].as_array().into_iter().flatten().enumerate() {
        if asked["kind"] == "flow" {
            *cells += 1;
            let found = &answer["results"][at]["connects"];
            if *found != asked["expect"]["connects"] {
                wrong.push(format!("{} -> {}/{}: connects {found}", asked["from"], asked["to"], asked["protocol"]));
            }
            continue;
        }
        let got = &answer["results"][at]["matrix"];
        for (row, expected) in asked["expect"].as_array().into_iter().flatten().enumerate() {
            let got: Vec<char> = got[row].as_str().unwrap_or_default().chars().collect();
            let expected = expected.as_str().unwrap_or_default().chars();
            for (column, cell) in expected.enumerate().filter(|(_, cell)| *cell != '#') {
                *cells += 1;
                let found = got.get(column).copied().unwrap_or('?');
                if found != cell {
                    let (from, to) = (&asked["pods"][row], &asked["pods"][column]);
                    wrong.push(format!("{from} -> {to}:{}/{} is {found}", asked["port"], asked["protocol"]));
                }
            }
        }
    }
    wrong
}

/// With Flannel every Pod reaches every other.
fn ignored(cases: &Path, suite: &str) -> Result<Tally> {
    let asked = std::fs::read_to_string(cases)?.lines().filter(|line| !line.trim().is_empty()).count();
    let printed = output(Command::new(podhop()?).args(["probe", "--cni", "flannel"]).arg(cases))?;
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
    println!("{suite}: {} of {asked} cases connect everywhere with flannel, {cells} cells", tally.passed);
    let answered = usize::try_from(tally.passed + tally.failed).unwrap_or(usize::MAX);
    for _ in answered..asked {
        tally += Tally::FAILED;
    }
    Ok(tally)
}

fn beside(suite: &str) -> Option<PathBuf> {
    let beside = root().parent().unwrap_or(Path::new("/")).join("shared").join(suite);
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
        if let Some(connects) = result.get("connects") {
            anyhow::ensure!(connects == true, "{id}: a flow does not connect");
            cells += 1;
            continue;
        }
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
    fn a_wrong_or_missing_cell_is_told() {
        let case = json!({"probes": [{"pods": ["a", "b"], "port": 80, "protocol": "TCP", "expect": ["#.", "X#"]}]});
        let told = |matrix: Value| {
            let mut cells = 0;
            let wrong = wrong_cells(&case, &json!({"results": [{"matrix": matrix}]}), &mut cells);
            assert_eq!(cells, 2);
            wrong.len()
        };
        assert_eq!(told(json!(["#.", "X#"])), 0);
        assert_eq!(told(json!(["..", "X."])), 0);
        assert_eq!(told(json!(["#X", "X#"])), 1);
        assert_eq!(told(json!(["#."])), 1);
        assert_eq!(wrong_cells(&case, &json!({"error": "no"}), &mut 0).len(), 2);
    }

    #[test]
    fn a_wrong_or_missing_flow_is_told() {
        let case = json!({"probes": [{"kind": "flow", "from": {"pod": "x/a"}, "to": {"pod": "x/b", "port": 80},
                                      "protocol": "TCP", "expect": {"connects": false}}]});
        let told = |answer: Value| wrong_cells(&case, &answer, &mut 0).len();
        assert_eq!(told(json!({"results": [{"connects": false}]})), 0);
        assert_eq!(told(json!({"results": [{"connects": true}]})), 1);
        assert_eq!(told(json!({"error": "no"})), 1);
        assert!(all_connect(r#"{"id":"a","results":[{"connects":false}]}"#).is_err());
        assert_eq!(all_connect(r#"{"id":"a","results":[{"connects":true}]}"#).unwrap(), 1);
    }

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
