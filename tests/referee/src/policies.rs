//! Random NetworkPolicies over the generated Pods.

use crate::generate::push;
use crate::random::Random;
use std::fmt::Write;

/// None to six of them: whom they select, whom they let in and out, by labels, namespaces, blocks of addresses and ports.
pub fn add(yaml: &mut String, seed: u64) {
    let mut random = Random::new(seed, "policies");
    for n in 0..random.range(0, 6) {
        let (ingress, egress) =
            *random.pick(&[(true, false), (true, false), (false, true), (true, true)]).unwrap_or(&(true, false));
        let types: Vec<&str> = [("Ingress", ingress), ("Egress", egress)]
            .iter()
            .filter(|(_, says)| *says)
            .map(|(name, _)| *name)
            .collect();
        let mut text =
            format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: p{n}\nspec:\n");
        let _ = writeln!(text, "  podSelector: {}\n  policyTypes: [{}]", selector(&mut random), types.join(", "));
        for (field, peers, says) in [("ingress", "from", ingress), ("egress", "to", egress)] {
            if says {
                rules(&mut text, &mut random, field, peers);
            }
        }
        push(yaml, &text);
    }
}

/// By the labels that generated Pods have; a fifth of them selects everything, some nothing.
fn selector(random: &mut Random) -> String {
    match random.range(0, 9) {
        0 | 1 => "{}".to_owned(),
        2 => "{matchLabels: {group: nobody}}".to_owned(),
        3 => "{matchExpressions: [{key: group, operator: NotIn, values: [g0]}]}".to_owned(),
        4 => "{matchExpressions: [{key: app, operator: Exists}]}".to_owned(),
        n => format!("{{matchLabels: {{group: g{}}}}}", n % 3),
    }
}

fn rules(text: &mut String, random: &mut Random, field: &str, peers: &str) {
    let count = random.range(0, 3);
    if count == 0 {
        let _ = writeln!(text, "  {field}: []");
        return;
    }
    let _ = writeln!(text, "  {field}:");
    for _ in 0..count {
        let (from, ports) = (peers_of(random), ports(random));
        let parts = [(peers, from.join(", ")), ("ports", ports.join(", "))];
        let parts: Vec<String> =
            parts.iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| format!("{name}: [{list}]")).collect();
        let _ = writeln!(text, "  - {{{}}}", parts.join(", "));
    }
}

fn peers_of(random: &mut Random) -> Vec<String> {
    let count = random.range(0, 3);
    let peer = |random: &mut Random| match random.range(0, 6) {
        0 => "{namespaceSelector: {}}".to_owned(),
        1 => "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}".to_owned(),
        2 => format!("{{namespaceSelector: {{}}, podSelector: {}}}", selector(random)),
        3 => {
            let blocks = [
                "{cidr: 0.0.0.0/0}",
                "{cidr: 0.0.0.0/0, except: [10.0.0.0/8, 192.168.0.0/16]}",
                "{cidr: 10.0.0.0/8, except: [10.128.0.0/9]}",
                "{cidr: 172.16.0.0/12}",
                "{cidr: \"::/0\", except: [\"fd00:77::/56\"]}",
                "{cidr: \"fd00::/8\"}",
            ];
            format!("{{ipBlock: {}}}", random.pick(&blocks).unwrap_or(&blocks[0]))
        }
        _ => format!("{{podSelector: {}}}", selector(random)),
    };
    (0..count).map(|_| peer(random)).collect()
}

fn ports(random: &mut Random) -> Vec<String> {
    let count = if random.percent(50) { 0 } else { random.range(1, 3) };
    let port = |random: &mut Random| match random.range(0, 5) {
        0 => "{port: 80}".to_owned(),
        1 => "{protocol: UDP}".to_owned(),
        2 => format!("{{protocol: UDP, port: {}, endPort: 30001}}", random.range(1_024, 20_000)),
        3 => format!("{{port: {}, endPort: 65535}}", random.range(1, 25_000)),
        4 => "{port: 6379}".to_owned(),
        _ => "{protocol: TCP}".to_owned(),
    };
    (0..count).map(|_| port(random)).collect()
}
