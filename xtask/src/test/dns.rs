//! CoreDNS's own cases, where they lie beside the repository: what `podhop probe` answers is compared record by record.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use super::scenarios::podhop;
use crate::command::root;
use crate::steps::Tally;

const CASES: &str = "conformance/coredns.jsonl";

/// Each case is one check.
pub fn check() -> Result<Tally> {
    let cases = root().parent().unwrap_or(Path::new("/")).join("shared").join(CASES);
    if !cases.is_file() {
        println!("skipped: ../shared/{CASES} is not there");
        return Ok(Tally::SKIPPED);
    }
    let text = std::fs::read_to_string(&cases)?;
    let cases: Vec<Value> =
        text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect::<Result<_, _>>()?;
    let printed = probe(&cases)?;
    let mut answers = printed.lines().map(serde_json::from_str::<Value>);
    let mut tally = Tally::NOTHING;
    for case in &cases {
        let problem = match answers.next() {
            Some(answer) => compare(case, &answer?),
            None => Some("no answer".to_owned()),
        };
        tally += Tally::of(problem.is_none());
        if let Some(problem) = problem {
            println!("{}: {problem}", case.get("id").map(Value::to_string).unwrap_or_default());
        }
    }
    println!("{} of {} cases are answered as CoreDNS does", tally.passed, cases.len());
    Ok(tally)
}

/// The program is not told what to answer.
fn probe(cases: &[Value]) -> Result<String> {
    let mut child = Command::new(podhop()?).arg("probe").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let mut asked = String::new();
    for case in cases {
        let mut case = case.clone();
        let probes = case.get_mut("probes").and_then(Value::as_array_mut);
        probes.into_iter().flatten().filter_map(Value::as_object_mut).for_each(|probe| drop(probe.remove("expect")));
        asked += &format!("{case}\n");
    }
    let writer = std::thread::spawn(move || stdin.write_all(asked.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    Ok(String::from_utf8(output.stdout)?)
}

/// What is wrong with an answer.
fn compare(case: &Value, answer: &Value) -> Option<String> {
    if let Some(error) = answer.get("error") {
        return Some(error.to_string());
    }
    let expected = case["probes"].as_array().into_iter().flatten().filter_map(|probe| probe.get("expect"));
    let mut results = answer["results"].as_array().into_iter().flatten();
    for expected in expected {
        let Some(result) = results.next() else { return Some("a result is missing".to_owned()) };
        if expected["rcode"] != result["rcode"] {
            return Some(format!("{} and not {}", result["rcode"], expected["rcode"]));
        }
        for section in ["answer", "additional", "authority"] {
            let Some(wanted) = expected.get(section) else { continue };
            let (wanted, got) = (texts(wanted), texts(&result[section]));
            if wanted != got {
                return Some(format!("{section}: {got:?} and not {wanted:?}"));
            }
        }
    }
    None
}

fn texts(list: &Value) -> BTreeSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_section_counts() {
        let case = json!({"probes": [{"expect": {"rcode": "NOERROR", "answer": ["a A 1", "b A 2"], "authority": []}}]});
        let answer = |records: Value| json!({"results": [{"rcode": "NOERROR", "answer": records, "authority": []}]});
        assert_eq!(compare(&case, &answer(json!(["b A 2", "a A 1"]))), None);
        assert!(compare(&case, &answer(json!(["a A 1"]))).is_some());
        assert!(compare(&case, &json!({"results": []})).is_some());
        assert!(compare(&case, &json!({"error": "no"})).is_some());
        let refused = json!({"results": [{"rcode": "REFUSED", "answer": [], "authority": []}]});
        assert_eq!(compare(&case, &refused), Some("\"REFUSED\" and not \"NOERROR\"".to_owned()));
    }
}
