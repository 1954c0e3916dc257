//! Random policies in tiers over the generated Pods: of cluster administrators, and Calico's own.

use crate::generate::push;
use crate::random::Random;

/// None to four of them, and a tier of Calico's.
pub fn add(yaml: &mut String, seed: u64) {
    let mut random = Random::new(seed, "tiers");
    if random.percent(50) {
        return;
    }
    let passes = if random.percent(50) { "Pass" } else { "Deny" };
    let order = *random.pick(&["500", "2000000"]).unwrap_or(&"500");
    push(
        yaml,
        &format!(
            "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: t}}\nspec: {{order: {order}, defaultAction: {passes}}}\n"
        ),
    );
    for n in 0..random.range(1, 4) {
        let text = if random.percent(50) { cluster(&mut random, n) } else { calico(&mut random, n) };
        push(yaml, &text);
    }
}

fn one_of<'t>(random: &mut Random, texts: &[&'t str]) -> &'t str {
    random.pick(texts).copied().unwrap_or("")
}

/// A ClusterNetworkPolicy.
fn cluster(random: &mut Random, n: u64) -> String {
    let tier = one_of(random, &["Admin", "Admin", "Baseline"]);
    let subject =
        one_of(random, &["namespaces: {}", "pods: {namespaceSelector: {}, podSelector: {matchLabels: {group: g0}}}"]);
    let [ingress, egress] = ["from", "to"].map(|list| {
        let rules: Vec<String> = (0..random.range(0, 2)).map(|_| cluster_rule(random, list)).collect();
        rules.join(", ")
    });
    format!(
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: c{n}}}\nspec:\n  tier: {tier}\n  \
         priority: {n}\n  subject: {{{subject}}}\n  ingress: [{ingress}]\n  egress: [{egress}]\n"
    )
}

fn cluster_rule(random: &mut Random, list: &str) -> String {
    let action = one_of(random, &["Accept", "Deny", "Pass"]);
    let mut peers = vec![
        "{namespaces: {}}",
        "{pods: {namespaceSelector: {}, podSelector: {matchLabels: {group: g1}}}}",
        "{pods: {namespaceSelector: {}, podSelector: {matchExpressions: [{key: group, operator: NotIn, values: [g0]}]}}}",
    ];
    if list == "to" {
        peers.extend([
            "{nodes: {}}",
            "{networks: [10.0.0.0/8]}",
            "{networks: [192.168.0.0/16, 172.16.0.0/12, \"fd00::/8\"]}",
        ]);
    }
    let peer = one_of(random, &peers);
    let protocols = one_of(
        random,
        &[
            "",
            "",
            ", protocols: [{tcp: {destinationPort: {number: 80}}}]",
            ", protocols: [{udp: {destinationPort: {range: {start: 1, end: 30000}}}}, {tcp: {destinationPort: {number: 6379}}}]",
        ],
    );
    format!("{{action: {action}, {list}: [{peer}]{protocols}}}")
}

/// A GlobalNetworkPolicy of the default tier or the other one.
fn calico(random: &mut Random, n: u64) -> String {
    let (name, tier) = if random.percent(50) { (format!("t.g{n}"), "t") } else { (format!("g{n}"), "default") };
    let selector =
        one_of(random, &["all()", "group == 'g0'", "group in {'g1', 'g2'} || !has(app)", "app contains 'a'"]);
    let order = one_of(random, &["", "  order: 10\n", "  order: 2000.5\n"]);
    let [ingress, egress] = ["source", "destination"].map(|peer| {
        let rules: Vec<String> = (0..random.range(0, 3)).map(|_| calico_rule(random, peer)).collect();
        rules.join(", ")
    });
    format!(
        "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: {name}}}\nspec:\n  tier: {tier}\n{order}  \
         selector: \"{selector}\"\n  ingress: [{ingress}]\n  egress: [{egress}]\n"
    )
}

fn calico_rule(random: &mut Random, peer: &str) -> String {
    let action = one_of(random, &["Allow", "Allow", "Deny", "Pass"]);
    let who = one_of(
        random,
        &[
            "",
            "selector: \"group == 'g1'\"",
            "notSelector: \"group == 'g0'\"",
            "namespaceSelector: all()",
            "nets: [10.0.0.0/8, 192.168.0.0/16], notNets: [10.128.0.0/9]",
        ],
    );
    let protocol = one_of(
        random,
        &["", "", "protocol: UDP", "notProtocol: TCP", "protocol: ICMP, icmp: {type: 8}", "protocol: 6"],
    );
    let parts = [format!("action: {action}"), format!("{peer}: {{{who}}}"), protocol.to_owned()];
    let parts: Vec<&String> = parts.iter().filter(|part| !part.is_empty() && !part.ends_with("{}")).collect();
    format!("{{{}}}", parts.iter().map(|part| part.as_str()).collect::<Vec<_>>().join(", "))
}
