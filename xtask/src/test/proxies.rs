//! kube-proxy's own cases, where they lie beside the repository, in every mode: what may become of a first packet, flow by
//! flow.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::dns::probe;
use crate::command::root;
use crate::steps::Tally;

const CASES: &str = "conformance/kube_proxy.jsonl";

/// Each flow in each mode is one check.
pub fn check() -> Result<Tally> {
    let cases = root().parent().unwrap_or(Path::new("/")).join("shared").join(CASES);
    if !cases.is_file() {
        println!("skipped: ../shared/{CASES} is not there");
        return Ok(Tally::SKIPPED);
    }
    let text = std::fs::read_to_string(&cases)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let cases: Vec<Value> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    // IPv6, and a node with several addresses of a family.
    let cases: Vec<Value> = cases.into_iter().filter(|case| !id(case).contains("/TestNodePorts/ipv")).collect();
    let mut tally = Tally::NOTHING;
    for mode in ["iptables", "nftables", "ipvs"] {
        let mut in_mode = cases.clone();
        in_mode.iter_mut().for_each(|case| case["cluster"]["proxy"] = json!(mode));
        let printed = probe(&in_mode)?;
        let mut answers = printed.lines().map(serde_json::from_str::<Value>);
        let before = tally.passed;
        for case in &in_mode {
            let answer = answers.next().transpose()?.unwrap_or_default();
            let flows = case["probes"].as_array().into_iter().flatten();
            for (at, flow) in flows.enumerate() {
                let expected = expected(id(case), flow, mode);
                let problem = compare(&expected, &answer["results"][at]);
                tally += Tally::of(problem.is_none());
                if let Some(problem) = problem {
                    println!("{} in {mode} mode, {} → {}: {problem}", id(case), flow["from"], flow["to"]);
                }
            }
        }
        println!("{mode}: {} flows as kube-proxy's rules have them", tally.passed - before);
    }
    Ok(tally)
}

fn id(case: &Value) -> &str {
    case["id"].as_str().unwrap_or_default()
}

/// The cases are of iptables mode. nftables mode refuses what a ClusterIP does not serve, serves no node port on
/// loopback, and has no rule that lets health checks in: nothing stops them.
fn expected(id: &str, flow: &Value, mode: &str) -> Value {
    let expected = flow["expect"].clone();
    if mode == "iptables" {
        return expected;
    }
    if mode == "ipvs" {
        return expected_of_ipvs(id, flow);
    }
    let to = flow["to"]["ip"].as_str().unwrap_or_default();
    let untouched = expected["verdict"] == "untouched";
    if id.contains("/TestClusterIPGeneral/") && untouched && to.starts_with("172.30.") {
        return json!({"verdict": "rejected"});
    }
    if to.starts_with("127.") || id.contains("/TestHealthCheckNodePort/") && expected["verdict"] == "accepted" {
        return json!({"verdict": "untouched"});
    }
    expected
}

/// Where IPVS mode differs from iptables mode (pkg/proxy/ipvs/proxier.go):
/// - other ports of a Service's address are refused (KUBE-IPVS-FILTER), and loopback has no node ports;
/// - hairpin packets are masqueraded only for endpoints that say that they are on this node (KUBE-LOOP-BACK);
/// - with policy Local everybody, Pods and the node too, goes to local endpoints, and nothing is masqueraded; where there
///   are none, to all of them;
/// - where no address has node ports, health checks are not let in either.
fn expected_of_ipvs(id: &str, flow: &Value) -> Value {
    let expected = flow["expect"].clone();
    let (to, port) = (flow["to"]["ip"].as_str().unwrap_or_default(), flow["to"]["port"].as_u64());
    if id.contains("/TestClusterIPGeneral/") && expected["verdict"] == "untouched" && to.starts_with("172.30.") {
        return json!({"verdict": "rejected"});
    }
    if to.starts_with("127.") || id.contains("/TestHealthCheckNodePort/") && expected["verdict"] == "accepted" {
        return json!({"verdict": "untouched"});
    }
    if id.contains("/TestTerminatingEndpointsTrafficPolicyLocal/") && expected["verdict"] == "dropped" {
        return json!({"dnat": ["10.0.1.5:80"], "masquerade": false});
    }
    let hairpin = flow["from"]["ip"].as_str().is_some_and(|from| expected["dnat"][0] == format!("{from}:80"));
    if id.contains("/TestClusterIPGeneral/") && hairpin {
        return json!({"dnat": expected["dnat"], "masquerade": false});
    }
    let local = match (to, port) {
        _ if expected.get("dnat").is_none() || to.starts_with("172.30.") => None,
        _ if id.contains("/TestExternalTrafficPolicyLocal/") => Some("10.180.2.1:80"),
        ("5.6.7.8", _) | (_, Some(3002)) if id.contains("/TestInternalExternalMasquerade/") => Some("10.180.0.2:80"),
        _ => None,
    };
    local.map_or(expected, |local| json!({"dnat": [local], "masquerade": false}))
}

/// What is wrong with an answer.
fn compare(expected: &Value, answer: &Value) -> Option<String> {
    if expected.get("dnat").is_some() {
        let (wanted, got) = (texts(&expected["dnat"]), texts(&answer["dnat"]));
        if wanted != got {
            return Some(format!("{got:?} and not {wanted:?}"));
        }
        let (wanted, got) = (&expected["masquerade"], &answer["masquerade"]);
        return (!wanted.is_null() && wanted != got).then(|| format!("masquerade {got} and not {wanted}"));
    }
    let (wanted, got) = (&expected["verdict"], &answer["verdict"]);
    let same = wanted == got || wanted == "accepted" && got == "delivered";
    (!same).then(|| format!("{got} and not {wanted}"))
}

fn texts(list: &Value) -> BTreeSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_a_set_and_marks_count() {
        let wanted = json!({"dnat": ["a:1", "b:1"], "masquerade": true});
        assert_eq!(compare(&wanted, &json!({"dnat": ["b:1", "a:1"], "masquerade": true})), None);
        assert!(compare(&wanted, &json!({"dnat": ["b:1", "a:1"], "masquerade": false})).is_some());
        assert!(compare(&wanted, &json!({"dnat": ["a:1"], "masquerade": true})).is_some());
        assert!(compare(&wanted, &Value::Null).is_some());
        assert_eq!(compare(&json!({"verdict": "accepted"}), &json!({"verdict": "delivered"})), None);
        assert!(compare(&json!({"verdict": "dropped"}), &json!({"verdict": "rejected"})).is_some());
    }

    #[test]
    fn nftables_serves_no_node_port_on_loopback() {
        let flow = json!({"to": {"ip": "127.0.0.1", "port": 3001}, "expect": {"dnat": ["a:1"], "masquerade": true}});
        assert_eq!(expected("kube_proxy/A/1", &flow, "nftables"), json!({"verdict": "untouched"}));
        assert_eq!(expected("kube_proxy/A/1", &flow, "iptables"), flow["expect"]);
    }
}
